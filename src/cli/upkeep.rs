//! `baosong verify`, `backup` and `restore`.

use super::Common;
use crate::daemon::{Daemon, Unlike, restore};
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Backup {
    /// A directory of its own; a later backup into the same one copies what is new. Of several campaigns each gets one
    /// in it
    dest: PathBuf,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// Where `backup` wrote to
    source: PathBuf,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Compare the rows with the mailbox too; nothing in it is changed
    #[arg(long)]
    server: bool,
}

impl Verify {
    /// Ends with 1 where anything is wrong.
    pub async fn run(&self, common: &Common) -> Result<()> {
        let daemon = common.look()?;
        let kept = verify(&daemon)?;
        let server = !self.server || unlike(&daemon.compare_with_server().await?);
        ensure!(
            kept,
            "what is kept is not whole; restore it from a backup, or `reprocess` where only files of mails are missing"
        );
        ensure!(server, "the mailbox holds mails that no row explains");
        Ok(())
    }
}

/// Prints what is wrong with what is kept; whether nothing is.
fn verify(daemon: &Daemon) -> Result<bool> {
    let verified = daemon.verify()?;
    for fault in &verified.faults {
        println!("wrong  {fault}");
    }
    for path in &verified.orphans {
        println!(
            "no row  {} is a mail; `import --orphans` takes it up",
            path.display()
        );
    }
    let mut unexplained = 0;
    for line in daemon.store.ledger()? {
        let unjudged = i64::from(line.unjudged);
        let left = line.unexplained() - unjudged;
        unexplained += left.abs();
        let unjudged = match unjudged {
            0 => String::new(),
            some => format!(" + {some} to be judged with the next pass"),
        };
        println!(
            "{}: server {} = reports {} + not reports {} + review {} + unreadable {}{unjudged}, unexplained {left}",
            line.folder, line.server, line.reports, line.not_report, line.review, line.unreadable
        );
    }
    println!(
        "{} blobs read, {} wrong, {} that no row names, {} removed by retention",
        verified.blobs,
        verified.faults.len(),
        verified.unnamed,
        verified.removed
    );
    let orphaned = !verified.orphans.is_empty() && !verified.beside_another;
    Ok(verified.faults.is_empty() && unexplained == 0 && !orphaned)
}

/// Prints how the server differs; whether every mail that was there at the last poll is explained.
fn unlike(folders: &[Unlike]) -> bool {
    for folder in folders {
        if let Some(refused) = &folder.refused {
            println!("wrong  {refused}");
            continue;
        }
        println!("{}: {} on the server", folder.folder, folder.server);
        for (what, uids) in [
            ("wrong  no row explains", &folder.unexplained),
            ("not polled yet", &folder.new),
            ("not on the server any more", &folder.gone),
        ] {
            if !uids.is_empty() {
                println!("{what}: {} UID {}", folder.folder, listed(uids));
            }
        }
    }
    folders
        .iter()
        .all(|folder| folder.unexplained.is_empty() && folder.refused.is_none())
}

fn listed(uids: &[u32]) -> String {
    let all: Vec<String> = uids.iter().map(u32::to_string).collect();
    all.join(" ")
}

/// Ends with 1 where mails stay missing.
pub async fn refetch(common: &Common) -> Result<()> {
    let done = common.daemon()?.refetch().await?;
    println!(
        "{} mails fetched again, {} read again for their files",
        done.mails, done.read_again
    );
    for mail in &done.missing {
        println!("missing  mail {mail}");
    }
    ensure!(done.missing.is_empty(), "no mailbox holds them any more");
    Ok(())
}

impl Backup {
    pub fn run(&self, common: &Common) -> Result<()> {
        let daemon = common.look()?;
        let dest = daemon.config().kept_in(&self.dest);
        let done = daemon.back_up(&dest)?;
        println!(
            "{} blobs, {} of them new, and the database in {}",
            done.all,
            done.new,
            dest.display()
        );
        Ok(())
    }
}

impl Restore {
    pub fn run(self, common: &Common) -> Result<()> {
        let config = common.config()?;
        let data_dir = common.data_dir(&config);
        let done = restore(&config.kept_in(&self.source), &data_dir)?;
        println!(
            "{} blobs and the database in {}",
            done.all,
            data_dir.display()
        );
        Ok(())
    }
}
