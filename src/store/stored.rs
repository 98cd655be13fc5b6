//! Which blobs the storage of the settings holds.

use super::Store;
use crate::campaign::Moment;
use anyhow::Result;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeSet;

impl Store {
    /// Says which storage the settings name. What was noted of another is forgotten; gives the number of its blobs.
    pub fn storage_is(&mut self, place: &str) -> Result<usize> {
        let known: Option<String> = self
            .connection
            .query_row("SELECT place FROM storage", [], |row| row.get(0))
            .optional()?;
        if known.as_deref() == Some(place) {
            return Ok(0);
        }
        let transaction = self.transaction()?;
        let forgotten = transaction.execute("DELETE FROM stored", [])?;
        let before = transaction.execute("DELETE FROM storage", [])?;
        transaction.execute("INSERT INTO storage VALUES (?1)", [place])?;
        transaction.commit()?;
        self.bookkeeping += (forgotten + before + 1) as u64;
        Ok(forgotten)
    }

    /// Blobs out of mails that the storage does not hold, in the order in which they came; with `raw_mails` the mails too.
    pub fn unstored(&self, raw_mails: bool) -> Result<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT sha256 FROM (
                 SELECT sha256, mail FROM files
                 UNION ALL SELECT coalesce(pack, sha256), id FROM mails
                     WHERE ?1 AND sha256 NOT IN (SELECT sha256 FROM removed)
             )
             WHERE sha256 NOT IN (SELECT sha256 FROM stored) AND sha256 NOT IN (SELECT sha256 FROM removed)
             GROUP BY sha256 ORDER BY min(mail)",
        )?;
        let rows = statement.query_map([raw_mails], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes that the storage holds a blob whole.
    pub fn blob_stored(&mut self, sha256: &str, bytes: u64, now: Moment) -> Result<()> {
        let rows = self.connection.execute(
            "INSERT INTO stored VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![sha256, bytes, now.timestamp()],
        )?;
        self.bookkeeping += rows as u64;
        Ok(())
    }

    /// Blobs that the storage holds.
    pub fn stored(&self) -> Result<BTreeSet<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT sha256 FROM stored")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Those of them that retention removed here.
    pub fn stored_and_removed(&self) -> Result<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT sha256 FROM stored WHERE sha256 IN (SELECT sha256 FROM removed)",
        )?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes that the storage does not hold a blob any more.
    pub fn blob_not_stored(&mut self, sha256: &str) -> Result<()> {
        let rows = self
            .connection
            .execute("DELETE FROM stored WHERE sha256 = ?1", [sha256])?;
        self.bookkeeping += rows as u64;
        Ok(())
    }
}
