//! One look into the mailbox: one connection, every watched folder, everything new taken in.

use super::line::Line;
use super::readers::Readers;
use super::reading::{Delivery, Incoming, Prepared};
use super::room::Room;
use super::watching::Heartbeat;
use super::{Daemon, progress};
use crate::campaign::Moment;
use crate::config;
use crate::mailbox::{Error, Examined, Fetched, Listed, SIZES, batches, watched};
use crate::store::{Cursor, Place};
use anyhow::{Context, Result, anyhow};
use chrono::TimeDelta;
use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc, watch};
use tracing::{debug, info, warn};

/// All UIDs are compared at least this often, and whenever the counts disagree.
const COMPARE_EVERY: TimeDelta = TimeDelta::hours(24);
/// In place of a folder that the settings name and the server lacks.
const SETTINGS: &str = "settings";

impl Daemon {
    /// Looks into every watched folder. What was fetched before a fault stays kept; the next poll goes on from there.
    ///
    /// # Errors
    /// A [`Error`] of the mailbox (downcast to tell refused credentials apart), or a fault of store and disk.
    pub async fn poll(&mut self, now: Moment) -> Result<usize> {
        let line = self.connect().await;
        self.looked_through()?;
        self.store.set_back_to(now)?;
        let result = match line {
            Ok(line) => self.poll_all(line, now).await,
            Err(error) => Err(error),
        };
        if self.database_fails(&result) {
            return result;
        }
        let what = result.as_ref().err().map(|error| format!("{error:#}"));
        let is_news = self.store.trouble("", what.as_deref(), now)?;
        if is_news && result.is_ok() {
            info!("polls succeed again");
        }
        result
    }

    async fn connect(&self) -> Result<Line> {
        let settings = self.config.mailbox.clone();
        let password = config::secret(&settings.password_file)?;
        self.room().is_left()?;
        Ok(Line::open(settings, password, self.one_by_one).await?)
    }

    async fn poll_all(&mut self, line: Line, now: Moment) -> Result<usize> {
        let watch = self.config.mailbox.folders.clone();
        let line = Arc::new(Mutex::new(line));
        let listed = line.lock().await.session.folders().await?;
        let (mut new, mut whole) = (0, true);
        let folders = watched(watch.as_deref(), &listed);
        self.store.forget_troubles_but(&troubled(&folders))?;
        for (n, folder) in folders.into_iter().enumerate() {
            if self.stopping() {
                whole = false;
                break;
            }
            let name = folder.as_deref().unwrap_or_default().to_owned();
            let result = match folder {
                Ok(folder) => self.poll_folder(&line, &folder, now).await,
                Err(error) => Err(error.into()),
            };
            // Reports come into the first folder; a refused spam folder is told of and stops no reminder.
            whole &= n > 0 || result.is_ok();
            new += self.settle(&name, result, now)?;
        }
        if whole && !self.stopping() {
            self.store.polled(now)?;
        }
        let mut line = line.lock().await;
        self.one_by_one = line.one_by_one;
        line.session.close().await;
        if new > 0 {
            info!(mails = new, "mails taken in");
        }
        Ok(new)
    }

    /// A folder that the server refuses is reported and does not stop the others.
    fn settle(&mut self, folder: &str, result: Result<usize>, now: Moment) -> Result<usize> {
        match result {
            Ok(new) => {
                if self.store.trouble(folder, None, now)? {
                    info!(folder, "folder can be read again");
                }
                Ok(new)
            }
            Err(error)
                if error
                    .downcast_ref::<Error>()
                    .is_some_and(Error::leaves_session) =>
            {
                let error = format!("{error:#}");
                let name = if folder.is_empty() { SETTINGS } else { folder };
                if self.store.trouble(name, Some(&error), now)? {
                    warn!(folder, error, "folder cannot be read");
                }
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    async fn poll_folder(
        &mut self,
        shared: &Arc<Mutex<Line>>,
        folder: &str,
        now: Moment,
    ) -> Result<usize> {
        let mut line = shared.lock().await;
        let cursor = self.store.cursor(folder)?;
        let cursor = cursor.filter(|cursor| now - cursor.compared_at < COMPARE_EVERY);
        let first = cursor
            .as_ref()
            .map_or(1, |cursor| cursor.last_uid.saturating_add(1));
        let (opened, found) = line.look_into(folder, first).await?;
        self.store
            .opened(folder, opened.uidvalidity, opened.exists)?;
        let look = Look {
            opened,
            cursor: cursor.filter(|cursor| cursor.uidvalidity == opened.uidvalidity),
            complete: first == 1,
            found,
        };
        let wanted = self.find_new(&mut line, folder, look, now).await?;
        if wanted.is_empty() {
            return Ok(0);
        }
        let places = Places {
            folder: folder.to_owned(),
            uidvalidity: opened.uidvalidity,
        };
        let listed = self.list(&mut line, &places, &wanted, now).await?;
        drop(line);
        self.fetch(shared, places, listed, now).await
    }

    /// Sizes and arrivals. A command that fails is halved until the mail that breaks it stands alone.
    async fn list(
        &mut self,
        line: &mut Line,
        places: &Places,
        wanted: &[u32],
        now: Moment,
    ) -> Result<Vec<Listed>> {
        let mut queue: VecDeque<Vec<u32>> = wanted.chunks(SIZES).map(<[u32]>::to_vec).collect();
        let mut all = Vec::new();
        while let Some(uids) = queue.pop_front() {
            self.heart.beat();
            match line.session.list(&uids).await {
                Ok(listed) => {
                    let shown: HashSet<u32> = listed.iter().map(|mail| mail.uid).collect();
                    for uid in uids.iter().filter(|uid| !shown.contains(uid)) {
                        self.store
                            .failed(&places.of(*uid), "服务器列出而未给出", now)?;
                    }
                    all.extend(listed);
                }
                Err(error) => {
                    let why = line.recover(&places.folder, error, uids.len()).await?;
                    match uids.as_slice() {
                        [one] => self.store.failed(&places.of(*one), &why, now)?,
                        many => many
                            .chunks(many.len().div_ceil(2))
                            .rev()
                            .for_each(|half| queue.push_front(half.to_vec())),
                    }
                }
            }
        }
        Ok(all)
    }

    /// What UID SEARCH lists and the database lacks.
    async fn find_new(
        &mut self,
        line: &mut Line,
        folder: &str,
        look: Look,
        now: Moment,
    ) -> Result<Vec<u32>> {
        let Examined {
            uidvalidity,
            exists,
        } = look.opened;
        if let Some(cursor) = look.cursor {
            let mut wanted = self.store.wanted(folder, uidvalidity, &look.found)?;
            let present = match cursor.settled_count {
                Some(count) => count,
                None => self.store.present(folder, uidvalidity)?,
            };
            if present as usize + wanted.len() == exists as usize {
                if wanted.is_empty() && cursor.settled_count.is_none() {
                    self.store.settled(folder, present)?;
                }
                wanted.extend(self.store.unfetched(folder, uidvalidity)?);
                wanted.sort_unstable();
                wanted.dedup();
                return Ok(wanted);
            }
        }
        let found = match look.complete {
            true => look.found,
            false => line.session.search(1).await?,
        };
        let listed = line.session.all_uids(found, exists).await?;
        self.store.compared(folder, uidvalidity, &listed, now)?;
        let count = exists.max(listed.len() as u32);
        self.store.opened(folder, uidvalidity, count)?;
        self.store.wanted(folder, uidvalidity, &listed)
    }

    /// Fetches, reads and keeps side by side.
    async fn fetch(
        &mut self,
        line: &Arc<Mutex<Line>>,
        places: Places,
        listed: Vec<Listed>,
        now: Moment,
    ) -> Result<usize> {
        let bar = progress::of_mails(listed.len());
        let (next, mut prepared) = mpsc::channel(1);
        let hand_on = move |batch| next.blocking_send(batch).is_ok();
        let (to, readers) = self.readers(hand_on)?;
        let fetcher = tokio::spawn(
            Fetcher {
                line: line.clone(),
                places,
                spool: self.blobs.spool().to_path_buf(),
                stop: self.stop.clone(),
                room: self.room(),
                now,
                heart: self.heart.clone(),
                to,
            }
            .run(batches(listed).into()),
        );
        let mut new = 0;
        let mut failed = None;
        while let (None, Some(batch)) = (&failed, prepared.recv().await) {
            let kept = batch.and_then(|batch| self.accept(batch, now));
            match kept {
                Ok((mails, fresh)) => {
                    bar.inc(mails as u64);
                    new += fresh;
                }
                Err(error) => failed = Some(error),
            }
        }
        // Whoever still sends finds nobody there, and ends.
        drop(prepared);
        let fetched = fetcher.await.context("fetching broke off")?;
        readers.join().map_err(|_| anyhow!("reading broke off"))?;
        match failed {
            Some(error) => Err(error),
            None => fetched.map(|()| new),
        }
    }

    /// Rows, and verdicts as far as nothing later is judged. Gives the number of mails, and of new ones.
    fn accept(&mut self, batch: Prepared, now: Moment) -> Result<(usize, usize)> {
        let mails = batch.kept.len();
        let new = self.take_in(batch.kept)?;
        for (place, why) in &batch.missing {
            self.store.failed(place, why, now)?;
        }
        self.heart.took(new);
        self.judge_in_order()?;
        debug!(mails, new, "batch kept");
        Ok((mails, new))
    }
}

/// What may be troubled: the connection, the way out, and the folders that are watched; `settings` where they name one
/// that is missing.
fn troubled(watched: &[Result<String, Error>]) -> Vec<String> {
    let folders = watched.iter().map(|folder| match folder {
        Ok(name) => name.clone(),
        Err(_) => SETTINGS.to_owned(),
    });
    let always = ["", "smtp"].map(str::to_owned);
    folders.chain(always).collect()
}

/// What one look into a folder showed.
struct Look {
    opened: Examined,
    /// Where it was read before under the same UIDVALIDITY, and compared not long ago.
    cursor: Option<Cursor>,
    /// Whether `found` was asked for from the first UID on.
    complete: bool,
    found: Vec<u32>,
}

/// The places of one folder.
#[derive(Debug, Clone)]
struct Places {
    folder: String,
    uidvalidity: u32,
}

impl Places {
    fn of(&self, uid: u32) -> Place {
        Place {
            folder: self.folder.clone(),
            uidvalidity: self.uidvalidity,
            uid,
        }
    }
}

/// Fetches batch by batch, while what came before is read. Ends early where nobody takes its mails.
struct Fetcher {
    line: Arc<Mutex<Line>>,
    places: Places,
    spool: PathBuf,
    stop: Option<watch::Receiver<bool>>,
    room: Room,
    now: Moment,
    heart: Heartbeat,
    to: Readers,
}

impl Fetcher {
    /// A batch that fails is tried mail by mail; a mail that fails alone is noted and passed over.
    async fn run(mut self, mut queue: VecDeque<Vec<Listed>>) -> Result<()> {
        let line = self.line.clone();
        let mut line = line.lock().await;
        while let Some(batch) = queue.pop_front() {
            if self.stop.as_ref().is_some_and(|stop| *stop.borrow()) {
                break;
            }
            self.room.is_left()?;
            self.heart.beat();
            let delivery = match line.session.fetch(&batch, &self.spool).await {
                Ok(fetched) => self.delivery(&batch, fetched),
                Err(error @ Error::Local(_)) => return Err(error.into()),
                Err(error) => {
                    let why = line
                        .recover(&self.places.folder, error, batch.len())
                        .await?;
                    if batch.len() > 1 {
                        let single = batch.iter().rev().map(|one| vec![one.clone()]);
                        single.for_each(|one| queue.push_front(one));
                        continue;
                    }
                    Delivery {
                        mails: vec![],
                        missing: vec![(self.places.of(batch[0].uid), why)],
                    }
                }
            };
            if self.to.send(delivery).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    fn delivery(&self, asked: &[Listed], fetched: Vec<Fetched>) -> Delivery {
        let got: HashSet<u32> = fetched.iter().map(|mail| mail.listed.uid).collect();
        let lacking = asked.iter().filter(|mail| !got.contains(&mail.uid));
        let missing = lacking.map(|mail| (self.places.of(mail.uid), "服务器未给出内容".to_owned()));
        let missing = missing.collect();
        let mails = fetched.into_iter().map(|mail| {
            let place = self.places.of(mail.listed.uid);
            Incoming {
                source: format!("{}/{}", place.folder, place.uid),
                received_at: mail.listed.received_at.unwrap_or(self.now),
                place: Some(place),
                raw: mail.raw,
            }
        });
        Delivery {
            mails: mails.collect(),
            missing,
        }
    }
}
