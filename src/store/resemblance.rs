//! What was seen before: nearly the same text under another unit, the same photo in another report.
//!
//! Candidates come from indexed fingerprints, so that the search costs the same however much is kept.

use super::{Unjudged, name};
use crate::attribution::{ALIKE, Flag, FlagKind, Kind, Sketch, Submission};
use crate::message::{File, Media};
use anyhow::Result;
use rusqlite::{Connection, OptionalExtension, params};

/// Bits in which two pictures of one photo may differ, of about 144.
const BITS: u32 = 8;
/// A picture with fewer bits set, or unset, is too plain to be known again.
const PLAIN: u32 = 12;
/// Candidates looked at, newest first.
const LOOKED_AT: u32 = 100;

/// What of `submission` came before, in mails that arrived before `mail`.
pub(super) fn seen_before(
    connection: &Connection,
    mail: &Unjudged,
    submission: &Submission,
) -> Result<Vec<Flag>> {
    let mut flags = Vec::new();
    if !matches!(submission.kind, Kind::Statistics | Kind::Supplement) {
        flags.extend(text_of_other(connection, mail, submission)?);
    }
    for position in &submission.files {
        if let Some(file) = mail.content.files.get(*position) {
            flags.extend(photo_seen(connection, mail, submission, file)?);
        }
    }
    Ok(flags)
}

/// The earliest submission of another unit whose text nearly equals this one.
fn text_of_other(
    connection: &Connection,
    mail: &Unjudged,
    submission: &Submission,
) -> Result<Option<Flag>> {
    let mut statement = connection.prepare_cached(
        "SELECT s.id, s.unit, s.title, s.sketch FROM text_bands b JOIN submissions s ON s.id = b.submission
         WHERE b.band = ?1 AND s.unit <> ?2 AND (s.arrived, s.mail) < (?3, ?4)
         ORDER BY s.arrived, s.mail, s.ordinal LIMIT ?5",
    )?;
    for band in &submission.print.bands {
        let values = params![
            band,
            submission.unit,
            mail.received_at.timestamp(),
            mail.id,
            LOOKED_AT
        ];
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            let other = Sketch::from_bytes(row.get_ref(3)?.as_blob()?);
            if submission.print.sketch.resemblance(&other) > ALIKE {
                return Ok(Some(Flag {
                    what: FlagKind::TextOfOther,
                    submission: row.get(0)?,
                    unit: row.get(1)?,
                    seen: row.get(2)?,
                }));
            }
        }
    }
    Ok(None)
}

/// The earlier report that the photo or video came with: the same bytes, or a picture that looks the same.
/// A later version of a report, and a supplement of its unit, rightly show its photos again.
fn photo_seen(
    connection: &Connection,
    mail: &Unjudged,
    submission: &Submission,
    file: &File,
) -> Result<Option<Flag>> {
    if !matches!(file.media, Media::Photo | Media::Video) {
        return Ok(None);
    }
    let mut found = same_bytes(connection, mail, &file.sha256)?;
    if let (None, Some(print)) = (&found, fingerprint(file)) {
        found = same_look(connection, mail, &print)?;
    }
    let Some((id, unit, kind)) = found else {
        return Ok(None);
    };
    let supplement = name(Kind::Supplement)?;
    let supplements =
        unit == submission.unit && (kind == supplement || submission.kind == Kind::Supplement);
    if supplements || are_versions(connection, id, submission.repeats)? {
        return Ok(None);
    }
    Ok(Some(Flag {
        what: FlagKind::PhotoSeen,
        submission: id,
        unit,
        seen: file.name.clone(),
    }))
}

type Found = Option<(i64, String, String)>;

fn same_bytes(connection: &Connection, mail: &Unjudged, sha256: &str) -> Result<Found> {
    let found = connection
        .prepare_cached(
            "SELECT s.id, s.unit, s.kind FROM files f JOIN submissions s ON s.id = f.submission
             WHERE f.sha256 = ?1 AND (s.arrived, s.mail) < (?2, ?3) ORDER BY s.arrived, s.mail, s.ordinal LIMIT 1",
        )?
        .query_row(params![sha256, mail.received_at.timestamp(), mail.id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    Ok(found)
}

fn same_look(connection: &Connection, mail: &Unjudged, print: &[u8]) -> Result<Found> {
    let mut statement = connection.prepare_cached(
        "SELECT s.id, s.unit, s.kind, f.fingerprint FROM photo_bands b
         JOIN files f ON f.mail = b.mail AND f.position = b.position JOIN submissions s ON s.id = f.submission
         WHERE b.band = ?1 AND (s.arrived, s.mail) < (?2, ?3) ORDER BY s.arrived, s.mail, s.ordinal LIMIT ?4",
    )?;
    for band in photo_bands(print) {
        let mut rows = statement.query(params![
            band,
            mail.received_at.timestamp(),
            mail.id,
            LOOKED_AT
        ])?;
        while let Some(row) = rows.next()? {
            if differing_bits(row.get_ref(3)?.as_blob()?, print) <= BITS {
                return Ok(Some((row.get(0)?, row.get(1)?, row.get(2)?)));
            }
        }
    }
    Ok(None)
}

/// Whether two submissions are versions of one report: the same, or led to each other by what they repeat.
fn are_versions(connection: &Connection, one: i64, other: Option<i64>) -> Result<bool> {
    let Some(other) = other else {
        return Ok(false);
    };
    Ok(first_version(connection, one)? == first_version(connection, other)?)
}

/// The one that repeats none. Its id need not be the least: it may have come late.
fn first_version(connection: &Connection, id: i64) -> Result<i64> {
    let first = connection
        .prepare_cached(
            "WITH RECURSIVE chain (id) AS (
                 VALUES (?1) UNION SELECT s.repeats FROM chain JOIN submissions s ON s.id = chain.id WHERE s.repeats IS NOT NULL)
             SELECT coalesce(min(iif(repeats IS NULL, id, NULL)), min(id)) FROM chain JOIN submissions USING (id)",
        )?
        .query_row([id], |row| row.get(0))?;
    Ok(first)
}

/// The bytes of a picture's perceptual hash; `None` for one too plain to be known again.
pub(super) fn fingerprint(file: &File) -> Option<Vec<u8>> {
    let hex = file.details.as_ref()?.fingerprint.as_deref()?;
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let print: Vec<u8> = (0..hex.len() / 2)
        .map(|n| byte(2 * n))
        .collect::<Option<_>>()?;
    let set: u32 = print.iter().map(|byte| byte.count_ones()).sum();
    let all = 8 * print.len() as u32;
    (set >= PLAIN && all - set >= PLAIN).then_some(print)
}

/// The pairs of bytes of a fingerprint with their places: of nine, one is whole where eight bits differ.
pub(super) fn photo_bands(print: &[u8]) -> impl Iterator<Item = i64> {
    let (pairs, _) = print.as_chunks::<2>();
    pairs
        .iter()
        .enumerate()
        .map(|(place, pair)| ((place as i64) << 16) | i64::from(u16::from_be_bytes(*pair)))
}

fn differing_bits(a: &[u8], b: &[u8]) -> u32 {
    let differing: u32 = a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum();
    differing + 8 * a.len().abs_diff(b.len()) as u32
}
