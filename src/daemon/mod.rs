//! The one place that sees every stage: passes over mailbox, judgement and letters, and the loop of `run`.

mod alarms;
mod clock;
mod closing;
mod corrections;
mod decisions;
mod digest;
mod intake;
mod letters;
mod lists;
mod pack;
mod poll;
mod progress;
mod reading;
mod receipts;
mod rehearsal;
mod reminders;
mod replies;
mod report_lines;
mod sending;
mod upkeep;

pub use alarms::POLL_OVERDUE;
pub use clock::Clock;
pub use corrections::Target;
pub use intake::Imported;
pub use pack::Choice;
pub use reminders::{Due, Reminders};
pub use upkeep::{BackedUp, Verified, restore};

use crate::attribution::Judge;
use crate::campaign::{CST, Campaign, Moment};
use crate::config::Config;
use crate::mailbox;
use crate::outgoing::Templates;
use crate::roster::Roster;
use crate::store::{Blobs, Lock, Store};
use anyhow::{Context, Result};
use chrono::TimeDelta;
use fail::fail_point;
use rand::RngExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tracing::{error, info};

/// After a failed poll the wait doubles up to this; with refused credentials it is this at once.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 60);

/// This very program, also after a newer one was installed in its place.
const OURSELVES: &str = "/proc/self/exe";

/// Everything that works on one data directory.
pub struct Daemon {
    config: Config,
    campaign: Campaign,
    roster: Roster,
    judge: Judge,
    /// Names that `judge` knows besides the roster's: unit and name.
    learnt: Vec<(String, String)>,
    templates: Templates,
    data_dir: PathBuf,
    /// What is kept.
    pub store: Store,
    blobs: Blobs,
    reader_program: PathBuf,
    stop: Option<watch::Receiver<bool>>,
    /// When this process first looked into the mailbox.
    first_pass: Option<Moment>,
    lock: Option<Lock>,
}

impl Daemon {
    /// Opens a data directory to work on it.
    ///
    /// # Errors
    /// When another instance works on it, or settings, roster or database cannot be used.
    pub fn open(config: Config, data_dir: &Path) -> Result<Self> {
        let lock = Lock::take(data_dir)?;
        let daemon = Self::assemble(config, data_dir, Some(lock))?;
        daemon
            .blobs
            .clear_spool()
            .context("cannot clear the spool")?;
        Ok(daemon)
    }

    /// Opens a data directory to correct what is kept in it, alone or beside a daemon that works on it.
    ///
    /// # Errors
    /// When settings, roster or database cannot be used.
    pub fn correct_in(config: Config, data_dir: &Path) -> Result<Self> {
        let lock = Lock::try_take(data_dir)?;
        Self::assemble(config, data_dir, lock)
    }

    /// Opens a data directory to look at it, beside a daemon that works on it.
    pub fn look(config: Config, data_dir: &Path) -> Result<Self> {
        Self::assemble(config, data_dir, None)
    }

    fn assemble(config: Config, data_dir: &Path, lock: Option<Lock>) -> Result<Self> {
        let (campaign, roster) = (config.campaign()?, config.roster()?);
        let blobs = Blobs::open(data_dir)?;
        Ok(Self {
            reader_program: OURSELVES.into(),
            judge: Judge::new(roster.clone(), campaign.clone()),
            learnt: Vec::new(),
            templates: Templates::open(config.outgoing.templates.as_deref())?,
            data_dir: data_dir.to_path_buf(),
            store: Store::open(data_dir)?,
            blobs,
            stop: None,
            first_pass: None,
            lock,
            config,
            campaign,
            roster,
        })
    }

    /// Reads mails in a child that is another program than this one; it must call
    /// [`run_if_asked`](crate::reader::run_if_asked) first of all.
    pub fn read_in(&mut self, program: PathBuf) {
        self.reader_program = program;
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The calendar in force.
    pub fn campaign(&self) -> &Campaign {
        &self.campaign
    }

    /// The roster in force.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// One pass: poll, judge, decide and send what is due. A failed poll does not keep the digest from staff.
    ///
    /// # Errors
    /// The poll's, after everything else was done; any other at once.
    pub async fn pass(&mut self, now: Moment) -> Result<()> {
        let polled = self.poll(now).await;
        self.judge()?;
        self.carry_out_replies(now)?;
        self.note_bounces(now)?;
        self.decide(now, polled.is_ok())?;
        fail_point!("decided");
        let sent = self.send(now).await;
        self.raise_alarms(polled.as_ref().map(|_| ()), now).await?;
        sent?;
        polled.map(|_| ())
    }

    /// Passes until `stop` turns true; the pass in hand ends after its batch.
    pub async fn run(&mut self, clock: Clock, mut stop: watch::Receiver<bool>) -> Result<()> {
        self.stop = Some(stop.clone());
        let usual = Duration::from_secs(self.config.mailbox.poll_seconds);
        let mut wait = usual;
        while !self.stopping() {
            wait = match self.pass(clock.now()).await {
                Ok(()) => usual,
                Err(error) => {
                    error!("{error:#}");
                    after_fault(&error, wait, usual)
                }
            };
            let rest = self.rest(wait, clock.now());
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = stop.changed() => {}
            }
        }
        info!("stopped");
        Ok(())
    }

    /// `wait` a tenth longer or shorter by chance, but no longer than until letters are next decided.
    fn rest(&self, wait: Duration, now: Moment) -> Duration {
        let jittered = wait.mul_f64(rand::rng().random_range(0.9..1.1));
        let today = now.with_timezone(&CST).date_naive();
        let times = [
            self.campaign.letters.digest_at,
            self.campaign.letters.remind_at,
        ];
        let upcoming = times.map(|time| crate::campaign::in_china(today.and_time(time)) - now);
        let next = upcoming
            .into_iter()
            .filter(|left| *left > TimeDelta::zero())
            .min();
        next.and_then(|left| left.to_std().ok())
            .map_or(jittered, |left| left.min(jittered))
    }

    fn stopping(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| *stop.borrow())
    }
}

fn after_fault(error: &anyhow::Error, wait: Duration, usual: Duration) -> Duration {
    match error.downcast_ref::<mailbox::Error>() {
        Some(mailbox::Error::Credentials { .. }) => LONGEST_WAIT.max(usual),
        _ => (wait * 2).min(LONGEST_WAIT).max(usual),
    }
}
