//! Who is to be reminded, and who is spared, held or telephoned instead.

use super::Daemon;
use crate::campaign::Moment;
use crate::roster::Unit;
use crate::standing::{Owing, Standing, owing, standings};
use crate::store::LessonKind;
use anyhow::Result;
use std::collections::BTreeSet;

/// A unit to be reminded, and of what.
#[derive(Debug, Clone)]
pub struct Due<'a> {
    /// Whom.
    pub unit: &'a Unit,
    /// How it stands.
    pub standing: Standing,
    /// What it owes.
    pub owing: Owing,
    /// Where a letter reaches it, as far as is known: the roster's first, then those that staff gave.
    pub address: Option<String>,
}

/// The units that are behind on a day, by what is done about them.
#[derive(Debug, Clone, Default)]
pub struct Reminders<'a> {
    /// Get a letter.
    pub due: Vec<Due<'a>>,
    /// May have reported: a mail that names them waits for a person.
    pub held: Vec<Due<'a>>,
    /// Have no address that letters reach, or had their share of letters: staff telephone.
    pub telephone: Vec<Due<'a>>,
    /// Staff said to leave them alone.
    pub paused: Vec<Due<'a>>,
}

impl Daemon {
    /// How every unit stands.
    pub fn standings(&self, now: Moment) -> Result<Vec<Standing>> {
        Ok(standings(&self.roster, &self.campaign, &self.facts()?, now))
    }

    /// Who is to be reminded at `now`, whatever was sent already.
    pub fn reminders(&self, now: Moment) -> Result<Reminders<'_>> {
        self.reminders_among(&self.standings(now)?, now)
    }

    /// The same, where the standings at `now` are at hand.
    pub(super) fn reminders_among(
        &self,
        standings: &[Standing],
        now: Moment,
    ) -> Result<Reminders<'_>> {
        let mut doubtful = self.doubtful(now)?;
        // Reports may lie behind links that nobody has saved yet.
        doubtful.extend(self.open_links(now)?.into_iter().map(|(unit, _)| unit));
        let (bad, pauses) = (self.store.bad_addresses()?, self.store.pauses()?);
        let mut lessons = self.store.lessons()?;
        lessons.retain(|l| l.what == LessonKind::Address && l.holds && l.said_by.is_some());
        let mut reminders = Reminders::default();
        for standing in standings {
            let owing = owing(standing, &self.campaign, now);
            let Some(unit) = self
                .roster
                .unit(&standing.unit)
                .filter(|_| !owing.is_empty())
            else {
                continue;
            };
            let taught = lessons.iter().filter(|lesson| lesson.unit == unit.name);
            let all = unit
                .addresses
                .iter()
                .map(|contact| &contact.address)
                .chain(taught.map(|lesson| &lesson.value));
            let mut reached = all.filter(|address| !bad.contains_key(&address.to_lowercase()));
            let due = Due {
                unit,
                standing: standing.clone(),
                owing,
                address: reached.next().cloned(),
            };
            let list = if pauses
                .iter()
                .any(|paused| paused.is_empty() || *paused == unit.name)
            {
                &mut reminders.paused
            } else if doubtful.contains(&unit.name) {
                &mut reminders.held
            } else if due.address.is_none() || self.has_had_its_share(&due)? {
                &mut reminders.telephone
            } else {
                &mut reminders.due
            };
            list.push(due);
        }
        Ok(reminders)
    }

    /// Units that a mail in review or unreadable may be from: they may have delivered.
    fn doubtful(&self, now: Moment) -> Result<BTreeSet<String>> {
        use crate::attribution::Outcome::{Review, Unreadable};
        let mails = self.store.mails_not_taken(now)?.into_iter();
        let open = mails.filter(|mail| matches!(mail.outcome, Some(Review | Unreadable) | None));
        Ok(open.flat_map(|mail| mail.candidates).collect())
    }

    /// No unit gets more reminders in a campaign than the settings allow.
    fn has_had_its_share(&self, due: &Due) -> Result<bool> {
        let (sent, _) = self
            .store
            .sent_to(&due.unit.name, due.address.as_deref().unwrap_or_default())?;
        Ok(sent >= self.config.outgoing.reminders_in_all)
    }
}
