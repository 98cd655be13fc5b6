//! `baosong check`.

use super::Common;
use crate::config::Transport;
use crate::reader::{Drill, Reader, missing};
use crate::store::Remote;
use anyhow::Result;
use std::time::Duration;

pub async fn run(common: &Common) -> Result<()> {
    common.each(async |one| settings(one)).await?;
    reader()
}

fn settings(common: &Common) -> Result<()> {
    let config = common.config()?;
    let (campaign, roster) = (config.campaign()?, config.roster()?);
    println!(
        "settings   {}",
        common
            .config
            .as_ref()
            .map_or("built in".into(), |path| path.display().to_string())
    );
    println!("data       {}", common.data_dir(&config).display());
    println!(
        "campaign   {} {} to {}",
        campaign.title, campaign.first_day, campaign.last_day
    );
    println!("roster     {} units", roster.units().len());
    let lacking = roster.without_address();
    if !lacking.is_empty() {
        let first = lacking
            .iter()
            .take(4)
            .copied()
            .collect::<Vec<_>>()
            .join("、");
        println!(
            "warning    {} units have no address and will be telephoned: {first}…",
            lacking.len()
        );
    }
    if config.staff.digest_to.is_empty() {
        println!("warning    staff.digest_to is empty: nobody gets the digest");
    }
    let mailboxes = config.mailboxes();
    let files = mailboxes.map(|mailbox| ("mailbox", &mailbox.password_file));
    for (key, path) in files.chain([("outgoing", &config.outgoing.password_file)]) {
        if let Err(error) = crate::config::secret(path) {
            println!("warning    {key}.password_file: {error:#}");
        }
    }
    if config.outgoing.transport == Transport::Smtp && config.sending_mailbox().is_none() {
        println!(
            "warning    outgoing.user {} is no mailbox of the campaign: letters that come back are not noticed",
            config.outgoing.user
        );
    }
    match (
        &config.storage.url,
        Remote::open(&config.storage, &config.name),
    ) {
        (_, Err(error)) => println!("warning    the storage cannot be used: {error:#}"),
        (Some(url), Ok(_)) => println!("storage    {url}"),
        (None, Ok(_)) => {}
    }
    Ok(())
}

/// Which protections the reader has here, tried from inside.
fn reader() -> Result<()> {
    let spool = std::env::temp_dir();
    let mut reader = Reader::new("/proc/self/exe".into(), &spool, Duration::from_secs(10));
    let (landlock, seccomp) = reader.protections()?;
    println!(
        "reader     Landlock {landlock}, seccomp {seccomp}, limits of memory, CPU, files and processes"
    );
    for (drill, what) in [
        (Drill::OpenSocket, "open a socket"),
        (Drill::OpenFile, "open a file"),
        (Drill::StartProcess, "start a process"),
    ] {
        if reader.drill(drill)? == "done" {
            println!("warning    the reader can {what}: this kernel does not shut it in");
        }
    }
    for package in missing() {
        println!(
            "warning    not installed: {package}; what needs it stays unread or has a placeholder"
        );
    }
    Ok(())
}
