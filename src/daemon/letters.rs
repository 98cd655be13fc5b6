//! Deciding and sending letters: each is a row of the queue first, and is looked at again before it leaves.

use super::Daemon;
use crate::campaign::{CST, Moment};
use crate::outgoing::{
    Envelope, Fate, Key, Letter, ReminderFacts, Rule, Templates, Transport, mail, reminder,
};
use crate::roster::Unit;
use crate::standing::{Owing, Standing, owing, standings};
use crate::store::{LetterRow, LetterState, NewLetter};
use anyhow::Result;
use chrono::TimeDelta;
use std::collections::BTreeSet;
use tracing::{error, info, warn};

/// A letter that the server will not take for now is tried again after this long, doubled each time.
const RETRY_AFTER: TimeDelta = TimeDelta::minutes(5);
/// A letter is given up after so many attempts.
const ATTEMPTS: u32 = 8;

/// A unit to be reminded, and of what.
#[derive(Debug, Clone)]
pub struct Due<'a> {
    /// Whom.
    pub unit: &'a Unit,
    /// How it stands.
    pub standing: Standing,
    /// What it owes.
    pub owing: Owing,
}

/// The units that are behind on a day, by what is done about them.
#[derive(Debug, Clone, Default)]
pub struct Reminders<'a> {
    /// Get a letter.
    pub due: Vec<Due<'a>>,
    /// May have reported: a mail that names them waits for a person.
    pub held: Vec<Due<'a>>,
    /// Have no address: staff telephone.
    pub telephone: Vec<Due<'a>>,
}

impl Daemon {
    /// How every unit stands.
    pub fn standings(&self, now: Moment) -> Result<Vec<Standing>> {
        Ok(standings(
            &self.roster,
            &self.campaign,
            &self.store.facts()?,
            now,
        ))
    }

    /// Who is to be reminded at `now`, whatever was sent already.
    pub fn reminders(&self, now: Moment) -> Result<Reminders<'_>> {
        let doubtful = self.doubtful(now)?;
        let mut reminders = Reminders::default();
        for standing in self.standings(now)? {
            let owing = owing(&standing, &self.campaign, now);
            let Some(unit) = self
                .roster
                .unit(&standing.unit)
                .filter(|_| !owing.is_empty())
            else {
                continue;
            };
            let due = Due {
                unit,
                standing,
                owing,
            };
            if doubtful.contains(&due.unit.name) {
                reminders.held.push(due);
            } else if due.unit.addresses.is_empty() {
                reminders.telephone.push(due);
            } else {
                reminders.due.push(due);
            }
        }
        Ok(reminders)
    }

    /// Units that a mail in review or unreadable may be from: they may have delivered.
    fn doubtful(&self, now: Moment) -> Result<BTreeSet<String>> {
        use crate::attribution::Outcome::{Review, Unreadable};
        let mails = self
            .store
            .mails(None)?
            .into_iter()
            .filter(|mail| mail.received_at <= now);
        let open = mails.filter(|mail| matches!(mail.outcome, Some(Review | Unreadable) | None));
        Ok(open.flat_map(|mail| mail.candidates).collect())
    }

    /// Queues the letters whose time has come; reminders only on facts that were just polled.
    pub fn decide(&mut self, now: Moment, polled: bool) -> Result<usize> {
        let today = now.with_timezone(&CST).date_naive();
        let time = now.with_timezone(&CST).time();
        let mut queued = 0;
        if self.campaign.digest_on(today) && time >= self.campaign.letters.digest_at {
            for to in self.config.staff.digest_to.clone() {
                if !self.store.has_letter(Rule::Digest.as_str(), &to, today)? {
                    let letter = self.digest(&to, now)?;
                    queued += usize::from(self.queue(&letter, now)?);
                }
            }
        }
        if polled && self.config.outgoing.reminders && time >= self.campaign.letters.remind_at {
            queued += self.queue_reminders(now)?;
        }
        Ok(queued)
    }

    /// Queues a reminder to every unit that is due one and has had none today.
    pub fn queue_reminders(&mut self, now: Moment) -> Result<usize> {
        let letters: Vec<Letter> = self
            .reminders(now)?
            .due
            .iter()
            .map(|due| self.reminder(due, now))
            .collect::<Result<_>>()?;
        let mut queued = 0;
        for letter in letters {
            queued += usize::from(self.queue(&letter, now)?);
        }
        Ok(queued)
    }

    fn reminder(&self, due: &Due, now: Moment) -> Result<Letter> {
        let facts = ReminderFacts {
            campaign: &self.campaign,
            unit: due.unit,
            standing: &due.standing,
            owing: &due.owing,
            now,
            mailbox_address: &self.config.mailbox.user,
            contact: &self.config.outgoing.contact,
        };
        let to = &due.unit.addresses[0];
        reminder(&self.templates, &facts, to).or_else(|error| {
            warn!("{error:#}");
            reminder(&Templates::default(), &facts, to)
        })
    }

    fn queue(&mut self, letter: &Letter, now: Moment) -> Result<bool> {
        let outgoing = &self.config.outgoing;
        let domain = outgoing.user.rsplit('@').next().unwrap_or("localhost");
        let message_id = format!("{:032x}@{domain}", rand::random::<u128>());
        let bytes = mail(letter, &outgoing.name, &outgoing.user, &message_id, now)?;
        let Key { rule, about, day } = &letter.key;
        let new = NewLetter {
            rule: rule.as_str(),
            about,
            day: *day,
            recipient: &letter.to,
            subject: &letter.subject,
            message_id: &message_id,
            mail: &bytes,
        };
        self.store.queue_letter(&new, now)
    }

    /// Sends what is due. Refused credentials end the sending; the letters stay queued.
    pub async fn send(&mut self, now: Moment) -> Result<usize> {
        let letters = self.store.letters_due(now)?;
        if letters.is_empty() {
            return Ok(0);
        }
        let transport = Transport::open(&self.config.outgoing, &self.data_dir)?;
        let mut sent = 0;
        for letter in letters {
            if self.stopping() {
                break;
            }
            if let Some(why) = self.is_past_use(&letter, now)? {
                self.store
                    .letter_ended(letter.id, LetterState::Superseded, why, now, now)?;
                continue;
            }
            self.store.letter_attempted(letter.id, now)?;
            let envelope = Envelope {
                from: &self.config.outgoing.user,
                to: &letter.recipient,
                message_id: &letter.message_id,
            };
            let fate = transport.send(&envelope, &letter.mail).await;
            sent += usize::from(matches!(fate, Fate::Sent(_)));
            if !self.end(&letter, fate, now)? {
                break;
            }
        }
        Ok(sent)
    }

    /// A letter of an earlier day, or a reminder of what has been delivered meanwhile.
    fn is_past_use(&self, letter: &LetterRow, now: Moment) -> Result<Option<&'static str>> {
        if letter.day < now.with_timezone(&CST).date_naive() {
            return Ok(Some("已过时效"));
        }
        let still_due = || -> Result<bool> {
            let reminders = self.reminders(now)?;
            Ok(reminders
                .due
                .iter()
                .any(|due| due.unit.name == letter.about))
        };
        let delivered = letter.rule == Rule::Reminder.as_str() && !still_due()?;
        Ok(delivered.then_some("单位已报送或待核"))
    }

    /// Notes how an attempt ended; `false` where no further letter should be tried now.
    fn end(&mut self, letter: &LetterRow, fate: Fate, now: Moment) -> Result<bool> {
        let retry_at = now + RETRY_AFTER * 2_i32.pow(letter.attempts.min(6));
        let (state, answer, due_at, go_on) = match fate {
            Fate::Sent(answer) => (LetterState::Sent, answer, now, true),
            Fate::Refused(why) => (LetterState::Refused, why, now, true),
            Fate::Later(why) if letter.attempts + 1 >= ATTEMPTS => {
                (LetterState::Refused, why, now, true)
            }
            Fate::Later(why) => (LetterState::Queued, why, retry_at, true),
            Fate::Credentials(why) => (LetterState::Queued, why, retry_at, false),
        };
        match state {
            LetterState::Sent => info!(rule = letter.rule, day = %letter.day, "letter sent"),
            _ if go_on => warn!(rule = letter.rule, day = %letter.day, answer, "letter not sent"),
            _ => error!(
                answer,
                "the SMTP server refuses the login; check outgoing.password_file"
            ),
        }
        let trouble = (!go_on).then(|| answer.clone());
        self.store.trouble("smtp", trouble.as_deref(), now)?;
        self.store
            .letter_ended(letter.id, state, &answer, due_at, now)?;
        Ok(go_on)
    }
}
