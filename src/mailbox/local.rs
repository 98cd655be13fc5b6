//! Local copies of mails: `.eml` files, Maildirs and mboxes.

use crate::campaign::{CST, Moment};
use anyhow::{Context, Result, anyhow, ensure};
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

/// What a walk over local files came by beside mails.
#[derive(Debug, Default)]
pub struct Walk {
    /// Files of a directory that are no mails.
    pub passed_over: usize,
    /// Files that could not be read, and why.
    pub failed: Vec<String>,
}

impl Walk {
    fn note(&mut self, read: Result<()>) {
        self.failed
            .extend(read.err().map(|error| format!("{error:#}")));
    }
}

/// Hands every mail under `path` to `take`, one at a time. A Maildir is a directory with `new` or `cur`; of other
/// directories all files are taken that end in `.eml`, or begin as a mail or an mbox does. A file that begins with
/// `From ` is an mbox. Of several files one that cannot be read does not keep the others from being taken.
///
/// # Errors
/// When nothing is there, when a file that was named cannot be read, or when `take` fails.
pub fn each(path: &Path, take: &mut Take) -> Result<Walk> {
    let mut walk = Walk::default();
    ensure!(path.exists(), "there is no {}", path.display());
    if path.is_dir() {
        directory(path, take, &mut walk)?;
    } else {
        file(path, take)??;
    }
    Ok(walk)
}

/// Takes a mail; its error ends the walk.
pub type Take<'a> = dyn FnMut(Local) -> Result<()> + 'a;

fn directory(path: &Path, take: &mut Take, walk: &mut Walk) -> Result<()> {
    let maildir: Vec<PathBuf> = ["new", "cur"]
        .iter()
        .map(|sub| path.join(sub))
        .filter(|sub| sub.is_dir())
        .collect();
    for dir in &maildir {
        for entry in entries(dir)?.iter().filter(|entry| entry.is_file()) {
            walk.note(file(entry, take)?);
        }
    }
    for entry in entries(path)? {
        if entry.is_dir() && !entry.is_symlink() {
            if !maildir.contains(&entry) && !entry.ends_with("tmp") {
                directory(&entry, take, walk)?;
            }
        } else if !entry.is_file() {
            // A pipe or a device would keep us for ever.
        } else if is_mail(&entry) {
            walk.note(file(&entry, take)?);
        } else {
            walk.passed_over += 1;
        }
    }
    Ok(())
}

/// By its ending, or by a first line that is a header field (RFC 5322 section 2.2) with one that mails have near it.
pub fn is_mail(path: &Path) -> bool {
    let named = path.extension();
    if named.is_some_and(|ending| ending.eq_ignore_ascii_case("eml")) {
        return true;
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4096).read_to_end(&mut start));
    // What cannot be read is told of when it is taken.
    read.is_err() || begins_as_mail(&start)
}

/// Byte order mark of UTF-8, by which some programs save everything.
const MARK: &[u8] = b"\xEF\xBB\xBF";

fn begins_as_mail(start: &[u8]) -> bool {
    const FIELDS: [&str; 10] = [
        "from",
        "to",
        "subject",
        "date",
        "received",
        "return-path",
        "message-id",
        "mime-version",
        "delivered-to",
        "content-type",
    ];
    let start = start.strip_prefix(MARK).unwrap_or(start).trim_ascii_start();
    let mut lines = start.split(|byte| *byte == b'\n');
    let name = |line: &[u8]| {
        let end = line.iter().position(|byte| *byte == b':')?;
        let name = line[..end].trim_ascii_end();
        let printable = name.iter().all(|byte| (33..=126).contains(byte));
        (printable && !name.is_empty()).then(|| String::from_utf8_lossy(name).to_ascii_lowercase())
    };
    let Some(first) = lines.next() else {
        return false;
    };
    is_separator(first)
        || (name(first).is_some()
            && start
                .split(|byte| *byte == b'\n')
                .take_while(|line| !line.trim_ascii().is_empty())
                .filter_map(name)
                .any(|name| FIELDS.contains(&name.as_str())))
}

/// `From `, an address and a time (RFC 4155), or one of the two alone, or a dash: a line of text that begins with
/// "From " has no time in it, and more words.
fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ").map(<[u8]>::trim_ascii) else {
        return false;
    };
    let digits = |at: &[u8]| at.iter().all(u8::is_ascii_digit);
    let timed = rest
        .windows(4)
        .any(|at| digits(&at[..1]) && at[1] == b':' && digits(&at[2..]));
    timed || rest == b"-" || (rest.contains(&b'@') && !rest.contains(&b' '))
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

/// The outer error is `take`'s; the inner one says why the file could not be read.
fn file(path: &Path, take: &mut Take) -> Result<Result<()>> {
    let mut failed = None;
    let read = mails_of(path, &mut |mail| {
        take(mail).map_err(|error| {
            failed = Some(error);
            anyhow!("not taken")
        })
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(read.with_context(|| format!("cannot read {}", path.display()))),
    }
}

fn mails_of(path: &Path, take: &mut Take) -> Result<()> {
    let file = File::open(path)?;
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
    if reader.fill_buf()?.starts_with(&[MARK, b"From "].concat()) {
        reader.consume(MARK.len());
    }
    // A mail whose lines end in carriage returns alone is one line, and no mbox.
    let start = reader.fill_buf()?;
    if start.starts_with(b"From ") && start.contains(&b'\n') {
        return mbox(&mut reader, &name, file_time, take);
    }
    let mut raw = Vec::new();
    reader.read_to_end(&mut raw)?;
    take(Local {
        source: name,
        file_time,
        raw,
    })
}

/// mboxrd: a mail begins at a `From ` line after an empty one; `>From ` lines lose one `>`.
fn mbox(reader: &mut dyn BufRead, name: &str, file_time: Moment, take: &mut Take) -> Result<()> {
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
        if at_end || (after_empty && is_separator(&line)) {
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
            "From a@b Mon May 23 08:00:00 2022\nSubject: 1\n\n>From me\nFrom here on\n\n\
             From b\n\nFrom c@d Mon May 23 9:30 2022\nSubject: 2\n\nx\n",
        )
        .unwrap();
        let mails = found(&path);
        assert_eq!(
            mails[0],
            (
                "box#1".into(),
                b"Subject: 1\n\nFrom me\nFrom here on\n\nFrom b\n\n".to_vec()
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
    fn a_file_that_cannot_be_read_is_named_and_keeps_no_other_from_being_taken() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("b.eml"), "Subject: x\n\n").unwrap();
        let loose = dir.path().join("a.eml");
        std::os::unix::fs::symlink("/proc/self/mem", &loose).unwrap();
        let mut taken = Vec::new();
        let walk = each(dir.path(), &mut |mail| {
            taken.push(mail.source);
            Ok(())
        });
        let walk = walk.unwrap();
        assert_eq!(taken, ["b.eml"]);
        assert!(walk.failed[0].contains("a.eml"), "{:?}", walk.failed);
        each(&loose, &mut |_| Ok(())).unwrap_err();
    }

    #[test]
    fn files_without_an_ending_are_taken_by_how_they_begin() {
        let dir = tempfile::tempdir().unwrap();
        let files: [(&str, &[u8]); 12] = [
            ("marked", b"\xEF\xBB\xBFFrom: a@b\nSubject: x\n\nx"),
            (
                "dashed",
                b"From - \nSubject: 1\n\nx\n\nFrom -\nSubject: 2\n\nx\n",
            ),
            ("marked box", b"\xEF\xBB\xBFFrom a@b\nSubject: x\n\nx\n"),
            (
                "000",
                b"Received: from a by b; Mon, 23 May 2022 08:00:00 +0800\r\nSubject: x\r\n\r\nx",
            ),
            ("001", b"X-Mailer: y\nFrom : a@b\n\nx"),
            ("002.msg", b"\n\nReturn-Path: <a@b>\n\n"),
            ("box", b"From a@b Mon May 23 08:00:00 2022\nSubject: x\n\n"),
            ("index", b"spam ../data/000/000\nham ../data/000/001\n"),
            ("notes.md", b"# Notes\n\nFrom: here on\n"),
            ("picture", b"\x89PNG\r\n\x1a\n"),
            ("settings.yaml", b"host: a\nport: 1\n"),
            ("empty", b""),
        ];
        for (name, bytes) in files {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        let mut taken = Vec::new();
        let walk = each(dir.path(), &mut |mail| {
            taken.push(mail.source);
            Ok(())
        });
        assert_eq!(
            taken,
            [
                "000",
                "001",
                "002.msg",
                "box#1",
                "dashed#1",
                "dashed#2",
                "marked",
                "marked box#1"
            ]
        );
        assert_eq!(walk.unwrap().passed_over, 5);
    }

    #[test]
    fn a_mail_without_line_feeds_is_taken_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.eml");
        let raw = b"From a@b Mon May 23 08:00:00 2022\rSubject: x\r\rtext\r";
        std::fs::write(&path, raw).unwrap();
        assert_eq!(found(&path), [("a.eml".to_string(), raw.to_vec())]);
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
