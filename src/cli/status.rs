//! `baosong status`.

use super::Common;
use crate::daemon::{Facts, status_words, wrong};
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

#[derive(Debug, Args)]
pub struct Status {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// The public shape of `status --json`.
#[derive(Serialize)]
struct Report<'a> {
    /// Of several campaigns.
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    /// What `baosong health` finds wrong.
    wrong: &'a [String],
    #[serde(flatten)]
    facts: &'a Facts,
}

impl Status {
    /// Ends with 1 where the database cannot be used. Of several campaigns, an object a line.
    pub async fn run(self, common: &Common) -> Result<()> {
        let heads = !self.json;
        common.each_below(heads, async |one| self.of(one)).await
    }

    fn of(&self, common: &Common) -> Result<()> {
        let config = common.config()?;
        let data_dir = common.data_dir(&config);
        let name = config.name.clone();
        let facts = Facts::whole(config, &data_dir, common.now())?;
        let wrong = wrong(&facts);
        if self.json {
            let report = Report {
                name: &name,
                wrong: &wrong,
                facts: &facts,
            };
            println!("{}", serde_json::to_string(&report)?);
        } else {
            print!("{}", status_words(&facts, &wrong));
        }
        match facts.database.error {
            Some(error) => bail!(error),
            None => Ok(()),
        }
    }
}
