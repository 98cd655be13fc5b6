//! Reading back what is kept: mails with their submissions and files, and the facts for standings.

use super::{Fact, Store, contents, from_json, from_name, moment};
use crate::attribution::{Evidence, Flag, Kind, Outcome, Weighed};
use crate::campaign::Moment;
use crate::message::{Content, Link, Media};
use anyhow::Result;
use chrono::NaiveDate;
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;

/// A kept mail and its outcome.
#[derive(Debug, Clone)]
pub struct MailRow {
    /// Row id; `None` for a mail that the server lists but does not hand out.
    pub id: Option<i64>,
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// File name, or folder/uid.
    pub source: String,
    /// By the server's clock; of a mail not handed out, when it was first seen.
    pub received_at: Moment,
    /// Sender's address.
    pub from: String,
    /// Decoded.
    pub subject: String,
    /// `None` only where a pass was cut off between keeping and judging.
    pub outcome: Option<Outcome>,
    /// Why.
    pub reason: String,
    /// What could not be read, in words for staff.
    pub incomplete: Vec<String>,
    /// Units in question.
    pub candidates: Vec<String>,
    /// What speaks for each unit.
    pub weighed: Vec<Weighed>,
}

/// A submission as judged.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct SubmissionRow {
    pub fact: Fact,
    /// Its place in the mail.
    pub ordinal: usize,
    /// Message-ID of the mail that carried the submission it repeats.
    pub repeats_message: Option<String>,
    pub day_inferred: bool,
    pub title: String,
    pub text: String,
    pub links: Vec<Link>,
    pub evidence: Vec<Evidence>,
    pub flags: Vec<Flag>,
}

/// A file as kept.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct FileRow {
    /// Place in the files of its mail.
    pub position: usize,
    pub name: String,
    pub media: Media,
    pub sha256: String,
    pub bytes: u64,
    pub taken_at: Option<Moment>,
}

/// Kept mails by their outcome, and those that the server does not hand out among the unreadable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Census {
    pub reports: u64,
    pub not_report: u64,
    pub review: u64,
    pub unreadable: u64,
    /// Kept, and judged with the next pass.
    pub unjudged: u64,
}

const SUBMISSIONS: &str = "SELECT s.id, s.mail, s.unit, s.kind, s.days, s.arrived, s.repeats,
            em.message_id, s.day_inferred, s.title, s.text, s.links, s.evidence, s.flags, s.ordinal
     FROM submissions s
     LEFT JOIN submissions e ON e.id = s.repeats
     LEFT JOIN mails em ON em.id = e.mail";

impl Store {
    /// Every mail in order of arrival; those that arrived after `after`, if given.
    pub fn mails(&self, after: Option<Moment>) -> Result<Vec<MailRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, message_id, source, received_at, sender, subject, outcome, reason, candidates,
                    coalesce((SELECT content ->> '$.incomplete' FROM contents WHERE mail = id), '[]'), weighed
             FROM mails WHERE received_at > ?1
             UNION ALL
             SELECT NULL, NULL, folder || '/' || uid, received_at, '', '', 'unreadable', '服务器未能提供此邮件：' || error, '[]', '[]', '[]'
             FROM locations WHERE mail IS NULL AND NOT gone AND received_at > ?1
             ORDER BY 4, 1",
        )?;
        let after = after.map_or(i64::MIN, |moment| moment.timestamp());
        let rows = statement.query_map([after], mail_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many mails are kept.
    pub fn census(&self) -> Result<Census> {
        let mut statement = self.connection.prepare_cached(
            "SELECT count(*) FILTER (WHERE outcome = 'reports'), count(*) FILTER (WHERE outcome = 'not_report'),
                    count(*) FILTER (WHERE outcome = 'review'),
                    count(*) FILTER (WHERE outcome = 'unreadable')
                        + (SELECT count(*) FROM locations WHERE mail IS NULL AND NOT gone),
                    count(*) FILTER (WHERE outcome IS NULL)
             FROM mails",
        )?;
        Ok(statement.query_row([], |row| {
            Ok(Census {
                reports: row.get(0)?,
                not_report: row.get(1)?,
                review: row.get(2)?,
                unreadable: row.get(3)?,
                unjudged: row.get(4)?,
            })
        })?)
    }

    /// Mails that arrived by `until` and were not taken as reports, in order of arrival.
    pub fn mails_not_taken(&self, until: Moment) -> Result<Vec<MailRow>> {
        const BRIEF: &str = "SELECT id, message_id, source, received_at, sender, subject, outcome, reason, candidates, '[]', '[]'
             FROM mails";
        let mut statement = self.connection.prepare_cached(&format!(
            "{BRIEF} WHERE outcome <> 'reports' AND received_at <= ?1
             UNION ALL {BRIEF} WHERE outcome IS NULL AND received_at <= ?1
             UNION ALL
             SELECT NULL, NULL, folder || '/' || uid, received_at, '', '', 'unreadable', '服务器未能提供此邮件：' || error, '[]', '[]', '[]'
             FROM locations WHERE mail IS NULL AND NOT gone AND received_at <= ?1
             ORDER BY 4, 1",
        ))?;
        let rows = statement.query_map([until.timestamp()], mail_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether so many mails or more arrived after `since` that could not be read, or could not be fetched.
    pub fn has_unreadable(&self, most: usize, since: Moment) -> Result<bool> {
        self.has_at_least(
            most,
            since,
            "SELECT 1 FROM mails INDEXED BY mails_doubtful WHERE outcome = 'unreadable' AND received_at > ?1
             UNION ALL SELECT 1 FROM locations WHERE mail IS NULL AND NOT gone AND received_at > ?1",
        )
    }

    /// The same of mails in review.
    pub fn has_in_review(&self, most: usize, since: Moment) -> Result<bool> {
        self.has_at_least(
            most,
            since,
            "SELECT 1 FROM mails INDEXED BY mails_doubtful WHERE outcome = 'review' AND received_at > ?1",
        )
    }

    fn has_at_least(&self, most: usize, since: Moment, rows: &str) -> Result<bool> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("SELECT count(*) >= ?2 FROM ({rows} LIMIT ?2)"))?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Ok(statement.query_row([since.timestamp(), most], |row| row.get(0))?)
    }

    /// One mail.
    pub fn mail(&self, id: i64) -> Result<Option<MailRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, message_id, source, received_at, sender, subject, outcome, reason, candidates,
                    coalesce((SELECT content ->> '$.incomplete' FROM contents WHERE mail = id), '[]'), weighed
             FROM mails WHERE id = ?1",
        )?;
        Ok(statement.query_row([id], mail_row).optional()?)
    }

    /// What was read from a mail.
    pub fn content(&self, mail: i64) -> Result<Option<Content>> {
        contents::read(&self.connection, mail)
    }

    /// The hash of a mail's bytes.
    pub fn sha256(&self, mail: i64) -> Result<Option<String>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT sha256 FROM mails WHERE id = ?1")?;
        Ok(statement.query_row([mail], |row| row.get(0)).optional()?)
    }

    /// The mails with this Message-ID.
    pub fn mails_of_message(&self, message_id: &str) -> Result<Vec<i64>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id FROM mails WHERE message_id = ?1 ORDER BY id")?;
        let rows = statement.query_map([message_id], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The mail and the place in it of a submission.
    pub fn place_of(&self, submission: i64) -> Result<Option<(i64, usize)>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT mail, ordinal FROM submissions WHERE id = ?1")?;
        let place = statement.query_row([submission], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(place.optional()?)
    }

    /// A mail's submissions in their order.
    pub fn submissions_of(&self, mail: i64) -> Result<Vec<SubmissionRow>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{SUBMISSIONS} WHERE s.mail = ?1 ORDER BY s.ordinal"
        ))?;
        let rows = statement.query_map([mail], submission_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A submission's files in their order.
    pub fn files_of_submission(&self, submission: i64) -> Result<Vec<FileRow>> {
        self.files("submission = ?1", submission)
    }

    /// All files of a mail in their order.
    pub fn files_of_mail(&self, mail: i64) -> Result<Vec<FileRow>> {
        self.files("mail = ?1", mail)
    }

    fn files(&self, condition: &str, id: i64) -> Result<Vec<FileRow>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT name, media, sha256, bytes, taken_at, position FROM files WHERE {condition} ORDER BY mail, position"
        ))?;
        let rows = statement.query_map([id], file_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The first `most` submissions that arrived after `after` and by `until`, in order of arrival.
    pub fn first_submissions(
        &self,
        after: Moment,
        until: Moment,
        most: usize,
    ) -> Result<Vec<SubmissionRow>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{SUBMISSIONS} WHERE s.arrived > ?1 AND s.arrived <= ?2 ORDER BY s.arrived, s.mail, s.ordinal LIMIT ?3"
        ))?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = statement.query_map(
            params![after.timestamp(), until.timestamp(), most],
            submission_row,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Submissions that resemble others and arrived after `after` and by `until`, in order of arrival.
    pub fn flagged(&self, after: Moment, until: Moment) -> Result<Vec<SubmissionRow>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{SUBMISSIONS} WHERE s.flags <> '[]' AND s.arrived > ?1 AND s.arrived <= ?2 ORDER BY s.arrived, s.mail, s.ordinal"
        ))?;
        let rows = statement.query_map([after.timestamp(), until.timestamp()], submission_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Submissions of one kind that arrived by `until`, in order of arrival.
    pub fn submissions_of_kind(&self, kind: Kind, until: Moment) -> Result<Vec<SubmissionRow>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{SUBMISSIONS} WHERE s.kind = ?1 AND s.arrived <= ?2 ORDER BY s.arrived, s.mail, s.ordinal"
        ))?;
        let values = params![super::name(kind).unwrap_or_default(), until.timestamp()];
        let rows = statement.query_map(values, submission_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Mail, unit and links of submissions that arrived by `until` and hold any.
    pub fn linked(&self, until: Moment) -> Result<Vec<(i64, String, Vec<Link>)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT mail, unit, links FROM submissions WHERE links <> '[]' AND arrived <= ?1 ORDER BY arrived, mail, ordinal",
        )?;
        let rows = statement.query_map([until.timestamp()], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                from_json(&row.get::<_, String>(2)?)?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Photos and videos that belong to submissions, each distinct one once.
    pub fn media_totals(&self, until: Moment) -> Result<(u64, u64)> {
        let mut statement = self.connection.prepare_cached(
            "SELECT count(DISTINCT sha256) FILTER (WHERE media = 'photo'), count(DISTINCT sha256) FILTER (WHERE media = 'video')
             FROM files f JOIN submissions s ON s.id = f.submission WHERE s.arrived <= ?1",
        )?;
        Ok(statement.query_row([until.timestamp()], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// What standings are computed from.
    pub fn facts(&self) -> Result<Vec<Fact>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, mail, unit, kind, days, arrived, repeats FROM submissions ORDER BY arrived, mail, ordinal",
        )?;
        let rows = statement.query_map(params![], fact)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn mail_row(row: &Row) -> rusqlite::Result<MailRow> {
    let outcome: Option<String> = row.get(6)?;
    Ok(MailRow {
        id: row.get(0)?,
        message_id: row.get(1)?,
        source: row.get(2)?,
        received_at: moment(row.get(3)?),
        from: row.get(4)?,
        subject: row.get(5)?,
        outcome: outcome.map(from_name).transpose()?,
        reason: row.get(7)?,
        candidates: from_json(&row.get::<_, String>(8)?)?,
        incomplete: from_json(&row.get::<_, String>(9)?)?,
        weighed: from_json(&row.get::<_, String>(10)?)?,
    })
}

fn fact(row: &Row) -> rusqlite::Result<Fact> {
    Ok(Fact {
        id: row.get(0)?,
        mail: row.get(1)?,
        unit: row.get(2)?,
        kind: from_name::<Kind>(row.get(3)?)?,
        days: from_json::<Vec<NaiveDate>>(&row.get::<_, String>(4)?)?,
        arrived: moment(row.get(5)?),
        repeats: row.get(6)?,
    })
}

fn submission_row(row: &Row) -> rusqlite::Result<SubmissionRow> {
    Ok(SubmissionRow {
        fact: fact(row)?,
        repeats_message: row.get(7)?,
        day_inferred: row.get(8)?,
        title: row.get(9)?,
        text: row.get(10)?,
        links: from_json(&row.get::<_, String>(11)?)?,
        evidence: from_json(&row.get::<_, String>(12)?)?,
        flags: from_json(&row.get::<_, String>(13)?)?,
        ordinal: row.get(14)?,
    })
}

fn file_row(row: &Row) -> rusqlite::Result<FileRow> {
    Ok(FileRow {
        name: row.get(0)?,
        media: from_name(row.get(1)?)?,
        sha256: row.get(2)?,
        bytes: row.get(3)?,
        taken_at: row.get::<_, Option<i64>>(4)?.map(moment),
        position: row.get(5)?,
    })
}
