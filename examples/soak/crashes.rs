//! SIGKILL at random moments of passes that take mails in and send letters.

use super::support::mail::{may, report};
use super::support::settings::{CODE, USER};
use super::support::standin::Standin;
use super::{check, open};
use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Kills children that take mails in, again and again; what is kept must be whole in the end.
pub async fn run(kills: usize, mails: usize, seed: u64) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir()?;
    let server = Standin::start(USER, CODE).await;
    let mut longest = Duration::from_millis(200);
    let (mut delivered, mut killed) = (0, 0);
    while killed < kills {
        let due = mails * (killed + 1) / kills;
        for n in std::mem::replace(&mut delivered, due)..due {
            let raw = report(&format!("m{n}"), "丹东市教育局", 23 + n as u32 % 7);
            let at = may(24, 8, 0) + TimeDelta::seconds(n as i64);
            server.deliver("INBOX", &raw, at);
        }
        let begin = Instant::now();
        let mut child = child(dir.path(), &server)?;
        let moment = Duration::from_micros(rng.random_range(0..longest.as_micros() as u64));
        tokio::time::sleep(moment).await;
        child.start_kill().context("cannot kill the child")?;
        match child.wait().await?.success() {
            // It was done before: the next is killed earlier, so that the moments keep falling into the pass.
            true => longest = (begin.elapsed() * 9 / 10).max(Duration::from_millis(20)),
            false => {
                killed += 1;
                longest += Duration::from_millis(2);
            }
        }
    }
    let last = child(dir.path(), &server)?.wait().await?;
    ensure!(last.success(), "the pass after all kills failed");
    check(&open(dir.path(), server.ports())?, delivered)?;
    let letters = letters_by_id(&server);
    ensure!(
        letters.len() == 1,
        "one digest is due, {} left",
        letters.len()
    );
    println!(
        "{killed} passes killed, {delivered} mails kept once, every hash holds, the ledger closes; \
         the digest left under one Message-ID ({} times)",
        letters.values().sum::<usize>()
    );
    Ok(())
}

/// How often each letter of ours was taken.
fn letters_by_id(server: &Standin) -> BTreeMap<String, usize> {
    let mut letters = BTreeMap::new();
    for letter in server.accepted() {
        let text = String::from_utf8_lossy(&letter.data).into_owned();
        let id = text.lines().find(|line| line.starts_with("Message-ID"));
        *letters
            .entry(id.unwrap_or_default().to_owned())
            .or_default() += 1;
    }
    letters
}

fn child(dir: &Path, server: &Standin) -> Result<tokio::process::Child> {
    let (imap, smtp) = server.ports();
    let child = tokio::process::Command::new(std::env::current_exe()?)
        .arg("--child")
        .arg(dir)
        .args([imap.to_string(), smtp.to_string()])
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

/// What a child does.
pub async fn pass(dir: &Path, ports: (u16, u16)) -> Result<()> {
    open(dir, ports)?.pass(may(24, 10, 30)).await
}
