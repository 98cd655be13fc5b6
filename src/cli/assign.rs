//! `baosong assign`.

use super::{By, Common, corrections::outcome};
use crate::attribution::{Change, Kind};
use anyhow::{Result, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;

#[derive(Debug, Args)]
#[group(id = "said", multiple = true, required = true, args = ["unit", "day", "kind"])]
pub struct Assign {
    /// 12 for a mail, 12.2 for its second submission, s34 for the submission of that id, or a Message-ID
    target: String,
    /// The unit, by any of its names
    #[arg(long)]
    unit: Option<String>,
    /// The activity days, such as 5-24 or 5-24,5-25; - for none
    #[arg(long, allow_hyphen_values = true)]
    day: Option<String>,
    /// What it is
    #[arg(long, value_parser = PossibleValuesParser::new(["plan", "daily", "case", "summary", "statistics", "supplement"]))]
    kind: Option<String>,
    /// A name of the unit that the mail uses, to be known from now on
    #[arg(long, requires = "unit")]
    alias: Option<String>,
    /// Do not take the sender's address for the unit's
    #[arg(long)]
    no_learn: bool,
    #[command(flatten)]
    by: By,
}

impl Assign {
    pub fn run(self, common: &Common) -> Result<()> {
        let mut daemon = common.correcting()?;
        let target = daemon.target(&self.target)?;
        let change = Change::Assign {
            unit: self
                .unit
                .map(|name| daemon.unit_called(&name))
                .transpose()?,
            days: self
                .day
                .map(|words| daemon.days_called(&words))
                .transpose()?,
            kind: self.kind.as_deref().map(kind).transpose()?,
        };
        daemon.assign(
            target,
            change,
            self.alias.as_deref(),
            !self.no_learn,
            &self.by.by,
            common.now(),
        )?;
        outcome(&daemon, target.mail)
    }
}

fn kind(name: &str) -> Result<Kind> {
    Ok(match name {
        "plan" => Kind::Plan,
        "daily" => Kind::Daily,
        "case" => Kind::Case,
        "summary" => Kind::Summary,
        "statistics" => Kind::Statistics,
        "supplement" => Kind::Supplement,
        other => bail!("there is no kind {other}"),
    })
}
