//! Readers side by side, each in a thread of its own: meanwhile other mails are fetched, and earlier ones judged. What they
//! read is made durable and handed on in the order in which it was sent.

use super::Daemon;
use super::reading::{Delivery, Hashes, Prepared, Reading, Shared};
use crate::reader::give_way;
use crate::store::{Blobs, Staged};
use anyhow::{Context, Result, anyhow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::Span;

/// Mails are read by so many processes at a time.
const READERS: usize = 2;
/// Deliveries that wait for them.
const WAITING: usize = 2;
/// Deliveries that are read, and wait to be made durable.
const READ: usize = 6;
/// What is made durable at a time: mails, and the bytes of what is staged for them.
const MAILS: usize = 200;
const BYTES: u64 = 8 << 20;
/// How long others are waited for: a flush takes its time however much there is to be flushed.
const TOGETHER: Duration = Duration::from_millis(20);

/// Where mails are sent to be read, by whichever reader is free.
#[derive(Debug)]
pub struct Readers {
    to: mpsc::Sender<Delivery>,
}

/// Nobody takes mails any more; whoever took them last was told why.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads any more")]
pub struct Gone;

impl Daemon {
    /// Starts readers; what is durable goes to `next` until that answers false, an error is the last that it gets.
    /// The thread ends after the senders are dropped.
    pub(super) fn readers(
        &self,
        next: impl FnMut(Result<Prepared>) -> bool + Send + 'static,
    ) -> Result<(Readers, JoinHandle<()>)> {
        let shared = Arc::new(Shared::new(self.hashes()?));
        let (to, deliveries) = mpsc::channel(WAITING);
        let (turns, order) = sync_channel(READ);
        let queue = Arc::new(Mutex::new(Queue { deliveries, turns }));
        for _ in 0..READERS {
            let (reading, queue) = (self.reading(&shared)?, queue.clone());
            thread(move || read(reading, &queue))?;
        }
        let blobs = self.blobs.clone();
        let keeping = thread(move || keep(&order, &blobs, next))?;
        Ok((Readers { to }, keeping))
    }

    /// Where it is known what is kept: all was looked through, or there was nothing.
    fn hashes(&self) -> Result<Option<Arc<Hashes>>> {
        if self.hashes.is_none() && self.store.is_empty()? {
            return Ok(Some(Arc::default()));
        }
        Ok(self.hashes.clone())
    }
}

impl Readers {
    /// Waits until there is room.
    pub async fn send(&self, delivery: Delivery) -> Result<(), Gone> {
        self.to.send(delivery).await.map_err(|_| Gone)
    }

    /// The same outside of asynchronous code.
    pub fn blocking_send(&self, delivery: Delivery) -> Result<(), Gone> {
        self.to.blocking_send(delivery).map_err(|_| Gone)
    }
}

/// Where each delivery will be found once it is read.
type Turn = Receiver<Result<Prepared>>;

/// What readers take in turn: the next delivery, and with it its place in the order.
struct Queue {
    deliveries: mpsc::Receiver<Delivery>,
    turns: SyncSender<Turn>,
}

impl Queue {
    /// `None` where nothing comes any more, or nobody takes what is read.
    fn next(&mut self) -> Option<(Delivery, SyncSender<Result<Prepared>>)> {
        let delivery = self.deliveries.blocking_recv()?;
        let (read, turn) = sync_channel(1);
        self.turns.send(turn).ok()?;
        Some((delivery, read))
    }
}

fn thread(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let campaign = Span::current();
    let started = std::thread::Builder::new().spawn(move || campaign.in_scope(work));
    started.context("cannot start a thread")
}

/// A panic must not pass for the end of the mails: what was not read is fetched again.
fn read(mut reading: Reading, queue: &Mutex<Queue>) {
    // What they read must be kept and judged, or they soon wait for it.
    give_way();
    // What breaks here breaks again over the first mail, and is told there.
    let _ = catch_unwind(AssertUnwindSafe(|| reading.get_ready()));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some((delivery, turn)) = next() {
        let read = catch_unwind(AssertUnwindSafe(|| reading.of(delivery)));
        let read = read.unwrap_or_else(|_| Err(anyhow!("reading broke off")));
        let failed = read.is_err();
        if turn.send(read).is_err() || failed {
            return;
        }
    }
}

/// Takes what was read in the order in which it was sent.
fn keep(order: &Receiver<Turn>, blobs: &Blobs, mut next: impl FnMut(Result<Prepared>) -> bool) {
    let mut waiting = None;
    while let Some(turn) = waiting.take().or_else(|| order.recv().ok()) {
        let first = turn
            .recv()
            .unwrap_or_else(|_| Err(anyhow!("reading broke off")));
        let until = Instant::now() + TOGETHER;
        let more = || {
            let left = || until.saturating_duration_since(Instant::now());
            let turn = waiting.take().or_else(|| order.recv_timeout(left()).ok())?;
            let ready = turn.recv_timeout(left()).ok();
            if ready.is_none() {
                waiting = Some(turn);
            }
            ready
        };
        let durable = first.and_then(|first| durable(first, more, blobs));
        let failed = durable.is_err();
        if !next(durable) || failed {
            return;
        }
    }
}

/// Makes what was read durable, with what else is ready or soon will be.
fn durable(
    mut prepared: Prepared,
    mut more: impl FnMut() -> Option<Result<Prepared>>,
    blobs: &Blobs,
) -> Result<Prepared> {
    let full = |prepared: &Prepared| {
        let loose = prepared.loose.iter().map(|loose| loose.bytes.len() as u64);
        let bytes: u64 = prepared.staged.iter().map(Staged::bytes).chain(loose).sum();
        prepared.kept.len() >= MAILS || bytes >= BYTES
    };
    while !full(&prepared)
        && let Some(other) = more()
    {
        let other = other?;
        prepared.kept.extend(other.kept);
        prepared.missing.extend(other.missing);
        prepared.loose.extend(other.loose);
        prepared.staged.extend(other.staged);
    }
    let mut staged = std::mem::take(&mut prepared.staged);
    let mut packed = blobs.pack(&std::mem::take(&mut prepared.loose), &mut staged)?;
    if prepared.kept.iter().any(|kept| kept.content.is_some()) {
        blobs.keep(staged)?;
    }
    for kept in &mut prepared.kept {
        kept.packed = packed.remove(&kept.sha256);
    }
    Ok(prepared)
}
