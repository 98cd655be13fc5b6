//! What is kept stays whole: verify, backup and restore by the binary.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::mail::{large, may, report};
use support::standin::Standin;
use tempfile::TempDir;

fn baosong(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_baosong"))
        .args(["--data", data.to_str().unwrap()])
        .args(arguments)
        .env("BAOSONG_LOG", "error")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn campaign() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaign")
}

/// The sample campaign, imported, corrected once.
fn house() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    said(&baosong(&data, &["import", campaign().to_str().unwrap()]));
    said(&baosong(&data, &["ignore", "1", "--by", "office"]));
    (dir, data)
}

fn export(data: &Path) -> (String, String, String) {
    let verbs: [&[&str]; 3] = [
        &["mails", "--jsonl"],
        &["--at", "2022-05-31T10:00:00+08:00", "standing", "--json"],
        &["corrections"],
    ];
    let [mails, standing, corrections] = verbs.map(|verb| said(&baosong(data, verb)));
    (mails, standing, corrections)
}

fn blobs(data: &Path) -> Vec<PathBuf> {
    let parents = std::fs::read_dir(data.join("blobs")).unwrap();
    let mut all: Vec<PathBuf> = parents
        .flat_map(|parent| std::fs::read_dir(parent.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all
}

#[test]
fn what_is_kept_is_found_whole() {
    let (_dir, data) = house();
    let words = said(&baosong(&data, &["verify"]));
    assert!(words.contains("0 wrong, 0 that no row names"), "{words}");
}

#[test]
fn a_damaged_and_a_missing_file_are_named() {
    let (_dir, data) = house();
    let all = blobs(&data);
    std::fs::write(&all[0], b"x").unwrap();
    std::fs::remove_file(&all[1]).unwrap();
    std::fs::write(all[2].with_file_name("00ff"), b"left by a crash").unwrap();
    let output = baosong(&data, &["verify"]);
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(
        words.contains("its hash differs") && words.contains("cannot be read"),
        "{words}"
    );
    assert!(words.contains("2 wrong, 1 that no row names"), "{words}");
}

#[test]
fn a_backup_restored_exports_the_same() {
    let (dir, data) = house();
    let (backup, restored) = (dir.path().join("backup"), dir.path().join("restored"));
    said(&baosong(&data, &["backup", backup.to_str().unwrap()]));
    said(&baosong(&restored, &["restore", backup.to_str().unwrap()]));
    assert_eq!(export(&data), export(&restored));
    said(&baosong(&restored, &["verify"]));
    let again = baosong(&restored, &["restore", backup.to_str().unwrap()]);
    assert_eq!(
        again.status.code(),
        Some(1),
        "a database is never overwritten"
    );
}

#[test]
fn a_second_backup_copies_what_is_new_and_holds_all() {
    let (dir, data) = house();
    let backup = dir.path().join("backup");
    said(&baosong(&data, &["backup", backup.to_str().unwrap()]));
    let none = said(&baosong(&data, &["backup", backup.to_str().unwrap()]));
    assert!(none.contains(" 0 of them new"), "{none}");
    let mail = dir.path().join("new.eml");
    std::fs::write(&mail, "From: <a@example.cn>\r\nSubject: 丹东市5月25日信息\r\n\r\n5月25日丹东市举办技能展示，三百余名师生参加。\r\n").unwrap();
    said(&baosong(&data, &["import", mail.to_str().unwrap()]));
    let one = said(&baosong(&data, &["backup", backup.to_str().unwrap()]));
    assert!(one.contains(" 1 of them new"), "{one}");
    let restored = dir.path().join("restored");
    said(&baosong(&restored, &["restore", backup.to_str().unwrap()]));
    assert_eq!(export(&data), export(&restored));
}

#[test]
fn a_backup_beside_an_import_is_whole_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    said(&baosong(
        &data,
        &["import", campaign().join("c-002.eml").to_str().unwrap()],
    ));
    let mut import = Command::new(env!("CARGO_BIN_EXE_baosong"))
        .args([
            "--data",
            data.to_str().unwrap(),
            "import",
            campaign().to_str().unwrap(),
        ])
        .env("BAOSONG_LOG", "error")
        .spawn()
        .unwrap();
    let mut copies = 0;
    while import.try_wait().unwrap().is_none() || copies == 0 {
        let backup = dir.path().join(format!("backup{copies}"));
        let restored = dir.path().join(format!("restored{copies}"));
        said(&baosong(&data, &["backup", backup.to_str().unwrap()]));
        said(&baosong(&restored, &["restore", backup.to_str().unwrap()]));
        said(&baosong(&restored, &["verify"]));
        copies += 1;
    }
    import.wait().unwrap();
}

#[test]
fn a_kept_mail_without_a_row_is_named_and_taken_up() {
    let (dir, data) = house();
    let mail = "Received: from a (a [192.0.2.1]) by mx; Wed, 25 May 2022 09:00:00 +0800\r\nFrom: <a@example.cn>\r\n\
        Subject: 丹东市5月24日信息\r\n\r\n5月24日丹东市举办技能展示，三百余名师生参加。\r\n";
    let sha256 = baosong::store::hash(mail.as_bytes());
    let path = data.join("blobs").join(&sha256[..2]).join(&sha256);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, mail).unwrap();
    let output = baosong(&data, &["verify"]);
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(words.contains(&format!("{sha256} is a mail")), "{words}");
    said(&baosong(&data, &["import", "--orphans"]));
    assert!(said(&baosong(&data, &["verify"])).contains("0 wrong, 0 that no row names"));
    assert!(said(&baosong(&data, &["mails", "--jsonl"])).contains("2022-05-25T09:00:00"));
    drop(dir);
}

fn received(raw: &[u8]) -> Vec<u8> {
    let field = "Received: from a (a [192.0.2.1]) by mx; Wed, 25 May 2022 09:00:00 +0800\r\n";
    [field.as_bytes(), raw].concat()
}

/// A house of three mails that came together, one of them with a photo.
fn packed() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (mails, data) = (dir.path().join("mails"), dir.path().join("data"));
    std::fs::create_dir(&mails).unwrap();
    for (n, raw) in [
        report("a", "丹东市教育局", 23),
        large("b", "锦州市教育局", 23, 200_000),
        report("c", "大连市教育局", 24),
    ]
    .iter()
    .enumerate()
    {
        std::fs::write(mails.join(format!("{n}.eml")), received(raw)).unwrap();
    }
    said(&baosong(&data, &["import", mails.to_str().unwrap()]));
    (dir, data)
}

/// What lies there, by its length.
fn longest(data: &Path) -> PathBuf {
    let all = blobs(data).into_iter();
    all.max_by_key(|path| path.metadata().unwrap().len())
        .unwrap()
}

#[test]
fn a_photo_lies_on_the_disk_once_and_its_mail_is_read_again_all_the_same() {
    let (_dir, data) = packed();
    let bytes: u64 = blobs(&data)
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert_eq!(
        blobs(&data).len(),
        2,
        "the photo, and a pack of what is left"
    );
    assert!((200_000..210_000).contains(&bytes), "{bytes}");
    let before = export(&data);
    said(&baosong(&data, &["reprocess"]));
    assert_eq!((export(&data), blobs(&data).len()), (before, 2));
}

#[test]
fn a_pack_whose_rows_were_lost_is_named_and_its_mails_are_taken_up() {
    let (_dir, lost) = packed();
    let (_other, data) = house();
    for blob in blobs(&lost) {
        let there = data.join(blob.strip_prefix(&lost).unwrap());
        std::fs::create_dir_all(there.parent().unwrap()).unwrap();
        std::fs::copy(blob, there).unwrap();
    }
    let output = baosong(&data, &["verify"]);
    assert_eq!(output.status.code(), Some(1));
    said(&baosong(&data, &["import", "--orphans"]));
    let words = said(&baosong(&data, &["verify"]));
    assert!(words.contains("0 wrong, 0 that no row names"), "{words}");
    let mails = said(&baosong(&data, &["mails", "--jsonl"]));
    for unit in ["丹东市教育局", "锦州市教育局", "大连市教育局"] {
        assert!(mails.contains(unit), "{mails}");
    }
}

#[test]
fn a_mail_whose_pack_or_photo_is_damaged_is_named() {
    let (_dir, data) = packed();
    let (photo, all) = (longest(&data), blobs(&data));
    let pack = all.iter().find(|blob| **blob != photo).unwrap();
    for (blob, wrong) in [(&photo, 1), (pack, 2)] {
        let mut bytes = std::fs::read(blob).unwrap();
        bytes[1000] ^= 1;
        std::fs::write(blob, bytes).unwrap();
        let output = baosong(&data, &["verify"]);
        let words = String::from_utf8(output.stdout).unwrap();
        assert!(words.contains(&format!("{wrong} wrong")), "{words}");
    }
    let output = baosong(&data, &["reprocess"]);
    assert_eq!(output.status.code(), Some(1), "nothing is read from them");
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("damaged"), "{words}");
}

#[test]
fn what_stays_of_a_pack_outlives_what_goes_and_a_photo_stays_with_its_mail() {
    let (dir, data) = packed();
    said(&baosong(&data, &["star", "2"]));
    let photo = longest(&data);
    let settings = settings(dir.path(), "raw_mails_days = 0\nfiles_days = 0\n");
    prune(&data, &settings, "2030-01-01T10:00:00+08:00", false);
    assert!(photo.exists());
    let raw = received(&large("b", "锦州市教育局", 23, 200_000));
    assert_eq!(
        std::fs::read(longest(&data)).unwrap(),
        raw,
        "it is whole now"
    );
    assert_eq!(blobs(&data).len(), 2);
    said(&baosong(&data, &["reprocess"]));
    let words = said(&baosong(&data, &["verify"]));
    assert!(words.contains("0 wrong, 0 that no row names"), "{words}");
    drop(dir);
}

#[test]
fn photos_are_kept_as_long_as_the_mails_that_they_stand_in() {
    let (dir, data) = packed();
    let before = export(&data);
    let photos = settings(dir.path(), "files_days = 0\n");
    let done = prune(&data, &photos, "2030-01-01T10:00:00+08:00", false);
    assert!(done.starts_with("0 blobs"), "{done}");
    let all = settings(dir.path(), "raw_mails_days = 0\nfiles_days = 0\n");
    prune(&data, &all, "2030-01-01T10:00:00+08:00", false);
    assert_eq!(blobs(&data), Vec::<PathBuf>::new());
    assert_eq!(export(&data), before);
    said(&baosong(&data, &["verify"]));
}

fn settings(dir: &Path, retention: &str) -> PathBuf {
    let path = dir.join("settings.toml");
    std::fs::write(&path, format!("[retention]\n{retention}")).unwrap();
    path
}

fn prune(data: &Path, settings: &Path, at: &str, dry: bool) -> String {
    let mut arguments = vec!["--config", settings.to_str().unwrap(), "--at", at, "prune"];
    if dry {
        arguments.push("--dry-run");
    }
    said(&baosong(data, &arguments))
}

#[test]
fn what_retention_lets_go_is_shown_first_then_removed_and_the_account_still_closes() {
    let (dir, data) = house();
    let before = (export(&data), blobs(&data).len());
    let settings = settings(dir.path(), "raw_mails_days = 365\nfiles_days = 30\n");
    for (at, dry) in [
        ("2022-05-26T10:00:00+08:00", false),
        ("2022-06-29T10:00:00+08:00", false),
    ] {
        assert!(
            prune(&data, &settings, at, dry).starts_with("0 blobs"),
            "{at}: it runs"
        );
    }
    let shown = prune(&data, &settings, "2022-07-01T10:00:00+08:00", true);
    assert_eq!(blobs(&data).len(), before.1, "a dry run removes nothing");
    let done = prune(&data, &settings, "2022-07-01T10:00:00+08:00", false);
    let count = |words: &str| {
        words
            .lines()
            .last()
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap()
    };
    assert!(
        count(&shown) > 0 && count(&shown) == count(&done),
        "{shown} {done}"
    );
    assert_eq!(blobs(&data).len(), before.1 - count(&done));
    said(&baosong(&data, &["reprocess"]));
    assert_eq!(
        export(&data),
        before.0,
        "raw mails are still there to be read"
    );
    let done = prune(&data, &settings, "2023-06-01T10:00:00+08:00", false);
    assert!(count(&done) > 0);
    let words = said(&baosong(&data, &["verify"]));
    assert!(words.contains("0 wrong, 0 that no row names"), "{words}");
    assert!(!words.contains(" 0 removed by retention"), "{words}");
    assert_eq!(export(&data), before.0, "every row stays");
    said(&baosong(&data, &["reprocess"]));
    assert_eq!(export(&data), before.0);
    let backup = dir.path().join("backup");
    said(&baosong(&data, &["backup", backup.to_str().unwrap()]));
    let restored = dir.path().join("restored");
    said(&baosong(&restored, &["restore", backup.to_str().unwrap()]));
    assert_eq!(export(&restored), before.0);
}

#[test]
fn mails_in_review_corrected_or_starred_are_kept_for_good() {
    let (dir, data) = house();
    let mails = said(&baosong(&data, &["mails", "--jsonl"]));
    let mails: Vec<serde_json::Value> = mails
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let report = mails
        .iter()
        .find(|mail| mail["outcome"] == "reports" && mail["id"] != 1)
        .unwrap();
    let starred = report["id"].as_i64().unwrap();
    said(&baosong(&data, &["star", &starred.to_string()]));
    let settings = settings(
        dir.path(),
        "raw_mails_days = 0\nfiles_days = 0\nletters_days = 0\n",
    );
    prune(&data, &settings, "2030-01-01T10:00:00+08:00", false);
    let mut kept = 0;
    for mail in &mails {
        let id = mail["id"].as_i64().unwrap();
        let doubtful = mail["outcome"] == "review" || mail["outcome"] == "unreadable";
        let after_the_end = mail["received_at"].as_str().unwrap() >= "2022-05-31T00:00:00";
        let stays = doubtful || after_the_end || id == 1 || id == starred;
        let again = baosong(&data, &["reprocess", "--mail", &id.to_string()]);
        let read = String::from_utf8(again.stderr).unwrap();
        assert_eq!(read.contains("1 mails read again"), stays, "{mail}: {read}");
        kept += usize::from(stays);
    }
    assert!(kept > 2 && kept < mails.len(), "{kept} of {}", mails.len());
    said(&baosong(&data, &["verify"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_between_server_and_rows_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (data, code, settings) = (
        dir.path().join("data"),
        dir.path().join("code"),
        dir.path().join("settings.toml"),
    );
    let server = Standin::start("lnzjhdz@163.com", "code").await;
    std::fs::write(&code, "code").unwrap();
    let text = format!(
        "[mailbox]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\npassword_file = {code:?}\n\
         [outgoing]\ntransport = \"files\"\n[alarms]\nleast_free_megabytes = 0\n",
        server.imap_port()
    );
    std::fs::write(&settings, text).unwrap();
    let with = |arguments: &[&str]| {
        let all = [&["--config", settings.to_str().unwrap()], arguments].concat();
        baosong(&data, &all)
    };
    let deliver = |n: u32| {
        server.deliver(
            "INBOX",
            &report(&format!("m{n}"), "丹东市教育局", 23),
            may(24, 8, n),
        )
    };
    let uids: Vec<u32> = (0..3).map(deliver).collect();
    said(&with(&["--at", "2022-05-24T09:00:00+08:00", "once"]));
    let words = said(&with(&["verify", "--server"]));
    assert!(words.contains("INBOX: 3 on the server"), "{words}");
    assert!(
        !words.contains("wrong  no row") && !words.contains("not polled"),
        "{words}"
    );

    // As a correction beside the daemon leaves it until the next pass.
    let connection = rusqlite::Connection::open(data.join("baosong.db")).unwrap();
    connection
        .execute("UPDATE mails SET outcome = NULL WHERE id = 1", [])
        .unwrap();
    let words = said(&with(&["verify", "--server"]));
    assert!(
        words.contains("+ 1 to be judged with the next pass, unexplained 0"),
        "{words}"
    );

    let new = deliver(4);
    server.remove("INBOX", uids[0]);
    let words = said(&with(&["verify", "--server"]));
    assert!(
        words.contains(&format!("not polled yet: INBOX UID {new}")),
        "{words}"
    );
    assert!(
        words.contains(&format!(
            "not on the server any more: INBOX UID {}",
            uids[0]
        )),
        "{words}"
    );

    connection
        .execute("DELETE FROM locations WHERE uid = ?1", [uids[1]])
        .unwrap();
    let output = with(&["verify", "--server"]);
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        words.contains(&format!("no row explains: INBOX UID {}", uids[1])),
        "{words}"
    );
    assert_eq!(server.changes(), 0);
}
