//! Keeps a daemon at work on its data directory, whatever befalls the disk below it.

use super::mailboxes::{OthersPolled, after_failure};
use super::outage::Outages;
use super::side_by_side::Site;
use super::watching::{Heartbeat, Stage};
use super::{Clock, Daemon, OURSELVES};
use crate::campaign::Moment;
use crate::config::Config;
use crate::store::Fault;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tracing::{error, info};

/// A daemon that is opened anew after its database could not be used. Between two passes in such a time nothing is
/// held open or locked, so that a backup can be restored.
pub struct Keeper {
    config: Config,
    data_dir: PathBuf,
    reader: PathBuf,
    daemon: Option<Daemon>,
    outages: Outages,
    heart: Heartbeat,
    stop: Option<watch::Receiver<bool>>,
}

impl Keeper {
    /// Opens nothing yet.
    pub fn new(config: Config, data_dir: &Path) -> Self {
        Self::at(Site::new(config, data_dir))
    }

    /// The same, with a heart that others watch.
    pub fn at(site: Site) -> Self {
        Self {
            outages: Outages::load(&site.data_dir),
            config: site.config,
            data_dir: site.data_dir,
            reader: OURSELVES.into(),
            daemon: None,
            heart: site.heart,
            stop: None,
        }
    }

    /// As [`Daemon::read_in`].
    pub fn read_in(&mut self, program: PathBuf) {
        self.reader = program;
    }

    /// The daemon, while its database can be used.
    pub fn daemon(&self) -> Option<&Daemon> {
        self.daemon.as_ref()
    }

    /// One pass. A database that cannot be used is told of by the robot, and told as over once it can.
    ///
    /// # Errors
    /// As of [`Daemon::open`] and [`Daemon::pass`]; a [`Fault`] as context where the database cannot be used.
    pub async fn pass(&mut self, now: Moment) -> Result<()> {
        let passed = self.one_of_many(now).await;
        self.heart.passed();
        passed
    }

    /// The same without the sign of its end.
    async fn one_of_many(&mut self, now: Moment) -> Result<()> {
        self.heart.begins();
        if self.daemon.is_none() {
            self.heart.stage(Stage::Opening);
        }
        let result = self.try_pass(now).await;
        let fault = result
            .as_ref()
            .err()
            .and_then(|error| error.downcast_ref::<Fault>());
        if let Some(fault) = fault.copied() {
            let mut told = false;
            if let Some(daemon) = self.daemon.take() {
                told = daemon.store.has_open_alarm(fault.name()).unwrap_or(false);
                daemon.leave(fault);
            }
            self.outages
                .note(fault, told, &self.config.alarms, now)
                .await;
        }
        result
    }

    async fn try_pass(&mut self, now: Moment) -> Result<()> {
        if self.daemon.is_none() {
            let mut daemon = Daemon::open_looking(self.config.clone(), &self.data_dir)?;
            daemon.read_in(self.reader.clone());
            daemon.stop = self.stop.clone();
            daemon.heart = self.heart.clone();
            self.daemon = Some(daemon);
        }
        self.heart.began();
        let Some(daemon) = &mut self.daemon else {
            return Ok(());
        };
        let passed = daemon.pass(now).await;
        if !passed.as_ref().is_err_and(|error| error.is::<Fault>()) {
            daemon.take_over(&mut self.outages, now)?;
        }
        passed
    }

    /// Passes until `stop` turns true; the pass in hand ends after its batch.
    ///
    /// # Errors
    /// At the start alone: settings that cannot be used, or another instance on the same directory.
    pub async fn run(&mut self, clock: Clock, mut stop: watch::Receiver<bool>) -> Result<()> {
        self.stop = Some(stop.clone());
        info!(
            version = env!("CARGO_PKG_VERSION"),
            data_dir = %self.data_dir.display(),
            campaign = self.config.name,
            mailbox = self.config.mailbox.user,
            poll_seconds = self.config.poll_seconds(),
            "started"
        );
        let usual = Duration::from_secs(self.config.poll_seconds());
        let (mut wait, mut begun) = (usual, false);
        while !*stop.borrow() {
            let passed = self.one_of_many(clock.now()).await;
            begun |= self.daemon.is_some() || self.outages.lasting().next().is_some();
            if begun {
                self.heart.began();
            }
            wait = match passed {
                Ok(()) => usual,
                Err(error) if !begun => return Err(error),
                Err(error) => {
                    error!(error = format!("{error:#}"), "pass failed");
                    // Also where the database is still to be mended.
                    self.heart.began();
                    after_fault(&error, wait, usual)
                }
            };
            let rest = self
                .daemon
                .as_ref()
                .map_or(wait, |daemon| daemon.rest(wait, clock.now()));
            self.heart.rests(rest);
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = stop.changed() => {}
            }
        }
        info!("stopped");
        Ok(())
    }
}

/// A fault of the machine is looked at again as soon as ever; a server is not pressed.
fn after_fault(error: &anyhow::Error, wait: Duration, usual: Duration) -> Duration {
    match error.is::<Fault>() || error.is::<OthersPolled>() {
        true => usual,
        false => after_failure(error, wait, usual),
    }
}
