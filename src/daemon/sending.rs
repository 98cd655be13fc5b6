//! Sending: each letter of the queue is looked at again, written, and offered to the server.

use super::watching::Stage;
use super::{Daemon, Due, Reminders};
use crate::campaign::{CST, Campaign, Moment};
use crate::config;
use crate::mailbox::Session;
use crate::outgoing::{
    Envelope, Fate, Letter, Pace, Quiet, ReminderFacts, Rule, Sender, Templates, Transport, code,
    mail, reminder,
};
use crate::standing::{Owing, Standing};
use crate::store::{LetterRow, LetterState};
use anyhow::{Context, Result};
use chrono::{NaiveDate, TimeDelta};
use fail::fail_point;
use rand::RngExt;
use std::collections::BTreeMap;
use tracing::{debug, error, info, warn};

/// A letter that the server will not take for now is tried again after this long, doubled each time.
const RETRY_AFTER: TimeDelta = TimeDelta::minutes(5);
/// A letter is given up after so many attempts.
const ATTEMPTS: u32 = 8;
/// Reminders rest on a poll that is no older than this.
const POLL_IS_FRESH: TimeDelta = TimeDelta::minutes(15);
/// Between two letters to one address, whatever their cause.
const BETWEEN_LETTERS: TimeDelta = TimeDelta::hours(1);

/// What a unit that gets a letter owes, looked up once for all letters of a pass.
struct Overdue {
    /// The day by which the first thing is owed.
    by: NaiveDate,
    standing: Standing,
    owing: Owing,
}

/// Why a letter waits that follows another too soon.
pub(super) const CROWDED: &str = "a letter went to this address within the hour";

/// By official name.
type Dues = BTreeMap<String, Overdue>;

impl Reminders<'_> {
    fn dues(self, campaign: &Campaign) -> Dues {
        let overdue = |due: Due| {
            let by = if due.owing.plan {
                campaign.plan.due
            } else {
                campaign.summary.due
            };
            let (standing, owing) = (due.standing, due.owing);
            (
                due.unit.name.clone(),
                Overdue {
                    by,
                    standing,
                    owing,
                },
            )
        };
        self.due.into_iter().map(overdue).collect()
    }
}

impl Daemon {
    /// Sends what is due, at the pace that the server bears. Refused credentials end the sending; letters stay queued.
    pub async fn send(&mut self, now: Moment) -> Result<usize> {
        let mut letters = self.store.letters_due(now)?;
        if letters.is_empty() {
            return Ok(0);
        }
        self.heart.stage(Stage::Sending);
        let transport = Transport::open(&self.config.outgoing, &self.data_dir)?;
        let dues = self.reminders(now)?.dues(&self.campaign);
        letters.sort_by_key(|letter| {
            (
                letter.rule.parse().map_or(u8::MAX, Rule::rank),
                dues.get(&letter.about).map(|due| due.by),
                letter.id,
            )
        });
        let mut left = pace(&self.config.outgoing).left(&self.store.attempts_of_a_day(now)?, now);
        let (mut sent, mut over) = (0, 0);
        for letter in letters {
            if self.stopping() {
                break;
            }
            match self.prospect(&letter, &dues, now)? {
                Prospect::Past(why) => {
                    info!(rule = letter.rule, about = letter.about, day = %letter.day, why, "letter dropped");
                    self.store
                        .letter_ended(letter.id, LetterState::Superseded, why, now, now)?;
                }
                Prospect::Waits(why) => {
                    let key = format!("{} {} {}", letter.rule, letter.about, letter.day);
                    if self.said.is_news(&key, why, now) {
                        info!(rule = letter.rule, about = letter.about, day = %letter.day, why, "letter waits");
                    }
                }
                Prospect::Leaves if left == 0 => over += 1,
                Prospect::Leaves => {
                    left -= 1;
                    self.heart.beat();
                    let fate = self.attempt(&transport, &letter, &dues, now).await?;
                    sent += usize::from(matches!(fate, Fate::Sent(_)));
                    if !self.end(&letter, fate, now)? {
                        break;
                    }
                }
            }
        }
        // Told by the pass that used the pace up, not by those that find it so.
        if over > 0 && sent > 0 {
            info!(letters = over, "letters wait for the pace");
        }
        Ok(sent)
    }

    /// One attempt, counted before it is made. The first writes the letter; all others send the same bytes.
    async fn attempt(
        &mut self,
        transport: &Transport,
        letter: &LetterRow,
        dues: &Dues,
        now: Moment,
    ) -> Result<Fate> {
        let bytes = match self.store.letter_mail(letter.id)? {
            Some(bytes) => bytes,
            None => {
                let mut words = self.compose(letter, dues, now)?;
                if letter.rule.parse::<Rule>()?.is_to_staff() {
                    words.subject = format!("{} {}", words.subject, code(&letter.message_id));
                }
                let out = &self.config.outgoing;
                // Answers of staff are read where mails are watched, and nowhere else.
                let reply_to = match self.config.sending_mailbox() {
                    Some(_) => None,
                    None => Some(self.config.mailbox.user.as_str()),
                };
                let sender = Sender {
                    name: &out.name,
                    address: &out.user,
                    reply_to,
                };
                let bytes = mail(&words, &sender, &letter.message_id, now)?;
                self.store
                    .letter_composed(letter.id, &words.subject, &bytes)?;
                fail_point!("composed");
                bytes
            }
        };
        if letter.attempts > 0 && self.left_before(&letter.message_id).await {
            return Ok(Fate::Sent("已在“已发送”文件夹中查到".into()));
        }
        self.store.letter_attempted(letter.id, now)?;
        fail_point!("attempted");
        let envelope = Envelope {
            from: &self.config.outgoing.user,
            to: &letter.recipient,
            message_id: &letter.message_id,
        };
        let fate = transport.send(&envelope, &bytes).await;
        fail_point!("handed over");
        Ok(fate)
    }

    /// Whether an earlier attempt went through although its end was not heard: the server's Sent folder knows.
    async fn left_before(&self, message_id: &str) -> bool {
        if self.config.outgoing.transport == config::Transport::Files {
            return false;
        }
        self.search_sent(message_id).await.unwrap_or_else(|error| {
            debug!(
                error = format!("{error:#}"),
                "the Sent folder cannot be searched"
            );
            false
        })
    }

    async fn search_sent(&self, message_id: &str) -> Result<bool> {
        let mailbox = self.config.sending_mailbox();
        let mailbox = mailbox.unwrap_or(&self.config.mailbox);
        let password = config::secret(&mailbox.password_file)?;
        let mut session = Session::open(mailbox, &password).await?;
        let mut found = false;
        for folder in session
            .folders()
            .await?
            .into_iter()
            .filter(|folder| folder.sent && folder.selectable)
        {
            session.examine(&folder.name).await?;
            found |= session.holds(message_id).await?;
        }
        session.close().await;
        Ok(found)
    }

    fn compose(&self, letter: &LetterRow, dues: &Dues, now: Moment) -> Result<Letter> {
        let (about, to) = (&letter.about, &letter.recipient);
        match letter.rule.parse()? {
            Rule::Digest => self.digest(to, now),
            Rule::Alarm => self.alarm_letter(letter, now),
            Rule::Answer => self.answer(about.parse()?, to, now),
            Rule::Receipt => self.receipt(about.parse()?, to, now),
            Rule::Reminder => self.reminder(letter, dues, now),
        }
    }

    fn reminder(&self, letter: &LetterRow, dues: &Dues, now: Moment) -> Result<Letter> {
        let due = dues.get(&letter.about);
        let due = due.with_context(|| format!("{} owes nothing any more", letter.about))?;
        let unit = self
            .roster
            .unit(&letter.about)
            .context("a unit of the roster")?;
        let facts = ReminderFacts {
            campaign: &self.campaign,
            unit,
            standing: &due.standing,
            owing: &due.owing,
            now,
            mailbox_address: &self.config.mailbox.user,
            contact: &self.config.outgoing.contact,
        };
        self.written(|templates| reminder(templates, &facts, &letter.recipient))
    }

    /// Writes a letter; a mistake in an operator's template must not keep it from its reader.
    pub(super) fn written(&self, write: impl Fn(&Templates) -> Result<Letter>) -> Result<Letter> {
        write(&self.templates).or_else(|error| {
            warn!(
                error = format!("{error:#}"),
                "template refused, the built-in one is used"
            );
            write(&Templates::default())
        })
    }

    /// Whether a letter leaves now, later, or never: looked at again at the last moment.
    fn prospect(&self, letter: &LetterRow, dues: &Dues, now: Moment) -> Result<Prospect> {
        let today = now.with_timezone(&CST).date_naive();
        let days_old = (today - letter.day).num_days();
        Ok(match letter.rule.parse()? {
            Rule::Alarm if self.alarm_is_past(letter)? => Prospect::Past("问题已排除"),
            // Decided under a clock that ran ahead.
            Rule::Digest | Rule::Reminder if days_old < 0 => Prospect::Waits("its day is to come"),
            Rule::Answer | Rule::Alarm if days_old <= 1 => Prospect::Leaves,
            Rule::Receipt => self.prospect_of_receipt(letter, now)?,
            Rule::Digest if days_old == 0 => Prospect::Leaves,
            Rule::Reminder if days_old == 0 => self.prospect_of_reminder(letter, dues, now)?,
            _ => Prospect::Past("已过时效"),
        })
    }

    fn prospect_of_reminder(
        &self,
        letter: &LetterRow,
        dues: &Dues,
        now: Moment,
    ) -> Result<Prospect> {
        if !dues.contains_key(&letter.about) {
            return Ok(Prospect::Past("单位已报送、待核或暂停提醒"));
        }
        let polled = self.store.polled_at()?;
        let fresh = polled.is_some_and(|polled| (now - polled).abs() <= POLL_IS_FRESH);
        Ok(if !fresh {
            Prospect::Waits("the last poll is too old")
        } else if quiet(&self.config.outgoing).holds(now) {
            Prospect::Waits("quiet hours")
        } else if self.is_crowded(letter, now)? {
            Prospect::Waits(CROWDED)
        } else {
            Prospect::Leaves
        })
    }

    /// At most one letter an hour to one address, whatever its cause.
    pub(super) fn is_crowded(&self, letter: &LetterRow, now: Moment) -> Result<bool> {
        let (_, last) = self.store.sent_to(&letter.about, &letter.recipient)?;
        Ok(last.is_some_and(|last| (now - last).abs() < BETWEEN_LETTERS))
    }

    /// Notes how an attempt ended; `false` where no further letter should be tried now.
    fn end(&mut self, letter: &LetterRow, fate: Fate, now: Moment) -> Result<bool> {
        let retry_at = now + later(letter.attempts);
        let (state, answer, due_at, go_on) = match fate {
            Fate::Sent(answer) => (LetterState::Sent, answer, now, true),
            Fate::Refused(why) => (LetterState::Refused, why, now, true),
            Fate::Later(why) if letter.attempts + 1 >= ATTEMPTS => {
                (LetterState::GivenUp, why, now, true)
            }
            Fate::Later(why) => (LetterState::Queued, why, retry_at, true),
            Fate::Credentials(why) => (LetterState::Queued, why, retry_at, false),
        };
        match state {
            LetterState::Sent => {
                info!(rule = letter.rule, about = letter.about, day = %letter.day, "letter sent")
            }
            _ if go_on => warn!(
                rule = letter.rule,
                about = letter.about,
                day = %letter.day,
                state = ?state,
                answer,
                "letter not sent"
            ),
            _ => error!(
                answer,
                "the SMTP server refuses the login, see outgoing.password_file"
            ),
        }
        let trouble = (!go_on).then(|| answer.clone());
        self.store.trouble("smtp", trouble.as_deref(), now)?;
        self.store
            .letter_ended(letter.id, state, &answer, due_at, now)?;
        fail_point!("ended");
        Ok(go_on)
    }
}

/// What becomes of a letter of the queue in this pass.
pub(super) enum Prospect {
    Leaves,
    /// Why, for the log.
    Waits(&'static str),
    /// Past its use: why, for staff.
    Past(&'static str),
}

/// The wait before the next attempt: doubled each time, a fifth longer or shorter by chance.
fn later(attempts: u32) -> TimeDelta {
    let usual = RETRY_AFTER * 2_i32.pow(attempts.min(6));
    usual * rand::rng().random_range(80..=120) / 100
}

pub(super) fn pace(settings: &config::Outgoing) -> Pace {
    if settings.transport == config::Transport::Files {
        return Pace {
            a_minute: u32::MAX,
            an_hour: u32::MAX,
            a_day: u32::MAX,
        };
    }
    Pace {
        a_minute: settings.letters_a_minute,
        an_hour: settings.letters_an_hour,
        a_day: settings.letters_a_day,
    }
}

pub(super) fn quiet(settings: &config::Outgoing) -> Quiet {
    Quiet {
        from: settings.quiet_from,
        until: settings.quiet_until,
        weekends: settings.quiet_weekends,
    }
}
