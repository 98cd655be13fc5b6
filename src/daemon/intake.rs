//! Taking mails in: bytes durable first, then what was read from them, then the rows; judging follows.

use super::{Daemon, progress};
use crate::attribution::Verdict;
use crate::campaign::Moment;
use crate::mailbox::{self, Raw, local::Local};
use crate::message::Content;
use crate::store::{Kept, Place, Staged, hash, hash_file};
use anyhow::{Context, Result};
use std::path::PathBuf;
use tracing::{debug, info};

/// Mails judged in one transaction.
const JUDGED_AT_ONCE: usize = 200;
/// Mails read again in one transaction.
const REREAD_AT_ONCE: usize = 50;
/// Imported mails kept in one transaction, and their bytes.
const IMPORTED_AT_ONCE: usize = 100;
const IMPORTED_BYTES: usize = 16 << 20;

/// A mail on its way in.
#[derive(Debug)]
pub struct Incoming {
    /// File name, or folder/uid.
    pub source: String,
    /// By the server's clock; of a mail from no server, when its file was written, which its headers may know better.
    pub received_at: Moment,
    /// Where it lies on the server.
    pub place: Option<Place>,
    /// Its bytes.
    pub raw: Raw,
}

/// What an import came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Mails that were not kept before.
    pub new: usize,
    /// Files that are no mails.
    pub passed_over: usize,
    /// Files that could not be read, and why.
    pub failed: Vec<String>,
}

impl Daemon {
    /// Keeps a batch. Gives the number of new mails.
    pub fn take_in(&mut self, batch: Vec<Incoming>) -> Result<usize> {
        let mut staged = Vec::new();
        let mut kept = Vec::with_capacity(batch.len());
        for mail in batch {
            kept.push(self.prepare(mail, &mut staged)?);
        }
        self.blobs.keep(staged)?;
        let new = self.store.keep(&kept)?;
        for mail in kept.iter().filter(|mail| mail.content.is_some()) {
            debug!(
                source = mail.source,
                bytes = mail.bytes,
                sha256 = &mail.sha256[..12],
                "mail kept"
            );
        }
        Ok(new)
    }

    /// Writes a new mail and its files into the spool.
    fn prepare(&mut self, mail: Incoming, staged: &mut Vec<Staged>) -> Result<Kept> {
        let (sha256, bytes) = match &mail.raw {
            Raw::Memory(bytes) => (hash(bytes), bytes.len() as u64),
            Raw::File(file) => (hash_file(file.path())?, file.as_file().metadata()?.len()),
        };
        let mut kept = Kept {
            sha256,
            bytes,
            source: mail.source,
            received_at: mail.received_at,
            place: mail.place,
            content: None,
        };
        if !self.store.has(&kept.sha256)? {
            let content = self.stage(&kept.sha256, mail.raw, staged)?;
            if kept.place.is_none() {
                kept.received_at = arrival(&content).unwrap_or(kept.received_at);
            }
            kept.content = Some(content);
        }
        Ok(kept)
    }

    fn stage(&mut self, sha256: &str, raw: Raw, staged: &mut Vec<Staged>) -> Result<Content> {
        let bytes = match raw {
            Raw::Memory(bytes) => {
                staged.extend(self.blobs.stage(sha256, &bytes)?);
                bytes
            }
            Raw::File(file) => {
                let bytes = std::fs::read(file.path())?;
                staged.extend(self.blobs.stage_file(sha256, file));
                bytes
            }
        };
        self.read(&bytes, staged)
    }

    /// Reads a mail in the reader process; whatever its bytes do to it, the mail gets an outcome.
    fn read(&mut self, raw: &[u8], staged: &mut Vec<Staged>) -> Result<Content> {
        let blobs = &self.blobs;
        self.reader.read(raw, &mut |sha256, bytes| {
            staged.extend(blobs.stage(sha256, bytes)?);
            Ok(())
        })
    }

    /// Judges everything that is not judged yet, in order of arrival. Gives the number judged.
    pub fn judge(&mut self) -> Result<usize> {
        self.judge_until(None)
    }

    /// The same for mails that arrived by `until`, where it is given.
    pub(super) fn judge_until(&mut self, until: Option<Moment>) -> Result<usize> {
        self.learn_names()?;
        self.store.reopen_later()?;
        let mut count = 0;
        loop {
            let mut batch = self.store.unjudged(JUDGED_AT_ONCE, until)?;
            if batch.is_empty() {
                return Ok(count);
            }
            self.take_replies(&mut batch)?;
            count += batch.len();
            let judge = &self.judge;
            self.store.judge(&batch, |mail, past| {
                let verdict = match mail.is_reply {
                    true => Verdict::not_report("工作人员的回复"),
                    false => judge.judge(&mail.content, mail.received_at, past)?,
                };
                info!(mail = mail.id, outcome = ?verdict.outcome, submissions = verdict.submissions.len(), "judged");
                Ok(verdict)
            })?;
        }
    }

    /// Reads kept mails again from their bytes, and judges them and all later ones. Gives the number read.
    pub fn reprocess(&mut self, only: Option<i64>) -> Result<usize> {
        let mails = self.store.raw_mails(only)?;
        let bar = progress::of_mails(mails.len());
        for chunk in mails.chunks(REREAD_AT_ONCE) {
            let mut staged = Vec::new();
            let mut batch = Vec::with_capacity(chunk.len());
            for (mail, sha256) in chunk {
                let path = self.blobs.path(sha256);
                let raw = std::fs::read(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                batch.push((*mail, self.read(&raw, &mut staged)?));
                bar.inc(1);
            }
            self.blobs.keep(staged)?;
            self.store.replace(&batch)?;
        }
        self.judge()?;
        Ok(mails.len())
    }

    /// Takes in local mails and judges them. Gives the number of new mails.
    pub fn import(&mut self, paths: &[PathBuf]) -> Result<Imported> {
        let imported = self.keep(paths)?;
        self.judge()?;
        Ok(imported)
    }

    /// Takes in local mails.
    pub(super) fn keep(&mut self, paths: &[PathBuf]) -> Result<Imported> {
        let (mut imported, mut batch, mut bytes) = (Imported::default(), Vec::new(), 0);
        let bar = progress::of_bytes(paths.iter().map(|path| mailbox::local::size(path)).sum());
        for path in paths {
            let walk = mailbox::local::each(path, &mut |mail| {
                bytes += mail.raw.len();
                bar.inc(mail.raw.len() as u64);
                batch.push(incoming(mail));
                if batch.len() >= IMPORTED_AT_ONCE || bytes >= IMPORTED_BYTES {
                    imported.new += self.take_in(std::mem::take(&mut batch))?;
                    bytes = 0;
                }
                Ok(())
            })?;
            imported.passed_over += walk.passed_over;
            imported.failed.extend(walk.failed);
        }
        imported.new += self.take_in(batch)?;
        Ok(imported)
    }
}

/// A mail from no server arrived when its topmost Received header says.
fn arrival(content: &Content) -> Option<Moment> {
    let received = content.received?;
    Some(received.with_timezone(&crate::campaign::CST))
}

fn incoming(mail: Local) -> Incoming {
    Incoming {
        source: mail.source,
        received_at: mail.file_time,
        place: None,
        raw: Raw::Memory(mail.raw),
    }
}
