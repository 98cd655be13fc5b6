//! Whether what is kept is whole, and copies of the database.

use super::Store;
use anyhow::{Context, Result};
use std::path::Path;

/// A blob that a row names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Lower case hex.
    pub sha256: String,
    /// The row, for a person.
    pub by: String,
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
        Ok(faults)
    }

    /// Every blob that a row names: raw mails, files, small pictures; one line a row.
    pub fn named_blobs(&self) -> Result<Vec<Named>> {
        let mut statement = self.connection.prepare(
            "SELECT sha256, 'mail ' || id FROM mails
             UNION ALL SELECT sha256, 'file ' || (position + 1) || ' of mail ' || mail FROM files
             UNION ALL SELECT f.value ->> '$.details.thumbnail', 'picture of file ' || (f.key + 1) || ' of mail ' || m.id
                 FROM mails m, json_each(m.content, '$.files') f WHERE f.value ->> '$.details.thumbnail' IS NOT NULL",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Named {
                sha256: row.get(0)?,
                by: row.get(1)?,
            })
        })?;
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
