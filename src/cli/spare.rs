//! `baosong pause`, `resume` and `opened`: whom reminders leave alone.

use super::{By, Common};
use anyhow::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Pause {
    /// The unit, by any of its names; all units where none is named
    unit: Option<String>,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
pub struct Opened {
    /// 12 for a mail, or its Message-ID
    mail: String,
    #[command(flatten)]
    by: By,
}

impl Pause {
    pub fn pause(self, common: &Common) -> Result<()> {
        let mut daemon = common.correcting()?;
        let unit = self
            .unit
            .map_or(Ok(String::new()), |name| daemon.unit_called(&name))?;
        daemon.pause(&unit, &self.by.by, common.now())
    }

    pub fn resume(self, common: &Common) -> Result<()> {
        let mut daemon = common.correcting()?;
        let unit = self
            .unit
            .map_or(Ok(String::new()), |name| daemon.unit_called(&name))?;
        if !daemon.resume(&unit, &self.by.by, common.now())? {
            println!(
                "not paused; paused are: {}",
                daemon.store.pauses()?.join("、")
            );
        }
        Ok(())
    }
}

impl Opened {
    pub fn run(self, common: &Common) -> Result<()> {
        let mut daemon = common.correcting()?;
        let target = daemon.target(&self.mail)?;
        daemon.links_opened(target, &self.by.by, common.now())
    }
}
