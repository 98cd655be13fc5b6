//! `baosong star` and `unstar`: the shortlist (遴选).

use super::{By, Common};
use anyhow::{Result, ensure};
use clap::Args;

#[derive(Debug, Args)]
pub struct Star {
    /// 12 for a mail, 12.2 for its second submission, s34 for the submission of that id, or a Message-ID
    target: String,
    #[command(flatten)]
    by: By,
}

impl Star {
    pub fn run(self, common: &Common, starred: bool) -> Result<()> {
        let mut daemon = common.correcting()?;
        let target = daemon.target(&self.target)?;
        let chosen = daemon.star(target, starred, &self.by.by, common.now())?;
        ensure!(chosen > 0, "{} holds no report", self.target);
        Ok(())
    }
}
