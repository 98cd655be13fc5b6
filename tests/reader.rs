//! The reader process: attacked on purpose from inside of its cage, and lost over mails; mails outlive it.

mod support;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use baosong::message::{Content, Media, Reading};
use baosong::reader::{Drill, Reader, missing};

const PROGRAM: &str = env!("CARGO_BIN_EXE_baosong");
const PATIENT: Duration = Duration::from_secs(60);

fn reader(spool: &Path) -> Reader {
    Reader::new(PROGRAM.into(), spool, PATIENT)
}

fn read(reader: &mut Reader, raw: &[u8]) -> (Content, usize) {
    let mut kept = 0;
    let content = reader.read(raw, &mut |bytes| {
        let mut whole = Vec::new();
        bytes.read_to_end(&mut whole)?;
        let sha256 = baosong::message::sha256(&whole);
        kept += 1;
        let mut file = tempfile::tempfile()?;
        file.write_all(&whole)?;
        Ok((sha256, file))
    });
    (content.unwrap(), kept)
}

const MAIL: &[u8] = b"From: a@example.cn\r\nSubject: plan\r\n\r\nText.\r\n";

#[test]
fn every_attack_from_inside_is_refused_and_the_next_mail_is_read() {
    let spool = tempfile::tempdir().unwrap();
    let mut reader = reader(spool.path());
    let (landlock, seccomp) = reader.protections().unwrap();
    assert!(
        landlock != "None" || seccomp != "None",
        "this kernel has neither Landlock nor seccomp"
    );
    for drill in [
        Drill::OpenSocket,
        Drill::OpenFile,
        Drill::WriteFile,
        Drill::StartProcess,
    ] {
        let outcome = reader.drill(drill).unwrap();
        assert!(outcome.starts_with("refused"), "{drill:?}: {outcome}");
    }
    for drill in [Drill::Exit, Drill::Allocate] {
        let outcome = reader.drill(drill).unwrap();
        assert!(outcome.starts_with("lost"), "{drill:?}: {outcome}");
        assert_eq!(read(&mut reader, MAIL).0.subject, "plan");
    }
    assert!(!Path::new("/tmp/baosong-drill").exists());
}

#[test]
fn a_reader_that_hangs_is_killed_at_its_limit() {
    let spool = tempfile::tempdir().unwrap();
    let mut reader = Reader::new(PROGRAM.into(), spool.path(), Duration::from_millis(300));
    let outcome = reader.drill(Drill::Hang).unwrap();
    assert!(outcome.contains("took too long"), "{outcome}");
}

/// A program that is a true reader, but for the first `lost` times that it is started: then it does `otherwise`.
fn unlike_at_first(dir: &Path, lost: usize, otherwise: &str) -> PathBuf {
    let path = dir.join("failing-reader");
    let script = format!(
        "#!/bin/bash\ncd {dir}\necho x >>started\nif [ $(wc -l <started) -gt {lost} ]; then exec {PROGRAM} \"$@\"; fi\n\
         {otherwise}\n",
        dir = dir.display()
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// One that behaves like a reader until it is given a mail, then does `then`.
fn failing(dir: &Path, lost: usize, then: &str) -> PathBuf {
    let greets = "printf '\\x0b\\0\\0\\0\\0\\0\\0\\0\"Full Full\"'";
    unlike_at_first(dir, lost, &format!("{greets}\n{then}"))
}

const WITH_FILE: &[u8] = b"From: a@example.cn\r\nSubject: plan\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n\
    Text.\r\n--x\r\nContent-Disposition: attachment; filename=plan.txt\r\n\r\nLines.\r\n--x--\r\n";

#[test]
fn a_mail_that_loses_its_reader_keeps_its_text_and_its_files_unopened() {
    let dir = tempfile::tempdir().unwrap();
    for (number, then) in [
        "exit 3",
        "read -n 20; kill -9 $$",
        "printf 'rubbish rubbish rubbish'; exit",
    ]
    .iter()
    .enumerate()
    {
        let dir = dir.path().join(number.to_string());
        std::fs::create_dir(&dir).unwrap();
        let mut reader = Reader::new(failing(&dir, 1, then), &dir, PATIENT);
        let (content, kept) = read(&mut reader, WITH_FILE);
        assert_eq!(
            (content.subject.as_str(), content.text.as_str(), kept),
            ("plan", "Text.", 1),
            "{then}"
        );
        assert!(
            matches!(content.files[0].reading, Reading::Failed(_)),
            "{then}"
        );
        assert_eq!(content.damage.len(), 1, "{then}");
    }
}

#[test]
fn a_mail_that_loses_every_reader_still_has_an_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let mut reader = Reader::new(failing(dir.path(), 2, "exit 3"), dir.path(), PATIENT);
    let (content, _) = read(&mut reader, WITH_FILE);
    assert_eq!(content.damage, ["解析程序中断，邮件原件已保存"]);
    assert_eq!(
        read(&mut reader, MAIL).0.text,
        "Text.",
        "and the next mail is read"
    );
}

/// Mails that are handed over together: a reader would answer each in its turn.
fn several() -> Vec<Vec<u8>> {
    let mail = |n| format!("From: a@example.cn\r\nSubject: plan {n}\r\n\r\nText {n}.\r\n");
    let mut mails: Vec<Vec<u8>> = (0..30).map(|n| mail(n).into_bytes()).collect();
    mails.insert(7, WITH_FILE.to_vec());
    mails
}

#[test]
fn mails_handed_over_together_are_read_as_each_alone() {
    let spool = tempfile::tempdir().unwrap();
    let (mut alone, mut together) = (reader(spool.path()), reader(spool.path()));
    let mails = several();
    let all: Vec<&[u8]> = mails.iter().map(Vec::as_slice).collect();
    together.hand_over(&all).unwrap();
    for mail in &mails {
        assert_eq!(read(&mut together, mail), read(&mut alone, mail));
    }
}

/// How many readers were started of a program that [`unlike_at_first`] wrote.
fn started(dir: &Path) -> usize {
    let lines = std::fs::read_to_string(dir.join("started")).unwrap_or_default();
    lines.lines().count()
}

#[test]
fn another_mail_than_the_next_that_was_handed_over_is_read_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut reader = Reader::new(failing(dir.path(), 0, ""), dir.path(), PATIENT);
    let mails = several();
    let mut subject = |n: usize| read(&mut reader, &mails[n]).0.subject;
    assert_eq!(subject(0), "plan 0");
    reader
        .hand_over(&[&mails[1], &mails[2], &mails[3]])
        .unwrap();
    let mut subject = |n: usize| read(&mut reader, &mails[n]).0.subject;
    assert_eq!(subject(1), "plan 1");
    assert_eq!(started(dir.path()), 1, "it was answered in its turn");
    assert_eq!(subject(3), "plan 3");
    assert_eq!(started(dir.path()), 2, "what answers another is ended");
    assert_eq!((subject(2), subject(4)), ("plan 2".into(), "plan 4".into()));
    assert_eq!(started(dir.path()), 2);
    reader.hand_over(&[&mails[4], &mails[5]]).unwrap();
    // One alone is not handed over, but may lie where another lay.
    reader.hand_over(&[&mails[6]]).unwrap();
    assert_eq!(read(&mut reader, &mails[6]).0.subject, "plan 6");
    assert_eq!(started(dir.path()), 3);
}

#[test]
fn a_reader_that_is_lost_over_mails_handed_over_costs_none_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let mails = several();
    let mut patient = reader(dir.path());
    let alone: Vec<Content> = mails
        .iter()
        .map(|mail| read(&mut patient, mail).0)
        .collect();
    // One that dies before an answer, one in the midst of the first, and one after some.
    for (number, bytes) in [0, 30, 200, 1000, 2000].into_iter().enumerate() {
        let dir = dir.path().join(number.to_string());
        std::fs::create_dir(&dir).unwrap();
        let answers = bytes + 40;
        let dies =
            format!("{PROGRAM} \"$@\" | {{ dd bs=1 count={answers} status=none; kill -9 $$; }}");
        let mut reader = Reader::new(unlike_at_first(&dir, 1, &dies), &dir, PATIENT);
        let all: Vec<&[u8]> = mails.iter().map(Vec::as_slice).collect();
        reader.hand_over(&all).unwrap();
        for (n, mail) in mails.iter().enumerate() {
            assert_eq!(read(&mut reader, mail).0, alone[n], "{bytes}, mail {n}");
        }
        assert!(started(&dir) >= 2, "{bytes}");
    }
}

#[test]
fn a_mail_that_hangs_costs_none_its_words_whose_answers_wait_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mails, limit) = (several(), Duration::from_secs(4));
    let hangs = format!(
        "{PROGRAM} \"$@\" | {{ dd bs=1 count=2000 status=none; sleep {}; }}",
        limit.as_secs()
    );
    let mut hanging = Reader::new(unlike_at_first(dir.path(), 1, &hangs), dir.path(), limit);
    let all: Vec<&[u8]> = mails.iter().map(Vec::as_slice).collect();
    hanging.hand_over(&all).unwrap();
    let mut patient = reader(dir.path());
    for mail in &mails {
        assert_eq!(read(&mut hanging, mail), read(&mut patient, mail));
    }
    assert_eq!(started(dir.path()), 2);
}

/// A content that names `hash` without having handed it over, as the wire carries it.
fn content_naming(hash: &str) -> Vec<u8> {
    let mut content = Content::default();
    content.files.push(baosong::message::File {
        name: "a.jpg".into(),
        folder: String::new(),
        archive: None,
        media: Media::Photo,
        sha256: hash.into(),
        bytes: 1,
        taken_at: None,
        details: None,
        repaired: false,
        decoration: false,
        reading: Reading::None,
    });
    let frame = |bytes: Vec<u8>| [(bytes.len() as u64).to_le_bytes().to_vec(), bytes].concat();
    let text = content.text.clone().into_bytes();
    let content = serde_json::to_vec(&content).unwrap();
    [frame(b"\"Content\"".to_vec()), frame(content), frame(text)].concat()
}

#[test]
fn a_reader_names_no_file_that_it_did_not_hand_over() {
    for hash in [
        "/etc/hostname",
        "../../baosong.db",
        "a\u{20ac}",
        "0",
        "-1",
        &"0".repeat(64),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("lie"), content_naming(hash)).unwrap();
        let program = failing(dir.path(), 1, "cat lie; sleep 60");
        let mut reader = Reader::new(program, dir.path(), PATIENT);
        let (content, kept) = read(&mut reader, WITH_FILE);
        assert_eq!((content.text.as_str(), kept), ("Text.", 1), "{hash}");
        let blobs = baosong::store::Blobs::open(dir.path()).unwrap();
        assert!(
            blobs.path(hash).starts_with(dir.path().join("blobs")),
            "{hash}"
        );
    }
}

#[test]
fn no_reader_at_all_is_an_error_not_a_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let mut reader = Reader::new(dir.path().join("none"), dir.path(), PATIENT);
    assert!(reader.read(MAIL, &mut |_| unreachable!()).is_err());
}

#[test]
fn the_tools_are_installed() {
    assert_eq!(missing(), Vec::<&str>::new(), "tests/run installs them");
}

fn attached(name: &str, bytes: &[u8]) -> Vec<u8> {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!(
        "From: a@example.cn\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n"
    )
    .into_bytes()
}

#[test]
fn a_pdf_is_read_with_and_without_its_fonts() {
    let spool = tempfile::tempdir().unwrap();
    for name in ["embedded-fonts", "predefined-cmap-no-fonts"] {
        let bytes = std::fs::read(format!(
            "{}/tests/files/{name}.pdf",
            env!("CARGO_MANIFEST_DIR")
        ))
        .unwrap();
        let (content, _) = read(&mut reader(spool.path()), &attached("a.pdf", &bytes));
        let Reading::Text(text) = &content.files[0].reading else {
            panic!("{name}: {:?}", content.files[0].reading)
        };
        assert!(text.contains("职业教育活动周"), "{name}: {text}");
        assert!(text.contains("参加人数\t120"), "{name}: {text}");
    }
}

#[test]
fn a_pdf_that_cannot_be_read_says_why() {
    let spool = tempfile::tempdir().unwrap();
    let mut reader = reader(spool.path());
    let mut reading = |bytes: &[u8]| {
        let (content, _) = read(&mut reader, &attached("a.pdf", bytes));
        assert_eq!(content.files[0].media, Media::Document);
        content.files[0].reading.clone()
    };
    let failed = |why: &str| Reading::Failed(why.to_string());
    let file = |name: &str| {
        std::fs::read(format!("{}/tests/files/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    assert_eq!(reading(&file("password.pdf")), failed("加密"));
    assert_eq!(reading(b"%PDF-1.4 and nothing else"), failed("损坏"));
    assert_eq!(reading(&file("scan-only.pdf")), failed("没有文字"));
}

fn only_file(name: &str) -> baosong::message::File {
    let spool = tempfile::tempdir().unwrap();
    let bytes =
        std::fs::read(format!("{}/tests/files/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (content, kept) = read(&mut reader(spool.path()), &attached("a.bin", &bytes));
    assert_eq!(kept, 2, "{name}: the file and its thumbnail");
    assert_eq!(
        std::fs::read_dir(spool.path()).unwrap().count(),
        0,
        "{name}: nothing is left in the spool"
    );
    content.files.into_iter().next().unwrap()
}

#[test]
fn every_video_has_its_length_and_a_frame() {
    for (name, made) in [
        ("film.mp4", true),
        ("film.wmv", true),
        ("film.avi", false),
        ("film.mkv", false),
    ] {
        let file = only_file(name);
        let details = file.details.unwrap();
        assert_eq!(file.media, Media::Video, "{name}");
        let length = details.duration.unwrap();
        assert!((1900..=2300).contains(&length), "{name}: {length} ms");
        assert!(
            details.thumbnail.is_some() && !details.damaged,
            "{name}: {details:?}"
        );
        let taken = file.taken_at.map(|at| at.to_rfc3339());
        assert_eq!(
            taken.as_deref(),
            made.then_some("2022-05-24T09:30:00+08:00"),
            "{name}"
        );
    }
}

#[test]
fn a_heic_photo_stands_upright_and_is_turned_once() {
    let file = only_file("sideways.heic");
    let details = file.details.unwrap();
    assert_eq!(file.media, Media::Photo);
    assert_eq!((details.width, details.height), (240, 320));
    assert_eq!(
        file.taken_at.unwrap().to_rfc3339(),
        "2022-05-24T09:30:00+08:00"
    );
    assert!(details.fingerprint.is_some() && !details.damaged);
}
