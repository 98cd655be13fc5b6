//! The queue: a letter is a row before it is mail, and its key (rule, about, day) exists once.

use super::{Store, from_name, moment};
use crate::campaign::Moment;
use anyhow::Result;
use chrono::NaiveDate;
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a letter stands on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// Written, waits for its turn or its next attempt.
    Queued,
    /// An attempt was begun and its end is not known.
    Sending,
    /// The server took it.
    Sent,
    /// The server refused it for good.
    Refused,
    /// Put off too often.
    GivenUp,
    /// Taken by the server, and came back.
    Bounced,
    /// Past its use before it could be sent.
    Superseded,
}

/// A letter to be queued.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct NewLetter<'a> {
    pub rule: &'a str,
    /// Unit of a reminder, recipient of a digest.
    pub about: &'a str,
    pub day: NaiveDate,
    pub recipient: &'a str,
    pub message_id: &'a str,
}

/// A letter of the queue.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct LetterRow {
    pub id: i64,
    pub rule: String,
    pub about: String,
    pub day: NaiveDate,
    pub recipient: String,
    pub subject: String,
    pub message_id: String,
    pub state: LetterState,
    pub attempts: u32,
    pub changed_at: Moment,
    /// The server's last word.
    pub answer: String,
}

/// A letter that is still to leave, in brief.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Waiting {
    pub rule: String,
    pub about: String,
    pub due_at: Moment,
    /// How often it was offered in vain.
    pub attempts: u32,
    /// The server's last word.
    pub answer: String,
}

const COLUMNS: &str =
    "id, rule, about, day, recipient, subject, message_id, state, attempts, changed_at, answer";

impl Store {
    /// Whether a letter of this key was ever written.
    pub fn has_letter(&self, rule: &str, about: &str, day: NaiveDate) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM letters WHERE rule = ?1 AND about = ?2 AND day = ?3")?;
        Ok(statement.exists(params![rule, about, day.to_string()])?)
    }

    /// Whether a letter of ours bears this Message-ID.
    pub fn is_our_letter(&self, message_id: &str) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM letters WHERE message_id = ?1")?;
        Ok(statement.exists([message_id])?)
    }

    /// Queues a letter; `false` where its key exists already, and nothing is written.
    pub fn queue_letter(&mut self, letter: &NewLetter, now: Moment) -> Result<bool> {
        let written = self.connection.execute(
            "INSERT INTO letters (rule, about, day, recipient, message_id, state, due_at, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 'queued', ?6, ?6)
             ON CONFLICT (rule, about, day) DO NOTHING",
            params![
                letter.rule,
                letter.about,
                letter.day.to_string(),
                letter.recipient,
                letter.message_id,
                now.timestamp()
            ],
        )?;
        Ok(written == 1)
    }

    /// Letters whose turn has come: digests first, then in the order of writing.
    pub fn letters_due(&self, now: Moment) -> Result<Vec<LetterRow>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM letters WHERE state IN ('queued', 'sending') AND due_at <= ?1
             ORDER BY rule <> 'digest', id"
        ))?;
        let rows = statement.query_map([now.timestamp()], letter_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every letter that is still to leave, the next first.
    pub fn letters_waiting(&self) -> Result<Vec<Waiting>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT rule, about, due_at, attempts, answer FROM letters WHERE state IN ('queued', 'sending')
             ORDER BY due_at, id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Waiting {
                rule: row.get(0)?,
                about: row.get(1)?,
                due_at: moment(row.get(2)?),
                attempts: row.get(3)?,
                answer: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A letter as it goes to the server on every attempt; `None` before the first: it is composed then.
    pub fn letter_mail(&self, id: i64) -> Result<Option<Vec<u8>>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT mail FROM letters WHERE id = ?1")?;
        Ok(statement.query_row([id], |row| row.get(0))?)
    }

    /// To whom the letters of a rule went on a day.
    pub fn recipients_of(&self, rule: &str, day: NaiveDate) -> Result<BTreeSet<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT recipient FROM letters WHERE rule = ?1 AND day = ?2 AND state = 'sent'",
        )?;
        let rows = statement.query_map(params![rule, day.to_string()], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps the words of a letter: from the first attempt on they stay what they are.
    pub fn letter_composed(&mut self, id: i64, subject: &str, mail: &[u8]) -> Result<()> {
        self.connection.execute(
            "UPDATE letters SET subject = ?2, mail = ?3 WHERE id = ?1",
            params![id, subject, mail],
        )?;
        Ok(())
    }

    /// Counts an attempt before it is made.
    pub fn letter_attempted(&mut self, id: i64, now: Moment) -> Result<()> {
        let transaction = self.transaction()?;
        transaction.execute(
            "UPDATE letters SET state = 'sending', attempts = attempts + 1, changed_at = ?2 WHERE id = ?1",
            params![id, now.timestamp()],
        )?;
        transaction.execute(
            "INSERT INTO attempts VALUES (?1, ?2)",
            params![id, now.timestamp()],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// When letters were offered to the server within the last 24 hours.
    pub fn attempts_of_a_day(&self, now: Moment) -> Result<Vec<Moment>> {
        let since = now.timestamp() - 24 * 3600;
        let mut statement = self
            .connection
            .prepare_cached("SELECT at FROM attempts WHERE at > ?1 ORDER BY at")?;
        let rows = statement.query_map([since], |row| Ok(moment(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many reminders reached a unit's server, and when the last letter of any kind went to `recipient`.
    pub fn sent_to(&self, unit: &str, recipient: &str) -> Result<(u32, Option<Moment>)> {
        let count = self.connection.query_row(
            "SELECT count(*) FROM letters WHERE rule = 'reminder' AND about = ?1 AND state IN ('sent', 'bounced')",
            [unit],
            |row| row.get(0),
        )?;
        let last: Option<i64> = self.connection.query_row(
            "SELECT max(changed_at) FROM letters WHERE recipient = ?1 AND state IN ('sent', 'bounced')",
            [recipient],
            |row| row.get(0),
        )?;
        Ok((count, last.map(moment)))
    }

    /// Notes how an attempt ended; a letter that is queued again waits until `due_at`.
    pub fn letter_ended(
        &mut self,
        id: i64,
        state: LetterState,
        answer: &str,
        due_at: Moment,
        now: Moment,
    ) -> Result<()> {
        self.connection.execute(
            "UPDATE letters SET state = ?2, answer = ?3, due_at = ?4, changed_at = ?5 WHERE id = ?1",
            params![id, super::name(state)?, answer, due_at.timestamp(), now.timestamp()],
        )?;
        Ok(())
    }

    /// Letters that changed after `after` and by `until`.
    pub fn letters_between(&self, after: Moment, until: Moment) -> Result<Vec<LetterRow>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM letters WHERE changed_at > ?1 AND changed_at <= ?2 ORDER BY changed_at, id"
        ))?;
        let rows = statement.query_map([after.timestamp(), until.timestamp()], letter_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The day of the digest that was queued last, of those of days before `day`: a clock that ran ahead queued one of a
    /// later day before it.
    pub fn last_digest(&self, day: NaiveDate) -> Result<Option<NaiveDate>> {
        let last: Option<String> = self
            .connection
            .query_row(
                "SELECT day FROM letters WHERE rule = 'digest' AND day < ?1 ORDER BY id DESC LIMIT 1",
                [day.to_string()],
                |row| row.get(0),
            )
            .optional()?;
        Ok(last.and_then(|day| day.parse().ok()))
    }
}

fn letter_row(row: &Row) -> rusqlite::Result<LetterRow> {
    Ok(LetterRow {
        id: row.get(0)?,
        rule: row.get(1)?,
        about: row.get(2)?,
        day: row.get::<_, String>(3)?.parse().unwrap_or_default(),
        recipient: row.get(4)?,
        subject: row.get(5)?,
        message_id: row.get(6)?,
        state: from_name(row.get(7)?)?,
        attempts: row.get(8)?,
        changed_at: moment(row.get(9)?),
        answer: row.get(10)?,
    })
}
