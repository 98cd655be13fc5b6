//! What crosses a crash: the process is killed while it takes mails in, and started again.

mod support;

use baosong::attribution::Outcome;
use baosong::daemon::Daemon;
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;
use std::collections::HashSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use support::mail::{large, may, report};
use support::settings::{CODE, USER, settings};
use support::standin::{SmtpFault, Standin};

const MAILS: u32 = 300;
const KILLS: u32 = 25;

fn once(dir: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_baosong"))
        .args(["--config", dir.join("settings.toml").to_str().unwrap()])
        .args(["--data", dir.join("data").to_str().unwrap()])
        .args(["--at", "2022-05-24T09:00:00+08:00", "once"])
        .env("BAOSONG_LOG", "error")
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn output(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_baosong"))
        .args(["--data", dir.join("data").to_str().unwrap()])
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Kills the pass after a time that grows from kill to kill, so that every stage of it is met.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_intake_loses_no_mail_and_keeps_none_twice() {
    let dir = tempfile::tempdir().unwrap();
    let server = Standin::start("lnzjhdz@163.com", "code").await;
    for n in 0..MAILS {
        let day = 23 + n % 7;
        let raw = if n % 60 == 7 {
            large(&format!("m{n}"), "丹东市教育局", day, 5 << 20)
        } else {
            report(&format!("m{n}"), "丹东市教育局", day)
        };
        server.deliver("INBOX", &raw, may(24, n / 60, n % 60));
    }
    std::fs::write(dir.path().join("code"), "code").unwrap();
    let code = dir.path().join("code");
    let settings = format!(
        "[mailbox]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\npassword_file = {code:?}\n[outgoing]\ntransport = \"files\"\n[alarms]\nleast_free_megabytes = 0\n",
        server.imap_port()
    );
    std::fs::write(dir.path().join("settings.toml"), settings).unwrap();

    let whole = Instant::now();
    let mut killed = 0;
    for n in 1..=KILLS {
        let mut pass = once(dir.path());
        let until = Instant::now() + Duration::from_millis(20) * n;
        while Instant::now() < until && pass.try_wait().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        killed += u32::from(pass.try_wait().unwrap().is_none());
        let _ = pass.kill();
        pass.wait().unwrap();
    }
    assert!(
        killed >= 3,
        "only {killed} passes were cut off in {:?}",
        whole.elapsed()
    );
    assert!(once(dir.path()).wait().unwrap().success());

    let lines = output(dir.path(), &["mails", "--jsonl"]);
    let mails: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: HashSet<&str> = mails
        .iter()
        .filter_map(|mail| mail["message_id"].as_str())
        .collect();
    assert_eq!((mails.len(), ids.len()), (MAILS as usize, MAILS as usize));
    assert!(mails.iter().all(|mail| mail["outcome"] == "reports"));
    every_blob_is_what_its_name_says(&dir.path().join("data/blobs"));
    assert_eq!(
        std::fs::read_dir(dir.path().join("data/spool"))
            .unwrap()
            .count(),
        0
    );
}

fn every_blob_is_what_its_name_says(root: &Path) {
    let mut blobs = 0;
    for dir in std::fs::read_dir(root).unwrap() {
        for blob in std::fs::read_dir(dir.unwrap().path()).unwrap() {
            let path = blob.unwrap().path();
            assert_eq!(
                baosong::store::hash_file(&path).unwrap(),
                path.file_name().unwrap().to_str().unwrap()
            );
            blobs += 1;
        }
    }
    assert!(blobs > 0, "small mails that came together lie in packs");
}

fn sending(dir: &Path, at: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_baosong"))
        .args(["--config", dir.join("settings.toml").to_str().unwrap()])
        .args(["--data", dir.join("data").to_str().unwrap()])
        .args(["--at", at, "once"])
        .env("BAOSONG_LOG", "error")
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The process is killed while the server keeps silent at `step`, then started again. Gives the Message-IDs of the
/// letters that the server took.
async fn killed_at(step: SmtpFault, heard: &str, keeps_sent: bool) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let server = Standin::start("lnzjhdz@163.com", "code").await;
    if keeps_sent {
        server.keep_sent();
    }
    std::fs::write(dir.path().join("code"), "code").unwrap();
    let code = dir.path().join("code");
    let settings = format!(
        "[mailbox]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\npassword_file = {code:?}\n\
         [outgoing]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\npassword_file = {code:?}\nreminders = false\n\
         [staff]\ndigest_to = [\"office@example.cn\"]\n[alarms]\nleast_free_megabytes = 0\n",
        server.imap_port(),
        server.smtp_port()
    );
    std::fs::write(dir.path().join("settings.toml"), settings).unwrap();
    server.misbehave_smtp(step);
    let mut pass = sending(dir.path(), "2022-05-24T10:30:00+08:00");
    let until = Instant::now() + Duration::from_secs(60);
    while !server.smtp_commands().iter().any(|verb| verb == heard) {
        assert!(Instant::now() < until, "the server never heard {heard}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    pass.kill().unwrap();
    pass.wait().unwrap();
    for at in ["2022-05-24T10:33:00+08:00", "2022-05-24T11:33:00+08:00"] {
        assert!(sending(dir.path(), at).wait().unwrap().success());
    }
    let letters = server.accepted().into_iter();
    let id = |letter: support::standin::Accepted| {
        let text = String::from_utf8_lossy(&letter.data).into_owned();
        let line = text
            .lines()
            .find(|line| line.to_lowercase().starts_with("message-id:"))
            .unwrap();
        line.to_owned()
    };
    letters.map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_whose_sender_is_killed_at_any_step_goes_out_once() {
    for step in ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."] {
        let ids = killed_at(SmtpFault::SilentAt(step), step, false).await;
        assert_eq!(ids.len(), 1, "killed at {step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_whose_250_is_not_heard_is_repeated_under_its_message_id_or_found_in_the_sent_folder()
 {
    let ids = killed_at(SmtpFault::SilentAfterDot, ".", false).await;
    assert_eq!(
        ids.len(),
        2,
        "where nothing tells that it was taken, it goes out again"
    );
    assert_eq!(ids[0], ids[1]);
    let ids = killed_at(SmtpFault::SilentAfterDot, ".", true).await;
    assert_eq!(ids.len(), 1, "the Sent folder tells");
}

/// Every step of keeping, judging and sending at which a process may die.
const STEPS: [&str; 13] = [
    "staged",
    "flushed",
    "named",
    "durable",
    "rows written",
    "rows committed",
    "judged",
    "verdicts committed",
    "decided",
    "composed",
    "attempted",
    "handed over",
    "ended",
];
/// Met where a later mail is judged already: otherwise a row is written with its verdict.
const STEPS_OF_JUDGING_AGAIN: [&str; 2] = ["judged", "verdicts committed"];
const STEP: &str = "BAOSONG_TEST_DIES_AT";

/// The daemon of a test that another has started in a process of its own.
fn daemon_of_the_environment() -> Daemon {
    let setting = |name: &str| std::env::var(name).unwrap();
    let port = |name: &str| setting(name).parse().unwrap();
    let dir = PathBuf::from(setting("BAOSONG_TEST_DIR"));
    let ports = (port("BAOSONG_TEST_IMAP"), port("BAOSONG_TEST_SMTP"));
    let mut daemon = Daemon::open(settings(ports, &dir), &dir.join("data")).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    daemon
}

/// A pass as the next test starts it: in a process of its own, which dies at a step.
#[tokio::test]
#[ignore = "started by a_process_that_dies_at_any_step_loses_and_doubles_nothing"]
async fn a_pass_that_dies() {
    let mut daemon = daemon_of_the_environment();
    if let Ok(step) = std::env::var(STEP) {
        let kill = || kill_process(getpid(), Signal::KILL).unwrap();
        fail::cfg_callback(step, kill).unwrap();
    }
    daemon.pass(may(24, 10, 30)).await.unwrap();
}

fn pass_in_a_process(dir: &Path, server: &Standin, step: Option<&str>) -> ExitStatus {
    let (imap, smtp) = server.ports();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_pass_that_dies", "--ignored"])
        .env("BAOSONG_TEST_DIR", dir)
        .env("BAOSONG_TEST_IMAP", imap.to_string())
        .env("BAOSONG_TEST_SMTP", smtp.to_string())
        .envs(step.map(|step| (STEP, step)))
        .stdout(Stdio::null())
        .status()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_at_any_step_loses_and_doubles_nothing() {
    for step in STEPS {
        let dir = tempfile::tempdir().unwrap();
        let server = Standin::start(USER, CODE).await;
        for n in 0..3 {
            let raw = large(&format!("m{n}"), "丹东市教育局", 23, 1000);
            server.deliver("INBOX", &raw, may(24, 8, n));
        }
        let again = STEPS_OF_JUDGING_AGAIN.contains(&step);
        if again {
            later_mail_is_judged(dir.path(), &server);
        }
        let died = pass_in_a_process(dir.path(), &server, Some(step));
        assert_eq!(died.signal(), Some(9), "the pass never came to: {step}");
        for _ in 0..2 {
            assert!(
                pass_in_a_process(dir.path(), &server, None).success(),
                "{step}"
            );
        }

        let data = dir.path().join("data");
        let daemon = Daemon::look(settings(server.ports(), dir.path()), &data).unwrap();
        let mails = daemon.store.mails(None).unwrap();
        assert_eq!(mails.len(), 3 + usize::from(again), "{step}");
        assert!(
            mails
                .iter()
                .all(|mail| mail.outcome == Some(Outcome::Reports)),
            "{step}"
        );
        assert_eq!(
            daemon.verify().unwrap().faults,
            Vec::<String>::new(),
            "{step}"
        );
        let unexplained = daemon
            .store
            .ledger()
            .unwrap()
            .iter()
            .map(|line| line.unexplained())
            .sum::<i64>();
        assert_eq!(unexplained, 0, "{step}");
        let taken = server.accepted().len();
        // The server took it, and the process died before it could note so: only then it leaves again.
        assert_eq!(taken, if step == "handed over" { 2 } else { 1 }, "{step}");
    }
}

/// One that arrived after those on the server, and from elsewhere.
fn later_mail_is_judged(dir: &Path, server: &Standin) {
    let mail = String::from_utf8(large("later", "丹东市教育局", 24, 1000)).unwrap();
    let received = "Received: from a by b; Tue, 24 May 2022 09:00:00 +0800\r\n";
    let file = dir.join("later.eml");
    std::fs::write(&file, format!("{received}{mail}")).unwrap();
    let mut daemon = Daemon::open(settings(server.ports(), dir), &dir.join("data")).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    assert_eq!(daemon.import(&[file]).unwrap().new, 1);
}

/// A panic in the process, not a kill: set for all that run in it, so this test stands alone in its own process.
#[tokio::test]
#[ignore = "started by a_reading_that_breaks_off_is_no_poll_and_its_mails_come_again"]
async fn a_reading_that_breaks_off() {
    let mut daemon = daemon_of_the_environment();
    fail::cfg("reading", "panic").unwrap();
    let error = daemon.pass(may(24, 10, 30)).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("reading broke off"),
        "{error:#}"
    );
    assert_eq!(daemon.store.polled_at().unwrap(), None);
    fail::remove("reading");
    daemon.pass(may(24, 10, 33)).await.unwrap();
    assert_eq!(daemon.store.mails(None).unwrap().len(), 3);
    assert_eq!(daemon.store.polled_at().unwrap(), Some(may(24, 10, 33)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_breaks_off_is_no_poll_and_its_mails_come_again() {
    let (server, dir) = (
        Standin::start(USER, CODE).await,
        tempfile::tempdir().unwrap(),
    );
    for n in 0..3 {
        let mail = report(&format!("m{n}"), "丹东市教育局", 23);
        server.deliver("INBOX", &mail, may(24, 8, 10 + n));
    }
    let (imap, smtp) = server.ports();
    let ended = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_reading_that_breaks_off",
            "--ignored",
            "--nocapture",
        ])
        .env("BAOSONG_TEST_DIR", dir.path())
        .env("BAOSONG_TEST_IMAP", imap.to_string())
        .env("BAOSONG_TEST_SMTP", smtp.to_string())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{words}");
}
