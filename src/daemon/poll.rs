//! One look into one folder: everything new in it is listed, fetched and taken in.

use super::line::Line;
use super::readers::Readers;
use super::reading::{Delivery, Incoming, Prepared};
use super::room::Room;
use super::watching::Heartbeat;
use super::{Daemon, progress};
use crate::campaign::Moment;
use crate::mailbox::{Error, Examined, Fetched, Listed, SIZES, batches};
use crate::store::{Cursor, Place};
use anyhow::{Context, Result, anyhow};
use chrono::TimeDelta;
use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc, watch};
use tracing::{Instrument, debug};

/// All UIDs are compared at least this often, and whenever the counts disagree.
const COMPARE_EVERY: TimeDelta = TimeDelta::hours(24);

/// A watched folder.
#[derive(Debug, Clone)]
pub struct Folder {
    /// As the server writes it.
    pub name: String,
    /// As rows know it: with its mailbox, where there are several.
    pub place: String,
}

impl Daemon {
    pub(super) async fn poll_folder(
        &mut self,
        shared: &Arc<Mutex<Line>>,
        folder: &Folder,
        now: Moment,
    ) -> Result<usize> {
        let mut line = shared.lock().await;
        let cursor = self.store.cursor(&folder.place)?;
        let cursor = cursor.filter(|cursor| now - cursor.compared_at < COMPARE_EVERY);
        let first = cursor
            .as_ref()
            .map_or(1, |cursor| cursor.last_uid.saturating_add(1));
        let (opened, found) = line.look_into(&folder.name, first).await?;
        self.store
            .opened(&folder.place, opened.uidvalidity, opened.exists)?;
        let look = Look {
            opened,
            cursor: cursor.filter(|cursor| cursor.uidvalidity == opened.uidvalidity),
            complete: first == 1,
            found,
        };
        let wanted = self.find_new(&mut line, &folder.place, look, now).await?;
        if wanted.is_empty() {
            return Ok(0);
        }
        let places = Places {
            folder: folder.clone(),
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
                    let why = line.recover(&places.folder.name, error, uids.len()).await?;
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
        place: &str,
        look: Look,
        now: Moment,
    ) -> Result<Vec<u32>> {
        let Examined {
            uidvalidity,
            exists,
        } = look.opened;
        if let Some(cursor) = look.cursor {
            let mut wanted = self.store.wanted(place, uidvalidity, &look.found)?;
            let present = match cursor.settled_count {
                Some(count) => count,
                None => self.store.present(place, uidvalidity)?,
            };
            if present as usize + wanted.len() == exists as usize {
                if wanted.is_empty() && cursor.settled_count.is_none() {
                    self.store.settled(place, present)?;
                }
                wanted.extend(self.store.unfetched(place, uidvalidity)?);
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
        self.store.compared(place, uidvalidity, &listed, now)?;
        let count = exists.max(listed.len() as u32);
        self.store.opened(place, uidvalidity, count)?;
        self.store.wanted(place, uidvalidity, &listed)
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
            .run(batches(listed).into())
            .in_current_span(),
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
    folder: Folder,
    uidvalidity: u32,
}

impl Places {
    fn of(&self, uid: u32) -> Place {
        Place {
            folder: self.folder.place.clone(),
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
            let got_on = || self.heart.beat();
            let fetched = line.session.fetch(&batch, &self.spool, &got_on).await;
            let delivery = match fetched {
                Ok(fetched) => self.delivery(&batch, fetched),
                Err(error @ Error::Local(_)) => return Err(error.into()),
                Err(error) => {
                    let why = line
                        .recover(&self.places.folder.name, error, batch.len())
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
