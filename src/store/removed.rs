//! What retention takes away: bytes only. The rows that name them stay.

use super::Store;
use crate::campaign::Moment;
use anyhow::Result;
use chrono::NaiveDate;
use rusqlite::params;
use std::collections::BTreeSet;

const LETTERS: &str = "mail IS NOT NULL AND day < ?1
     AND state IN ('sent', 'refused', 'given_up', 'superseded', 'bounced')";

impl Store {
    /// Numbers of mails that arrived before `before`, tell of no day since, and that nobody needs: decided by the program
    /// alone, never corrected, not on the shortlist. The arrival of an import may be wrong.
    pub fn settled_mails(&self, before: Moment) -> Result<BTreeSet<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM mails m WHERE received_at < ?1 AND outcome IN ('reports', 'not_report')
             AND NOT EXISTS (SELECT 1 FROM submissions s, json_each(s.days) d WHERE s.mail = m.id AND d.value >= ?2)
             AND NOT EXISTS (SELECT 1 FROM stars WHERE mail_sha256 = m.sha256)
             AND NOT EXISTS (SELECT 1 FROM corrections WHERE mail_sha256 = m.sha256 OR instr(change, m.sha256))",
        )?;
        let rows = statement.query_map(
            params![before.timestamp(), before.date_naive().to_string()],
            |row| row.get(0),
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes that blobs are removed. Their files go after this is on disk, so that none is missed unexplained.
    pub fn remove(&mut self, blobs: &BTreeSet<String>, now: Moment) -> Result<()> {
        let transaction = self.transaction()?;
        for sha256 in blobs {
            transaction
                .prepare_cached("INSERT INTO removed VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                .execute(params![sha256, now.timestamp()])?;
        }
        Ok(transaction.commit()?)
    }

    /// Blobs that were removed and did not come again.
    pub fn removed(&self) -> Result<BTreeSet<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT sha256 FROM removed")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Letters of days before `before` that came to an end and whose bytes are kept.
    pub fn letters_before(&self, before: NaiveDate) -> Result<usize> {
        let count = format!("SELECT count(*) FROM letters WHERE {LETTERS}");
        let mut statement = self.connection.prepare_cached(&count)?;
        Ok(statement.query_row([before.to_string()], |row| row.get(0))?)
    }

    /// Takes the bytes of those letters; gives their number.
    pub fn remove_letters(&mut self, before: NaiveDate) -> Result<usize> {
        let update = format!("UPDATE letters SET mail = NULL WHERE {LETTERS}");
        Ok(self.connection.execute(&update, [before.to_string()])?)
    }
}
