//! Judging in order of arrival: what is to be judged, what was known before it, what came of it.

use super::corrections::Decided;
use super::{Store, Unjudged, contents, from_json, from_name, json, moment, name, resemblance};
use crate::attribution::{Earlier, Flag, Past, Sketch, Submission, Verdict};
use crate::campaign::Moment;
use crate::message::Content;
use anyhow::{Context, Result};
use fail::fail_point;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Gives a mail its verdict, with what was known before it.
pub type Judging<'a> = dyn Fn(&Unjudged, &Past) -> Result<Verdict> + 'a;

/// Earlier submissions that a new one is compared with; a repeat of an older one stands for itself.
const COMPARED: u32 = 120;

impl Store {
    /// Whether mails are judged that arrived after one that is not: their verdicts may rest on it. Counted in indexes
    /// alone, which are shorter than the rows.
    pub fn reopens_later(&self) -> Result<bool> {
        let Some(first) = self.first_unjudged()? else {
            return Ok(false);
        };
        let mut statement = self.connection.prepare_cached(
            "SELECT (SELECT count(*) FROM mails WHERE (received_at, id) > (?1, ?2))
                  > (SELECT count(*) FROM mails WHERE outcome IS NULL AND (received_at, id) > (?1, ?2))",
        )?;
        Ok(statement.query_row([first.0, first.1], |row| row.get(0))?)
    }

    /// Whether mails that arrive then, or later, come after all that are kept, and those are judged.
    pub fn is_settled_until(&self, arrived: Moment) -> Result<bool> {
        let mut statement = self.connection.prepare_cached(
            "SELECT NOT EXISTS (SELECT 1 FROM mails WHERE outcome IS NULL)
                AND NOT EXISTS (SELECT 1 FROM mails WHERE received_at > ?1)",
        )?;
        Ok(statement.query_row([arrived.timestamp()], |row| row.get(0))?)
    }

    fn first_unjudged(&self) -> Result<Option<(i64, i64)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT received_at, id FROM mails WHERE outcome IS NULL ORDER BY received_at, id LIMIT 1",
        )?;
        let first = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(first.optional()?)
    }

    /// Sets those mails back to unjudged, and forgets what they told of their senders.
    pub fn reopen_later(&mut self) -> Result<()> {
        let Some((received_at, id)) = self.first_unjudged()? else {
            return Ok(());
        };
        let reopens = self.reopens_later()?;
        let transaction = self.transaction()?;
        if reopens {
            transaction.execute(
                "UPDATE mails SET outcome = NULL WHERE (received_at, id) > (?1, ?2) AND outcome IS NOT NULL",
                [received_at, id],
            )?;
        }
        forget_senders(&transaction)?;
        transaction.commit()?;
        Ok(())
    }

    /// Forgets what unjudged mails told of their senders when they were judged before.
    pub fn forget_senders(&mut self) -> Result<()> {
        forget_senders(&self.connection)
    }

    /// The next mails to judge, in order of arrival; those that arrived by `until`, if given.
    pub fn unjudged(&mut self, limit: usize, until: Option<Moment>) -> Result<Vec<Unjudged>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, sha256, received_at, EXISTS (SELECT 1 FROM replies r WHERE r.mail = mails.id),
                    reason || coalesce((SELECT group_concat(line, '') FROM
                        (SELECT char(10) || kind || ' ' || unit || ' ' || days AS line
                         FROM submissions WHERE mail = mails.id ORDER BY ordinal)), '')
             FROM mails WHERE outcome IS NULL AND received_at <= ?2 ORDER BY received_at, id LIMIT ?1",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let until = until.map_or(i64::MAX, |at| at.timestamp());
        let mut rows = statement.query([limit, until])?;
        let mut unjudged = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            let fresh = self.fresh.remove(&id);
            let is_new = fresh.is_some();
            let (content, words) = match fresh {
                Some(fresh) => fresh,
                None => {
                    let content = contents::read(&self.connection, id)?;
                    (
                        content.with_context(|| format!("mail {id} has no content"))?,
                        None,
                    )
                }
            };
            unjudged.push(Unjudged {
                id,
                sha256: row.get(1)?,
                received_at: moment(row.get(2)?),
                content,
                words,
                is_new,
                is_reply: row.get(3)?,
                stood: row.get(4)?,
            });
        }
        Ok(unjudged)
    }

    /// Judges a batch in one transaction.
    pub fn judge(&mut self, batch: &[Unjudged], judge: &Judging) -> Result<()> {
        let transaction = self.transaction()?;
        let decided = Decided::so_far(&transaction)?;
        for mail in batch {
            let verdict = judged(&transaction, &decided, mail, judge)?;
            settle(&transaction, mail, &verdict)?;
            record(&transaction, mail, &verdict)?;
        }
        fail_point!("judged");
        transaction.commit()?;
        fail_point!("verdicts committed");
        Ok(())
    }
}

/// The verdict of a mail whose row may be still to come.
pub(super) fn judged(
    connection: &Connection,
    decided: &Decided,
    mail: &Unjudged,
    judge: &Judging,
) -> Result<Verdict> {
    let of_unit = |unit: &str| earlier_of_unit(connection, unit, mail);
    let seen_before = |s: &Submission| resemblance::seen_before(connection, mail, s);
    judge(
        mail,
        &past(connection, decided, mail, &of_unit, &seen_before)?,
    )
}

fn forget_senders(connection: &Connection) -> Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM senders WHERE mail IN (SELECT id FROM mails WHERE outcome IS NULL)",
        )?
        .execute([])?;
    Ok(())
}

fn sender(mail: &Unjudged) -> &str {
    mail.content.from.as_ref().map_or("", |from| &from.address)
}

fn past<'a>(
    connection: &Connection,
    decided: &Decided,
    mail: &Unjudged,
    of_unit: &'a dyn Fn(&str) -> Result<Vec<Earlier>>,
    seen_before: &'a dyn Fn(&Submission) -> Result<Vec<Flag>>,
) -> Result<Past<'a>> {
    let sender = sender(mail);
    let mut named_by_sender: Vec<String> = connection
        .prepare_cached(
            "SELECT s.unit FROM senders s JOIN mails m ON m.id = s.mail
             WHERE s.sender = ?1 AND s.sender <> '' AND (m.received_at, m.id) < (?2, ?3) ORDER BY s.unit",
        )?
        .query_map(
            params![sender, mail.received_at.timestamp(), mail.id],
            |row| row.get(0),
        )?
        .collect::<Result<_, _>>()?;
    let (given, denied) = decided.of_address(connection, sender)?;
    named_by_sender.retain(|unit| !denied.contains(unit));
    Ok(Past {
        given_to_sender: given,
        rulings: decided.rulings(connection, &mail.sha256)?,
        seen_before,
        named_by_sender,
        from_sender: earlier_from_sender(connection, sender, mail)?,
        answered: answered(connection, &mail.content)?,
        of_unit,
    })
}

const EARLIER: &str = "s.id, s.unit, s.kind, s.days, s.arrived, s.sketch";

fn earlier(row: &Row) -> rusqlite::Result<Earlier> {
    Ok(Earlier {
        id: row.get(0)?,
        unit: row.get(1)?,
        kind: from_name(row.get(2)?)?,
        days: from_json(&row.get::<_, String>(3)?)?,
        arrived: moment(row.get(4)?),
        sketch: Sketch::from_bytes(row.get_ref(5)?.as_blob()?),
    })
}

fn earlier_of_unit(connection: &Connection, unit: &str, mail: &Unjudged) -> Result<Vec<Earlier>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {EARLIER} FROM submissions s WHERE s.unit = ?1 AND (s.arrived, s.mail) < (?2, ?3)
         ORDER BY s.arrived DESC, s.mail DESC, s.ordinal DESC LIMIT ?4"
    ))?;
    let rows = statement.query_map(
        params![unit, mail.received_at.timestamp(), mail.id, COMPARED],
        earlier,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn earlier_from_sender(
    connection: &Connection,
    sender: &str,
    mail: &Unjudged,
) -> Result<Vec<(Earlier, String)>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {EARLIER}, m.subject FROM submissions s JOIN mails m ON m.id = s.mail
         WHERE m.sender = ?1 AND m.sender <> '' AND m.outcome = 'reports' AND (m.received_at, m.id) < (?2, ?3)
         ORDER BY m.received_at DESC, m.id DESC, s.ordinal DESC LIMIT 8"
    ))?;
    let rows = statement.query_map(
        params![sender, mail.received_at.timestamp(), mail.id],
        |row| Ok((earlier(row)?, row.get(6)?)),
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The unit of the reminder that the mail answers.
fn answered(connection: &Connection, content: &Content) -> Result<Option<String>> {
    let mut statement = connection
        .prepare_cached("SELECT about FROM letters WHERE message_id = ?1 AND rule = 'reminder'")?;
    for id in &content.answers {
        if let Some(unit) = statement.query_row([id], |row| row.get(0)).optional()? {
            return Ok(Some(unit));
        }
    }
    Ok(None)
}

/// What the row of a mail says of its verdict, or of there being none yet.
pub(super) struct Columns<'a> {
    pub outcome: Option<String>,
    pub reason: &'a str,
    pub candidates: String,
    pub weighed: String,
}

impl<'a> Columns<'a> {
    pub fn of(verdict: Option<&'a Verdict>) -> Result<Self> {
        let Some(verdict) = verdict else {
            return Ok(Self {
                outcome: None,
                reason: "",
                candidates: "[]".into(),
                weighed: "[]".into(),
            });
        };
        Ok(Self {
            outcome: Some(name(verdict.outcome)?),
            reason: &verdict.reason,
            candidates: json(&verdict.candidates)?,
            weighed: json(&verdict.weighed)?,
        })
    }
}

/// Puts a verdict in place of an earlier one.
fn settle(connection: &Connection, mail: &Unjudged, verdict: &Verdict) -> Result<()> {
    let columns = Columns::of(Some(verdict))?;
    connection
        .prepare_cached(
            "UPDATE mails SET outcome = ?2, reason = ?3, candidates = ?4, weighed = ?5 WHERE id = ?1",
        )?
        .execute(params![
            mail.id,
            columns.outcome,
            columns.reason,
            columns.candidates,
            columns.weighed,
        ])?;
    match mail.is_new {
        true => Ok(()),
        false => forget(connection, mail, verdict),
    }
}

/// Writes what a mail was found to hold.
pub(super) fn record(connection: &Connection, mail: &Unjudged, verdict: &Verdict) -> Result<()> {
    for submission in &verdict.submissions {
        let id = keep_submission(connection, mail, submission)?;
        index_text(connection, id, submission)?;
        for position in &submission.files {
            connection
                .prepare_cached(
                    "UPDATE files SET submission = ?3 WHERE mail = ?1 AND position = ?2",
                )?
                .execute(params![mail.id, position, id])?;
        }
        remember_sender(connection, mail, verdict, submission)?;
    }
    Ok(())
}

/// What an earlier verdict came to, but for the submissions that stay.
fn forget(connection: &Connection, mail: &Unjudged, verdict: &Verdict) -> Result<()> {
    connection
        .prepare_cached("UPDATE files SET submission = NULL WHERE mail = ?1")?
        .execute([mail.id])?;
    connection
        .prepare_cached("DELETE FROM text_bands WHERE submission IN (SELECT id FROM submissions WHERE mail = ?1)")?
        .execute([mail.id])?;
    let ordinals: Vec<usize> = verdict.submissions.iter().map(|s| s.ordinal).collect();
    connection
        .prepare_cached(
            "DELETE FROM submissions
             WHERE mail = ?1 AND ordinal NOT IN (SELECT value FROM json_each(?2))",
        )?
        .execute(params![mail.id, json(&ordinals)?])?;
    Ok(())
}

fn index_text(connection: &Connection, id: i64, submission: &Submission) -> Result<()> {
    let mut statement = connection
        .prepare_cached("INSERT INTO text_bands VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    for band in &submission.print.bands {
        statement.execute([*band, id])?;
    }
    Ok(())
}

/// Judging again keeps a submission's id, which corrections and letters may name.
fn keep_submission(
    connection: &Connection,
    mail: &Unjudged,
    submission: &Submission,
) -> Result<i64> {
    let links: Vec<_> = submission
        .links
        .iter()
        .filter_map(|n| mail.content.links.get(*n))
        .collect();
    let id = connection
        .prepare_cached(
            "INSERT INTO submissions (mail, ordinal, kind, unit, days, day_inferred, arrived, repeats,
                                      title, text, sketch, links, evidence, flags)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (mail, ordinal) DO UPDATE SET kind = ?3, unit = ?4, days = ?5, day_inferred = ?6,
                 arrived = ?7, repeats = ?8, title = ?9, text = ?10, sketch = ?11, links = ?12, evidence = ?13, flags = ?14
             RETURNING id",
        )?
        .query_row(
            params![
                mail.id,
                submission.ordinal,
                name(submission.kind)?,
                submission.unit,
                json(&submission.days)?,
                submission.day_inferred,
                mail.received_at.timestamp(),
                submission.repeats,
                submission.title,
                submission.text,
                submission.print.sketch.to_bytes(),
                json(&links)?,
                json(&submission.evidence)?,
                json(&submission.flags)?,
            ],
            |row| row.get(0),
        )?;
    Ok(id)
}

fn remember_sender(
    connection: &Connection,
    mail: &Unjudged,
    verdict: &Verdict,
    submission: &Submission,
) -> Result<()> {
    if verdict.plainly_named && !sender(mail).is_empty() {
        connection
            .prepare_cached("INSERT INTO senders VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute(params![sender(mail), submission.unit, mail.id])?;
    }
    Ok(())
}
