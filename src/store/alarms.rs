//! Alarms: opened once, closed once, each told once.

use super::{Store, moment};
use crate::campaign::Moment;
use anyhow::Result;
use chrono::TimeDelta;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// For so long the cause of a second alarm within a day must stay away, doubled with each further one.
const CALM: TimeDelta = TimeDelta::minutes(10);

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
    /// Opens the alarms of `wrong` (name and words) that are not open, and closes those whose cause stayed away long
    /// enough. Gives what was opened and what was closed.
    pub fn alarms_are(&mut self, wrong: &[(&str, String)], now: Moment) -> Result<Vec<Alarm>> {
        let before = self.connection.total_changes();
        let transaction = self.transaction()?;
        let mut changed = Vec::new();
        for (name, what) in wrong {
            changed.extend(seen(&transaction, name, what, (now, now), false)?);
        }
        let open: Vec<(i64, String, i64)> = transaction
            .prepare_cached(
                "SELECT id, name, seen_at FROM alarms WHERE cleared_at IS NULL ORDER BY id",
            )?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        for (id, name, seen_at) in open {
            let gone = !wrong.iter().any(|(other, _)| *other == name);
            if gone && now - moment(seen_at) >= calm(alarms_of_a_day(&transaction, &name, now)?) {
                transaction.execute(
                    "UPDATE alarms SET cleared_at = ?2 WHERE id = ?1",
                    params![id, now.timestamp()],
                )?;
                changed.push(id);
            }
        }
        transaction.commit()?;
        self.bookkeeping += self.connection.total_changes() - before;
        let changed = changed.into_iter().map(|id| self.alarm(id));
        Ok(changed
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    /// Notes an alarm of a time in which no row could be written: first and last seen, and whether the second way was
    /// told. Gives it where it is new.
    pub fn alarm_was(
        &mut self,
        name: &str,
        what: &str,
        seen_from_to: (Moment, Moment),
        told: bool,
    ) -> Result<Option<Alarm>> {
        let new = seen(&self.connection, name, what, seen_from_to, told)?;
        new.map_or(Ok(None), |id| self.alarm(id))
    }

    /// One alarm.
    pub fn alarm(&self, id: i64) -> Result<Option<Alarm>> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?;
        Ok(statement.query_row([id], alarm).optional()?)
    }

    /// Whether an alarm of this name is not over.
    pub fn has_open_alarm(&self, name: &str) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM alarms WHERE name = ?1 AND cleared_at IS NULL")?;
        Ok(statement.exists([name])?)
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

/// Notes that the cause of an alarm is there; gives the alarm's number where it is new.
fn seen(
    connection: &Connection,
    name: &str,
    what: &str,
    (first, last): (Moment, Moment),
    told: bool,
) -> Result<Option<i64>> {
    let new = connection
        .prepare_cached(
            "INSERT INTO alarms (name, what, since, seen_at, told) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )?
        .execute(params![name, what, first.timestamp(), last.timestamp(), told])?;
    if new > 0 {
        return Ok(Some(connection.last_insert_rowid()));
    }
    connection
        .prepare_cached(
            "UPDATE alarms SET seen_at = max(seen_at, ?2) WHERE name = ?1 AND cleared_at IS NULL",
        )?
        .execute(params![name, last.timestamp()])?;
    Ok(None)
}

fn alarms_of_a_day(connection: &Connection, name: &str, now: Moment) -> Result<u32> {
    let since = (now - TimeDelta::hours(24)).timestamp();
    let mut statement =
        connection.prepare_cached("SELECT count(*) FROM alarms WHERE name = ?1 AND since > ?2")?;
    Ok(statement.query_row(params![name, since], |row| row.get(0))?)
}

/// How long the cause must stay away: the first alarm of a day is over at once, one that comes again and again is not.
fn calm(alarms_of_a_day: u32) -> TimeDelta {
    match alarms_of_a_day {
        0 | 1 => TimeDelta::zero(),
        n => CALM * 2_i32.pow((n - 2).min(4)),
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
