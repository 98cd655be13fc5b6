//! Readers side by side, each in a thread of its own: meanwhile other mails are fetched, and earlier ones judged. What they
//! read is made durable and handed on in the order in which it was sent.

use super::Daemon;
use super::reading::{Delivery, Hashes, Prepared, Reading, Shared};
use crate::reader::give_way;
use crate::store::{Blobs, Staged};
use anyhow::{Context, Result, anyhow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::Span;

/// Mails are read by so many processes at a time.
const READERS: usize = 2;
/// Deliveries that wait for each of them.
const WAITING: usize = 1;
/// And so many of each that were read, while others are made durable.
const READ: usize = 2;
/// What is made durable at a time: mails, and the bytes of what is staged for them.
const MAILS: usize = 200;
const BYTES: u64 = 8 << 20;
/// How long others are waited for: a flush takes its time however much there is to be flushed.
const TOGETHER: Duration = Duration::from_millis(20);

/// Where mails are sent to be read; each reader gets every so many-th delivery.
#[derive(Debug)]
pub struct Readers {
    to: Vec<mpsc::Sender<Delivery>>,
    next: usize,
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
        let (mut to, mut from) = (Vec::new(), Vec::new());
        let shared = Arc::new(Shared::new(self.hashes()?));
        for _ in 0..READERS {
            let (reading, (send, deliveries)) = (self.reading(&shared)?, mpsc::channel(WAITING));
            let (prepared, ready) = sync_channel(READ);
            thread(move || read(reading, deliveries, &prepared))?;
            to.push(send);
            from.push(ready);
        }
        let blobs = self.blobs.clone();
        let keeping = thread(move || keep(&from, &blobs, next))?;
        Ok((Readers { to, next: 0 }, keeping))
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
    /// Waits until the reader whose turn it is has room.
    pub async fn send(&mut self, delivery: Delivery) -> Result<(), Gone> {
        self.turn().send(delivery).await.map_err(|_| Gone)
    }

    /// The same outside of asynchronous code.
    pub fn blocking_send(&mut self, delivery: Delivery) -> Result<(), Gone> {
        self.turn().blocking_send(delivery).map_err(|_| Gone)
    }

    fn turn(&mut self) -> &mpsc::Sender<Delivery> {
        let turn = self.next % self.to.len();
        self.next += 1;
        &self.to[turn]
    }
}

fn thread(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let campaign = Span::current();
    let started = std::thread::Builder::new().spawn(move || campaign.in_scope(work));
    started.context("cannot start a thread")
}

/// A panic must not pass for the end of the mails: what was not read is fetched again.
fn read(
    mut reading: Reading,
    mut deliveries: mpsc::Receiver<Delivery>,
    prepared: &SyncSender<Result<Prepared>>,
) {
    // What they read must be kept and judged, or they soon wait for it.
    give_way();
    while let Some(delivery) = deliveries.blocking_recv() {
        let read = catch_unwind(AssertUnwindSafe(|| reading.of(delivery)));
        let read = read.unwrap_or_else(|_| Err(anyhow!("reading broke off")));
        let failed = read.is_err();
        if prepared.send(read).is_err() || failed {
            return;
        }
    }
}

/// Takes from each reader in its turn, as it was sent to; a reader that has nothing more was the last to get anything.
fn keep(
    from: &[Receiver<Result<Prepared>>],
    blobs: &Blobs,
    mut next: impl FnMut(Result<Prepared>) -> bool,
) {
    let mut turns = from.iter().cycle().peekable();
    while let Some(Ok(first)) = turns.next().map(Receiver::recv) {
        let until = Instant::now() + TOGETHER;
        let more = || {
            let left = until.saturating_duration_since(Instant::now());
            let ready = turns.peek()?.recv_timeout(left).ok();
            ready.inspect(|_| {
                turns.next();
            })
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
