//! Receipts: which mails are answered, and with what.

use super::Daemon;
use super::sending::{CROWDED, Prospect};
use crate::attribution::Outcome;
use crate::campaign::Moment;
use crate::outgoing::{Letter, ReceiptFacts, Received, Rule, day_of_receipt, receipt};
use crate::standing::{Chain, quota};
use crate::store::{Fact, LetterRow, MailRow, SubmissionRow};
use anyhow::{Context, Result};
use chrono::TimeDelta;

/// A mail is answered within a day of its arrival, or not at all.
const WITHIN: TimeDelta = TimeDelta::hours(24);

impl Daemon {
    /// Queues a receipt for every mail of the last day that was taken as a report and that a person sent.
    pub(super) fn queue_receipts(&mut self, now: Moment) -> Result<usize> {
        let mut queued = 0;
        for mail in self.store.mails(Some(now - WITHIN))? {
            let Some(id) = mail
                .id
                .filter(|_| mail.outcome == Some(Outcome::Reports) && mail.received_at <= now)
            else {
                continue;
            };
            let day = day_of_receipt(mail.received_at);
            let known = self
                .store
                .has_letter(Rule::Receipt.as_str(), &id.to_string(), day)?;
            if !known && self.may_be_answered(id, &mail)? {
                queued += usize::from(self.queue(
                    Rule::Receipt,
                    &id.to_string(),
                    &mail.from,
                    day,
                    now,
                )?);
            }
        }
        Ok(queued)
    }

    /// Never a machine, a letter of ours that comes back, ourselves, staff, a forged or a dead address.
    fn may_be_answered(&self, id: i64, mail: &MailRow) -> Result<bool> {
        let content = self.store.content(id)?.unwrap_or_default();
        let ours = self.config.mailboxes().map(|mailbox| &mailbox.user);
        let own = ours
            .chain([&self.config.outgoing.user])
            .chain(&self.config.staff.digest_to)
            .any(|own| own.eq_ignore_ascii_case(&mail.from));
        let dead = self
            .store
            .bad_addresses()?
            .contains_key(&mail.from.to_lowercase());
        let returned = mail
            .message_id
            .as_deref()
            .map_or(Ok(false), |id| self.store.is_our_letter(id))?;
        Ok(content.automatic.is_empty()
            && !content.unanswerable
            && !returned
            && content.doubled.is_empty()
            && mail.from.contains('@')
            && !own
            && !dead)
    }

    /// A receipt is of use for a day, and only while the mail still stands as a report.
    pub(super) fn prospect_of_receipt(&self, letter: &LetterRow, now: Moment) -> Result<Prospect> {
        let mail = self
            .store
            .mail(letter.about.parse()?)?
            .context("the mail of a receipt is kept")?;
        Ok(if now - mail.received_at > WITHIN {
            Prospect::Past("已过时效")
        } else if mail.outcome != Some(Outcome::Reports) {
            Prospect::Past("该邮件已不作为报送")
        } else if self.is_crowded(letter, now)? {
            Prospect::Waits(CROWDED)
        } else {
            Prospect::Leaves
        })
    }

    pub(super) fn receipt(&self, id: i64, to: &str, now: Moment) -> Result<Letter> {
        let mail = self
            .store
            .mail(id)?
            .context("the mail of a receipt is kept")?;
        let (rows, all) = (self.store.submissions_of(id)?, self.facts()?);
        let facts = ReceiptFacts {
            campaign: &self.campaign.title,
            mail: id,
            message_id: mail.message_id.as_deref(),
            subject: &mail.subject,
            arrived: mail.received_at,
            reports: rows
                .iter()
                .map(|row| self.received(row, &all))
                .collect::<Result<_>>()?,
            contact: &self.config.outgoing.contact,
        };
        self.written(|templates| receipt(templates, &facts, to, now))
    }

    fn received<'a>(&self, row: &'a SubmissionRow, all: &[Fact]) -> Result<Received<'a>> {
        let chains = Chain::all(all.iter().filter(|fact| fact.unit == row.fact.unit));
        let counted: Vec<i64> = chains
            .iter()
            .filter_map(|chain| chain.counted(&self.campaign))
            .map(|fact| fact.id)
            .collect();
        let place = counted.iter().position(|id| *id == row.fact.id);
        let quota = self
            .roster
            .unit(&row.fact.unit)
            .map(|unit| quota(unit.kind, &self.campaign));
        let files = self.store.files_of_submission(row.fact.id)?;
        Ok(Received {
            row,
            breaks: self.breaks(row, &files)?,
            files,
            of_quota: place.map(|place| place + 1).zip(quota),
        })
    }
}
