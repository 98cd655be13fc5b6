//! Fetching mails: sizes first, then small mails in batches and large ones in parts, straight to disk.

use super::{Error, Raw, Session};
use crate::campaign::{CST, Moment};
use async_imap::imap_proto::{AttributeValue, Response};
use chrono::{DateTime, Datelike};
use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use tempfile::NamedTempFile;

/// Mails whose sizes are best asked for in one command: some 4 kB of UIDs.
pub const SIZES: usize = 400;
/// Mails and bytes in one batch. 163.com was seen to cut a FETCH of 89 mails.
const BATCH: usize = 50;
/// See there.
pub const BATCH_BYTES: u64 = 2 << 20;
/// Mails up to this size are fetched whole.
const WHOLE: u64 = 4 << 20;
/// A part of a larger one, which stands in memory twice on its way to the disk.
const PART: u64 = 1 << 20;
/// More than any mail that 163.com takes (APPENDLIMIT 71,680,000).
const LARGEST: u64 = 200 << 20;

/// A mail before its body is fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// In its folder.
    pub uid: u32,
    /// As the server states it; real sizes differ on some servers.
    pub size: u64,
    /// INTERNALDATE; `None` where the server gives none that can be read.
    pub received_at: Option<Moment>,
}

/// A mail as fetched.
#[derive(Debug)]
pub struct Fetched {
    /// Which.
    pub listed: Listed,
    /// Its bytes.
    pub raw: Raw,
}

/// Parts `listed`, in order of arrival, into what one command each fetches.
pub fn batches(mut listed: Vec<Listed>) -> Vec<Vec<Listed>> {
    listed.sort_by_key(|mail| (mail.received_at, mail.uid));
    let mut batches: Vec<Vec<Listed>> = Vec::new();
    let mut bytes = 0;
    for mail in listed {
        bytes += mail.size;
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH && bytes <= BATCH_BYTES => batch.push(mail),
            _ => {
                bytes = mail.size;
                batches.push(vec![mail]);
            }
        }
    }
    batches
}

impl Session {
    /// Size and arrival of each of `uids` that the open folder still has.
    pub async fn list(&mut self, uids: &[u32]) -> Result<Vec<Listed>, Error> {
        let asked: HashSet<u32> = uids.iter().copied().collect();
        let command = format!("UID FETCH {} (UID INTERNALDATE RFC822.SIZE)", set(uids));
        let mut all = Vec::new();
        self.command(&command, 0, |response| {
            all.extend(listed(response).filter(|mail| asked.contains(&mail.uid)));
            Ok(())
        })
        .await?;
        all.sort_by_key(|mail| mail.uid);
        all.dedup_by_key(|mail| mail.uid);
        Ok(all)
    }

    /// The mails of one batch that the server hands out; large ones lie in `spool`. `got_on` is told of each part of a
    /// large one, for a slow line takes an hour for it.
    pub async fn fetch(
        &mut self,
        batch: &[Listed],
        spool: &Path,
        got_on: &(dyn Fn() + Sync),
    ) -> Result<Vec<Fetched>, Error> {
        match batch {
            [large] if large.size > WHOLE => {
                let mail = self.in_parts(large, spool, got_on).await?;
                Ok(mail.into_iter().collect())
            }
            _ => self.whole(batch, spool).await,
        }
    }

    async fn whole(&mut self, batch: &[Listed], spool: &Path) -> Result<Vec<Fetched>, Error> {
        let uids: Vec<u32> = batch.iter().map(|mail| mail.uid).collect();
        let command = format!("UID FETCH {} (UID BODY.PEEK[])", set(&uids));
        let mut bodies: Vec<(u32, Raw)> = Vec::with_capacity(batch.len());
        let size = batch.iter().map(|mail| mail.size).sum();
        self.command(&command, size, |response| {
            if let Some(body) = body(response) {
                bodies.push((body.uid, raw(body.data, spool)?));
            }
            Ok(())
        })
        .await?;
        let mail_of = |uid| batch.iter().find(|mail| mail.uid == uid).cloned();
        let fetched = bodies.into_iter().filter_map(|(uid, raw)| {
            Some(Fetched {
                listed: mail_of(uid)?,
                raw,
            })
        });
        Ok(fetched.collect())
    }

    async fn in_parts(
        &mut self,
        mail: &Listed,
        spool: &Path,
        got_on: &(dyn Fn() + Sync),
    ) -> Result<Option<Fetched>, Error> {
        let mut file = NamedTempFile::new_in(spool)?;
        let mut written = 0;
        while written < LARGEST {
            let part = match self.part(mail, written, &mut file).await {
                Err(Error::Refused { .. }) if written == 0 => {
                    return self.undivided(mail, spool).await;
                }
                other => other?,
            };
            let Some(part) = part else { return Ok(None) };
            got_on();
            written += part.bytes;
            let last = part.bytes == 0 || (part.bytes < PART && written >= mail.size);
            if part.whole || last {
                file.flush()?;
                return Ok(Some(Fetched {
                    listed: mail.clone(),
                    raw: Raw::File(file),
                }));
            }
        }
        Err(Error::Refused {
            command: "UID FETCH".into(),
            answer: format!("mail {} has no end", mail.uid),
        })
    }

    async fn part(
        &mut self,
        mail: &Listed,
        from: u64,
        file: &mut NamedTempFile,
    ) -> Result<Option<Part>, Error> {
        let command = format!("UID FETCH {} (UID BODY.PEEK[]<{from}.{PART}>)", mail.uid);
        let mut got = None;
        self.command(&command, PART, |response| {
            if let Some(body) = body(response).filter(|body| body.uid == mail.uid) {
                file.write_all(body.data)?;
                let bytes = body.data.len() as u64;
                got = Some(Part {
                    bytes,
                    whole: from == 0 && (!body.partial || bytes > PART),
                });
            }
            Ok(())
        })
        .await?;
        Ok(got)
    }

    /// For a server that refuses parts.
    async fn undivided(&mut self, mail: &Listed, spool: &Path) -> Result<Option<Fetched>, Error> {
        Ok(self.whole(std::slice::from_ref(mail), spool).await?.pop())
    }
}

/// A large mail that came whole goes to disk all the same.
fn raw(bytes: &[u8], spool: &Path) -> Result<Raw, Error> {
    if bytes.len() as u64 <= WHOLE {
        return Ok(Raw::Memory(bytes.to_vec()));
    }
    let mut file = NamedTempFile::new_in(spool)?;
    file.write_all(bytes)?;
    Ok(Raw::File(file))
}

struct Part {
    bytes: u64,
    /// The server ignored the range and sent everything.
    whole: bool,
}

struct Body<'a> {
    uid: u32,
    data: &'a [u8],
    partial: bool,
}

fn body<'a>(response: &'a Response) -> Option<Body<'a>> {
    let Response::Fetch(_, attributes) = response else {
        return None;
    };
    let uid = uid(attributes)?;
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::BodySection {
            section: None,
            index,
            data,
        } => Some(Body {
            uid,
            data: data.as_deref().unwrap_or_default(),
            partial: index.is_some(),
        }),
        AttributeValue::Rfc822(Some(data)) => Some(Body {
            uid,
            data,
            partial: false,
        }),
        _ => None,
    })
}

fn listed(response: &Response) -> impl Iterator<Item = Listed> {
    let mail = match response {
        Response::Fetch(_, attributes) => uid(attributes).map(|uid| {
            let mut mail = Listed {
                uid,
                size: 0,
                received_at: None,
            };
            for attribute in attributes {
                match attribute {
                    AttributeValue::Rfc822Size(size) => mail.size = u64::from(*size),
                    AttributeValue::InternalDate(date) => mail.received_at = internal_date(date),
                    _ => {}
                }
            }
            mail
        }),
        _ => None,
    };
    mail.into_iter()
}

/// The UID that a FETCH response tells.
pub fn uid_of(response: &Response) -> Option<u32> {
    match response {
        Response::Fetch(_, attributes) => uid(attributes),
        _ => None,
    }
}

fn uid(attributes: &[AttributeValue]) -> Option<u32> {
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    })
}

/// RFC 3501 date-time, e.g. ` 4-May-2022 08:10:00 +0800`. A year of six digits is no date that can be written again.
fn internal_date(text: &str) -> Option<Moment> {
    let date = DateTime::parse_from_str(text.trim(), "%d-%b-%Y %H:%M:%S %z").ok()?;
    Some(date.with_timezone(&CST)).filter(|date| (1..=9999).contains(&date.year()))
}

/// An IMAP sequence set; runs without a gap are written as ranges.
fn set(uids: &[u32]) -> String {
    let mut uids = uids.to_vec();
    uids.sort_unstable();
    let runs = uids.chunk_by(|a, b| a.checked_add(1) == Some(*b));
    let written = runs.map(|run| match run {
        [one] => one.to_string(),
        run => format!("{}:{}", run[0], run[run.len() - 1]),
    });
    written.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(uid: u32, size: u64) -> Listed {
        Listed {
            uid,
            size,
            received_at: None,
        }
    }

    #[test]
    fn a_large_mail_is_a_batch_of_its_own() {
        let found = batches(vec![
            mail(1, 10),
            mail(2, WHOLE + 1),
            mail(3, 10),
            mail(4, 10),
        ]);
        let uids: Vec<Vec<u32>> = found
            .iter()
            .map(|b| b.iter().map(|m| m.uid).collect())
            .collect();
        assert_eq!(uids, [vec![1], vec![2], vec![3, 4]]);
    }

    #[test]
    fn a_batch_is_short() {
        let found = batches((1..=120).map(|uid| mail(uid, 1)).collect());
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20]);
    }

    #[test]
    fn sequence_sets_join_runs() {
        assert_eq!(set(&[7, 3, 4, 5, u32::MAX]), "3:5,7,4294967295");
    }

    #[test]
    fn an_internaldate_is_read_with_its_zone() {
        let date = internal_date(" 4-May-2022 00:10:00 +0000").unwrap();
        assert_eq!(date.to_rfc3339(), "2022-05-04T08:10:00+08:00");
    }

    #[test]
    fn a_year_that_cannot_be_written_is_no_date() {
        for year in ["262142", "+12345", "-0001"] {
            let text = format!("31-Dec-{year} 20:00:00 +0000");
            assert_eq!(internal_date(&text), None, "{text}");
        }
    }
}
