//! Local copies of mails: `.eml` files, Maildirs and mboxes.

use crate::campaign::{CST, Moment};
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// A mail found on disk.
#[derive(Debug)]
pub struct Local {
    /// File name; in an mbox with `#n` behind it.
    pub source: String,
    /// When the file was last written.
    pub file_time: Moment,
    /// The whole mail.
    pub raw: Vec<u8>,
}

/// Hands every mail under `path` to `take`, one at a time. A Maildir is a directory with `new` or `cur`;
/// of other directories all `.eml` files are taken. A file that begins with `From ` is an mbox.
pub fn each(path: &Path, take: &mut dyn FnMut(Local) -> Result<()>) -> Result<()> {
    ensure!(path.exists(), "there is no {}", path.display());
    if !path.is_dir() {
        return file(path, take);
    }
    let maildir: Vec<PathBuf> = ["new", "cur"]
        .iter()
        .map(|sub| path.join(sub))
        .filter(|sub| sub.is_dir())
        .collect();
    for dir in &maildir {
        for entry in entries(dir)?.iter().filter(|entry| entry.is_file()) {
            file(entry, take)?;
        }
    }
    let eml = |entry: &Path| {
        entry
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("eml"))
    };
    for entry in entries(path)? {
        if entry.is_dir() && !maildir.contains(&entry) && !entry.ends_with("tmp") {
            each(&entry, take)?;
        } else if entry.is_file() && eml(&entry) {
            file(&entry, take)?;
        }
    }
    Ok(())
}

/// Bytes of all files under `path`, of which [`each`] may pass over some; 0 where it cannot be read.
pub fn size(path: &Path) -> u64 {
    if path.is_dir() {
        let entries = entries(path).unwrap_or_default();
        entries.iter().map(|entry| size(entry)).sum()
    } else {
        path.metadata().map_or(0, |metadata| metadata.len())
    }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let read = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut paths: Vec<PathBuf> = read.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn file(path: &Path, take: &mut dyn FnMut(Local) -> Result<()>) -> Result<()> {
    let opened = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(opened)?;
    let file_time = Moment::from(chrono::DateTime::<chrono::Utc>::from(
        file.metadata()?.modified()?,
    ));
    let file_time = file_time.with_timezone(&CST);
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut reader = BufReader::new(file);
    if reader
        .fill_buf()
        .with_context(opened)?
        .starts_with(b"From ")
    {
        return mbox(&mut reader, &name, file_time, take).with_context(opened);
    }
    let mut raw = Vec::new();
    reader.read_to_end(&mut raw).with_context(opened)?;
    take(Local {
        source: name,
        file_time,
        raw,
    })
}

/// mboxrd: a mail begins at a `From ` line after an empty one; `>From ` lines lose one `>`.
fn mbox(
    reader: &mut dyn BufRead,
    name: &str,
    file_time: Moment,
    take: &mut dyn FnMut(Local) -> Result<()>,
) -> Result<()> {
    let mut number = 0;
    let mut raw: Vec<u8> = Vec::new();
    let mut line = Vec::new();
    let mut after_empty = true;
    let mut hand_over = |raw: &mut Vec<u8>| {
        number += 1;
        take(Local {
            source: format!("{name}#{number}"),
            file_time,
            raw: std::mem::take(raw),
        })
    };
    reader.read_until(b'\n', &mut line)?;
    loop {
        line.clear();
        let at_end = reader.read_until(b'\n', &mut line)? == 0;
        if at_end || (after_empty && line.starts_with(b"From ")) {
            hand_over(&mut raw)?;
            if at_end {
                return Ok(());
            }
            continue;
        }
        after_empty = matches!(line.as_slice(), b"\n" | b"\r\n");
        raw.extend_from_slice(unquoted(&line));
    }
}

fn unquoted(line: &[u8]) -> &[u8] {
    let marks = line.iter().take_while(|byte| **byte == b'>').count();
    if marks > 0 && line[marks..].starts_with(b"From ") {
        &line[1..]
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &Path) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        each(path, &mut |mail| {
            found.push((mail.source, mail.raw));
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn an_mbox_is_split_at_its_from_lines_and_unquoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("box");
        std::fs::write(
            &path,
            "From a\nSubject: 1\n\n>From me\nFrom here on\n\nFrom b\nSubject: 2\n\nx\n",
        )
        .unwrap();
        let mails = found(&path);
        assert_eq!(
            mails[0],
            (
                "box#1".into(),
                b"Subject: 1\n\nFrom me\nFrom here on\n\n".to_vec()
            )
        );
        assert_eq!(mails[1], ("box#2".into(), b"Subject: 2\n\nx\n".to_vec()));
    }

    #[test]
    fn a_maildir_gives_new_and_cur_but_not_tmp() {
        let dir = tempfile::tempdir().unwrap();
        for (sub, name) in [("new", "1.a"), ("cur", "2.b:2,S"), ("tmp", "3.c")] {
            std::fs::create_dir(dir.path().join(sub)).unwrap();
            std::fs::write(dir.path().join(sub).join(name), "Subject: x\n\n").unwrap();
        }
        let names: Vec<_> = found(dir.path())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["1.a", "2.b:2,S"]);
    }

    #[test]
    fn other_directories_give_their_eml_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("deep")).unwrap();
        std::fs::write(dir.path().join("deep/a.EML"), "Subject: x\n\n").unwrap();
        std::fs::write(dir.path().join("notes.md"), "x").unwrap();
        assert_eq!(found(dir.path()).len(), 1);
    }
}
