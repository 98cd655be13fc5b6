//! Content-addressed files: raw mails and attachments, named by their SHA-256.

use super::remote::Remote;
use crate::message::hex;
use anyhow::{Context, Result, ensure};
use fail::fail_point;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempPath};

/// What is read and written at a time.
pub(super) const PIECE: usize = 128 << 10;

/// The directory of all blobs: `blobs/ab/abcdef…`; of those that the storage holds too, some of them there alone.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: PathBuf,
    spool: PathBuf,
    remote: Option<Remote>,
}

/// A blob that is written, but not yet durable nor under its name.
#[derive(Debug)]
pub struct Staged {
    sha256: String,
    bytes: u64,
    path: TempPath,
}

impl Staged {
    /// Its length.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Blobs {
    /// Opens or creates the directory in `data_dir`.
    pub fn open(data_dir: &Path) -> Result<Self> {
        let blobs = Self::look(data_dir);
        for dir in [&blobs.root, &blobs.spool] {
            std::fs::create_dir_all(dir)
                .with_context(|| format!("cannot create {}", dir.display()))?;
        }
        Ok(blobs)
    }

    /// The directory in `data_dir`, to read from; nothing is created.
    pub fn look(data_dir: &Path) -> Self {
        Self {
            root: data_dir.join("blobs"),
            spool: data_dir.join("spool"),
            remote: None,
        }
    }

    /// The same, with the storage to which blobs were moved.
    pub fn with(self, remote: Option<Remote>) -> Self {
        Self { remote, ..self }
    }

    /// The storage of the settings.
    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    /// Where a blob lies, to be read; one that lies in the storage alone is fetched first, and lies here again.
    pub fn bring(&self, sha256: &str) -> Result<PathBuf> {
        let path = self.path(sha256);
        if let Some(remote) = self.remote.as_ref().filter(|_| !path.exists()) {
            let mut file = Hashed::new(&self.spool)?;
            remote.copy(sha256, &mut file)?;
            let (hash, file) = file.finish();
            ensure!(
                hash == sha256,
                "{sha256} is damaged in the storage: its hash differs"
            );
            self.keep(self.stage_file(sha256, file)?.into_iter().collect())?;
        }
        Ok(path)
    }

    /// What lies under this name here, or where it does not in the storage; nothing is kept of it.
    pub fn bytes_of(&self, sha256: &str) -> Result<Vec<u8>> {
        let path = self.path(sha256);
        let Some(remote) = self.remote.as_ref().filter(|_| !path.exists()) else {
            return std::fs::read(&path).with_context(|| path.display().to_string());
        };
        let mut bytes = Vec::new();
        remote.copy(sha256, &mut bytes)?;
        Ok(bytes)
    }

    /// Hash of what lies under this name here, or where it does not in the storage; nothing is kept of it.
    pub fn hash_of(&self, sha256: &str) -> Result<String> {
        let path = self.path(sha256);
        let Some(remote) = self.remote.as_ref().filter(|_| !path.exists()) else {
            return hash_file(&path).with_context(|| path.display().to_string());
        };
        let mut hasher = Hashing(Sha256::new());
        remote.copy(sha256, &mut hasher)?;
        Ok(hex(&hasher.0.finalize()))
    }

    /// Where unfinished files lie: on the same file system, so that they can be renamed into place.
    pub fn spool(&self) -> &Path {
        &self.spool
    }

    /// Removes what a crash left in the spool. Only the holder of the lock may do so.
    pub fn clear_spool(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.spool)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Writes `bytes` into the spool; `None` where the blob is kept already.
    pub fn stage(&self, sha256: &str, bytes: &[u8]) -> Result<Option<Staged>> {
        if self.path(sha256).exists() {
            return Ok(None);
        }
        let mut file = NamedTempFile::new_in(&self.spool)?;
        file.write_all(bytes)
            .context("cannot write into the spool")?;
        Ok(Some(Staged {
            sha256: sha256.into(),
            bytes: bytes.len() as u64,
            path: file.into_temp_path(),
        }))
    }

    /// Writes what `from` gives into the spool, whether or not the blob is kept already. Gives its hash too, and the
    /// file to read from.
    pub fn stage_from(&self, from: &mut dyn Read) -> Result<(String, File, Option<Staged>)> {
        let mut file = Hashed::new(&self.spool)?;
        let mut from = BufReader::with_capacity(PIECE, from);
        std::io::copy(&mut from, &mut file).context("cannot write into the spool")?;
        let (sha256, file) = file.finish();
        let written = file.as_file().try_clone()?;
        let staged = self.stage_file(&sha256, file)?;
        Ok((sha256, written, staged))
    }

    /// Takes a file of the spool that is whole; `None` where the blob is kept already.
    pub fn stage_file(&self, sha256: &str, file: NamedTempFile) -> Result<Option<Staged>> {
        let bytes = file.as_file().metadata()?.len();
        Ok((!self.path(sha256).exists()).then(|| Staged {
            sha256: sha256.into(),
            bytes,
            path: file.into_temp_path(),
        }))
    }

    /// Makes a batch durable, and whatever of it lies there already, as a process that was killed left it: contents first,
    /// then names. Each time one flush of the whole file system serves all, which costs a fraction of a flush for each file
    /// and each directory.
    pub fn keep(&self, batch: Vec<Staged>) -> Result<()> {
        fail_point!("staged");
        self.flush()?;
        fail_point!("flushed");
        for staged in batch {
            let path = self.path(&staged.sha256);
            let parent = path.parent().unwrap_or(&self.root);
            std::fs::create_dir_all(parent)?;
            staged
                .path
                .persist(&path)
                .with_context(|| format!("cannot keep {}", path.display()))?;
        }
        fail_point!("named");
        self.flush()?;
        fail_point!("durable");
        Ok(())
    }

    /// syncfs(2), which tells of failed writes since Linux 5.8.
    fn flush(&self) -> Result<()> {
        let root = File::open(&self.root)?;
        rustix::fs::syncfs(root).context("cannot flush what was written to disk")
    }

    /// Hashes of all blobs, ascending.
    pub fn all(&self) -> Result<Vec<String>> {
        let mut all = Vec::new();
        for parent in std::fs::read_dir(&self.root)? {
            let parent = parent?.path();
            if parent.is_dir() {
                for entry in std::fs::read_dir(parent)? {
                    all.extend(entry?.file_name().into_string().ok());
                }
            }
        }
        all.sort();
        Ok(all)
    }

    /// Where the blob of this hash lies; of what is no hash, where no file is.
    pub fn path(&self, sha256: &str) -> PathBuf {
        if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return self.root.join("no hash");
        }
        self.root.join(&sha256[..2.min(sha256.len())]).join(sha256)
    }
}

/// A file that is hashed while it is written.
pub(super) struct Hashed {
    file: NamedTempFile,
    hasher: Sha256,
}

impl Hashed {
    pub(super) fn new(spool: &Path) -> Result<Self> {
        Ok(Self {
            file: NamedTempFile::new_in(spool)?,
            hasher: Sha256::new(),
        })
    }

    pub(super) fn finish(self) -> (String, NamedTempFile) {
        (hex(&self.hasher.finalize()), self.file)
    }
}

/// Bytes that are hashed and let go.
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// SHA-256 of a whole file in lower case hex, read in pieces.
pub fn hash_file(path: &Path) -> Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&piece[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::hash;

    #[test]
    fn a_kept_blob_lies_under_its_hash_and_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let sha256 = hash(b"abc");
        let staged = blobs.stage(&sha256, b"abc").unwrap().unwrap();
        assert!(!blobs.path(&sha256).exists());
        blobs.keep(vec![staged]).unwrap();
        assert_eq!(hash_file(&blobs.path(&sha256)).unwrap(), sha256);
        assert!(blobs.stage(&sha256, b"abc").unwrap().is_none());
    }

    #[test]
    fn one_file_twice_in_a_batch_is_kept_once() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let twice = || blobs.stage(&hash(b"x"), b"x").unwrap().unwrap();
        blobs.keep(vec![twice(), twice()]).unwrap();
        assert_eq!(std::fs::read_dir(blobs.spool()).unwrap().count(), 0);
    }
}
