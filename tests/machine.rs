//! What befalls the machine below the daemon: disk, database, clock, handles. It is said, nothing is lost, and the work
//! goes on by itself when the cause is gone.

mod support;

use baosong::config::{Config, Robot as Kind, Tls};
use baosong::daemon::{Daemon, Keeper};
use baosong::message;
use baosong::store::{Fault, LetterState};
use chrono::{DateTime, FixedOffset, TimeDelta};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::mail::{large, may, report};
use support::robot::Robot;
use support::standin::{ImapFault, SmtpFault, Standin};
use tempfile::TempDir;

const USER: &str = "lnzjhdz@163.com";
const CODE: &str = "ABCDEFGHIJKLMNOP";
const OFFICE: &str = "office@example.cn";
const COLLEGE: &str = "辽宁海天职业学院";

struct House {
    server: Standin,
    robot: Robot,
    keeper: Keeper,
    config: Config,
    data: PathBuf,
    _dir: TempDir,
}

async fn house(data: &Path) -> House {
    let (server, robot) = (Standin::start(USER, CODE).await, Robot::start());
    let dir = tempfile::tempdir().unwrap();
    let (code, units, url) = (
        dir.path().join("code"),
        dir.path().join("units.toml"),
        dir.path().join("robot"),
    );
    std::fs::write(&code, CODE).unwrap();
    std::fs::write(&url, &robot.url).unwrap();
    let roster = format!(
        "[[city]]\nname = \"丹东市教育局\"\ncity = \"丹东市\"\n[[college]]\nname = \"{COLLEGE}\"\ncity = \"沈阳市\"\naddresses = [\"c@school.example\"]"
    );
    std::fs::write(&units, roster).unwrap();
    let mut config = Config {
        units_file: Some(units),
        ..Config::default()
    };
    config.mailbox.host = "127.0.0.1".into();
    config.mailbox.port = server.imap_port();
    config.mailbox.tls = Tls::None;
    config.mailbox.password_file = code.clone();
    config.outgoing.host = "127.0.0.1".into();
    config.outgoing.port = server.smtp_port();
    config.outgoing.tls = Tls::None;
    config.outgoing.password_file = code;
    config.outgoing.letters_a_minute = 100;
    config.staff.digest_to = vec![OFFICE.into()];
    config.alarms.robot = Some(Kind::Wecom);
    config.alarms.robot_url_file = url;
    config.alarms.least_free_megabytes = 0;
    House {
        keeper: keeper(&config, data),
        server,
        robot,
        config,
        data: data.to_path_buf(),
        _dir: dir,
    }
}

fn keeper(config: &Config, data: &Path) -> Keeper {
    let mut keeper = Keeper::new(config.clone(), data);
    keeper.read_in(env!("CARGO_BIN_EXE_baosong").into());
    keeper
}

impl House {
    async fn pass(&mut self, now: DateTime<FixedOffset>) -> Result<(), String> {
        let passed = self.keeper.pass(now).await;
        passed.map_err(|error| format!("{error:#}"))
    }

    /// A process of its own takes over.
    fn restart(&mut self) {
        let empty = Keeper::new(Config::default(), &self.data);
        drop(std::mem::replace(&mut self.keeper, empty));
        self.keeper = keeper(&self.config, &self.data);
    }

    fn stop(&mut self) {
        self.keeper = Keeper::new(Config::default(), &self.data);
    }

    fn deliver(&self, ids: std::ops::Range<u32>) {
        for n in ids {
            let mail = report(&format!("m{n}"), "丹东市教育局", 23);
            self.server.deliver("INBOX", &mail, may(24, 8, n));
        }
    }

    fn mails(&self) -> usize {
        let daemon = Daemon::look(self.config.clone(), &self.data).unwrap();
        daemon.store.mails(None).unwrap().len()
    }

    fn cursor(&self) -> u32 {
        let daemon = Daemon::look(self.config.clone(), &self.data).unwrap();
        daemon.store.cursor("INBOX").unwrap().unwrap().last_uid
    }

    fn baosong(&self, arguments: &[&str]) -> Output {
        baosong(&self.data, arguments)
    }

    fn is_whole(&self) {
        let output = self.baosong(&["verify"]);
        assert!(output.status.success(), "{}", words(&output));
    }

    /// What the robot is told next, by a process that runs on its own.
    async fn hears(&self) -> String {
        for _ in 0..6000 {
            if let Some(text) = self.robot.told().pop() {
                return text;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the robot was told nothing for a minute");
    }

    fn letters_about(&self, what: &str) -> Vec<String> {
        let letters = self.server.accepted().into_iter();
        let subjects = letters.map(|letter| message::read(&letter.data, &mut Nobody).subject);
        subjects.filter(|subject| subject.contains(what)).collect()
    }
}

struct Nobody;

impl message::Host for Nobody {
    fn run(&mut self, _: message::Tool) -> Result<Vec<u8>, String> {
        Err("none".into())
    }
}

fn baosong(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_baosong"))
        .args(["--data", data.to_str().unwrap()])
        .args(arguments)
        .env("BAOSONG_LOG", "error")
        .output()
        .unwrap()
}

fn words(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    both.concat()
}

/// The other process of this test, where this is it.
const INSIDE: &str = "BAOSONG_TEST_INSIDE";

fn again(test: &str, by: &[&str]) -> Command {
    let mut command = Command::new(by[0]);
    command
        .args(&by[1..])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, test);
    command
}

/// Runs a test again in a mount namespace of its own, and gives it a disk of so many megabytes there; `None` outside.
fn small_disk(test: &str, megabytes: u32) -> Option<TempDir> {
    if std::env::var_os(INSIDE).is_some() {
        let disk = tempfile::tempdir().unwrap();
        mount(
            &["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"],
            disk.path(),
        );
        return Some(disk);
    }
    let ways: [&[&str]; 2] = [&["unshare", "-m", "--"], &["unshare", "-rm", "--"]];
    let way = ways.into_iter().find(|way| {
        let tried = Command::new(way[0]).args(&way[1..]).arg("true").output();
        tried.is_ok_and(|output| output.status.success())
    });
    let way =
        way.expect("this test needs a mount namespace (unshare -m, or -rm) and could not run");
    let status = again(test, way).status().unwrap();
    assert!(status.success(), "{test} failed on its small disk");
    None
}

fn mount(arguments: &[&str], at: &Path) {
    let output = Command::new("mount")
        .args(arguments)
        .arg(at)
        .output()
        .unwrap();
    assert!(output.status.success(), "mount: {}", words(&output));
}

/// Writes until not one byte more goes in.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_the_work_goes_on_when_there_is_room() {
    let Some(disk) = small_disk(
        "a_full_disk_is_told_and_the_work_goes_on_when_there_is_room",
        16,
    ) else {
        return;
    };
    let mut house = house(&disk.path().join("data")).await;
    house.deliver(0..3);
    house.pass(may(24, 9, 0)).await.unwrap();
    let (cursor, filler) = (house.cursor(), disk.path().join("filler"));
    fill(&filler);
    house.server.deliver(
        "INBOX",
        &large("big", "丹东市教育局", 23, 1 << 20),
        may(24, 8, 30),
    );
    house.deliver(3..5);
    for minute in [3, 6] {
        let said = house.pass(may(24, 9, minute)).await.unwrap_err();
        assert!(
            said.contains("full") || said.contains("No space left"),
            "{said}"
        );
    }
    let told = house.robot.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("告警：磁盘已满"), "{told:?}");
    assert_eq!((house.mails(), house.cursor()), (3, cursor));
    let health = house.baosong(&["--at", "2022-05-24T09:07:00+08:00", "health"]);
    assert_eq!(health.status.code(), Some(1), "{}", words(&health));
    std::fs::remove_file(&filler).unwrap();
    for minute in [9, 12, 15] {
        house.pass(may(24, 9, minute)).await.unwrap();
    }
    let told = house.robot.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("恢复正常：磁盘已满"), "{told:?}");
    assert_eq!(house.mails(), 6);
    assert!(!house.letters_about("恢复正常：磁盘已满").is_empty());
    house.is_whole();
}

#[tokio::test]
async fn mails_are_fetched_only_as_far_as_the_disk_has_room() {
    let Some(disk) = small_disk("mails_are_fetched_only_as_far_as_the_disk_has_room", 64) else {
        return;
    };
    let mut house = house(&disk.path().join("data")).await;
    house.config.alarms.least_free_megabytes = 40;
    house.restart();
    for n in 0..6 {
        let mail = large(&format!("m{n}"), "丹东市教育局", 23, 5 << 20);
        house.server.deliver("INBOX", &mail, may(24, 8, n));
    }
    let said = house.pass(may(24, 9, 0)).await.unwrap_err();
    assert!(said.contains("磁盘空间不足"), "{said}");
    let kept = house.mails();
    assert!((1..6).contains(&kept), "{kept} mails");
    assert!(house.robot.told()[0].contains("磁盘空间不足"));
    mount(&["-o", "remount,size=400m"], disk.path());
    for minute in [3, 6] {
        house.pass(may(24, 9, minute)).await.unwrap();
    }
    assert_eq!(house.mails(), 6);
    assert!(house.robot.told()[0].contains("恢复正常"));
    house.is_whole();
}

#[tokio::test]
async fn a_disk_that_turns_read_only_is_told_at_the_start_and_in_the_midst() {
    let Some(disk) = small_disk(
        "a_disk_that_turns_read_only_is_told_at_the_start_and_in_the_midst",
        32,
    ) else {
        return;
    };
    let mut house = house(&disk.path().join("data")).await;
    house.deliver(0..2);
    house.pass(may(24, 9, 0)).await.unwrap();
    house.stop();
    mount(&["-o", "remount,ro"], disk.path());
    house.restart();
    house.deliver(2..4);
    for minute in [3, 6] {
        let said = house.pass(may(24, 9, minute)).await.unwrap_err();
        assert!(said.contains("can only be read"), "{said}");
    }
    let told = house.robot.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("磁盘只读"), "{told:?}");
    let health = house.baosong(&["--at", "2022-05-24T09:07:00+08:00", "health"]);
    assert_eq!(health.status.code(), Some(1));
    mount(&["-o", "remount,rw"], disk.path());
    for minute in [9, 12] {
        house.pass(may(24, 9, minute)).await.unwrap();
    }
    assert!(house.robot.told()[0].contains("恢复正常：磁盘只读"));
    assert_eq!(house.mails(), 4);

    // With files open for writing a disk cannot be remounted; new files then meet a mount over it.
    let data = house.data.to_str().unwrap().to_owned();
    mount(&["--bind", &data], &house.data);
    mount(&["-o", "remount,bind,ro"], &house.data);
    house.deliver(4..6);
    house.pass(may(25, 12, 0)).await.unwrap_err();
    assert!(house.robot.told().join("\n").contains("磁盘只读"));
    let undone = Command::new("umount").arg(&house.data).status().unwrap();
    assert!(undone.success());
    for minute in [3, 6] {
        house.pass(may(25, 12, minute)).await.unwrap();
    }
    assert!(house.robot.told().join("\n").contains("恢复正常：磁盘只读"));
    assert_eq!(house.mails(), 6);
    house.is_whole();
}

#[tokio::test]
async fn a_full_disk_leaves_the_backup_before_it_whole() {
    let Some(disk) = small_disk("a_full_disk_leaves_the_backup_before_it_whole", 16) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let mut house = house(&place.path().join("data")).await;
    house.deliver(0..3);
    house.pass(may(24, 9, 0)).await.unwrap();
    let backup = disk.path().join("backup");
    assert!(
        house
            .baosong(&["backup", backup.to_str().unwrap()])
            .status
            .success()
    );
    house.server.deliver(
        "INBOX",
        &large("big", "丹东市教育局", 23, 6 << 20),
        may(24, 8, 30),
    );
    house.pass(may(24, 9, 3)).await.unwrap();
    fill(&disk.path().join("filler"));
    let failed = house.baosong(&["backup", backup.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        words(&failed).contains("still the one before"),
        "{}",
        words(&failed)
    );
    let restored = place.path().join("restored");
    let output = baosong(&restored, &["restore", backup.to_str().unwrap()]);
    assert!(output.status.success(), "{}", words(&output));
    assert!(baosong(&restored, &["verify"]).status.success());
    let mails = baosong(&restored, &["mails", "--jsonl"]);
    assert_eq!(words(&mails).lines().count(), 3);
}

#[tokio::test]
async fn a_database_that_another_process_holds_is_told_and_the_work_goes_on_when_it_lets_go() {
    const NAME: &str =
        "a_database_that_another_process_holds_is_told_and_the_work_goes_on_when_it_lets_go";
    if std::env::var_os(INSIDE).is_some() {
        let connection = rusqlite::Connection::open(std::env::var("DATABASE").unwrap()).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        println!("\nheld");
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut house = house(&dir.path().join("data")).await;
    house.deliver(0..2);
    house.pass(may(24, 9, 0)).await.unwrap();
    let mut holder = again(NAME, &["env"])
        .env("DATABASE", house.data.join("baosong.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"));
    house.deliver(2..4);
    for minute in [3, 6] {
        let said = house.pass(may(24, 9, minute)).await.unwrap_err();
        assert!(
            said.contains("another program holds the database"),
            "{said}"
        );
    }
    let told = house.robot.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("被其他程序占用"), "{told:?}");
    let health = house.baosong(&["--at", "2022-05-24T09:07:00+08:00", "health"]);
    assert_eq!(health.status.code(), Some(1), "{}", words(&health));
    holder.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(holder.wait().unwrap().success());
    for minute in [9, 12] {
        house.pass(may(24, 9, minute)).await.unwrap();
    }
    assert!(house.robot.told()[0].contains("恢复正常"));
    assert_eq!(house.mails(), 4);
    house.is_whole();
}

/// Bytes of the database that are not what was written, one kind a name.
fn damage(kind: &str, data: &Path) {
    let (database, log) = (data.join("baosong.db"), data.join("baosong.db-wal"));
    let mut bytes = std::fs::read(&database).unwrap();
    let length = bytes.len();
    match kind {
        "middle" => bytes[16 << 10..length - 100].fill(0xA5),
        "header" => bytes[..100].fill(0xA5),
        "half" => bytes.truncate(length / 2),
        "empty" => bytes.clear(),
        "log" => return std::fs::write(log, vec![0xA5; 40_000]).unwrap(),
        _ => unreachable!(),
    }
    std::fs::write(&database, bytes).unwrap();
}

fn on_disk(data: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    ["baosong.db", "baosong.db-wal"]
        .into_iter()
        .filter_map(|name| Some((name, std::fs::read(data.join(name)).ok()?)))
        .filter(|(name, bytes)| *name == "baosong.db" || !bytes.is_empty())
        .collect()
}

#[tokio::test]
async fn a_damaged_database_is_told_left_as_it_is_and_restored() {
    for kind in ["middle", "header", "half", "empty", "log"] {
        let dir = tempfile::tempdir().unwrap();
        let mut house = house(&dir.path().join("data")).await;
        house.deliver(0..30);
        house.pass(may(24, 9, 0)).await.unwrap();
        let backup = dir.path().join("backup");
        assert!(
            house
                .baosong(&["backup", backup.to_str().unwrap()])
                .status
                .success()
        );
        house.deliver(30..33);
        house.pass(may(24, 9, 3)).await.unwrap();
        house.stop();
        damage(kind, &house.data);
        let before = on_disk(&house.data);

        house.restart();
        let said = house.pass(may(24, 9, 6)).await.unwrap_err();
        assert!(
            said.contains("restore") && said.contains("import --orphans"),
            "{kind}: {said}"
        );
        house.restart();
        house.pass(may(24, 9, 9)).await.unwrap_err();
        for verb in ["mails", "once", "verify", "health"] {
            let output = house.baosong(&["--at", "2022-05-24T09:09:00+08:00", verb]);
            if verb != "mails" || kind != "middle" {
                assert_eq!(
                    output.status.code(),
                    Some(1),
                    "{kind}: {verb}: {}",
                    words(&output)
                );
            }
        }
        assert!(
            on_disk(&house.data) == before,
            "{kind}: the database was written to"
        );
        let told = house.robot.told();
        assert_eq!(
            told.len(),
            1,
            "{kind}: once, also by a second process: {told:?}"
        );
        assert!(
            told[0].contains("数据库") && told[0].contains("备份"),
            "{told:?}"
        );

        for name in ["baosong.db", "baosong.db-wal", "baosong.db-shm"] {
            let _ = std::fs::rename(house.data.join(name), dir.path().join(name));
        }
        let said = house.pass(may(24, 9, 12)).await.unwrap_err();
        assert!(
            said.contains("no database"),
            "{kind}: not begun anew in silence: {said}"
        );
        let output = house.baosong(&["restore", backup.to_str().unwrap()]);
        assert!(output.status.success(), "{}", words(&output));
        for minute in [15, 18, 21] {
            house.pass(may(24, 9, minute)).await.unwrap();
        }
        let told = house.robot.told();
        assert_eq!(told.len(), 1, "{kind}: {told:?}");
        assert!(told[0].contains("恢复正常"), "{told:?}");
        assert_eq!(house.letters_about("告警：数据库").len(), 1);
        assert_eq!(house.letters_about("恢复正常：数据库").len(), 1);
        assert_eq!(house.mails(), 33, "{kind}");
        house.is_whole();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_itself_stays_and_takes_up_the_work_after_a_damaged_database_was_restored() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = house(&dir.path().join("data")).await;
    house.deliver(0..3);
    house.pass(may(24, 9, 0)).await.unwrap();
    house.stop();
    let backup = dir.path().join("backup");
    assert!(
        house
            .baosong(&["backup", backup.to_str().unwrap()])
            .status
            .success()
    );
    damage("header", &house.data);
    let settings = dir.path().join("settings.toml");
    let (code, robot) = (
        &house.config.mailbox.password_file,
        &house.config.alarms.robot_url_file,
    );
    let text = format!(
        "[mailbox]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\npassword_file = {code:?}\npoll_seconds = 10\n\
         [outgoing]\ntransport = \"files\"\n[alarms]\nrobot = \"feishu\"\nrobot_url_file = {robot:?}\nleast_free_megabytes = 0\n",
        house.server.imap_port()
    );
    std::fs::write(&settings, text).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_baosong"))
        .args([
            "--config",
            settings.to_str().unwrap(),
            "--data",
            house.data.to_str().unwrap(),
        ])
        .args(["--at", "2022-05-24T09:03:00+08:00", "run"])
        .env("BAOSONG_LOG", "off")
        .spawn()
        .unwrap();
    assert!(house.hears().await.contains("告警：数据库已损坏"));
    assert!(run.try_wait().unwrap().is_none(), "it stays");
    std::fs::rename(house.data.join("baosong.db"), dir.path().join("damaged.db")).unwrap();
    assert!(
        house
            .baosong(&["restore", backup.to_str().unwrap()])
            .status
            .success()
    );
    assert!(house.hears().await.contains("恢复正常：数据库已损坏"));
    let pid = run.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert!(run.wait().unwrap().success());
}

#[tokio::test]
async fn a_database_that_is_damaged_while_it_runs_is_found_within_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = house(&dir.path().join("data")).await;
    house.deliver(0..30);
    house.pass(may(24, 9, 0)).await.unwrap();
    rusqlite::Connection::open(house.data.join("baosong.db"))
        .unwrap()
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    damage("middle", &house.data);
    let said = house.pass(may(25, 9, 0)).await.unwrap_err();
    assert!(said.contains("damaged"), "{said}");
    assert!(house.keeper.daemon().is_none());
    let before = on_disk(&house.data);
    house.pass(may(25, 9, 3)).await.unwrap_err();
    assert!(on_disk(&house.data) == before);
    assert_eq!(house.robot.told().len(), 1);
}

#[tokio::test]
async fn a_lost_database_is_built_anew_from_the_kept_mails() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = house(&dir.path().join("data")).await;
    house.deliver(0..5);
    house.server.deliver(
        "INBOX",
        &large("big", "丹东市教育局", 23, 1 << 20),
        may(24, 8, 30),
    );
    house.pass(may(24, 9, 0)).await.unwrap();
    house.stop();
    for name in ["baosong.db", "baosong.db-wal", "baosong.db-shm"] {
        let _ = std::fs::remove_file(house.data.join(name));
    }
    assert_eq!(house.baosong(&["mails"]).status.code(), Some(1));
    let output = house.baosong(&["import", "--orphans"]);
    assert!(
        output.status.success() && words(&output).contains("6 new mails"),
        "{}",
        words(&output)
    );
    house.restart();
    house.pass(may(24, 9, 3)).await.unwrap();
    assert_eq!(house.mails(), 6);
    house.is_whole();
}

#[tokio::test]
async fn short_handles_are_told_and_the_work_goes_on_when_there_are_more() {
    const NAME: &str = "short_handles_are_told_and_the_work_goes_on_when_there_are_more";
    if std::env::var_os(INSIDE).is_none() {
        assert!(again(NAME, &["env"]).status().unwrap().success());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut house = house(&dir.path().join("data")).await;
    house.deliver(0..2);
    house.pass(may(24, 9, 0)).await.unwrap();
    let (usual, cursor) = (getrlimit(Resource::Nofile), house.cursor());
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let short = |current| Rlimit {
        current: Some(current),
        maximum: usual.maximum,
    };
    house.deliver(2..4);
    setrlimit(Resource::Nofile, short(open + 20)).unwrap();
    for minute in [3, 6] {
        let said = house.pass(may(24, 9, minute)).await.unwrap_err();
        assert!(said.contains("可打开的文件数不足"), "{said}");
    }
    setrlimit(Resource::Nofile, usual).unwrap();
    assert_eq!((house.mails(), house.cursor()), (2, cursor));
    let told = house.robot.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("文件数不足"), "{told:?}");
    house.pass(may(24, 9, 9)).await.unwrap();
    assert!(house.robot.told()[0].contains("恢复正常"));
    assert_eq!(house.mails(), 4);

    // At the start with none at all.
    house.stop();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    house.restart();
    setrlimit(Resource::Nofile, short(open - 1)).unwrap();
    let refused = house.keeper.pass(may(24, 9, 12)).await.unwrap_err();
    setrlimit(Resource::Nofile, usual).unwrap();
    assert_eq!(refused.downcast_ref(), Some(&Fault::Handles), "{refused:#}");
    house.pass(may(24, 9, 15)).await.unwrap();
    house.is_whole();
}

/// Digests and reminders that left, by rule and day.
fn letters(house: &House) -> BTreeMap<(String, String), usize> {
    let daemon = house.keeper.daemon().unwrap();
    let mut count = BTreeMap::new();
    for letter in daemon
        .store
        .letters_between(may(1, 0, 0), may(31, 23, 0))
        .unwrap()
    {
        if letter.state == LetterState::Sent && letter.rule != "alarm" {
            *count
                .entry((letter.rule, letter.day.to_string()))
                .or_insert(0) += 1;
        }
    }
    count
}

#[tokio::test]
async fn a_clock_that_runs_ahead_for_days_and_is_set_back_doubles_and_loses_no_letter() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = house(&dir.path().join("data")).await;
    house.deliver(0..1);
    // 29 to 31 May are days of reminders; the days of digests are 24 to 31 May.
    let ahead = may(29, 12, 0);
    for now in [may(24, 10, 31), ahead, may(24, 10, 34)] {
        house.pass(now).await.unwrap();
    }
    for day in 24..=31 {
        for (hour, minute) in [(8, 0), (10, 31), (12, 0), (12, 3), (15, 0)] {
            if (day, hour) > (24, 10) {
                house.pass(may(day, hour, minute)).await.unwrap();
            }
        }
    }
    let letters = letters(&house);
    for day in 24..=31 {
        let digests = letters.get(&("digest".into(), format!("2022-05-{day}")));
        assert_eq!(digests, Some(&1), "{day} May: {letters:?}");
    }
    for day in 29..=31 {
        let reminders = letters.get(&("reminder".into(), format!("2022-05-{day}")));
        assert_eq!(reminders, Some(&1), "{day} May: {letters:?}");
    }
    assert!(letters.values().all(|count| *count == 1), "{letters:?}");
    let reminders = letters
        .keys()
        .filter(|(rule, _)| rule == "reminder")
        .count();
    let accepted = house.server.accepted();
    let to_college = accepted
        .iter()
        .filter(|letter| letter.to[0] == "c@school.example");
    assert_eq!(to_college.count(), reminders, "{letters:?}");
}

#[tokio::test]
async fn what_a_clock_that_ran_ahead_put_off_is_not_put_off_for_days() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = house(&dir.path().join("data")).await;
    house.deliver(0..2);
    // The digest of the 27th is put off, and the clock is set back.
    house
        .server
        .misbehave_smtp(SmtpFault::Answer("MAIL", "451 try later"));
    house.pass(may(27, 10, 31)).await.unwrap();
    assert!(house.server.accepted().is_empty());
    house.server.forget_commands();
    house.pass(may(24, 9, 0)).await.unwrap();
    assert!(
        house.server.accepted().is_empty(),
        "it is no digest of the 24th"
    );
    let commands = house.server.commands().join("\n");
    assert!(
        commands.contains("UID SEARCH ALL"),
        "everything is compared: {commands}"
    );
    house.pass(may(24, 10, 31)).await.unwrap();
    assert_eq!(digests(&house), ["2022-05-24"]);
    // One of the day that was put off under the clock ahead leaves at once.
    house
        .server
        .misbehave_smtp(SmtpFault::Answer("MAIL", "451 try later"));
    house.pass(may(25, 23, 30)).await.unwrap();
    house.pass(may(25, 10, 31)).await.unwrap();
    assert_eq!(digests(&house), ["2022-05-24", "2022-05-25"]);
    house.pass(may(27, 10, 31)).await.unwrap();
    assert_eq!(digests(&house), ["2022-05-24", "2022-05-25", "2022-05-27"]);
}

fn digests(house: &House) -> Vec<String> {
    let digests = letters(house)
        .into_keys()
        .filter(|(rule, _)| rule == "digest");
    digests.map(|(_, day)| day).collect()
}

#[tokio::test]
async fn a_poll_of_the_future_is_no_fresh_poll() {
    let dir = tempfile::tempdir().unwrap();
    let mut house = house(&dir.path().join("data")).await;
    house.pass(may(29, 10, 0)).await.unwrap();
    house.pass(may(29, 12, 0)).await.unwrap();
    let before = house.server.accepted().len();
    rusqlite::Connection::open(house.data.join("baosong.db"))
        .unwrap()
        .execute(
            "UPDATE cursors SET polled_at = ?1",
            [may(30, 23, 0).timestamp()],
        )
        .unwrap();
    for minute in [0, 20, 40] {
        house.server.misbehave(ImapFault::CloseAt("LOGIN"));
        house
            .pass(may(30, 12, 0) + TimeDelta::minutes(minute))
            .await
            .unwrap_err();
    }
    let to: Vec<String> = house.server.accepted()[before..]
        .iter()
        .map(|letter| letter.to[0].clone())
        .collect();
    assert!(
        to.iter().all(|to| to == OFFICE),
        "nobody is chased on it: {to:?}"
    );
    assert!(house.robot.told().join("\n").contains("30分钟"));
    let health = house.baosong(&["--at", "2022-05-30T12:41:00+08:00", "health"]);
    assert_eq!(health.status.code(), Some(1));
}

#[test]
fn the_time_zone_of_the_environment_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let campaign = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaign");
    let run = |data: &Path, zone: &str, arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_baosong"))
            .args([
                "--data",
                data.to_str().unwrap(),
                "--at",
                "2022-05-26T10:30:00+08:00",
            ])
            .args(arguments)
            .env("TZ", zone)
            .env("BAOSONG_LOG", "error")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", words(&output));
        output.stdout
    };
    let seen = |zone: &str| {
        let data = data.with_extension(zone.replace('/', "-"));
        run(&data, zone, &["import", campaign.to_str().unwrap()]);
        let out = data.join("digest");
        run(&data, zone, &["digest", "--out", out.to_str().unwrap()]);
        let mut files: Vec<PathBuf> = std::fs::read_dir(&out)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        let texts = files.iter().filter(|file| {
            file.extension()
                .is_some_and(|end| end == "html" || end == "txt")
        });
        let texts: Vec<Vec<u8>> = texts.map(|file| std::fs::read(file).unwrap()).collect();
        assert!(!texts.is_empty());
        let mails = String::from_utf8(run(&data, zone, &["mails", "--jsonl"])).unwrap();
        (
            without_ids(&mails),
            run(&data, zone, &["standing", "--json"]),
            texts,
        )
    };
    let here = seen("Asia/Shanghai");
    for zone in ["UTC", "America/New_York", "Pacific/Kiritimati"] {
        let there = seen(zone);
        for (there, here) in there.0.iter().zip(&here.0) {
            assert_eq!(there, here, "{zone}");
        }
        assert!(there == here, "{zone}");
    }
}

/// What `mails --jsonl` says, but for the ids of submissions: they are of one database, where they go by the order of
/// judging, which goes by how many mails were read together.
fn without_ids(mails: &str) -> Vec<Value> {
    let mut mails: Vec<Value> = mails
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let submissions = mails.iter_mut().map(|mail| &mut mail["submissions"]);
    for submission in submissions.flat_map(|them| them.as_array_mut().unwrap()) {
        submission["id"].take();
        for flag in submission["flags"].as_array_mut().unwrap() {
            flag["submission"].take();
        }
    }
    mails
}
