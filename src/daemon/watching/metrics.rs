//! Figures for Prometheus, in its text format 0.0.4. Names and meanings: docs/interface.md.

use super::Seen;
use super::facts::{Facts, Kept};
use super::health::wrong;
use super::heartbeat::Pulse;
use crate::campaign::Moment;
use std::collections::BTreeMap;
use std::fmt::{Display, Write};

/// The media type of the page.
pub const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole page: each family with its HELP and TYPE, and only what is known. Of several campaigns each sample has
/// the label `campaign`.
pub fn page(all: &[Seen]) -> String {
    let mut page = Page::default();
    for seen in all {
        page.campaign.clone_from(&seen.campaign);
        of_campaign(&mut page, &seen.facts, &seen.pulse);
    }
    page.families.iter().map(Family::text).collect()
}

fn of_campaign(page: &mut Page, facts: &Facts, pulse: &Pulse) {
    of_process(page, facts, pulse);
    of_polls(page, facts, pulse);
    if let Some(kept) = &facts.kept {
        of_mails(page, kept);
        of_letters(page, kept);
    }
    of_alarms(page, facts);
    of_disk(page, facts);
}

fn of_process(page: &mut Page, facts: &Facts, pulse: &Pulse) {
    page.family("build_info", "gauge", "Version of the program; always 1.");
    page.sample("build_info", &[("version", &pulse.version)], 1);
    page.gauge(
        "healthy",
        "Whether /healthz answers 200.",
        u8::from(wrong(facts).is_empty()),
    );
    page.gauge(
        "start_time_seconds",
        "When the process began, in seconds since 1970 UTC.",
        pulse.started.timestamp(),
    );
    page.gauge(
        "heartbeat_age_seconds",
        "Seconds without progress of the pass loop; 0 while it rests.",
        pulse.silent.as_secs_f64(),
    );
    page.gauge(
        "pass_hangs",
        "Whether a pass makes no progress for longer than watch.hung_after_seconds.",
        u8::from(facts.daemon.hangs),
    );
    let name = "pass_duration_seconds";
    page.family(name, "summary", "Time that passes took.");
    page.sample(&format!("{name}_sum"), &[], pulse.passes_seconds);
    page.sample(&format!("{name}_count"), &[], pulse.passes);
}

fn of_polls(page: &mut Page, facts: &Facts, pulse: &Pulse) {
    let name = "polls_total";
    page.family(name, "counter", "Polls that came to an end, by result.");
    let done = pulse.polls - pulse.polls_failed;
    page.sample(name, &[("result", "done")], done);
    page.sample(name, &[("result", "failed")], pulse.polls_failed);
    page.moment(
        "last_poll_success_timestamp_seconds",
        "When the mailbox was last polled to the end, in seconds since 1970 UTC.",
        facts.poll.succeeded,
    );
    page.moment(
        "last_poll_attempt_timestamp_seconds",
        "When it was last tried, in seconds since 1970 UTC.",
        facts.poll.attempted,
    );
    page.gauge(
        "poll_failing",
        "Whether the last poll failed.",
        u8::from(facts.poll.error.is_some()),
    );
    page.family(
        "mails_fetched_total",
        "counter",
        "Mails fetched that had not been kept before.",
    );
    page.sample("mails_fetched_total", &[], pulse.mails);
}

fn of_mails(page: &mut Page, kept: &Kept) {
    let mails = &kept.mails;
    page.family("mails", "gauge", "Mails by outcome.");
    for (outcome, count) in [
        ("reports", mails.reports),
        ("not_report", mails.not_report),
        ("review", mails.review),
        ("unreadable", mails.unreadable),
        ("unjudged", mails.unjudged),
    ] {
        page.sample("mails", &[("outcome", outcome)], count);
    }
    page.family(
        "server_mails",
        "gauge",
        "Mails on the server at the last poll, by folder.",
    );
    for line in &kept.ledger {
        page.sample("server_mails", &[("folder", &line.folder)], line.server);
    }
    page.family(
        "unexplained_mails",
        "gauge",
        "Mails on the server that no row explains, by folder.",
    );
    for line in &kept.ledger {
        let folder = [("folder", line.folder.as_str())];
        page.sample("unexplained_mails", &folder, line.unexplained);
    }
}

fn of_letters(page: &mut Page, kept: &Kept) {
    let letters = &kept.letters;
    page.gauge(
        "letters_waiting",
        "Letters still to leave.",
        letters.waiting,
    );
    page.gauge(
        "letters_failing",
        "Letters still to leave that were offered in vain.",
        letters.failing,
    );
    page.moment(
        "next_letter_timestamp_seconds",
        "When the first letter that waits may leave, in seconds since 1970 UTC; long past where letters do not leave.",
        letters.next,
    );
    page.gauge(
        "letters_failed_of_a_day",
        "Letters refused or given up within 24 hours.",
        letters.failed,
    );
    let Some(pace) = letters.pace else { return };
    let within = [
        ("minute", pace.minute),
        ("hour", pace.hour),
        ("day", pace.day),
    ];
    page.family(
        "letters_offered",
        "gauge",
        "Letters offered to the SMTP server of late, by the time looked back on.",
    );
    for (time, (count, _)) in within {
        page.sample("letters_offered", &[("within", time)], count);
    }
    page.family(
        "letters_offered_limit",
        "gauge",
        "The most that the settings allow.",
    );
    for (time, (_, most)) in within {
        page.sample("letters_offered_limit", &[("within", time)], most);
    }
}

fn of_alarms(page: &mut Page, facts: &Facts) {
    let open = facts.kept.iter().flat_map(|kept| &kept.alarms);
    // An outage may stand in the database too, from an earlier time.
    let open: BTreeMap<&str, Moment> = open
        .chain(&facts.outages)
        .map(|alarm| (alarm.name.as_str(), alarm.since))
        .collect();
    page.gauge("alarms_open", "Alarms that are not over.", open.len());
    page.family(
        "alarm_since_timestamp_seconds",
        "gauge",
        "When an alarm that is not over began, in seconds since 1970 UTC.",
    );
    for (name, since) in open {
        let name = [("alarm", name)];
        page.sample("alarm_since_timestamp_seconds", &name, since.timestamp());
    }
}

fn of_disk(page: &mut Page, facts: &Facts) {
    if let Some(free) = facts.disk.free_bytes {
        page.gauge(
            "disk_free_bytes",
            "Free space for the data directory.",
            free,
        );
    }
    page.gauge(
        "disk_least_free_bytes",
        "With less free space nothing is fetched.",
        facts.disk.least_free_bytes,
    );
    page.gauge(
        "database_usable",
        "Whether the database can be read.",
        u8::from(facts.database.error.is_none()),
    );
    page.gauge(
        "database_size_bytes",
        "Size of the database with its log.",
        facts.database.bytes,
    );
}

/// Families in the order of their first sample.
#[derive(Default)]
struct Page {
    campaign: String,
    families: Vec<Family>,
    /// The one that samples belong to.
    open: usize,
}

struct Family {
    name: String,
    head: String,
    samples: String,
}

impl Family {
    fn text(&self) -> String {
        format!("{}{}", self.head, self.samples)
    }
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let known = self.families.iter().position(|family| family.name == name);
        self.open = known.unwrap_or(self.families.len());
        if known.is_none() {
            let help = help.replace('\\', "\\\\").replace('\n', "\\n");
            self.families.push(Family {
                name: name.to_owned(),
                head: format!("# HELP baosong_{name} {help}\n# TYPE baosong_{name} {kind}\n"),
                samples: String::new(),
            });
        }
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let campaign = [("campaign", self.campaign.as_str())];
        let campaign = campaign.iter().filter(|(_, name)| !name.is_empty());
        let labels = campaign.chain(labels).map(|label| in_quotes(*label));
        let labels: Vec<String> = labels.collect();
        let labels = match labels.as_slice() {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        let samples = &mut self.families[self.open].samples;
        // A String takes all that is written to it.
        let _ = writeln!(samples, "baosong_{name}{labels} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn moment(&mut self, name: &str, help: &str, moment: Option<Moment>) {
        if let Some(moment) = moment {
            self.gauge(name, help, moment.timestamp());
        }
    }
}

fn in_quotes((name, value): (&str, &str)) -> String {
    let value = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Wrong, sample};
    use super::super::heartbeat::Heartbeat;
    use super::*;
    use std::collections::BTreeSet;

    fn pulse() -> Pulse {
        let heart = Heartbeat::default();
        heart.polled(sample().at, None);
        heart.took(7);
        heart.pulse()
    }

    fn seen(campaign: &str, facts: Facts) -> Seen {
        Seen {
            campaign: campaign.into(),
            facts,
            pulse: pulse(),
        }
    }

    #[test]
    fn of_several_campaigns_each_sample_says_whose_it_is_and_families_stand_once() {
        let both = [seen("活动周", sample()), seen("技能大赛", sample())];
        let text = page(&both);
        let heads = |line: &&str| line.starts_with("# TYPE baosong_mails ");
        assert_eq!(text.lines().filter(heads).count(), 1);
        for name in ["活动周", "技能大赛"] {
            let line = format!("baosong_mails{{campaign=\"{name}\",outcome=\"review\"}} 8");
            assert!(text.lines().any(|other| other == line), "{line} in {text}");
        }
        assert!(!text.contains("baosong_healthy 1"));
    }

    #[test]
    fn every_family_has_its_help_and_type_before_its_samples_and_stands_once() {
        let text = page(&[seen("", sample())]);
        let mut kinds: BTreeMap<String, String> = BTreeMap::new();
        let mut samples = BTreeSet::new();
        let mut helped = String::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                helped = help.split(' ').next().unwrap().to_owned();
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(name, helped, "HELP goes before TYPE");
                assert!(kinds.insert(name.into(), kind.into()).is_none(), "{name}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            } else {
                let (key, value) = line.rsplit_once(' ').unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
                assert!(samples.insert(key), "{key} stands twice");
                let name = key.split('{').next().unwrap();
                let base = name
                    .strip_suffix("_sum")
                    .or(name.strip_suffix("_count"))
                    .filter(|base| *base == helped)
                    .unwrap_or(name);
                assert_eq!(base, helped, "{line} stands within its family");
            }
        }
        assert!(kinds.len() > 20);
    }

    #[test]
    fn every_family_is_listed_in_the_public_interface() {
        let interface = include_str!("../../../docs/interface.md");
        let mut facts = sample();
        facts.kept.as_mut().unwrap().alarms.push(Wrong {
            name: "poll".into(),
            what: String::new(),
            since: facts.at,
        });
        for line in page(&[seen("", facts)]).lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let name = family.split(' ').next().unwrap();
                assert!(interface.contains(&format!("`{name}`")), "{name}");
            }
        }
    }

    #[test]
    fn figures_are_those_of_the_facts() {
        let mut facts = sample();
        facts.poll.error = Some("x".into());
        let text = page(&[seen("", facts)]);
        for line in [
            "baosong_healthy 0",
            "baosong_poll_failing 1",
            "baosong_polls_total{result=\"done\"} 1",
            "baosong_mails_fetched_total 7",
            "baosong_mails{outcome=\"review\"} 8",
            "baosong_unexplained_mails{folder=\"INBOX\"} 0",
            "baosong_last_poll_success_timestamp_seconds 1653359520",
            "baosong_letters_offered_limit{within=\"day\"} 200",
            "baosong_disk_free_bytes 12300000000",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} in {text}");
        }
    }

    #[test]
    fn what_the_database_holds_is_left_out_where_it_cannot_be_read() {
        let mut facts = sample();
        (facts.kept, facts.database.error) = (None, Some("damaged".into()));
        let text = page(&[seen("", facts)]);
        assert!(text.contains("baosong_database_usable 0") && !text.contains("baosong_mails{"));
    }

    #[test]
    fn a_label_keeps_what_would_end_it() {
        assert_eq!(
            in_quotes(("folder", "a\"b\\c\nd")),
            r#"folder="a\"b\\c\nd""#
        );
    }
}
