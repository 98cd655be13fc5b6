//! Large mails: the long base64 of their attachments is left where it lies until its file is read, so that a mail of
//! 70 MB never stands in memory whole. What stays is a mail like any other, with empty attachments.

use std::ops::Range;

use base64::Engine;
use memchr::memchr;

use super::host::Host;
use super::transfer::BASE64;

/// Shorter base64 is not worth a second look at the mail.
const LONG: u64 = 256 << 10;
/// Longer lines are not what encoders write.
const LINE: usize = 1000;
/// What is asked for at a time.
const PIECE: usize = 256 << 10;

/// A mail without its long base64.
#[derive(Debug, Default)]
pub struct Lifted {
    /// What is left.
    pub raw: Vec<u8>,
    /// What is not, in order.
    pub runs: Vec<Run>,
}

/// Full lines of base64 that were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Where it would stand in what is left.
    pub at: usize,
    /// Its bytes in the mail.
    pub bytes: Range<u64>,
}

/// Reads a mail of so many bytes once, from its beginning to its end.
pub fn lift(bytes: u64, host: &mut dyn Host) -> Lifted {
    let mut scan = Scan::default();
    // A line that goes on in the next piece.
    let mut begun = Vec::new();
    pieces(0..bytes, host, |piece| {
        let mut rest = piece;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            if begun.is_empty() {
                scan.line(line);
            } else {
                begun.extend_from_slice(line);
                scan.line(&begun);
                begun.clear();
            }
        }
        begun.extend_from_slice(rest);
    });
    if !begun.is_empty() {
        scan.line(&begun);
    }
    scan.end()
}

/// A part of the mail, piece by piece; where the host breaks off, it ends.
fn pieces(mut left: Range<u64>, host: &mut dyn Host, mut each: impl FnMut(&[u8])) {
    while !left.is_empty() {
        let wanted = (left.end - left.start).min(PIECE as u64);
        let piece = host.raw(left.start, wanted as usize);
        if piece.is_empty() {
            return;
        }
        left.start += piece.len() as u64;
        each(piece);
    }
}

#[derive(Default)]
struct Scan {
    lifted: Lifted,
    at: u64,
    in_body: bool,
    /// Whether the part is a file by its fields; what may be text stays.
    is_file: bool,
    run: Range<u64>,
    /// The lines of a run that is not long yet.
    held: Vec<u8>,
}

impl Scan {
    fn line(&mut self, line: &[u8]) {
        let start = self.at;
        self.at += line.len() as u64;
        if self.in_body && self.is_file && is_full(line) {
            if self.run.is_empty() {
                self.run = start..start;
            }
            self.run.end = self.at;
            if self.run.end - self.run.start <= LONG {
                self.held.extend_from_slice(line);
            }
            return;
        }
        self.close();
        self.note(line);
        self.lifted.raw.extend_from_slice(line);
    }

    fn close(&mut self) {
        let run = std::mem::take(&mut self.run);
        let held = std::mem::take(&mut self.held);
        if run.end - run.start > LONG {
            let at = self.lifted.raw.len();
            self.lifted.runs.push(Run { at, bytes: run });
        } else {
            self.lifted.raw.extend_from_slice(&held);
        }
    }

    fn note(&mut self, line: &[u8]) {
        let lower = line[..line.len().min(40)].to_ascii_lowercase();
        if line.starts_with(b"--") {
            self.is_file = false;
        } else if let Some(kind) = lower.strip_prefix(b"content-type:") {
            let kind = kind.trim_ascii_start();
            self.is_file = kind.contains(&b'/') && !kind.starts_with(b"text/");
        }
        self.in_body |= line.trim_ascii().is_empty();
    }

    fn end(mut self) -> Lifted {
        self.close();
        self.lifted
    }
}

/// Whole quanta of base64 (RFC 4648 section 4) and nothing else.
fn is_full(line: &[u8]) -> bool {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    // Without an early end the compiler looks at many letters at a time.
    let letters = |text: &[u8]| text.iter().fold(true, |all, byte| all & is_letter(*byte));
    (60..=LINE).contains(&text.len()) && text.len().is_multiple_of(4) && letters(text)
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_lowercase()
        | byte.is_ascii_uppercase()
        | byte.is_ascii_digit()
        | (byte == b'+')
        | (byte == b'/')
}

impl Run {
    /// Its bytes as they stand in the mail, added to `out`.
    pub fn raw(&self, host: &mut dyn Host, out: &mut Vec<u8>) {
        out.reserve((self.bytes.end - self.bytes.start) as usize);
        pieces(self.bytes.clone(), host, |piece| {
            out.extend_from_slice(piece);
        });
    }

    /// Decoded, piece by piece, and added to `out`.
    pub fn decoded(&self, host: &mut dyn Host, out: &mut Vec<u8>) {
        out.reserve_exact(((self.bytes.end - self.bytes.start) / 4 * 3) as usize);
        let (mut letters, mut decoded) = (Vec::with_capacity(PIECE), vec![0; PIECE]);
        pieces(self.bytes.clone(), host, |piece| {
            for line in piece.split(|byte| *byte == b'\n') {
                letters.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            }
            let whole = letters.len() / 4 * 4;
            // Nothing but letters in whole quanta: there is nothing to refuse.
            if let Ok(bytes) = BASE64.decode_slice(&letters[..whole], &mut decoded) {
                out.extend_from_slice(&decoded[..bytes]);
            }
            letters.drain(..whole);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::host::Tool;
    use super::super::{read, read_large, sha256};
    use super::*;
    use proptest::prelude::*;

    /// A mail in memory, handed out piece by piece; what is kept of it is noted.
    struct InMemory<'a> {
        mail: &'a [u8],
        kept: Vec<String>,
    }

    impl Host for InMemory<'_> {
        fn keep(&mut self, bytes: &[u8]) -> String {
            self.kept.push(sha256(bytes));
            sha256(bytes)
        }

        fn run(&mut self, _: Tool) -> Result<Vec<u8>, String> {
            Err(String::new())
        }

        fn raw(&mut self, from: u64, length: usize) -> &[u8] {
            let rest = &self.mail[from as usize..];
            &rest[..length.min(rest.len())]
        }
    }

    fn in_memory(mail: &[u8]) -> InMemory<'_> {
        InMemory { mail, kept: vec![] }
    }

    /// `bytes` of base64 in lines of `line`, with a file's fields before them.
    fn file(name: &str, kind: &str, bytes: usize, line: usize, end: &str) -> String {
        use base64::Engine;
        let noise: Vec<u8> = (0..bytes as u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let text = base64::engine::general_purpose::STANDARD.encode(noise);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(line)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "--x{end}Content-Type: {kind}; name={name}{end}Content-Disposition: attachment; filename={name}{end}\
             Content-Transfer-Encoding: base64{end}{end}{}{end}",
            lines.join(end)
        )
    }

    fn mail(parts: &[String], end: &str) -> String {
        format!(
            "From: a@example.cn{end}Subject: plan{end}Content-Type: multipart/mixed; boundary=x{end}{end}\
             --x{end}{end}Text.{end}{}--x--{end}",
            parts.concat()
        )
    }

    fn both_ways(mail: &str) -> (usize, bool) {
        let (mut whole, mut lifted) = (in_memory(mail.as_bytes()), in_memory(mail.as_bytes()));
        let one = read(mail.as_bytes(), &mut whole);
        let other = read_large(mail.len() as u64, &mut lifted);
        let runs = lift(mail.len() as u64, &mut in_memory(mail.as_bytes()))
            .runs
            .len();
        (runs, one == other && whole.kept == lifted.kept)
    }

    #[test]
    fn a_large_mail_is_read_as_if_it_stood_in_memory() {
        for end in ["\r\n", "\n"] {
            let parts = [
                file("a.bin", "application/octet-stream", 700_000, 76, end),
                file("b.jpg", "image/jpeg", 300_001, 72, end),
                file("c.bin", "application/zip", 1000, 76, end),
            ];
            assert_eq!(both_ways(&mail(&parts, end)), (2, true));
        }
    }

    #[test]
    fn what_may_be_text_stays() {
        let text = file("a.txt", "text/plain", 600_000, 76, "\r\n");
        assert_eq!(both_ways(&mail(&[text], "\r\n")), (0, true));
    }

    #[test]
    fn attachments_of_an_attached_mail_are_lifted_too() {
        let inner = mail(
            &[file(
                "a.bin",
                "application/octet-stream",
                700_000,
                76,
                "\r\n",
            )],
            "\r\n",
        )
        .replace("=x", "=y")
        .replace("--x", "--y");
        let outer = format!("--x\r\nContent-Type: message/rfc822\r\n\r\n{inner}");
        assert_eq!(both_ways(&mail(&[outer], "\r\n")), (1, true));
    }

    #[test]
    fn base64_that_does_not_begin_with_its_part_is_put_together_again() {
        let odd = file("a.bin", "application/octet-stream", 700_000, 76, "\r\n").replacen(
            "base64\r\n\r\n",
            "base64\r\n\r\nQUJD\r\n",
            1,
        );
        assert_eq!(both_ways(&mail(&[odd], "\r\n")), (1, true));
    }

    #[test]
    fn a_lying_label_and_a_mended_header_change_nothing() {
        let parts = [file(
            "a.bin",
            "application/octet-stream",
            700_000,
            76,
            "\r\n",
        )];
        let sound = mail(&parts, "\r\n");
        for odd in [
            sound.replace("base64\r\n", "7bit\r\n"),
            sound.replace("base64\r\n", "x-uuencode\r\n"),
            sound.replace("; boundary=x", "; boundary=wrong"),
            sound.replacen("\r\n\r\n", "\r\nno field\r\n\r\n", 1),
            format!("\u{FEFF}{sound}"),
            format!("From a@b Mon May 23 08:00:00 2022\r\n{sound}"),
        ] {
            assert_eq!(both_ways(&odd), (1, true), "{}", &odd[..300]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_mixture_reads_the_same(sizes in proptest::collection::vec((0usize..400_000, 15usize..40), 0..4), cut in 0usize..100) {
            let parts: Vec<String> = sizes.iter().enumerate()
                .map(|(n, (size, quanta))| file(&format!("{n}.bin"), "application/octet-stream", *size, quanta * 4, "\r\n")).collect();
            let mut mail = mail(&parts, "\r\n");
            mail.truncate(mail.len().saturating_sub(cut * 50));
            prop_assert!(both_ways(&mail).1);
        }
    }
}
