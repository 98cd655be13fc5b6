//! Each stage of a mail alone, on one core: small mails of 6 kB in GBK, and mails of 1.3 MB with three photos.
//!
//! `cargo bench --bench stages`. Judging among many has `judging`, standings and letters have `digest`, the whole
//! `first_sync`.

use baosong::attribution::{Judge, Past, Words};
use baosong::campaign::{Campaign, Moment, in_china};
use baosong::message::{Content, Host, Tool, read, read_large};
use baosong::roster::Roster;
use baosong::store::{Blobs, Kept, Loose, Store, hash};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use encoding_rs::GBK;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Mails of a batch, as the daemon keeps them in one transaction.
const BATCH: usize = 500;
const SENTENCE: &str = "名学生和家长走进实训基地，在老师指导下体验数控加工、烹饪、护理和无人机操作，感受职业教育的魅力，现场气氛热烈。\r\n";

/// A host that has the mail in memory, keeps nothing and runs nothing.
struct InMemory<'a>(&'a [u8]);

impl Host for InMemory<'_> {
    fn run(&mut self, _: Tool) -> Result<Vec<u8>, String> {
        Err("no tools".into())
    }

    fn raw(&mut self, from: u64, length: usize) -> &[u8] {
        let rest = &self.0[from as usize..];
        &rest[..length.min(rest.len())]
    }
}

fn base64(bytes: &[u8]) -> String {
    let letters = STANDARD.encode(bytes);
    let lines = letters.as_bytes().chunks(76).map(String::from_utf8_lossy);
    lines.map(|line| line.into_owned() + "\r\n").collect()
}

fn word(text: &str) -> String {
    format!("=?gbk?B?{}?=", STANDARD.encode(GBK.encode(text).0))
}

/// The fields before the first part, and the text in GBK.
fn small(n: usize) -> String {
    let lines = (0..24).map(|line| format!("{}{SENTENCE}", n * 31 + line));
    let lines: String = lines.collect();
    let (text, ..) = GBK.encode(&lines);
    let (office, subject) = (word("沈阳市教育局"), word("沈阳市教育局5月24日活动信息"));
    format!(
        "From: {office} <office{n}@example.cn>\r\nTo: lnzjhdz@163.com\r\nSubject: {subject}\r\nMessage-ID: <{n}@example.cn>\r\n\
         Date: Tue, 24 May 2022 08:00:00 +0800\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=gbk\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}",
        base64(&text)
    )
}

fn media() -> String {
    let mut noise = StdRng::seed_from_u64(1);
    let photos = (0..3).map(|photo| {
        let mut bytes = vec![0; 300_000];
        noise.fill_bytes(&mut bytes);
        let head = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00";
        format!(
            "--b\r\nContent-Type: image/jpeg; name={photo}.jpg\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
            base64(&[head.as_slice(), &bytes].concat())
        )
    });
    format!(
        "From: a@example.cn\r\nSubject: photos\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n",
        photos.collect::<String>()
    )
}

fn arrived() -> Moment {
    let day = NaiveDate::from_ymd_opt(2022, 5, 24).expect("a day");
    in_china(day.and_hms_opt(8, 0, 0).expect("a time"))
}

#[divan::bench]
fn read_a_small_mail(bencher: Bencher) {
    let mail = small(1);
    bencher
        .counter(BytesCount::new(mail.len()))
        .bench_local(|| read(mail.as_bytes(), &mut InMemory(&[])));
}

#[divan::bench]
fn read_a_mail_with_media_piece_by_piece(bencher: Bencher) {
    let mail = media();
    bencher
        .counter(BytesCount::new(mail.len()))
        .bench_local(|| read_large(mail.len() as u64, &mut InMemory(mail.as_bytes())));
}

#[divan::bench]
fn the_words_of_a_small_mail(bencher: Bencher) {
    let (judge, content) = (judge(), content(&small(1)));
    let lexicon = judge.lexicon();
    bencher.bench_local(|| Words::of(&content, &lexicon));
}

#[divan::bench]
fn weigh_a_small_mail(bencher: Bencher) {
    let (judge, content) = (judge(), content(&small(1)));
    let words = Words::of(&content, &judge.lexicon());
    let past = Past::none();
    bencher.bench_local(|| judge.weigh(&content, Some(&words), arrived(), &past));
}

fn judge() -> Judge {
    Judge::new(Roster::default(), Campaign::default())
}

fn content(mail: &str) -> Content {
    read(mail.as_bytes(), &mut InMemory(&[]))
}

/// Files, flushes and rows of a batch in an empty directory.
#[divan::bench(sample_count = 20)]
fn keep_a_batch_of_small_mails(bencher: Bencher) {
    let mails: Vec<(String, Content)> = (0..BATCH)
        .map(small)
        .map(|mail| {
            let content = content(&mail);
            (mail, content)
        })
        .collect();
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(|| {
            let dir = tempfile::tempdir().expect("a directory");
            let store = Store::open(dir.path()).expect("a database");
            (store, Blobs::open(dir.path()).expect("blobs"), dir)
        })
        .bench_local_values(|(mut store, blobs, dir)| {
            let (mut staged, mut loose, mut batch) = (Vec::new(), Vec::new(), Vec::new());
            for (mail, content) in &mails {
                let sha256 = hash(mail.as_bytes());
                loose.push(Loose {
                    sha256: sha256.clone(),
                    bytes: mail.as_bytes().to_vec(),
                    shell: false,
                });
                batch.push(Kept {
                    bytes: mail.len() as u64,
                    source: String::new(),
                    received_at: arrived(),
                    packed: None,
                    parts: vec![],
                    place: None,
                    content: Some(content.clone()),
                    words: None,
                    sha256,
                });
            }
            let mut packed = blobs.pack(&loose, &mut staged).expect("room");
            for kept in &mut batch {
                kept.packed = packed.remove(&kept.sha256);
            }
            blobs.keep(staged).expect("durable files");
            (store.keep(batch, None).expect("rows"), dir)
        });
}

fn main() {
    divan::main();
}
