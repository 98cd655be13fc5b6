//! Small repairs to the frame of a mail, so that a parser sees what the sender meant.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memchr;
use regex::bytes::Regex;

use super::header::Headers;

static BOUNDARY_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?im)^--(\S{1,70})\r?\nContent-").expect("the pattern is a constant")
});

/// The mail without a byte order mark, with its ends of lines, the end of its header and its boundary put right.
pub fn repair(raw: &[u8]) -> Cow<'_, [u8]> {
    let raw = raw.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(raw);
    let raw = match memchr(b'\n', raw).is_some() || memchr(b'\r', raw).is_none() {
        true => Cow::Borrowed(raw),
        false => Cow::Owned(
            raw.iter()
                .map(|&b| if b == b'\r' { b'\n' } else { b })
                .collect(),
        ),
    };
    let raw = match raw {
        raw if !raw.starts_with(b"From ") => raw,
        Cow::Borrowed(raw) => Cow::Borrowed(after_line(raw)),
        Cow::Owned(raw) => Cow::Owned(after_line(&raw).to_vec()),
    };
    let raw = end_header(raw);
    name_boundary(raw)
}

fn after_line(raw: &[u8]) -> &[u8] {
    memchr(b'\n', raw).map_or(&[], |end| &raw[end + 1..])
}

/// Puts in the empty line that is missing where the first line stands that can be no field.
fn end_header(raw: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let mut at = 0;
    loop {
        let line = &raw[at..raw.len() - after_line(&raw[at..]).len()];
        let folded = at > 0 && matches!(line.first(), Some(b' ' | b'\t'));
        if line.trim_ascii().is_empty() {
            return raw;
        }
        if !folded && !is_field(line) {
            let mut mended = raw[..at].to_vec();
            mended.extend_from_slice(b"\r\n");
            mended.extend_from_slice(&raw[at..]);
            return Cow::Owned(mended);
        }
        at += line.len();
    }
}

fn is_field(line: &[u8]) -> bool {
    let name = line
        .split(|&b| b == b':')
        .next()
        .unwrap_or_default()
        .trim_ascii_end();
    name.len() < line.trim_ascii_end().len()
        && !name.is_empty()
        && name.iter().all(|b| b.is_ascii_graphic())
}

/// A multipart without a boundary, or with one that never occurs, gets the one that its parts use.
fn name_boundary(raw: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let headers = Headers::read(&raw);
    let kind = headers.content_type();
    if !kind.starts_with("multipart/") {
        return raw;
    }
    let start = raw.len() - body(&raw).len();
    let occurs = |boundary: &str| find(&raw[start..], format!("--{boundary}").as_bytes());
    let twice = headers.all("content-type").count() > 1;
    let named = headers
        .parameter("content-type", "boundary")
        .filter(|boundary| !boundary.is_empty() && occurs(boundary));
    let boundary = match (named, BOUNDARY_LINE.captures(&raw[start..])) {
        (Some(_), _) if !twice => return raw,
        (Some(named), _) => named,
        (None, Some(found)) => String::from_utf8_lossy(&found[1]).into_owned(),
        (None, None) => return raw,
    };
    Cow::Owned(with_content_type(
        &raw,
        start,
        &format!("{kind}; boundary=\"{boundary}\""),
    ))
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    let mut rest = haystack;
    while !rest.is_empty() {
        if rest.starts_with(needle) {
            return true;
        }
        rest = after_line(rest);
    }
    false
}

fn body(raw: &[u8]) -> &[u8] {
    let mut rest = raw;
    while !rest.is_empty() {
        let next = after_line(rest);
        if rest[..rest.len() - next.len()].trim_ascii().is_empty() {
            return next;
        }
        rest = next;
    }
    rest
}

/// The mail with this Content-Type in place of all that it had; the old ones stay readable under another name.
fn with_content_type(raw: &[u8], body: usize, value: &str) -> Vec<u8> {
    let mut mended = format!("Content-Type: {value}\r\n").into_bytes();
    for line in raw[..body].split_inclusive(|&b| b == b'\n') {
        if line
            .get(..13)
            .is_some_and(|name| name.eq_ignore_ascii_case(b"content-type:"))
        {
            mended.extend_from_slice(b"X-Original-");
        }
        mended.extend_from_slice(line);
    }
    mended.extend_from_slice(&raw[body..]);
    mended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(raw: &str) -> String {
        String::from_utf8(repair(raw.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn a_sound_mail_is_not_copied() {
        let raw = b"Subject: a\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\na\r\n--x--\r\n";
        assert!(matches!(repair(raw), Cow::Borrowed(_)));
    }

    #[test]
    fn the_missing_empty_line_is_put_in() {
        assert_eq!(
            repaired("Subject: a\r\n各位领导：\r\n"),
            "Subject: a\r\n\r\n各位领导：\r\n"
        );
        assert_eq!(repaired("只有正文"), "\r\n只有正文");
    }

    #[test]
    fn a_byte_order_mark_and_an_mbox_line_are_dropped() {
        assert_eq!(repaired("\u{FEFF}From: a@b\r\n\r\n"), "From: a@b\r\n\r\n");
        assert_eq!(
            repaired("From a@b Mon May 23\nSubject: x\n\n"),
            "Subject: x\n\n"
        );
    }

    #[test]
    fn old_macintosh_line_ends_are_read() {
        assert_eq!(repaired("Subject: a\r\rbody\r"), "Subject: a\n\nbody\n");
        assert_eq!(
            repaired("From a@b 8:00\rSubject: a\r\rbody\r"),
            "Subject: a\n\nbody\n"
        );
    }

    #[test]
    fn a_boundary_that_never_occurs_gives_way_to_the_one_in_use() {
        for field in [
            "multipart/mixed",
            "multipart/mixed; boundary=wrong",
            "multipart/mixed; boundary=\"\"",
        ] {
            let mended = repaired(&format!(
                "Content-Type: {field}\r\n\r\n--real\r\nContent-Type: text/plain\r\n\r\na\r\n"
            ));
            assert!(
                mended.starts_with(
                    "Content-Type: multipart/mixed; boundary=\"real\"\r\nX-Original-Content-Type"
                ),
                "{mended}"
            );
        }
    }
}
