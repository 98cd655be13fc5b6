//! What a server may do to a poll or a letter: each fault by itself, on command. `tests/soak` mixes them at random.

mod support;

use baosong::config::{Config, Tls};
use baosong::daemon::Daemon;
use baosong::store::LetterState;
use chrono::TimeDelta;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::mail::{large, may, report};
use support::settings::{CODE, USER, settings};
use support::standin::{Accepted, Flaw, ImapFault, SmtpFault, Standin};
use tempfile::TempDir;

const CITY: &str = "丹东市教育局";
const MAILS: usize = 12;
/// Many times the patience of the settings, for machines that have other work.
const AN_END: Duration = Duration::from_secs(30);

struct House {
    server: Standin,
    daemon: Daemon,
    uids: Vec<u32>,
    _dir: TempDir,
}

/// Twelve mails, one of them larger than what is fetched in one part.
async fn house() -> House {
    let server = Standin::start(USER, CODE).await;
    let mut house = open(server, |_| {});
    for n in 0..MAILS {
        let raw = match n {
            5 => large("m5", CITY, 23, 4 << 20),
            _ => report(&format!("m{n}"), CITY, 23),
        };
        let at = may(24, 8, n as u32);
        house.uids.push(house.server.deliver("INBOX", &raw, at));
    }
    house
}

fn open(server: Standin, change: impl FnOnce(&mut Config)) -> House {
    let dir = tempfile::tempdir().unwrap();
    let mut config = settings(server.ports(), dir.path());
    change(&mut config);
    let mut daemon = Daemon::open(config, &dir.path().join("data")).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    House {
        server,
        daemon,
        uids: vec![],
        _dir: dir,
    }
}

impl House {
    /// The result matters to few; that there is one, and soon, to all.
    async fn pass(&mut self, hour: u32) -> anyhow::Result<()> {
        let begin = Instant::now();
        let passed = self.daemon.pass(may(24, hour, 30)).await;
        assert!(
            begin.elapsed() < AN_END,
            "a pass took {:?}",
            begin.elapsed()
        );
        passed
    }

    /// Distinct mails that are kept.
    fn kept(&self) -> usize {
        let mails = self.daemon.store.mails(None).unwrap().into_iter();
        let ids: BTreeSet<_> = mails
            .filter(|mail| mail.id.is_some())
            .map(|mail| mail.message_id)
            .collect();
        ids.len()
    }

    /// Every mail once, every blob whole, nothing unexplained.
    fn is_whole(&self, mails: usize, after: &str) {
        let rows = self.daemon.store.mails(None).unwrap();
        assert_eq!((rows.len(), self.kept()), (mails, mails), "{after}");
        assert_eq!(
            self.daemon.verify().unwrap().faults,
            Vec::<String>::new(),
            "{after}"
        );
        for line in self.daemon.store.ledger().unwrap() {
            assert_eq!(line.unexplained(), 0, "{after}: {}", line.folder);
        }
    }
}

#[tokio::test]
async fn whatever_the_server_does_to_a_poll_every_mail_is_kept_once_when_it_is_over() {
    type Make = fn(u32) -> ImapFault;
    let faults: [Make; 20] = [
        |_| ImapFault::TurnAway,
        |_| ImapFault::OddGreeting,
        |_| ImapFault::NoGreeting,
        |_| ImapFault::UnsafeLogin,
        |_| ImapFault::RefuseLogin(b"LOGIN too many connections, try again later".to_vec()),
        |_| ImapFault::RefuseLogin(b"LOGIN \xb5\xc7\xc2\xbc\xca\xa7\xb0\xdc".to_vec()),
        |_| ImapFault::SilentAt("LOGIN"),
        |_| ImapFault::SilentAt("ID"),
        |_| ImapFault::SilentAt("LIST"),
        |_| ImapFault::SilentAt("EXAMINE"),
        |_| ImapFault::SilentAt("UID SEARCH"),
        |_| ImapFault::SilentAt("UID FETCH"),
        |_| ImapFault::ByeAt("UID SEARCH"),
        |_| ImapFault::Drops(7),
        |_| ImapFault::Chatter,
        |_| ImapFault::Garbage,
        |_| ImapFault::LongLiterals,
        |_| ImapFault::ShortLiterals,
        ImapFault::BadFetch,
        ImapFault::RefuseFetch,
    ];
    for make in faults {
        let mut house = house().await;
        let fault = make(house.uids[0]);
        house.server.misbehave(fault.clone());
        let _ = house.pass(8).await;
        house.server.behave();
        let passed = house.pass(9).await;
        passed.unwrap_or_else(|error| panic!("{fault:?}: {error:#}"));
        house.is_whole(MAILS, &format!("{fault:?}"));
    }
}

#[tokio::test]
async fn silence_in_the_midst_of_a_literal_ends_and_loses_nothing() {
    let trials = [1, 40, 90, 700, 100_000, 4_300_000].map(|after| async move {
        let mut house = house().await;
        house.server.misbehave(ImapFault::SilentAfter(after));
        let _ = house.pass(8).await;
        house.pass(9).await.unwrap();
        house.is_whole(MAILS, &format!("silence after {after} bytes"));
    });
    join_all(trials).await;
}

/// All bytes but those of bodies, whose cuts `a_fetch_that_is_cut_anywhere_loses_nothing` tries.
#[tokio::test]
async fn a_connection_cut_after_any_byte_loses_nothing() {
    for after in (0..3_000).step_by(83) {
        let server = Standin::start(USER, CODE).await;
        let mut house = open(server, |_| {});
        for n in 0..3 {
            let raw = report(&format!("m{n}"), CITY, 23);
            house.server.deliver("INBOX", &raw, may(24, 8, n));
        }
        house.server.misbehave(ImapFault::CutAfter(after));
        let _ = house.pass(8).await;
        house.pass(9).await.unwrap();
        house.is_whole(3, &format!("cut after {after} bytes"));
    }
}

#[tokio::test]
async fn a_search_that_leaves_mails_out_hides_none() {
    for limit in [0, 1, 7] {
        let mut house = house().await;
        house.server.misbehave(ImapFault::SearchLimit(limit));
        house.pass(8).await.unwrap();
        house.is_whole(MAILS, &format!("SEARCH tells of {limit}"));
        let raw = report("late", CITY, 23);
        house.server.deliver("INBOX", &raw, may(24, 9, 0));
        house.pass(9).await.unwrap();
        house.is_whole(MAILS + 1, &format!("a new one, SEARCH tells of {limit}"));
    }
}

#[tokio::test]
async fn a_mail_that_vanishes_while_it_is_fetched_is_accounted_for() {
    let mut house = house().await;
    let gone = house.uids[3];
    house.server.misbehave(ImapFault::Vanish(gone));
    house.pass(8).await.unwrap();
    assert_eq!(house.kept(), MAILS - 1);
    house.server.behave();
    house.pass(9).await.unwrap();
    for line in house.daemon.store.ledger().unwrap() {
        assert_eq!(line.unexplained(), 0, "{}", line.folder);
    }
}

#[tokio::test]
async fn a_certificate_that_is_expired_or_of_another_host_gets_no_password() {
    for flaw in [Flaw::Expired, Flaw::OtherHost] {
        let server = Standin::start_tls_with(USER, CODE, flaw).await;
        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), server.ca_pem()).unwrap();
        let trust = Some(ca.path().to_path_buf());
        let mut house = open(server, |config| {
            (config.mailbox.tls, config.outgoing.tls) = (Tls::Implicit, Tls::Implicit);
            (config.mailbox.ca_file, config.outgoing.ca_file) = (trust.clone(), trust);
        });
        let refused = house.pass(10).await.unwrap_err();
        assert!(
            format!("{refused:#}").contains("TLS"),
            "{flaw:?}: {refused:#}"
        );
        assert_eq!(house.server.commands(), Vec::<String>::new(), "{flaw:?}");
        assert_eq!(
            house.server.smtp_commands(),
            Vec::<String>::new(),
            "{flaw:?}"
        );
        let letters = house
            .daemon
            .store
            .letters_between(may(24, 0, 0), may(25, 0, 0))
            .unwrap();
        assert!(
            letters
                .iter()
                .all(|letter| letter.state == LetterState::Queued),
            "{flaw:?}"
        );
    }
}

/// How the digest stands after the server did `fault` to its first attempt, and how often the server took it under
/// its Message-ID.
async fn digest_after(fault: SmtpFault) -> (LetterState, usize) {
    let server = Standin::start(USER, CODE).await;
    let mut house = open(server, |_| {});
    house.server.misbehave_smtp(fault.clone());
    let begin = may(24, 10, 30);
    for minutes in [0, 30] {
        let tried = Instant::now();
        let _ = house.daemon.pass(begin + TimeDelta::minutes(minutes)).await;
        assert!(tried.elapsed() < AN_END, "{fault:?}");
    }
    let letters = house
        .daemon
        .store
        .letters_between(may(24, 0, 0), may(25, 0, 0))
        .unwrap();
    let digest = letters
        .iter()
        .find(|letter| letter.about == "office@example.cn")
        .unwrap();
    let is_digest =
        |letter: &Accepted| String::from_utf8_lossy(&letter.data).contains(&digest.message_id);
    let taken = house.server.accepted().into_iter().filter(is_digest);
    (digest.state, taken.count())
}

const STEPS: [&str; 7] = ["CONNECT", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."];

#[tokio::test]
async fn a_letter_disturbed_at_any_step_leaves_once_when_the_disturbance_is_over() {
    let disturbances = |step| {
        [
            SmtpFault::CloseAt(step),
            SmtpFault::CutAt(step),
            SmtpFault::SilentAt(step),
            SmtpFault::GarbageAt(step),
            SmtpFault::Answer(step, "421 HL:ICC too many connections"),
            SmtpFault::Answer(step, "451 MI:SFQ try again later"),
        ]
    };
    let trials = STEPS
        .into_iter()
        .flat_map(disturbances)
        .map(|fault| async move {
            let (state, taken) = digest_after(fault.clone()).await;
            assert_eq!((state, taken), (LetterState::Sent, 1), "{fault:?}");
        });
    join_all(trials).await;
}

#[tokio::test]
async fn a_letter_refused_for_good_at_any_step_after_login_is_not_tried_again() {
    for step in ["MAIL", "RCPT", "DATA", "."] {
        let (state, taken) = digest_after(SmtpFault::Answer(step, "554 DT:SPM")).await;
        assert_eq!((state, taken), (LetterState::Refused, 0), "{step}");
    }
}

#[tokio::test]
async fn a_letter_taken_without_its_answer_goes_again_under_its_own_message_id() {
    for fault in [SmtpFault::CloseAfterDot, SmtpFault::SilentAfterDot] {
        let (state, taken) = digest_after(fault.clone()).await;
        assert_eq!((state, taken), (LetterState::Sent, 2), "{fault:?}");
    }
}

#[tokio::test]
async fn a_folder_is_opened_and_searched_in_one_round_trip_where_the_server_hears_it() {
    let mut house = house().await;
    house.pass(9).await.unwrap();
    house.server.misbehave(ImapFault::HearsOne);
    house.server.forget_commands();
    house.pass(10).await.unwrap();
    house.pass(11).await.unwrap();
    let commands = house.server.commands();
    let lost: Vec<&String> = commands
        .iter()
        .filter(|command| command.starts_with("lost: UID SEARCH"))
        .collect();
    // Asked once at a time from then on, of all folders.
    assert_eq!(lost.len(), 1, "{commands:?}");
    house
        .server
        .deliver("INBOX", &report("new", CITY, 24), may(24, 11, 40));
    house.pass(12).await.unwrap();
    assert_eq!(house.kept(), MAILS + 1);
}
