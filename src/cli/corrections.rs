//! `baosong ignore`, `split`, `merge`, `revoke` and `corrections`.

use super::{By, Common, mails::summary};
use crate::daemon::Daemon;
use crate::store::CorrectionRow;
use anyhow::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Ignore {
    /// 12 for a mail, 12.2 for its second submission, s34 for the submission of that id, or a Message-ID
    target: String,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
pub struct Split {
    /// 12 for a mail, 12.2 for its second submission, s34 for the submission of that id, or a Message-ID
    target: String,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
pub struct Merge {
    /// One submission; a mail stands for its only one
    one: String,
    /// The other
    other: String,
    #[command(flatten)]
    by: By,
}

#[derive(Debug, Args)]
pub struct Revoke {
    /// Number of the correction, as `corrections` lists it
    correction: i64,
    #[command(flatten)]
    by: By,
}

impl Ignore {
    pub fn run(self, common: &Common) -> Result<()> {
        let mut daemon = common.correcting()?;
        let target = daemon.target(&self.target)?;
        daemon.ignore(target, &self.by.by, common.now())?;
        outcome(&daemon, target.mail)
    }
}

impl Split {
    pub fn run(self, common: &Common) -> Result<()> {
        let mut daemon = common.correcting()?;
        let target = daemon.target(&self.target)?;
        daemon.split(target, &self.by.by, common.now())?;
        outcome(&daemon, target.mail)
    }
}

impl Merge {
    pub fn run(self, common: &Common) -> Result<()> {
        let mut daemon = common.correcting()?;
        let (one, other) = (daemon.target(&self.one)?, daemon.target(&self.other)?);
        daemon.merge(one, other, &self.by.by, common.now())?;
        outcome(&daemon, one.mail)?;
        if one.mail != other.mail {
            outcome(&daemon, other.mail)?;
        }
        Ok(())
    }
}

impl Revoke {
    pub fn run(self, common: &Common) -> Result<()> {
        let mut daemon = common.correcting()?;
        let known = daemon.store.corrections()?;
        daemon.revoke(self.correction, &self.by.by, common.now())?;
        let mail = known
            .into_iter()
            .find(|row| row.id == self.correction)
            .and_then(|row| row.mail);
        mail.map_or(Ok(()), |mail| outcome(&daemon, mail))
    }
}

/// What a mail has come to.
pub fn outcome(daemon: &Daemon, mail: i64) -> Result<()> {
    if !daemon.is_alone() {
        println!("{mail}: kept; the daemon that works on these data judges it with its next pass");
    } else if let Some(row) = daemon.store.mail(mail)? {
        println!("{}", summary(&row, &daemon.store.submissions_of(mail)?));
    }
    Ok(())
}

pub fn list(common: &Common) -> Result<()> {
    let daemon = common.look()?;
    for row in daemon.store.corrections()? {
        println!("{}", line(&row));
    }
    for row in daemon.store.decisions()? {
        println!(
            "-  {}  {}  {}",
            row.at.format("%m-%d %H:%M"),
            row.by,
            row.what
        );
    }
    Ok(())
}

/// For a person: number, when, who, of what, what, and whether it was taken back.
pub fn line(row: &CorrectionRow) -> String {
    let place = row
        .ordinal
        .map(|ordinal| format!(".{}", ordinal + 1))
        .unwrap_or_default();
    let mail = row.mail.map_or("-".into(), |mail| mail.to_string());
    let revoked = match &row.revoked {
        Some((by, at)) => format!("（{by} {}撤回）", at.format("%m-%d %H:%M")),
        None => String::new(),
    };
    format!(
        "#{}  {}  {}  {mail}{place}  {}  {}{revoked}",
        row.id,
        row.at.format("%m-%d %H:%M"),
        row.by,
        row.change.chinese(),
        row.subject
    )
}
