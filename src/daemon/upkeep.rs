//! Keeping what is kept: verify, backup, restore.

use super::reading::arrival;
use super::{Daemon, Imported};
use crate::campaign::Moment;
use crate::config::{self, Mailbox};
use crate::mailbox::{self, Session, watched};
use crate::store::{Blobs, Kept, Lock, Packed, RawMail, Store, hash_file, is_mail_at, mails_in};
use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What `verify` found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Distinct blobs that were read and hashed.
    pub blobs: usize,
    /// What is wrong, a line each.
    pub faults: Vec<String>,
    /// Blobs that no row names: a crash between bytes and row leaves such; they harm nothing.
    pub unnamed: usize,
    /// Those of them that are mails: [`Daemon::take_up`] gives them a row.
    pub orphans: Vec<PathBuf>,
    /// Whether another process works on the directory, so that the rows of `orphans` may follow.
    pub beside_another: bool,
    /// Blobs that retention removed.
    pub removed: usize,
}

/// How a folder of the server differs from the rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unlike {
    /// As the server writes it; with its mailbox, where there are several.
    pub folder: String,
    /// Mails on the server.
    pub server: usize,
    /// UIDs up to the cursor that no row explains; the mail may be lost to us.
    pub unexplained: Vec<u32>,
    /// UIDs that came after the last poll; all of them where UIDVALIDITY changed since.
    pub new: Vec<u32>,
    /// UIDs of rows that the server does not list any more; their mails stay kept.
    pub gone: Vec<u32>,
    /// Why the folder could not be looked into.
    pub refused: Option<String>,
}

/// What a backup came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Blobs that were copied now.
    pub new: usize,
    /// Blobs that the backup holds.
    pub all: usize,
}

impl Daemon {
    /// Reads everything that is kept and compares it with its rows. Beside a running daemon a blob may be new: its row
    /// follows, so only what rows name is judged.
    pub fn verify(&self) -> Result<Verified> {
        let mut verified = Verified {
            faults: self.store.faults()?,
            ..Verified::default()
        };
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        for blob in self.store.named_blobs()? {
            named.entry(blob.blob).or_insert(blob.by);
        }
        for (sha256, by) in &named {
            verified.faults.extend(self.fault_of(sha256, by));
        }
        verified.blobs = named.len();
        for mail in self.store.raw_mails(None)? {
            verified.faults.extend(self.misplaced(&mail));
        }
        let removed = self.store.removed()?;
        let unnamed = |sha256: &String| !named.contains_key(sha256) && !removed.contains(sha256);
        let unnamed: Vec<String> = self.blobs.all()?.into_iter().filter(unnamed).collect();
        for sha256 in &unnamed {
            let path = self.blobs.path(sha256);
            // Whatever cannot be read is no pack.
            let packed = mails_in(&path).unwrap_or_default();
            let orphan = match packed.is_empty() {
                true => mailbox::local::is_mail(&path),
                false => !self.store.has_all(&packed)?,
            };
            if orphan {
                verified.orphans.push(path);
            }
        }
        verified.beside_another = Lock::try_take(&self.data_dir)?.is_none();
        (verified.unnamed, verified.removed) = (unnamed.len(), removed.len());
        Ok(verified)
    }

    /// Gives rows to kept mails that have none. A mail is larger than what is attached to it, so the largest come
    /// first, and a mail that turns out to be a file of another is left.
    pub fn take_up(&mut self) -> Result<Imported> {
        let mut orphans = self.verify()?.orphans;
        orphans.sort_by_key(|path| Reverse(path.metadata().map_or(0, |blob| blob.len())));
        let mut imported = Imported::default();
        for path in orphans {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if self.store.names(&name)? {
                continue;
            }
            let one = match mails_in(&path)?.as_slice() {
                [] => self.keep(std::slice::from_ref(&path), Self::take_in)?,
                mails => self.take_up_pack(&path, mails)?,
            };
            imported.new += one.new;
            imported.failed.extend(one.failed);
        }
        self.judge()?;
        Ok(imported)
    }

    /// The same for the mails of a pack: they stay where they lie.
    fn take_up_pack(&mut self, pack: &Path, mails: &[(String, u64)]) -> Result<Imported> {
        let written = Moment::from(DateTime::<Utc>::from(pack.metadata()?.modified()?));
        let name = pack.file_name().unwrap_or_default().to_string_lossy();
        let mut reading = self.reading(&Arc::default())?;
        let mut imported = Imported::default();
        for (sha256, offset) in mails {
            if self.store.has(sha256)? {
                continue;
            }
            let (raw, parts) = match self.blobs.unpacked(pack, *offset, sha256) {
                Ok(mail) => mail,
                Err(error) => {
                    imported.failed.push(format!("{error:#}"));
                    continue;
                }
            };
            let mut staged = Vec::new();
            let content = reading.read(&raw, &mut staged, None)?;
            self.blobs.keep(staged)?;
            imported.new += self.take_in(vec![Kept {
                sha256: sha256.clone(),
                bytes: raw.len() as u64,
                source: sha256.clone(),
                received_at: arrival(&content).unwrap_or(written),
                packed: Some(Packed {
                    pack: name.to_string(),
                    offset: *offset,
                }),
                parts,
                place: None,
                content: Some(content),
                words: None,
            }])?;
        }
        Ok(imported)
    }

    /// Compares each watched folder of the server with the rows, changing neither.
    ///
    /// # Errors
    /// When the server cannot be reached; a folder that it refuses is in the answer.
    pub async fn compare_with_server(&self) -> Result<Vec<Unlike>> {
        let mut all = Vec::new();
        for mailbox in self.config.mailboxes() {
            let compared = self.compare_mailbox(mailbox, &mut all).await;
            compared.with_context(|| format!("mailbox of {}", mailbox.user))?;
        }
        Ok(all)
    }

    async fn compare_mailbox(&self, mailbox: &Mailbox, all: &mut Vec<Unlike>) -> Result<()> {
        let password = config::secret(&mailbox.password_file)?;
        let mut session = Session::open(mailbox, &password).await?;
        let listed = session.folders().await?;
        for folder in watched(mailbox.folders.as_deref(), &listed) {
            let compared = match folder {
                Ok(folder) => {
                    let place = mailbox.place(&folder);
                    self.compare_folder(&mut session, &folder, place).await
                }
                Err(error) => Err(error.into()),
            };
            all.push(compared.or_else(|error| match error.downcast_ref() {
                Some(cause) if mailbox::Error::leaves_session(cause) => Ok(Unlike {
                    refused: Some(format!("{error:#}")),
                    ..Unlike::default()
                }),
                _ => Err(error),
            })?);
        }
        session.close().await;
        Ok(())
    }

    async fn compare_folder(
        &self,
        session: &mut Session,
        folder: &str,
        place: String,
    ) -> Result<Unlike> {
        let opened = session.examine(folder).await?;
        let found = session.search(1).await?;
        let listed = session.all_uids(found, opened.exists).await?;
        let listed: BTreeSet<u32> = listed.into_iter().collect();
        let rows = self.store.placed(&place, opened.uidvalidity)?;
        let cursor = self.store.cursor(&place)?;
        let last = cursor.filter(|cursor| cursor.uidvalidity == opened.uidvalidity);
        let last = last.map_or(0, |cursor| cursor.last_uid);
        let (new, unexplained) = listed.difference(&rows).partition(|uid| **uid > last);
        Ok(Unlike {
            folder: place,
            server: listed.len(),
            unexplained,
            new,
            gone: rows.difference(&listed).copied().collect(),
            refused: None,
        })
    }

    /// A mail that does not begin where its row says. A pack that only the storage holds is not fetched for it.
    fn misplaced(&self, mail: &RawMail) -> Option<String> {
        let packed = mail.packed.as_ref()?;
        let pack = self.blobs.path(&packed.pack);
        let found = pack
            .exists()
            .then(|| is_mail_at(&pack, packed.offset, &mail.sha256));
        (!found?.unwrap_or(false)).then(|| {
            let (pack, offset) = (pack.display(), packed.offset);
            format!("mail {} does not begin at byte {offset} of {pack}", mail.id)
        })
    }

    fn fault_of(&self, sha256: &str, by: &str) -> Option<String> {
        let path = self.blobs.path(sha256);
        match self.blobs.hash_of(sha256) {
            Ok(hash) if hash == sha256 => None,
            Ok(_) => Some(format!(
                "{by}: {} is damaged, its hash differs",
                path.display()
            )),
            Err(error) => Some(format!(
                "{by}: {} cannot be read: {error:#}",
                path.display()
            )),
        }
    }

    /// Copies the database as of one moment, then the blobs that it names and `dest` lacks. A copy that was cut off is
    /// taken up again by the next.
    pub fn back_up(&self, dest: &Path) -> Result<BackedUp> {
        let blobs = Blobs::open(dest)?;
        let fresh = dest.join("baosong.db.new");
        let copied = self.copy_all(&blobs, dest, &fresh);
        if copied.is_err() {
            // The copy before it stays whole; room that this one took is given back.
            let _ = std::fs::remove_file(&fresh);
        }
        copied.with_context(|| format!("the backup in {} is still the one before", dest.display()))
    }

    fn copy_all(&self, blobs: &Blobs, dest: &Path, fresh: &Path) -> Result<BackedUp> {
        if fresh.exists() {
            std::fs::remove_file(fresh)?;
        }
        self.store.copy_to(fresh)?;
        // The copy names what is in it; rows that come later do not concern it.
        let named = named_in(fresh)?;
        let new = copy_blobs(&named, &self.blobs, blobs)?;
        put_in_place(fresh, &dest.join("baosong.db"))?;
        Ok(BackedUp {
            new,
            all: named.len(),
        })
    }
}

/// Durable from the bytes up to the directory that holds the directory.
fn put_in_place(fresh: &Path, database: &Path) -> Result<()> {
    File::open(fresh)?.sync_all()?;
    std::fs::rename(fresh, database)?;
    let dir = std::path::absolute(database)?;
    for parent in dir.ancestors().skip(1).take(2) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Copies a backup into a data directory that holds no database yet.
pub fn restore(source: &Path, data_dir: &Path) -> Result<BackedUp> {
    let _lock = Lock::take(data_dir)?;
    let database = data_dir.join("baosong.db");
    ensure!(
        !database.exists(),
        "{} holds a database; name an empty directory with --data",
        data_dir.display()
    );
    ensure!(
        source.join("baosong.db").exists(),
        "{} holds no backup",
        source.display()
    );
    let fresh = data_dir.join("baosong.db.new");
    // The backup itself is only read: a newer program brings the copy up to date.
    std::fs::copy(source.join("baosong.db"), &fresh)
        .with_context(|| format!("cannot copy to {}", fresh.display()))?;
    let named = named_in(&fresh)?;
    let new = copy_blobs(&named, &Blobs::look(source), &Blobs::open(data_dir)?)?;
    put_in_place(&fresh, &database)?;
    Ok(BackedUp {
        new,
        all: named.len(),
    })
}

/// The blobs that a database file names, and whether the storage holds them too.
fn named_in(database: &Path) -> Result<BTreeMap<String, bool>> {
    let store = Store::open_file(database)?;
    let (blobs, stored) = (store.named_blobs()?, store.stored()?);
    let whether_stored = |sha256: String| {
        let is = stored.contains(&sha256);
        (sha256, is)
    };
    let named = blobs.into_iter().map(|named| whether_stored(named.blob));
    Ok(named.collect())
}

/// Copies what `to` lacks through its spool; gives the number of copies. A damaged one is refused by its hash, and one
/// that only the storage holds is left there.
fn copy_blobs(named: &BTreeMap<String, bool>, from: &Blobs, to: &Blobs) -> Result<usize> {
    let mut new = 0;
    for (sha256, stored) in named.iter().filter(|(sha256, _)| !to.path(sha256).exists()) {
        let source = from.path(sha256);
        if *stored && !source.exists() {
            continue;
        }
        let mut spooled = tempfile::NamedTempFile::new_in(to.spool())?;
        let mut file =
            File::open(&source).with_context(|| format!("cannot read {}", source.display()))?;
        std::io::copy(&mut file, &mut spooled)
            .with_context(|| format!("cannot copy {}", source.display()))?;
        ensure!(
            hash_file(spooled.path())? == *sha256,
            "{} is damaged: its hash differs",
            source.display()
        );
        to.keep(to.stage_file(sha256, spooled)?.into_iter().collect())?;
        new += 1;
    }
    // What an earlier try named may not be durable yet.
    to.keep(vec![])?;
    Ok(new)
}
