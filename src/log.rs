//! The log: words for a terminal, else one JSON object a line. No mail address leaves whole. The events: docs/log.md.

use crate::campaign::CST;
use chrono::{SecondsFormat, Utc};
use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries that would tell too much: async-imap's trace shows the password, ureq's the robot's key.
const QUIET: [&str; 8] = [
    "async_imap=warn",
    "imap_proto=warn",
    "lettre=warn",
    "rustls=warn",
    "hyper=warn",
    "ureq=warn",
    "ureq_proto=warn",
    "object_store=warn",
];

/// Bytes that a pipe holds of the log: five thousand lines, for which nothing waits.
const PIPE: usize = 1 << 20;

/// Writes to standard error what `BAOSONG_LOG` asks for, `info` by default. Once a process.
pub fn init() {
    let wanted = EnvFilter::try_from_env("BAOSONG_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    if io::stderr().is_terminal() {
        tracing_subscriber::fmt()
            .with_env_filter(filter(wanted))
            .with_timer(InChina)
            .with_writer(Masked(io::stderr))
            .compact()
            .init();
    } else {
        // A kernel that will not, or no pipe: whoever reads it must be as fast as we write.
        let _ = rustix::pipe::fcntl_setpipe_size(io::stderr(), PIPE);
        json(wanted, io::stderr).init();
    }
}

/// Writes JSON lines, each flat: `timestamp`, `level`, `message`, the fields of the event, `target`.
pub fn json<W>(wanted: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter(wanted))
        .with_timer(InChina)
        .with_writer(Masked(writer))
        .json()
        .flatten_event(true)
        // Of several campaigns, that whose event it is.
        .with_current_span(true)
        .with_span_list(false)
        .finish()
}

fn filter(wanted: EnvFilter) -> EnvFilter {
    QUIET.into_iter().fold(wanted, |filter, directive| {
        filter.add_directive(directive.parse().expect("a constant directive"))
    })
}

/// China Standard Time.
struct InChina;

impl FormatTime for InChina {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        let now = Utc::now().with_timezone(&CST);
        out.write_str(&now.to_rfc3339_opts(SecondsFormat::Millis, false))
    }
}

/// Masks whatever is written through it; an event is one write.
struct Masked<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Masked<W> {
    type Writer = Masked<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Masked(self.0.make_writer())
    }
}

impl<W: Write> Write for Masked<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if memchr::memchr(b'@', line).is_none() {
            return self.0.write(line);
        }
        let text = String::from_utf8_lossy(line);
        self.0.write_all(masked(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// `text` with all but the first letter of each mail address's name left out: `z***@163.com`. JSON stays JSON.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('@') {
        if before.ends_with("***") {
            out.push_str(before);
        } else {
            let (words, name) = before.split_at(name_begins(before));
            out.push_str(words);
            out.extend(name.chars().next());
            out.push_str("***");
        }
        out.push('@');
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the name of an address begins that ends with `before`.
fn name_begins(before: &str) -> usize {
    let of_name = |c: char| c.is_ascii_alphanumeric() || "._%+-~".contains(c);
    let words = match before.trim_end_matches(of_name) {
        // Not in ASCII.
        words if words.len() == before.len() => before.trim_end_matches(char::is_alphanumeric),
        words => words,
    };
    let slashes = words.len() - words.trim_end_matches('\\').len();
    let name = &before[words.len()..];
    // The first letters belong to an escape of JSON: \n, \u001b.
    let escape = match name.as_bytes() {
        _ if slashes % 2 == 0 => 0,
        [b'u', ..] => 5,
        _ => 1,
    };
    words.len() + escape.min(name.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_an_address_the_first_letter_and_the_domain_are_left() {
        for (text, shown) in [
            ("lnzjhdz@163.com", "l***@163.com"),
            (
                "拒收：550 无此用户office@example.cn。",
                "拒收：550 无此用户o***@example.cn。",
            ),
            ("<a.b-c+d@x.cn>, \"e@y.cn\"", "<a***@x.cn>, \"e***@y.cn\""),
            ("by=zhang@163.com", "by=z***@163.com"),
            ("张三@例子.cn", "张***@例子.cn"),
            ("a@b@c", "a***@b***@c"),
            ("at 5 @ noon", "at 5 ***@ noon"),
            ("z***@163.com", "z***@163.com"),
            ("no address", "no address"),
        ] {
            assert_eq!(masked(text), shown);
            assert_eq!(masked(shown), shown, "what is masked stays so");
        }
    }

    proptest! {
        #[test]
        fn a_json_line_stays_one_and_no_address_is_whole(text in r#"([a-z\\"/u\n\u{1b}]{0,6}[a-zé张]{0,3}@?){0,4}"#) {
            let line = serde_json::json!({ "what": text }).to_string();
            let shown = masked(&line);
            let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
            let what = value["what"].as_str().unwrap();
            prop_assert_eq!(what.matches('@').count(), what.matches("***@").count());
        }
    }
}
