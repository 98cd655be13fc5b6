//! `baosong health`: for whoever watches the daemon.

use super::Common;
use crate::campaign::Moment;
use crate::daemon::{Outages, POLL_OVERDUE};
use crate::store::Fault;
use anyhow::{Result, bail};
use std::io::Write;
use std::path::Path;

/// Ends with 1 where an alarm is open, the database cannot be used or the last successful poll is too old.
pub fn run(common: &Common) -> Result<()> {
    let now = common.now();
    let data_dir = common.data_dir(&common.config()?);
    let outages = Outages::load(&data_dir);
    let mut wrong: Vec<String> = outages
        .lasting()
        .map(|outage| outage.fault.to_string())
        .collect();
    wrong.extend(of_disk(&data_dir));
    match common.look() {
        Ok(daemon) => {
            daemon.store.check()?;
            let open = daemon.store.open_alarms()?.into_iter();
            wrong.extend(open.map(|alarm| alarm.what));
            wrong.extend(of_poll(daemon.store.polled_at()?, now));
        }
        Err(error) => wrong.push(format!("{error:#}")),
    }
    if wrong.is_empty() {
        println!("ok");
        return Ok(());
    }
    bail!(wrong.join("; "))
}

/// A disk that takes no byte can take no alarm either, so it is tried here.
fn of_disk(data_dir: &Path) -> Option<String> {
    let written = tempfile::NamedTempFile::new_in(data_dir)
        .and_then(|mut file| file.write_all(&[0; 4096]))
        .map_err(anyhow::Error::from);
    let fault = Fault::of(&written.err()?, data_dir)?;
    Some(fault.to_string())
}

fn of_poll(polled: Option<Moment>, now: Moment) -> Option<String> {
    match polled {
        Some(polled) if (now - polled).abs() <= POLL_OVERDUE => None,
        Some(polled) => Some(format!("last successful poll {}", polled.to_rfc3339())),
        None => Some("no successful poll yet".into()),
    }
}
