//! Letters on their way out: at what pace, on what facts, and what follows when one comes back.

mod support;

use baosong::config::{Config, Tls};
use baosong::daemon::Daemon;
use baosong::store::LetterState;
use chrono::{DateTime, FixedOffset, TimeDelta};
use std::fmt::Write;
use support::mail::{may, plain, report};
use support::standin::{SmtpFault, Standin};
use tempfile::TempDir;

const USER: &str = "lnzjhdz@163.com";
const CODE: &str = "ABCDEFGHIJKLMNOP";
const COLLEGES: usize = 12;

struct House {
    server: Standin,
    daemon: Daemon,
    _dir: TempDir,
}

fn college(n: usize) -> String {
    format!(
        "{}职业学院",
        [
            "甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸", "子", "丑"
        ][n]
            .repeat(3)
    )
}

/// Twelve colleges with one address each, and no city.
fn roster() -> String {
    let mut toml = String::from("city = []\n");
    for n in 0..COLLEGES {
        writeln!(
            toml,
            "[[college]]\nname = \"{}\"\ncity = \"沈阳市\"\naddresses = [\"c{n}@school.example\"]",
            college(n)
        )
        .unwrap();
    }
    toml
}

async fn house(change: impl Fn(&mut Config)) -> House {
    let (server, dir) = (
        Standin::start(USER, CODE).await,
        tempfile::tempdir().unwrap(),
    );
    let (code, units) = (dir.path().join("code"), dir.path().join("units.toml"));
    std::fs::write(&code, CODE).unwrap();
    std::fs::write(&units, roster()).unwrap();
    let mut config = Config {
        units_file: Some(units),
        ..Config::default()
    };
    config.mailbox.host = "127.0.0.1".into();
    config.mailbox.port = server.imap_port();
    config.mailbox.tls = Tls::None;
    config.mailbox.password_file = code.clone();
    // The machine that runs the tests may be as full as it likes.
    config.alarms.least_free_megabytes = 0;
    config.outgoing.host = "127.0.0.1".into();
    config.outgoing.port = server.smtp_port();
    config.outgoing.tls = Tls::None;
    config.outgoing.password_file = code;
    config.staff.digest_to = vec!["office@example.cn".into()];
    change(&mut config);
    let mut daemon = Daemon::open(config, &dir.path().join("data")).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    House {
        server,
        daemon,
        _dir: dir,
    }
}

impl House {
    async fn pass(&mut self, now: DateTime<FixedOffset>) {
        self.daemon.pass(now).await.unwrap();
    }

    fn recipients(&self) -> Vec<String> {
        self.server
            .accepted()
            .iter()
            .map(|letter| letter.to[0].clone())
            .collect()
    }

    /// The plain text of the letter that went to `to` last.
    fn text_to(&self, to: &str) -> String {
        let letter = self
            .server
            .accepted()
            .into_iter()
            .rfind(|letter| letter.to[0] == to)
            .unwrap();
        baosong::message::read(&letter.data, &mut Nobody).text
    }

    fn message_id_to(&self, to: &str) -> String {
        let letter = self
            .server
            .accepted()
            .into_iter()
            .rfind(|letter| letter.to[0] == to)
            .unwrap();
        baosong::message::read(&letter.data, &mut Nobody)
            .message_id
            .unwrap()
    }

    fn states(&self, unit: &str) -> Vec<LetterState> {
        let all = self
            .daemon
            .store
            .letters_between(may(1, 0, 0), may(31, 23, 0))
            .unwrap();
        all.into_iter()
            .filter(|letter| letter.about == unit)
            .map(|letter| letter.state)
            .collect()
    }

    fn telephone(&self, now: DateTime<FixedOffset>) -> Vec<String> {
        let reminders = self.daemon.reminders(now).unwrap();
        reminders
            .telephone
            .iter()
            .map(|due| due.unit.name.clone())
            .collect()
    }
}

struct Nobody;

impl baosong::message::Host for Nobody {
    fn run(&mut self, _: baosong::message::Tool) -> Result<Vec<u8>, String> {
        Err("none".into())
    }
}

#[tokio::test]
async fn staff_s_digest_leaves_first_and_reminders_at_the_pace_that_is_set() {
    let mut house = house(|config| config.outgoing.letters_a_minute = 5).await;
    let mut now = may(30, 11, 0);
    house.pass(now).await;
    let first = house.recipients();
    assert_eq!((first.len(), first[0].as_str()), (5, "office@example.cn"));
    house.pass(now).await;
    assert_eq!(house.recipients().len(), 5, "the same minute");
    for _ in 0..4 {
        now += TimeDelta::minutes(1);
        house.pass(now).await;
    }
    let mut all = house.recipients();
    assert_eq!(all.len(), COLLEGES + 1);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), COLLEGES + 1, "each once");
}

#[tokio::test]
async fn what_the_day_s_pace_did_not_allow_is_dropped_with_a_reason() {
    let mut house = house(|config| config.outgoing.letters_a_day = 3).await;
    house.pass(may(29, 11, 0)).await;
    house.pass(may(29, 19, 0)).await;
    assert_eq!(house.recipients().len(), 3);
    house.pass(may(30, 10, 0)).await;
    let dropped = (0..COLLEGES)
        .filter(|n| house.states(&college(*n)) == [LetterState::Superseded])
        .count();
    assert_eq!(dropped, COLLEGES - 2, "two went out beside the digest");
}

#[tokio::test]
async fn a_reminder_tells_what_is_so_when_it_leaves_not_when_it_was_queued() {
    let mut house = house(|config| config.outgoing.letters_a_minute = 100).await;
    house.server.misbehave_smtp(SmtpFault::Answer(
        "AUTH",
        "535 Error: authentication failed",
    ));
    house.pass(may(29, 11, 0)).await;
    assert!(house.recipients().is_empty());
    house
        .server
        .deliver("INBOX", &report("a", &college(0), 27), may(29, 11, 5));
    house.pass(may(29, 11, 30)).await;
    let (delivered, lacking) = (
        house.text_to("c0@school.example"),
        house.text_to("c1@school.example"),
    );
    assert!(
        lacking.contains("尚未收到") && lacking.contains("还缺2份"),
        "{lacking}"
    );
    assert!(
        !delivered.contains("尚未收到") && delivered.contains("总结"),
        "{delivered}"
    );
}

#[tokio::test]
async fn a_reminder_is_dropped_when_the_unit_delivers_before_it_leaves() {
    let mut house = house(|config| config.outgoing.letters_a_minute = 100).await;
    house.server.misbehave_smtp(SmtpFault::Answer(
        "AUTH",
        "535 Error: authentication failed",
    ));
    house.pass(may(27, 11, 0)).await;
    house
        .server
        .deliver("INBOX", &report("a", &college(1), 26), may(27, 11, 5));
    house.pass(may(27, 11, 30)).await;
    assert!(!house.recipients().contains(&"c1@school.example".to_owned()));
    assert_eq!(house.states(&college(1)), [LetterState::Superseded]);
    let to_units = house
        .recipients()
        .into_iter()
        .filter(|to| to.ends_with("@school.example"));
    assert_eq!(to_units.count(), COLLEGES - 1, "all others");
}

#[tokio::test]
async fn units_are_left_alone_at_night_and_stale_reminders_are_not_made_up_for() {
    let mut house = house(|config| {
        config.staff.digest_to.clear();
        config.outgoing.letters_a_minute = 100;
    })
    .await;
    house.pass(may(30, 20, 30)).await;
    assert!(house.recipients().is_empty());
    house.pass(may(31, 11, 0)).await;
    assert_eq!(house.recipients().len(), COLLEGES, "one each, of today");
    assert_eq!(
        house.states(&college(0)),
        [LetterState::Superseded, LetterState::Sent]
    );
}

#[tokio::test]
async fn no_reminder_leaves_on_a_poll_of_an_hour_ago() {
    let mut house = house(|config| {
        config.staff.digest_to.clear();
        config.outgoing.letters_a_minute = 1;
    })
    .await;
    house.pass(may(30, 11, 0)).await;
    assert_eq!(house.recipients().len(), 1);
    house.daemon.send(may(30, 12, 0)).await.unwrap();
    assert_eq!(house.recipients().len(), 1, "the facts may have changed");
    house.pass(may(30, 12, 1)).await;
    assert_eq!(house.recipients().len(), 2);
}

#[tokio::test]
async fn a_letter_that_is_put_off_eight_times_is_given_up() {
    let mut house = house(|config| config.outgoing.reminders = false).await;
    let mut now = may(30, 10, 30);
    for _ in 0..8 {
        house
            .server
            .misbehave_smtp(SmtpFault::Answer(".", "451 MI:SFQ try again"));
        house.daemon.store.letters_due(now).unwrap();
        house.pass(now).await;
        // The longest wait is five hours and a bit, within one day only a few fit; the clock may stand as it will.
        now += TimeDelta::minutes(95);
    }
    let states = house.states("office@example.cn");
    assert!(
        states.iter().all(|state| *state != LetterState::Sent),
        "{states:?}"
    );
    let letters = house
        .daemon
        .store
        .letters_between(may(1, 0, 0), may(31, 23, 0))
        .unwrap();
    let letter = letters
        .iter()
        .find(|letter| letter.rule == "digest")
        .unwrap();
    assert!(
        letter.attempts >= 5 && letter.answer.contains("451"),
        "{} {}",
        letter.attempts,
        letter.answer
    );
}

#[tokio::test]
async fn a_unit_whose_files_lie_behind_a_link_is_not_reminded_until_staff_have_opened_it() {
    let mut house = house(|config| config.outgoing.letters_a_minute = 100).await;
    let text = format!(
        "5月28日，学校邀请劳模走上讲台，为二百名学生讲述钳工生涯，并当场演示刮研技艺，同学们踊跃提问。\r\n照片：https://mail.163.com/large-attachment-download/index.html?p=X-NETEASE-HUGE-ATTACHMENT&file=abc\r\n{}",
        college(3)
    );
    house.server.deliver(
        "INBOX",
        &plain("a", &format!("{}5月28日信息", college(3)), &text),
        may(29, 9, 0),
    );
    house.pass(may(29, 11, 0)).await;
    let held = |house: &House| {
        let reminders = house.daemon.reminders(may(29, 12, 0)).unwrap();
        reminders
            .held
            .iter()
            .map(|due| due.unit.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(held(&house), [college(3)]);
    assert!(!house.recipients().contains(&"c3@school.example".to_owned()));
    house
        .daemon
        .store
        .links_opened(1, "office", may(29, 12, 0))
        .unwrap();
    assert!(held(&house).is_empty());
}

#[tokio::test]
async fn a_paused_unit_gets_no_letter_until_it_is_resumed() {
    let mut house = house(|config| config.outgoing.letters_a_minute = 100).await;
    house
        .daemon
        .store
        .pause(&college(2), "office", may(29, 9, 0))
        .unwrap();
    house.pass(may(29, 11, 0)).await;
    assert!(!house.recipients().contains(&"c2@school.example".to_owned()));
    assert_eq!(house.recipients().len(), COLLEGES);
    house.daemon.store.resume(&college(2)).unwrap();
    house.pass(may(29, 11, 30)).await;
    assert!(house.recipients().contains(&"c2@school.example".to_owned()));
    house
        .daemon
        .store
        .pause("", "office", may(30, 9, 0))
        .unwrap();
    let before = house.recipients().len();
    house.pass(may(30, 11, 0)).await;
    assert_eq!(
        house.recipients().len(),
        before + 1,
        "the digest is not paused"
    );
}

fn bounce(message_id: &str, recipient: &str, diagnostic: &str) -> Vec<u8> {
    format!(
        "From: Postmaster@163.com\r\nSubject: =?gb2312?B?z7XNs83L0MU=?=\r\nMessage-ID: <b{}@163.com>\r\nX-CM-Original-Message-ID: {message_id}\r\n\
         Content-Type: Multipart/report; report-type=delivery-status; boundary=r\r\n\r\n--r\r\nContent-Type: text/plain\r\n\r\nreturned\r\n\
         --r\r\nContent-Type: Message/delivery-status\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.0.0\r\n\
         Diagnostic-Code: SMTP; {diagnostic}\r\n--r--\r\n",
        recipient.len() + diagnostic.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn a_bounce_moves_the_unit_to_the_telephone_list_and_a_full_mailbox_or_a_forgery_does_not() {
    let mut house = house(|config| config.outgoing.letters_a_minute = 100).await;
    house.pass(may(29, 11, 0)).await;
    let id = house.message_id_to("c4@school.example");
    house.server.deliver(
        "INBOX",
        &bounce(&id, "c4@school.example", "550 User not found"),
        may(29, 11, 10),
    );
    let id = house.message_id_to("c5@school.example");
    house.server.deliver(
        "INBOX",
        &bounce(&id, "c5@school.example", "552 Mailbox is full"),
        may(29, 11, 10),
    );
    house.server.deliver(
        "INBOX",
        &bounce(
            "never-ours@163.com",
            "stranger@else.example",
            "550 User not found",
        ),
        may(29, 11, 10),
    );
    house.pass(may(29, 11, 30)).await;
    assert_eq!(house.telephone(may(29, 12, 0)), [college(4)]);
    assert_eq!(house.states(&college(4)), [LetterState::Bounced]);
    let before = house
        .recipients()
        .iter()
        .filter(|to| *to == "c4@school.example")
        .count();
    house.pass(may(30, 11, 0)).await;
    let after = house
        .recipients()
        .iter()
        .filter(|to| *to == "c4@school.example")
        .count();
    assert_eq!(
        (before, after),
        (1, 1),
        "nothing more is sent to an address that is no more"
    );
    assert!(
        house
            .recipients()
            .iter()
            .filter(|to| *to == "c5@school.example")
            .count()
            == 2
    );
    assert!(house.daemon.store.bad_addresses().unwrap().len() == 1);
}

#[tokio::test]
async fn no_unit_gets_more_reminders_than_its_share() {
    let mut house = house(|config| {
        config.outgoing.letters_a_minute = 100;
        config.outgoing.reminders_in_all = 2;
    })
    .await;
    for day in [26, 27, 28, 29] {
        house.pass(may(day, 11, 0)).await;
    }
    let to_one = house
        .recipients()
        .iter()
        .filter(|to| *to == "c0@school.example")
        .count();
    assert_eq!(to_one, 2);
    assert!(house.telephone(may(29, 12, 0)).contains(&college(0)));
}

fn with_receipts(config: &mut Config) {
    config.outgoing.receipts = true;
    config.outgoing.reminders = false;
    config.staff.digest_to.clear();
}

#[tokio::test]
async fn a_report_is_answered_once_with_what_was_noted_and_what_is_missing() {
    let mut house = house(with_receipts).await;
    house
        .server
        .deliver("INBOX", &report("a", &college(0), 23), may(24, 9, 0));
    house.pass(may(24, 9, 5)).await;
    house.pass(may(24, 9, 10)).await;
    house.pass(may(25, 8, 0)).await;
    assert_eq!(house.recipients(), ["a@example.cn"]);
    let text = house.text_to("a@example.cn");
    for word in [
        &college(0),
        "每日活动情况（5月23日）",
        "第1份，至少应报送2份",
        "未见照片",
        "邮件编号1",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let answer = baosong::message::read(&house.server.accepted()[0].data, &mut Nobody);
    assert_eq!(answer.answers, ["a@example.cn"]);
    assert_eq!(
        answer.automatic,
        [baosong::message::Automatic::Reply],
        "machines know it for one of theirs"
    );
}

#[tokio::test]
async fn machines_questions_staff_and_ourselves_get_no_receipt() {
    let mut house = house(|config| {
        with_receipts(config);
        config.staff.digest_to = vec!["boss@example.cn".into()];
    })
    .await;
    let automatic = |header: &str, id: &str| {
        let mail = String::from_utf8(report(id, &college(0), 23)).unwrap();
        format!("{header}\r\n{mail}").into_bytes()
    };
    for (n, header) in [
        "Auto-Submitted: auto-replied",
        "Precedence: bulk",
        "List-Id: <x.y>",
        "X-QQ-AUTO-REPLY: true",
        "Return-Path: <>",
        "X-Auto-Response-Suppress: All",
    ]
    .iter()
    .enumerate()
    {
        house
            .server
            .deliver("INBOX", &automatic(header, &format!("m{n}")), may(24, 8, 0));
    }
    house
        .server
        .deliver("INBOX", &report("boss", &college(1), 23), may(24, 8, 0));
    house.server.deliver(
        "INBOX",
        &String::from_utf8(report("x", &college(2), 23))
            .unwrap()
            .replace("<x@example.cn>\r\nTo", "<lnzjhdz@163.com>\r\nTo")
            .into_bytes(),
        may(24, 8, 0),
    );
    house.server.deliver(
        "INBOX",
        &plain("q", "请教", "请问照片有大小限制吗？"),
        may(24, 8, 0),
    );
    house.pass(may(24, 8, 5)).await;
    assert_eq!(house.recipients(), Vec::<String>::new());
}

#[tokio::test]
async fn one_address_gets_one_automatic_letter_an_hour() {
    let mut house = house(|config| {
        with_receipts(config);
        config.outgoing.letters_a_minute = 100;
    })
    .await;
    let second = |id: &str, day: u32| {
        let text = format!(
            "5月{day}日，学校邀请劳模走上讲台，为{day}0名学生讲述钳工生涯，并当场演示刮研技艺，同学们踊跃提问。\r\n{}",
            college(0)
        );
        String::from_utf8(plain(id, &format!("{}5月{day}日信息", college(0)), &text))
            .unwrap()
            .replace(&format!("From: <{id}@"), "From: <clerk@")
            .into_bytes()
    };
    house
        .server
        .deliver("INBOX", &second("a", 23), may(24, 9, 0));
    house
        .server
        .deliver("INBOX", &second("b", 24), may(24, 9, 1));
    house.pass(may(24, 9, 5)).await;
    house.pass(may(24, 9, 45)).await;
    assert_eq!(house.recipients().len(), 1);
    house.pass(may(24, 10, 6)).await;
    house.pass(may(24, 12, 6)).await;
    assert_eq!(house.recipients(), ["clerk@example.cn", "clerk@example.cn"]);
}

#[tokio::test]
async fn an_address_that_staff_gave_is_written_to_and_one_learnt_from_mails_is_not() {
    let mut house = house(|config| {
        config.outgoing.letters_a_minute = 100;
        let units = config.units_file.clone().unwrap();
        let without = std::fs::read_to_string(&units)
            .unwrap()
            .replace("addresses = [\"c0@school.example\"]", "")
            .replace("addresses = [\"c1@school.example\"]", "");
        std::fs::write(units, without).unwrap();
    })
    .await;
    house
        .server
        .deliver("INBOX", &report("a", &college(0), 23), may(24, 9, 0));
    house
        .daemon
        .teach(
            "office@c1.example",
            &college(1),
            true,
            "office",
            may(24, 9, 0),
        )
        .unwrap();
    house.pass(may(29, 11, 0)).await;
    assert!(
        !house.recipients().contains(&"a@example.cn".to_owned()),
        "a mail teaches whose it is, not whom to write to"
    );
    assert!(house.recipients().contains(&"office@c1.example".to_owned()));
    assert_eq!(house.telephone(may(29, 12, 0)), [college(0)]);
}

#[tokio::test]
async fn a_letter_whose_connection_drops_at_any_step_leaves_later_under_the_same_message_id() {
    for step in ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."] {
        let mut house = house(|config| config.outgoing.reminders = false).await;
        house.server.misbehave_smtp(SmtpFault::CloseAt(step));
        house.pass(may(24, 10, 30)).await;
        assert!(house.recipients().is_empty(), "{step}");
        let id = house.daemon.store.letters_due(may(24, 12, 0)).unwrap()[0]
            .message_id
            .clone();
        house.pass(may(24, 10, 33)).await;
        assert!(house.recipients().is_empty(), "{step}: too early");
        house.pass(may(24, 11, 0)).await;
        assert_eq!(house.recipients(), ["office@example.cn"], "{step}");
        assert_eq!(house.message_id_to("office@example.cn"), id, "{step}");
    }
}

#[tokio::test]
async fn a_deputy_is_written_to_where_the_liaison_s_address_is_no_more() {
    let mut house = house(|config| {
        config.outgoing.letters_a_minute = 100;
        let units = config.units_file.clone().unwrap();
        let deputy = "addresses = [\"c4@school.example\", { address = \"d4@school.example\", role = \"deputy\" }]";
        let with = std::fs::read_to_string(&units).unwrap().replace("addresses = [\"c4@school.example\"]", deputy);
        std::fs::write(units, with).unwrap();
    })
    .await;
    house.pass(may(28, 11, 0)).await;
    let id = house.message_id_to("c4@school.example");
    house.server.deliver(
        "INBOX",
        &bounce(&id, "c4@school.example", "550 User not found"),
        may(28, 11, 10),
    );
    house.pass(may(29, 11, 0)).await;
    assert!(house.recipients().contains(&"d4@school.example".to_owned()));
    assert!(house.telephone(may(29, 12, 0)).is_empty());
}
