//! The whole campaign of 2022 in a minute: sample mails arrive in a stand-in for 163.com as a clock steps from
//! 25 April to 31 May, and the daemon polls, judges, keeps and writes its letters at every step.
//!
//! `cargo run --example demo`

#[path = "../tests/support/mod.rs"]
mod support;

use anyhow::{Context, Result, ensure};
use baosong::campaign::{CST, Moment, in_china};
use baosong::cli::table;
use baosong::config::{Config, Tls};
use baosong::daemon::Daemon;
use baosong::message;
use chrono::{NaiveDate, TimeDelta};
use indicatif::{ProgressBar, ProgressStyle};
use mail_parser::MessageParser;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use support::standin::{Accepted, Standin};

const MAILBOX: &str = "lnzjhdz@163.com";
const CODE: &str = "ABCDEFGHIJKLMNOP";
const STEP: TimeDelta = TimeDelta::minutes(30);

fn main() -> Result<ExitCode> {
    if let Some(code) = baosong::reader::run_if_asked() {
        return Ok(code);
    }
    campaign().map(|()| ExitCode::SUCCESS)
}

#[tokio::main]
async fn campaign() -> Result<()> {
    let dir =
        PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into())).join("demo");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    let server = Standin::start(MAILBOX, CODE).await;
    let mut daemon = Daemon::open(settings(&server, &dir)?, &dir.join("data"))?;
    let mails = sample_mails()?;
    println!(
        "{} sample mails, {} units; 25 April to 31 May 2022",
        mails.len(),
        daemon.roster().units().len()
    );
    let end = run(&server, &mut daemon, mails).await?;
    let letters = write_letters(&server.accepted(), &dir.join("letters"))?;
    println!("{}", table(&daemon.standings(end)?, daemon.campaign()));
    account(&daemon)?;
    println!(
        "{} digests and {} reminders to open: {}",
        letters.0,
        letters.1,
        dir.join("letters").display()
    );
    Ok(())
}

async fn run(
    server: &Standin,
    daemon: &mut Daemon,
    mut mails: VecDeque<(Moment, Vec<u8>)>,
) -> Result<Moment> {
    let (mut now, end) = (day(4, 25), day(6, 1));
    let steps = (end - now).num_minutes() / STEP.num_minutes();
    let bar = ProgressBar::new(steps as u64).with_style(ProgressStyle::with_template(
        "{msg} {wide_bar} {pos}/{len} {elapsed}",
    )?);
    while now < end {
        now += STEP;
        while let Some((arrival, raw)) = mails.pop_front_if(|(arrival, _)| *arrival <= now) {
            server.deliver("INBOX", &raw, arrival);
        }
        daemon.pass(now).await?;
        bar.set_message(now.format("%m-%d %H:%M").to_string());
        bar.inc(1);
    }
    bar.finish();
    ensure!(
        mails.is_empty(),
        "{} sample mails arrive after the campaign",
        mails.len()
    );
    Ok(now)
}

fn day(month: u32, day: u32) -> Moment {
    in_china(
        NaiveDate::from_ymd_opt(2022, month, day)
            .expect("a day")
            .and_hms_opt(0, 0, 0)
            .expect("midnight"),
    )
}

/// The sample mails in order of arrival.
fn sample_mails() -> Result<VecDeque<(Moment, Vec<u8>)>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaign");
    let mut mails = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "eml") {
            let raw = fs::read(&path)?;
            let arrival = message::received(&raw)
                .with_context(|| format!("{} has no Received", path.display()))?;
            mails.push((arrival.with_timezone(&CST), raw));
        }
    }
    mails.sort();
    Ok(mails.into())
}

fn settings(server: &Standin, dir: &Path) -> Result<Config> {
    let mut config = Config::default();
    let code = dir.join("authorization-code");
    fs::write(&code, CODE)?;
    let units = dir.join("units.toml");
    fs::write(&units, roster_with_addresses())?;
    config.units_file = Some(units);
    config.mailbox.host = "127.0.0.1".into();
    config.mailbox.port = server.imap_port();
    config.mailbox.tls = Tls::None;
    config.mailbox.password_file = code.clone();
    config.alarms.least_free_megabytes = 0;
    config.outgoing.host = "127.0.0.1".into();
    config.outgoing.port = server.smtp_port();
    config.outgoing.tls = Tls::None;
    config.outgoing.password_file = code;
    config.staff.digest_to = vec!["office@example.cn".into()];
    Ok(config)
}

/// The built-in roster, with an invented address for each unit.
fn roster_with_addresses() -> String {
    let mut number = 0;
    let mut lines = Vec::new();
    for line in include_str!("../config/units.toml").lines() {
        lines.push(line.to_owned());
        if line.starts_with("city = ") {
            number += 1;
            lines.push(format!("addresses = [\"unit{number:02}@example.cn\"]"));
        }
    }
    lines.join("\n")
}

/// Writes each letter's HTML; gives the numbers of digests and reminders.
fn write_letters(accepted: &[Accepted], dir: &Path) -> Result<(usize, usize)> {
    fs::create_dir_all(dir)?;
    let (mut digests, mut reminders) = (0, 0);
    for letter in accepted {
        let mail = MessageParser::default()
            .parse(&letter.data)
            .context("a letter cannot be read")?;
        let subject = mail.subject().unwrap_or_default();
        let kind = if letter.to == ["office@example.cn"] {
            &mut digests
        } else {
            &mut reminders
        };
        *kind += 1;
        let date = mail
            .date()
            .map_or(String::new(), |date| date.to_rfc3339()[..10].to_owned());
        let (subject, _) = subject.split_once(" [").unwrap_or((subject, ""));
        let safe = subject.replace(['/', '：', '，', ' '], "_");
        let shown = message::shown(&letter.data);
        fs::write(dir.join(format!("{date}_{safe}.html")), shown.html)?;
        for (name, bytes) in shown.files {
            fs::write(dir.join(format!("{date}_{name}")), bytes)?;
        }
    }
    Ok((digests, reminders))
}

/// Every mail on the server is explained.
fn account(daemon: &Daemon) -> Result<()> {
    let ledger = daemon.store.ledger()?;
    let inbox = ledger
        .iter()
        .find(|line| line.folder == "INBOX")
        .context("INBOX was never opened")?;
    println!(
        "INBOX holds {} = {} reports + {} not reports + {} in review + {} unreadable; unexplained {}",
        inbox.server,
        inbox.reports,
        inbox.not_report,
        inbox.review,
        inbox.unreadable,
        inbox.unexplained()
    );
    ensure!(
        ledger.iter().all(|line| line.unexplained() == 0),
        "a mail on the server is unexplained"
    );
    Ok(())
}
