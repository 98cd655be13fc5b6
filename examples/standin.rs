//! A stand-in for 163.com on loopback, to try an installation without the real mailbox: it holds the sample mails of the
//! campaign of 2022 and takes letters, which it writes into a folder. It runs until it is killed.
//!
//! `cargo run --example standin -- LETTERS [MAILS…]`: LETTERS is the folder for the letters, MAILS are folders of `.eml`
//! files, examples/campaign where none is named. Prints the settings that lead to it.

#[path = "../tests/support/mod.rs"]
mod support;

use anyhow::{Context, Result};
use baosong::message;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use support::settings::{CODE, USER};
use support::standin::Standin;

const CAMPAIGN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/campaign");

#[tokio::main]
async fn main() -> Result<()> {
    let mut folders: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    anyhow::ensure!(!folders.is_empty(), "name a folder for the letters");
    let letters = folders.remove(0);
    if folders.is_empty() {
        folders.push(CAMPAIGN.into());
    }
    fs::create_dir_all(&letters)?;
    let server = Standin::start(USER, CODE).await;
    let held = fill(&server, &folders)?;
    let (imap, smtp) = server.ports();
    println!("# {held} mails; the authorization code is {CODE}");
    for (section, port) in [("mailbox", imap), ("outgoing", smtp)] {
        println!(
            "[{section}]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nuser = \"{USER}\""
        );
    }
    let mut written = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for letter in server.accepted().iter().skip(written) {
            written += 1;
            let name = format!("{written:03}-{}.eml", letter.to.join(","));
            fs::write(letters.join(name), &letter.data)?;
        }
    }
}

/// Puts the mails into INBOX in order of arrival; gives their number.
fn fill(server: &Standin, folders: &[PathBuf]) -> Result<usize> {
    let mut mails = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "eml") {
                let raw = fs::read(&path)?;
                let arrival = message::received(&raw)
                    .with_context(|| format!("{} has no Received", path.display()))?;
                mails.push((arrival, raw));
            }
        }
    }
    mails.sort();
    for (arrival, raw) in &mails {
        server.deliver("INBOX", raw, *arrival);
    }
    Ok(mails.len())
}
