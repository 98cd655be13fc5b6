//! `baosong run`.

use super::Common;
use crate::daemon::Clock;
use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::info;

pub async fn run(common: &Common) -> Result<()> {
    let mut keeper = common.keeper()?;
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
    let watching = keeper.watcher(clock).start(stopped.clone())?;
    let ended = keeper.run(clock, stopped).await;
    watching.end();
    ended
}
