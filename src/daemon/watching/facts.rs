//! What there is to see of a daemon, as plain data.

use super::heartbeat::Stage;
use crate::campaign::Moment;
use crate::store::Census;
use chrono::NaiveDate;
use serde::Serialize;

/// Everything that a watcher is told; the public shape of `status --json`. Mail addresses in it are masked.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// The moment of the answer.
    pub at: Moment,
    /// The process, as it beats.
    pub daemon: Life,
    /// How the mailbox is read.
    pub poll: Poll,
    /// The database.
    pub database: Database,
    /// What it holds; null where it cannot be used.
    pub kept: Option<Kept>,
    /// Faults below the database that last.
    pub outages: Vec<Wrong>,
    /// The disk of the data directory.
    pub disk: Disk,
    /// The campaign; null where nobody asked.
    pub campaign: Option<Week>,
    /// What leaves next; null where the database cannot be used, or nobody asked.
    pub next: Option<Next>,
}

/// The process.
#[derive(Debug, Clone, Serialize)]
pub struct Life {
    /// Whether a process works on the data directory.
    pub runs: bool,
    /// Whether its pass makes no progress any more.
    pub hangs: bool,
    /// Its number, where it beats; so the others.
    pub pid: Option<u32>,
    #[allow(missing_docs)]
    pub since: Option<Moment>,
    #[allow(missing_docs)]
    pub stage: Option<Stage>,
    /// The last sign of progress.
    pub beat: Option<Moment>,
    /// The next pass, while it rests.
    pub next_pass: Option<Moment>,
}

/// How the mailbox is read.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Poll {
    /// The last poll that came to its end without a fault.
    pub succeeded: Option<Moment>,
    /// The last of all, by the file that `run` and `once` leave.
    pub attempted: Option<Moment>,
    /// What is wrong with the last poll.
    pub error: Option<String>,
    /// Since when polls fail in a row.
    pub failing_since: Option<Moment>,
    /// Folders that the server refuses, and the way out where it refuses the login.
    pub troubles: Vec<Wrong>,
}

/// The database.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Database {
    /// Why it cannot be used.
    pub error: Option<String>,
    /// With its log.
    pub bytes: u64,
}

/// What the database holds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Kept {
    /// All mails, from the server and imported.
    pub mails: Census,
    /// Folder by folder.
    pub ledger: Vec<Account>,
    /// Letters.
    pub letters: Letters,
    /// Alarms that are not over.
    pub alarms: Vec<Wrong>,
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// Alarm, fault or folder.
    pub name: String,
    /// In words.
    pub what: String,
    #[allow(missing_docs)]
    pub since: Moment,
}

/// A folder's account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Account {
    pub folder: String,
    pub server: u32,
    pub reports: u32,
    pub not_report: u32,
    pub review: u32,
    pub unreadable: u32,
    /// 0 unless something is wrong.
    pub unexplained: i64,
}

/// The queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Letters {
    /// Still to leave.
    pub waiting: usize,
    /// Those of them that were offered in vain.
    pub failing: usize,
    /// The server's last word on one of these.
    pub error: Option<String>,
    /// When the first of the waiting may leave; one that is due leaves with the next pass that finds room.
    pub next: Option<Moment>,
    /// Its rule.
    pub next_rule: Option<String>,
    /// Refused or given up within 24 hours.
    pub failed: usize,
    /// Offered to the server within a minute, an hour and a day; null where nothing is counted.
    pub pace: Option<Offered>,
}

/// Letters offered to the server of late, each with the most that the settings allow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Offered {
    pub minute: (usize, u32),
    pub hour: (usize, u32),
    pub day: (usize, u32),
}

/// The disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Why no byte can be written.
    pub error: Option<String>,
    /// For the daemon's user.
    pub free_bytes: Option<u64>,
    /// With less nothing is fetched.
    pub least_free_bytes: u64,
    /// Of all files in the data directory; null where nobody asked.
    pub data_bytes: Option<u64>,
}

/// The campaign, and where `at` lies in it.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct Week {
    pub title: String,
    pub first_day: NaiveDate,
    pub last_day: NaiveDate,
    pub summary_due: NaiveDate,
    /// From 1; null outside the week.
    pub day: Option<i64>,
    pub days: u32,
}

/// What leaves next, as everything stands at `at`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Next {
    /// Null when the campaign has no more digests.
    pub digest: Option<Moment>,
    /// The next moment at which a unit is due a reminder; null when none will be.
    pub reminders: Option<Moment>,
    /// Units that get one then.
    pub due: usize,
    /// Units that are behind then and get none: in doubt, without an address or with all their reminders, paused.
    pub held: usize,
    #[allow(missing_docs)]
    pub telephone: usize,
    #[allow(missing_docs)]
    pub paused: usize,
    /// While units are left alone: until when.
    pub quiet_until: Option<Moment>,
}

/// A daemon at work on the second day of the week, with which nothing is wrong.
#[cfg(test)]
pub fn sample() -> Facts {
    use chrono::TimeDelta;
    let at = |hour, minute| {
        let day = NaiveDate::from_ymd_opt(2022, 5, 24).unwrap();
        crate::campaign::in_china(day.and_hms_opt(hour, minute, 0).unwrap())
    };
    let now = at(10, 33);
    let account = Account {
        folder: "INBOX".into(),
        server: 83,
        reports: 60,
        not_report: 12,
        review: 8,
        unreadable: 3,
        unexplained: 0,
    };
    Facts {
        at: now,
        daemon: Life {
            runs: true,
            hangs: false,
            pid: Some(812),
            since: Some(at(8, 0)),
            stage: Some(Stage::Resting),
            beat: Some(at(10, 32)),
            next_pass: None,
        },
        poll: Poll {
            succeeded: Some(at(10, 32)),
            attempted: Some(at(10, 32)),
            ..Poll::default()
        },
        database: Database {
            error: None,
            bytes: 45_000_000,
        },
        kept: Some(Kept {
            mails: Census {
                reports: 60,
                not_report: 12,
                review: 8,
                unreadable: 3,
                unjudged: 0,
            },
            ledger: vec![account],
            letters: Letters {
                waiting: 5,
                failing: 0,
                error: None,
                next: Some(at(10, 35)),
                next_rule: Some("reminder".into()),
                failed: 0,
                pace: Some(Offered {
                    minute: (2, 6),
                    hour: (20, 100),
                    day: (40, 200),
                }),
            },
            alarms: Vec::new(),
        }),
        outages: Vec::new(),
        disk: Disk {
            error: None,
            free_bytes: Some(12_300_000_000),
            least_free_bytes: 500 << 20,
            data_bytes: Some(1_200_000_000),
        },
        campaign: Some(Week::of(&crate::campaign::Campaign::default(), now)),
        next: Some(Next {
            digest: Some(at(10, 30) + TimeDelta::days(1)),
            reminders: Some(at(11, 0)),
            due: 12,
            held: 3,
            telephone: 5,
            paused: 1,
            quiet_until: None,
        }),
    }
}
