//! The mailbox against the stand-in: what is fetched, what is never changed, what a fault costs.

mod support;

use baosong::attribution::Outcome;
use baosong::config::{Config, Tls};
use baosong::daemon::Daemon;
use baosong::mailbox::{Error, Session};
use std::sync::atomic::{AtomicUsize, Ordering};
use support::mail::{large, may, report};
use support::standin::{ImapFault, SmtpFault, Standin};
use tempfile::TempDir;

const USER: &str = "lnzjhdz@163.com";
const CODE: &str = "ABCDEFGHIJKLMNOP";
const CITY: &str = "丹东市教育局";

struct House {
    server: Standin,
    daemon: Daemon,
    dir: TempDir,
}

fn settings(server: &Standin, dir: &TempDir, tls: Tls) -> Config {
    let code = dir.path().join("code");
    std::fs::write(&code, CODE).unwrap();
    let mut config = Config::default();
    config.mailbox.host = "127.0.0.1".into();
    config.mailbox.port = server.imap_port();
    config.mailbox.tls = tls;
    config.mailbox.password_file = code.clone();
    // The machine that runs the tests may be as full as it likes.
    config.alarms.least_free_megabytes = 0;
    config.outgoing.host = "127.0.0.1".into();
    config.outgoing.port = server.smtp_port();
    config.outgoing.tls = tls;
    config.outgoing.password_file = code;
    config.staff.digest_to = vec!["office@example.cn".into()];
    config
}

async fn house() -> House {
    let (server, dir) = (
        Standin::start(USER, CODE).await,
        tempfile::tempdir().unwrap(),
    );
    let config = settings(&server, &dir, Tls::None);
    let mut daemon = Daemon::open(config, &dir.path().join("data")).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    House {
        server,
        daemon,
        dir,
    }
}

impl House {
    async fn poll(&mut self) -> anyhow::Result<usize> {
        let polled = self.daemon.poll(may(24, 11, 0)).await;
        self.daemon.judge().unwrap();
        polled
    }

    fn sources(&self) -> Vec<String> {
        self.daemon
            .store
            .mails(None)
            .unwrap()
            .into_iter()
            .map(|mail| mail.source)
            .collect()
    }

    fn unexplained(&self) -> i64 {
        self.daemon
            .store
            .ledger()
            .unwrap()
            .iter()
            .map(|line| line.unexplained())
            .sum()
    }
}

#[tokio::test]
async fn a_report_is_kept_once_and_judged() {
    let mut house = house().await;
    let uid = house
        .server
        .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
    assert_eq!(house.poll().await.unwrap(), 1);
    assert_eq!(house.poll().await.unwrap(), 0);
    let mails = house.daemon.store.mails(None).unwrap();
    assert_eq!(mails[0].outcome, Some(Outcome::Reports));
    assert_eq!(mails[0].source, format!("INBOX/{uid}"));
    assert_eq!(mails[0].received_at, may(24, 8, 10));
}

#[tokio::test]
async fn nothing_in_the_mailbox_changes() {
    let mut house = house().await;
    house
        .server
        .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
    house
        .server
        .deliver("INBOX", &large("b", CITY, 23, 6 << 20), may(24, 8, 20));
    let before = house.server.mails("INBOX");
    house.poll().await.unwrap();
    house.poll().await.unwrap();
    assert_eq!(house.server.mails("INBOX"), before);
    assert_eq!(house.server.changes(), 0);
}

#[tokio::test]
async fn each_connection_sends_id_before_examine_and_says_goodbye() {
    let mut house = house().await;
    house.poll().await.unwrap();
    let commands = house.server.commands();
    let verbs: Vec<&str> = commands
        .iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(verbs[..4], ["LOGIN", "ID", "LIST", "EXAMINE"]);
    assert_eq!(verbs.last(), Some(&"LOGOUT"));
    assert!(!commands.iter().any(|line| line.contains("ENVELOPE")
        || line.contains("BODYSTRUCTURE")
        || line.contains(CODE)));
}

#[tokio::test]
async fn spam_and_virus_folders_are_watched_and_drafts_are_not() {
    let mut house = house().await;
    for (n, folder) in [
        "INBOX",
        "&V4NXPpCuTvY-",
        "&dcVr0mWHTvZZOQ-",
        "&Xn9USpCuTvY-",
        "&i6KWBZCuTvY-",
        "&g0l6P3ux-",
        "&XfJT0ZAB-",
    ]
    .iter()
    .enumerate()
    {
        house
            .server
            .deliver(folder, &report(&format!("m{n}"), CITY, 23), may(24, 8, 10));
    }
    assert_eq!(house.poll().await.unwrap(), 5);
    assert_eq!(house.unexplained(), 0);
}

#[tokio::test]
async fn a_folder_that_cannot_be_opened_is_reported_and_does_not_stop_the_others() {
    let mut house = house().await;
    house
        .server
        .misbehave(ImapFault::RefuseExamine("&V4NXPpCuTvY-".into()));
    house
        .server
        .deliver("&i6KWBZCuTvY-", &report("a", CITY, 23), may(24, 8, 10));
    assert_eq!(house.poll().await.unwrap(), 1);
    let troubles = house.daemon.store.troubles().unwrap();
    assert_eq!(troubles.len(), 1);
    assert_eq!(troubles[0].folder, "&V4NXPpCuTvY-");
    house.server.behave();
    house.poll().await.unwrap();
    assert!(house.daemon.store.troubles().unwrap().is_empty());
}

#[tokio::test]
async fn one_mail_in_two_folders_is_one() {
    let mut house = house().await;
    let raw = report("a", CITY, 23);
    house.server.deliver("INBOX", &raw, may(24, 8, 10));
    house.server.deliver("&V4NXPpCuTvY-", &raw, may(24, 8, 10));
    house.poll().await.unwrap();
    assert_eq!(house.sources().len(), 1);
    assert_eq!(house.unexplained(), 0);
}

#[tokio::test]
async fn a_changed_uidvalidity_makes_no_double() {
    let mut house = house().await;
    for n in 0..5 {
        house
            .server
            .deliver("INBOX", &report(&format!("m{n}"), CITY, 23), may(24, 8, n));
    }
    house.poll().await.unwrap();
    house.server.renumber("INBOX", 2);
    house
        .server
        .deliver("INBOX", &report("new", CITY, 23), may(24, 9, 0));
    assert_eq!(house.poll().await.unwrap(), 1);
    assert_eq!(house.sources().len(), 6);
    assert_eq!(house.unexplained(), 0);
}

#[tokio::test]
async fn a_mail_that_shows_up_late_under_a_low_uid_is_found() {
    let mut house = house().await;
    house
        .server
        .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
    house.poll().await.unwrap();
    house
        .server
        .deliver_as("INBOX", 77, &report("b", CITY, 23), may(24, 8, 5));
    assert_eq!(house.poll().await.unwrap(), 1);
}

#[tokio::test]
async fn places_that_a_poll_knows_without_counting_are_those_that_counting_finds() {
    let mut house = house().await;
    let minute = |n| may(24, 8, n);
    let deliver = |house: &House, n: u32, name: &str| {
        let raw = report(name, CITY, 23);
        house.server.deliver("INBOX", &raw, minute(n))
    };
    deliver(&house, 10, "a");
    house.poll().await.unwrap();
    deliver(&house, 20, "b");
    let bad = deliver(&house, 30, "c");
    house.server.misbehave(ImapFault::RefuseFetch(bad));
    assert_eq!(house.poll().await.unwrap(), 1);
    let cursor = house.daemon.store.cursor("INBOX").unwrap().unwrap();
    assert_eq!((cursor.settled_count, places(&house)), (Some(3), 3));
    house.server.behave();
    // Below all that was seen: the counts alone tell of it.
    let low = report("late", CITY, 23);
    house.server.deliver_as("INBOX", 77, &low, minute(5));
    assert_eq!(house.poll().await.unwrap(), 2);
    assert_eq!((places(&house), house.unexplained()), (4, 0));
}

/// Places of INBOX, counted.
fn places(house: &House) -> u32 {
    let cursor = house.daemon.store.cursor("INBOX").unwrap().unwrap();
    let store = &house.daemon.store;
    store.present("INBOX", cursor.uidvalidity).unwrap()
}

#[tokio::test]
async fn a_first_version_found_late_in_the_spam_folder_turns_the_second_into_its_repeat() {
    let mut house = house().await;
    house
        .server
        .deliver("INBOX", &report("a", CITY, 23), may(24, 11, 30));
    house.poll().await.unwrap();
    let first = String::from_utf8(report("a", CITY, 23))
        .unwrap()
        .replace("三百多名", "二百多名");
    house
        .server
        .deliver("&V4NXPpCuTvY-", first.as_bytes(), may(24, 8, 10));
    house.poll().await.unwrap();
    let facts = house.daemon.store.facts().unwrap();
    assert_eq!(facts.len(), 2);
    assert_eq!(
        (facts[0].repeats, facts[1].repeats),
        (None, Some(facts[0].id))
    );
    assert_eq!(
        (facts[0].arrived, facts[1].arrived),
        (may(24, 8, 10), may(24, 11, 30))
    );
}

#[tokio::test]
async fn a_mail_that_a_clerk_deletes_stays_kept() {
    let mut house = house().await;
    let uid = house
        .server
        .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
    house.poll().await.unwrap();
    house.server.remove("INBOX", uid);
    house.poll().await.unwrap();
    assert_eq!(house.sources().len(), 1);
    assert_eq!(house.unexplained(), 0);
}

#[tokio::test]
async fn a_mail_that_cannot_be_fetched_does_not_block_those_after_it() {
    for fault in [
        ImapFault::RefuseFetch as fn(u32) -> ImapFault,
        ImapFault::CloseAtFetchOf,
    ] {
        let mut house = house().await;
        house
            .server
            .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
        let bad = house
            .server
            .deliver("INBOX", &report("b", CITY, 23), may(24, 8, 20));
        house
            .server
            .deliver("INBOX", &report("c", CITY, 23), may(24, 8, 30));
        house.server.misbehave(fault(bad));
        assert_eq!(house.poll().await.unwrap(), 2);
        assert_eq!(
            house.unexplained(),
            0,
            "the failed mail stands in the ledger"
        );
        house.server.behave();
        assert_eq!(house.poll().await.unwrap(), 1, "and is asked for again");
    }
}

/// imap-proto panics on it.
#[tokio::test]
async fn a_mail_without_internaldate_does_not_block_the_others() {
    let mut house = house().await;
    for n in 0..7 {
        house
            .server
            .deliver("INBOX", &report(&format!("m{n}"), CITY, 23), may(24, 8, n));
    }
    let bad = house.server.mails("INBOX")[3].uid;
    house.server.misbehave(ImapFault::NilDate(bad));
    assert_eq!(house.poll().await.unwrap(), 6);
    assert_eq!(house.unexplained(), 0);
}

#[tokio::test]
async fn a_large_mail_comes_in_parts_whole() {
    for fault in [
        None,
        Some(ImapFault::IgnoreParts),
        Some(ImapFault::RefuseParts),
    ] {
        let mut house = house().await;
        let raw = large("a", CITY, 23, 9 << 20);
        fault
            .into_iter()
            .for_each(|fault| house.server.misbehave(fault));
        house.server.deliver("INBOX", &raw, may(24, 8, 10));
        assert_eq!(house.poll().await.unwrap(), 1);
        let blob = house.dir.path().join("data/blobs");
        let sha256 = baosong::store::hash(&raw);
        assert_eq!(
            std::fs::read(blob.join(&sha256[..2]).join(&sha256)).unwrap(),
            raw
        );
    }
}

#[tokio::test]
async fn each_part_of_a_large_mail_is_a_sign_of_life() {
    let house = house().await;
    let raw = large("a", CITY, 23, 9 << 20);
    house.server.deliver("INBOX", &raw, may(24, 8, 10));
    let settings = settings(&house.server, &house.dir, Tls::None).mailbox;
    let code = baosong::config::secret(&settings.password_file).unwrap();
    let mut session = Session::open(&settings, &code).await.unwrap();
    session.examine("INBOX").await.unwrap();
    let found = session.search(1).await.unwrap();
    let listed = session.list(&found).await.unwrap();
    let signs = AtomicUsize::new(0);
    let got_on = || {
        signs.fetch_add(1, Ordering::Relaxed);
    };
    let fetched = session.fetch(&listed, house.dir.path(), &got_on).await;
    assert_eq!(fetched.unwrap().len(), 1);
    assert_eq!(signs.into_inner(), raw.len().div_ceil(1 << 20));
}

#[tokio::test]
async fn chatter_in_the_midst_of_a_fetch_is_passed_over() {
    let mut house = house().await;
    house.server.misbehave(ImapFault::Chatter);
    house
        .server
        .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
    assert_eq!(house.poll().await.unwrap(), 1);
}

/// async-imap takes a tagged NO and a clean end of stream for an empty answer.
#[tokio::test]
async fn a_poll_counts_as_done_only_by_its_tagged_ok() {
    // A SEARCH that fails beside its EXAMINE is asked by itself.
    for (verb, times) in [("LIST", 1), ("EXAMINE", 1), ("UID SEARCH", 2)] {
        for fault in [
            ImapFault::CloseAt as fn(&'static str) -> ImapFault,
            ImapFault::ByeAt,
        ] {
            let mut house = house().await;
            house
                .server
                .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
            for _ in 0..times {
                house.server.misbehave(fault(verb));
            }
            assert!(house.poll().await.is_err(), "{verb}");
            assert!(!house.daemon.store.troubles().unwrap().is_empty());
            assert_eq!(house.poll().await.unwrap(), 1, "{verb}");
            assert!(house.daemon.store.troubles().unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn a_connection_lost_while_fetching_is_made_anew() {
    for fault in [
        ImapFault::CloseAt as fn(&'static str) -> ImapFault,
        ImapFault::ByeAt,
    ] {
        let mut house = house().await;
        for n in 0..3 {
            house
                .server
                .deliver("INBOX", &report(&format!("m{n}"), CITY, 23), may(24, 8, n));
        }
        house.server.misbehave(fault("UID FETCH"));
        assert_eq!(house.poll().await.unwrap(), 3);
        let logins = house
            .server
            .commands()
            .iter()
            .filter(|line| *line == "LOGIN")
            .count();
        assert_eq!(logins, 2);
    }
}

#[tokio::test]
async fn a_fetch_that_is_cut_anywhere_loses_nothing() {
    let answer = 700;
    for after in (0..answer).step_by(97) {
        let mut house = house().await;
        for n in 0..3 {
            house
                .server
                .deliver("INBOX", &report(&format!("m{n}"), CITY, 23), may(24, 8, n));
        }
        house.server.misbehave(ImapFault::CutFetchAfter(after));
        let first = house.poll().await.unwrap_or(0);
        let second = house.poll().await.unwrap_or(0);
        assert_eq!(
            (first + second, house.unexplained()),
            (3, 0),
            "cut after {after}"
        );
    }
}

#[tokio::test]
async fn refused_credentials_are_told_apart_and_name_the_remedy() {
    let mut house = house().await;
    std::fs::write(house.dir.path().join("code"), "WRONG").unwrap();
    let error = house.poll().await.unwrap_err();
    assert!(
        matches!(error.downcast_ref(), Some(Error::Credentials { .. })),
        "{error:#}"
    );
    let text = format!("{error:#}");
    assert!(text.contains("授权码") && !text.contains("WRONG"), "{text}");
}

#[tokio::test]
async fn a_refused_id_is_named_when_the_folder_stays_shut() {
    for word in ["NO", "BAD"] {
        let mut house = house().await;
        house.server.misbehave(ImapFault::RefuseId(word));
        house.poll().await.unwrap();
        let what = &house.daemon.store.troubles().unwrap()[0].what;
        assert!(
            what.contains("Unsafe Login") && what.contains("ID was refused"),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_server_that_closes_early_is_an_error_and_loses_nothing() {
    let mut house = house().await;
    house.server.misbehave(ImapFault::CloseAt("LOGIN"));
    house
        .server
        .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
    assert!(house.poll().await.is_err());
    assert_eq!(house.poll().await.unwrap(), 1);
}

#[tokio::test]
async fn a_letter_goes_out_once_and_under_one_message_id_when_its_250_is_lost() {
    let mut house = house().await;
    house.server.misbehave_smtp(SmtpFault::CloseAfterDot);
    let digest_time = may(24, 10, 30);
    house.daemon.pass(digest_time).await.unwrap();
    house
        .daemon
        .pass(digest_time + chrono::TimeDelta::minutes(20))
        .await
        .unwrap();
    house
        .daemon
        .pass(digest_time + chrono::TimeDelta::minutes(40))
        .await
        .unwrap();
    let ids: Vec<String> = house
        .server
        .accepted()
        .iter()
        .map(|letter| header(&letter.data, "Message-ID"))
        .collect();
    assert_eq!(ids.len(), 2, "once more, for want of a 250");
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_letter_that_the_server_refuses_for_good_is_not_tried_again() {
    let mut house = house().await;
    house
        .server
        .misbehave_smtp(SmtpFault::Answer(".", "554 DT:SPM 163 smtp"));
    house.daemon.pass(may(24, 10, 30)).await.unwrap();
    house.daemon.pass(may(24, 16, 0)).await.unwrap();
    let letters = house
        .daemon
        .store
        .letters_between(may(24, 0, 0), may(25, 0, 0))
        .unwrap();
    let digest = letters
        .iter()
        .find(|letter| letter.rule == "digest")
        .unwrap();
    assert_eq!(digest.attempts, 1);
    let sent = house.server.accepted();
    assert!(
        sent.iter()
            .all(|letter| header(&letter.data, "Message-ID") != format!("<{}>", digest.message_id))
    );
}

#[tokio::test]
async fn a_letter_that_is_put_off_is_sent_later() {
    let mut house = house().await;
    house
        .server
        .misbehave_smtp(SmtpFault::Answer("MAIL", "421 HL:REP"));
    house.daemon.pass(may(24, 10, 30)).await.unwrap();
    assert!(house.server.accepted().is_empty());
    house.daemon.pass(may(24, 11, 30)).await.unwrap();
    assert_eq!(house.server.accepted().len(), 1);
}

#[tokio::test]
async fn a_failed_poll_keeps_reminders_back_but_not_the_digest() {
    let mut house = house().await;
    house.server.misbehave(ImapFault::CloseAt("LOGIN"));
    assert!(house.daemon.pass(may(26, 11, 0)).await.is_err());
    let subjects: Vec<String> = house
        .server
        .accepted()
        .iter()
        .map(|l| String::from_utf8_lossy(&l.data).into_owned())
        .collect();
    assert_eq!(subjects.len(), 1);
}

#[tokio::test]
async fn implicit_tls_is_checked_against_the_authority_of_the_settings() {
    let (server, dir) = (
        Standin::start_tls(USER, CODE).await,
        tempfile::tempdir().unwrap(),
    );
    let mut config = settings(&server, &dir, Tls::Implicit);
    server.deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
    let data = dir.path().join("data");
    let refused = Daemon::open(config.clone(), &data)
        .unwrap()
        .poll(may(24, 11, 0))
        .await
        .unwrap_err();
    assert!(format!("{refused:#}").contains("TLS"), "{refused:#}");
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, server.ca_pem()).unwrap();
    config.mailbox.ca_file = Some(ca.clone());
    config.outgoing.ca_file = Some(ca);
    let mut daemon = Daemon::open(config, &data).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    daemon.pass(may(24, 10, 30)).await.unwrap();
    assert_eq!(daemon.store.mails(None).unwrap().len(), 1);
    assert_eq!(server.accepted().len(), 1);
}

#[tokio::test]
async fn a_second_instance_on_the_same_data_refuses_to_start() {
    let house = house().await;
    let second = Daemon::open(Config::default(), &house.dir.path().join("data"));
    let error = second.err().unwrap().to_string();
    assert!(error.contains("another baosong"), "{error}");
}

fn header(raw: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(raw);
    let line = text
        .lines()
        .find(|line| line.starts_with(name))
        .unwrap_or_default();
    line.split_once(": ")
        .map_or(String::new(), |(_, value)| value.to_owned())
}

#[tokio::test]
async fn a_70_mb_mail_is_kept_whole_and_judged() {
    let mut house = house().await;
    let raw = large("a", CITY, 23, 52_000_000);
    assert!(raw.len() > 70_000_000);
    house.server.deliver("INBOX", &raw, may(24, 8, 10));
    assert_eq!(house.poll().await.unwrap(), 1);
    let mails = house.daemon.store.mails(None).unwrap();
    assert_eq!(mails[0].outcome, Some(Outcome::Reports));
    let submission = &house
        .daemon
        .store
        .submissions_of(mails[0].id.unwrap())
        .unwrap()[0];
    assert_eq!(
        house
            .daemon
            .store
            .files_of_submission(submission.fact.id)
            .unwrap()[0]
            .bytes,
        52_000_004
    );
}

#[tokio::test]
async fn an_answer_in_gbk_or_garbage_is_an_error_and_not_a_hang() {
    let faults = [
        ImapFault::RefuseLogin(b"LOGIN \xb5\xc7\xc2\xbc\xca\xa7\xb0\xdc".to_vec()),
        ImapFault::Garbage,
        ImapFault::ShortLiterals,
    ];
    for fault in faults {
        let mut house = house().await;
        house
            .server
            .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
        house.server.misbehave(fault.clone());
        let polled = tokio::time::timeout(std::time::Duration::from_secs(100), house.poll())
            .await
            .expect("an end");
        assert!(
            polled.is_err() || house.sources()[0].starts_with("INBOX/"),
            "{fault:?}"
        );
        house.server.behave();
        house.poll().await.unwrap();
        assert_eq!(
            house
                .daemon
                .store
                .mails(None)
                .unwrap()
                .iter()
                .filter(|m| m.id.is_some())
                .count(),
            1,
            "{fault:?}"
        );
    }
}
