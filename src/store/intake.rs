//! Keeping mails: one transaction for a batch, its places on the server and the cursor.

use super::corrections::Decided;
use super::{
    Judging, Packed, Place, Store, Unjudged, contents, moment, name, resemblance, verdicts,
};
use crate::attribution::{Verdict, Words};
use crate::campaign::Moment;
use crate::message::Content;
use anyhow::{Context, Result};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Mails that are kept in one transaction while the store hurries.
const TOGETHER: usize = 1000;
/// For so long at most: others that write wait for its end.
const OPEN: Duration = Duration::from_millis(300);

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
    /// What was read from it; `None` where the same bytes are kept already, as was found since the store was opened.
    pub content: Option<Content>,
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
            if id_of(&transaction, sha256)?.is_some() {
                known.insert(sha256.clone());
            }
        }
        Ok(known)
    }

    /// The [`start`] of the hash of each mail that is kept.
    pub fn hashes(&self) -> Result<HashSet<u64>> {
        let mut statement = self.connection.prepare("SELECT sha256 FROM mails")?;
        let rows = statement.query_map([], |row| {
            Ok(start(row.get_ref(0)?.as_str().unwrap_or_default()))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether no mail is kept yet.
    pub fn is_empty(&self) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM mails)")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// Whether a mail of these bytes is kept.
    pub fn has(&self, sha256: &str) -> Result<bool> {
        Ok(id_of(&self.connection, sha256)?.is_some())
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

    /// Keeps a batch: rows, places and cursors in one transaction, in which others may follow ([`hurries`](Self::hurries),
    /// [`commit`](Self::commit)). Mails known already only gain a place. With `judge` a new mail has its verdict from the
    /// first, which is right where nothing that arrived later is kept and nothing that arrived before is unjudged
    /// ([`is_settled_until`](Self::is_settled_until)), and the batch is in order of arrival. Gives the number of new mails.
    pub fn keep(&mut self, batch: Vec<Kept>, judge: Option<&Judging>) -> Result<usize> {
        self.gather()?;
        let new = self
            .enter_all(batch, judge)
            .inspect_err(|_| self.roll_back())?;
        let is_long = self.begun.is_none_or(|begun| begun.elapsed() > OPEN);
        if !self.hurries || self.wary || self.gathered >= TOGETHER || is_long {
            self.commit()?;
        }
        Ok(new)
    }

    fn enter_all(&mut self, batch: Vec<Kept>, judge: Option<&Judging>) -> Result<usize> {
        let connection = &self.connection;
        self.gathered += batch.len();
        let decided = Decided::so_far(connection)?;
        let mut judge = judge
            .map(|judge| |mail: &Unjudged| verdicts::judged(connection, &decided, mail, judge));
        let first = next_id(connection)?;
        let (mut next, mut fresh) = (first, HashMap::new());
        let mut reached: Vec<Place> = Vec::new();
        for mut kept in batch {
            let (place, received_at) = (kept.place.take(), kept.received_at);
            // What was new when it was read still is, unless it was kept since.
            let is_first = self.kept.insert(start(&kept.sha256)) && kept.content.is_some();
            debug_assert!(!is_first || id_of(connection, &kept.sha256)?.is_none());
            let known = match is_first {
                true => None,
                false => id_of(connection, &kept.sha256)?,
            };
            let mail = known.unwrap_or(next);
            if known.is_none() {
                let unjudged = enter(connection, kept, mail, &mut judge)?;
                fresh.extend(unjudged.map(|unjudged| (mail, unjudged)));
                next += 1;
            }
            if let Some(place) = place {
                place.holds(connection, mail, received_at)?;
                let of_folder = |other: &&mut Place| {
                    (&other.folder, other.uidvalidity) == (&place.folder, place.uidvalidity)
                };
                match reached.iter_mut().find(of_folder) {
                    Some(furthest) => furthest.uid = furthest.uid.max(place.uid),
                    None => reached.push(place),
                }
            }
        }
        for place in &reached {
            place.pass(connection)?;
        }
        // What was removed may come again; from `first` on all mails are this batch's.
        if next > first {
            connection
                .prepare_cached(
                    "DELETE FROM removed WHERE sha256 IN (SELECT sha256 FROM mails WHERE id >= ?1)",
                )?
                .execute([first])?;
        }
        self.fresh = fresh;
        Ok((next - first) as usize)
    }

    /// Puts what was read anew from kept mails in place of what was read before, and sets them back to be judged.
    pub fn replace(&mut self, batch: &[(i64, Content)]) -> Result<()> {
        self.fresh.clear();
        let transaction = self.transaction()?;
        for (mail, content) in batch {
            transaction
                .prepare_cached(
                    "UPDATE mails SET message_id = ?2, sender = ?3, subject = ?4, bounced = ?5, outcome = NULL WHERE id = ?1",
                )?
                .execute(params![mail, content.message_id, sender(content), content.subject, content.bounce.is_some()])?;
            contents::replace(&transaction, *mail, content)?;
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

/// The first eight bytes of a hash, by which most others are told apart from it.
pub fn start(sha256: &str) -> u64 {
    let start = sha256.get(..16);
    start.map_or(0, |hex| u64::from_str_radix(hex, 16).unwrap_or_default())
}

/// In SQL, whether the row `mail` of mails is of `hash`: the index holds only how each begins. With the plus sign SQLite puts
/// no value in place of the name, which would hide the index.
pub(super) fn is_of(mail: &str, hash: &str) -> String {
    format!("substr({mail}.sha256, 1, 8) = substr({hash}, 1, 8) AND +{mail}.sha256 = {hash}")
}

fn sender(content: &Content) -> &str {
    content.from.as_ref().map_or("", |from| &from.address)
}

fn next_id(connection: &Connection) -> Result<i64> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM mails")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

fn id_of(connection: &Connection, sha256: &str) -> Result<Option<i64>> {
    let it = is_of("mails", "?1");
    let mut statement = connection.prepare_cached(&format!("SELECT id FROM mails WHERE {it}"))?;
    Ok(statement.query_row([sha256], |row| row.get(0)).optional()?)
}

/// Writes the rows of a new mail, with its verdict where it is judged at once. Gives what is still to be judged: a fault of
/// judging must not keep a mail from being kept, and comes again to whoever judges it and those after it.
fn enter(
    connection: &Connection,
    mut kept: Kept,
    id: i64,
    judge: &mut Option<impl Fn(&Unjudged) -> Result<Verdict>>,
) -> Result<Option<(Content, Option<Words>)>> {
    let content = kept.content.take();
    let mail = Unjudged {
        id,
        content: content
            .with_context(|| format!("mail {} is neither kept nor read", kept.sha256))?,
        sha256: std::mem::take(&mut kept.sha256),
        received_at: moment(kept.received_at.timestamp()),
        words: kept.words.take(),
        is_reply: false,
        is_new: true,
        stood: String::new(),
    };
    let verdict = match judge.as_ref().map(|judge| judge(&mail)) {
        // Some faults of the disk end the transaction.
        Some(Err(error)) if connection.is_autocommit() => return Err(error),
        judged => judged.and_then(Result::ok),
    };
    insert(connection, &kept, &mail, verdict.as_ref())?;
    let Some(verdict) = verdict else {
        *judge = None;
        return Ok(Some((mail.content, mail.words)));
    };
    verdicts::record(connection, &mail, &verdict)?;
    Ok(None)
}

fn insert(
    connection: &Connection,
    kept: &Kept,
    mail: &Unjudged,
    verdict: Option<&Verdict>,
) -> Result<()> {
    let (content, packed) = (&mail.content, kept.packed.as_ref());
    let columns = verdicts::Columns::of(verdict)?;
    connection
        .prepare_cached(
            "INSERT INTO mails (id, sha256, bytes, source, received_at, message_id, sender, subject, bounced, pack, offset,
                                outcome, reason, candidates, weighed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            mail.id,
            mail.sha256,
            kept.bytes,
            kept.source,
            mail.received_at.timestamp(),
            content.message_id,
            sender(content),
            content.subject,
            content.bounce.is_some(),
            packed.map(|packed| &packed.pack),
            packed.map(|packed| packed.offset),
            columns.outcome,
            columns.reason,
            columns.candidates,
            columns.weighed,
        ])?;
    contents::insert(connection, mail.id, content)?;
    for part in &kept.parts {
        connection
            .prepare_cached("INSERT INTO mail_parts VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![mail.id, part])?;
        connection
            .prepare_cached("DELETE FROM removed WHERE sha256 = ?1")?
            .execute([part])?;
    }
    insert_files(connection, mail.id, content)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::Past;
    use crate::campaign::in_china;
    use anyhow::bail;
    use chrono::NaiveDate;

    fn kept(sha256: &str) -> Kept {
        let day = NaiveDate::from_ymd_opt(2022, 5, 24).unwrap();
        Kept {
            sha256: sha256.into(),
            bytes: 1,
            source: String::new(),
            received_at: in_china(day.and_hms_opt(8, 0, 0).unwrap()),
            packed: None,
            parts: vec![],
            place: None,
            content: Some(Content::default()),
            words: None,
        }
    }

    #[test]
    fn a_mail_is_found_by_its_hash_in_the_index() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for (condition, from) in [
            (is_of("mails", "?1"), "mails"),
            (is_of("m", "t.mail_sha256"), "stars t CROSS JOIN mails m"),
            (
                is_of("m", "c.mail_sha256"),
                "corrections c LEFT JOIN mails m",
            ),
        ] {
            let on = if from == "mails" { "WHERE" } else { "ON" };
            let explain = format!("EXPLAIN QUERY PLAN SELECT 1 FROM {from} {on} {condition}");
            let mut statement = store.connection.prepare(&explain).unwrap();
            let names = vec!["a"; statement.parameter_count()];
            let steps = statement.query_map(rusqlite::params_from_iter(names), |row| row.get(3));
            let plan: Vec<String> = steps.unwrap().collect::<Result<_, _>>().unwrap();
            assert!(plan.join("; ").contains("mails_by_hash"), "{plan:?}");
        }
    }

    #[test]
    fn batches_that_come_at_once_are_kept_together() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path()).unwrap();
        let beside = Store::open(dir.path()).unwrap();
        store.hurries(true).unwrap();
        store.keep(vec![kept("a")], None).unwrap();
        store.keep(vec![kept("b"), kept("a")], None).unwrap();
        assert_eq!(beside.hashes().unwrap().len(), 0);
        store.hurries(false).unwrap();
        assert!(beside.has("a").unwrap() && beside.has("b").unwrap());
        assert_eq!(beside.raw_mails(None).unwrap().len(), 2);
    }

    #[test]
    fn a_batch_that_cannot_be_kept_takes_others_along_but_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path()).unwrap();
        let unread = || Kept {
            content: None,
            ..kept("b")
        };
        for a_is_kept in [false, true] {
            store.hurries(true).unwrap();
            store.keep(vec![kept("a")], None).unwrap();
            store.keep(vec![unread()], None).unwrap_err();
            store.hurries(false).unwrap();
            assert_eq!(store.has("a").unwrap(), a_is_kept);
        }
    }

    #[test]
    fn a_mail_over_which_judging_fails_is_kept_and_it_and_those_after_it_wait() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path()).unwrap();
        let judge = |mail: &Unjudged, _: &Past| match mail.sha256.as_str() {
            "b" => bail!("what an earlier mail left cannot be read"),
            _ => Ok(Verdict::not_report("")),
        };
        let batch = ["a", "b", "a", "c"].map(kept).into();
        assert_eq!(store.keep(batch, Some(&judge)).unwrap(), 3);
        let waiting = store.unjudged(9, None).unwrap();
        let waiting: Vec<(i64, &str)> = waiting.iter().map(|m| (m.id, m.sha256.as_str())).collect();
        assert_eq!(waiting, [(2, "b"), (3, "c")]);
    }
}
