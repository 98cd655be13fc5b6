//! What staff decide besides corrections: whom to spare, what to choose. Each is on record with who and when.

use super::{Daemon, Target};
use crate::campaign::Moment;
use anyhow::Result;

impl Daemon {
    /// Stops the reminders to a unit, or to all where it is empty.
    pub fn pause(&mut self, unit: &str, by: &str, at: Moment) -> Result<()> {
        self.store.pause(unit, by, at)?;
        let what = format!("暂停对{}的提醒", whom(unit));
        self.store.decided(&what, by, at)
    }

    /// Lets reminders go out again; `false` where they were not stopped.
    pub fn resume(&mut self, unit: &str, by: &str, at: Moment) -> Result<bool> {
        let was = self.store.resume(unit)?;
        if was {
            let what = format!("恢复对{}的提醒", whom(unit));
            self.store.decided(&what, by, at)?;
        }
        Ok(was)
    }

    /// Notes that the files behind a mail's links were saved.
    pub fn links_opened(&mut self, target: Target, by: &str, at: Moment) -> Result<()> {
        self.store.links_opened(target.mail, by, at)?;
        let what = format!("邮件{}的链接已下载", target.mail);
        self.store.decided(&what, by, at)
    }

    /// Puts the submissions that a target names on the shortlist (遴选), or takes them off. Gives their number.
    pub fn star(&mut self, target: Target, starred: bool, by: &str, at: Moment) -> Result<usize> {
        let mut rows = self.store.submissions_of(target.mail)?;
        rows.retain(|row| target.ordinal.is_none_or(|ordinal| ordinal == row.ordinal));
        for row in &rows {
            self.store.star(target.mail, row.ordinal, starred, by, at)?;
            let verb = if starred { "列入" } else { "移出" };
            let what = format!(
                "{}“{}”（邮件{}.{}）{verb}遴选名单",
                row.fact.unit,
                row.title,
                target.mail,
                row.ordinal + 1
            );
            self.store.decided(&what, by, at)?;
        }
        Ok(rows.len())
    }
}

/// A unit's name, or 所有单位.
pub(super) fn whom(unit: &str) -> &str {
    if unit.is_empty() {
        "所有单位"
    } else {
        unit
    }
}
