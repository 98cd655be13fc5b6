//! `baosong run`.

use super::Common;
use crate::daemon::{Clock, Site, Watcher, side_by_side};
use crate::store::Lock;
use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::info;

pub async fn run(common: &Common) -> Result<()> {
    let all = common.configs()?;
    let _alone = match all.as_slice() {
        [_] => None,
        several => Some(Lock::take(&common.base(&several[0]))?),
    };
    let sites = all.into_iter().map(|config| {
        let data_dir = common.data_dir(&config);
        Site::new(config, &data_dir)
    });
    let sites: Vec<Site> = sites.collect();
    let (stop, stopped) = watch::channel(false);
    let (mut term, mut int) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        info!("stopping after the pass in hand");
        let _ = stop.send(true);
    });
    let clock = Clock::new(common.at, false);
    let watching = Watcher::new(sites.clone(), clock).start(stopped.clone())?;
    let ended = side_by_side(sites, clock, stopped).await;
    watching.end();
    ended
}
