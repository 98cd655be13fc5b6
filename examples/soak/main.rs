//! Long runs of what the tests do once: seeded faults, and kills at random moments. Bounded, loopback only.
//!
//! `tests/soak [--minutes N | --seeds N] [--from SEED]`; a seed that fails is printed and replays with `--from SEED --seeds 1`.
//! `tests/soak --crashes N [--mails N]` kills the process (SIGKILL) at N random moments of taking mails in.

#[path = "../../tests/support/mod.rs"]
mod support;

mod crashes;
mod faults;

use anyhow::{Result, bail, ensure};
use baosong::daemon::Daemon;
use clap::Parser;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use support::settings::settings;

#[derive(Parser)]
struct Soak {
    /// Go on for so long
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// Or for so many seeds
    #[arg(long, value_name = "N", default_value_t = 20)]
    seeds: u64,
    /// Kill the process so many times instead
    #[arg(long, value_name = "N")]
    crashes: Option<usize>,
    /// Mails that arrive in the course of `--crashes`
    #[arg(long, value_name = "N", default_value_t = 2000)]
    mails: usize,
    /// First seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    from: u64,
    /// One pass over a directory, with the ports of IMAP and SMTP
    #[arg(long, hide = true, num_args = 3)]
    child: Option<Vec<String>>,
    /// A pass for each line of standard input
    #[arg(long, hide = true, num_args = 3)]
    serve: Option<Vec<String>>,
}

fn main() -> Result<ExitCode> {
    if let Some(code) = baosong::reader::run_if_asked() {
        return Ok(code);
    }
    soak(&Soak::parse()).map(|()| ExitCode::SUCCESS)
}

#[tokio::main]
async fn soak(arguments: &Soak) -> Result<()> {
    if let Some([dir, imap, smtp]) = arguments.child.as_deref() {
        return crashes::pass(Path::new(dir), (imap.parse()?, smtp.parse()?)).await;
    }
    if let Some([dir, imap, smtp]) = arguments.serve.as_deref() {
        return faults::serve(Path::new(dir), (imap.parse()?, smtp.parse()?)).await;
    }
    match arguments.crashes {
        Some(kills) => crashes::run(kills, arguments.mails, arguments.from).await,
        None => faults::run(arguments).await,
    }
}

fn open(dir: &Path, ports: (u16, u16)) -> Result<Daemon> {
    Daemon::open(settings(ports, dir), &dir.join("data"))
}

/// Every mail is kept once, every byte holds its hash, and the ledger closes.
fn check(daemon: &Daemon, delivered: usize) -> Result<()> {
    let mails = daemon.store.mails(None)?;
    let kept: BTreeSet<_> = mails
        .iter()
        .filter(|mail| mail.id.is_some())
        .map(|mail| &mail.message_id)
        .collect();
    ensure!(
        mails.len() == delivered && kept.len() == delivered,
        "{} rows, {} distinct mails kept of {delivered}",
        mails.len(),
        kept.len()
    );
    if let Some(fault) = daemon.verify()?.faults.first() {
        bail!("{fault}");
    }
    for line in daemon.store.ledger()? {
        let (folder, unexplained) = (&line.folder, line.unexplained());
        ensure!(
            unexplained == 0,
            "{folder}: {unexplained} mails unexplained"
        );
    }
    Ok(())
}
