//! Keeping what is kept: verify, backup, restore.

use super::Daemon;
use crate::store::{Blobs, Lock, Store, hash_file};
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

/// What `verify` found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Distinct blobs that were read and hashed.
    pub blobs: usize,
    /// What is wrong, a line each.
    pub faults: Vec<String>,
    /// Blobs that no row names: a crash between bytes and row leaves such; they harm nothing.
    pub unnamed: usize,
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
            named.entry(blob.sha256).or_insert(blob.by);
        }
        for (sha256, by) in &named {
            verified.faults.extend(self.fault_of(sha256, by));
        }
        verified.blobs = named.len();
        verified.unnamed = self
            .blobs
            .all()?
            .iter()
            .filter(|sha256| !named.contains_key(*sha256))
            .count();
        Ok(verified)
    }

    fn fault_of(&self, sha256: &str, by: &str) -> Option<String> {
        let path = self.blobs.path(sha256);
        match hash_file(&path) {
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
        if fresh.exists() {
            std::fs::remove_file(&fresh)?;
        }
        self.store.copy_to(&fresh)?;
        // The copy names what is in it; rows that come later do not concern it.
        let named = named_in(&fresh)?;
        let new = copy_blobs(&named, &self.blobs, &blobs)?;
        File::open(&fresh)?.sync_all()?;
        std::fs::rename(&fresh, dest.join("baosong.db"))?;
        File::open(dest)?.sync_all()?;
        Ok(BackedUp {
            new,
            all: named.len(),
        })
    }
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
    File::open(&fresh)?.sync_all()?;
    std::fs::rename(&fresh, &database)?;
    File::open(data_dir)?.sync_all()?;
    Ok(BackedUp {
        new,
        all: named.len(),
    })
}

/// The blobs that a database file names.
fn named_in(database: &Path) -> Result<BTreeSet<String>> {
    let blobs = Store::open_file(database)?.named_blobs()?;
    Ok(blobs.into_iter().map(|blob| blob.sha256).collect())
}

/// Copies what `to` lacks through its spool; gives the number of copies. A damaged one is refused by its hash.
fn copy_blobs(named: &BTreeSet<String>, from: &Blobs, to: &Blobs) -> Result<usize> {
    let mut new = 0;
    for sha256 in named.iter().filter(|sha256| !to.path(sha256).exists()) {
        let source = from.path(sha256);
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
    Ok(new)
}
