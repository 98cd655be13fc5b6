//! Campaigns in one process: a thread, a data directory and a keeper each. One that fails stops no other.

use super::{Clock, Keeper};
use crate::config::Config;
use anyhow::{Context, Result};
use futures_util::future::join_all;
use std::path::PathBuf;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{error, info_span};

/// Keeps each campaign at work on its own data directory until `stop` turns true. The only one runs here; of several,
/// one that breaks off is begun anew with its next poll.
///
/// # Errors
/// Of the only one, as of [`Keeper::run`].
pub async fn side_by_side(
    all: Vec<(Config, PathBuf)>,
    clock: Clock,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    if let [(config, data_dir)] = all.as_slice() {
        let mut keeper = Keeper::new(config.clone(), data_dir);
        return keeper.run(clock, stop).await;
    }
    let kept = all
        .into_iter()
        .map(|(config, data_dir)| keep(config, data_dir, clock, stop.clone()));
    join_all(kept).await;
    Ok(())
}

async fn keep(config: Config, data_dir: PathBuf, clock: Clock, mut stop: watch::Receiver<bool>) {
    let rest = Duration::from_secs(config.poll_seconds());
    while !*stop.borrow() {
        let work = run(config.clone(), data_dir.clone(), clock, stop.clone());
        let Err(error) = work.await else { return };
        error!(campaign = config.name, "{error:#}");
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

/// A thread of its own, for the work between two waits takes its time.
async fn run(
    config: Config,
    data_dir: PathBuf,
    clock: Clock,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let work = move || {
        let _in_logs = info_span!("campaign", name = config.name).entered();
        Handle::current().block_on(Keeper::new(config, &data_dir).run(clock, stop))
    };
    let ended = tokio::task::spawn_blocking(work).await;
    ended.context("a fault of the program")?
}
