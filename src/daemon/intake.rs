//! Taking mails in: what is durable gets its rows and is judged.

use super::readers::Readers;
use super::reading::{Delivery, Incoming, Reading};
use super::watching::Heartbeat;
use super::{Daemon, progress, said};
use crate::attribution::{Judge, Past, Verdict};
use crate::campaign::Moment;
use crate::mailbox::{self, Raw, local::Local};
use crate::message::Content;
use crate::store::{Kept, RawMail, Staged, Unjudged};
use anyhow::{Context, Result, anyhow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use tracing::debug;

/// Mails judged in one transaction.
const JUDGED_AT_ONCE: usize = 200;
/// Mails read again in one transaction.
const REREAD_AT_ONCE: usize = 50;
/// Imported mails handed to the reader together, and their bytes.
const IMPORTED_AT_ONCE: usize = 50;
const IMPORTED_BYTES: usize = 4 << 20;

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
    /// Writes the rows of what is durable. Gives the number of new mails.
    pub(super) fn take_in(&mut self, kept: Vec<Kept>) -> Result<usize> {
        tell_read(&kept);
        self.store.keep(kept, None)
    }

    /// The same, and judges, where nothing that arrived later is judged already: that would be judged again.
    pub(super) fn take_in_and_judge(&mut self, kept: Vec<Kept>) -> Result<usize> {
        let new = if self.comes_next(&kept)? {
            self.learn_names()?;
            tell_read(&kept);
            let judging = judging(&self.judge, &self.heart);
            self.store.keep(kept, Some(&judging))?
        } else {
            let new = self.take_in(kept)?;
            self.learn_names()?;
            new
        };
        if !self.store.reopens_later()? {
            self.store.forget_senders()?;
            self.judge_open(None)?;
        }
        Ok(new)
    }

    /// Whether each of these arrived after all others, which are judged, and none is an answer of staff.
    fn comes_next(&self, kept: &[Kept]) -> Result<bool> {
        let Some(first) = kept.first() else {
            return Ok(false);
        };
        if !kept.is_sorted_by_key(|mail| mail.received_at)
            || !self.store.is_settled_until(first.received_at)?
        {
            return Ok(false);
        }
        for mail in kept {
            let content = mail.content.as_ref();
            let answered = content.map(|content| self.letter_answered(content, mail.received_at));
            if answered.transpose()?.flatten().is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Judges everything that is not judged yet, in order of arrival. Gives the number judged.
    pub fn judge(&mut self) -> Result<usize> {
        self.judge_until(None)
    }

    /// The same for mails that arrived by `until`, where it is given.
    pub(super) fn judge_until(&mut self, until: Option<Moment>) -> Result<usize> {
        self.learn_names()?;
        self.store.reopen_later()?;
        self.judge_open(until)
    }

    /// The same, whatever is judged that arrived later.
    fn judge_open(&mut self, until: Option<Moment>) -> Result<usize> {
        let mut count = 0;
        loop {
            let mut batch = self.store.unjudged(JUDGED_AT_ONCE, until)?;
            if batch.is_empty() {
                return Ok(count);
            }
            self.take_replies(&mut batch)?;
            count += batch.len();
            self.store
                .judge(&batch, &judging(&self.judge, &self.heart))?;
        }
    }

    /// Reads kept mails again from their bytes, and judges them and all later ones. Gives the number read.
    pub fn reprocess(&mut self, only: Option<i64>) -> Result<usize> {
        let mails = self.store.raw_mails(only)?;
        let bar = progress::of_mails(mails.len());
        let mut reading = self.reading(&Arc::default())?;
        for chunk in mails.chunks(REREAD_AT_ONCE) {
            let mut staged = Vec::new();
            let mut batch = Vec::with_capacity(chunk.len());
            for mail in chunk {
                batch.push((mail.id, self.read_again(mail, &mut reading, &mut staged)?));
                bar.inc(1);
            }
            self.blobs.keep(staged)?;
            self.store.replace(&batch)?;
        }
        self.judge()?;
        Ok(mails.len())
    }

    fn read_again(
        &self,
        mail: &RawMail,
        reading: &mut Reading,
        staged: &mut Vec<Staged>,
    ) -> Result<Content> {
        if let Some(packed) = &mail.packed {
            let content = reading.read(&self.blobs.unpack(mail, packed)?, staged, None)?;
            return Ok(content);
        }
        let path = self.blobs.bring(&mail.sha256)?;
        let raw = std::fs::File::open(&path);
        let raw = raw.with_context(|| format!("cannot read {}", path.display()))?;
        reading.read_file(&raw, staged)
    }

    /// Takes in local mails and judges them.
    pub fn import(&mut self, paths: &[PathBuf]) -> Result<Imported> {
        let imported = self.keep(paths, Self::take_in_and_judge)?;
        self.judge()?;
        Ok(imported)
    }

    /// Reads local mails; each batch that is durable is given to `take_in`.
    pub(super) fn keep(
        &mut self,
        paths: &[PathBuf],
        take_in: impl Fn(&mut Self, Vec<Kept>) -> Result<usize>,
    ) -> Result<Imported> {
        let (next, prepared) = mpsc::sync_channel(1);
        let (to, readers) = self.readers(move |batch| next.send(batch).is_ok())?;
        let walked = paths.to_vec();
        let walker = std::thread::spawn(move || walk(&walked, to));
        let mut new = 0;
        let taken_in = prepared.iter().try_for_each(|batch| {
            new += take_in(self, batch?.kept)?;
            anyhow::Ok(())
        });
        drop(prepared);
        readers.join().map_err(|_| anyhow!("reading broke off"))?;
        let walked = walker.join().map_err(|_| anyhow!("the walk broke off"))?;
        taken_in?;
        Ok(Imported { new, ..walked? })
    }
}

fn tell_read(kept: &[Kept]) {
    for mail in kept.iter().filter(|mail| mail.content.is_some()) {
        debug!(
            source = mail.source,
            bytes = mail.bytes,
            sha256 = &mail.sha256[..12],
            "mail read"
        );
    }
}

/// Judges one mail and tells what became of it.
fn judging(judge: &Judge, heart: &Heartbeat) -> impl Fn(&Unjudged, &Past) -> Result<Verdict> {
    |mail, past| {
        let verdict = match mail.is_reply {
            true => Verdict::not_report("工作人员的回复"),
            false => or_review(|| {
                judge.weigh(&mail.content, mail.words.as_ref(), mail.received_at, past)
            })?,
        };
        heart.beat();
        said::judged(mail, &verdict)?;
        Ok(verdict)
    }
}

/// Hands local mails on in batches, until nobody takes them any more.
fn walk(paths: &[PathBuf], to: Readers) -> Result<Imported> {
    let (mut imported, mut batch, mut bytes) = (Imported::default(), Delivery::default(), 0);
    let bar = progress::of_bytes(paths.iter().map(|path| mailbox::local::size(path)).sum());
    for path in paths {
        let walk = mailbox::local::each(path, &mut |mail| {
            bytes += mail.raw.len();
            bar.inc(mail.raw.len() as u64);
            batch.mails.push(incoming(mail));
            if batch.mails.len() >= IMPORTED_AT_ONCE || bytes >= IMPORTED_BYTES {
                bytes = 0;
                let batch = std::mem::take(&mut batch);
                to.blocking_send(batch)?;
            }
            Ok(())
        })?;
        imported.passed_over += walk.passed_over;
        imported.failed.extend(walk.failed);
    }
    // Where nobody reads any more the reader's own error tells why.
    let _ = to.blocking_send(batch);
    Ok(imported)
}

fn incoming(mail: Local) -> Incoming {
    Incoming {
        source: mail.source,
        received_at: mail.file_time,
        place: None,
        raw: Raw::Memory(mail.raw),
    }
}

/// The verdict; a mail over which judging breaks is for a person, and keeps no other from being judged.
fn or_review(judge: impl FnOnce() -> Result<Verdict>) -> Result<Verdict> {
    catch_unwind(AssertUnwindSafe(judge))
        .unwrap_or_else(|_| Ok(Verdict::review("自动判断出错，请人工处理")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::Outcome;

    #[test]
    fn a_mail_over_which_judging_breaks_is_for_a_person() {
        let verdict = or_review(|| panic!("as any code of ours may")).unwrap();
        assert_eq!(verdict.outcome, Outcome::Review);
        assert!(or_review(|| Err(anyhow!("the database is gone"))).is_err());
    }
}
