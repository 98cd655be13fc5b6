//! The mailbox against a real Dovecot.

mod support;

use baosong::config::{Config, Tls, Transport};
use baosong::daemon::Daemon;
use baosong::daemon::doctor::{Doctor, Finding, Item, State};
use chrono::TimeDelta;
use std::time::{Duration, SystemTime};
use support::dovecot::{Dovecot, PASSWORD};
use support::mail::{large, may, report};

#[tokio::test]
async fn a_dovecot_s_mails_are_kept_once_and_left_as_they_were() {
    let (server, dir) = (Dovecot::start(), tempfile::tempdir().unwrap());
    let arrival = SystemTime::UNIX_EPOCH + Duration::from_secs(1_653_350_400);
    let large = large("large", "丹东市教育局", 23, 9 << 20);
    for n in 0..120 {
        let raw = report(&format!("m{n}"), "丹东市教育局", 23);
        server.deliver("office", &format!("1653350400.M{n}.test"), &raw, arrival);
    }
    server.deliver("office", "1653350400.M120.test", &large, arrival);
    let before = server.mails("office");

    let mut config = Config::default();
    config.alarms.least_free_megabytes = 0;
    config.mailbox.host = "127.0.0.1".into();
    config.mailbox.port = server.port();
    config.mailbox.tls = Tls::None;
    config.mailbox.user = "office".into();
    config.mailbox.password_file = dir.path().join("password");
    std::fs::write(&config.mailbox.password_file, PASSWORD).unwrap();
    let data = dir.path().join("data");
    let mut daemon = Daemon::open(config, &data).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());

    assert_eq!(daemon.poll(may(24, 11, 0)).await.unwrap(), 121);
    assert_eq!(daemon.poll(may(24, 11, 3)).await.unwrap(), 0);
    daemon.judge().unwrap();
    let mails = daemon.store.mails(None).unwrap();
    assert_eq!(mails.len(), 121);
    assert!(mails.iter().all(|mail| mail.received_at == may(24, 8, 0)));
    assert_eq!(daemon.store.ledger().unwrap()[0].unexplained(), 0);
    assert_eq!(server.mails("office"), before, "no flag, no move");
    let sha256 = baosong::store::hash(&large);
    let kept = data.join("blobs").join(&sha256[..2]).join(&sha256);
    assert_eq!(std::fs::read(kept).unwrap(), large, "parts make the whole");
}

#[tokio::test]
async fn a_dovecot_is_examined_and_left_as_it_was() {
    let (server, dir) = (Dovecot::start(), tempfile::tempdir().unwrap());
    let arrival = SystemTime::UNIX_EPOCH + Duration::from_secs(1_653_350_400);
    for n in 0..3 {
        let raw = report(&format!("m{n}"), "丹东市教育局", 23);
        server.deliver("office", &format!("1653350400.M{n}.test"), &raw, arrival);
    }
    let before = server.mails("office");
    let mut config = Config::default();
    config.mailbox.host = "127.0.0.1".into();
    config.mailbox.port = server.port();
    config.mailbox.tls = Tls::None;
    config.mailbox.user = "office".into();
    config.mailbox.password_file = dir.path().join("password");
    config.outgoing.transport = Transport::Files;
    std::fs::write(&config.mailbox.password_file, PASSWORD).unwrap();

    // The mails are of 24 May: within the window on that day, and older than 30 days in July.
    for (now, told) in [
        (may(24, 11, 0), "not 30 days old"),
        (
            may(24, 11, 0) + TimeDelta::days(45),
            "not limited to 30 days",
        ),
    ] {
        let doctor = Doctor::new(config.clone(), dir.path(), now);
        let mut findings = Vec::new();
        let mut tell = |finding| findings.push(finding);
        doctor.network(None, &mut tell).await.unwrap();
        let of = |item| {
            findings
                .iter()
                .find(|finding| finding.item == item)
                .unwrap()
        };
        for item in [
            Item::ImapHost,
            Item::ImapConnection,
            Item::ImapLogin,
            Item::Folders,
        ] {
            assert_eq!(of(item).state, State::Ok, "{:?}", of(item));
        }
        assert!(of(Item::Folders).what.en.contains("INBOX 3"));
        assert_eq!(of(Item::Window).state, State::Ok);
        assert!(
            of(Item::Window).what.en.contains(told),
            "{:?}",
            of(Item::Window)
        );
    }
    config.mailbox.password_file = dir.path().join("wrong");
    std::fs::write(&config.mailbox.password_file, "wrong").unwrap();
    let doctor = Doctor::new(config, dir.path(), may(24, 11, 0));
    let mut login = None;
    let mut tell = |finding: Finding| {
        if finding.item == Item::ImapLogin {
            login = finding.remedy;
        }
    };
    doctor.network(None, &mut tell).await.unwrap();
    assert!(login.unwrap().zh.contains("新建授权码"));
    assert_eq!(server.mails("office"), before, "no flag, no move");
}
