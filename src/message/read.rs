//! A mail read as a whole.

use std::borrow::Cow;
use std::ops::Range;

use chrono::{DateTime, FixedOffset};

use super::automatic;
use super::body;
use super::bounce;
use super::content::{Automatic, Content, Inner, Nesting};
use super::files::{Files, Open};
use super::header::Headers;
use super::host::Host;
use super::lift::{Lifted, Run, lift};
use super::links::{self, Anchors};
use super::mime::{self, Part};
use super::quote::{self, Split};
use super::repair::repair;
use super::scan::scan;
use super::{charset, date, html, text, transfer};

/// Attached mails in attached mails; deeper ones are kept as files.
const DEPTH: usize = 8;
/// More attachments than any clerk adds.
const FILES: usize = 2000;

/// Reads one mail. Never panics; whatever cannot be read is named in `damage` or in its file's reading.
/// `host` is given each file's decoded bytes once, in the order of `files`.
pub fn read(raw: &[u8], host: &mut dyn Host) -> Content {
    read_and(Open::Files, raw, &[], host)
}

/// Reads one large mail of so many bytes, for which it asks `host` piece by piece.
pub fn read_large(bytes: u64, host: &mut dyn Host) -> Content {
    let Lifted { raw, runs } = lift(bytes, host);
    read_and(Open::Files, &raw, &runs, host)
}

/// The same as [`read_body_only`] for a large mail.
pub fn read_large_body_only(bytes: u64, host: &mut dyn Host) -> Content {
    let Lifted { raw, runs } = lift(bytes, host);
    read_and(Open::Nothing, &raw, &runs, host)
}

/// Reads one mail, but opens none of its files: they are listed and handed on as unread.
pub fn read_body_only(raw: &[u8], host: &mut dyn Host) -> Content {
    read_and(Open::Nothing, raw, &[], host)
}

fn read_and(open: Open, raw: &[u8], runs: &[Run], host: &mut dyn Host) -> Content {
    if let Err(why) = scan(raw) {
        let block = &raw[..raw.len().min(1 << 20)];
        let mut content = Content {
            damage: vec![why],
            ..envelope(&Headers::read(&repair(block)))
        };
        content.take_stock();
        return content;
    }
    let mut content = Content::default();
    let mut files = Files::new(host, open);
    Mail {
        content: &mut content,
        files: &mut files,
        depth: 0,
    }
    .read_repaired(raw, runs);
    content.files = files.list;
    content.take_stock();
    content
}

/// When the mailbox's server took the mail, by the topmost Received header.
pub fn received(raw: &[u8]) -> Option<DateTime<FixedOffset>> {
    let block = &raw[..raw.len().min(1 << 20)];
    date::of_received(Headers::read(&repair(block)).raw("received")?)
}

/// What the headers alone tell.
fn envelope(headers: &Headers) -> Content {
    let answers = ["in-reply-to", "references", "x-cm-original-message-id"];
    let mut answers: Vec<String> = answers.iter().flat_map(|name| headers.ids(name)).collect();
    let mut seen = std::collections::HashSet::new();
    answers.retain(|id| seen.insert(id.clone()));
    Content {
        message_id: headers.ids("message-id").into_iter().next(),
        subject: headers.text("subject").unwrap_or_default().to_owned(),
        from: headers.address("from"),
        date: headers.raw("date").and_then(date::parse_header),
        received: headers.raw("received").and_then(date::of_received),
        answers,
        doubled: headers.doubled(),
        unanswerable: automatic::is_unanswerable(headers),
        ..Content::default()
    }
}

/// One mail on its way into the content: the outer one, or one attached to it.
struct Mail<'a, 'k> {
    content: &'a mut Content,
    files: &'a mut Files<'k>,
    depth: usize,
}

impl Mail<'_, '_> {
    /// Repairs change nothing but what stands before the first body, and so before the first run.
    fn read_repaired(&mut self, raw: &[u8], runs: &[Run]) {
        if let Some(part) = mime::lone(raw) {
            return self.read(raw, runs, &[part]);
        }
        let repaired = repair(raw);
        let longer = repaired.len() as isize - raw.len() as isize;
        let moved = runs.iter().map(|run| Run {
            at: run.at.saturating_add_signed(longer),
            bytes: run.bytes.clone(),
        });
        let moved: Vec<Run> = moved.collect();
        self.read(&repaired, &moved, &mime::parts(&repaired));
    }

    fn read(&mut self, raw: &[u8], runs: &[Run], parts: &[Part]) {
        let Some(root) = parts.first() else {
            return self.headless(raw);
        };
        let envelope = envelope(&root.headers);
        let mut anchors = Anchors::default();
        let body = body::read(parts, raw, &mut anchors);
        let split = quote::split(&body.text, &envelope.subject);
        self.collect_links(&anchors, &split);
        self.collect_links(&anchors, &quote::split(&body.other, &envelope.subject));
        if body.cut {
            self.damage("正文过长，只读了前面一部分");
        }
        if body.circular {
            self.damage("邮件结构无法识别");
        }
        // As a text, as in `text::lines`: a search for the character stops at its last byte.
        if body.text.contains("\u{FFFD}") {
            self.damage("正文有乱码");
        }
        self.files.bodiless = body.text.trim().is_empty();
        self.settle(envelope, parts, raw, split);
        for (number, part) in parts.iter().enumerate() {
            if !part.multipart && body.parts.binary_search(&number).is_err() {
                self.file(part, raw, runs);
            }
        }
        for mail in std::mem::take(&mut self.files.mails) {
            if self.depth < DEPTH {
                self.attached(&mail, &[]);
            }
        }
    }

    /// A mail without any header, or one that the parser gave up, is text from its first line.
    fn headless(&mut self, raw: &[u8]) {
        let text = charset::decode(&raw[..raw.len().min(html::LIMIT)], None);
        self.damage(if raw.is_empty() {
            "空邮件"
        } else {
            "邮件结构无法识别"
        });
        self.settle(
            envelope(&Headers::read(raw)),
            &[],
            raw,
            Split {
                own: text::lines(&text),
                inner: Vec::new(),
            },
        );
    }

    fn damage(&mut self, what: &str) {
        if !self.content.damage.iter().any(|own| own == what) {
            self.content.damage.push(what.to_string());
        }
    }

    /// Links of quoted mails are not the sender's own.
    fn collect_links(&mut self, anchors: &Anchors, split: &Split) {
        anchors.collect(&split.own, &mut self.content.links);
        for inner in split
            .inner
            .iter()
            .filter(|inner| inner.nesting == Nesting::Forwarded)
        {
            anchors.collect(&inner.text, &mut self.content.links);
        }
    }

    /// The outer mail is the content; an attached one is an inner mail of it.
    fn settle(&mut self, envelope: Content, parts: &[Part], raw: &[u8], split: Split) {
        let text = without_marks(split.own);
        if self.depth == 0 {
            let Content { links, damage, .. } = std::mem::take(self.content);
            let automatic = automatic::signs(parts, envelope.from.as_ref());
            *self.content = Content {
                bounce: bounce::read(&automatic, parts, raw, &text),
                automatic,
                text,
                links,
                damage,
                ..envelope
            };
        } else {
            self.returned(&envelope);
            let Content {
                from,
                date,
                subject,
                ..
            } = envelope;
            let subject = Some(subject).filter(|subject| !subject.is_empty());
            self.content.inner.push(Inner {
                nesting: Nesting::Attached,
                from,
                date,
                subject,
                text,
            });
        }
        let inner = split.inner.into_iter().map(|inner| Inner {
            text: without_marks(inner.text),
            ..inner
        });
        self.content.inner.extend(inner);
    }

    /// A bounce answers the mail that it brings back.
    fn returned(&mut self, envelope: &Content) {
        let bounced = self.depth == 1 && self.content.automatic.contains(&Automatic::Bounce);
        if let Some(id) = envelope
            .message_id
            .clone()
            .filter(|id| bounced && !self.content.answers.contains(id))
        {
            self.content.answers.push(id);
        }
    }

    fn file(&mut self, part: &Part, raw: &[u8], runs: &[Run]) {
        if self.files.list.len() >= FILES {
            return self.damage("附件过多，只读了前面一部分");
        }
        let runs = within(runs, &part.body());
        let kind = part.headers.content_type();
        let name = part
            .headers
            .file_name()
            .unwrap_or_else(|| default_name(kind, &part.headers));
        let is_mail = matches!(
            kind,
            "message/rfc822" | "message/global" | "text/rfc822-headers"
        ) || name.to_lowercase().ends_with(".eml");
        let is_mail = is_mail && self.depth < DEPTH;
        let encoding = part.headers.token("content-transfer-encoding");
        if is_mail && !runs.is_empty() && !transfer::is_encoded(&encoding) {
            let body = part.body();
            let inside = runs.iter().map(|run| Run {
                at: run.at - body.start,
                bytes: run.bytes.clone(),
            });
            return self.attached(&raw[body.clone()], &inside.collect::<Vec<_>>());
        }
        let (bytes, repaired) = match runs {
            [] => part.decoded(raw),
            runs => {
                let (bytes, repaired) = part.decoded_with(raw, runs, self.files.host);
                (Cow::Owned(bytes), repaired)
            }
        };
        if is_mail && !bytes.is_empty() {
            return self.attached(&bytes, &[]);
        }
        if bytes.is_empty() && part.headers.file_name().is_none() {
            return;
        }
        if repaired {
            self.damage(&format!(
                "附件“{}”编码有误，可能不完整",
                text::file_name(&name)
            ));
        }
        let inline = part.headers.has("content-id")
            || !part
                .headers
                .token("content-disposition")
                .starts_with("attachment");
        self.files.add(&name, bytes, inline, repaired);
    }

    fn attached(&mut self, bytes: &[u8], runs: &[Run]) {
        match scan(bytes) {
            Ok(()) => Mail {
                content: self.content,
                files: self.files,
                depth: self.depth + 1,
            }
            .read_repaired(bytes, runs),
            Err(why) => self.damage(&why),
        }
    }
}

/// Lines of text without the marks of their links.
fn without_marks(lines: String) -> String {
    match links::unmarked(&lines) {
        Cow::Borrowed(_) => lines,
        Cow::Owned(bare) => text::lines(&bare),
    }
}

/// The runs that stand in a body.
fn within<'a>(runs: &'a [Run], body: &Range<usize>) -> &'a [Run] {
    let first = runs.partition_point(|run| run.at < body.start);
    let end = runs.partition_point(|run| run.at <= body.end);
    &runs[first..end.max(first)]
}

/// A name for a part that has none, with the ending that its type suggests.
fn default_name(kind: &str, headers: &Headers) -> String {
    let ending = match kind {
        "text/plain" => "txt",
        "text/html" => "html",
        "text/calendar" => "ics",
        _ => kind
            .rsplit('/')
            .next()
            .filter(|ending| ending.len() <= 5)
            .unwrap_or("bin"),
    };
    let stem = headers
        .text("content-description")
        .filter(|stem| !stem.is_empty())
        .unwrap_or("未命名");
    format!("{stem}.{ending}")
}
