//! Keeping mails: one transaction for a batch, its places on the server and the cursor.

use super::{Packed, Place, Store, contents, name, resemblance};
use crate::attribution::Words;
use crate::campaign::Moment;
use crate::message::Content;
use anyhow::{Context, Result};
use fail::fail_point;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use std::collections::{HashMap, HashSet};

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
    /// Where its bytes lie; `None`: in a blob of its own.
    pub packed: Option<Packed>,
    /// Blobs that stand in it, where its shell is packed.
    pub parts: Vec<String>,
    /// Where it lies on the server; `None` for an import.
    pub place: Option<Place>,
    /// What was read from it; `None` where the same bytes are kept already.
    pub content: Option<Content>,
    /// The same in JSON, where it is known word for word.
    pub json: Option<String>,
    /// What its words say, where that was found out already.
    pub words: Option<Words>,
}

/// A mail whose bytes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawMail {
    /// Number of its row.
    pub id: i64,
    /// Of its bytes.
    pub sha256: String,
    /// Their number.
    pub bytes: u64,
    /// Where they lie; `None`: in a blob of their own.
    pub packed: Option<Packed>,
}

impl RawMail {
    pub(super) fn from_row(row: &Row) -> rusqlite::Result<Self> {
        let pack: Option<String> = row.get("pack")?;
        let offset: Option<u64> = row.get("offset")?;
        Ok(Self {
            id: row.get("id")?,
            sha256: row.get("sha256")?,
            bytes: row.get("bytes")?,
            packed: pack
                .zip(offset)
                .map(|(pack, offset)| Packed { pack, offset }),
        })
    }
}

impl Store {
    /// Those of `hashes` under which a mail is kept.
    pub fn known(&mut self, hashes: &[String]) -> Result<HashSet<String>> {
        // One look at the database for all.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Deferred)?;
        let mut known = HashSet::new();
        for sha256 in hashes {
            let mut statement =
                transaction.prepare_cached("SELECT 1 FROM mails WHERE sha256 = ?1")?;
            if statement.exists([sha256])? {
                known.insert(sha256.clone());
            }
        }
        Ok(known)
    }

    /// Whether a mail of these bytes is kept.
    pub fn has(&self, sha256: &str) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM mails WHERE sha256 = ?1")?;
        Ok(statement.exists([sha256])?)
    }

    /// The same of all mails in a pack.
    pub fn has_all(&self, mails: &[(String, u64)]) -> Result<bool> {
        for (sha256, _) in mails {
            if !self.has(sha256)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps a batch: rows, places and cursors in one transaction. Mails known already only gain a place.
    /// Gives the number of new mails.
    pub fn keep(&mut self, batch: Vec<Kept>) -> Result<usize> {
        let transaction = self.connection.transaction()?;
        let mut new = HashMap::new();
        let mut reached: HashMap<(String, u32), Place> = HashMap::new();
        for kept in batch {
            let (mail, is_new) = mail(&transaction, &kept)?;
            if let Some(place) = kept.place {
                place.holds(&transaction, mail, kept.received_at)?;
                let folder = (place.folder.clone(), place.uidvalidity);
                let furthest = reached.entry(folder).or_insert_with(|| place.clone());
                furthest.uid = furthest.uid.max(place.uid);
            }
            new.extend(
                kept.content
                    .filter(|_| is_new)
                    .map(|content| (mail, (content, kept.words))),
            );
        }
        for place in reached.values() {
            place.pass(&transaction)?;
        }
        fail_point!("rows written");
        transaction.commit()?;
        fail_point!("rows committed");
        self.fresh = new;
        Ok(self.fresh.len())
    }

    /// Puts what was read anew from kept mails in place of what was read before, and sets them back to be judged.
    pub fn replace(&mut self, batch: &[(i64, Content)]) -> Result<()> {
        self.fresh.clear();
        let transaction = self.connection.transaction()?;
        for (mail, content) in batch {
            transaction
                .prepare_cached(
                    "UPDATE mails SET message_id = ?2, sender = ?3, subject = ?4, bounced = ?5, outcome = NULL WHERE id = ?1",
                )?
                .execute(params![mail, content.message_id, sender(content), content.subject, content.bounce.is_some()])?;
            contents::write(&transaction, *mail, content)?;
            transaction
                .prepare_cached("DELETE FROM files WHERE mail = ?1")?
                .execute([mail])?;
            insert_files(&transaction, *mail, content)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Every mail whose bytes are kept, in order of arrival; of one mail, that alone.
    pub fn raw_mails(&self, only: Option<i64>) -> Result<Vec<RawMail>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, sha256, bytes, pack, offset FROM mails WHERE (?1 IS NULL OR id = ?1)
             AND sha256 NOT IN (SELECT sha256 FROM removed) ORDER BY received_at, id",
        )?;
        let rows = statement.query_map([only], RawMail::from_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn sender(content: &Content) -> &str {
    content.from.as_ref().map_or("", |from| &from.address)
}

fn mail(connection: &Connection, kept: &Kept) -> Result<(i64, bool)> {
    if let Some(content) = &kept.content
        && let Some(new) = insert(connection, kept, content)?
    {
        return Ok((new, true));
    }
    let known = connection
        .prepare_cached("SELECT id FROM mails WHERE sha256 = ?1")?
        .query_row([&kept.sha256], |row| row.get(0))
        .optional()?;
    let known = known.with_context(|| format!("mail {} is neither kept nor read", kept.sha256))?;
    Ok((known, false))
}

/// `None` where the mail is kept already.
fn insert(connection: &Connection, kept: &Kept, content: &Content) -> Result<Option<i64>> {
    let packed = kept.packed.as_ref();
    let inserted = connection
        .prepare_cached(
            "INSERT INTO mails (sha256, bytes, source, received_at, message_id, sender, subject, bounced, pack, offset)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (sha256) DO NOTHING",
        )?
        .execute(params![
            kept.sha256,
            kept.bytes,
            kept.source,
            kept.received_at.timestamp(),
            content.message_id,
            sender(content),
            content.subject,
            content.bounce.is_some(),
            packed.map(|packed| &packed.pack),
            packed.map(|packed| packed.offset),
        ])?;
    if inserted == 0 {
        return Ok(None);
    }
    let mail = connection.last_insert_rowid();
    contents::write_json(connection, mail, kept.json.as_deref(), content)?;
    connection
        .prepare_cached("DELETE FROM removed WHERE sha256 = ?1")?
        .execute([&kept.sha256])?;
    for part in &kept.parts {
        connection
            .prepare_cached("INSERT INTO mail_parts VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![mail, part])?;
        connection
            .prepare_cached("DELETE FROM removed WHERE sha256 = ?1")?
            .execute([part])?;
    }
    insert_files(connection, mail, content)?;
    Ok(Some(mail))
}

fn insert_files(connection: &Connection, mail: i64, content: &Content) -> Result<()> {
    if content.files.is_empty() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(
        "INSERT INTO files (mail, position, name, media, sha256, bytes, taken_at, fingerprint)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    // What was removed once may come again with another mail.
    let mut returned = connection
        .prepare_cached("DELETE FROM removed WHERE sha256 IN (SELECT ?1 UNION SELECT ?2)")?;
    let mut bands = connection.prepare_cached("INSERT INTO photo_bands VALUES (?1, ?2, ?3)")?;
    for (position, file) in content.files.iter().enumerate() {
        let taken_at = file.taken_at.map(|taken| taken.timestamp());
        let media = name(file.media)?;
        let print = resemblance::fingerprint(file);
        statement.execute(params![
            mail,
            position,
            file.name,
            media,
            file.sha256,
            file.bytes,
            taken_at,
            print
        ])?;
        let picture = file
            .details
            .as_ref()
            .and_then(|details| details.thumbnail.as_ref());
        returned.execute(params![file.sha256, picture])?;
        for band in print
            .iter()
            .flat_map(|print| resemblance::photo_bands(print))
        {
            bands.execute(params![band, mail, position])?;
        }
    }
    Ok(())
}
