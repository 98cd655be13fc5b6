//! Whether what is kept is whole, and copies of the database.

use super::Store;
use super::intake::is_of;
use anyhow::{Context, Result};
use rusqlite::params;
use std::collections::BTreeSet;
use std::path::Path;

/// Bytes that a row names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Lower case hex.
    pub sha256: String,
    /// The blob where they lie: that of this hash, or a pack.
    pub blob: String,
    /// The row, for a person.
    pub by: String,
    /// Number of the mail.
    pub mail: i64,
    /// The mail as it came, not something out of it.
    pub raw: bool,
    /// How many they are, where they lie in a pack whole.
    pub packed_bytes: Option<u64>,
}

impl Store {
    /// What SQLite finds wrong with the file and its references; empty where nothing is.
    pub fn faults(&self) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            faults.push(row.get::<_, String>(0)?);
        }
        faults.retain(|line| line != "ok");
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (table, to): (String, String) = (row.get(0)?, row.get(2)?);
            faults.push(format!(
                "a row of {table} names a row of {to} that is missing"
            ));
        }
        let twice = self.connection.query_row(
            "SELECT count(*) - count(DISTINCT sha256) FROM mails",
            [],
            |row| row.get::<_, i64>(0),
        )?;
        if twice > 0 {
            faults.push(format!("{twice} mails are kept twice"));
        }
        Ok(faults)
    }

    /// All that rows name and that was not removed: raw mails, files, small pictures; one line a row.
    pub fn named_blobs(&self) -> Result<Vec<Named>> {
        let mut statement = self.connection.prepare(
            "SELECT * FROM (
                 SELECT sha256, 'mail ' || id AS by, id AS mail, 1 AS raw, pack, iif(pack IS NULL OR id IN (SELECT mail FROM mail_parts), NULL, bytes) AS bytes FROM mails
                 UNION ALL SELECT sha256, 'part of mail ' || mail, mail, 1, NULL, NULL FROM mail_parts
                 UNION ALL SELECT sha256, 'file ' || (position + 1) || ' of mail ' || mail, mail, 0, NULL, NULL FROM files
                 UNION ALL SELECT f.value ->> '$.details.thumbnail', 'picture of file ' || (f.key + 1) || ' of mail ' || c.mail, c.mail, 0, NULL, NULL
                     FROM contents c, json_each(c.content, '$.files') f WHERE f.value ->> '$.details.thumbnail' IS NOT NULL
             ) WHERE sha256 NOT IN (SELECT sha256 FROM removed)",
        )?;
        let rows = statement.query_map([], |row| {
            let sha256: String = row.get("sha256")?;
            let pack: Option<String> = row.get("pack")?;
            Ok(Named {
                blob: pack.unwrap_or_else(|| sha256.clone()),
                sha256,
                by: row.get("by")?,
                mail: row.get("mail")?,
                raw: row.get("raw")?,
                packed_bytes: row.get("bytes")?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether a row names a blob as a mail or as a file.
    pub fn names(&self, sha256: &str) -> Result<bool> {
        let it = is_of("mails", "?1");
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT 1 FROM mails WHERE {it} UNION ALL SELECT 1 FROM files WHERE sha256 = ?1",
        ))?;
        Ok(statement.exists([sha256])?)
    }

    /// UIDs of a folder that are explained by a row and were on the server when last seen.
    pub fn placed(&self, folder: &str, uidvalidity: u32) -> Result<BTreeSet<u32>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT uid FROM locations WHERE folder = ?1 AND uidvalidity = ?2 AND NOT gone",
        )?;
        let rows = statement.query_map(params![folder, uidvalidity], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes a whole copy of the database as it stands at one moment, beside others that read and write it.
    pub fn copy_to(&self, path: &Path) -> Result<()> {
        let name = path.to_str().context("the name of a copy is no UTF-8")?;
        self.connection
            .execute("VACUUM INTO ?1", [name])
            .with_context(|| format!("cannot write {name}"))?;
        Ok(())
    }
}
