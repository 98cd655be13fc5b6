//! `baosong import`.

use super::Common;
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Import {
    /// Files of mails, mboxes, Maildirs, or directories that hold such
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

impl Import {
    pub fn run(self, common: &Common) -> Result<()> {
        let imported = common.daemon()?.import(&self.paths)?;
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
