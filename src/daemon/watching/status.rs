//! `baosong status` in words, for whoever runs the daemon.

use super::super::Daemon;
use super::super::storage::STORAGE;
use super::facts::{Account, Facts, Kept, Letters, Next, Week, Wrong};
use super::gather::Depth;
use super::heartbeat::{Pulse, Stage};
use crate::campaign::{CST, Moment};
use crate::config::Config;
use crate::mailbox::called;
use crate::store::Lock;
use anyhow::Result;
use std::path::Path;

impl Facts {
    /// What health is judged by, from beside the daemon that may work on the data directory.
    pub fn beside(config: &Config, data_dir: &Path, now: Moment) -> Self {
        // One that may not be looked at belongs to another user; the pulse tells all the same.
        let held = Lock::is_held(data_dir).unwrap_or(false);
        let running = (Pulse::load(data_dir), held);
        Self::gather(config, data_dir, running, Depth::Thorough, now)
    }

    /// The same, with the campaign, what leaves next, and the size of everything.
    ///
    /// # Errors
    /// When the settings cannot be used; a database that cannot is told among the facts.
    pub fn whole(config: Config, data_dir: &Path, now: Moment) -> Result<Self> {
        let mut facts = Self::beside(&config, data_dir, now);
        facts.disk.data_bytes = Some(bytes_below(data_dir));
        facts.campaign = Some(Week::of(&config.campaign()?, now));
        if facts.kept.is_some() {
            facts.next = Some(Daemon::watch(config, data_dir)?.next(now)?);
        }
        Ok(facts)
    }
}

/// A file that goes meanwhile counts nothing.
fn bytes_below(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes_below(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

/// A few lines, each with its name before it.
pub fn words(facts: &Facts, wrong: &[String]) -> String {
    let mut lines = Lines(String::new());
    lines.many(
        "health",
        if wrong.is_empty() {
            vec!["ok".into()]
        } else {
            wrong.to_vec()
        },
    );
    lines.one("daemon", of_daemon(facts));
    lines.many("poll", of_poll(facts));
    lines.one("database", of_database(facts));
    if let Some(kept) = &facts.kept {
        of_kept(&mut lines, kept, facts.at);
    }
    lines.many("outage", facts.outages.iter().map(since).collect());
    lines.one("disk", of_disk(facts));
    if let Some(next) = &facts.next {
        lines.many("next", of_next(next));
    }
    if let Some(week) = &facts.campaign {
        lines.one("campaign", of_campaign(week, facts.at));
    }
    lines.0
}

fn of_daemon(facts: &Facts) -> String {
    let daemon = &facts.daemon;
    if !daemon.runs {
        return "none runs".into();
    }
    let (Some(pid), Some(began), Some(stage)) = (daemon.pid, daemon.since, daemon.stage) else {
        return "a process works on the data directory".into();
    };
    let doing = match (stage, daemon.next_pass, daemon.beat) {
        (_, next, Some(beat)) if daemon.hangs => {
            let at = time(next.unwrap_or(beat));
            format!("hangs: no progress since {at}, {}", stage.words())
        }
        (Stage::Resting, Some(next), _) => format!("rests until {}", time(next)),
        _ => stage.words().into(),
    };
    format!("process {pid} since {}, {doing}", time(began))
}

fn of_poll(facts: &Facts) -> Vec<String> {
    let poll = &facts.poll;
    let mut lines = vec![match poll.succeeded {
        Some(at) => {
            let minutes = (facts.at - at).num_minutes();
            format!("done {}, {minutes} min before", time(at))
        }
        None => "never done".into(),
    }];
    if let Some(error) = &poll.error {
        let at = poll.attempted.map_or("the last".into(), time);
        let began = poll.failing_since.map(time);
        let began = began.map_or(String::new(), |at| format!(" (polls fail since {at})"));
        lines.push(format!("{at} failed: {error}{began}"));
    }
    lines.extend(
        poll.troubles
            .iter()
            .map(|trouble| match trouble.name.as_str() {
                "smtp" => since(trouble),
                STORAGE => format!("storage: {}", since(trouble)),
                name => format!("folder {}: {}", called(name), since(trouble)),
            }),
    );
    lines
}

fn of_database(facts: &Facts) -> String {
    let size = megabytes(facts.database.bytes);
    match &facts.database.error {
        None => format!("sound, {size}"),
        Some(error) => format!("cannot be used: {error} ({size})"),
    }
}

fn of_kept(lines: &mut Lines, kept: &Kept, now: Moment) {
    lines.one("mails", of_ledger(&kept.ledger));
    let mails = &kept.mails;
    let unjudged = match mails.unjudged {
        0 => String::new(),
        n => format!(", {n} to be judged with the next pass"),
    };
    lines.one(
        "open",
        format!(
            "{} in review, {} unreadable{unjudged}",
            mails.review, mails.unreadable
        ),
    );
    lines.many("letters", of_letters(&kept.letters, now));
    lines.many(
        "alarms",
        if kept.alarms.is_empty() {
            vec!["none".into()]
        } else {
            kept.alarms.iter().map(since).collect()
        },
    );
}

/// All folders in one line, and those that hold mails by name.
fn of_ledger(ledger: &[Account]) -> String {
    let sum = |of: fn(&Account) -> u32| ledger.iter().map(of).sum::<u32>();
    let (server, reports) = (sum(|line| line.server), sum(|line| line.reports));
    let (not_report, review) = (sum(|line| line.not_report), sum(|line| line.review));
    let unreadable = sum(|line| line.unreadable);
    let unexplained: i64 = ledger.iter().map(|line| line.unexplained).sum();
    let folders: Vec<String> = ledger
        .iter()
        .filter(|line| line.server > 0 || line.unexplained != 0)
        .map(|line| format!("{} {}", called(&line.folder), line.server))
        .collect();
    let folders = match folders.as_slice() {
        [] => String::new(),
        folders => format!(" ({})", folders.join(", ")),
    };
    format!(
        "{server} on the server{folders} = {reports} reports + {not_report} not reports + {review} in review + \
         {unreadable} unreadable; unexplained {unexplained}"
    )
}

fn of_letters(letters: &Letters, now: Moment) -> Vec<String> {
    let mut lines = vec![format!("{} wait", letters.waiting)];
    if let (Some(next), Some(rule)) = (letters.next, &letters.next_rule) {
        let when = match next <= now {
            true => "now".into(),
            false => time(next),
        };
        lines[0] += &format!(", the next {when} ({rule})");
    }
    if letters.failing > 0 {
        let error = letters.error.clone().unwrap_or_default();
        lines.push(format!("{} were put off: {error}", letters.failing));
    }
    if letters.failed > 0 {
        lines.push(format!(
            "{} refused or given up within 24 hours",
            letters.failed
        ));
    }
    if let Some(pace) = letters.pace {
        let [minute, hour, day] =
            [pace.minute, pace.hour, pace.day].map(|(n, most)| format!("{n} of {most}"));
        lines.push(format!(
            "offered {minute} within a minute, {hour} an hour, {day} a day"
        ));
    }
    lines
}

fn of_disk(facts: &Facts) -> String {
    let disk = &facts.disk;
    let free = disk.free_bytes.map_or("?".into(), megabytes);
    let least = megabytes(disk.least_free_bytes);
    let data = disk.data_bytes.map_or(String::new(), |bytes| {
        format!(", used by the data directory {}", megabytes(bytes))
    });
    let error = disk.error.as_ref();
    let error = error.map_or(String::new(), |error| format!("; {error}"));
    format!("free {free} (at least {least}){data}{error}")
}

fn of_next(next: &Next) -> Vec<String> {
    let mut lines = vec![match next.digest {
        Some(at) => format!("digest {}", time(at)),
        None => "no further digest".into(),
    }];
    lines.push(match next.reminders {
        Some(at) => format!(
            "reminders {}, as things stand: {} units get one, {} are in doubt, {} to be telephoned, {} paused",
            time(at),
            next.due,
            next.held,
            next.telephone,
            next.paused
        ),
        None => "no further reminder, as things stand".into(),
    });
    let quiet = next.quiet_until.map(time);
    lines.extend(quiet.map(|until| format!("quiet hours until {until}")));
    lines
}

fn of_campaign(week: &Week, now: Moment) -> String {
    let today = now.with_timezone(&CST).date_naive();
    let place = match week.day {
        Some(day) => format!("day {day} of {}", week.days),
        None if today < week.first_day => {
            format!("begins in {} days", (week.first_day - today).num_days())
        }
        None if today <= week.summary_due => {
            format!("the week is over, summaries are due {}", week.summary_due)
        }
        None => "over".into(),
    };
    let (title, first, last) = (&week.title, week.first_day, week.last_day);
    format!("{title}, {first} to {last}: {place}")
}

fn since(wrong: &Wrong) -> String {
    format!("{} (since {})", wrong.what, time(wrong.since))
}

/// China Standard Time.
fn time(moment: Moment) -> String {
    let moment = moment.with_timezone(&CST);
    moment.format("%Y-%m-%d %H:%M").to_string()
}

/// Of 1,048,576 bytes, as the settings count them.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes >> 20)
}

struct Lines(String);

impl Lines {
    fn one(&mut self, name: &str, text: String) {
        self.many(name, vec![text]);
    }

    /// The name stands before the first.
    fn many(&mut self, name: &str, texts: Vec<String>) {
        for (n, text) in texts.iter().enumerate() {
            let name = if n == 0 { name } else { "" };
            self.0 += &format!("{name:<10} {text}\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::sample;
    use super::super::wrong;
    use super::*;
    use chrono::TimeDelta;

    fn shown(facts: &Facts) -> String {
        words(facts, &wrong(facts))
    }

    #[test]
    fn a_daemon_at_work_is_told_in_a_few_lines() {
        let mut facts = sample();
        facts.daemon.next_pass = Some(facts.at + TimeDelta::minutes(2));
        assert_eq!(
            shown(&facts),
            "\
health     ok
daemon     process 812 since 2022-05-24 08:00, rests until 2022-05-24 10:35
poll       done 2022-05-24 10:32, 1 min before
database   sound, 42 MB
mails      83 on the server (INBOX 83) = 60 reports + 12 not reports + 8 in review + 3 unreadable; unexplained 0
open       8 in review, 3 unreadable
letters    5 wait, the next 2022-05-24 10:35 (reminder)
           offered 2 of 6 within a minute, 20 of 100 an hour, 40 of 200 a day
alarms     none
disk       free 11730 MB (at least 500 MB), used by the data directory 1144 MB
next       digest 2022-05-25 10:30
           reminders 2022-05-24 11:00, as things stand: 12 units get one, 3 are in doubt, 5 to be telephoned, 1 paused
campaign   2022年职业教育活动周, 2022-05-23 to 2022-05-29: day 2 of 7
"
        );
    }

    #[test]
    fn each_thing_that_is_wrong_is_told_with_its_time() {
        let mut facts = sample();
        let at = facts.at;
        facts.daemon.hangs = true;
        facts.daemon.stage = Some(Stage::Polling);
        facts.poll.error = Some("no answer to LOGIN within 60 s".into());
        facts.poll.failing_since = Some(at - TimeDelta::minutes(9));
        facts.poll.attempted = Some(at);
        facts.poll.troubles = vec![Wrong {
            name: "INBOX".into(),
            what: "NO locked".into(),
            since: at,
        }];
        let of_storage = |name: &str| Wrong {
            name: name.into(),
            what: "no answer".into(),
            since: at,
        };
        let storages = [STORAGE, "storage"].map(of_storage);
        facts.poll.troubles.extend(storages);
        let kept = facts.kept.as_mut().unwrap();
        kept.mails.unjudged = 2;
        kept.letters.failing = 1;
        kept.letters.error = Some("451 try later".into());
        kept.letters.failed = 4;
        kept.letters.next = Some(at);
        kept.alarms = vec![Wrong {
            name: "letters".into(),
            what: "24小时内有信函被拒收".into(),
            since: at,
        }];
        facts.disk.error = Some("the disk is full; make room".into());
        let text = shown(&facts);
        for line in [
            "health     the disk is full; make room\n",
            "hangs: no progress since 2022-05-24 10:32, reading the mailbox\n",
            "2022-05-24 10:33 failed: no answer to LOGIN within 60 s (polls fail since 2022-05-24 10:24)\n",
            "folder INBOX: NO locked (since 2022-05-24 10:33)\n",
            "           storage: no answer (since 2022-05-24 10:33)\n",
            "folder storage: no answer (since 2022-05-24 10:33)\n",
            "open       8 in review, 3 unreadable, 2 to be judged with the next pass\n",
            "the next now (reminder)\n",
            "1 were put off: 451 try later\n",
            "4 refused or given up within 24 hours\n",
            "alarms     24小时内有信函被拒收 (since 2022-05-24 10:33)\n",
            "data directory 1144 MB; the disk is full; make room\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn without_its_database_the_rest_is_told_still() {
        let mut facts = sample();
        (facts.kept, facts.next) = (None, None);
        facts.daemon.runs = false;
        facts.database.error = Some("the database is damaged".into());
        let text = shown(&facts);
        assert!(text.contains("daemon     none runs\n"), "{text}");
        assert!(text.contains("cannot be used: the database is damaged (42 MB)\n"));
        assert!(text.contains("free 11730 MB") && text.contains("day 2 of 7"));
    }

    #[test]
    fn before_and_after_the_week_the_campaign_says_so() {
        for (days, words) in [
            (-3, "begins in 2 days"),
            (6, "the week is over, summaries are due 2022-05-30"),
            (30, ": over"),
        ] {
            let mut facts = sample();
            facts.at += TimeDelta::days(days);
            let campaign = crate::campaign::Campaign::default();
            facts.campaign = Some(Week::of(&campaign, facts.at));
            assert!(shown(&facts).contains(words), "{words}");
        }
    }
}
