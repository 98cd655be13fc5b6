//! What crosses a crash: the process is killed while it takes mails in, and started again.

mod support;

use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::mail::{large, may, report};
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
    assert!(blobs >= MAILS);
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
