//! What staff decided: kept apart with who, when and the verdict before, and never deleted.

use super::intake::is_of;
use super::{Store, from_json, json, moment};
use crate::attribution::{Change, Ruling, Rulings};
use crate::campaign::Moment;
use anyhow::{Result, ensure};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// A decision to be kept.
#[derive(Debug)]
pub struct NewCorrection {
    /// The mail it is about.
    pub mail: i64,
    /// Of its submissions, which; `None` for the whole mail.
    pub ordinal: Option<usize>,
    /// What was decided.
    pub change: Change,
    /// Names and addresses that are to be known for a unit from now on.
    pub lessons: Vec<NewLesson>,
}

/// Something to be known for a unit.
#[derive(Debug)]
pub struct NewLesson {
    /// Address or name.
    pub what: LessonKind,
    /// The address in lower case, or the name in normal form.
    pub value: String,
    /// Official name.
    pub unit: String,
}

/// What can be known for a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum LessonKind {
    Address,
    Alias,
}

/// A decision as kept.
#[derive(Debug, Clone)]
pub struct CorrectionRow {
    /// Its number.
    pub id: i64,
    /// The mail it is about; `None` where that is not kept (yet).
    pub mail: Option<i64>,
    /// The mail's subject.
    pub subject: String,
    /// Of its submissions, which.
    pub ordinal: Option<usize>,
    /// What was decided.
    pub change: Change,
    /// Who.
    pub by: String,
    /// When.
    pub at: Moment,
    /// Who took it back, and when.
    pub revoked: Option<(String, Moment)>,
    /// Outcome, candidates and submissions before, as JSON.
    pub before: String,
}

/// Something known for a unit: said by staff, or learnt from a mail.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// Address or name.
    pub what: LessonKind,
    /// The address or name.
    pub value: String,
    /// Official name.
    pub unit: String,
    /// False: it is known not to be the unit's.
    pub holds: bool,
    /// Who said so; `None` where the mail `mail` named the unit plainly.
    pub said_by: Option<String>,
    /// The mail that taught it.
    pub mail: Option<i64>,
}

impl Store {
    /// Keeps a decision, and sets the mail back to be judged. Gives the number of the correction: of one that
    /// was made before by the same person at the same moment, the number it has.
    pub fn correct(&mut self, new: &NewCorrection, by: &str, at: Moment) -> Result<i64> {
        let transaction = self.transaction()?;
        let change = json(&new.change)?;
        let made: Option<i64> = transaction
            .query_row(
                "SELECT c.id FROM mails m JOIN corrections c ON c.mail_sha256 = m.sha256
                 WHERE m.id = ?1 AND c.ordinal IS ?2 AND c.change = ?3 AND c.made_by = ?4 AND c.made_at = ?5",
                params![new.mail, new.ordinal, change, by, at.timestamp()],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(made) = made {
            return Ok(made);
        }
        transaction.execute(
            "INSERT INTO corrections (mail_sha256, ordinal, change, made_by, made_at, verdict_before)
             SELECT sha256, ?2, ?3, ?4, ?5, ?6 FROM mails WHERE id = ?1",
            params![new.mail, new.ordinal, change, by, at.timestamp(), verdict(&transaction, new.mail)?],
        )?;
        let correction = transaction.last_insert_rowid();
        for lesson in &new.lessons {
            teach(&transaction, lesson, true, Some(correction), by, at)?;
            reopen_taught(&transaction, lesson)?;
        }
        reopen(&transaction, new.mail)?;
        transaction.commit()?;
        Ok(correction)
    }

    /// Takes a decision back, with what it taught.
    pub fn revoke(&mut self, correction: i64, by: &str, at: Moment) -> Result<()> {
        let transaction = self.transaction()?;
        let revoked = transaction.execute(
            "UPDATE corrections SET revoked_by = ?2, revoked_at = ?3 WHERE id = ?1 AND revoked_at IS NULL",
            params![correction, by, at.timestamp()],
        )?;
        ensure!(
            revoked == 1,
            "there is no correction {correction} that is in force"
        );
        for lesson in lessons(&transaction, "correction = ?1", [correction])? {
            reopen_taught(&transaction, &lesson)?;
        }
        transaction.execute("DELETE FROM lessons WHERE correction = ?1", [correction])?;
        let corrected = is_of("mails", "c.mail_sha256");
        transaction.execute(
            &format!(
                "UPDATE mails SET outcome = NULL FROM corrections c WHERE c.id = ?1 AND {corrected}"
            ),
            [correction],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Says that an address or name is, or is not, a unit's, whatever was known before.
    pub fn teach(&mut self, lesson: &NewLesson, holds: bool, by: &str, at: Moment) -> Result<()> {
        let transaction = self.transaction()?;
        teach(&transaction, lesson, holds, None, by, at)?;
        reopen_taught(&transaction, lesson)?;
        transaction.commit()?;
        Ok(())
    }

    /// Every decision, in the order they were made.
    pub fn corrections(&self) -> Result<Vec<CorrectionRow>> {
        let corrected = is_of("m", "c.mail_sha256");
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT c.id, m.id, coalesce(m.subject, ''), c.ordinal, c.change, c.made_by, c.made_at,
                    c.revoked_by, c.revoked_at, c.verdict_before
             FROM corrections c LEFT JOIN mails m ON {corrected} ORDER BY c.id",
        ))?;
        let rows = statement.query_map([], correction)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All that is known for units besides the roster, staff's word first.
    pub fn lessons(&self) -> Result<Vec<Lesson>> {
        let corrected = is_of("m", "c.mail_sha256");
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT * FROM (SELECT l.what AS what, l.value AS value, l.unit AS unit, l.holds, l.said_by AS said_by, m.id
             FROM lessons l LEFT JOIN corrections c ON c.id = l.correction LEFT JOIN mails m ON {corrected}
             UNION ALL
             SELECT 'address', sender, unit, 1, NULL, mail FROM senders s
             WHERE NOT EXISTS (SELECT 1 FROM lessons l WHERE l.what = 'address' AND l.value = s.sender AND l.unit = s.unit))
             ORDER BY said_by IS NULL, what, value, unit",
        ))?;
        let rows = statement.query_map([], |row| {
            Ok(Lesson {
                what: super::from_name(row.get(0)?)?,
                value: row.get(1)?,
                unit: row.get(2)?,
                holds: row.get(3)?,
                said_by: row.get(4)?,
                mail: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Whether staff decided anything yet: a campaign begins without, and each mail need not ask.
pub(super) struct Decided {
    corrections: bool,
    lessons: bool,
}

impl Decided {
    /// By now. Holds for a transaction.
    pub fn so_far(connection: &Connection) -> Result<Self> {
        let mut statement = connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM corrections), EXISTS (SELECT 1 FROM lessons)",
        )?;
        Ok(statement.query_row([], |row| {
            Ok(Self {
                corrections: row.get(0)?,
                lessons: row.get(1)?,
            })
        })?)
    }

    /// The decisions in force about the mail of these bytes.
    pub fn rulings(&self, connection: &Connection, sha256: &str) -> Result<Rulings> {
        if !self.corrections {
            return Ok(Rulings::default());
        }
        let other = is_of("o", "(c.change ->> '$.mail')");
        let mut statement = connection.prepare_cached(&format!(
            "SELECT c.ordinal, c.change, c.made_by, c.made_at, s.id
             FROM corrections c
             LEFT JOIN mails o ON {other}
             LEFT JOIN submissions s ON s.mail = o.id AND s.ordinal = c.change ->> '$.ordinal'
             WHERE c.mail_sha256 = ?1 AND c.revoked_at IS NULL ORDER BY c.id",
        ))?;
        let rows = statement.query_map([sha256], |row| {
            Ok(Ruling {
                ordinal: row.get(0)?,
                change: from_json(&row.get::<_, String>(1)?)?,
                by: row.get(2)?,
                at: moment(row.get(3)?),
                merged_with: row.get(4)?,
            })
        })?;
        Ok(Rulings::of(sha256, rows.collect::<Result<_, _>>()?))
    }

    /// Units that staff gave to an address, and those that they took from it.
    pub fn of_address(
        &self,
        connection: &Connection,
        address: &str,
    ) -> Result<(Vec<String>, Vec<String>)> {
        let (mut given, mut denied) = (Vec::new(), Vec::new());
        if !self.lessons {
            return Ok((given, denied));
        }
        let mut statement = connection.prepare_cached(
            "SELECT unit, holds FROM lessons WHERE what = 'address' AND value = lower(?1) ORDER BY unit",
        )?;
        let mut rows = statement.query([address])?;
        while let Some(row) = rows.next()? {
            match row.get(1)? {
                true => given.push(row.get(0)?),
                false => denied.push(row.get(0)?),
            }
        }
        Ok((given, denied))
    }
}

fn teach(
    transaction: &Transaction,
    lesson: &NewLesson,
    holds: bool,
    correction: Option<i64>,
    by: &str,
    at: Moment,
) -> Result<()> {
    transaction.execute(
        "INSERT INTO lessons (what, value, unit, holds, correction, said_by, said_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET holds = ?4, correction = ?5, said_by = ?6, said_at = ?7",
        params![super::name(lesson.what)?, lesson.value, lesson.unit, holds, correction, by, at.timestamp()],
    )?;
    Ok(())
}

fn lessons(
    connection: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<NewLesson>> {
    let mut statement = connection.prepare(&format!(
        "SELECT what, value, unit FROM lessons WHERE {condition}"
    ))?;
    let rows = statement.query_map(values, |row| {
        Ok(NewLesson {
            what: super::from_name(row.get(0)?)?,
            value: row.get(1)?,
            unit: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Mails that a lesson may bear upon are judged again: those from the address, or all.
fn reopen_taught(transaction: &Transaction, lesson: &NewLesson) -> Result<()> {
    match lesson.what {
        LessonKind::Address => transaction.execute(
            "UPDATE mails SET outcome = NULL WHERE lower(sender) = ?1",
            [&lesson.value],
        )?,
        LessonKind::Alias => transaction.execute("UPDATE mails SET outcome = NULL", [])?,
    };
    Ok(())
}

pub(super) fn reopen(transaction: &Transaction, mail: i64) -> Result<()> {
    transaction.execute("UPDATE mails SET outcome = NULL WHERE id = ?1", [mail])?;
    Ok(())
}

/// What stands now, for the record.
fn verdict(connection: &Connection, mail: i64) -> Result<String> {
    let verdict = connection
        .query_row(
            "SELECT json_object('outcome', m.outcome, 'reason', m.reason, 'candidates', json(m.candidates),
                 'submissions', (SELECT json_group_array(json_object('ordinal', s.ordinal, 'kind', s.kind, 'unit', s.unit,
                                     'days', json(s.days), 'repeats', s.repeats) ORDER BY s.ordinal)
                                 FROM submissions s WHERE s.mail = m.id))
             FROM mails m WHERE m.id = ?1",
            [mail],
            |row| row.get(0),
        )
        .optional()?;
    verdict.ok_or_else(|| anyhow::anyhow!("there is no mail {mail}"))
}

fn correction(row: &Row) -> rusqlite::Result<CorrectionRow> {
    let (by, at): (Option<String>, Option<i64>) = (row.get(7)?, row.get(8)?);
    Ok(CorrectionRow {
        id: row.get(0)?,
        mail: row.get(1)?,
        subject: row.get(2)?,
        ordinal: row.get(3)?,
        change: from_json(&row.get::<_, String>(4)?)?,
        by: row.get(5)?,
        at: moment(row.get(6)?),
        revoked: by.zip(at.map(moment)),
        before: row.get(9)?,
    })
}
