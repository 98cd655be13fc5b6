//! Reading mails: each is written into the spool and read in the reader process.

use super::Daemon;
use super::watching::Heartbeat;
use crate::attribution::{Lexicon, Words};
use crate::campaign::{CST, Moment};
use crate::mailbox::Raw;
use crate::message::Content;
use crate::reader::{Reader, SHORT};
use crate::store::{
    Blobs, Kept, Loose, Place, SMALL, Shell, Shelling, Staged, Store, hash, hash_file, start,
};
use anyhow::Result;
use fail::fail_point;
use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::NamedTempFile;

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

/// Mails as they were fetched together, and those that the server would not hand out, with its words.
#[derive(Debug, Default)]
pub struct Delivery {
    pub mails: Vec<Incoming>,
    pub missing: Vec<(Place, String)>,
}

impl Delivery {
    /// Nothing was asked for, or got.
    pub fn is_empty(&self) -> bool {
        self.mails.is_empty() && self.missing.is_empty()
    }
}

/// Deliveries that were read. Once what is staged is durable, rows may follow.
#[derive(Debug, Default)]
pub struct Prepared {
    pub kept: Vec<Kept>,
    pub missing: Vec<(Place, String)>,
    pub staged: Vec<Staged>,
    /// What is still to be written.
    pub loose: Vec<Loose>,
}

/// What those share who read side by side.
#[derive(Default)]
pub struct Shared {
    /// Held over a large mail: its largest file stands in memory, and neither another nor an idle reader may beside it.
    large: Mutex<()>,
    /// Where it is known what is kept.
    hashes: Option<Arc<Hashes>>,
}

/// Of the hashes of all mails that are kept, or came and may be, the [`start`]. In memory: on the disk each lies on a
/// page of its own.
#[derive(Debug, Default)]
pub struct Hashes(Mutex<HashSet<u64>>);

impl Hashes {
    /// Of all that is kept.
    pub fn of(store: &Store) -> Result<Self> {
        Ok(Self(Mutex::new(store.hashes()?)))
    }

    /// Notes that mails come. Gives the hashes of those that may have come before.
    fn again(&self, hashes: &[String]) -> Vec<String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let again = hashes.iter().filter(|hash| !all.insert(start(hash)));
        again.cloned().collect()
    }
}

impl Shared {
    pub fn new(hashes: Option<Arc<Hashes>>) -> Self {
        Self {
            hashes,
            ..Self::default()
        }
    }
}

/// What reading works with; a connection of its own among it.
pub struct Reading {
    store: Store,
    blobs: Blobs,
    reader: Reader,
    lexicon: Arc<Lexicon>,
    shared: Arc<Shared>,
    heart: Heartbeat,
}

impl Daemon {
    /// Everything that reading needs. Its process starts when it gets ready, or with the first mail, and ends with it.
    pub(super) fn reading(&self, shared: &Arc<Shared>) -> Result<Reading> {
        let (program, limit) = (self.reader_program.clone(), self.config.reader.limit());
        Ok(Reading {
            store: Store::open(&self.data_dir)?,
            blobs: self.blobs.clone(),
            reader: Reader::new(program, self.blobs.spool(), limit),
            lexicon: self.judge.lexicon(),
            shared: shared.clone(),
            heart: self.heart.clone(),
        })
    }
}

impl Reading {
    /// Gets ready while the first mails are still fetched. What fails now is tried again, and told, with the first of them.
    pub fn get_ready(&mut self) {
        let _ = self.reader.start();
    }

    /// Reads a delivery; its mails and files lie in the spool.
    pub fn of(&mut self, delivery: Delivery) -> Result<Prepared> {
        let mut prepared = Prepared {
            missing: delivery.missing,
            ..Prepared::default()
        };
        fail_point!("reading");
        let hashes: Vec<String> = delivery.mails.iter().map(hash_of).collect::<Result<_>>()?;
        let mut known = self.known(&hashes)?;
        let hashed = delivery.mails.into_iter().zip(hashes);
        let mut waiting: VecDeque<Waiting> = hashed
            .map(|(mail, sha256)| Waiting {
                mail,
                new: known.insert(sha256.clone()),
                sha256,
            })
            .collect();
        let mut handed_over = 0;
        loop {
            if handed_over == 0 {
                handed_over = self.hand_over(&waiting)?;
            }
            let Some(next) = waiting.pop_front() else {
                return Ok(prepared);
            };
            handed_over = handed_over.saturating_sub(1);
            let kept = self.stage(next, &mut prepared)?;
            prepared.kept.push(kept);
            self.heart.beat();
        }
    }

    /// Those of `hashes` under which a mail is kept. The database need not be asked for one that never came.
    fn known(&mut self, hashes: &[String]) -> Result<HashSet<String>> {
        match &self.shared.hashes {
            Some(all) => self.store.known(&all.again(hashes)),
            None => self.store.known(hashes),
        }
    }

    /// Gives the reader the short mails at the head of those that wait; of how many of these nothing more is to be given.
    fn hand_over(&mut self, waiting: &VecDeque<Waiting>) -> Result<usize> {
        let short: Vec<&Waiting> = waiting.iter().take_while(|one| one.is_short()).collect();
        let new = short.iter().filter(|one| one.new);
        let mails: Vec<&[u8]> = new.filter_map(|one| one.in_memory()).collect();
        self.reader.hand_over(&mails)?;
        Ok(short.len())
    }

    /// Writes a new mail and its files into the spool.
    fn stage(&mut self, next: Waiting, prepared: &mut Prepared) -> Result<Kept> {
        let Waiting { mail, sha256, new } = next;
        let bytes = match &mail.raw {
            Raw::Memory(bytes) => bytes.len() as u64,
            Raw::File(file) => file.as_file().metadata()?.len(),
        };
        let (content, parts) = match mail.raw {
            _ if !new => (None, vec![]),
            Raw::Memory(raw) => {
                let (content, parts) = self.stage_in_memory(&sha256, raw, prepared)?;
                (Some(content), parts)
            }
            Raw::File(file) => (Some(self.stage_large(&sha256, file, prepared)?), vec![]),
        };
        let headers_know = content.as_ref().filter(|_| mail.place.is_none());
        let words = content.as_ref().and_then(|content| self.words(content));
        Ok(Kept {
            sha256,
            bytes,
            source: mail.source,
            received_at: headers_know.and_then(arrival).unwrap_or(mail.received_at),
            packed: None,
            parts,
            place: mail.place,
            content,
            words,
        })
    }

    /// Packs what is small of a mail, itself or its shell; gives the blobs that then stand in it.
    fn stage_in_memory(
        &mut self,
        sha256: &str,
        raw: Vec<u8>,
        prepared: &mut Prepared,
    ) -> Result<(Content, Vec<String>)> {
        let mut shelling = Shelling::of(&raw);
        let content = self.read(&raw, &mut prepared.staged, Some(&mut shelling))?;
        let loose = |bytes, shell| Loose {
            sha256: sha256.to_owned(),
            bytes,
            shell,
        };
        if raw.len() <= SMALL {
            prepared.loose.push(loose(raw, false));
            return Ok((content, vec![]));
        }
        let shell = shelling.shell();
        let Some(bytes) = packable(&shell)? else {
            prepared.staged.extend(self.blobs.stage(sha256, &raw)?);
            return Ok((content, vec![]));
        };
        prepared.loose.push(loose(bytes, true));
        let parts = shell.parts.into_iter().map(|part| part.sha256);
        Ok((content, parts.collect()))
    }

    /// A mail in a file is read alone, by a reader that ends with it.
    fn stage_large(
        &mut self,
        sha256: &str,
        file: NamedTempFile,
        prepared: &mut Prepared,
    ) -> Result<Content> {
        let shared = self.shared.clone();
        self.reader.end();
        let _alone = shared.large.lock().unwrap_or_else(PoisonError::into_inner);
        let raw = file.reopen()?;
        prepared.staged.extend(self.blobs.stage_file(sha256, file)?);
        let content = self.read_file(&raw, &mut prepared.staged)?;
        self.reader.end();
        Ok(content)
    }

    /// What the words say; `None` where reading them breaks, which is for who judges to tell.
    fn words(&self, content: &Content) -> Option<Words> {
        catch_unwind(AssertUnwindSafe(|| Words::of(content, &self.lexicon))).ok()
    }

    /// Reads a mail in the reader process; whatever its bytes do to it, the mail gets an outcome.
    pub fn read(
        &mut self,
        raw: &[u8],
        staged: &mut Vec<Staged>,
        mut shelling: Option<&mut Shelling>,
    ) -> Result<Content> {
        let blobs = &self.blobs;
        self.reader.read(raw, &mut |bytes| {
            let Some(shelling) = &mut shelling else {
                return keep(blobs, bytes, staged);
            };
            let mut attachment = shelling.attachment();
            let kept = keep(blobs, &mut Passing(bytes, &mut attachment), staged)?;
            shelling.is_blob(attachment, &kept.0);
            Ok(kept)
        })
    }

    /// The same for a mail in a file.
    pub fn read_file(&mut self, raw: &File, staged: &mut Vec<Staged>) -> Result<Content> {
        let blobs = &self.blobs;
        self.reader
            .read_file(raw, &mut |bytes| keep(blobs, bytes, staged))
    }
}

/// A mail of a delivery before it is read.
struct Waiting {
    mail: Incoming,
    sha256: String,
    /// Whether it is not kept yet.
    new: bool,
}

impl Waiting {
    fn in_memory(&self) -> Option<&[u8]> {
        match &self.mail.raw {
            Raw::Memory(raw) => Some(raw),
            Raw::File(_) => None,
        }
    }

    /// Whether it may be handed over with others, or need not be read at all.
    fn is_short(&self) -> bool {
        !self.new || self.in_memory().is_some_and(|raw| raw.len() <= SHORT)
    }
}

fn hash_of(mail: &Incoming) -> Result<String> {
    match &mail.raw {
        Raw::Memory(bytes) => Ok(hash(bytes)),
        Raw::File(file) => hash_file(file.path()),
    }
}

/// When the mailbox's server took a mail, by its topmost Received header.
pub(super) fn arrival(content: &Content) -> Option<Moment> {
    Some(content.received?.with_timezone(&CST))
}

/// The bytes of a shell; `None` where nothing was taken out, or too much of the mail is left.
fn packable(shell: &Shell) -> Result<Option<Vec<u8>>> {
    if shell.parts.is_empty() {
        return Ok(None);
    }
    let bytes = shell.to_bytes()?;
    Ok((bytes.len() <= SMALL).then_some(bytes))
}

/// Bytes that are shown to another as they are read.
struct Passing<'a, R: ?Sized, W>(&'a mut R, &'a mut W);

impl<R: Read + ?Sized, W: Write> Read for Passing<'_, R, W> {
    fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(piece)?;
        self.1.write_all(&piece[..read])?;
        Ok(read)
    }
}

/// Stages a file.
fn keep(blobs: &Blobs, bytes: &mut dyn Read, staged: &mut Vec<Staged>) -> Result<(String, File)> {
    let (sha256, file, new) = blobs.stage_from(bytes)?;
    staged.extend(new);
    Ok((sha256, file))
}
