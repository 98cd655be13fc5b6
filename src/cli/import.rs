//! `baosong import`.

use super::Common;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct Import {
    /// .eml files, Maildirs, mboxes, or directories that hold such
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

impl Import {
    pub fn run(self, common: &Common) -> Result<()> {
        let new = common.daemon()?.import(&self.paths)?;
        eprintln!("{new} new mails");
        Ok(())
    }
}
