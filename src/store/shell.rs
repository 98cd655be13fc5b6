//! Shells: a mail without the base64 of its attachments, which are blobs of their own. With them it is put together again,
//! to the byte. A photo is thus written once, and takes a third less than its mail.

use crate::message::BASE64;
use anyhow::{Context, Result};
use base64::Engine;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

/// Bytes by whose letters the beginning of an attachment is looked for.
const BEGINNING: usize = 48;
/// Letters of a line, as encoders write them.
const LINE: std::ops::RangeInclusive<usize> = BEGINNING / 3 * 4..=996;

/// The base64 of a blob, as it stood in a mail (RFC 2045 section 6.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Of the blob.
    pub sha256: String,
    /// Before which byte of what is left of the mail.
    at: usize,
    /// Letters of a whole line.
    line: usize,
    /// What ends a line.
    end: String,
}

/// A mail without its attachments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// What it lacks, in order.
    pub parts: Vec<Part>,
    /// What is left.
    pub rest: Vec<u8>,
}

impl Shell {
    /// One line of JSON, then what is left.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(&self.parts)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.rest);
        Ok(bytes)
    }

    /// The inverse of [`Self::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let end = memchr::memchr(b'\n', bytes).context("a shell without its parts")?;
        Ok(Self {
            parts: serde_json::from_slice(&bytes[..end])?,
            rest: bytes[end + 1..].to_vec(),
        })
    }

    /// The mail, with the blobs that `blob` gives by their hashes.
    pub fn fill(&self, mut blob: impl FnMut(&str) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        let (mut raw, mut at) = (Vec::new(), 0);
        for part in &self.parts {
            let before = self.rest.get(at..part.at);
            raw.extend_from_slice(before.context("a shell whose parts are out of order")?);
            at = part.at;
            let letters = BASE64.encode(blob(&part.sha256)?);
            for (n, line) in letters.as_bytes().chunks(part.line.max(1)).enumerate() {
                raw.extend_from_slice(if n > 0 { part.end.as_bytes() } else { b"" });
                raw.extend_from_slice(line);
            }
        }
        raw.extend_from_slice(&self.rest[at..]);
        Ok(raw)
    }
}

/// A mail whose attachments are looked for in it, in their order.
#[derive(Debug)]
pub struct Shelling<'a> {
    raw: &'a [u8],
    /// What was found, each with where it ends in the mail; its `at` is where it begins there.
    found: Vec<(Part, usize)>,
}

impl<'a> Shelling<'a> {
    /// Of a whole mail.
    pub fn of(raw: &'a [u8]) -> Self {
        let found = Vec::new();
        Self { raw, found }
    }

    /// Takes the bytes of the next attachment.
    pub fn attachment(&self) -> Attachment<'a> {
        Attachment {
            raw: self.raw,
            from: self.found.last().map_or(0, |(_, end)| *end),
            held: Vec::new(),
            place: None,
            lost: false,
        }
    }

    /// Notes the blob whose bytes were written to `attachment`, if they stand in the mail just as base64 would.
    pub fn is_blob(&mut self, attachment: Attachment<'a>, sha256: &str) {
        self.found.extend(attachment.end(sha256));
    }

    /// The mail without what was found in it.
    pub fn shell(self) -> Shell {
        let (mut parts, mut rest, mut at) = (Vec::new(), Vec::new(), 0);
        for (part, end) in self.found {
            rest.extend_from_slice(&self.raw[at..part.at]);
            at = end;
            parts.push(Part {
                at: rest.len(),
                ..part
            });
        }
        rest.extend_from_slice(&self.raw[at..]);
        Shell { parts, rest }
    }
}

/// Bytes that are compared with the mail as they are written.
#[derive(Debug)]
pub struct Attachment<'a> {
    raw: &'a [u8],
    /// Where in the mail it is looked for.
    from: usize,
    /// What was not compared yet.
    held: Vec<u8>,
    place: Option<Place>,
    /// It does not stand there, or not as an encoder would write it.
    lost: bool,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    /// Up to where all is equal.
    end: usize,
    /// Letters of a line.
    line: usize,
    ends: &'static [u8],
}

impl Attachment<'_> {
    fn find(&self) -> Option<Place> {
        let letters = BASE64.encode(&self.held[..BEGINNING]);
        let found = memmem::find_iter(&self.raw[self.from..], letters.as_bytes());
        let start = found
            .map(|at| self.from + at)
            .find(|at| *at > 0 && self.raw[at - 1] == b'\n')?;
        let line = memchr::memchr(b'\n', &self.raw[start..])?;
        let (line, ends): (usize, &[u8]) = match self.raw[start + line - 1] {
            b'\r' => (line - 1, b"\r\n"),
            _ => (line, b"\n"),
        };
        let whole = LINE.contains(&line) && line.is_multiple_of(4);
        whole.then_some(Place {
            start,
            end: start,
            line,
            ends,
        })
    }

    /// Compares bytes that are whole lines, or the last.
    fn compare(raw: &[u8], mut place: Place, bytes: &[u8]) -> Option<Place> {
        for line in BASE64.encode(bytes).as_bytes().chunks(place.line) {
            let ends = if place.end > place.start {
                place.ends
            } else {
                b""
            };
            let rest = raw[place.end..].strip_prefix(ends)?.strip_prefix(line)?;
            place.end = raw.len() - rest.len();
        }
        Some(place)
    }

    fn end(mut self, sha256: &str) -> Option<(Part, usize)> {
        let place = self.place.filter(|_| !self.lost)?;
        let rest = std::mem::take(&mut self.held);
        let place = Self::compare(self.raw, place, &rest)?;
        let part = Part {
            sha256: sha256.to_owned(),
            at: place.start,
            line: place.line,
            end: String::from_utf8_lossy(place.ends).into_owned(),
        };
        Some((part, place.end))
    }
}

impl Write for Attachment<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.lost {
            return Ok(bytes.len());
        }
        self.held.extend_from_slice(bytes);
        if self.held.len() < BEGINNING {
            return Ok(bytes.len());
        }
        let place = self.place.or_else(|| self.find());
        let whole = |place: &Place| {
            let line = place.line / 4 * 3;
            self.held.len() / line * line
        };
        let lines = place.as_ref().map_or(0, whole);
        self.place = place.and_then(|place| Self::compare(self.raw, place, &self.held[..lines]));
        self.lost = self.place.is_none();
        self.held.drain(..lines);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn mail(attachments: &[Vec<u8>], line: usize, end: &str) -> Vec<u8> {
        let mut raw = b"Subject: x\r\n\r\n".to_vec();
        for attachment in attachments {
            raw.extend_from_slice(b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n");
            let letters = BASE64.encode(attachment);
            for line in letters.as_bytes().chunks(line) {
                raw.extend_from_slice(line);
                raw.extend_from_slice(end.as_bytes());
            }
        }
        raw.extend_from_slice(b"--b--\r\n");
        raw
    }

    /// The shell of a mail, its attachments named by their numbers and written in pieces of so many bytes.
    fn shell(raw: &[u8], attachments: &[Vec<u8>], piece: usize) -> Shell {
        let mut shelling = Shelling::of(raw);
        for (n, bytes) in attachments.iter().enumerate() {
            let mut attachment = shelling.attachment();
            bytes
                .chunks(piece)
                .for_each(|piece| attachment.write_all(piece).unwrap());
            shelling.is_blob(attachment, &n.to_string());
        }
        shelling.shell()
    }

    fn filled(shell: &Shell, attachments: &[Vec<u8>]) -> Vec<u8> {
        let named = attachments.iter().enumerate();
        let named: HashMap<String, &Vec<u8>> =
            named.map(|(n, bytes)| (n.to_string(), bytes)).collect();
        let shell = Shell::from_bytes(&shell.to_bytes().unwrap()).unwrap();
        shell.fill(|sha256| Ok(named[sha256].clone())).unwrap()
    }

    proptest! {
        #[test]
        fn a_mail_is_put_together_again_whatever_of_it_was_found(
            attachments in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..4),
            line in (1_usize..40).prop_map(|quanta| 4 * quanta),
            end in prop::sample::select(vec!["\r\n", "\n", "\r", " \r\n"]),
            piece in 1_usize..500,
            changed in prop::collection::vec(any::<(u16, u8)>(), 0..2),
        ) {
            let mut raw = mail(&attachments, line, end);
            for (at, byte) in changed {
                let at = usize::from(at) % raw.len();
                raw[at] = byte;
            }
            let shell = shell(&raw, &attachments, piece);
            prop_assert_eq!(filled(&shell, &attachments), raw);
        }

        #[test]
        fn what_encoders_write_is_found(
            attachments in prop::collection::vec(prop::collection::vec(any::<u8>(), 200..3000), 1..4),
            line in prop::sample::select(vec![64, 72, 76]),
            end in prop::sample::select(vec!["\r\n", "\n"]),
            piece in 1_usize..500,
        ) {
            let raw = mail(&attachments, line, end);
            let shell = shell(&raw, &attachments, piece);
            prop_assert_eq!(shell.parts.len(), attachments.len());
            prop_assert!(shell.rest.len() < 200 * attachments.len());
            prop_assert_eq!(filled(&shell, &attachments), raw);
        }
    }

    #[test]
    fn one_attachment_twice_is_found_twice() {
        let twice = vec![vec![7; 500]; 2];
        let raw = mail(&twice, 76, "\r\n");
        let shell = shell(&raw, &twice, 100);
        assert_eq!(shell.parts.len(), 2);
        assert_eq!(filled(&shell, &twice), raw);
    }

    #[test]
    fn a_shell_whose_numbers_are_wrong_is_an_error() {
        let part = Part {
            sha256: "0".into(),
            at: 99,
            line: 0,
            end: String::new(),
        };
        let shell = Shell {
            parts: vec![part],
            rest: b"short".to_vec(),
        };
        assert!(shell.fill(|_| Ok(vec![1])).is_err());
        assert!(Shell::from_bytes(b"no line").is_err());
    }
}
