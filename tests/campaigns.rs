//! Several campaigns in one daemon: each with its own mailbox, roster, quota, staff and letters; a broken one alone.

mod support;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::mail::{may, plain, report};
use support::settings::CODE;
use support::standin::{Accepted, Standin};
use tempfile::TempDir;

const WEEK: &str = "活动周";
const CONTEST: &str = "技能大赛";

struct House {
    week: Standin,
    contest: Standin,
    dir: TempDir,
}

/// Two campaigns with a server each; `more` goes in front of them.
async fn house(more: &str) -> House {
    let (week, contest) = (
        Standin::start("week@163.com", CODE).await,
        Standin::start("contest@163.com", CODE).await,
    );
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("code", CODE);
    write(
        "week.toml",
        "college = []\n[[city]]\nname = \"丹东市教育局\"\ncity = \"丹东市\"\naddresses = [\"dandong@city.example\"]\n\
         [[city]]\nname = \"大连市教育局\"\ncity = \"大连市\"\naddresses = [\"dalian@city.example\"]\n\
         [[city]]\nname = \"鞍山市教育局\"\ncity = \"鞍山市\"\naddresses = [\"anshan@city.example\"]\n",
    );
    write(
        "contest.toml",
        "college = []\n[[city]]\nname = \"丹东市教育局\"\ncity = \"丹东市\"\naddresses = [\"dandong@contest.example\"]\n\
         [[city]]\nname = \"抚顺市教育局\"\ncity = \"抚顺市\"\naddresses = [\"fushun@contest.example\"]\n\
         [[city]]\nname = \"本溪市教育局\"\ncity = \"本溪市\"\naddresses = [\"benxi@contest.example\"]\n",
    );
    let calendar = include_str!("../config/campaign.toml");
    let calendar = calendar.replace("2022年职业教育活动周", "2022年技能大赛");
    write("calendar.toml", &calendar.replace("city = 3", "city = 1"));
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (code, units) = (at("code"), at("contest.toml"));
    let settings = format!(
        "units_file = \"{}\"\n{more}\n\
         [mailbox]\nhost = \"127.0.0.1\"\ntls = \"none\"\npassword_file = \"{code}\"\n\
         [outgoing]\nhost = \"127.0.0.1\"\ntls = \"none\"\npassword_file = \"{code}\"\nletters_a_minute = 4\n\
         [alarms]\nleast_free_megabytes = 0\n\
         [[campaign]]\nname = \"{WEEK}\"\n\
         [campaign.mailbox]\nuser = \"week@163.com\"\nport = {}\n\
         [campaign.outgoing]\nuser = \"week@163.com\"\nport = {}\n\
         [campaign.staff]\ndigest_to = [\"week@office.example\"]\n\
         [[campaign]]\nname = \"{CONTEST}\"\nunits_file = \"{units}\"\ncampaign_file = \"{}\"\n\
         [campaign.mailbox]\nuser = \"contest@163.com\"\nport = {}\n\
         [campaign.outgoing]\nuser = \"contest@163.com\"\nport = {}\n\
         [campaign.staff]\ndigest_to = [\"contest@office.example\"]\n",
        at("week.toml"),
        week.imap_port(),
        week.smtp_port(),
        at("calendar.toml"),
        contest.imap_port(),
        contest.smtp_port(),
    );
    write("baosong.toml", &settings);
    House { week, contest, dir }
}

impl House {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baosong"));
        command
            .arg("--config")
            .arg(self.dir.path().join("baosong.toml"))
            .arg("--data")
            .arg(self.data())
            .args(arguments)
            .env("BAOSONG_LOG", "error");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output of a verb that must succeed.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {wrong}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn daemon(&self, at: &str) -> Child {
        let mut command = self.command(&["--at", at, "run"]);
        command.stderr(Stdio::null()).spawn().unwrap()
    }
}

/// Ends a daemon as systemd does.
fn stop(mut daemon: Child) {
    let id = daemon.id().to_string();
    assert!(Command::new("kill").arg(&id).status().unwrap().success());
    assert!(daemon.wait().unwrap().success());
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn recipients(letters: &[Accepted]) -> Vec<String> {
    let mut all: Vec<String> = letters
        .iter()
        .flat_map(|letter| letter.to.clone())
        .collect();
    all.sort();
    all
}

fn text(letter: &Accepted) -> String {
    struct Nobody;
    impl baosong::message::Host for Nobody {
        fn run(&mut self, _: baosong::message::Tool) -> Result<Vec<u8>, String> {
            Err("none".into())
        }
    }
    baosong::message::read(&letter.data, &mut Nobody).text
}

/// Reports that 丹东 owes in all, and those that it delivered.
fn dandong(house: &House, campaign: &str) -> (u64, u64) {
    let at = "2022-05-24T10:31:00+08:00";
    let said = house.says(&["--campaign", campaign, "--at", at, "standing", "--json"]);
    let all: Value = serde_json::from_str(&said).unwrap();
    let units = all["units"].as_array().or(all.as_array()).unwrap();
    let unit = units.iter().find(|unit| unit["unit"] == "丹东市教育局");
    let unit = unit.unwrap();
    let number = |key: &str| {
        unit[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key} in {unit}"))
    };
    (number("quota"), number("reports"))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_run_side_by_side_and_nothing_of_one_is_in_the_other() {
    let house = house("").await;
    let city = "丹东市教育局";
    house
        .week
        .deliver("INBOX", &report("w", city, 23), may(24, 8, 10));
    house
        .contest
        .deliver("INBOX", &report("c", city, 23), may(24, 8, 20));
    house
        .contest
        .deliver("INBOX", &plain("d", "感谢信", "谢谢"), may(24, 8, 30));
    let daemon = house.daemon("2022-05-24T10:31:00+08:00");
    until("a digest of each", || {
        !house.week.accepted().is_empty() && !house.contest.accepted().is_empty()
    })
    .await;
    let second = house.run(&["run"]);
    let wrong = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(wrong.contains("another baosong"), "{wrong}");
    house.says(&["--at", "2022-05-24T10:32:00+08:00", "health"]);
    stop(daemon);

    let (week, contest) = (house.week.accepted(), house.contest.accepted());
    assert_eq!(recipients(&week), ["week@office.example"]);
    assert_eq!(recipients(&contest), ["contest@office.example"]);
    assert!(text(&week[0]).contains("2022年职业教育活动周"));
    assert!(text(&contest[0]).contains("2022年技能大赛"));
    let mails = |campaign| house.says(&["--campaign", campaign, "mails", "--jsonl"]);
    assert!(mails(WEEK).contains("w@example.cn") && !mails(WEEK).contains("感谢信"));
    assert!(mails(CONTEST).contains("c@example.cn") && mails(CONTEST).contains("感谢信"));
    assert_eq!(dandong(&house, WEEK), (3, 1));
    assert_eq!(dandong(&house, CONTEST), (1, 1));
    for campaign in [WEEK, CONTEST] {
        assert!(house.data().join(campaign).join("baosong.db").exists());
    }
    assert!(!house.data().join("baosong.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_database_is_damaged_stops_no_other() {
    let house = house("").await;
    let broken = house.data().join(CONTEST);
    std::fs::create_dir_all(&broken).unwrap();
    std::fs::write(broken.join("baosong.db"), [7; 8192]).unwrap();
    let daemon = house.daemon("2022-05-24T10:31:00+08:00");
    until("the digest of the other", || {
        !house.week.accepted().is_empty()
    })
    .await;
    let health = house.run(&["--at", "2022-05-24T10:32:00+08:00", "health"]);
    let wrong = String::from_utf8_lossy(&health.stderr).into_owned();
    assert_eq!(health.status.code(), Some(1));
    assert!(wrong.contains(CONTEST) && !wrong.contains(WEEK), "{wrong}");
    assert_eq!(recipients(&house.contest.accepted()), Vec::<String>::new());
    stop(daemon);
}

/// Status and text of a page.
fn asked(url: &str) -> (u16, String) {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent();
    let mut answer = agent.get(url).call().unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_page_tells_of_all_and_names_the_one_that_is_wrong() {
    let house = house("[watch]\nlisten = \"127.0.0.1:0\"").await;
    let broken = house.data().join(CONTEST);
    std::fs::create_dir_all(&broken).unwrap();
    std::fs::write(broken.join("baosong.db"), [7; 8192]).unwrap();
    let log = house.dir.path().join("log");
    let mut command = house.command(&["--at", "2022-05-24T10:31:00+08:00", "run"]);
    let to = std::fs::File::create(&log).unwrap();
    let daemon = command.env("BAOSONG_LOG", "info").stderr(to).spawn();
    until("the digest of the other", || {
        !house.week.accepted().is_empty()
    })
    .await;
    let told = std::fs::read_to_string(&log).unwrap();
    let line = told.lines().find(|line| line.contains("answering"));
    let line: Value = serde_json::from_str(line.unwrap()).unwrap();
    let judged = told.lines().find(|line| line.contains("letter sent"));
    let judged: Value = serde_json::from_str(judged.unwrap()).unwrap();
    assert_eq!(judged["span"]["campaign"], WEEK);
    let page = |name: &str| format!("http://{}/{name}", line["at"].as_str().unwrap());
    until("only one is wrong", || {
        let (status, text) = asked(&page("healthz"));
        status == 503 && text.lines().all(|line| line.starts_with(CONTEST))
    })
    .await;
    let (status, metrics) = asked(&page("metrics"));
    assert_eq!(status, 200);
    for (campaign, usable) in [(WEEK, 1), (CONTEST, 0)] {
        let line = format!("baosong_database_usable{{campaign=\"{campaign}\"}} {usable}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    stop(daemon.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_begin_stops_no_other() {
    let house = house("").await;
    let held = baosong::store::Lock::take(&house.data().join(CONTEST)).unwrap();
    let daemon = house.daemon("2022-05-24T10:31:00+08:00");
    until("the digest of the other", || {
        !house.week.accepted().is_empty()
    })
    .await;
    assert_eq!(recipients(&house.contest.accepted()), Vec::<String>::new());
    stop(daemon);
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_pass_of_each_that_sends_by_one_account_stays_within_its_pace() {
    let house = house("").await;
    let settings = house.dir.path().join("baosong.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let (port, other) = (house.week.smtp_port(), house.contest.smtp_port());
    let text = text.replace(
        &format!("user = \"contest@163.com\"\nport = {other}"),
        &format!("user = \"week@163.com\"\nport = {port}"),
    );
    std::fs::write(&settings, text).unwrap();
    let at = "2022-05-30T11:05:00+08:00";
    house.says(&["--at", at, "once"]);
    let letters = house.week.accepted();
    assert_eq!(letters.len(), 4, "{:?}", recipients(&letters));
    let to = recipients(&letters);
    let of = |end: &str| to.iter().filter(|to| to.ends_with(end)).count();
    assert_eq!((of("@office.example"), of("@city.example")), (2, 1));
    assert_eq!(of("@contest.example"), 1);
    assert!(house.contest.accepted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_do_all_or_the_chosen_one_and_ask_where_they_cannot() {
    let house = house("").await;
    house
        .week
        .deliver("INBOX", &report("w", "丹东市教育局", 23), may(24, 8, 10));
    let at = "2022-05-24T10:00:00+08:00";
    house.says(&["--at", at, "once"]);
    let asked = house.run(&["mails"]);
    let wrong = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert_eq!(asked.status.code(), Some(2));
    assert!(wrong.contains(&format!("{WEEK}, {CONTEST}")), "{wrong}");
    let unknown = house.run(&["--campaign", "运动会", "mails"]);
    assert_eq!(unknown.status.code(), Some(2));
    for verb in ["check", "verify"] {
        let said = house.says(&[verb]);
        assert!(said.contains(WEEK) && said.contains(CONTEST), "{said}");
    }

    let backup = house.dir.path().join("backup");
    let backup = backup.to_str().unwrap();
    house.says(&["backup", backup]);
    let restored = house.dir.path().join("restored");
    let restore = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baosong"));
        command
            .arg("--config")
            .arg(house.dir.path().join("baosong.toml"));
        command.arg("--data").arg(&restored).args(arguments);
        command.output().unwrap()
    };
    assert_eq!(restore(&["restore", backup]).status.code(), Some(2));
    let done = restore(&["--campaign", WEEK, "restore", backup]);
    assert!(done.status.success());
    let mails = restore(&["--campaign", WEEK, "mails", "--jsonl"]);
    assert!(String::from_utf8_lossy(&mails.stdout).contains("w@example.cn"));
    assert!(!Path::new(&restored).join(CONTEST).exists());
}
