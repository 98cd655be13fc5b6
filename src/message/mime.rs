//! The one place that knows mail-parser: it finds the parts; what they say is decoded from the raw bytes by us.

use std::borrow::Cow;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mail_parser::{MessageParser, MessagePart, PartType};

use super::header::Headers;
use super::host::Host;
use super::lift::Run;
use super::{charset, transfer};

/// One part of a mail.
pub struct Part {
    /// Its own fields; of the root, those of the mail.
    pub headers: Headers,
    /// Numbers of the parts that stand in it; empty unless it is a multipart.
    pub children: Vec<usize>,
    /// Whether it is a multipart, even one without children.
    pub multipart: bool,
    body: Range<usize>,
}

impl Part {
    /// Its bytes, and whether some had to be left out.
    pub fn decoded<'a>(&self, raw: &'a [u8]) -> (Cow<'a, [u8]>, bool) {
        let encoding = self.headers.token("content-transfer-encoding");
        transfer::decode(raw.get(self.body.clone()).unwrap_or_default(), &encoding)
    }

    /// The same where the runs that stand in it were lifted out of `raw`.
    pub fn decoded_with(&self, raw: &[u8], runs: &[Run], host: &mut dyn Host) -> (Vec<u8>, bool) {
        let body = raw.get(self.body.clone()).unwrap_or_default();
        let encoding = self.headers.token("content-transfer-encoding");
        let before = runs.first().map_or(0, |run| run.at - self.body.start);
        if let ([run], true) = (runs, body[..before].trim_ascii().is_empty())
            && transfer::is_base64(&encoding)
        {
            let (tail, repaired) = transfer::decode(&body[before..], "base64");
            let mut bytes = Vec::new();
            run.decoded(host, &mut bytes);
            bytes.extend_from_slice(&tail);
            return (bytes, repaired);
        }
        let (mut whole, mut at) = (Vec::new(), 0);
        for run in runs {
            let here = run.at - self.body.start;
            whole.extend_from_slice(&body[at..here]);
            run.raw(host, &mut whole);
            at = here;
        }
        whole.extend_from_slice(&body[at..]);
        let (bytes, repaired) = transfer::decode(&whole, &encoding);
        (bytes.into_owned(), repaired)
    }

    /// Where it stands in the mail.
    pub fn body(&self) -> Range<usize> {
        self.body.clone()
    }

    /// Its text, by label and evidence. `sniffed` is a label found inside of the content.
    pub fn text(&self, raw: &[u8], sniff: fn(&[u8]) -> Option<String>) -> String {
        let (bytes, _) = self.decoded(raw);
        let label = self
            .headers
            .parameter("content-type", "charset")
            .or_else(|| sniff(&bytes));
        charset::decode(&bytes, label.as_deref())
    }
}

/// The parts of a mail in order, the root first; none where no header could be found.
pub fn parts(raw: &[u8]) -> Vec<Part> {
    match lone(raw) {
        Some(part) => vec![part],
        None => parsed(raw),
    }
}

/// A mail of one part under a header as it should be: the parser would find the same, and decode the body for nothing.
/// Such a mail needs no repair.
pub fn lone(raw: &[u8]) -> Option<Part> {
    let body = body_behind_plain_header(raw)?;
    let headers = Headers::read(&raw[..body]);
    let kind = headers.content_type();
    let holds_others = kind.starts_with("multipart/") || kind.starts_with("message/");
    (!holds_others && headers.all("content-type").count() <= 1).then(|| Part {
        headers,
        children: Vec::new(),
        multipart: false,
        body: body..raw.len(),
    })
}

/// Where the body begins, if every line before it is a field (RFC 5322 section 2.2) or goes on with one.
fn body_behind_plain_header(raw: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in raw.split_inclusive(|&b| b == b'\n') {
        let goes_on = matches!(line[0], b' ' | b'\t') && !line.trim_ascii().is_empty();
        let name = line.iter().position(|&b| b == b':').unwrap_or(0);
        let plain = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
        match line {
            b"\n" | b"\r\n" => return (at > 0).then_some(at + line.len()),
            _ if goes_on && at > 0 => {}
            _ if name > 0 && line[..name].iter().all(plain) => {}
            _ => return None,
        }
        at += line.len();
    }
    None
}

fn parsed(raw: &[u8]) -> Vec<Part> {
    // mail-parser asserts its own invariants in debug builds, and broken mails have broken them before.
    let parse = || {
        MessageParser::default()
            .parse(raw)
            .map(|mail| mail.parts.iter().map(|part| read(part, raw)).collect())
    };
    catch_unwind(AssertUnwindSafe(parse))
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// The ends of an attached mail's parts count from the start of the outer raw mail, so they are not looked at here:
/// an attached mail is cut out and parsed anew.
fn read(part: &MessagePart, raw: &[u8]) -> Part {
    let (header, body, end) = (
        part.offset_header as usize,
        part.offset_body as usize,
        part.offset_end as usize,
    );
    let end = end.min(raw.len());
    let children = match &part.body {
        PartType::Multipart(children) => children.iter().map(|&child| child as usize).collect(),
        _ => Vec::new(),
    };
    Part {
        headers: Headers::read(raw.get(header..body.min(raw.len())).unwrap_or_default()),
        children,
        multipart: matches!(part.body, PartType::Multipart(_)),
        body: body.min(end)..end,
    }
}

#[cfg(test)]
mod tests {
    use super::super::repair::repair;
    use super::*;
    use proptest::prelude::*;

    fn texts(raw: &str) -> Vec<String> {
        let parts = parts(raw.as_bytes());
        parts
            .iter()
            .filter(|part| !part.multipart)
            .map(|part| part.text(raw.as_bytes(), |_| None).trim().to_string())
            .collect()
    }

    #[test]
    fn a_multipart_that_is_never_closed_gives_all_its_parts() {
        let raw = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\nContent-Transfer-Encoding: base64\r\n\r\ndHdv\r\n";
        assert_eq!(texts(raw), ["one", "two"]);
    }

    #[test]
    fn junk_behind_base64_does_not_lose_the_next_part() {
        let raw = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Transfer-Encoding: base64\r\n\r\ndHdv\r\n-- scanned! --\r\n--x\r\n\r\nthree\r\n--x--\r\n";
        assert_eq!(texts(raw), ["two", "three"]);
    }

    #[test]
    fn a_mail_of_one_part_is_the_same_without_the_parser() {
        let dirs = ["tests/mails", "examples/campaign"];
        let files = dirs.iter().flat_map(|dir| std::fs::read_dir(dir).unwrap());
        let mut alone = 0;
        for path in files
            .map(|file| file.unwrap().path())
            .filter(|path| path.is_file())
        {
            let raw = std::fs::read(&path).unwrap();
            if let Some(part) = lone(&raw) {
                let parsed = parsed(&raw);
                let [root] = parsed.as_slice() else {
                    panic!("{} parts in {}", parsed.len(), path.display());
                };
                assert_eq!(part.body, root.body, "{}", path.display());
                assert_eq!(part.headers.raw("subject"), root.headers.raw("subject"));
                assert!(!root.multipart);
                alone += 1;
            }
        }
        assert!(alone >= 10, "{alone}");
    }

    proptest! {
        #[test]
        fn a_mail_of_one_part_under_a_plain_header_needs_no_repair(
            raw in "(\u{FEFF}|From a@b 8:00\r?\n)?((Content-Type: ?(a/b|multipart/mixed; ?boundary=x)|Subject:|a b: c)(\r\n?|\n)[ \t]?){0,3}(\r\n?|\n)?(--y\r\nContent-Type: a/b\r\n)?"
        ) {
            if lone(raw.as_bytes()).is_some() {
                prop_assert_eq!(repair(raw.as_bytes()), raw.as_bytes());
            }
        }
    }

    #[test]
    fn an_attached_mail_is_one_part() {
        let raw = "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\ninner\r\n--y--\r\n--x\r\n\r\nlast\r\n--x--\r\n";
        let texts = texts(raw);
        assert_eq!(texts.len(), 2);
        assert!(texts[0].starts_with("Subject: in") && texts[0].contains("inner"));
        assert_eq!(texts[1], "last");
    }
}
