//! `baosong health`: for whoever watches the daemon.

use super::Common;
use crate::daemon::{Facts, wrong};
use anyhow::{Result, bail};

/// Ends with 1 where anything is wrong, as `/healthz` answers 503.
pub fn run(common: &Common) -> Result<()> {
    let config = common.config()?;
    let data_dir = common.data_dir(&config);
    let wrong = wrong(&Facts::beside(&config, &data_dir, common.now()));
    if wrong.is_empty() {
        println!("ok");
        return Ok(());
    }
    bail!(wrong.join("; "))
}
