//! Alarms: opened once, closed once, each told once.

use super::{Store, moment};
use crate::campaign::Moment;
use anyhow::Result;
use rusqlite::{OptionalExtension, Row, params};

/// Something that is, or was, wrong with the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Row id.
    pub id: i64,
    /// `credentials`, `poll`, `disk` and the like.
    pub name: String,
    /// In Chinese.
    pub what: String,
    /// When it was first seen.
    pub since: Moment,
    /// When it was over.
    pub cleared: Option<Moment>,
}

const COLUMNS: &str = "SELECT id, name, what, since, cleared_at FROM alarms";

impl Store {
    /// Opens the alarms of `wrong` (name and words) that are not open, and closes those that `wrong` lacks. Gives what
    /// was opened and what was closed.
    pub fn alarms_are(&mut self, wrong: &[(&str, String)], now: Moment) -> Result<Vec<Alarm>> {
        let transaction = self.connection.transaction()?;
        let mut changed = Vec::new();
        for (name, what) in wrong {
            let new = transaction.execute(
                "INSERT INTO alarms (name, what, since) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![name, what, now.timestamp()],
            )?;
            if new > 0 {
                changed.push(transaction.last_insert_rowid());
            }
        }
        let open: Vec<(i64, String)> = transaction
            .prepare("SELECT id, name FROM alarms WHERE cleared_at IS NULL ORDER BY id")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (id, name) in open {
            if !wrong.iter().any(|(other, _)| *other == name) {
                transaction.execute(
                    "UPDATE alarms SET cleared_at = ?2 WHERE id = ?1",
                    params![id, now.timestamp()],
                )?;
                changed.push(id);
            }
        }
        transaction.commit()?;
        let changed = changed.into_iter().map(|id| self.alarm(id));
        Ok(changed
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    /// One alarm.
    pub fn alarm(&self, id: i64) -> Result<Option<Alarm>> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?;
        Ok(statement.query_row([id], alarm).optional()?)
    }

    /// Alarms that are not over.
    pub fn open_alarms(&self) -> Result<Vec<Alarm>> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("{COLUMNS} WHERE cleared_at IS NULL ORDER BY id"))?;
        let rows = statement.query_map([], alarm)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Alarms whose beginning or end the second way was not told. One that was over before it was told is not.
    pub fn untold_alarms(&self) -> Result<Vec<Alarm>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{COLUMNS} WHERE told = 0 AND cleared_at IS NULL OR told = 1 AND cleared_at IS NOT NULL ORDER BY id"
        ))?;
        let rows = statement.query_map([], alarm)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes that the second way was told of an alarm as it stands.
    pub fn alarm_told(&mut self, alarm: &Alarm) -> Result<()> {
        let told = if alarm.cleared.is_some() { 2 } else { 1 };
        self.connection.execute(
            "UPDATE alarms SET told = ?2 WHERE id = ?1",
            params![alarm.id, told],
        )?;
        Ok(())
    }

    /// Letters that the server refused, or that were given up, since `after`.
    pub fn letters_failed(&self, after: Moment) -> Result<usize> {
        let mut statement = self.connection.prepare_cached(
            "SELECT count(*) FROM letters WHERE state IN ('refused', 'given_up') AND changed_at > ?1",
        )?;
        Ok(statement.query_row([after.timestamp()], |row| row.get(0))?)
    }
}

fn alarm(row: &Row) -> rusqlite::Result<Alarm> {
    Ok(Alarm {
        id: row.get(0)?,
        name: row.get(1)?,
        what: row.get(2)?,
        since: moment(row.get(3)?),
        cleared: row.get::<_, Option<i64>>(4)?.map(moment),
    })
}
