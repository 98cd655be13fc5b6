//! The shortlist (遴选): submissions that staff chose, by the place they have in their mails.

use super::Store;
use super::intake::is_of;
use crate::campaign::Moment;
use anyhow::Result;
use rusqlite::params;
use std::collections::BTreeSet;

impl Store {
    /// Puts a submission on the shortlist, or takes it off.
    pub fn star(
        &mut self,
        mail: i64,
        ordinal: usize,
        starred: bool,
        by: &str,
        at: Moment,
    ) -> Result<()> {
        if starred {
            self.connection.execute(
                "INSERT INTO stars SELECT sha256, ?2, ?3, ?4 FROM mails WHERE id = ?1 ON CONFLICT DO NOTHING",
                params![mail, ordinal, by, at.timestamp()],
            )?;
        } else {
            self.connection.execute(
                "DELETE FROM stars WHERE ordinal = ?2 AND mail_sha256 = (SELECT sha256 FROM mails WHERE id = ?1)",
                params![mail, ordinal],
            )?;
        }
        Ok(())
    }

    /// Ids of the submissions on the shortlist.
    pub fn starred(&self) -> Result<BTreeSet<i64>> {
        // CROSS JOIN keeps the order of tables; SQLite would begin with all submissions.
        let starred = is_of("m", "t.mail_sha256");
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT s.id FROM stars t CROSS JOIN mails m ON {starred}
             CROSS JOIN submissions s ON s.mail = m.id AND s.ordinal = t.ordinal",
        ))?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
