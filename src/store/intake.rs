//! Keeping mails: one transaction for a batch, its places on the server and the cursor.

use super::{Place, Store, json, name};
use crate::campaign::Moment;
use crate::message::Content;
use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, params};

/// A mail whose bytes and files are durable on disk.
#[derive(Debug)]
pub struct Kept {
    /// Of the raw bytes.
    pub sha256: String,
    /// Length of the raw mail.
    pub bytes: u64,
    /// File name, or folder/uid.
    pub source: String,
    /// By the server's clock.
    pub received_at: Moment,
    /// Where it lies on the server; `None` for an import.
    pub place: Option<Place>,
    /// What was read from it; `None` where the same bytes are kept already.
    pub content: Option<Content>,
}

impl Store {
    /// Whether a mail of these bytes is kept.
    pub fn has(&self, sha256: &str) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM mails WHERE sha256 = ?1")?;
        Ok(statement.exists([sha256])?)
    }

    /// Keeps a batch: rows, places and cursors in one transaction. Mails known already only gain a place.
    /// Gives the number of new mails.
    pub fn keep(&mut self, batch: &[Kept]) -> Result<usize> {
        let transaction = self.connection.transaction()?;
        let mut new = 0;
        for kept in batch {
            let (mail, is_new) = mail(&transaction, kept)?;
            new += usize::from(is_new);
            if let Some(place) = &kept.place {
                place.fetched(&transaction, mail, kept.received_at)?;
            }
        }
        transaction.commit()?;
        Ok(new)
    }
}

fn mail(connection: &Connection, kept: &Kept) -> Result<(i64, bool)> {
    let known = connection
        .prepare_cached("SELECT id FROM mails WHERE sha256 = ?1")?
        .query_row([&kept.sha256], |row| row.get(0))
        .optional()?;
    match (known, &kept.content) {
        (Some(id), _) => Ok((id, false)),
        (None, Some(content)) => Ok((insert(connection, kept, content)?, true)),
        (None, None) => anyhow::bail!("mail {} is neither kept nor read", kept.sha256),
    }
}

fn insert(connection: &Connection, kept: &Kept, content: &Content) -> Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO mails (sha256, bytes, source, received_at, message_id, sender, subject, content)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            kept.sha256,
            kept.bytes,
            kept.source,
            kept.received_at.timestamp(),
            content.message_id,
            content.from.as_ref().map_or("", |from| &from.address),
            content.subject,
            json(content)?,
        ])?;
    let mail = connection.last_insert_rowid();
    let mut statement = connection.prepare_cached(
        "INSERT INTO files (mail, position, name, media, sha256, bytes, taken_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (position, file) in content.files.iter().enumerate() {
        let taken_at = file.taken_at.map(|taken| taken.timestamp());
        let media = name(file.media)?;
        statement.execute(params![
            mail,
            position,
            file.name,
            media,
            file.sha256,
            file.bytes,
            taken_at
        ])?;
    }
    Ok(mail)
}
