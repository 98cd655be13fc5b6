//! Campaigns in one process: a thread, a data directory and a keeper each. One that fails stops no other.

use super::watching::Heartbeat;
use super::{Clock, Keeper};
use crate::config::Config;
use anyhow::{Context, Result};
use futures_util::future::join_all;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{error, info_span};

/// A campaign of this process. Clones have one heart.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its settings.
    pub config: Config,
    /// Where it is kept.
    pub data_dir: PathBuf,
    /// Its signs of life.
    pub heart: Heartbeat,
}

impl Site {
    /// Opens nothing yet.
    pub fn new(config: Config, data_dir: &Path) -> Self {
        Self {
            config,
            data_dir: data_dir.to_path_buf(),
            heart: Heartbeat::in_dir(data_dir),
        }
    }
}

/// Keeps each campaign at work on its own data directory until `stop` turns true. The only one runs here; of several,
/// one that breaks off is begun anew with its next poll.
///
/// # Errors
/// Of the only one, as of [`Keeper::run`].
pub async fn side_by_side(all: Vec<Site>, clock: Clock, stop: watch::Receiver<bool>) -> Result<()> {
    if let [site] = all.as_slice() {
        return Keeper::at(site.clone()).run(clock, stop).await;
    }
    let kept = all.into_iter().map(|site| keep(site, clock, stop.clone()));
    join_all(kept).await;
    Ok(())
}

async fn keep(site: Site, clock: Clock, mut stop: watch::Receiver<bool>) {
    let rest = Duration::from_secs(site.config.poll_seconds());
    while !*stop.borrow() {
        let work = run(site.clone(), clock, stop.clone());
        let Err(error) = work.await else { return };
        // The others are at work: the service manager need not wait for this one.
        site.heart.began();
        site.heart.polled(clock.now(), Some(format!("{error:#}")));
        site.heart.rests(rest);
        error!(campaign = site.config.name, "{error:#}");
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

/// A thread of its own, for the work between two waits takes its time.
async fn run(site: Site, clock: Clock, stop: watch::Receiver<bool>) -> Result<()> {
    let work = move || {
        let _in_logs = info_span!("campaign", campaign = site.config.name).entered();
        Handle::current().block_on(Keeper::at(site).run(clock, stop))
    };
    let ended = tokio::task::spawn_blocking(work).await;
    ended.context("a fault of the program")?
}
