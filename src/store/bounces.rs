//! What came back, and whom to spare: bounces, bad addresses, pauses, links that staff have opened.

use super::intake::is_of;
use super::{Store, contents};
use crate::campaign::Moment;
use crate::message::{Bounce, Content, Fault};
use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// A bounce is believed about a letter to the same address no older than this, where it names no letter.
const DAYS: i64 = 7;

/// A letter that came back.
#[derive(Debug, Clone)]
pub struct Returned {
    /// The rule it was written by, and about whom.
    pub rule: String,
    /// Unit of a reminder, recipient of a digest.
    pub about: String,
    /// Where it went.
    pub recipient: String,
    /// What is wrong.
    pub bounce: Bounce,
}

impl Store {
    /// Looks at bounces that were not looked at yet, and ties them to the letters that came back.
    ///
    /// One that names no letter of ours, and no address that we wrote to lately, is a forger's echo: nothing follows.
    pub fn note_bounces(&mut self, now: Moment) -> Result<Vec<Returned>> {
        let mut returned = Vec::new();
        for (mail, content) in self.new_bounces()? {
            let transaction = self.transaction()?;
            let letter = letter(&transaction, &content, now)?;
            transaction.execute(
                "INSERT INTO bounces VALUES (?1, ?2)",
                params![mail, letter.as_ref().map(|(id, _)| id)],
            )?;
            if let (Some((id, letter)), Some(bounce)) = (letter, content.bounce) {
                note(&transaction, id, &letter, &bounce, now)?;
                returned.push(Returned { bounce, ..letter });
            }
            transaction.commit()?;
        }
        Ok(returned)
    }

    fn new_bounces(&self) -> Result<Vec<(i64, Content)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT m.id, c.content, c.text FROM mails m JOIN contents c ON c.mail = m.id
             WHERE m.bounced AND m.outcome IS NOT NULL AND m.id NOT IN (SELECT mail FROM bounces) ORDER BY m.received_at, m.id",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, contents::from_row(row)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Addresses that no letter reaches, with the reason.
    pub fn bad_addresses(&self) -> Result<BTreeMap<String, String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT address, why FROM bad_addresses")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes an address for good again.
    pub fn mend_address(&mut self, address: &str) -> Result<bool> {
        let gone = self.connection.execute(
            "DELETE FROM bad_addresses WHERE address = lower(?1)",
            [address],
        )?;
        Ok(gone > 0)
    }

    /// Units that get no reminders; the empty name stands for all.
    pub fn pauses(&self) -> Result<Vec<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT unit FROM pauses ORDER BY unit")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Stops the reminders to a unit, or to all (`""`).
    pub fn pause(&mut self, unit: &str, by: &str, at: Moment) -> Result<()> {
        self.connection.execute(
            "INSERT INTO pauses VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![unit, by, at.timestamp()],
        )?;
        Ok(())
    }

    /// Lets reminders go out again.
    pub fn resume(&mut self, unit: &str) -> Result<bool> {
        Ok(self
            .connection
            .execute("DELETE FROM pauses WHERE unit = ?1", [unit])?
            > 0)
    }

    /// Notes that the files behind a mail's links were saved.
    pub fn links_opened(&mut self, mail: i64, by: &str, at: Moment) -> Result<()> {
        self.connection.execute(
            "INSERT INTO links_opened SELECT sha256, ?2, ?3 FROM mails WHERE id = ?1 ON CONFLICT DO NOTHING",
            params![mail, by, at.timestamp()],
        )?;
        Ok(())
    }

    /// Mails whose linked files were saved.
    pub fn mails_with_opened_links(&self) -> Result<Vec<i64>> {
        // CROSS JOIN keeps the order of tables; SQLite would begin with all mails.
        let opened = is_of("m", "l.mail_sha256");
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT m.id FROM links_opened l CROSS JOIN mails m ON {opened} ORDER BY m.id"
        ))?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The letter that the bounce names, else the latest to the address that it names.
fn letter(
    connection: &Connection,
    content: &Content,
    now: Moment,
) -> Result<Option<(i64, Returned)>> {
    let Some(bounce) = &content.bounce else {
        return Ok(None);
    };
    let read = |row: &rusqlite::Row| {
        let letter = Returned {
            rule: row.get(1)?,
            about: row.get(2)?,
            recipient: row.get(3)?,
            bounce: bounce.clone(),
        };
        Ok((row.get(0)?, letter))
    };
    let mut by_id = connection
        .prepare_cached("SELECT id, rule, about, recipient FROM letters WHERE message_id = ?1")?;
    for id in &content.answers {
        if let Some(found) = by_id.query_row([id], read).optional()? {
            return Ok(Some(found));
        }
    }
    let found = connection
        .prepare_cached(
            "SELECT id, rule, about, recipient FROM letters
             WHERE lower(recipient) = ?1 AND state = 'sent' AND changed_at > ?2 ORDER BY changed_at DESC LIMIT 1",
        )?
        .query_row(params![bounce.recipient, now.timestamp() - DAYS * 24 * 3600], read)
        .optional()?;
    Ok(found)
}

fn note(
    connection: &Connection,
    id: i64,
    letter: &Returned,
    bounce: &Bounce,
    now: Moment,
) -> Result<()> {
    if bounce.fault == Fault::Delayed {
        return Ok(());
    }
    connection.execute(
        "UPDATE letters SET state = 'bounced', answer = ?2, changed_at = ?3 WHERE id = ?1 AND state <> 'superseded'",
        params![id, format!("退信：{}", bounce.why), now.timestamp()],
    )?;
    if bounce.fault == Fault::Address {
        connection.execute(
            "INSERT INTO bad_addresses VALUES (lower(?1), ?2, ?3) ON CONFLICT DO NOTHING",
            params![letter.recipient, bounce.why, now.timestamp()],
        )?;
    }
    Ok(())
}
