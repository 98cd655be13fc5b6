//! Files out of mails, on their way to the storage of the settings: durable on the disk first, and let go there long after.

use super::Daemon;
use crate::campaign::Moment;
use crate::store::{Remote, is_of_storage};
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta};
use rand::RngExt;
use std::path::Path;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// After so much time of a pass no further file is begun, so that letters and polls stay in time.
const BUDGET: Duration = Duration::from_secs(60);
/// After so many failures in a row the storage counts as down until the next pass.
const DOWN: usize = 3;
/// Its row among the troubles. No folder's, for servers write the names of folders in ASCII.
pub(super) const STORAGE: &str = "远程存储";

/// What is done in the storage in one pass.
struct Visit {
    remote: Remote,
    begun: Instant,
    first_failure: Option<anyhow::Error>,
    in_a_row: usize,
}

impl Visit {
    /// A failure is remembered, and does not keep others from their turn.
    fn note<T>(&mut self, done: Result<T>) -> Option<T> {
        let error = match done {
            Ok(done) => {
                self.in_a_row = 0;
                return Some(done);
            }
            Err(error) => error,
        };
        self.in_a_row += usize::from(is_of_storage(&error));
        self.first_failure.get_or_insert(error);
        None
    }

    fn is_over(&self) -> bool {
        self.in_a_row >= DOWN || self.begun.elapsed() > BUDGET
    }
}

impl Daemon {
    /// Copies to the storage what it lacks, once a day lets go of what lies there on the disk, and removes there what
    /// retention removed here. Where that fails nothing is lost: the disk's copy stays, and it is tried again with the
    /// next pass.
    ///
    /// # Errors
    /// Of the disk and the database; a storage that fails is a trouble that is noted.
    pub(super) fn visit_storage(&mut self, new_day: bool, now: Moment) -> Result<()> {
        let Some(remote) = self.blobs.remote().cloned() else {
            return Ok(());
        };
        let mut visit = Visit {
            begun: Instant::now(),
            first_failure: None,
            in_a_row: 0,
            remote,
        };
        self.tidy_storage |= new_day;
        let ready = visit.remote.ready();
        if visit.note(ready).is_some() {
            let forgotten = self.store.storage_is(&visit.remote.place())?;
            if forgotten > 0 {
                warn!(
                    blobs = forgotten,
                    "the storage is another, and is looked through anew"
                );
            }
            self.store_files(&mut visit, now)?;
            if self.tidy_storage {
                self.look_for_missing(&mut visit, now)?;
                self.let_go(&mut visit, now)?;
                // What was cut off goes on with the next pass; a storage that is down is left alone for a day.
                self.tidy_storage = visit.begun.elapsed() > BUDGET;
            }
            // Last, so that a key that may not remove keeps nothing else from its turn.
            self.remove_there(&mut visit)?;
        }
        self.tell_of_storage(visit.first_failure, now)
    }

    fn store_files(&mut self, visit: &mut Visit, now: Moment) -> Result<()> {
        let mut unstored = self.store.unstored(self.config.storage.raw_mails)?;
        // One that is missing is told of by `verify`.
        unstored.retain(|sha256| self.blobs.path(sha256).exists());
        if self.storage_fails()? {
            // From anywhere on, lest a few that the storage refuses are always the first, and the last.
            let first = rand::rng().random_range(0..=unstored.len());
            unstored.rotate_left(first);
        }
        let mut stored = 0;
        for sha256 in unstored {
            if visit.is_over() || self.stopping() {
                break;
            }
            let path = self.blobs.path(&sha256);
            let put = visit.remote.put(&sha256, &path, || self.heart.beat());
            if let Some(bytes) = visit.note(put) {
                self.store.blob_stored(&sha256, bytes, now)?;
                stored += 1;
            }
            self.heart.beat();
        }
        if stored > 0 {
            info!(blobs = stored, "stored");
        }
        Ok(())
    }

    /// Notes what lies in the storage alone though no row says so, as after a move to another storage and its files.
    fn look_for_missing(&mut self, visit: &mut Visit, now: Moment) -> Result<()> {
        for sha256 in self.store.unstored(self.config.storage.raw_mails)? {
            if visit.is_over() || self.stopping() {
                break;
            }
            if !self.blobs.path(&sha256).exists() {
                let size = visit.remote.size(&sha256);
                if let Some(bytes) = visit.note(size).flatten() {
                    self.store.blob_stored(&sha256, bytes, now)?;
                }
                self.heart.beat();
            }
        }
        Ok(())
    }

    /// Lets go of copies on the disk once they have lain untouched for the days of the settings, where the storage says
    /// that it holds them too. What it does not hold is to be stored anew.
    fn let_go(&mut self, visit: &mut Visit, now: Moment) -> Result<()> {
        let Some(days) = self.config.storage.disk_days else {
            return Ok(());
        };
        let before = now - TimeDelta::days(days.into());
        let (mut bytes, mut blobs) = (0, 0);
        for sha256 in self.store.stored()? {
            if visit.is_over() || self.stopping() {
                break;
            }
            let path = self.blobs.path(&sha256);
            let Some(length) = length_if_older(&path, before)? else {
                continue;
            };
            let size = visit.remote.size(&sha256);
            match visit.note(size) {
                None => {}
                Some(there) if there == Some(length) => {
                    std::fs::remove_file(&path)
                        .with_context(|| format!("cannot remove {}", path.display()))?;
                    bytes += length;
                    blobs += 1;
                }
                Some(_) => self.store.blob_not_stored(&sha256)?,
            }
            self.heart.beat();
        }
        if blobs > 0 {
            info!(blobs, bytes, "let go on the disk; the storage holds them");
        }
        Ok(())
    }

    fn remove_there(&mut self, visit: &mut Visit) -> Result<()> {
        for sha256 in self.store.stored_and_removed()? {
            if visit.is_over() || self.stopping() {
                break;
            }
            let removed = visit.remote.remove(&sha256);
            if visit.note(removed).is_some() {
                self.store.blob_not_stored(&sha256)?;
            }
            self.heart.beat();
        }
        Ok(())
    }

    /// Whether it did when it was last visited.
    fn storage_fails(&self) -> Result<bool> {
        let troubles = self.store.troubles()?;
        Ok(troubles.iter().any(|trouble| trouble.folder == STORAGE))
    }

    /// The log is told when it begins and when it is over: words of a server differ from pass to pass.
    fn tell_of_storage(&mut self, failure: Option<anyhow::Error>, now: Moment) -> Result<()> {
        let failed = self.storage_fails()?;
        let error = failure.map(|error| format!("{error:#}"));
        match &error {
            Some(error) if !failed => warn!(error, "files cannot be stored"),
            None if failed => info!("files can be stored again"),
            _ => {}
        }
        self.store.trouble(STORAGE, error.as_deref(), now)?;
        Ok(())
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
