//! `baosong pack`.

use super::Common;
use crate::daemon::Choice;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("choice").required(true).args(["starred", "all"])))]
pub struct Pack {
    /// The shortlist (遴选) only
    #[arg(long)]
    starred: bool,
    /// The latest version of every report
    #[arg(long)]
    all: bool,
    /// A new or empty directory
    dir: PathBuf,
}

impl Pack {
    pub fn run(self, common: &Common) -> Result<()> {
        let choice = if self.starred {
            Choice::Starred
        } else {
            Choice::All
        };
        let count = common.look()?.pack(choice, &self.dir, common.now())?;
        println!("{count} reports in {}", self.dir.display());
        Ok(())
    }
}
