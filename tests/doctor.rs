//! `doctor` against the stand-in: each fault of the way to the mailbox and back is told by its own line and remedy.

mod support;

use baosong::attribution::Outcome;
use baosong::config::{Config, Tls, Transport};
use baosong::daemon::Daemon;
use baosong::daemon::doctor::{Doctor, Finding, Item, State, Wait};
use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::Value;
use std::process::{Command, Output};
use std::time::Duration;
use support::mail::{may, report};
use support::settings::{CODE, USER, settings};
use support::standin::{Flaw, ImapFault, SmtpFault, Standin};
use tempfile::TempDir;

const SPAM: &str = "&V4NXPpCuTvY-";
/// A letter that is brought back is there at once; one that is not is looked for twice.
const WAIT: Wait = Wait {
    at_most: Duration::from_millis(100),
    every: Duration::from_millis(50),
};

struct House {
    server: Standin,
    config: Config,
    dir: TempDir,
}

async fn house() -> House {
    under(Standin::start(USER, CODE).await, Tls::None)
}

/// A mailbox with a mail of long ago, which letters to itself reach.
fn under(server: Standin, tls: Tls) -> House {
    let dir = tempfile::tempdir().unwrap();
    let mut config = settings(server.ports(), dir.path());
    (config.mailbox.tls, config.outgoing.tls) = (tls, tls);
    if tls != Tls::None {
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, server.ca_pem()).unwrap();
        config.mailbox.ca_file = Some(ca.clone());
        config.outgoing.ca_file = Some(ca);
    }
    server.deliver("INBOX", &report("a", "丹东市教育局", 23), long_ago());
    server.bring_back("INBOX", TimeDelta::zero());
    House {
        server,
        config,
        dir,
    }
}

fn long_ago() -> DateTime<FixedOffset> {
    may(24, 8, 10) - TimeDelta::days(60)
}

impl House {
    async fn network(&self, wait: Option<Wait>) -> Vec<Finding> {
        let (data, mut findings) = (self.dir.path().join("data"), Vec::new());
        let doctor = Doctor::new(self.config.clone(), &data, may(24, 11, 0));
        let mut tell = |finding| findings.push(finding);
        doctor.network(wait, &mut tell).await.unwrap();
        findings
    }

    async fn examined(&self) -> Vec<Finding> {
        self.network(Some(WAIT)).await
    }
}

fn of(findings: &[Finding], item: Item) -> &Finding {
    let mut all = findings.iter().filter(|finding| finding.item == item);
    let one = all.next().unwrap_or_else(|| panic!("{item:?} is told"));
    assert!(all.next().is_none(), "{item:?} is told once");
    one
}

fn state(findings: &[Finding], item: Item) -> State {
    of(findings, item).state
}

fn remedy(findings: &[Finding], item: Item) -> String {
    let remedy = of(findings, item).remedy.clone();
    remedy.map(|words| words.zh + &words.en).unwrap_or_default()
}

/// Every item of the network, told once and in order.
fn assert_whole(findings: &[Finding]) {
    let items: Vec<Item> = findings.iter().map(|finding| finding.item).collect();
    let begin = Item::ALL.iter().position(|item| *item == Item::ImapHost);
    assert_eq!(items, Item::ALL[begin.unwrap()..]);
}

#[tokio::test]
async fn where_everything_works_everything_is_ok_and_the_mailbox_stays_as_it_was() {
    let house = house().await;
    let findings = house.examined().await;
    assert_whole(&findings);
    for finding in &findings {
        assert_eq!(finding.state, State::Ok, "{finding:?}");
    }
    assert_eq!(house.server.changes(), 0);
    assert!(
        house
            .server
            .mails("INBOX")
            .iter()
            .all(|mail| mail.flags.is_empty())
    );
    assert_eq!(house.server.accepted().len(), 1);
}

#[tokio::test]
async fn without_a_letter_none_is_sent_and_the_clock_is_not_tried() {
    let house = house().await;
    let findings = house.network(None).await;
    assert_whole(&findings);
    for item in [Item::Letter, Item::Arrival, Item::Clock] {
        assert_eq!(state(&findings, item), State::NotTried);
    }
    assert_eq!(state(&findings, Item::SmtpLogin), State::Ok);
    assert!(house.server.accepted().is_empty());
}

#[tokio::test]
async fn a_good_certificate_is_trusted_and_says_until_when() {
    let house = under(Standin::start_tls(USER, CODE).await, Tls::Implicit);
    let findings = house.examined().await;
    for item in [Item::ImapConnection, Item::SmtpConnection, Item::Arrival] {
        assert_eq!(state(&findings, item), State::Ok);
    }
    let told = &of(&findings, Item::ImapConnection).what.en;
    assert!(told.contains("more days (until 4096-01-01)"), "{told}");
}

#[tokio::test]
async fn a_certificate_that_is_not_to_be_trusted_is_told_by_its_flaw_and_gets_no_code() {
    for (flaw, told, remedy_of) in [
        (Flaw::Expired, "2021-01-01", "时钟"),
        (Flaw::OtherHost, "imap.example.cn", "host"),
        (Flaw::None, "nobody whom we trust", "ca_file"),
    ] {
        let mut house = under(
            Standin::start_tls_with(USER, CODE, flaw).await,
            Tls::Implicit,
        );
        if flaw == Flaw::None {
            (house.config.mailbox.ca_file, house.config.outgoing.ca_file) = (None, None);
        }
        let findings = house.examined().await;
        assert_whole(&findings);
        for item in [Item::ImapConnection, Item::SmtpConnection] {
            let what = &of(&findings, item).what.en;
            assert_eq!(state(&findings, item), State::Wrong, "{what}");
            assert!(what.contains(told), "{flaw:?}: {what}");
            assert!(remedy(&findings, item).contains(remedy_of), "{flaw:?}");
        }
        for item in [
            Item::ImapLogin,
            Item::Folders,
            Item::Window,
            Item::SmtpLogin,
            Item::Letter,
        ] {
            assert_eq!(state(&findings, item), State::NotTried, "{flaw:?} {item:?}");
        }
        assert!(house.server.commands().is_empty(), "no command, no code");
        assert!(house.server.smtp_commands().is_empty());
    }
}

#[tokio::test]
async fn a_host_that_is_not_found_and_a_port_that_is_shut_are_told_apart() {
    let mut house = house().await;
    house.config.mailbox.host = "imap.invalid".into();
    let shut = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    house.config.outgoing.port = shut.local_addr().unwrap().port();
    drop(shut);
    let findings = house.examined().await;
    assert_whole(&findings);
    assert_eq!(state(&findings, Item::ImapHost), State::Wrong);
    assert_eq!(state(&findings, Item::ImapConnection), State::NotTried);
    assert_eq!(state(&findings, Item::SmtpHost), State::Ok);
    assert_eq!(state(&findings, Item::SmtpConnection), State::Wrong);
}

#[tokio::test]
async fn a_refused_code_is_told_with_where_to_make_another() {
    let house = house().await;
    std::fs::write(house.dir.path().join("code"), "WRONGWRONGWRONGW").unwrap();
    let findings = house.examined().await;
    assert_whole(&findings);
    for item in [Item::ImapLogin, Item::SmtpLogin] {
        assert_eq!(state(&findings, item), State::Wrong);
        assert!(remedy(&findings, item).contains("新建授权码"));
    }
    assert_eq!(state(&findings, Item::Window), State::NotTried);
    let shown = format!("{findings:?}");
    assert!(!shown.contains("WRONGWRONG"), "a code is never shown");
}

#[tokio::test]
async fn a_missing_code_leaves_the_login_untried() {
    let house = house().await;
    std::fs::remove_file(house.dir.path().join("code")).unwrap();
    let findings = house.examined().await;
    assert_whole(&findings);
    let login = of(&findings, Item::ImapLogin);
    assert_eq!(login.state, State::NotTried);
    assert!(login.what.en.contains("mailbox.password_file"), "{login:?}");
}

#[tokio::test]
async fn an_unsafe_login_is_told_apart_from_a_refused_code() {
    for fault in [ImapFault::UnsafeLogin, ImapFault::RefuseId("BAD")] {
        let house = house().await;
        house.server.misbehave(fault);
        let findings = house.examined().await;
        assert_whole(&findings);
        let login = of(&findings, Item::ImapLogin);
        assert_eq!(login.state, State::Wrong);
        assert!(login.what.en.contains("the code is right"), "{login:?}");
        assert!(remedy(&findings, Item::ImapLogin).contains("一次被阻止的收信行为"));
        assert_eq!(state(&findings, Item::Folders), State::Wrong);
        assert_eq!(state(&findings, Item::Letter), State::NotTried);
        assert!(
            house.server.accepted().is_empty(),
            "it could not be found again"
        );
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_ends_the_examination_in_time() {
    for fault in [
        ImapFault::NoGreeting,
        ImapFault::SilentAt("LOGIN"),
        ImapFault::SilentAt("LIST"),
        ImapFault::SilentAt("UID SEARCH"),
    ] {
        let house = house().await;
        // The first connection only asks for TCP and TLS; the greeting of the second stays away.
        if fault == ImapFault::NoGreeting {
            house.server.misbehave(ImapFault::NoGreeting);
        }
        house.server.misbehave(fault.clone());
        let findings = house.examined().await;
        assert_whole(&findings);
        assert_eq!(state(&findings, Item::ImapLogin), State::Wrong, "{fault:?}");
    }
    let house = house().await;
    house.server.misbehave_smtp(SmtpFault::SilentAt("AUTH"));
    let findings = house.examined().await;
    assert_whole(&findings);
    assert_eq!(state(&findings, Item::SmtpLogin), State::Wrong);
}

#[tokio::test]
async fn folders_are_told_with_their_counts_and_one_that_stays_shut_with_its_name() {
    let house = house().await;
    let spam = report("b", "丹东市教育局", 23);
    house.server.deliver(SPAM, &spam, may(24, 8, 0));
    let findings = house.examined().await;
    let told = &of(&findings, Item::Folders).what.zh;
    let (watched, others) = told.split_once("；不收取：").unwrap();
    assert!(
        watched.contains("INBOX 1") && watched.contains("垃圾邮件 1"),
        "{told}"
    );
    assert!(others.contains("已发送 0"), "{told}");
    house
        .server
        .misbehave(ImapFault::RefuseExamine(SPAM.into()));
    let findings = house.examined().await;
    let folders = of(&findings, Item::Folders);
    assert_eq!(folders.state, State::Warning);
    assert!(
        folders
            .what
            .zh
            .contains("打不开：垃圾邮件（EXAMINE refused）"),
        "{folders:?}"
    );
    assert_eq!(state(&findings, Item::Arrival), State::Ok);
}

#[tokio::test]
async fn a_folder_that_the_settings_name_and_the_mailbox_lacks_is_wrong() {
    let mut house = house().await;
    house.config.mailbox.folders = Some(vec!["INBOX".into(), "报送".into()]);
    let findings = house.examined().await;
    assert_eq!(state(&findings, Item::Folders), State::Wrong);
    assert!(of(&findings, Item::Folders).what.en.contains("报送"));
}

#[tokio::test]
async fn mails_that_vanish_from_inbox_as_they_grow_old_are_told_with_the_remedy() {
    let house = house().await;
    let old = house.server.mails("INBOX")[0].uid;
    let raw = report("b", "丹东市教育局", 23);
    house.server.deliver("INBOX", &raw, may(24, 9, 0));
    let data = house.dir.path().join("data");
    let mut daemon = Daemon::open(house.config.clone(), &data).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    daemon.poll(may(24, 10, 0)).await.unwrap();
    drop(daemon);
    house.server.remove("INBOX", old);
    let mut doctor = Doctor::new(house.config.clone(), &data, may(24, 11, 0));
    doctor.read_in(env!("CARGO_BIN_EXE_baosong").into());
    let mut findings = Vec::new();
    let mut tell = |finding| findings.push(finding);
    doctor.machine(None, true, &mut tell).unwrap();
    doctor.network(None, &mut tell).await.unwrap();
    let window = of(&findings, Item::Window);
    assert_eq!(window.state, State::Warning);
    assert!(window.what.en.contains("2022-03-25"), "{window:?}");
    assert!(remedy(&findings, Item::Window).contains("收取全部邮件"));
    let items: Vec<Item> = findings.iter().map(|finding| finding.item).collect();
    let not_set = [Item::RobotUrl, Item::StorageKey];
    let expected = Item::ALL.iter().filter(|item| !not_set.contains(item));
    assert_eq!(items, expected.copied().collect::<Vec<_>>());
    assert!(
        of(&findings, Item::Database)
            .what
            .en
            .contains("2 mails kept")
    );
}

#[tokio::test]
async fn beside_a_running_daemon_its_database_is_looked_through_and_nothing_is_left_there() {
    let house = house().await;
    let data = house.dir.path().join("data");
    let mut daemon = Daemon::open(house.config.clone(), &data).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    daemon.poll(may(24, 10, 0)).await.unwrap();
    let names = || {
        let entries = std::fs::read_dir(&data).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let before = names();
    let mut doctor = Doctor::new(house.config.clone(), &data, may(24, 11, 0));
    doctor.read_in(env!("CARGO_BIN_EXE_baosong").into());
    let mut findings = Vec::new();
    doctor
        .machine(None, true, &mut |finding| findings.push(finding))
        .unwrap();
    assert_eq!(of(&findings, Item::Daemon).what.zh, "正在运行");
    assert!(
        of(&findings, Item::Database)
            .what
            .en
            .contains("1 mails kept")
    );
    for item in [Item::Database, Item::DataDir, Item::Disk, Item::Reader] {
        assert_eq!(state(&findings, item), State::Ok);
    }
    assert_eq!(names(), before);
    assert_eq!(
        daemon.poll(may(24, 10, 3)).await.unwrap(),
        0,
        "the daemon goes on"
    );
}

#[tokio::test]
async fn a_letter_that_the_server_refuses_is_wrong_and_not_waited_for() {
    let house = house().await;
    house
        .server
        .misbehave_smtp(SmtpFault::Answer(".", "554 DT:SPM"));
    let findings = house.examined().await;
    assert_whole(&findings);
    let letter = of(&findings, Item::Letter);
    assert_eq!(letter.state, State::Wrong);
    assert!(letter.what.en.contains("554"), "{letter:?}");
    assert_eq!(state(&findings, Item::Arrival), State::NotTried);
}

#[tokio::test]
async fn a_letter_that_never_arrives_is_wrong_after_its_time() {
    let house = house().await;
    house.server.bring_back("&XfJT0ZAB-", TimeDelta::zero());
    let findings = house.examined().await;
    assert_whole(&findings);
    assert_eq!(state(&findings, Item::Letter), State::Ok);
    assert_eq!(state(&findings, Item::Arrival), State::Wrong);
    assert_eq!(state(&findings, Item::Clock), State::NotTried);
}

#[tokio::test]
async fn a_letter_that_lands_in_the_spam_folder_is_a_warning() {
    let house = house().await;
    house.server.bring_back(SPAM, TimeDelta::zero());
    let findings = house.examined().await;
    let arrival = of(&findings, Item::Arrival);
    assert_eq!(arrival.state, State::Warning);
    assert!(arrival.what.zh.contains("垃圾邮件"), "{arrival:?}");
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_by_how_much() {
    for (ahead, expected, told) in [
        (TimeDelta::minutes(2), State::Warning, "behind"),
        (TimeDelta::minutes(-2), State::Warning, "ahead"),
        (TimeDelta::hours(8), State::Wrong, "behind"),
    ] {
        let house = house().await;
        house.server.bring_back("INBOX", ahead);
        let findings = house.examined().await;
        let clock = of(&findings, Item::Clock);
        assert_eq!(clock.state, expected, "{clock:?}");
        assert!(clock.what.en.contains(told), "{clock:?}");
        assert!(remedy(&findings, Item::Clock).contains("timedatectl"));
    }
}

#[tokio::test]
async fn the_daemon_takes_its_own_letter_neither_for_a_report_nor_for_a_case_of_review() {
    let mut house = house().await;
    // Even where the mailbox were among staff, whose letters are read for instructions, and receipts were on.
    house.config.staff.digest_to.push(USER.into());
    house.config.outgoing.receipts = true;
    let findings = house.examined().await;
    assert_eq!(state(&findings, Item::Arrival), State::Ok);
    let letter = house.server.accepted()[0].data.clone();
    // As it would be if a server on the way dropped what says that a machine wrote it.
    let text = String::from_utf8(letter).unwrap();
    let bare = text.replace("Auto-Submitted: auto-generated\r\n", "");
    assert_ne!(bare, text);
    house
        .server
        .deliver("INBOX", bare.as_bytes(), may(24, 10, 0));
    let data = house.dir.path().join("data");
    let mut daemon = Daemon::open(house.config.clone(), &data).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    daemon.poll(may(24, 10, 1)).await.unwrap();
    daemon.judge().unwrap();
    daemon.carry_out_replies(may(24, 10, 1)).unwrap();
    daemon.decide(may(24, 10, 1)).unwrap();
    let mails = daemon.store.mails(None).unwrap();
    let own: Vec<_> = mails.iter().filter(|mail| mail.from == USER).collect();
    assert_eq!(own.len(), 2);
    for mail in own {
        assert_eq!(mail.outcome, Some(Outcome::NotReport));
        assert_eq!(mail.reason, "本系统的自检信");
    }
    assert_eq!(daemon.store.ledger().unwrap()[0].unexplained(), 0);
    assert!(daemon.store.letters_due(may(24, 23, 0)).unwrap().is_empty());
}

#[tokio::test]
async fn with_letters_as_files_no_server_is_asked_to_send() {
    let mut house = house().await;
    house.config.outgoing.transport = Transport::Files;
    let findings = house.examined().await;
    assert_whole(&findings);
    for item in [Item::SmtpHost, Item::SmtpLogin, Item::Letter, Item::Clock] {
        assert_eq!(state(&findings, item), State::NotTried);
    }
    assert!(house.server.smtp_commands().is_empty());
}

fn baosong(arguments: &[&str], lang: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baosong"));
    command.args(arguments).env("BAOSONG_LOG", "error");
    command
        .env("LC_ALL", "")
        .env("LC_MESSAGES", "")
        .env("LANG", lang);
    command.output().unwrap()
}

fn settings_file(house: &House, code: &str) -> String {
    let dir = house.dir.path();
    let (imap, smtp) = house.server.ports();
    let (file, code) = (dir.join("baosong.toml"), dir.join(code));
    let text = format!(
        "data_dir = {:?}\n[mailbox]\nhost = \"127.0.0.1\"\nport = {imap}\ntls = \"none\"\npassword_file = {code:?}\n\
         [outgoing]\nhost = \"127.0.0.1\"\nport = {smtp}\ntls = \"none\"\npassword_file = {code:?}\n\
         [alarms]\nleast_free_megabytes = 0\n",
        dir.join("data")
    );
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verb_ends_with_0_where_nothing_is_wrong_and_its_json_has_every_item() {
    let house = house().await;
    let file = settings_file(&house, "code");
    let output = baosong(
        &["--config", &file, "doctor", "--json", "--lang", "zh"],
        "C",
    );
    let page: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{page}");
    let findings = page["findings"].as_array().unwrap();
    assert_eq!(
        findings.len(),
        Item::ALL.len() - 2,
        "no robot and no storage are set"
    );
    for finding in findings {
        let keys: Vec<&String> = finding.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["id", "mailbox", "remedy", "state", "what"]);
    }
    let of = |id: &str| findings.iter().find(|finding| finding["id"] == id).unwrap();
    assert_eq!(of("arrival")["state"], "ok");
    assert_eq!(of("staff")["state"], "warning");
    assert!(of("staff")["remedy"].as_str().unwrap().contains("填写"));
    assert!(of("smtp_login")["remedy"].is_null());
    assert!(chrono::DateTime::parse_from_rfc3339(page["at"].as_str().unwrap()).is_ok());
    assert!(!house.dir.path().join("data").exists(), "nothing is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verb_ends_with_1_where_something_is_wrong_and_speaks_the_language_of_the_locale() {
    let house = house().await;
    let file = settings_file(&house, "no-code");
    let output = baosong(&["--config", &file, "doctor"], "zh_CN.UTF-8");
    let page = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{page}");
    assert!(page.contains("有误  收信授权码"), "{page}");
    assert!(page.contains("未查  收信登录"), "{page}");
    let english = baosong(&["--config", &file, "check"], "en_US.UTF-8");
    let page = String::from_utf8(english.stdout).unwrap();
    assert_eq!(
        english.status.code(),
        Some(0),
        "not needed without network: {page}"
    );
    assert!(page.contains("warning    mailbox code"), "{page}");
    assert!(!page.contains("IMAP login"), "{page}");
}

#[test]
fn settings_that_cannot_be_used_end_with_2_and_are_a_finding_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("baosong.toml");
    std::fs::write(&file, "[mailbox]\nhots = \"x\"\n").unwrap();
    let arguments = ["--config", file.to_str().unwrap(), "doctor", "--json"];
    let output = baosong(&arguments, "C");
    assert_eq!(output.status.code(), Some(2));
    let page: Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &page["findings"][0];
    assert_eq!(
        (&finding["id"], &finding["state"]),
        (&"settings".into(), &"wrong".into())
    );
    assert!(finding["what"].as_str().unwrap().contains("hots"));
}
