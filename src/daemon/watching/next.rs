//! What leaves next, as everything stands.

use super::super::sending::quiet;
use super::super::{Daemon, Reminders};
use super::facts::Next;
use crate::campaign::{CST, Campaign, Moment, in_china};
use crate::outgoing::Rule;
use anyhow::Result;
use chrono::{Days, NaiveDate};

impl Daemon {
    /// The letters to come.
    pub(super) fn next(&self, now: Moment) -> Result<Next> {
        let campaign = &self.campaign;
        let digests = days_left(campaign, now).filter(|day| campaign.digest_on(*day));
        let mut digests = digests.map(|day| in_china(day.and_time(campaign.letters.digest_at)));
        let next = Next {
            digest: digests.find(|at| *at > now),
            quiet_until: quiet(&self.config.outgoing).end(now),
            ..Next::default()
        };
        if !self.config.outgoing.reminders {
            return Ok(next);
        }
        for day in days_left(campaign, now).filter(|day| reminds_on(campaign, *day)) {
            let at = in_china(day.and_time(campaign.letters.remind_at)).max(now);
            let reminders = self.reminders(at)?;
            let due = self.not_reminded_on(&reminders, day)?;
            if due > 0 {
                return Ok(Next {
                    reminders: Some(at),
                    due,
                    held: reminders.held.len(),
                    telephone: reminders.telephone.len(),
                    paused: reminders.paused.len(),
                    ..next
                });
            }
        }
        Ok(next)
    }

    fn not_reminded_on(&self, reminders: &Reminders, day: NaiveDate) -> Result<usize> {
        let mut count = 0;
        for due in &reminders.due {
            let rule = Rule::Reminder.as_str();
            count += usize::from(!self.store.has_letter(rule, &due.unit.name, day)?);
        }
        Ok(count)
    }
}

/// From the day of `now` to the last on which any letter leaves.
fn days_left(campaign: &Campaign, now: Moment) -> impl Iterator<Item = NaiveDate> + use<> {
    let last = campaign.summary.last_reminder();
    let last = last.max(campaign.summary.due + Days::new(1));
    let today = now.with_timezone(&CST).date_naive();
    today.iter_days().take_while(move |day| *day <= last)
}

/// Whether anything can be owed on a day.
fn reminds_on(campaign: &Campaign, day: NaiveDate) -> bool {
    (campaign.first_day..=campaign.summary.due).contains(&day)
        || campaign.plan.reminds_on(day)
        || campaign.summary.reminds_on(day)
}
