//! One look into one folder: everything new in it is listed, fetched and taken in.

use super::line::Line;
use super::readers::Readers;
use super::reading::{Delivery, Incoming, Prepared};
use super::room::Room;
use super::watching::Heartbeat;
use super::{Daemon, progress};
use crate::campaign::Moment;
use crate::mailbox::{BATCH_BYTES, Error, Examined, Fetched, Listed, SIZES, batches};
use crate::store::{Cursor, Place};
use anyhow::{Context, Result, anyhow};
use chrono::TimeDelta;
use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::timeout;
use tracing::{Instrument, debug};

/// All UIDs are compared at least this often, and whenever the counts disagree.
const COMPARE_EVERY: TimeDelta = TimeDelta::hours(24);
/// Room on the machine is looked at again before what brings so many bytes since: as many as several mails have in one
/// batch.
const LOOK_AT_ROOM: u64 = BATCH_BYTES;
/// How long rows wait for others to be committed with.
const TOGETHER: Duration = Duration::from_millis(50);

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
        let found = self.find_new(&mut line, &folder.place, look, now).await?;
        if found.wanted.is_empty() {
            return Ok(0);
        }
        let places = Places {
            folder: folder.clone(),
            uidvalidity: opened.uidvalidity,
        };
        drop(line);
        self.store.hurries(true)?;
        let fetched = self.fetch(shared, places, &found.wanted, now).await;
        self.store.hurries(false)?;
        if let (Ok(_), Some(count), false) = (&fetched, found.settles_at, self.stopping()) {
            self.store.settled(&folder.place, count)?;
        }
        fetched
    }

    /// What UID SEARCH lists and the database lacks.
    async fn find_new(
        &mut self,
        line: &mut Line,
        place: &str,
        look: Look,
        now: Moment,
    ) -> Result<New> {
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
                return Ok(New {
                    wanted,
                    settles_at: Some(exists),
                });
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
        Ok(New {
            wanted: self.store.wanted(place, uidvalidity, &listed)?,
            settles_at: None,
        })
    }

    /// Fetches, reads and keeps side by side.
    async fn fetch(
        &mut self,
        line: &Arc<Mutex<Line>>,
        places: Places,
        wanted: &[u32],
        now: Moment,
    ) -> Result<usize> {
        let bar = progress::of_mails(wanted.len());
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
            .run(
                wanted
                    .chunks(SIZES)
                    .map(|uids| Step::List(uids.to_vec()))
                    .collect(),
            )
            .in_current_span(),
        );
        let mut new = 0;
        let mut failed = None;
        while let (None, Some(batch)) = (&failed, self.next_batch(&mut prepared).await) {
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

    /// The next batch. Rows wait for it a moment to be committed together with its own.
    async fn next_batch(
        &mut self,
        prepared: &mut mpsc::Receiver<Result<Prepared>>,
    ) -> Option<Result<Prepared>> {
        if let Ok(batch) = timeout(TOGETHER, prepared.recv()).await {
            return batch;
        }
        match self.store.commit() {
            Ok(()) => prepared.recv().await,
            Err(error) => Some(Err(error)),
        }
    }

    /// Rows, and verdicts as far as nothing later is judged. Gives the number of mails, and of new ones.
    fn accept(&mut self, batch: Prepared, now: Moment) -> Result<(usize, usize)> {
        let mails = batch.kept.len();
        let new = self.take_in_and_judge(batch.kept)?;
        for (place, why) in &batch.missing {
            self.store.failed(place, why, now)?;
        }
        self.heart.took(new);
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

/// What one look into a folder found to be fetched.
struct New {
    wanted: Vec<u32>,
    /// Places of the folder once each of these has its row, where that is known without counting them.
    settles_at: Option<u32>,
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

/// What is next to be asked of the server.
enum Step {
    /// Sizes and arrivals.
    List(Vec<u32>),
    /// Whole mails.
    Fetch(Vec<Listed>),
}

impl Step {
    /// The same in smaller steps, of which the mail that breaks it is one; the UID where it is one mail.
    fn smaller(self) -> Result<Vec<Self>, u32> {
        match self {
            Self::List(uids) if uids.len() > 1 => {
                let halves = uids.chunks(uids.len().div_ceil(2));
                Ok(halves.map(|half| Self::List(half.to_vec())).collect())
            }
            Self::Fetch(batch) if batch.len() > 1 => {
                let single = batch.into_iter().map(|one| Self::Fetch(vec![one]));
                Ok(single.collect())
            }
            Self::List(uids) => Err(uids[0]),
            Self::Fetch(batch) => Err(batch[0].uid),
        }
    }

    /// What it brings, as it counts for [`LOOK_AT_ROOM`]; never nothing, for a server may understate.
    fn bytes(&self) -> u64 {
        let stated = match self {
            Self::List(_) => 0,
            Self::Fetch(batch) => batch.iter().map(|mail| mail.size).sum(),
        };
        stated.max(LOOK_AT_ROOM / 8)
    }

    fn mails(&self) -> usize {
        match self {
            Self::List(uids) => uids.len(),
            Self::Fetch(batch) => batch.len(),
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
    /// A batch that fails is tried mail by mail, a list by halves; a mail that fails alone is noted and passed over.
    async fn run(self, mut steps: VecDeque<Step>) -> Result<()> {
        let line = self.line.clone();
        let mut line = line.lock().await;
        let mut unlooked = LOOK_AT_ROOM;
        while let Some(step) = steps.pop_front() {
            if self.stop.as_ref().is_some_and(|stop| *stop.borrow()) {
                break;
            }
            unlooked = unlooked.saturating_add(step.bytes());
            if unlooked >= LOOK_AT_ROOM {
                self.room.is_left()?;
                unlooked = step.bytes();
            }
            self.heart.beat();
            let delivery = match self.take(&step, &mut line, &mut steps).await {
                Ok(delivery) => delivery,
                Err(error @ Error::Local(_)) => return Err(error.into()),
                Err(error) => {
                    let why = line
                        .recover(&self.places.folder.name, error, step.mails())
                        .await?;
                    match step.smaller() {
                        Ok(smaller) => {
                            smaller
                                .into_iter()
                                .rev()
                                .for_each(|step| steps.push_front(step));
                            continue;
                        }
                        Err(uid) => Delivery {
                            mails: vec![],
                            missing: vec![(self.places.of(uid), why)],
                        },
                    }
                }
            };
            if delivery.is_empty() {
                continue;
            }
            if self.to.send(delivery).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Takes one step; what is listed is fetched next.
    async fn take(
        &self,
        step: &Step,
        line: &mut Line,
        steps: &mut VecDeque<Step>,
    ) -> Result<Delivery, Error> {
        match step {
            Step::List(uids) => {
                let listed = line.session.list(uids).await?;
                let shown: HashSet<u32> = listed.iter().map(|mail| mail.uid).collect();
                let missing = self.missing(uids, &shown, "服务器列出而未给出");
                for batch in batches(listed).into_iter().rev() {
                    steps.push_front(Step::Fetch(batch));
                }
                Ok(Delivery {
                    mails: vec![],
                    missing,
                })
            }
            Step::Fetch(batch) => {
                let got_on = || self.heart.beat();
                let fetched = line.session.fetch(batch, &self.spool, &got_on).await?;
                Ok(self.delivery(batch, fetched))
            }
        }
    }

    fn missing(&self, asked: &[u32], got: &HashSet<u32>, why: &str) -> Vec<(Place, String)> {
        let lacking = asked.iter().filter(|uid| !got.contains(uid));
        lacking
            .map(|uid| (self.places.of(*uid), why.to_owned()))
            .collect()
    }

    fn delivery(&self, asked: &[Listed], fetched: Vec<Fetched>) -> Delivery {
        let got: HashSet<u32> = fetched.iter().map(|mail| mail.listed.uid).collect();
        let asked: Vec<u32> = asked.iter().map(|mail| mail.uid).collect();
        let missing = self.missing(&asked, &got, "服务器未给出内容");
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
