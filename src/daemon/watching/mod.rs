//! Watching the daemon from outside its loop: a thread of its own answers over HTTP and tells the service manager, so
//! that it can say so where the loop hangs.

mod facts;
mod gather;
mod health;
mod heartbeat;
mod http;
mod metrics;
mod next;
mod service;
mod status;

pub use facts::Facts;
pub use gather::Depth;
pub use health::wrong;
pub use heartbeat::{Heartbeat, Pulse, Stage};
pub use status::words;

use super::Clock;
use crate::config::Config;
use anyhow::{Context, Result, anyhow};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::time::timeout;

/// The disk and the database are waited for so long.
const PATIENCE: Duration = Duration::from_secs(9);

/// Looks at a daemon of this process.
#[derive(Debug)]
pub struct Watcher {
    config: Config,
    data_dir: PathBuf,
    heart: Heartbeat,
    clock: Clock,
    /// Held by whoever looks: while a disk hangs, no more than one does.
    looking: Arc<Mutex<()>>,
}

/// What was seen at one moment.
struct Seen {
    facts: Facts,
    pulse: Pulse,
}

/// The running thread.
#[derive(Debug)]
pub struct Watching {
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    pub(super) fn new(config: Config, data_dir: PathBuf, heart: Heartbeat, clock: Clock) -> Self {
        Self {
            config,
            data_dir,
            heart,
            clock,
            looking: Arc::default(),
        }
    }

    /// Starts a thread that answers and tells, also while the pass in hand ends after `stopped` turned true.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(self, stopped: watch::Receiver<bool>) -> Result<Watching> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (end, ended) = oneshot::channel();
        let watch = move || {
            let watcher = Arc::new(self);
            runtime.block_on(async {
                if let Some(listen) = watcher.config.watch.listen {
                    tokio::spawn(http::serve(watcher.clone(), listen));
                }
                let hung_after = watcher.config.watch.hung_after();
                service::report(&watcher.heart, hung_after, stopped, ended).await;
            });
            // A disk that hangs must not keep the process from its end.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new()
            .name("watching".into())
            .spawn(watch)
            .context("cannot start the thread that watches")?;
        Ok(Watching { end, thread })
    }

    async fn see(&self) -> Result<Seen> {
        let late = || anyhow!("the data directory does not answer within {PATIENCE:?}");
        timeout(PATIENCE, self.look()).await.map_err(|_| late())?
    }

    async fn look(&self) -> Result<Seen> {
        let looking = self.looking.clone().lock_owned().await;
        let (config, data_dir) = (self.config.clone(), self.data_dir.clone());
        let (pulse, now) = (self.heart.pulse(), self.clock.now());
        let look = move || {
            let _looking = looking;
            let running = (Some(pulse.clone()), true);
            let facts = Facts::gather(&config, &data_dir, running, Depth::Glance, now);
            Seen { facts, pulse }
        };
        let seen = tokio::task::spawn_blocking(look).await;
        seen.context("looking broke off")
    }
}

impl Watching {
    /// Tells the service manager of the end, and waits until it is told.
    pub fn end(self) {
        let _ = self.end.send(());
        // It ends without fault, or there is nothing to be done about it.
        let _ = self.thread.join();
    }
}
