//! Content-Transfer-Encoding, decoded with patience: gateways add footers, cut tails and mislabel.

use base64::Engine;
use memchr::memchr_iter;
use std::borrow::Cow;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use std::sync::LazyLock;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use base64::engine::{Simd, general_purpose::PAD};

/// Base64 with its padding (RFC 4648 section 4), many letters at a time where the processor can.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub static BASE64: LazyLock<Simd> = LazyLock::new(|| Simd::standard(PAD));
/// See there.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub static BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;

/// The content, and whether something had to be left out of it.
pub fn decode<'a>(body: &'a [u8], encoding: &str) -> (Cow<'a, [u8]>, bool) {
    match token(encoding).as_str() {
        "base64" => owned(base64(body)),
        "quoted-printable" => (Cow::Owned(quoted_printable(body)), false),
        "x-uuencode" | "uuencode" | "x-uue" | "uue" => owned(uuencode(body)),
        _ if looks_like_base64(body) => owned(base64(body)),
        _ => (Cow::Borrowed(body), false),
    }
}

/// Whether the label says base64.
pub fn is_base64(encoding: &str) -> bool {
    token(encoding) == "base64"
}

/// Whether the label names an encoding that changes bytes.
pub fn is_encoded(encoding: &str) -> bool {
    !matches!(token(encoding).as_str(), "" | "7bit" | "8bit" | "binary")
}

/// A label without its decoration: `BASE64;`, `base64 (x)`.
fn token(encoding: &str) -> String {
    let lower = encoding.trim().to_ascii_lowercase();
    let end = lower.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    lower[..end.unwrap_or(lower.len())].to_owned()
}

fn owned<'a>((bytes, repaired): (Vec<u8>, bool)) -> (Cow<'a, [u8]>, bool) {
    (Cow::Owned(bytes), repaired)
}

/// Base64 under the label 8bit or none: nothing but full lines of its alphabet.
fn looks_like_base64(body: &[u8]) -> bool {
    let mut lines = body
        .split(|&b| b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let Some(first) = lines.next() else {
        return false;
    };
    let full = first.len() >= 60 && first.len().is_multiple_of(4) && is_alphabet(first);
    full && first.iter().any(u8::is_ascii_digit)
        && first.iter().any(u8::is_ascii_uppercase)
        && lines.all(is_alphabet)
}

fn is_alphabet(line: &[u8]) -> bool {
    line.iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

/// Lines that hold anything outside of the alphabet are skipped; the flag says that some were, or that the end is cut.
pub fn base64(body: &[u8]) -> (Vec<u8>, bool) {
    // Nearly all of it is as it should be but for its lines.
    let mut letters = Vec::with_capacity(body.len());
    let mut at = 0;
    for end in memchr_iter(b'\n', body).chain([body.len()]) {
        let line = &body[at..end];
        letters.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        at = end + 1;
    }
    if let Ok(bytes) = BASE64.decode(&letters) {
        return (bytes, false);
    }
    let Some(bytes) = mail_parser::decoders::base64::base64_decode(body) else {
        return (base64_by_line(body), true);
    };
    let whole = bytes.len().is_multiple_of(3) || body.trim_ascii_end().ends_with(b"=");
    (bytes, !whole)
}

fn base64_by_line(body: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(body.len());
    for line in body.split(|&b| b == b'\n').map(<[u8]>::trim_ascii) {
        // After the padding only whole quanta are data; a word of a footer is not.
        let ended = kept.last() == Some(&b'=');
        if is_alphabet(line) && (!ended || line.len() >= 16 && line.len().is_multiple_of(4)) {
            kept.extend_from_slice(line);
        }
    }
    mail_parser::decoders::base64::base64_decode(&kept).unwrap_or_default()
}

/// Quoted-printable of a body; what is no valid escape stays as it is.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|&b| b == b'\n') {
        let text = line.trim_ascii_end();
        match text.strip_suffix(b"=") {
            Some(soft) => unescape(soft, &mut out),
            None => {
                unescape(text, &mut out);
                out.extend_from_slice(if line.ends_with(b"\n") { b"\n" } else { b"" });
            }
        }
    }
    out
}

/// The Q encoding of RFC 2047, where an underscore is a blank.
pub fn q_word(word: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> = word
        .iter()
        .map(|&b| if b == b'_' { b' ' } else { b })
        .collect();
    let mut out = Vec::with_capacity(blanks.len());
    unescape(&blanks, &mut out);
    out
}

fn unescape(text: &[u8], out: &mut Vec<u8>) {
    escaped(text, b'=', out);
}

/// The `%E6%97%A5` of RFC 2231 and of web addresses.
pub fn percent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    escaped(text, b'%', &mut out);
    out
}

fn escaped(text: &[u8], mark: u8, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let byte = tail.get(..2).filter(|_| first == mark).and_then(hex);
        out.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
}

fn hex(digits: &[u8]) -> Option<u8> {
    let value = |b: u8| char::from(b).to_digit(16);
    Some((value(digits[0])? * 16 + value(digits[1])?) as u8)
}

/// The lines between `begin 644 name` and `end`.
fn uuencode(body: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let mut lines = body.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_end);
    if !lines.by_ref().any(|line| line.starts_with(b"begin ")) {
        return (body.to_vec(), true);
    }
    for line in lines {
        if line == b"end" {
            return (out, false);
        }
        let Some((&length, data)) = line.split_first() else {
            continue;
        };
        let length = usize::from(length.wrapping_sub(32) & 63);
        let sextets: Vec<u32> = data
            .iter()
            .map(|b| u32::from(b.wrapping_sub(32) & 63))
            .collect();
        let decoded = sextets.chunks(4).flat_map(|quad| {
            let word =
                quad.iter().fold(0, |word, sextet| word << 6 | sextet) << (6 * (4 - quad.len()));
            [(word >> 16) as u8, (word >> 8) as u8, word as u8]
        });
        out.extend(decoded.take(length));
    }
    (out, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &[u8] = b"VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZy4gVGhlIHF1aWNr\nIGJyb3duIGZveA==\n";

    fn plain() -> Vec<u8> {
        b"The quick brown fox jumps over the lazy dog. The quick brown fox".to_vec()
    }

    #[test]
    fn a_footer_or_a_junk_line_does_not_lose_the_attachment() {
        let footer = [DATA, b"-----\nScanned by gateway, all clear.\nclean\n"].concat();
        assert_eq!(base64(&footer), (plain(), true));
        let half = DATA.len() / 2;
        let end = half + DATA[half..].iter().position(|&b| b == b'\n').unwrap() + 1;
        let junk = [&DATA[..end], b"!! junk \xFF line\n", &DATA[end..]].concat();
        assert_eq!(base64(&junk), (plain(), true));
    }

    #[test]
    fn missing_padding_loses_no_byte_and_is_flagged() {
        assert_eq!(base64(b"VGhlIHF1aWNrIGI"), (b"The quick b".to_vec(), true));
    }

    #[test]
    fn the_encoding_label_may_be_decorated_or_wrong() {
        for label in ["BASE64;", "base64 (x)", " Base64", "8bit", ""] {
            assert_eq!(decode(DATA, label).0.as_ref(), plain(), "{label}");
        }
    }

    #[test]
    fn prose_is_not_taken_for_base64() {
        let prose = b"All of the units have sent their reports before ten o'clock of that day";
        assert_eq!(decode(prose, "7bit").0.as_ref(), prose);
    }

    #[test]
    fn quoted_printable_joins_soft_lines_and_keeps_bad_escapes() {
        assert_eq!(
            decode(b"=E6=97=\r\n=A5 =ZZ 100%\r\n", "quoted-printable")
                .0
                .as_ref(),
            "日 =ZZ 100%\n".as_bytes()
        );
    }

    #[test]
    fn uuencoded_content_is_read() {
        assert_eq!(
            uuencode(b"begin 644 a.txt\n#0V%T\n`\nend\n"),
            (b"Cat".to_vec(), false)
        );
    }
}
