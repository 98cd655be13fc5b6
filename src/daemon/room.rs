//! What a fetch needs of the machine: room on the disk, and handles to write with.

use super::Daemon;
use crate::store::handles_left;
use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;

/// Files and connections that a pass opens at a time, at most: with fewer handles left nothing is fetched.
pub(super) const SPARE_HANDLES: usize = 64;

/// Where mails are kept, and what must be left there.
pub(super) struct Room {
    data_dir: PathBuf,
    least_free_megabytes: u64,
}

impl Room {
    /// Asked before each batch.
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
        let space =
            rustix::fs::statvfs(&self.data_dir).context("cannot ask for the free disk space")?;
        let megabytes = space.f_bavail.saturating_mul(space.f_frsize) >> 20;
        Ok((megabytes < self.least_free_megabytes).then_some(megabytes))
    }
}

impl Daemon {
    pub(super) fn room(&self) -> Room {
        Room {
            data_dir: self.data_dir.clone(),
            least_free_megabytes: self.config.alarms.least_free_megabytes,
        }
    }
}
