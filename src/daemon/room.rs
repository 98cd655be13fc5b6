//! What a fetch needs of the machine: room on the disk, and handles to write with.

use super::Daemon;
use crate::store::handles_left;
use anyhow::{Context, Result, bail, ensure};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Files and connections that a pass opens at a time, at most: with fewer handles left nothing is fetched.
pub(super) const SPARE_HANDLES: usize = 64;

/// Where mails are kept, and what must be left there.
pub(super) struct Room {
    data_dir: PathBuf,
    least_free_megabytes: u64,
}

impl Room {
    pub fn of(data_dir: &Path, least_free_megabytes: u64) -> Self {
        Self {
            data_dir: data_dir.to_path_buf(),
            least_free_megabytes,
        }
    }

    /// Asked before a fetch, and again as it goes on.
    pub fn is_left(&self) -> Result<()> {
        if let Some(megabytes) = self.short_of_space()? {
            bail!("磁盘空间不足，仅余{megabytes} MB，腾出空间之前不再收信");
        }
        ensure!(
            handles_left(SPARE_HANDLES),
            "可打开的文件数不足，提高限制之前不再收信"
        );
        Ok(())
    }

    /// Megabytes that are left, where they are fewer than the settings ask for.
    pub fn short_of_space(&self) -> Result<Option<u64>> {
        let megabytes = self.free_megabytes()?;
        Ok((megabytes < self.least_free_megabytes).then_some(megabytes))
    }

    /// Megabytes that are left to us.
    pub fn free_megabytes(&self) -> Result<u64> {
        let bytes = free_bytes(&self.data_dir).context("cannot ask for the free disk space")?;
        Ok(bytes >> 20)
    }
}

/// What is left to us of the disk below `path`.
pub(super) fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let space = rustix::fs::statvfs(path)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Whether the directory takes a file, tried with one that goes again.
pub(super) fn takes_a_file(directory: &Path) -> std::io::Result<()> {
    tempfile::NamedTempFile::new_in(directory).and_then(|mut file| file.write_all(&[0; 4096]))
}

impl Daemon {
    pub(super) fn room(&self) -> Room {
        Room::of(&self.data_dir, self.config.alarms.least_free_megabytes)
    }
}
