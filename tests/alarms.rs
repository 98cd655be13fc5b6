//! Something wrong with the daemon is told once when it begins and once when it is over, by mail and by a robot.

mod support;

use baosong::config::{Config, Robot, Tls};
use baosong::daemon::Daemon;
use baosong::message;
use chrono::{DateTime, FixedOffset};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use support::mail::may;
use support::standin::{ImapFault, SmtpFault, Standin};
use tempfile::TempDir;

const USER: &str = "lnzjhdz@163.com";
const CODE: &str = "ABCDEFGHIJKLMNOP";
const OFFICE: &str = "office@example.cn";

struct House {
    server: Standin,
    daemon: Daemon,
    robot: Receiver<Value>,
    dir: TempDir,
}

struct Nobody;

impl message::Host for Nobody {
    fn keep(&mut self, _: &str, _: &[u8]) {}
    fn run(&mut self, _: message::Tool, _: &[u8]) -> Result<Vec<u8>, String> {
        Err("none".into())
    }
}

/// A robot on loopback: every body that is posted comes out of the receiver.
fn robot() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/cgi-bin/webhook/send?key=SECRETKEY",
        listener.local_addr().unwrap()
    );
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            reader
                .get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
                .unwrap();
            if tell.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (url, told)
}

async fn house(kind: Robot) -> House {
    let (server, dir) = (
        Standin::start(USER, CODE).await,
        tempfile::tempdir().unwrap(),
    );
    let (url, robot) = robot();
    let (code, robot_url) = (dir.path().join("code"), dir.path().join("robot"));
    std::fs::write(&code, CODE).unwrap();
    std::fs::write(&robot_url, url).unwrap();
    let mut config = Config::default();
    config.mailbox.host = "127.0.0.1".into();
    config.mailbox.port = server.imap_port();
    config.mailbox.tls = Tls::None;
    config.mailbox.password_file = code.clone();
    config.outgoing.host = "127.0.0.1".into();
    config.outgoing.port = server.smtp_port();
    config.outgoing.tls = Tls::None;
    config.outgoing.password_file = code;
    config.outgoing.letters_a_minute = 100;
    config.outgoing.reminders = false;
    config.staff.digest_to = vec![OFFICE.into()];
    config.alarms.robot = Some(kind);
    config.alarms.robot_url_file = robot_url;
    config.alarms.least_free_megabytes = 0;
    let mut daemon = Daemon::open(config, &dir.path().join("data")).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    House {
        server,
        daemon,
        robot,
        dir,
    }
}

impl House {
    async fn pass(&mut self, now: DateTime<FixedOffset>) {
        let _ = self.daemon.pass(now).await;
    }

    fn subjects(&self) -> Vec<String> {
        let letters = self.server.accepted().into_iter();
        let subjects = letters.map(|letter| message::read(&letter.data, &mut Nobody).subject);
        subjects
            .filter(|subject| subject.contains("报送系统"))
            .collect()
    }

    fn told(&self) -> Vec<String> {
        let text = |body: Value| body["text"]["content"].as_str().unwrap().to_owned();
        self.robot.try_iter().map(text).collect()
    }
}

#[tokio::test]
async fn a_refused_login_is_told_once_and_so_is_its_end() {
    let mut house = house(Robot::Wecom).await;
    house
        .server
        .misbehave(ImapFault::RefuseLogin(b"LOGIN Login error".to_vec()));
    for minute in [0, 3, 6] {
        house.pass(may(20, 9, minute)).await;
    }
    let told = house.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("告警") && told[0].contains("授权码"),
        "{told:?}"
    );
    house.pass(may(20, 9, 9)).await;
    assert_eq!(house.subjects().len(), 1);
    house.server.behave();
    for minute in [12, 15, 18] {
        house.pass(may(20, 9, minute)).await;
    }
    let told = house.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("恢复正常"), "{told:?}");
    let subjects = house.subjects();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects[0].contains("告警") && subjects[1].contains("恢复正常"));
}

#[tokio::test]
async fn half_an_hour_without_mail_is_an_alarm_and_a_passing_fault_is_none() {
    let mut house = house(Robot::Dingtalk).await;
    house.pass(may(20, 9, 0)).await;
    for minute in [10, 29] {
        house.server.misbehave(ImapFault::CloseAt("LOGIN"));
        house.pass(may(20, 9, minute)).await;
    }
    assert!(house.told().is_empty());
    house.server.misbehave(ImapFault::CloseAt("LOGIN"));
    house.pass(may(20, 9, 31)).await;
    assert!(house.told()[0].contains("30分钟"));
}

#[tokio::test]
async fn where_letters_cannot_leave_the_robot_knows() {
    let mut house = house(Robot::Wecom).await;
    for _ in 0..2 {
        house.server.misbehave_smtp(SmtpFault::Answer(
            "AUTH",
            "535 Error: authentication failed",
        ));
    }
    house.pass(may(24, 10, 30)).await;
    house.pass(may(24, 11, 5)).await;
    let told = house.told().join("\n");
    assert!(
        told.contains("发信服务器拒绝登录") && told.contains("今日日报未能按时发出"),
        "{told}"
    );
    assert!(!told.contains("SECRETKEY"));
}

#[tokio::test]
async fn without_room_nothing_is_fetched_and_it_goes_on_by_itself() {
    let mut house = house(Robot::Wecom).await;
    house.server.deliver(
        "INBOX",
        &support::mail::report("a", "丹东市教育局", 23),
        may(24, 8, 0),
    );
    let full = |house: &mut House, least| {
        let mut config = house.daemon.config().clone();
        config.alarms.least_free_megabytes = least;
        let data = house.dir.path().join("data");
        let other = tempfile::tempdir().unwrap();
        let spare = Daemon::open(config.clone(), other.path()).unwrap();
        drop(std::mem::replace(&mut house.daemon, spare));
        house.daemon = Daemon::open(config, &data).unwrap();
        house.daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    };
    full(&mut house, u64::MAX);
    house.pass(may(24, 9, 0)).await;
    assert!(house.told()[0].contains("磁盘空间不足"));
    assert!(house.daemon.store.mails(None).unwrap().is_empty());
    full(&mut house, 0);
    house.pass(may(24, 9, 3)).await;
    assert_eq!(house.daemon.store.mails(None).unwrap().len(), 1);
    assert!(house.told()[0].contains("恢复正常"));
}

#[tokio::test]
async fn health_ends_with_1_while_something_is_wrong() {
    let mut house = house(Robot::Wecom).await;
    let health = |house: &House, at: &str| {
        let data = house.dir.path().join("data");
        let output = Command::new(env!("CARGO_BIN_EXE_baosong"))
            .args(["--data", data.to_str().unwrap(), "--at", at, "health"])
            .output()
            .unwrap();
        output.status.code()
    };
    house.pass(may(20, 9, 0)).await;
    assert_eq!(health(&house, "2022-05-20T09:10:00+08:00"), Some(0));
    assert_eq!(health(&house, "2022-05-20T09:40:00+08:00"), Some(1));
    house
        .server
        .misbehave(ImapFault::RefuseLogin(b"LOGIN Login error".to_vec()));
    house.pass(may(20, 9, 3)).await;
    assert_eq!(health(&house, "2022-05-20T09:10:00+08:00"), Some(1));
}

#[test]
fn each_robot_is_told_in_its_own_form() {
    let alarm = baosong::store::Alarm {
        id: 1,
        name: "disk".into(),
        what: "磁盘空间不足".into(),
        since: may(24, 9, 0),
        cleared: None,
    };
    let text = "报送系统告警：磁盘空间不足（5月24日 09:00起）";
    for robot in [Robot::Wecom, Robot::Dingtalk] {
        let body = baosong::outgoing::to_robot(robot, &alarm);
        assert_eq!(
            body,
            serde_json::json!({"msgtype": "text", "text": {"content": text}})
        );
    }
    let body = baosong::outgoing::to_robot(Robot::Feishu, &alarm);
    assert_eq!(
        body,
        serde_json::json!({"msg_type": "text", "content": {"text": text}})
    );
}
