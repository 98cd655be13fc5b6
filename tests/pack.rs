//! The campaign pack: what a campaign office gets.

use baosong::config::Config;
use baosong::daemon::{Choice, Daemon, Target};
use baosong::store::hash_file;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn house() -> (Daemon, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::open(Config::default(), &dir.path().join("data")).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    let mails = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaign");
    daemon.import(&[mails]).unwrap();
    (daemon, dir)
}

fn now() -> baosong::campaign::Moment {
    baosong::campaign::Moment::parse_from_rfc3339("2022-06-01T10:00:00+08:00").unwrap()
}

/// Paths below `dir` with the hashes of their files.
fn tree(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                all.insert(
                    path.strip_prefix(dir).unwrap().into(),
                    hash_file(&path).unwrap(),
                );
            }
        }
    }
    all
}

#[test]
fn the_same_facts_give_the_same_bytes_and_the_sums_hold() {
    let (daemon, dir) = house();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    let count = daemon.pack(Choice::All, &one, now()).unwrap();
    daemon
        .pack(Choice::All, &other, now() + chrono::TimeDelta::hours(1))
        .unwrap();
    let files = tree(&one);
    assert_eq!(files, tree(&other));
    assert!(count > 40, "{count}");
    assert_eq!(
        files
            .keys()
            .filter(|path| path.ends_with("正文.docx"))
            .count(),
        count
    );
    let sums = std::fs::read_to_string(one.join("SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), files.len() - 1);
    for line in sums.lines() {
        let (sha256, path) = line.split_once("  ").unwrap();
        assert_eq!(files[Path::new(path)], sha256, "{path}");
    }
    let long = files
        .keys()
        .map(|path| path.to_string_lossy().chars().count())
        .max()
        .unwrap();
    assert!(long < 160, "{long} characters");
    assert!(
        daemon.pack(Choice::All, &one, now()).is_err(),
        "a full directory is left alone"
    );
}

#[test]
fn the_shortlist_holds_what_was_chosen_and_survives_reading_again() {
    let (mut daemon, dir) = house();
    let with_photos = daemon
        .store
        .entries(now())
        .unwrap()
        .into_iter()
        .find(|entry| {
            entry
                .files
                .iter()
                .filter(|(media, _)| *media == baosong::message::Media::Photo)
                .count()
                > 1
        });
    let entry = with_photos.unwrap();
    let target = Target {
        mail: entry.mail,
        ordinal: Some(entry.ordinal),
    };
    daemon
        .star(target, true, "office@example.cn", now())
        .unwrap();
    daemon.reprocess(Some(entry.mail)).unwrap();
    let pack = dir.path().join("pack");
    assert_eq!(daemon.pack(Choice::Starred, &pack, now()).unwrap(), 1);
    let names: Vec<String> = tree(&pack)
        .into_keys()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    assert!(
        names
            .iter()
            .any(|name| name.starts_with(&entry.unit) && name.ends_with("照片02.jpg")),
        "{names:?}"
    );
    assert!(
        names.iter().any(|name| name.ends_with("照片一览.jpg")),
        "{names:?}"
    );
    daemon
        .star(target, false, "office@example.cn", now())
        .unwrap();
    assert_eq!(
        daemon
            .pack(Choice::Starred, &dir.path().join("none"), now())
            .unwrap(),
        0
    );
}
