//! A stand-in for 163.com on loopback, to try an installation without the real mailbox: it holds the sample mails of the
//! campaign of 2022 and takes letters, which it writes into a folder. It runs until it is killed.
//!
//! `cargo run --example standin -- FOLDER [UNTIL]`, UNTIL such as 2022-05-26T10:00:00+08:00: mails that arrive later are
//! left out. Prints the settings that lead to it.

#[path = "../tests/support/mod.rs"]
mod support;

use anyhow::{Context, Result};
use baosong::campaign::Moment;
use baosong::message;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::settings::{CODE, USER};
use support::standin::Standin;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("name a folder for the letters")?);
    let until = arguments
        .next()
        .map(|time| Moment::parse_from_rfc3339(&time))
        .transpose()
        .context("a moment such as 2022-05-26T10:00:00+08:00")?;
    fs::create_dir_all(&folder)?;
    let server = Standin::start(USER, CODE).await;
    let held = fill(&server, until)?;
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
        let accepted = server.accepted();
        for letter in &accepted[written..] {
            written += 1;
            let name = format!("{written:03}-{}.eml", letter.to.join(","));
            fs::write(folder.join(name), &letter.data)?;
        }
    }
}

/// Puts the sample mails into INBOX; gives their number.
fn fill(server: &Standin, until: Option<Moment>) -> Result<usize> {
    let mut mails = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaign"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "eml") {
            let raw = fs::read(&path)?;
            let arrival = message::received(&raw)
                .with_context(|| format!("{} has no Received", path.display()))?;
            mails.push((arrival, raw));
        }
    }
    mails.retain(|(arrival, _)| until.is_none_or(|until| *arrival <= until));
    mails.sort();
    for (arrival, raw) in &mails {
        server.deliver("INBOX", raw, *arrival);
    }
    Ok(mails.len())
}
