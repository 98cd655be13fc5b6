//! Judgements by tables of facts, and the page in both languages.

use super::letter::{Arrival, Found};
use super::net::{Link, Trouble};
use super::settings::{Secret, Tried};
use super::*;
use crate::attribution::Clash;
use crate::campaign::{Campaign, Moment, in_china};
use crate::config::{Robot, Tls};
use crate::mailbox::Error;
use crate::outgoing::Refusal;
use crate::reader::Drill;
use crate::roster::Roster;
use crate::store::Survey;
use chrono::{FixedOffset, NaiveDate, TimeDelta};
use std::net::IpAddr;

fn at(month: u32, day: u32, hour: u32) -> Moment {
    let day = NaiveDate::from_ymd_opt(2022, month, day).unwrap();
    in_china(day.and_hms_opt(hour, 0, 0).unwrap())
}

fn server(speaks: Speaks) -> Server<'static> {
    let (host, port) = match speaks {
        Speaks::Imap => ("imap.163.com", 993),
        Speaks::Smtp => ("smtp.163.com", 465),
    };
    Server {
        host,
        port,
        tls: Tls::Implicit,
        ca_file: None,
        patience: STEP,
        speaks,
    }
}

fn staffed() -> Config {
    let mut config = Config::default();
    config.staff.digest_to = vec!["zhang@example.cn".into()];
    config
}

/// The built-in roster with an address for each unit.
fn addressed() -> Roster {
    let lines = include_str!("../../../config/units.toml").lines();
    let with_address = lines
        .enumerate()
        .map(|(n, line)| match line.starts_with("name = ") {
            true => format!("{line}\naddresses = [\"u{n}@example.cn\"]\n"),
            false => format!("{line}\n"),
        });
    Roster::parse(&with_address.collect::<String>()).unwrap()
}

fn refused(answer: &str) -> Error {
    Error::Refused {
        command: "EXAMINE".into(),
        answer: answer.into(),
    }
}

fn seen() -> inbox::Seen {
    inbox::Seen {
        folders: vec![
            ("INBOX".into(), Ok(412)),
            ("&V4NXPpCuTvY-".into(), Ok(3)),
            ("&XfJT0ZAB-".into(), Ok(97)),
        ],
        watched: vec![Ok("INBOX".into()), Ok("&V4NXPpCuTvY-".into())],
        id_refused: None,
        inbox: Some((412, Some(at(3, 1, 8)))),
    }
}

fn found(sent: Moment, arrived: Option<Moment>) -> Found {
    Found {
        folder: "INBOX".into(),
        sent,
        seen: sent + TimeDelta::seconds(12),
        arrived,
    }
}

/// Everything as it should be, in the order of a real examination.
fn healthy() -> Vec<Finding> {
    let (config, now) = (staffed(), at(5, 24, 11));
    let dir = Path::new("/var/lib/baosong");
    let code = Path::new("/etc/baosong/authorization-code");
    let (key, bucket) = (
        Path::new("/etc/baosong/storage-key"),
        Some("s3://baosong/week"),
    );
    let roster = addressed();
    let data = machine::DataDir {
        above: None,
        owner: 997,
        user: 997,
        unwritable: None,
        foreign: vec![],
    };
    let survey = Survey {
        version: 6,
        newest: 6,
        mails: 415,
        oldest_of_inbox: Some(at(3, 1, 8)),
    };
    let cage = reader::Cage {
        landlock: "Full".into(),
        seccomp: "Full".into(),
        gaps: vec![],
    };
    let address: IpAddr = "203.0.113.7".parse().unwrap();
    let until = Ok(Link::Trusted(at(11, 30, 8)));
    let (imap, smtp) = (server(Speaks::Imap), server(Speaks::Smtp));
    let window = inbox::Window {
        count: 412,
        oldest: Some(at(3, 1, 8)),
        oldest_kept: None,
        now,
    };
    let letter = found(now, Some(now + TimeDelta::seconds(3)));
    vec![
        settings::file(Some(Path::new("/etc/baosong/baosong.toml")), &config),
        settings::staff(&config),
        settings::secret(Item::MailboxCode, code, &Secret::Held(0o600), true),
        settings::secret(Item::OutgoingCode, code, &Secret::Held(0o440), true),
        settings::secret(Item::StorageKey, key, &Secret::Held(0o600), true),
        calendar::campaign(&Campaign::default(), now.date_naive()),
        units::addresses(&roster),
        units::names(&roster, &crate::attribution::clashes(&roster)),
        machine::data_dir(dir, &data),
        machine::disk(48_213, 500),
        database::database(dir, &database::Look::Through(Some(survey))),
        settings::storage(bucket, Some(Tried::Worked)),
        database::daemon(&Ok(true)),
        machine::time_zone(Some("Etc/UTC"), FixedOffset::east_opt(0).unwrap()),
        reader::cage(&Ok(cage)),
        reader::tools(&[]),
        net::host(Item::ImapHost, &imap, &Ok(vec![address])),
        net::connection(Item::ImapConnection, &imap, &until, now),
        inbox::login(&config.mailbox, &Ok(seen())),
        inbox::folders(&seen()),
        inbox::window(&window, &Campaign::default()),
        net::host(Item::SmtpHost, &smtp, &Ok(vec![address])),
        net::connection(Item::SmtpConnection, &smtp, &until, now),
        letter::login(&config, &Ok(())),
        letter::handed_over(&config, &Ok(())),
        letter::arrival(&Arrival::Found(letter.clone()), Wait::default()),
        letter::clock(&letter),
    ]
}

/// One ailment of each kind.
fn ailing() -> Vec<Finding> {
    let (mut config, now) = (Config::default(), at(5, 24, 11));
    let dir = Path::new("/var/lib/baosong");
    let code = Path::new("/etc/baosong/authorization-code");
    let (key, bucket) = (
        Path::new("/etc/baosong/storage-key"),
        Some("s3://baosong/week"),
    );
    let url = Path::new("/etc/baosong/robot-url");
    config.alarms.robot = Some(Robot::Wecom);
    let roster = Roster::default();
    let data = machine::DataDir {
        above: None,
        owner: 997,
        user: 997,
        unwritable: None,
        foreign: vec!["baosong.db".into(), "lock".into()],
    };
    let lacking = Secret::Lacking("cannot read /etc/baosong/robot-url (password_file)".into());
    let clashes = [
        Clash::Shared {
            name: "沈阳大学".into(),
            owners: vec!["沈阳大学".into(), "沈阳职业技术学院".into()],
        },
        Clash::NeverFound {
            name: "大连 职院".into(),
            normal: "大连职院".into(),
            unit: "大连职业技术学院".into(),
        },
    ];
    let cage = reader::Cage {
        landlock: "None".into(),
        seccomp: "Full".into(),
        gaps: vec![Drill::OpenFile],
    };
    let damaged = anyhow::anyhow!("row 3 missing").context(crate::store::Fault::Damaged);
    let (imap, smtp) = (server(Speaks::Imap), server(Speaks::Smtp));
    let window = inbox::Window {
        count: 40,
        oldest: Some(at(5, 12, 8)),
        oldest_kept: Some(at(4, 2, 8)),
        now,
    };
    let mut shut = seen();
    shut.folders[1].1 = Err(refused("EXAMINE refused"));
    let in_spam = Found {
        folder: "&V4NXPpCuTvY-".into(),
        ..found(now, Some(now - TimeDelta::minutes(9)))
    };
    vec![
        unusable(&anyhow::anyhow!(
            "settings file /etc/baosong/baosong.toml: unknown field `hots`"
        )),
        settings::staff(&config),
        settings::secret(Item::MailboxCode, code, &Secret::Held(0o644), true),
        settings::secret(
            Item::OutgoingCode,
            code,
            &Secret::Lacking("it is empty".into()),
            true,
        ),
        settings::secret(Item::RobotUrl, url, &lacking, true),
        settings::secret(Item::StorageKey, key, &lacking, true),
        calendar::campaign(&Campaign::default(), at(9, 1, 8).date_naive()),
        units::addresses(&roster),
        units::names(&roster, &clashes),
        machine::data_dir(dir, &data),
        machine::disk(120, 500),
        database::database(dir, &database::Look::Failed(damaged)),
        settings::storage(bucket, Some(Tried::Failed("put: 403 Forbidden".into()))),
        database::daemon(&Ok(false)),
        reader::cage(&Ok(cage)),
        reader::tools(&["poppler-utils、poppler-data", "ffmpeg"]),
        net::host(Item::ImapHost, &imap, &Err(Trouble::Silent(STEP))),
        net::connection(
            Item::ImapConnection,
            &imap,
            &Err(Trouble::UnknownIssuer),
            now,
        ),
        inbox::login(
            &config.mailbox,
            &Err(Error::Credentials {
                user: config.mailbox.user.clone(),
                answer: "LOGIN Login error or password error".into(),
            }),
        ),
        inbox::folders(&shut),
        inbox::window(&window, &Campaign::default()),
        net::connection(
            Item::SmtpConnection,
            &smtp,
            &Err(Trouble::Expired(Some(at(5, 1, 8)))),
            now,
        ),
        letter::login(
            &config,
            &Err(Refusal::Credentials("535 authentication failed".into())),
        ),
        letter::handed_over::<()>(&config, &Err(Refusal::Letter("554 DT:SPM".into()))),
        letter::arrival(&Arrival::Missing, Wait::default()),
        letter::arrival(&Arrival::Found(in_spam.clone()), Wait::default()),
        letter::clock(&in_spam),
        settings::storage(bucket, Some(Tried::Not)),
        Finding::not_tried(Item::Clock, no_moment()),
    ]
}

#[test]
fn the_page_in_both_languages() {
    for (lang, name) in [(Lang::Zh, "doctor_zh"), (Lang::En, "doctor_en")] {
        let page = |findings: Vec<Finding>| {
            let lines = findings.iter().map(|finding| finding.line(lang) + "\n");
            lines.collect::<String>()
        };
        let now = format!("{}\n{}", page(healthy()), page(ailing()));
        let path = format!("{}/tests/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        if std::env::var("BAOSONG_GOLDEN").is_ok_and(|word| word == "refresh") {
            std::fs::write(&path, now).unwrap();
            continue;
        }
        let golden = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            golden, now,
            "{path} differs; BAOSONG_GOLDEN=refresh rewrites it"
        );
    }
}

#[test]
fn nothing_is_wrong_with_what_is_healthy_and_whatever_is_not_names_a_remedy() {
    for finding in healthy() {
        assert_eq!(
            (finding.state, &finding.remedy),
            (State::Ok, &None),
            "{finding:?}"
        );
    }
    for finding in ailing() {
        let ails = matches!(finding.state, State::Warning | State::Wrong);
        assert_eq!(finding.remedy.is_some(), ails, "{finding:?}");
    }
}

#[test]
fn a_secret_that_others_may_read_is_told_and_a_missing_one_is_wrong_where_it_is_needed() {
    let state =
        |seen, needed| settings::secret(Item::MailboxCode, Path::new("/c"), &seen, needed).state;
    for (mode, expected) in [
        (0o600, State::Ok),
        (0o440, State::Ok),
        (0o640, State::Ok),
        (0o644, State::Warning),
        (0o602, State::Warning),
    ] {
        assert_eq!(state(Secret::Held(mode), true), expected, "{mode:o}");
    }
    let lacking = || Secret::Lacking("it is empty".into());
    assert_eq!(state(lacking(), true), State::Wrong);
    assert_eq!(state(lacking(), false), State::Warning);
}

#[test]
fn a_digest_to_the_mailbox_itself_is_told() {
    let mut config = staffed();
    assert_eq!(settings::staff(&config).state, State::Ok);
    config.staff.digest_to.push("LNZJHDZ@163.com".into());
    assert_eq!(settings::staff(&config).state, State::Warning);
}

#[test]
fn last_year_s_campaign_is_told_a_month_after_its_end() {
    let end = Campaign::default().summary.due;
    let state = |days| calendar::campaign(&Campaign::default(), end + TimeDelta::days(days)).state;
    assert_eq!(
        (state(-60), state(30), state(31)),
        (State::Ok, State::Ok, State::Warning)
    );
}

#[test]
fn a_certificate_is_told_of_a_fortnight_before_its_end() {
    let (server, now) = (server(Speaks::Imap), at(5, 24, 11));
    for (days, expected) in [
        (15, State::Ok),
        (14, State::Ok),
        (13, State::Warning),
        (0, State::Warning),
    ] {
        let link = Ok(Link::Trusted(now + TimeDelta::days(days)));
        let finding = net::connection(Item::ImapConnection, &server, &link, now);
        assert_eq!(finding.state, expected, "{days}");
    }
    for trouble in [
        Trouble::Silent(STEP),
        Trouble::Io("refused".into()),
        Trouble::Expired(None),
        Trouble::NotYet(Some(now)),
        Trouble::OtherHost(vec!["a.cn".into()]),
        Trouble::UnknownIssuer,
        Trouble::CaFile("x".into()),
        Trouble::Tls("x".into()),
    ] {
        let finding = net::connection(Item::ImapConnection, &server, &Err(trouble), now);
        assert_eq!(finding.state, State::Wrong);
    }
}

#[test]
fn refused_credentials_an_unsafe_login_and_a_passing_fault_have_remedies_of_their_own() {
    let settings = Config::default().mailbox;
    let credentials = Error::Credentials {
        user: "a".into(),
        answer: "NO".into(),
    };
    let mut unsafe_ = seen();
    unsafe_.folders[0].1 = Err(refused("EXAMINE Unsafe Login. Please contact kefu@188.com"));
    unsafe_.id_refused = Some("ID refused".into());
    let mut no_id = seen();
    no_id.id_refused = Some("ID refused".into());
    for (seen, state, remedy) in [
        (Ok(seen()), State::Ok, ""),
        (Ok(no_id), State::Warning, "demands ID"),
        (Ok(unsafe_), State::Wrong, "一次被阻止的收信行为"),
        (
            Err(refused("The login is not safe!")),
            State::Wrong,
            "一次被阻止的收信行为",
        ),
        (
            Err(credentials),
            State::Wrong,
            "授权码, not the web password",
        ),
        (
            Err(refused("too many connections")),
            State::Wrong,
            "try again later",
        ),
        (
            Err(Error::Lost("reset".into())),
            State::Wrong,
            "try again later",
        ),
    ] {
        let finding = inbox::login(&settings, &seen);
        let told = finding.remedy.map(|remedy| remedy.en).unwrap_or_default();
        assert_eq!(finding.state, state, "{told}");
        assert!(told.contains(remedy), "{told}");
    }
}

#[test]
fn a_spam_folder_that_stays_shut_is_a_warning_and_inbox_or_a_named_one_that_lacks_is_wrong() {
    let state = |change: fn(&mut inbox::Seen)| {
        let mut seen = seen();
        change(&mut seen);
        inbox::folders(&seen).state
    };
    assert_eq!(state(|_| ()), State::Ok);
    assert_eq!(
        state(|seen| seen.folders[1].1 = Err(refused("no"))),
        State::Warning
    );
    assert_eq!(
        state(|seen| seen.folders[0].1 = Err(refused("no"))),
        State::Wrong
    );
    assert_eq!(
        state(|seen| seen.watched.push(Err(refused("no such folder")))),
        State::Wrong
    );
    // What is not watched may stay shut.
    assert_eq!(
        state(|seen| seen.folders[2].1 = Err(refused("no"))),
        State::Ok
    );
}

#[test]
fn the_30_days_window_is_told_by_what_is_lacking() {
    // Plans are due on 10 May; the window of 24 May begins on 24 April, that of 20 June on 21 May.
    let rows = [
        (
            "older than the window",
            at(5, 24, 8),
            Some(at(4, 1, 8)),
            None,
            State::Ok,
        ),
        (
            "at its very edge",
            at(5, 24, 8),
            Some(at(4, 24, 9)),
            None,
            State::Warning,
        ),
        (
            "young, and the campaign too",
            at(5, 24, 8),
            Some(at(5, 8, 8)),
            None,
            State::Ok,
        ),
        (
            "we knew older ones",
            at(5, 24, 8),
            Some(at(5, 8, 8)),
            Some(at(5, 1, 8)),
            State::Warning,
        ),
        (
            "we knew none older",
            at(5, 24, 8),
            Some(at(5, 8, 8)),
            Some(at(5, 8, 8)),
            State::Ok,
        ),
        (
            "plans are lacking",
            at(6, 20, 8),
            Some(at(5, 28, 8)),
            None,
            State::Warning,
        ),
        (
            "nothing to see",
            at(5, 24, 8),
            None,
            Some(at(5, 8, 8)),
            State::NotTried,
        ),
    ];
    for (what, now, oldest, oldest_kept, expected) in rows {
        let window = inbox::Window {
            count: 9,
            oldest,
            oldest_kept,
            now,
        };
        let finding = inbox::window(&window, &Campaign::default());
        assert_eq!(finding.state, expected, "{what}: {finding:?}");
        if expected == State::Warning {
            assert!(
                finding.remedy.unwrap().zh.contains("收取全部邮件"),
                "{what}"
            );
        }
    }
}

#[test]
fn a_clock_is_off_by_as_much_as_the_arrival_lies_outside_of_its_time() {
    let sent = at(5, 24, 11);
    // Seconds from the sending to the arrival by the server's clock; the letter was seen after 12.
    for (arrived, off, expected) in [
        (0, 0, State::Ok),
        (12, 0, State::Ok),
        (-1, 0, State::Ok),
        (72, 60, State::Ok),
        (73, 61, State::Warning),
        (-61, -61, State::Warning),
        (312, 300, State::Warning),
        (313, 301, State::Wrong),
        (-3600, -3600, State::Wrong),
    ] {
        let found = found(sent, Some(sent + TimeDelta::seconds(arrived)));
        let skew = letter::skew(&found).unwrap();
        assert_eq!(skew.num_seconds(), off, "{arrived}");
        assert_eq!(letter::clock(&found).state, expected, "{arrived}");
    }
    assert_eq!(letter::clock(&found(sent, None)).state, State::NotTried);
}

#[test]
fn a_data_directory_is_wrong_where_the_daemon_cannot_write() {
    let good = machine::DataDir {
        above: None,
        owner: 997,
        user: 0,
        unwritable: None,
        foreign: vec![],
    };
    let state = |seen: &machine::DataDir| machine::data_dir(Path::new("/d"), seen).state;
    assert_eq!(state(&good), State::Ok);
    let above = Some("/".into());
    assert_eq!(
        state(&machine::DataDir {
            above,
            ..good.clone()
        }),
        State::Ok
    );
    let unwritable = Some("Permission denied".into());
    assert_eq!(
        state(&machine::DataDir {
            unwritable,
            ..good.clone()
        }),
        State::Wrong
    );
    let foreign = vec!["baosong.db".into()];
    assert_eq!(state(&machine::DataDir { foreign, ..good }), State::Wrong);
}

#[test]
fn a_database_of_an_older_schema_is_sound_and_of_a_later_one_wrong() {
    let state = |version| {
        let survey = Survey {
            version,
            newest: 6,
            mails: 0,
            oldest_of_inbox: None,
        };
        database::database(Path::new("/d"), &database::Look::Through(Some(survey))).state
    };
    assert_eq!(
        (state(5), state(6), state(7)),
        (State::Ok, State::Ok, State::Wrong)
    );
}

#[test]
fn another_user_s_database_with_a_log_is_not_opened_unless_its_daemon_runs() {
    let dir = tempfile::tempdir().unwrap();
    crate::store::Store::open_file(&dir.path().join("baosong.db")).unwrap();
    std::fs::write(dir.path().join("baosong.db-wal"), [0; 32]).unwrap();
    let spared = |held, ours| {
        let look = database::look(dir.path(), held, ours);
        matches!(look, database::Look::Spared)
    };
    assert!(spared(false, false));
    assert!(!spared(true, false) && !spared(false, true));
}
