//! The log of a whole campaign: each decision once, valid JSON, no address whole and no word of a mail, and short.

mod support;

use baosong::campaign::{CST, Moment, in_china};
use baosong::daemon::Keeper;
use baosong::message;
use chrono::{NaiveDate, TimeDelta};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use support::settings::{CODE, USER, settings};
use support::standin::{ImapFault, SmtpFault, Standin};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

const OFFICE: &str = "office@example.cn";
/// Times of day at which the daemon looks.
const PASSES: [(u32, u32); 4] = [(9, 0), (10, 30), (11, 0), (15, 0)];
/// Lines that tell neither of a mail's verdict nor of the fate of a letter.
const MOST_OTHERS: usize = 120;
/// The first of the mails that staff correct.
const CORRECTED: i64 = 1;

/// What was written, line by line.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }
}

struct House {
    server: Standin,
    keeper: Keeper,
    mails: VecDeque<(Moment, Vec<u8>)>,
}

/// The built-in roster, every third college without an address.
fn roster() -> String {
    let mut number = 0;
    let mut lines = Vec::new();
    for line in include_str!("../config/units.toml").lines() {
        lines.push(line.to_owned());
        if line.starts_with("city = ") {
            number += 1;
            if number % 3 > 0 {
                lines.push(format!("addresses = [\"unit{number:02}@example.cn\"]"));
            }
        }
    }
    lines.join("\n")
}

fn sample_mails() -> VecDeque<(Moment, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaign");
    let paths = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|ending| ending == "eml"));
    let mails = paths.map(|path| {
        let raw = std::fs::read(path).unwrap();
        let arrival = message::received(&raw).unwrap();
        (arrival.with_timezone(&CST), raw)
    });
    let mut mails: Vec<_> = mails.collect();
    mails.sort();
    mails.into()
}

async fn house(dir: &Path) -> House {
    let server = Standin::start(USER, CODE).await;
    let mut config = settings(server.ports(), dir);
    let units = dir.join("units.toml");
    std::fs::write(&units, roster()).unwrap();
    config.units_file = Some(units);
    config.outgoing.receipts = true;
    config.mailbox.patience_seconds = 20;
    config.outgoing.patience_seconds = 20;
    let mut keeper = Keeper::new(config, &dir.join("data"));
    keeper.read_in(env!("CARGO_BIN_EXE_baosong").into());
    House {
        server,
        keeper,
        mails: sample_mails(),
    }
}

impl House {
    /// All days from 25 April to 31 May, with a few things that go wrong on the way.
    async fn campaign(&mut self) -> Moment {
        let first = NaiveDate::from_ymd_opt(2022, 4, 25).unwrap();
        let days = first.iter_days().take(37);
        let mut now = in_china(first.and_hms_opt(0, 0, 0).unwrap());
        for (day, (hour, minute)) in days.flat_map(|day| PASSES.map(|time| (day, time))) {
            now = in_china(day.and_hms_opt(hour, minute, 0).unwrap());
            self.disturb(now);
            self.pass(now).await;
        }
        now
    }

    async fn pass(&mut self, now: Moment) {
        while let Some((arrival, raw)) = self.mails.pop_front_if(|(arrival, _)| *arrival <= now) {
            self.server.deliver("INBOX", &raw, arrival);
        }
        // What goes wrong is in the log.
        let _ = self.keeper.pass(now).await;
    }

    fn disturb(&self, now: Moment) {
        match now.format("%m-%d %H:%M").to_string().as_str() {
            "05-20 09:00" => {
                let refusal = format!("LOGIN {USER} is locked").into_bytes();
                self.server.misbehave(ImapFault::RefuseLogin(refusal));
            }
            "05-20 10:30" => self.server.behave(),
            "05-25 10:30" => self.server.misbehave_smtp(SmtpFault::Answer(
                "RCPT",
                "550 no such user office@example.cn here",
            )),
            "05-27 09:00" => self.answer(now),
            _ => {}
        }
    }

    /// Staff answer the last digest that left.
    fn answer(&self, now: Moment) {
        let letters = self.server.accepted();
        let digest = letters
            .iter()
            .rfind(|letter| letter.to[0] == OFFICE)
            .unwrap();
        let text = String::from_utf8_lossy(&digest.data).into_owned();
        let id = text
            .lines()
            .find_map(|line| line.strip_prefix("Message-ID: "));
        let raw = format!(
            "From: <{OFFICE}>\r\nTo: <{USER}>\r\nSubject: Re: digest\r\nMessage-ID: <answer@example.cn>\r\n\
             In-Reply-To: {}\r\nDate: Fri, 27 May 2022 08:30:00 +0800\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n{CORRECTED} 不是报送\r\n999 不是报送\r\n",
            id.unwrap()
        );
        self.server
            .deliver("INBOX", raw.as_bytes(), now - TimeDelta::minutes(20));
    }
}

fn of<'a>(lines: &'a [Value], message: &str) -> Vec<&'a Value> {
    lines
        .iter()
        .filter(|line| line["message"] == message)
        .collect()
}

#[tokio::test]
async fn the_log_of_a_campaign_has_each_decision_once_and_no_word_of_a_mail() {
    let written = Written::default();
    let sink = written.clone();
    baosong::log::json(EnvFilter::new("info"), move || sink.clone()).init();
    let dir = tempfile::tempdir().unwrap();
    let mut house = house(dir.path()).await;
    let end = house.campaign().await;
    assert!(house.mails.is_empty());

    let lines = written.lines();
    let count: BTreeMap<&str, usize> = lines.iter().fold(BTreeMap::new(), |mut count, line| {
        *count.entry(line["message"].as_str().unwrap()).or_default() += 1;
        count
    });
    println!(
        "{} lines, {} bytes: {count:#?}",
        lines.len(),
        written.text().len()
    );
    for line in &lines {
        assert!(
            line["timestamp"].as_str().unwrap().ends_with("+08:00"),
            "{line}"
        );
    }
    each_mail_is_judged_once(&house, &lines);
    each_letter_is_queued_once_and_sent_once(&house, &lines);
    for (message, least) in [
        ("alarm", 2),
        ("alarm is over", 2),
        ("letter not sent", 1),
        ("reply carried out", 1),
        ("polls succeed again", 1),
        ("reminders held back", 1),
    ] {
        assert!(of(&lines, message).len() >= least, "{message}");
    }
    let reply = of(&lines, "reply carried out")[0];
    assert_eq!((&reply["done"], &reply["refused"]), (&1.into(), &1.into()));
    no_address_is_whole(&written.text());
    no_word_of_a_mail_is_told(&house, &written.text());
    every_event_is_in_the_manual(&lines);
    let fates = ["judged", "letter queued", "letter sent", "letter dropped"];
    let decisions: usize = fates.map(|message| count[message]).iter().sum();
    assert!(
        lines.len() < decisions + MOST_OTHERS,
        "{} lines",
        lines.len()
    );

    // The campaign is over: nothing arrives and nothing is due.
    house.pass(end + TimeDelta::days(2)).await;
    let before = written.lines().len();
    for minutes in 1..10 {
        house
            .pass(end + TimeDelta::days(2) + TimeDelta::minutes(3 * minutes))
            .await;
    }
    assert_eq!(written.lines().len(), before, "idle polls write nothing");
}

fn each_mail_is_judged_once(house: &House, lines: &[Value]) {
    let kept = house.keeper.daemon().unwrap().store.mails(None).unwrap();
    let mut told: BTreeMap<i64, usize> = BTreeMap::new();
    for line in of(lines, "judged") {
        *told.entry(line["mail"].as_i64().unwrap()).or_default() += 1;
        let outcome = line["outcome"].as_str().unwrap();
        let has = |key: &str| line.get(key).is_some();
        match outcome {
            "reports" => assert!(has("units") && has("kinds") && has("rule"), "{line}"),
            _ => assert!(has("reason") && !has("units"), "{line}"),
        }
    }
    assert_eq!(kept.len(), 80);
    for mail in kept {
        let id = mail.id.unwrap();
        let times = if id == CORRECTED { 2 } else { 1 };
        assert_eq!(told.remove(&id), Some(times), "mail {id}");
    }
    assert!(told.is_empty());
}

fn each_letter_is_queued_once_and_sent_once(house: &House, lines: &[Value]) {
    let key =
        |line: &Value| ["rule", "about", "day"].map(|key| line[key].as_str().unwrap().to_owned());
    let queued: Vec<_> = of(lines, "letter queued").into_iter().map(key).collect();
    let sent: BTreeSet<_> = of(lines, "letter sent").into_iter().map(key).collect();
    assert_eq!(queued.iter().collect::<BTreeSet<_>>().len(), queued.len());
    assert_eq!(sent.len(), house.server.accepted().len());
    assert!(sent.iter().all(|letter| queued.contains(letter)));
}

fn no_address_is_whole(text: &str) {
    let masked = text.matches("***@").count();
    assert_eq!(text.matches('@').count(), masked);
    assert!(masked > 20, "the test has addresses to mask");
}

fn no_word_of_a_mail_is_told(house: &House, text: &str) {
    let daemon = house.keeper.daemon().unwrap();
    let names: Vec<&String> = daemon
        .roster()
        .units()
        .iter()
        .map(|unit| &unit.name)
        .collect();
    let mut looked_for = 0;
    for mail in daemon.store.mails(None).unwrap() {
        let content = daemon.store.content(mail.id.unwrap()).unwrap().unwrap();
        let files = content.files.iter().map(|file| file.name.clone());
        let all: Vec<String> = files
            .chain([content.subject.clone(), content.text.clone()])
            .collect();
        let lines = all.iter().flat_map(|text| text.lines()).map(str::trim);
        let lines = lines.filter(|line| line.chars().count() >= 8);
        for line in lines.filter(|line| !names.iter().any(|name| name.contains(*line))) {
            looked_for += 1;
            assert!(!text.contains(line), "{line}");
        }
    }
    assert!(looked_for > 300);
}

fn every_event_is_in_the_manual(lines: &[Value]) {
    let manual = include_str!("../docs/log.md");
    for line in lines {
        let message = line["message"].as_str().unwrap();
        assert!(
            manual.contains(&format!("`{message}`")),
            "{message} is not in docs/log.md"
        );
        for field in line.as_object().unwrap().keys() {
            let known = manual.contains(&format!("`{field}`"));
            assert!(known, "{field} of {message} is not in docs/log.md");
        }
    }
}
