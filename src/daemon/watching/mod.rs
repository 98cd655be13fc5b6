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

use super::{Clock, Site};
use crate::campaign::Moment;
use anyhow::{Context, Result, anyhow};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::time::timeout;

/// The disk and the database are waited for so long.
const PATIENCE: Duration = Duration::from_secs(9);

/// Looks at the campaigns of this process.
#[derive(Debug)]
pub struct Watcher {
    sites: Vec<Site>,
    clock: Clock,
    /// Held by whoever looks: while a disk hangs, no more than one does.
    looking: Arc<Mutex<()>>,
}

/// What was seen of a campaign at one moment.
struct Seen {
    /// Empty where it is the only one.
    campaign: String,
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
    /// The campaigns share one `[watch]`.
    pub fn new(sites: Vec<Site>, clock: Clock) -> Self {
        Self {
            sites,
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
        let settings = self.sites.first().map(|site| site.config.watch.clone());
        let settings = settings.unwrap_or_default();
        let watch = move || {
            let watcher = Arc::new(self);
            runtime.block_on(async {
                if let Some(listen) = settings.listen {
                    tokio::spawn(http::serve(watcher.clone(), listen));
                }
                service::report(&watcher.sites, settings.hung_after(), stopped, ended).await;
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

    async fn see(&self) -> Result<Vec<Seen>> {
        let late = || anyhow!("the data directory does not answer within {PATIENCE:?}");
        timeout(PATIENCE, self.look()).await.map_err(|_| late())?
    }

    async fn look(&self) -> Result<Vec<Seen>> {
        let looking = self.looking.clone().lock_owned().await;
        let (sites, now) = (self.sites.clone(), self.clock.now());
        let look = move || {
            let _looking = looking;
            sites.into_iter().map(|site| glance(site, now)).collect()
        };
        let seen = tokio::task::spawn_blocking(look).await;
        seen.context("looking broke off")
    }
}

fn glance(site: Site, now: Moment) -> Seen {
    let pulse = site.heart.pulse();
    let running = (Some(pulse.clone()), true);
    let facts = Facts::gather(&site.config, &site.data_dir, running, Depth::Glance, now);
    Seen {
        campaign: site.config.name,
        facts,
        pulse,
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
