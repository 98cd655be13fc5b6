//! Every submission in one line: what the workbook lists.

use super::{Store, from_json, from_name, moment};
use crate::attribution::Kind;
use crate::campaign::Moment;
use crate::message::Media;
use anyhow::Result;
use chrono::NaiveDate;

/// A submission without its text.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Entry {
    pub id: i64,
    pub mail: i64,
    /// Its place in the mail.
    pub ordinal: usize,
    pub unit: String,
    pub kind: Kind,
    pub days: Vec<NaiveDate>,
    pub day_inferred: bool,
    pub arrived: Moment,
    /// It replaces an earlier one.
    pub repeats: bool,
    pub title: String,
    /// Sender's address and subject of the mail.
    pub from: String,
    pub subject: String,
    /// Media and name of each file.
    pub files: Vec<(Media, String)>,
}

impl Store {
    /// Every submission that arrived by `until`, in order of arrival.
    pub fn entries(&self, until: Moment) -> Result<Vec<Entry>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT s.id, s.mail, s.ordinal, s.unit, s.kind, s.days, s.day_inferred, s.arrived,
                    s.repeats IS NOT NULL, s.title, m.sender, m.subject,
                    (SELECT group_concat(f.media || ' ' || f.name, char(10)) FROM
                         (SELECT media, name FROM files WHERE submission = s.id ORDER BY position) f)
             FROM submissions s JOIN mails m ON m.id = s.mail WHERE s.arrived <= ?1 ORDER BY s.arrived, s.mail, s.ordinal",
        )?;
        let rows = statement.query_map([until.timestamp()], |row| {
            let files: Option<String> = row.get(12)?;
            let file = |line: &str| -> rusqlite::Result<(Media, String)> {
                let (media, name) = line.split_once(' ').unwrap_or((line, ""));
                Ok((from_name(media.to_owned())?, name.to_owned()))
            };
            Ok(Entry {
                id: row.get(0)?,
                mail: row.get(1)?,
                ordinal: row.get(2)?,
                unit: row.get(3)?,
                kind: from_name(row.get(4)?)?,
                days: from_json(&row.get::<_, String>(5)?)?,
                day_inferred: row.get(6)?,
                arrived: moment(row.get(7)?),
                repeats: row.get(8)?,
                title: row.get(9)?,
                from: row.get(10)?,
                subject: row.get(11)?,
                files: files
                    .unwrap_or_default()
                    .lines()
                    .map(file)
                    .collect::<Result<_, _>>()?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
