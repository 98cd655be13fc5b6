//! One look into every mailbox of the campaign: one connection each, one after the other. One that fails stops no other.

use super::Daemon;
use super::line::Line;
use super::poll::Folder;
use super::storage::STORAGE;
use crate::campaign::Moment;
use crate::config::{self, Mailbox, mailbox_and_folder};
use crate::mailbox::{Error, is_spam, watched};
use anyhow::Result;
use chrono::TimeDelta;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tracing::{info, warn};

/// After a failed poll the wait doubles up to this; with refused credentials it is this at once.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 60);
/// In place of a folder that the settings name and the server lacks.
const SETTINGS: &str = "settings";
/// Troubles that are no folder's: of the connection, of the way out, and of the storage.
pub(super) const NO_FOLDERS: [&str; 3] = ["", "smtp", STORAGE];

/// Some mailboxes could not be polled, but others were: those need no longer wait.
#[derive(Debug, thiserror::Error)]
#[error("other mailboxes were polled")]
pub struct OthersPolled;

/// What is known of a mailbox's server while this process runs.
#[derive(Debug, Default)]
pub struct Manners {
    /// Whether it answers one command at a time only.
    one_by_one: bool,
    /// Whether it refuses the login.
    pub refuses: bool,
    /// How long is waited after its last failure, and until when.
    waits: Option<(Duration, Moment)>,
}

impl Manners {
    fn waits_at(&self, now: Moment) -> bool {
        // A clock that was set back must not keep it waiting.
        let longest = TimeDelta::from_std(LONGEST_WAIT).unwrap_or_default();
        self.waits
            .is_some_and(|(_, until)| now < until && until - now <= longest)
    }

    fn note(&mut self, failed: Option<&anyhow::Error>, usual: Duration, now: Moment) {
        self.refuses = failed.is_some_and(refuses_login);
        self.waits = failed.map(|error| {
            let before = self.waits.map_or(usual, |(wait, _)| wait);
            let wait = after_failure(error, before, usual);
            (wait, now + TimeDelta::from_std(wait).unwrap_or_default())
        });
    }
}

/// Reports come into INBOX, or into the folders that the settings name; a refused spam folder is told of and stops no
/// reminder.
fn takes_reports(mailbox: &Mailbox, n: usize) -> bool {
    match &mailbox.folders {
        None => n == 0,
        Some(names) => names.get(n).is_some_and(|name| !is_spam(name)),
    }
}

fn refuses_login(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Credentials { .. }))
}

/// A server is not pressed: how long to wait after a failure, where `before` was waited until it.
pub(super) fn after_failure(error: &anyhow::Error, before: Duration, usual: Duration) -> Duration {
    match refuses_login(error) {
        true => LONGEST_WAIT.max(usual),
        false => (before * 2).min(LONGEST_WAIT).max(usual),
    }
}

impl Daemon {
    /// Looks into every watched folder. What was fetched before a fault stays kept; the next poll goes on from there.
    /// Gives the number of new mails.
    ///
    /// # Errors
    /// The first [`Error`] of a mailbox (downcast to tell refused credentials apart), with [`OthersPolled`] as context
    /// where others could be polled; or a fault of store and disk.
    pub async fn poll(&mut self, now: Moment) -> Result<usize> {
        let mut all: Vec<Mailbox> = self.config.mailboxes().cloned().collect();
        let among = all.len();
        let waits = |mailbox: &Mailbox| {
            let manners = self.manners.get(&mailbox.name);
            manners.is_some_and(|manners| manners.waits_at(now))
        };
        // Where all have failed it is the daemon that waits.
        if !all.iter().all(waits) {
            all.retain(|mailbox| !waits(mailbox));
        }
        let (mut new, mut whole, mut failure) = (0, all.len() == among, None);
        let mut polled = 0;
        for mailbox in all {
            // Nothing is noted before the database was looked through.
            if self.looking.is_none() && self.stopping() {
                break;
            }
            let result = self.poll_mailbox(&mailbox, now).await;
            if self.database_fails(&result) {
                return result.map(|_| new);
            }
            self.note(&mailbox, result.as_ref().err(), now)?;
            match result {
                Ok((fresh, to_the_end)) => {
                    (new, polled) = (new + fresh, polled + 1);
                    whole &= to_the_end;
                }
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        match failure {
            None => {
                if whole && !self.stopping() {
                    self.store.polled(now)?;
                }
                Ok(new)
            }
            Some(error) if polled > 0 => Err(error.context(OthersPolled)),
            Some(error) => Err(error),
        }
    }

    fn note(
        &mut self,
        mailbox: &Mailbox,
        error: Option<&anyhow::Error>,
        now: Moment,
    ) -> Result<()> {
        let usual = Duration::from_secs(self.config.poll_seconds());
        let manners = self.manners.entry(mailbox.name.clone()).or_default();
        manners.note(error, usual, now);
        let what = error.map(|error| format!("{error:#}"));
        let is_news = self
            .store
            .trouble(&mailbox.place(""), what.as_deref(), now)?;
        match what {
            None if is_news => info!(mailbox = mailbox.name, "polls succeed again"),
            Some(error) if is_news => warn!(mailbox = mailbox.name, error, "poll failed"),
            _ => {}
        }
        Ok(())
    }

    /// Gives the number of new mails, and whether everything was looked into that reports come into.
    async fn poll_mailbox(&mut self, mailbox: &Mailbox, now: Moment) -> Result<(usize, bool)> {
        let line = self.connect(mailbox).await;
        self.looked_through()?;
        self.store.set_back_to(now)?;
        let line = Arc::new(Mutex::new(line?));
        let folders = self.folders(mailbox, &line).await?;
        let (mut new, mut whole) = (0, true);
        for (n, (place, folder)) in folders.into_iter().enumerate() {
            if self.stopping() {
                whole = false;
                break;
            }
            let result = match folder {
                Ok(name) => {
                    let place = place.clone();
                    self.poll_folder(&line, &Folder { name, place }, now).await
                }
                Err(error) => Err(error.into()),
            };
            whole &= result.is_ok() || !takes_reports(mailbox, n);
            new += self.settle(&place, result, now)?;
        }
        let mut line = line.lock().await;
        let manners = self.manners.entry(mailbox.name.clone()).or_default();
        manners.one_by_one = line.one_by_one;
        line.session.close().await;
        if new > 0 {
            info!(mails = new, mailbox = mailbox.name, "mails taken in");
        }
        Ok((new, whole))
    }

    async fn connect(&self, mailbox: &Mailbox) -> Result<Line> {
        let password = config::secret(&mailbox.password_file)?;
        self.room().is_left()?;
        let manners = self.manners.get(&mailbox.name);
        let one_by_one = manners.is_some_and(|manners| manners.one_by_one);
        Ok(Line::open(mailbox.clone(), password, one_by_one).await?)
    }

    /// The watched folders, by what rows call them. What was wrong with others is forgotten.
    async fn folders(
        &mut self,
        mailbox: &Mailbox,
        line: &Mutex<Line>,
    ) -> Result<Vec<(String, Result<String, Error>)>> {
        let listed = line.lock().await.session.folders().await?;
        let folders = watched(mailbox.folders.as_deref(), &listed).into_iter();
        let named = |folder: Result<String, Error>| {
            let name = folder.as_deref().unwrap_or(SETTINGS);
            (mailbox.place(name), folder)
        };
        let folders: Vec<_> = folders.map(named).collect();
        let known: Vec<&str> = self
            .config
            .mailboxes()
            .map(|one| one.name.as_str())
            .collect();
        let storage = self.blobs.remote().is_some();
        self.store.forget_troubles_but(|trouble| {
            let (of, folder) = mailbox_and_folder(trouble);
            match (of, folder) {
                ("", STORAGE) => storage,
                ("", "smtp") => true,
                _ if of != mailbox.name => known.contains(&of),
                _ => folder.is_empty() || folders.iter().any(|(place, _)| place == trouble),
            }
        })?;
        Ok(folders)
    }

    /// A folder that the server refuses is reported and does not stop the others.
    fn settle(&mut self, place: &str, result: Result<usize>, now: Moment) -> Result<usize> {
        match result {
            Ok(new) => {
                if self.store.trouble(place, None, now)? {
                    info!(folder = place, "folder can be read again");
                }
                Ok(new)
            }
            Err(error)
                if error
                    .downcast_ref::<Error>()
                    .is_some_and(Error::leaves_session) =>
            {
                let error = format!("{error:#}");
                if self.store.trouble(place, Some(&error), now)? {
                    warn!(folder = place, error, "folder cannot be read");
                }
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}
