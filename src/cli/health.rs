//! `baosong health`: for whoever watches the daemon.

use super::Common;
use crate::daemon::POLL_OVERDUE;
use anyhow::{Result, bail};

/// Ends with 1 where an alarm is open or the last successful poll is too old.
pub fn run(common: &Common) -> Result<()> {
    let (daemon, now) = (common.look()?, common.now());
    let mut wrong: Vec<String> = daemon
        .store
        .open_alarms()?
        .into_iter()
        .map(|alarm| alarm.what)
        .collect();
    match daemon.store.polled_at()? {
        Some(polled) if now - polled <= POLL_OVERDUE => {}
        Some(polled) => wrong.push(format!("last successful poll {}", polled.to_rfc3339())),
        None => wrong.push("no successful poll yet".into()),
    }
    if wrong.is_empty() {
        println!("ok");
        return Ok(());
    }
    bail!(wrong.join("; "))
}
