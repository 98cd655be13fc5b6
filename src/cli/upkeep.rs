//! `baosong verify`, `backup` and `restore`.

use super::Common;
use crate::daemon::restore;
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Backup {
    /// A directory of its own; a later backup into the same one copies what is new
    dest: PathBuf,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// Where `backup` wrote to
    source: PathBuf,
}

/// Ends with 1 where anything is wrong.
pub fn verify(common: &Common) -> Result<()> {
    let daemon = common.look()?;
    let verified = daemon.verify()?;
    for fault in &verified.faults {
        println!("wrong  {fault}");
    }
    let mut unexplained = 0;
    for line in daemon.store.ledger()? {
        unexplained += line.unexplained().abs();
        println!(
            "{}: server {} = reports {} + not reports {} + review {} + unreadable {}, unexplained {}",
            line.folder,
            line.server,
            line.reports,
            line.not_report,
            line.review,
            line.unreadable,
            line.unexplained()
        );
    }
    println!(
        "{} blobs read, {} wrong, {} that no row names",
        verified.blobs,
        verified.faults.len(),
        verified.unnamed
    );
    if !verified.faults.is_empty() || unexplained != 0 {
        bail!(
            "what is kept is not whole; restore it from a backup, or `reprocess` where only files of mails are missing"
        );
    }
    Ok(())
}

impl Backup {
    pub fn run(self, common: &Common) -> Result<()> {
        let done = common.look()?.back_up(&self.dest)?;
        println!(
            "{} blobs, {} of them new, and the database in {}",
            done.all,
            done.new,
            self.dest.display()
        );
        Ok(())
    }
}

impl Restore {
    pub fn run(self, common: &Common) -> Result<()> {
        let data_dir = common.data_dir(&common.config()?);
        let done = restore(&self.source, &data_dir)?;
        println!(
            "{} blobs and the database in {}",
            done.all,
            data_dir.display()
        );
        Ok(())
    }
}
