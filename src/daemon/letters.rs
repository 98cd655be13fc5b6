//! Deciding on letters: each is a row of the queue first. What came back is tied to its row.

use super::{Daemon, Due};
use crate::campaign::{CST, Moment};
use crate::outgoing::{Rule, about_alarm};
use crate::store::{Alarm, NewLetter};
use anyhow::Result;
use chrono::NaiveDate;
use tracing::{info, warn};

impl Daemon {
    /// Queues the letters whose time has come; reminders only on facts that were just polled.
    pub fn decide(&mut self, now: Moment) -> Result<usize> {
        let today = now.with_timezone(&CST).date_naive();
        let time = now.with_timezone(&CST).time();
        let mut queued = 0;
        if self.campaign.digest_on(today) && time >= self.campaign.letters.digest_at {
            for to in self.config.staff.digest_to.clone() {
                if !self.store.has_letter(Rule::Digest.as_str(), &to, today)? {
                    queued += usize::from(self.queue(Rule::Digest, &to, &to, today, now)?);
                }
            }
        }
        if self.config.outgoing.receipts {
            queued += self.queue_receipts(now)?;
        }
        let polled = self.store.polled_at()?;
        let polled = polled.is_some_and(|polled| polled.timestamp() == now.timestamp());
        if polled && self.config.outgoing.reminders && time >= self.campaign.letters.remind_at {
            queued += self.queue_new_reminders(now)?;
        }
        Ok(queued)
    }

    /// Who is due changes with what is kept, and with the hours.
    fn queue_new_reminders(&mut self, now: Moment) -> Result<usize> {
        let hour = now.timestamp() / 3600;
        if self.reminded == Some((hour, self.store.version()?)) {
            return Ok(0);
        }
        let queued = self.queue_reminders(now)?;
        self.reminded = Some((hour, self.store.version()?));
        Ok(queued)
    }

    /// Queues a reminder to every unit that is due one and has had none today.
    pub fn queue_reminders(&mut self, now: Moment) -> Result<usize> {
        let reminders = self.reminders(now)?;
        let letters = reminders.due.iter().map(|due| {
            (
                due.unit.name.clone(),
                due.address.clone().unwrap_or_default(),
            )
        });
        let letters: Vec<_> = letters.collect();
        let spared = [
            (
                "a mail or link that may be theirs is open",
                names(&reminders.held),
            ),
            (
                "no address that letters reach, or enough letters",
                names(&reminders.telephone),
            ),
            ("paused by staff", names(&reminders.paused)),
        ];
        self.tell_spared(spared, now);
        let today = now.with_timezone(&CST).date_naive();
        let mut queued = 0;
        for (unit, to) in letters {
            queued += usize::from(self.queue(Rule::Reminder, &unit, &to, today, now)?);
        }
        Ok(queued)
    }

    /// Tells of units that are behind and get no letter, once a day.
    fn tell_spared(&mut self, spared: [(&str, Vec<String>); 3], now: Moment) {
        for (why, mut units) in spared {
            units.retain(|unit| self.said.is_news(unit, why, now));
            if !units.is_empty() {
                info!(
                    why,
                    count = units.len(),
                    units = units.join(" "),
                    "reminders held back"
                );
            }
        }
    }

    /// A row without words: they are written when the letter leaves.
    pub(super) fn queue(
        &mut self,
        rule: Rule,
        about: &str,
        to: &str,
        day: NaiveDate,
        now: Moment,
    ) -> Result<bool> {
        let domain = self
            .config
            .outgoing
            .user
            .rsplit('@')
            .next()
            .unwrap_or("localhost");
        let new = NewLetter {
            rule: rule.as_str(),
            about,
            day,
            recipient: to,
            message_id: &format!("{:032x}@{domain}", rand::random::<u128>()),
        };
        let is_new = self.store.queue_letter(&new, now)?;
        if is_new {
            info!(rule = new.rule, about, %day, "letter queued");
        }
        Ok(is_new)
    }

    /// The letters to staff of an alarm's beginning or end.
    pub(super) fn queue_alarm(&mut self, alarm: &Alarm, now: Moment) -> Result<()> {
        let day = now.with_timezone(&CST).date_naive();
        for to in self.config.staff.digest_to.clone() {
            self.queue(Rule::Alarm, &about_alarm(alarm, &to), &to, day, now)?;
        }
        Ok(())
    }

    /// Ties bounces to the letters that came back; an address that is no more moves its unit to the telephone list.
    pub fn note_bounces(&mut self, now: Moment) -> Result<()> {
        for returned in self.store.note_bounces(now)? {
            warn!(rule = returned.rule, about = returned.about, fault = ?returned.bounce.fault, "letter came back");
        }
        Ok(())
    }
}

fn names(due: &[Due]) -> Vec<String> {
    due.iter().map(|due| due.unit.name.clone()).collect()
}
