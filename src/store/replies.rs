//! Answers of staff to letters of ours: taken once, carried out once.

use super::{Store, contents, from_json, json, moment};
use crate::campaign::Moment;
use crate::message::Content;
use anyhow::Result;
use rusqlite::{OptionalExtension, Row, params};
use serde::{Serialize, de::DeserializeOwned};

/// A letter to staff that a mail may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Row id of the letter.
    pub letter: i64,
    /// To whom it went.
    pub recipient: String,
    /// When it was last offered to the server.
    pub at: Moment,
}

/// An answer that was taken.
#[derive(Debug)]
pub struct Reply {
    /// The mail.
    pub mail: i64,
    /// Who wrote it: the address that the letter went to.
    pub by: String,
    /// When it arrived.
    pub at: Moment,
    /// What it says.
    pub content: Content,
}

const ANSWERED: &str =
    "SELECT l.id, l.recipient, max(a.at) FROM letters l JOIN attempts a ON a.letter = l.id
     WHERE l.rule IN ('digest', 'answer', 'alarm')";

impl Store {
    /// The letter to staff that bears this Message-ID and was offered to the server.
    pub fn letter_to_staff(&self, message_id: &str) -> Result<Option<Answered>> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("{ANSWERED} AND l.message_id = ?1 GROUP BY l.id"))?;
        Ok(statement.query_row([message_id], answered).optional()?)
    }

    /// The one letter to staff whose Message-ID begins so.
    pub fn letter_to_staff_beginning(&self, start: &str) -> Result<Option<Answered>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{ANSWERED} AND l.message_id >= ?1 AND l.message_id < ?1 || 'z' GROUP BY l.id LIMIT 2"
        ))?;
        let rows = statement.query_map([start], answered)?;
        let mut found: Vec<Answered> = rows.collect::<Result<_, _>>()?;
        Ok(found.pop().filter(|_| found.is_empty()))
    }

    /// Notes that a mail answers a letter. A copy of an earlier answer (its Message-ID, or its date and words) is
    /// noted as having nothing to do.
    pub fn take_reply(&mut self, mail: i64, letter: i64) -> Result<()> {
        self.connection.execute(
            "INSERT INTO replies (mail, letter, done)
             SELECT m.id, ?2, CASE WHEN EXISTS (
                 SELECT 1 FROM replies r JOIN mails o ON o.id = r.mail JOIN contents e ON e.mail = o.id
                 WHERE o.message_id = m.message_id
                    OR r.letter = ?2 AND e.content ->> '$.date' IS c.content ->> '$.date' AND e.text = c.text) THEN '[]' END
             FROM mails m JOIN contents c ON c.mail = m.id WHERE m.id = ?1 ON CONFLICT DO NOTHING",
            params![mail, letter],
        )?;
        Ok(())
    }

    /// Answers that were not carried out yet, in order of arrival.
    pub fn open_replies(&self) -> Result<Vec<Reply>> {
        // CROSS JOIN keeps the order of tables; SQLite would begin with all mails.
        let mut statement = self.connection.prepare_cached(
            "SELECT r.mail, l.recipient, m.received_at, c.content, c.text
             FROM replies r CROSS JOIN letters l ON l.id = r.letter CROSS JOIN mails m ON m.id = r.mail JOIN contents c ON c.mail = m.id
             WHERE r.done IS NULL ORDER BY m.received_at, m.id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Reply {
                mail: row.get(0)?,
                by: row.get(1)?,
                at: moment(row.get(2)?),
                content: contents::from_row(row)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes what came of an answer.
    pub fn reply_done(&mut self, mail: i64, done: &impl Serialize) -> Result<()> {
        self.connection.execute(
            "UPDATE replies SET done = ?2 WHERE mail = ?1",
            params![mail, json(done)?],
        )?;
        Ok(())
    }

    /// What came of an answer.
    pub fn done_of_reply<T: DeserializeOwned>(&self, mail: i64) -> Result<Option<T>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT done FROM replies WHERE mail = ?1 AND done IS NOT NULL")?;
        let done = statement.query_row([mail], |row| from_json(&row.get::<_, String>(0)?));
        Ok(done.optional()?)
    }
}

fn answered(row: &Row) -> rusqlite::Result<Answered> {
    Ok(Answered {
        letter: row.get(0)?,
        recipient: row.get(1)?,
        at: moment(row.get(2)?),
    })
}
