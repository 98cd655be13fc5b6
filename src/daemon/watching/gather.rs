//! Gathering the facts from a data directory, beside the daemon that works on it and changing nothing.

use super::super::outage::Outages;
use super::super::room;
use super::super::sending::pace;
use super::facts::{
    Account, Database, Disk, Facts, Kept, Letters, Life, Offered, Poll, Week, Wrong,
};
use super::heartbeat::{Attempt, Pulse};
use crate::campaign::{CST, Campaign, Moment};
use crate::config::{Config, mailbox_and_folder};
use crate::log::masked;
use crate::outgoing::Pace;
use crate::store::{Fault, Ledger, Store, Waiting};
use anyhow::Result;
use chrono::TimeDelta;
use std::path::Path;
use std::time::Duration;

/// How much trouble a look may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What is told at once, however much is kept: for a page that is asked for every few seconds.
    Glance,
    /// The whole database is read through.
    Thorough,
}

impl Facts {
    /// Looks at a data directory. `pulse` is that of this very process, or else the one that lies there, and `runs`
    /// whether some process works on it.
    pub fn gather(
        config: &Config,
        data_dir: &Path,
        (pulse, runs): (Option<Pulse>, bool),
        depth: Depth,
        now: Moment,
    ) -> Self {
        let kept = look(config, data_dir, depth, now);
        let error = kept.as_ref().err().map(|error| in_words(error, data_dir));
        let (poll, kept) = kept.ok().unzip();
        let attempt = pulse.as_ref().and_then(|pulse| pulse.attempt.clone());
        let outages = Outages::load(data_dir);
        let outages = outages.lasting().map(|outage| Wrong {
            name: outage.fault.name().into(),
            what: outage.fault.to_string(),
            since: outage.since,
        });
        Self {
            at: now,
            daemon: Life::of(pulse, runs, config.watch.hung_after()),
            poll: poll.unwrap_or_default().with(attempt),
            database: Database {
                error,
                bytes: Store::bytes(data_dir),
            },
            kept,
            outages: outages.collect(),
            disk: Disk::of(data_dir, config.alarms.least_free_megabytes << 20),
            campaign: None,
            next: None,
        }
    }
}

/// An error with the remedy, where it is a fault of the machine.
fn in_words(error: &anyhow::Error, data_dir: &Path) -> String {
    let text = match Fault::of(error, data_dir) {
        Some(fault) if !error.is::<Fault>() => format!("{fault}: {error:#}"),
        _ => format!("{error:#}"),
    };
    masked(&text).into_owned()
}

fn look(config: &Config, data_dir: &Path, depth: Depth, now: Moment) -> Result<(Poll, Kept)> {
    let store = Store::look(data_dir)?;
    if depth == Depth::Thorough {
        store.look_through()?;
    }
    Ok((Poll::of(&store)?, Kept::of(&store, config, now)?))
}

impl Life {
    fn of(pulse: Option<Pulse>, runs: bool, hung_after: Duration) -> Self {
        // A process that ended left its last beat.
        let pulse = pulse.filter(|_| runs);
        let of = pulse.as_ref();
        Self {
            runs,
            hangs: of.is_some_and(|pulse| pulse.hangs(hung_after)),
            pid: of.map(|pulse| pulse.pid),
            since: of.map(|pulse| pulse.started),
            stage: of.map(|pulse| pulse.stage),
            beat: of.map(|pulse| pulse.beat),
            next_pass: of.and_then(|pulse| pulse.rest_until),
        }
    }
}

impl Poll {
    fn of(store: &Store) -> Result<Self> {
        let mut poll = Self {
            succeeded: store.polled_at()?,
            ..Self::default()
        };
        for trouble in store.troubles()? {
            let what = masked(&trouble.what).into_owned();
            let (mailbox, folder) = mailbox_and_folder(&trouble.folder);
            if folder.is_empty() {
                poll.fails(mailbox, what, trouble.since);
            } else {
                let (name, since) = (trouble.folder, trouble.since);
                poll.troubles.push(Wrong { name, what, since });
            }
        }
        Ok(poll)
    }

    /// Of several mailboxes each that fails is told by its name.
    fn fails(&mut self, mailbox: &str, what: String, since: Moment) {
        let what = match mailbox {
            "" => what,
            name => format!("{name}: {what}"),
        };
        let others = self.error.take().map(|others| format!("{others}; {what}"));
        self.error = Some(others.unwrap_or(what));
        let first = self.failing_since.map_or(since, |at| at.min(since));
        self.failing_since = Some(first);
    }

    /// The pulse knows of faults that the database could not take.
    fn with(self, attempt: Option<Attempt>) -> Self {
        let Some(attempt) = attempt else {
            return self;
        };
        let error = attempt.error.filter(|_| Some(attempt.at) >= self.succeeded);
        let error = error.map(|error| masked(&error).into_owned());
        Self {
            attempted: self.succeeded.max(Some(attempt.at)),
            error: self.error.or(error),
            ..self
        }
    }
}

impl Kept {
    fn of(store: &Store, config: &Config, now: Moment) -> Result<Self> {
        let alarms = store.open_alarms()?.into_iter().map(|alarm| Wrong {
            name: alarm.name,
            what: alarm.what,
            since: alarm.since,
        });
        let waiting = store.letters_waiting()?;
        let offered = store.attempts_of_a_day(now)?;
        Ok(Self {
            mails: store.census()?,
            ledger: store.ledger()?.into_iter().map(Account::of).collect(),
            letters: Letters {
                failed: store.letters_failed(now - TimeDelta::hours(24))?,
                pace: Offered::of(&offered, pace(&config.outgoing), now),
                ..Letters::of(&waiting)
            },
            alarms: alarms.collect(),
        })
    }
}

impl Account {
    fn of(ledger: Ledger) -> Self {
        Self {
            unexplained: ledger.unexplained(),
            folder: ledger.folder,
            server: ledger.server,
            reports: ledger.reports,
            not_report: ledger.not_report,
            review: ledger.review,
            unreadable: ledger.unreadable,
        }
    }
}

impl Letters {
    fn of(waiting: &[Waiting]) -> Self {
        let failing: Vec<&Waiting> = waiting.iter().filter(|one| one.attempts > 0).collect();
        let first = waiting.first();
        Self {
            waiting: waiting.len(),
            failing: failing.len(),
            error: failing.last().map(|one| masked(&one.answer).into_owned()),
            next: first.map(|one| one.due_at),
            next_rule: first.map(|one| one.rule.clone()),
            ..Self::default()
        }
    }
}

impl Offered {
    fn of(before: &[Moment], most: Pace, now: Moment) -> Option<Self> {
        let within = |within: TimeDelta| before.iter().filter(|at| now - **at < within).count();
        // Letters into files are not counted.
        (most.a_day < u32::MAX).then(|| Self {
            minute: (within(TimeDelta::minutes(1)), most.a_minute),
            hour: (within(TimeDelta::hours(1)), most.an_hour),
            day: (within(TimeDelta::days(1)), most.a_day),
        })
    }
}

impl Disk {
    fn of(data_dir: &Path, least_free_bytes: u64) -> Self {
        Self {
            error: refused(data_dir),
            free_bytes: room::free_bytes(data_dir).ok(),
            least_free_bytes,
            data_bytes: None,
        }
    }
}

/// A disk that takes no byte can take no alarm either, so it is tried.
fn refused(data_dir: &Path) -> Option<String> {
    let refusal = room::takes_a_file(data_dir).err()?;
    let fault = Fault::of(&refusal.into(), data_dir)?;
    Some(fault.to_string())
}

impl Week {
    pub(super) fn of(campaign: &Campaign, now: Moment) -> Self {
        let today = now.with_timezone(&CST).date_naive();
        let day = (today - campaign.first_day).num_days() + 1;
        Self {
            title: campaign.title.clone(),
            first_day: campaign.first_day,
            last_day: campaign.last_day,
            summary_due: campaign.summary.due,
            day: campaign.contains(today).then_some(day),
            days: campaign.length(),
        }
    }
}
