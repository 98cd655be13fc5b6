//! What a power cut could take away: the order in which the process asks the kernel to make things durable, by strace.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::mail::{large, may, report};
use support::standin::Standin;

/// A call that changes what a power cut leaves, in order.
#[derive(Debug, PartialEq, Eq)]
enum Call {
    Write(PathBuf),
    /// fsync or fdatasync.
    Flush(PathBuf),
    /// syncfs: everything.
    FlushAll,
    Rename(PathBuf, PathBuf),
}

/// Runs the program under strace; gives its calls, those of its threads among them.
fn calls(dir: &Path, arguments: &[&str]) -> Vec<Call> {
    let trace = dir.join("trace");
    let names = "trace=write,pwrite64,fsync,fdatasync,syncfs,rename,renameat,renameat2";
    let status = Command::new("strace")
        .args(["-f", "-y", "-s", "0", "-e", names, "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_baosong"))
        .args(["--data", dir.join("data").to_str().unwrap()])
        .args(arguments)
        .env("BAOSONG_LOG", "error")
        .status()
        .expect("strace runs; tests/run installs it");
    assert!(status.success());
    let lines = std::fs::read_to_string(trace).unwrap();
    lines.lines().filter_map(call).collect()
}

/// `12 fdatasync(7</data/spool/x>) = 0`; a call that another thread interrupts is told of where it begins.
fn call(line: &str) -> Option<Call> {
    let (_, call) = line.split_once(' ')?;
    let (name, rest) = call.trim_start().split_once('(')?;
    let path = || Some(rest.split_once('<')?.1.split_once('>')?.0.into());
    match name {
        "write" | "pwrite64" => Some(Call::Write(path()?)),
        "fsync" | "fdatasync" => Some(Call::Flush(path()?)),
        "syncfs" => Some(Call::FlushAll),
        _ => {
            let quoted: Vec<&str> = rest.split('"').skip(1).step_by(2).collect();
            match quoted[..] {
                [from, to] => Some(Call::Rename(from.into(), to.into())),
                _ => None,
            }
        }
    }
}

#[test]
fn bytes_are_durable_before_their_names_and_names_before_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    for n in 0..20 {
        let raw = match n {
            7 => large("m7", "丹东市教育局", 23, 2 << 20),
            _ => report(&format!("m{n}"), "丹东市教育局", 23),
        };
        std::fs::write(root.join(format!("{n:02}.eml")), raw).unwrap();
    }
    let calls = calls(&root, &["import", root.to_str().unwrap()]);
    let (blobs, wal) = (root.join("data/blobs"), root.join("data/baosong.db-wal"));
    let (mut dirty, mut unsettled, mut named) = (BTreeSet::new(), BTreeSet::new(), 0);
    for call in &calls {
        match call {
            Call::Write(path) => drop(dirty.insert(path)),
            Call::Flush(path) => {
                assert!(
                    *path != wal || unsettled.is_empty(),
                    "rows are committed before these names are durable: {unsettled:?}"
                );
                dirty.remove(path);
            }
            Call::FlushAll => {
                dirty.clear();
                unsettled.clear();
            }
            Call::Rename(from, to) if to.starts_with(&blobs) => {
                assert!(!dirty.contains(from), "{} was not flushed", from.display());
                unsettled.insert(to);
                named += 1;
            }
            Call::Rename(..) => {}
        }
    }
    assert!(named >= 2, "a pack of twenty mails and the file of one");
    assert!(unsettled.is_empty());
    rows_are_flushed(&calls, &wal);
}

fn rows_are_flushed(calls: &[Call], wal: &Path) {
    let last = |is: &dyn Fn(&Call) -> bool| calls.iter().rposition(is);
    let flushed = last(&|call| *call == Call::Flush(wal.into()));
    assert!(last(&|call| matches!(call, Call::Rename(..))) < flushed);
    assert!(last(&|call| *call == Call::Write(wal.into())) < flushed);
}

/// Its commits are not flushed one by one; its end is.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_poll_took_in_is_durable_when_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let server = Standin::start("lnzjhdz@163.com", "code").await;
    for n in 0..120 {
        let mail = report(&format!("m{n}"), "丹东市教育局", 23);
        server.deliver("INBOX", &mail, may(24, 8, n / 4));
    }
    let code = root.join("code");
    std::fs::write(&code, "code").unwrap();
    let settings = format!(
        "[mailbox]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\npassword_file = {code:?}\n\
         [outgoing]\ntransport = \"files\"\n[alarms]\nleast_free_megabytes = 0\n",
        server.imap_port()
    );
    let path = root.join("settings");
    std::fs::write(&path, settings).unwrap();
    let settings = path.to_str().unwrap();
    let at = "2022-05-24T09:00:00+08:00";
    let calls = calls(&root, &["--config", settings, "--at", at, "once"]);
    rows_are_flushed(&calls, &root.join("data/baosong.db-wal"));
}

#[test]
fn a_file_that_is_fetched_from_the_storage_is_durable_before_it_has_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let path = |name: &str| root.join(name).to_str().unwrap().to_owned();
    std::fs::write(path("m.eml"), large("m", "丹东市教育局", 23, 2 << 20)).unwrap();
    let url = format!("[storage]\nurl = \"file://{}\"\n", path("there"));
    std::fs::write(path("settings"), url).unwrap();
    calls(&root, &["import", &path("m.eml")]);
    let blobs = root.join("data/blobs");
    let all = std::fs::read_dir(&blobs).unwrap();
    let all = all.flat_map(|one| std::fs::read_dir(one.unwrap().path()).unwrap());
    let is_mail = |path: &PathBuf| !std::fs::read(path).unwrap().starts_with(&[0xff, 0xd8]);
    let mail = all.map(|one| one.unwrap().path()).find(is_mail).unwrap();
    let there = root.join("there").join(mail.strip_prefix(&blobs).unwrap());
    std::fs::create_dir_all(there.parent().unwrap()).unwrap();
    std::fs::rename(&mail, there).unwrap();
    let calls = calls(&root, &["--config", &path("settings"), "reprocess"]);
    let (mut dirty, mut named) = (BTreeSet::new(), false);
    for call in &calls {
        match call {
            Call::Write(path) => drop(dirty.insert(path)),
            Call::Flush(path) => drop(dirty.remove(path)),
            Call::FlushAll => dirty.clear(),
            Call::Rename(from, to) if *to == mail => {
                assert!(!dirty.contains(from), "{} was not flushed", from.display());
                named = true;
            }
            Call::Rename(..) => {}
        }
    }
    assert!(named);
}
