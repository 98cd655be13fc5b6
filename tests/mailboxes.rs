//! Several mailboxes of one campaign: kept together, each by its own places, one down without harm to the others.

mod support;

use baosong::config::{Config, Mailbox};
use baosong::daemon::{Daemon, OthersPolled};
use baosong::mailbox::Error;
use baosong::store::LetterState;
use std::collections::BTreeSet;
use support::mail::{large, may, report};
use support::settings::{CODE, USER, settings};
use support::standin::{ImapFault, Standin};
use tempfile::TempDir;

const CITY: &str = "丹东市教育局";

struct House {
    old: Standin,
    new: Standin,
    daemon: Daemon,
    config: Config,
    dir: TempDir,
}

/// The mailbox of before without a name, and the new one beside it.
async fn house(change: impl Fn(&mut Config)) -> House {
    let (old, new) = (
        Standin::start(USER, CODE).await,
        Standin::start("new@163.com", CODE).await,
    );
    let dir = tempfile::tempdir().unwrap();
    let mut config = settings(old.ports(), dir.path());
    let further = Mailbox {
        name: "新邮箱".into(),
        user: "new@163.com".into(),
        port: new.imap_port(),
        ..config.mailbox.clone()
    };
    config.further_mailboxes.push(further);
    change(&mut config);
    let daemon = open(&config, &dir);
    House {
        old,
        new,
        daemon,
        config,
        dir,
    }
}

fn open(config: &Config, dir: &TempDir) -> Daemon {
    let mut daemon = Daemon::open(config.clone(), &dir.path().join("data")).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    daemon
}

impl House {
    fn sources(&self) -> Vec<String> {
        let mails = self.daemon.store.mails(None).unwrap().into_iter();
        mails.map(|mail| mail.source).collect()
    }

    /// Folder, mails on the server, and those that no row explains.
    fn ledger(&self) -> Vec<(String, u32, i64)> {
        let lines = self.daemon.store.ledger().unwrap().into_iter();
        let filled = lines.filter(|line| line.server > 0);
        filled
            .map(|line| (line.folder.clone(), line.server, line.unexplained()))
            .collect()
    }

    fn troubles(&self) -> Vec<String> {
        let troubles = self.daemon.store.troubles().unwrap().into_iter();
        troubles.map(|trouble| trouble.folder).collect()
    }

    fn reminders(&self) -> Vec<LetterState> {
        let letters = self
            .daemon
            .store
            .letters_between(may(1, 0, 0), may(31, 0, 0));
        let letters = letters.unwrap().into_iter();
        let reminders = letters.filter(|letter| letter.rule == "reminder");
        reminders.map(|letter| letter.state).collect()
    }
}

#[tokio::test]
async fn mails_of_both_are_kept_together_and_one_that_lies_in_both_counts_once() {
    let mut house = house(|_| ()).await;
    let twice = report("a", CITY, 23);
    let first = house.old.deliver("INBOX", &twice, may(24, 8, 10));
    house.new.deliver("INBOX", &twice, may(24, 8, 11));
    let only = house
        .new
        .deliver("INBOX", &report("b", CITY, 24), may(24, 9, 0));
    assert_eq!(house.daemon.poll(may(24, 10, 0)).await.unwrap(), 2);
    house.daemon.judge().unwrap();
    assert_eq!(
        house.sources(),
        [format!("INBOX/{first}"), format!("新邮箱：INBOX/{only}")]
    );
    assert_eq!(
        house.ledger(),
        [("INBOX".into(), 1, 0), ("新邮箱：INBOX".into(), 2, 0)]
    );
    let standings = house.daemon.standings(may(24, 10, 0)).unwrap();
    let city = standings.iter().find(|standing| standing.unit == CITY);
    assert_eq!(city.unwrap().reports, 2);
    assert_eq!(house.daemon.poll(may(24, 10, 3)).await.unwrap(), 0);
    assert_eq!(
        house.daemon.store.polled_at().unwrap(),
        Some(may(24, 10, 3))
    );
}

#[tokio::test]
async fn each_has_a_uidvalidity_of_its_own() {
    let mut house = house(|_| ()).await;
    house
        .old
        .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
    house
        .new
        .deliver("INBOX", &report("b", CITY, 24), may(24, 9, 0));
    house.daemon.poll(may(24, 10, 0)).await.unwrap();
    house.new.renumber("INBOX", 7);
    house
        .new
        .deliver("INBOX", &report("c", CITY, 25), may(24, 9, 30));
    assert_eq!(house.daemon.poll(may(24, 10, 3)).await.unwrap(), 1);
    house.daemon.judge().unwrap();
    assert_eq!(
        house.ledger(),
        [("INBOX".into(), 1, 0), ("新邮箱：INBOX".into(), 2, 0)]
    );
    let validity = |folder| {
        let cursor = house.daemon.store.cursor(folder).unwrap();
        cursor.unwrap().uidvalidity
    };
    assert_eq!((validity("INBOX"), validity("新邮箱：INBOX")), (1, 7));
}

#[tokio::test]
async fn one_that_is_down_does_not_stop_the_other_and_no_reminder_leaves_meanwhile() {
    let units = |config: &mut Config| {
        config.outgoing.letters_a_minute = 1000;
        let file = config.mailbox.password_file.with_file_name("units.toml");
        let text = "college = []\n[[city]]\nname = \"丹东市教育局\"\ncity = \"丹东市\"\naddresses = [\"dandong@city.example\"]";
        std::fs::write(&file, text).unwrap();
        config.units_file = Some(file);
    };
    let mut house = house(units).await;
    house.new.misbehave(ImapFault::CloseAt("LOGIN"));
    house
        .old
        .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
    // The summary was due on the day before.
    let now = may(30, 11, 0);
    let error = house.daemon.pass(now).await.unwrap_err();
    assert!(error.is::<OthersPolled>(), "{error:#}");
    assert_eq!(house.sources().len(), 1, "the other was polled");
    assert_eq!(house.troubles(), ["新邮箱："]);
    assert_eq!(house.daemon.store.polled_at().unwrap(), None);
    assert_eq!(house.reminders(), []);
    let digest = house.daemon.digest("office@example.cn", now).unwrap();
    assert!(digest.text.contains("邮箱“新邮箱”收信"), "{}", digest.text);

    // It waits for twice the time between two polls.
    house.daemon.pass(may(30, 11, 3)).await.unwrap();
    assert_eq!(house.daemon.store.polled_at().unwrap(), None);
    assert_eq!(house.reminders(), []);
    house.daemon.pass(may(30, 11, 6)).await.unwrap();
    assert_eq!(house.troubles(), Vec::<String>::new());
    assert_eq!(house.reminders(), [LetterState::Sent]);
}

#[tokio::test]
async fn a_refused_login_is_told_with_the_mailbox_s_name_and_the_other_is_polled_as_ever() {
    let mut house = house(|_| ()).await;
    house
        .new
        .misbehave(ImapFault::RefuseLogin(b"LOGIN Login error".to_vec()));
    let error = house.daemon.pass(may(24, 9, 0)).await.unwrap_err();
    assert!(matches!(
        error.downcast_ref(),
        Some(Error::Credentials { .. })
    ));
    let told = |house: &House| {
        let alarms = house.daemon.store.open_alarms().unwrap().into_iter();
        alarms.map(|alarm| alarm.what).collect::<Vec<_>>()
    };
    assert_eq!(
        told(&house),
        ["收信服务器拒绝登录（新邮箱），请检查邮箱授权码"]
    );
    house.new.forget_commands();
    house
        .old
        .deliver("INBOX", &report("a", CITY, 23), may(24, 9, 1));
    house.daemon.pass(may(24, 9, 3)).await.unwrap();
    assert_eq!(house.sources().len(), 1);
    assert_eq!(house.new.commands(), Vec::<String>::new(), "not pressed");
    assert_eq!(told(&house).len(), 1, "and not over");
    house.new.behave();
    house.daemon.pass(may(24, 9, 31)).await.unwrap();
    assert_eq!(told(&house), Vec::<String>::new());
}

#[tokio::test]
async fn where_all_are_down_all_are_tried_with_each_poll() {
    let mut house = house(|_| ()).await;
    for server in [&house.old, &house.new] {
        server.misbehave(ImapFault::CloseAt("LOGIN"));
    }
    let error = house.daemon.pass(may(24, 9, 0)).await.unwrap_err();
    assert!(!error.is::<OthersPolled>());
    house.daemon.pass(may(24, 9, 1)).await.unwrap();
    assert_eq!(house.daemon.store.polled_at().unwrap(), Some(may(24, 9, 1)));
}

#[tokio::test]
async fn a_mailbox_that_is_added_leaves_the_places_of_the_first_as_they_were() {
    let mut house = house(|config| config.further_mailboxes.clear()).await;
    house
        .old
        .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
    house.daemon.poll(may(24, 10, 0)).await.unwrap();
    let further = Mailbox {
        name: "新邮箱".into(),
        user: "new@163.com".into(),
        port: house.new.imap_port(),
        ..house.config.mailbox.clone()
    };
    house.config.further_mailboxes.push(further);
    drop(house.daemon);
    house.daemon = open(&house.config, &house.dir);
    house.old.forget_commands();
    house.daemon.poll(may(24, 10, 3)).await.unwrap();
    let fetched = |line: &String| line.contains("FETCH");
    assert!(!house.old.commands().iter().any(fetched));
    assert_eq!(
        house.daemon.store.polled_at().unwrap(),
        Some(may(24, 10, 3))
    );
}

#[tokio::test]
async fn a_folder_that_one_refuses_is_told_of_with_its_mailbox_and_forgotten_with_it() {
    let mut house = house(|_| ()).await;
    let spam = "&V4NXPpCuTvY-";
    house.old.misbehave(ImapFault::RefuseExamine(spam.into()));
    house.new.misbehave(ImapFault::RefuseExamine(spam.into()));
    house.daemon.poll(may(24, 10, 0)).await.unwrap();
    assert_eq!(
        house.troubles(),
        [spam.to_owned(), format!("新邮箱：{spam}")]
    );
    house.config.further_mailboxes.clear();
    drop(house.daemon);
    house.daemon = open(&house.config, &house.dir);
    house.daemon.poll(may(24, 10, 3)).await.unwrap();
    assert_eq!(house.troubles(), [spam]);
}

#[tokio::test]
async fn no_reminder_leaves_while_a_folder_that_the_settings_name_is_refused_but_for_spam() {
    let spam = "&V4NXPpCuTvY-";
    for (refused, polled) in [("草稿箱", None), ("垃圾邮件", Some(may(24, 10, 0)))] {
        let name = |config: &mut Config| {
            config.mailbox.folders =
                Some(["INBOX", "草稿箱", "垃圾邮件"].map(String::from).to_vec());
            config.further_mailboxes.clear();
        };
        let mut house = house(name).await;
        let raw = match refused {
            "草稿箱" => "&g0l6P3ux-",
            _ => spam,
        };
        house.old.misbehave(ImapFault::RefuseExamine(raw.into()));
        house.daemon.poll(may(24, 10, 0)).await.unwrap();
        assert_eq!(house.daemon.store.polled_at().unwrap(), polled, "{refused}");
    }
}

#[tokio::test]
async fn both_are_compared_with_the_rows() {
    let mut house = house(|_| ()).await;
    house
        .old
        .deliver("INBOX", &report("a", CITY, 23), may(24, 8, 10));
    house.daemon.poll(may(24, 10, 0)).await.unwrap();
    let late = house
        .new
        .deliver("INBOX", &report("b", CITY, 24), may(24, 10, 1));
    let all = house.daemon.compare_with_server().await.unwrap();
    let filled: Vec<_> = all.iter().filter(|folder| folder.server > 0).collect();
    assert_eq!(filled.len(), 2);
    assert_eq!(
        (filled[0].folder.as_str(), filled[0].new.len()),
        ("INBOX", 0)
    );
    assert_eq!(
        (filled[1].folder.as_str(), filled[1].new.as_slice()),
        ("新邮箱：INBOX", [late].as_slice())
    );
}

/// Of all that rows name: a mail that comes again may lie elsewhere.
fn hashes(daemon: &Daemon) -> BTreeSet<String> {
    let named = daemon.store.named_blobs().unwrap().into_iter();
    named.map(|named| named.sha256).collect()
}

#[tokio::test]
async fn mails_whose_bytes_are_missing_come_again_from_the_mailbox_that_holds_them() {
    let mut house = house(|_| ()).await;
    house
        .old
        .deliver("INBOX", &large("a", CITY, 23, 50_000), may(24, 8, 10));
    house
        .new
        .deliver("INBOX", &large("b", CITY, 24, 6 << 20), may(24, 9, 0));
    let gone = house
        .new
        .deliver("INBOX", &report("c", CITY, 25), may(24, 9, 30));
    house.daemon.poll(may(24, 10, 0)).await.unwrap();
    house.daemon.judge().unwrap();
    let before = hashes(&house.daemon);
    std::fs::remove_dir_all(house.dir.path().join("data/blobs")).unwrap();
    drop(house.daemon);
    house.daemon = open(&house.config, &house.dir);
    house.new.remove("INBOX", gone);
    let done = house.daemon.refetch().await.unwrap();
    assert_eq!((done.mails, done.read_again), (2, 2));
    assert_eq!(done.missing.len(), 1);
    assert_eq!(hashes(&house.daemon), before);
    let faults = house.daemon.verify().unwrap().faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(house.new.changes() + house.old.changes(), 0);
}
