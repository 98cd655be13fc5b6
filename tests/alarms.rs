//! Something wrong with the daemon is told once when it begins and once when it is over, by mail and by a robot.

mod support;

use baosong::config::{Config, Robot, Tls};
use baosong::daemon::Daemon;
use baosong::message;
use chrono::{DateTime, FixedOffset};
use std::process::Command;
use support::mail::may;
use support::standin::{ImapFault, SmtpFault, Standin};
use tempfile::TempDir;

const USER: &str = "lnzjhdz@163.com";
const CODE: &str = "ABCDEFGHIJKLMNOP";
const OFFICE: &str = "office@example.cn";

struct House {
    server: Standin,
    daemon: Daemon,
    robot: support::robot::Robot,
    dir: TempDir,
}

struct Nobody;

impl message::Host for Nobody {
    fn run(&mut self, _: message::Tool) -> Result<Vec<u8>, String> {
        Err("none".into())
    }
}

async fn house(kind: Robot) -> House {
    let (server, dir) = (
        Standin::start(USER, CODE).await,
        tempfile::tempdir().unwrap(),
    );
    let robot = support::robot::Robot::start();
    let (code, robot_url) = (dir.path().join("code"), dir.path().join("robot"));
    std::fs::write(&code, CODE).unwrap();
    std::fs::write(&robot_url, &robot.url).unwrap();
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

    /// Another process takes over, with changed settings.
    fn restart(&mut self, change: impl Fn(&mut Config)) {
        let mut config = self.daemon.config().clone();
        change(&mut config);
        let other = tempfile::tempdir().unwrap();
        let spare = Daemon::open(config.clone(), other.path()).unwrap();
        drop(std::mem::replace(&mut self.daemon, spare));
        self.daemon = Daemon::open(config, &self.dir.path().join("data")).unwrap();
        self.daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    }

    /// In these passes the end of an alarm is told, by the robot and by mail, once.
    async fn is_over(&mut self, what: &str, passes: [DateTime<FixedOffset>; 2]) {
        for now in passes {
            self.pass(now).await;
        }
        let ends = |all: Vec<String>| {
            let ends = all
                .iter()
                .filter(|text| text.contains("恢复正常") && text.contains(what));
            ends.count()
        };
        let told = self.told();
        assert_eq!(ends(told.clone()), 1, "{what}: {told:?}");
        assert_eq!(ends(self.subjects()), 1, "{what}: {:?}", self.subjects());
    }

    fn subjects(&self) -> Vec<String> {
        let letters = self.server.accepted().into_iter();
        let subjects = letters.map(|letter| message::read(&letter.data, &mut Nobody).subject);
        subjects
            .filter(|subject| subject.contains("报送系统"))
            .collect()
    }

    fn told(&self) -> Vec<String> {
        self.robot.told()
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
    house
        .is_over("30分钟", [may(20, 9, 34), may(20, 9, 37)])
        .await;
}

#[tokio::test]
async fn polls_that_fail_at_each_fetch_are_no_polls() {
    let mut house = house(Robot::Feishu).await;
    house.pass(may(20, 9, 0)).await;
    let report = support::mail::report("a", "丹东市教育局", 23);
    let uid = house.server.deliver("INBOX", &report, may(20, 9, 1));
    house
        .server
        .misbehave(ImapFault::RefuseExamine("INBOX".into()));
    for minute in [10, 20, 31] {
        house.pass(may(20, 9, minute)).await;
    }
    assert!(house.told().join("").contains("30分钟"));
    house.pass(may(20, 9, 45)).await;
    assert!(house.told().join("").contains("文件夹"), "{uid}");
    house.server.behave();
    house
        .is_over("文件夹", [may(20, 9, 48), may(20, 9, 51)])
        .await;
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
    house
        .is_over("发信服务器拒绝登录", [may(24, 17, 0), may(24, 17, 3)])
        .await;
    let subjects = house.subjects().join("\n");
    assert!(
        subjects.contains("恢复正常：今日日报未能按时发出"),
        "{subjects}"
    );
}

#[tokio::test]
async fn a_digest_that_leaves_late_is_told_as_late_and_as_sent() {
    let mut house = house(Robot::Wecom).await;
    house
        .server
        .misbehave_smtp(SmtpFault::Answer("MAIL", "451 try later"));
    house.pass(may(24, 10, 30)).await;
    assert!(house.told().is_empty());
    house
        .server
        .misbehave_smtp(SmtpFault::Answer("MAIL", "451 try later"));
    house.pass(may(24, 11, 1)).await;
    assert!(house.told()[0].contains("今日日报未能按时发出"));
    house
        .is_over("今日日报", [may(24, 11, 30), may(24, 11, 33)])
        .await;
}

#[tokio::test]
async fn a_letter_that_is_refused_for_good_is_an_alarm_for_a_day() {
    let mut house = house(Robot::Dingtalk).await;
    house
        .server
        .misbehave_smtp(SmtpFault::Answer("RCPT", "550 no such user"));
    house.pass(may(24, 10, 30)).await;
    let told = house.told();
    assert!(told[0].contains("信函被拒收"), "{told:?}");
    house.pass(may(24, 10, 33)).await;
    assert!(house.subjects()[0].contains("信函被拒收"));
    house
        .is_over("信函被拒收", [may(25, 10, 31), may(25, 10, 34)])
        .await;
}

#[tokio::test]
async fn many_mails_in_review_or_unreadable_within_a_day_are_an_alarm_each() {
    let mut house = house(Robot::Wecom).await;
    for n in 0..30 {
        let doubtful = support::mail::plain(
            &format!("r{n}"),
            "活动信息",
            "今天上午举办了技能展示活动，三百多名家长参观。\r\n",
        );
        house.server.deliver("INBOX", &doubtful, may(24, 7, n));
    }
    for n in 0..10 {
        let lost = support::mail::report(&format!("u{n}"), "丹东市教育局", 23);
        let uid = house.server.deliver("INBOX", &lost, may(24, 8, n));
        house.server.misbehave(ImapFault::RefuseFetch(uid));
    }
    house.pass(may(24, 9, 0)).await;
    let told = house.told().join("\n");
    assert!(
        told.contains("无法读取的邮件已达10件") && told.contains("待人工核定的邮件已达30件"),
        "{told}"
    );
    house.server.behave();
    house
        .is_over("无法读取", [may(24, 9, 3), may(24, 9, 6)])
        .await;
    house
        .is_over("待人工核定", [may(25, 9, 0), may(25, 9, 3)])
        .await;
}

#[tokio::test]
async fn a_cause_that_comes_and_goes_does_not_flood() {
    let mut house = house(Robot::Wecom).await;
    let refuse = || ImapFault::RefuseLogin(b"LOGIN Login error".to_vec());
    for round in 0..100 {
        match round % 2 {
            0 => house.server.misbehave(refuse()),
            _ => house.server.behave(),
        }
        house
            .pass(may(20, 9, 0) + chrono::TimeDelta::minutes(3 * round))
            .await;
    }
    let told = house.told();
    assert_eq!(
        told.len(),
        3,
        "an alarm, its end, and one alarm for the rest: {told:?}"
    );
    assert_eq!(house.subjects().len(), 3);
    for minute in [0, 3] {
        house.pass(may(20, 15, minute)).await;
    }
    assert_eq!((house.told().len(), house.subjects().len()), (1, 4));
}

#[tokio::test]
async fn an_alarm_is_not_told_again_by_the_next_process() {
    let mut house = house(Robot::Wecom).await;
    let refuse = || ImapFault::RefuseLogin(b"LOGIN Login error".to_vec());
    house.server.misbehave(refuse());
    for minute in [0, 3, 6, 9] {
        house.restart(|_| ());
        house.pass(may(20, 9, minute)).await;
    }
    assert_eq!((house.told().len(), house.subjects().len()), (1, 1));
    house.server.behave();
    house.restart(|_| ());
    house
        .is_over("授权码", [may(20, 9, 12), may(20, 9, 15)])
        .await;
}

#[tokio::test]
async fn a_robot_that_refuses_in_its_answer_is_told_again() {
    for (kind, refusal) in [
        (
            Robot::Wecom,
            r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#,
        ),
        (
            Robot::Dingtalk,
            r#"{"errcode":310000,"errmsg":"keywords not in content"}"#,
        ),
        (Robot::Feishu, r#"{"code":19001,"msg":"param invalid"}"#),
    ] {
        let mut house = house(kind).await;
        house
            .server
            .misbehave(ImapFault::RefuseLogin(b"LOGIN Login error".to_vec()));
        house.robot.answers(refusal);
        house.pass(may(20, 9, 0)).await;
        house.pass(may(20, 9, 3)).await;
        assert_eq!(house.told().len(), 2, "{kind:?}");
        house.robot.answers("{\"code\":0}");
        house.pass(may(20, 9, 6)).await;
        house.pass(may(20, 9, 9)).await;
        assert_eq!(house.told().len(), 1, "{kind:?}");
    }
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
        house.restart(|config| config.alarms.least_free_megabytes = least);
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
