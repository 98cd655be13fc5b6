//! The record of what staff decided besides corrections.

use super::{Store, moment};
use crate::campaign::Moment;
use anyhow::Result;
use rusqlite::params;

/// A decision on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// In Chinese.
    pub what: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: Moment,
}

impl Store {
    /// Puts a decision on record; one that is there already stays as it is.
    pub fn decided(&mut self, what: &str, by: &str, at: Moment) -> Result<()> {
        self.connection.execute(
            "INSERT INTO decisions (what, said_by, said_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![what, by, at.timestamp()],
        )?;
        Ok(())
    }

    /// Every decision, in the order they were made.
    pub fn decisions(&self) -> Result<Vec<Decision>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT what, said_by, said_at FROM decisions ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok(Decision {
                what: row.get(0)?,
                by: row.get(1)?,
                at: moment(row.get(2)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
