//! What is kept stays whole: verify, backup and restore by the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
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
