//! `baosong import`.

use super::Common;
use crate::daemon::Daemon;
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Import {
    /// Files of mails, mboxes, Maildirs, or directories that hold such
    #[arg(required_unless_present = "orphans")]
    paths: Vec<PathBuf>,
    /// Mails of the data directory itself that no row names: all of them, where the database was lost
    #[arg(long)]
    orphans: bool,
}

impl Import {
    pub fn run(self, common: &Common) -> Result<()> {
        let config = common.config()?;
        let data_dir = common.data_dir(&config);
        let imported = if self.orphans {
            ensure!(self.paths.is_empty(), "--orphans takes no paths");
            Daemon::open_anew(config, &data_dir)?.take_up()?
        } else {
            Daemon::open(config, &data_dir)?.import(&self.paths)?
        };
        eprintln!("{} new mails", imported.new);
        if imported.passed_over > 0 {
            eprintln!(
                "{} files passed over: they are no mails",
                imported.passed_over
            );
        }
        ensure!(
            imported.failed.is_empty(),
            "{} files were not taken in:\n{}",
            imported.failed.len(),
            imported.failed.join("\n")
        );
        Ok(())
    }
}
