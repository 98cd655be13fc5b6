//! The one place that sees every stage: passes over mailbox, judgement and letters, and the loop of `run`.

mod alarms;
mod clock;
mod closing;
mod corrections;
mod decisions;
mod digest;
pub mod doctor;
mod intake;
mod keeper;
mod letters;
mod line;
mod lists;
mod mailboxes;
mod outage;
mod pack;
mod poll;
mod progress;
mod readers;
mod reading;
mod receipts;
mod refetch;
mod rehearsal;
mod reminders;
mod replies;
mod report_lines;
mod retention;
mod robot;
mod room;
mod said;
mod sending;
mod side_by_side;
mod storage;
mod upkeep;
mod watching;

pub use alarms::POLL_OVERDUE;
pub use clock::Clock;
pub use corrections::Target;
pub use intake::Imported;
pub use keeper::Keeper;
pub use mailboxes::OthersPolled;
pub use outage::{Outage, Outages};
pub use pack::Choice;
pub use refetch::Refetched;
pub use reminders::{Due, Reminders};
pub use retention::Prunable;
pub use side_by_side::{Site, side_by_side};
pub use upkeep::{BackedUp, Unlike, Verified, restore};
pub use watching::{Facts, Heartbeat, Pulse, Watcher, Watching, words as status_words, wrong};

use self::said::Said;
use self::watching::Stage;
use crate::attribution::Judge;
use crate::campaign::{CST, Campaign, Moment};
use crate::config::Config;
use crate::outgoing::Templates;
use crate::roster::Roster;
use crate::store::{Blobs, Fact, Fault, Lock, Remote, Store};
use anyhow::{Context, Result, anyhow};
use chrono::{NaiveDate, TimeDelta};
use fail::fail_point;
use mailboxes::Manners;
use rand::RngExt;
use reading::Hashes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

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
    /// Reads the whole database; nothing is written before it ends.
    looking: Option<JoinHandle<Result<Hashes>>>,
    /// What was kept when it ended, and came since.
    hashes: Option<Arc<Hashes>>,
    /// What is known of the mailboxes' servers, by the names of the mailboxes.
    manners: BTreeMap<String, Manners>,
    /// The hour and the version of the store at which reminders were last decided.
    reminded: Option<(i64, (i64, u64))>,
    /// When this process first looked into the mailbox.
    first_pass: Option<Moment>,
    /// The day on which it last did what is done once a day.
    kept_on: Option<NaiveDate>,
    /// Whether the day's work in the storage is yet to be done.
    tidy_storage: bool,
    lock: Option<Lock>,
    /// Beats wherever a pass gets on.
    heart: Heartbeat,
    /// What the log was told of this day.
    said: Said,
}

impl Daemon {
    /// Opens a data directory to work on it. The whole database is looked through first.
    ///
    /// # Errors
    /// When another instance works on it, or settings or roster cannot be used; with a [`Fault`] as context when the
    /// database cannot.
    pub fn open(config: Config, data_dir: &Path) -> Result<Self> {
        Self::alone(config, data_dir, Store::open, Self::look_through)
    }

    /// The same; mails that are kept beside no database get a new one.
    pub fn open_anew(config: Config, data_dir: &Path) -> Result<Self> {
        Self::alone(config, data_dir, Store::create, Self::look_through)
    }

    /// The same, and sooner: the database is looked through while the mailbox is connected to.
    pub fn open_looking(config: Config, data_dir: &Path) -> Result<Self> {
        Self::alone(config, data_dir, Store::open, |daemon| {
            let data_dir = daemon.data_dir.clone();
            daemon.looking = Some(std::thread::spawn(move || {
                Hashes::of(&look_through(&data_dir)?)
            }));
            Ok(())
        })
    }

    /// Under the lock, with what a crash left cleared away once `look` began or ended.
    fn alone(
        config: Config,
        data_dir: &Path,
        open: fn(&Path) -> Result<Store>,
        look: fn(&mut Self) -> Result<()>,
    ) -> Result<Self> {
        let begin = || {
            let lock = Lock::take(data_dir)?;
            let mut daemon = Self::assemble(config, data_dir, Some(lock), open)?;
            look(&mut daemon)?;
            let cleared = daemon.blobs.clear_spool();
            cleared.context("cannot clear the spool")?;
            Ok(daemon)
        };
        begin().map_err(|error| explained(error, data_dir))
    }

    fn look_through(&mut self) -> Result<()> {
        self.store.check()
    }

    /// Opens a data directory to correct what is kept in it, alone or beside a daemon that works on it.
    ///
    /// # Errors
    /// When settings, roster or database cannot be used.
    pub fn correct_in(config: Config, data_dir: &Path) -> Result<Self> {
        let open = || {
            let daemon = Self::assemble(config, data_dir, Lock::try_take(data_dir)?, Store::open)?;
            daemon.store.check()?;
            Ok(daemon)
        };
        open().map_err(|error| explained(error, data_dir))
    }

    /// Opens a data directory to look at it, beside a daemon that works on it.
    pub fn look(config: Config, data_dir: &Path) -> Result<Self> {
        Self::assemble(config, data_dir, None, Store::open)
            .map_err(|error| explained(error, data_dir))
    }

    /// The same, changing nothing: a database that lacks, or is of another version, is left so.
    ///
    /// # Errors
    /// As [`look`](Self::look); also where there is no such database.
    pub fn watch(config: Config, data_dir: &Path) -> Result<Self> {
        Self::assemble(config, data_dir, None, Store::look)
            .map_err(|error| explained(error, data_dir))
    }

    fn assemble(
        config: Config,
        data_dir: &Path,
        lock: Option<Lock>,
        open: impl Fn(&Path) -> Result<Store>,
    ) -> Result<Self> {
        let (campaign, roster) = (config.campaign()?, config.roster()?);
        let store = open(data_dir)?;
        let blobs = Blobs::open(data_dir)?.with(Remote::of(&config.storage, &config.name));
        Ok(Self {
            reader_program: OURSELVES.into(),
            judge: Judge::new(roster.clone(), campaign.clone()),
            learnt: Vec::new(),
            templates: Templates::open(config.outgoing.templates.as_deref())?,
            data_dir: data_dir.to_path_buf(),
            store,
            blobs,
            stop: None,
            looking: None,
            hashes: None,
            manners: BTreeMap::new(),
            reminded: None,
            first_pass: None,
            kept_on: None,
            tidy_storage: false,
            lock,
            heart: Heartbeat::default(),
            said: Said::default(),
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

    /// What is known for the campaign; what arrived long before it is an earlier one's.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn facts(&self) -> Result<Vec<Fact>> {
        let begins = self.campaign.begins();
        let mut facts = self.store.facts()?;
        facts.retain(|fact| fact.arrived >= begins);
        Ok(facts)
    }

    /// One pass: poll, judge, decide and send what is due. A failed poll does not keep the digest from staff, a
    /// database that fails ends the pass: without it nothing may be sent.
    ///
    /// # Errors
    /// Of the poll or of the work after it, when all was done that could be; with a [`Fault`] as context where the
    /// database failed and not even an alarm could be kept.
    pub async fn pass(&mut self, now: Moment) -> Result<()> {
        let passed = self.try_pass(now).await;
        passed.map_err(|error| match Fault::of_database(&error, &self.data_dir) {
            Some(fault) if !error.is::<Fault>() => error.context(fault),
            _ => error,
        })
    }

    async fn try_pass(&mut self, now: Moment) -> Result<()> {
        self.heart.stage(Stage::Polling);
        let polled = self.poll(now).await.map(|_| ());
        let failed = polled.as_ref().err();
        self.heart
            .polled(now, failed.map(|error| format!("{error:#}")));
        self.heart.stage(Stage::Judging);
        if self.database_fails(&polled) {
            return polled;
        }
        let worked = self.work(now).await;
        if self.database_fails(&worked) {
            return worked;
        }
        self.raise_alarms(&polled, &worked, now).await?;
        worked.and(polled)
    }

    /// Everything after the poll; once a day the database is looked through and retention does its work.
    async fn work(&mut self, now: Moment) -> Result<()> {
        self.judge()?;
        self.carry_out_replies(now)?;
        self.note_bounces(now)?;
        self.decide(now)?;
        fail_point!("decided");
        let today = now.with_timezone(&CST).date_naive();
        let new_day = self.kept_on != Some(today);
        // It was looked through when it was opened, too.
        if new_day && self.kept_on.is_some() {
            look_through(&self.data_dir)?;
        }
        self.heart.beat();
        self.send(now).await?;
        if new_day {
            self.prune(now)?;
            self.kept_on = Some(today);
        }
        self.visit_storage(new_day, now)
    }

    /// Waits until the database was looked through.
    fn looked_through(&mut self) -> Result<()> {
        let Some(looking) = self.looking.take() else {
            return Ok(());
        };
        let looked = looking
            .join()
            .map_err(|_| anyhow!("looking through the database broke off"))?;
        let hashes = looked.map_err(|error| explained(error, &self.data_dir))?;
        self.hashes = Some(Arc::new(hashes));
        self.store.is_sound()
    }

    fn database_fails<T>(&self, done: &Result<T>) -> bool {
        done.as_ref().is_err_and(|error| {
            error.is::<Fault>() || Fault::of_database(error, &self.data_dir).is_some()
        })
    }

    /// Enters the outages that are over as alarms, which close as others do, and forgets those whose end was told.
    fn take_over(&mut self, outages: &mut Outages, now: Moment) -> Result<()> {
        for outage in outages.all.iter_mut().filter(|outage| !outage.handed_over) {
            let (name, what) = (outage.fault.name(), outage.fault.in_chinese());
            let seen = (outage.since, outage.seen);
            if let Some(alarm) = self.store.alarm_was(name, what, seen, outage.told)? {
                self.queue_alarm(&alarm, now)?;
            }
            outage.handed_over = true;
        }
        let known = outages.all.len();
        let mut kept = Vec::new();
        for outage in outages.all.drain(..) {
            if self.store.has_open_alarm(outage.fault.name())? {
                kept.push(outage);
            }
        }
        outages.all = kept;
        if known > 0 {
            outages.save();
        }
        Ok(())
    }

    /// Closes everything; a damaged database with no further write to it.
    fn leave(self, fault: Fault) {
        if fault == Fault::Damaged {
            self.store.leave();
        }
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

/// Reads what lies on the disk, not what is in memory.
fn look_through(data_dir: &Path) -> Result<Store> {
    let store = Store::open(data_dir)?;
    store.check()?;
    Ok(store)
}

/// With the remedy, where the cause is a fault of the machine.
fn explained(error: anyhow::Error, data_dir: &Path) -> anyhow::Error {
    match Fault::of(&error, data_dir) {
        Some(fault) if !error.is::<Fault>() => error.context(fault),
        _ => error,
    }
}
