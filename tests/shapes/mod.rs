//! Hostile mails, each with a name, a generator and what staff are told of it. Their sizes show the attack and yet
//! are made in a moment.
// The tests and the example that measures use a part of it each.
#![allow(dead_code)]

pub mod archives;
pub mod documents;
pub mod frames;
pub mod pages;
pub mod pdfs;
pub mod pictures;

use base64::Engine;

/// One attack.
pub struct Shape {
    /// What it is, in lower case with hyphens.
    pub name: &'static str,
    /// The whole mail.
    pub raw: Vec<u8>,
    /// Words that the content must hold among what is missing; none where all of the mail can be read.
    pub told: Option<&'static str>,
}

/// Every attack on a reader.
pub fn all() -> Vec<Shape> {
    let families = [
        archives::all(),
        documents::all(),
        pdfs::all(),
        pictures::all(),
        frames::all(),
        pages::all(),
    ];
    families.into_iter().flatten().collect()
}

/// The words that each mail with an attached file holds; whatever the file does, they are read.
pub const TEXT: &str = "5月23日，丹东市教育局举办活动周开放日。";

/// A mail with one file attached.
pub fn attached(
    name: &'static str,
    file: &str,
    bytes: &[u8],
    told: impl Into<Option<&'static str>>,
) -> Shape {
    let part = format!(
        "Content-Type: application/octet-stream; name=\"{file}\"\r\nContent-Disposition: attachment; filename=\"{file}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}",
        base64(bytes)
    );
    mail(name, &part, told)
}

/// A mail with its text and one more part, given with its fields.
pub fn mail(name: &'static str, part: &str, told: impl Into<Option<&'static str>>) -> Shape {
    let head = format!(
        "{}Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        head(name)
    );
    let text = format!("--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{TEXT}\r\n");
    Shape {
        name,
        raw: format!("{head}{text}--b\r\n{part}\r\n--b--\r\n").into_bytes(),
        told: told.into(),
    }
}

/// A mail of these bytes behind the usual fields.
pub fn bare(name: &'static str, rest: &str, told: impl Into<Option<&'static str>>) -> Shape {
    Shape {
        name,
        raw: (head(name) + rest).into_bytes(),
        told: told.into(),
    }
}

fn head(name: &str) -> String {
    format!(
        "Received: from a by b; Mon, 23 May 2022 10:00:00 +0800\r\nFrom: <{name}@example.cn>\r\nSubject: {name}\r\n\
         Message-ID: <{name}@example.cn>\r\nDate: Mon, 23 May 2022 10:00:00 +0800\r\nMIME-Version: 1.0\r\n"
    )
}

fn base64(bytes: &[u8]) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    let lines = encoded.as_bytes().chunks(76);
    lines
        .map(|line| String::from_utf8_lossy(line) + "\r\n")
        .collect()
}

/// CRC-32 of ISO-HDLC, by which PNG, RAR and 7z guard their headers against chance, not against an attacker.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

/// Where a byte sequence first stands.
pub fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes
        .windows(what.len())
        .position(|window| window == what)
        .expect("it is there")
}
