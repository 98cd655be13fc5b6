//! Files out of mails, on their way to the storage of the settings: durable on the disk first, and let go there long after.

use super::Daemon;
use crate::campaign::Moment;
use crate::store::Remote;
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta};
use std::path::Path;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// After so much time of a pass no further file is begun, so that letters and polls stay in time.
const BUDGET: Duration = Duration::from_secs(60);
/// Its row among the troubles.
pub(super) const STORAGE: &str = "storage";

impl Daemon {
    /// Copies to the storage what it lacks, as far as the time of a pass goes. Where that fails nothing is lost: what is
    /// not noted as stored stays on the disk, and is tried again with the next pass.
    pub(super) fn store_files(&mut self, now: Moment) -> Result<usize> {
        let Some(remote) = self.blobs.remote().cloned() else {
            return Ok(0);
        };
        let begun = Instant::now();
        let mut stored = 0;
        let result = self.store_within(&remote, begun, &mut stored, now);
        if self.database_fails(&result) {
            return result.map(|()| stored);
        }
        if stored > 0 {
            info!(blobs = stored, "stored");
        }
        let what = result.err().map(|error| {
            warn!("{error:#}");
            format!("{error:#}")
        });
        self.store.trouble(STORAGE, what.as_deref(), now)?;
        Ok(stored)
    }

    fn store_within(
        &mut self,
        remote: &Remote,
        begun: Instant,
        stored: &mut usize,
        now: Moment,
    ) -> Result<()> {
        for sha256 in self.store.stored_and_removed()? {
            remote.remove(&sha256)?;
            self.store.blob_not_stored(&sha256)?;
        }
        for sha256 in self.store.unstored(self.config.storage.raw_mails)? {
            if begun.elapsed() > BUDGET || self.stopping() {
                break;
            }
            let path = self.blobs.path(&sha256);
            // One that is missing is told of by `verify`, and must not keep others from their turn.
            if path.exists() {
                let bytes = remote.put(&sha256, &path)?;
                self.store.blob_stored(&sha256, bytes, now)?;
                *stored += 1;
            }
        }
        Ok(())
    }

    /// Lets go of copies on the disk that the storage holds too, once they have lain untouched for the days of the
    /// settings. Gives the number of their bytes.
    pub(super) fn let_go(&self, now: Moment) -> Result<u64> {
        let (Some(_), Some(days)) = (self.blobs.remote(), self.config.storage.disk_days) else {
            return Ok(0);
        };
        let before = now - TimeDelta::days(days.into());
        let (mut bytes, mut blobs) = (0, 0);
        for sha256 in self.store.stored()? {
            let path = self.blobs.path(&sha256);
            if let Some(length) = length_if_older(&path, before)? {
                std::fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
                bytes += length;
                blobs += 1;
            }
        }
        if blobs > 0 {
            info!(blobs, bytes, "let go on the disk; the storage holds them");
        }
        Ok(bytes)
    }
}

/// Length of a file that was written before `before`; `None` where none is there, or a newer one.
fn length_if_older(path: &Path, before: Moment) -> Result<Option<u64>> {
    let data = match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        data => data.with_context(|| format!("cannot look at {}", path.display()))?,
    };
    let written = DateTime::<chrono::Utc>::from(data.modified()?);
    Ok((written < before).then_some(data.len()))
}
