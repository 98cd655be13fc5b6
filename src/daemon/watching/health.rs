//! Whether a daemon works: the one judgement of `baosong health` and of `/healthz`.

use super::super::POLL_OVERDUE;
use super::facts::Facts;

/// Everything that is wrong, in words; empty where the daemon works.
pub fn wrong(facts: &Facts) -> Vec<String> {
    let mut wrong: Vec<String> = Vec::new();
    wrong.extend(facts.outages.iter().map(|outage| outage.what.clone()));
    wrong.extend(facts.disk.error.clone());
    wrong.extend(of_database(facts));
    wrong.extend(of_pass(facts));
    let alarms = facts.kept.iter().flat_map(|kept| &kept.alarms);
    wrong.extend(alarms.map(|alarm| alarm.what.clone()));
    wrong.extend(of_poll(facts));
    wrong
}

/// An outage that is known says it already.
fn of_database(facts: &Facts) -> Option<String> {
    let error = facts.database.error.as_ref()?;
    let told = |outage: &super::facts::Wrong| error.starts_with(&outage.what);
    (!facts.outages.iter().any(told)).then(|| error.clone())
}

fn of_pass(facts: &Facts) -> Option<String> {
    let (stage, beat) = (facts.daemon.stage?, facts.daemon.beat?);
    let at = facts.daemon.next_pass.unwrap_or(beat);
    let words = stage.words();
    facts
        .daemon
        .hangs
        .then(|| format!("the pass hangs: no progress since {at}, {words}"))
}

/// What cannot be read in the database is not told twice.
fn of_poll(facts: &Facts) -> Option<String> {
    let poll = &facts.poll;
    if let Some(error) = &poll.error {
        return Some(format!("the last poll failed: {error}"));
    }
    facts.kept.as_ref()?;
    match poll.succeeded {
        Some(at) if (facts.at - at).abs() <= POLL_OVERDUE => None,
        Some(at) => Some(format!("last successful poll {}", at.to_rfc3339())),
        None => Some("no successful poll yet".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Wrong, sample};
    use super::super::heartbeat::Stage;
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_daemon_that_polls_is_well_and_each_cause_is_told_by_itself() {
        assert!(wrong(&sample()).is_empty(), "{:?}", wrong(&sample()));
        type Change = fn(&mut Facts);
        let since = sample().at;
        let causes: [(Change, &str); 9] = [
            (
                |facts| facts.poll.succeeded = Some(facts.at - TimeDelta::minutes(31)),
                "last successful poll 2022-05-24T10:02:00+08:00",
            ),
            (
                |facts| facts.poll.succeeded = None,
                "no successful poll yet",
            ),
            (
                |facts| facts.poll.error = Some("no answer to LOGIN within 60 s".into()),
                "the last poll failed: no answer to LOGIN within 60 s",
            ),
            (
                |facts| (facts.daemon.stage, facts.daemon.hangs) = (Some(Stage::Sending), true),
                "the pass hangs: no progress since 2022-05-24 10:32:00 +08:00, sending letters",
            ),
            (
                |facts| facts.disk.error = Some("the disk is full; make room".into()),
                "the disk is full; make room",
            ),
            (
                |facts| {
                    facts.database.error = Some("no such table: mails".into());
                    facts.kept = None;
                },
                "no such table: mails",
            ),
            (
                |facts| {
                    facts.kept.as_mut().unwrap().alarms = vec![Wrong {
                        name: "poll".into(),
                        what: "已超过30分钟未能成功收信".into(),
                        since: facts.at,
                    }];
                },
                "已超过30分钟未能成功收信",
            ),
            (
                |facts| {
                    facts.outages = vec![Wrong {
                        name: "damaged".into(),
                        what: "the database is damaged".into(),
                        since: facts.at,
                    }];
                },
                "the database is damaged",
            ),
            (
                |facts| {
                    let what = "the database is damaged";
                    facts.outages = vec![Wrong {
                        name: "damaged".into(),
                        what: what.into(),
                        since: facts.at,
                    }];
                    facts.database.error = Some(format!("{what}: page 7"));
                    facts.kept = None;
                },
                "the database is damaged",
            ),
        ];
        for (change, words) in causes {
            let mut facts = sample();
            change(&mut facts);
            assert_eq!(wrong(&facts), [words], "since {since}");
        }
    }
}
