//! The binary as a stranger meets it: verbs, exit codes, errors that name file, key and remedy.

mod support;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::mail::{may, plain, report};
use support::standin::Standin;

fn baosong(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_baosong"))
        .args(["--data", dir.join("data").to_str().unwrap()])
        .args(arguments)
        .env("BAOSONG_LOG", "error")
        .env("LC_ALL", "C")
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A directory with three .eml files of which one has a Received header.
fn imported() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mails = dir.path().join("mails");
    std::fs::create_dir(&mails).unwrap();
    let mut received = b"Received: from a by b; Tue, 24 May 2022 08:10:00 +0800\r\n".to_vec();
    received.extend(report("a", "丹东市教育局", 23));
    std::fs::write(mails.join("a.eml"), &received).unwrap();
    std::fs::write(mails.join("copy.eml"), &received).unwrap();
    std::fs::write(mails.join("empty.eml"), b"").unwrap();
    stdout(&baosong(dir.path(), &["import", mails.to_str().unwrap()]));
    dir
}

#[test]
fn import_works_with_no_settings_file_at_all() {
    let dir = imported();
    let lines = stdout(&baosong(dir.path(), &["mails", "--jsonl"]));
    let mails: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(mails.len(), 2, "the copy is one with the first");
    let report = mails
        .iter()
        .find(|mail| mail["outcome"] == "reports")
        .unwrap();
    assert_eq!(report["received_at"], "2022-05-24T08:10:00+08:00");
    assert_eq!(report["message_id"], "a@example.cn");
    let submission = &report["submissions"][0];
    assert_eq!(submission["unit"], "丹东市教育局");
    assert_eq!(submission["days"], serde_json::json!(["2022-05-23"]));
    assert_eq!(
        (&submission["counts"], &submission["on_time"]),
        (&Value::Bool(true), &Value::Bool(true))
    );
    for key in [
        "id",
        "kind",
        "day_inferred",
        "repeats",
        "title",
        "text",
        "files",
        "links",
        "evidence",
    ] {
        assert!(submission.get(key).is_some(), "{key}");
    }
    for key in ["about", "rule", "where", "seen"] {
        assert!(submission["evidence"][0].get(key).is_some(), "{key}");
    }
}

#[test]
fn an_empty_mail_is_kept_and_has_an_outcome() {
    let dir = imported();
    let lines = stdout(&baosong(dir.path(), &["mails", "--jsonl"]));
    let empty = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|mail| mail["source"] == "empty.eml")
        .unwrap();
    assert!(
        ["review", "unreadable"].contains(&empty["outcome"].as_str().unwrap()),
        "{empty}"
    );
}

#[test]
fn standing_json_has_the_stated_shape() {
    let dir = imported();
    let text = stdout(&baosong(
        dir.path(),
        &["--at", "2022-05-24T10:30:00+08:00", "standing", "--json"],
    ));
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(all["at"], "2022-05-24T10:30:00+08:00");
    let units = all["units"].as_array().unwrap();
    assert_eq!(units.len(), 66);
    let city = units
        .iter()
        .find(|unit| unit["unit"] == "丹东市教育局")
        .unwrap();
    assert_eq!(city["kind"], "city");
    assert_eq!((&city["reports"], &city["quota"]), (&1.into(), &3.into()));
    assert_eq!(
        (&city["plan"], &city["summary"]),
        (&"missing".into(), &"not_due".into())
    );
    assert_eq!(
        (&city["days"]["2022-05-23"], &city["days"]["2022-05-29"]),
        (&"on_time".into(), &"not_due".into())
    );
    assert_eq!(city["behind"], true);
}

#[test]
fn standing_is_that_of_the_moment_asked_for() {
    let dir = imported();
    let text = stdout(&baosong(
        dir.path(),
        &["--at", "2022-05-24T08:09:00+08:00", "standing", "--json"],
    ));
    let all: Value = serde_json::from_str(&text).unwrap();
    assert!(
        all["units"]
            .as_array()
            .unwrap()
            .iter()
            .all(|unit| unit["reports"] == 0)
    );
}

#[test]
fn digest_writes_html_and_text_and_prints_its_subject() {
    let dir = imported();
    let out = dir.path().join("out");
    let subject = stdout(&baosong(
        dir.path(),
        &[
            "--at",
            "2022-05-24T10:30:00+08:00",
            "digest",
            "--out",
            out.to_str().unwrap(),
        ],
    ));
    assert!(
        subject.starts_with("职教活动周日报 5月23日：66家中1家已报，缺65家"),
        "{subject}"
    );
    assert!(
        std::fs::read_to_string(out.join("digest.html"))
            .unwrap()
            .contains("丹东市教育局")
    );
    assert!(
        std::fs::read_to_string(out.join("digest.txt"))
            .unwrap()
            .contains("丹东市教育局")
    );
}

#[test]
fn remind_dry_run_names_who_would_be_reminded_and_sends_nothing() {
    let dir = imported();
    let text = stdout(&baosong(
        dir.path(),
        &["--at", "2022-05-30T11:00:00+08:00", "remind", "--dry-run"],
    ));
    assert!(
        text.contains("telephone (no address that letters reach, or enough letters): 66"),
        "{text}"
    );
    assert!(
        text.contains("丹东市教育局 活动报送2份（已收1份）"),
        "{text}"
    );
}

#[test]
fn check_accepts_the_defaults_and_warns_of_what_is_lacking() {
    let dir = tempfile::tempdir().unwrap();
    let text = stdout(&baosong(dir.path(), &["check"]));
    assert!(
        text.contains("66 units") && text.contains("digest_to is empty"),
        "{text}"
    );
}

fn fails(arguments: &[&str], settings: &str, code: i32, words: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("settings.toml");
    std::fs::write(&path, settings.replace("DIR", dir.path().to_str().unwrap())).unwrap();
    let all: Vec<&str> = ["--config", path.to_str().unwrap()]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    let output = baosong(dir.path(), &all);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    words
        .iter()
        .for_each(|word| assert!(error.contains(word), "{word} in {error}"));
}

#[test]
fn settings_with_an_unknown_key_name_file_and_key_and_end_with_2() {
    fails(
        &["check"],
        "[mailbox]\nhots = \"x\"\n",
        2,
        &["settings.toml", "hots"],
    );
}

#[test]
fn a_roster_that_contradicts_itself_names_both_units_and_ends_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let roster = dir.path().join("units.toml");
    std::fs::write(&roster, "city = []\n[[college]]\nname = \"甲\"\ncity = \"x\"\naliases = [\"丙\"]\n[[college]]\nname = \"乙\"\ncity = \"x\"\naliases = [\"丙\"]\n").unwrap();
    fails(
        &["check"],
        &format!("units_file = {roster:?}\n"),
        2,
        &["甲", "乙", "丙", "units.toml"],
    );
}

#[test]
fn a_missing_authorization_code_names_its_file() {
    fails(
        &["once"],
        "[mailbox]\npassword_file = \"/nonexistent/code\"\n[outgoing]\ntransport = \"files\"\n",
        1,
        &["/nonexistent/code", "password_file"],
    );
}

#[test]
fn wrong_usage_ends_with_2() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(baosong(dir.path(), &["poll"]).status.code(), Some(2));
    assert_eq!(
        baosong(dir.path(), &["--at", "yesterday", "check"])
            .status
            .code(),
        Some(2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn once_polls_judges_and_writes_letters_as_files() {
    let dir = tempfile::tempdir().unwrap();
    let server = Standin::start("lnzjhdz@163.com", "code").await;
    server.deliver("INBOX", &report("a", "丹东市教育局", 23), may(24, 8, 10));
    let settings = settings(dir.path(), &server);
    stdout(&baosong(
        dir.path(),
        &[
            "--config",
            &settings,
            "--at",
            "2022-05-24T10:31:00+08:00",
            "once",
        ],
    ));
    let letters: Vec<_> = std::fs::read_dir(dir.path().join("data/letters"))
        .unwrap()
        .collect();
    assert_eq!(letters.len(), 1);
    stdout(&baosong(
        dir.path(),
        &[
            "--config",
            &settings,
            "--at",
            "2022-05-24T10:40:00+08:00",
            "once",
        ],
    ));
    assert_eq!(
        std::fs::read_dir(dir.path().join("data/letters"))
            .unwrap()
            .count(),
        1,
        "the digest goes once a day"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_run_cleanly_after_the_pass_in_hand() {
    let dir = tempfile::tempdir().unwrap();
    let server = Standin::start("lnzjhdz@163.com", "code").await;
    server.deliver("INBOX", &plain("a", "感谢信", "谢谢"), may(24, 8, 10));
    let settings = settings(dir.path(), &server);
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_baosong"))
        .args([
            "--config",
            &settings,
            "--data",
            dir.path().join("data").to_str().unwrap(),
            "run",
        ])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !server.commands().contains(&"LOGOUT".to_owned()) {
        tokio::task::yield_now().await;
    }
    let second = baosong(dir.path(), &["--config", &settings, "once"]);
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("another baosong"),
        "a second instance refuses to start"
    );
    let killed = Command::new("kill")
        .args(["-TERM", &daemon.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success() && daemon.wait().unwrap().success());
    assert!(stdout(&baosong(dir.path(), &["mails"])).contains("感谢信"));
}

fn settings(dir: &Path, server: &Standin) -> String {
    let code = dir.join("code");
    std::fs::write(&code, "code\n").unwrap();
    let path = dir.join("settings.toml");
    let text = format!(
        "[mailbox]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\npassword_file = {code:?}\n\
         [outgoing]\ntransport = \"files\"\n[staff]\ndigest_to = [\"office@example.cn\"]\n[alarms]\nleast_free_megabytes = 0\n",
        server.imap_port()
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_paused_unit_is_shown_so_and_no_more_when_resumed() {
    let dir = imported();
    let dry_run = || {
        let arguments = ["--at", "2022-05-30T11:00:00+08:00", "remind", "--dry-run"];
        stdout(&baosong(dir.path(), &arguments))
    };
    stdout(&baosong(dir.path(), &["pause", "丹东"]));
    let text = dry_run();
    assert!(
        text.contains("paused: 1\n  丹东市教育局") && text.contains("letters): 65"),
        "{text}"
    );
    stdout(&baosong(dir.path(), &["pause"]));
    assert!(dry_run().contains("paused: 66"));
    stdout(&baosong(dir.path(), &["resume"]));
    stdout(&baosong(dir.path(), &["resume", "丹东"]));
    assert!(dry_run().contains("paused: 0"));
    stdout(&baosong(dir.path(), &["opened", "1"]));
    assert!(!baosong(dir.path(), &["opened", "99"]).status.success());
    assert!(!baosong(dir.path(), &["pause", "某某"]).status.success());
}

#[test]
fn a_report_is_starred_and_packed() {
    let dir = imported();
    let mail = stdout(&baosong(dir.path(), &["mails"]));
    let report = mail
        .lines()
        .find(|line| line.contains("丹东市教育局"))
        .unwrap();
    let number = report.split_whitespace().next().unwrap();
    stdout(&baosong(dir.path(), &["star", number, "--by", "office"]));
    let pack = dir.path().join("pack");
    let said = stdout(&baosong(
        dir.path(),
        &["pack", "--starred", pack.to_str().unwrap()],
    ));
    assert!(said.starts_with("1 reports"), "{said}");
    assert!(pack.join("index.xlsx").exists() && pack.join("丹东市教育局/2022-05-23").is_dir());
    let refused = baosong(dir.path(), &["pack", pack.to_str().unwrap()]);
    assert_eq!(
        refused.status.code(),
        Some(2),
        "neither --starred nor --all"
    );
}

#[test]
fn a_rehearsal_shows_every_letter_that_would_leave_and_sends_none() {
    let dir = imported();
    let units = dir.path().join("units.toml");
    std::fs::write(
        &units,
        "[[city]]\nname = \"丹东市教育局\"\ncity = \"丹东市\"\naddresses = [\"a@example.cn\"]\n\
         [[college]]\nname = \"甲乙职业学院\"\ncity = \"丹东市\"\naddresses = [\"c@example.cn\"]\n",
    )
    .unwrap();
    let config = dir.path().join("baosong.toml");
    std::fs::write(
        &config,
        "units_file = \"units.toml\"\n[staff]\ndigest_to = [\"office@example.cn\"]\n",
    )
    .unwrap();
    let (mails, out) = (dir.path().join("mails"), dir.path().join("rehearsal"));
    let output = Command::new(env!("CARGO_BIN_EXE_baosong"))
        .current_dir(dir.path())
        .args([
            "--config",
            config.to_str().unwrap(),
            "rehearse",
            mails.to_str().unwrap(),
        ])
        .args([
            "--from",
            "2022-05-23",
            "--to",
            "2022-05-31",
            "--out",
            out.to_str().unwrap(),
        ])
        .env("BAOSONG_LOG", "error")
        .output()
        .unwrap();
    let said = stdout(&output);
    let index = std::fs::read_to_string(out.join("index.html")).unwrap();
    assert!(
        index.contains("日报9封") && index.contains("提醒函"),
        "{said}{index}"
    );
    assert!(index.contains("c@example.cn") && index.contains("0001.html"));
    let first = std::fs::read_to_string(out.join("letters/0001.html")).unwrap();
    assert!(first.contains("活动周今日开始"), "{first}");
    assert!(out.join("letters/0001-baosong-2022-05-23.xlsx").exists());
}

#[test]
fn output_that_nobody_reads_to_its_end_is_no_fault() {
    let dir = imported();
    for verb in ["standing", "mails", "check"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_baosong"))
            .args(["--data", dir.path().join("data").to_str().unwrap(), verb])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&ended.stderr);
        assert!(
            ended.status.success() && !error.contains("panicked"),
            "{verb}: {error}"
        );
    }
}

#[test]
fn a_credential_of_the_service_manager_goes_before_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join("baosong.toml");
    let nowhere = dir.path().join("nowhere/authorization-code");
    std::fs::write(
        &settings,
        format!(
            "[mailbox]\npassword_file = {nowhere:?}\n[outgoing]\npassword_file = {nowhere:?}\n"
        ),
    )
    .unwrap();
    std::fs::write(dir.path().join("authorization-code"), "code\n").unwrap();
    let check = |credentials: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baosong"));
        command.args(["--config", settings.to_str().unwrap(), "check"]);
        stdout(
            &command
                .env("CREDENTIALS_DIRECTORY", credentials)
                .output()
                .unwrap(),
        )
    };
    assert!(!check(dir.path()).contains("password_file"));
    assert!(check(Path::new("/nonexistent")).contains("password_file"));
}
