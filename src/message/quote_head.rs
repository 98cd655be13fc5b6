//! The head of a quoted mail: who wrote it, when, about what.

use std::sync::LazyLock;

use chrono::{DateTime, FixedOffset};
use regex::Regex;

use super::content::Address;
use super::date::{self, pattern};
use super::{header, text};

/// How the line above a quote ends. Each of its words is among the marks of `quote`.
pub static VERB: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)(写道|来信|wrote)\s*[:：]\s*$"));
static TIME_OF_ATTRIBUTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\s*(在|于|at|on)?\s*(.*?\d{1,2}:\d{2}(:\d{2})?(\s*[ap]m)?|\d{4}年\d{1,2}月\d{1,2}日)\s*([+-]\d{4})?[，,、\s]*",
    )
});

/// The lines 发件人, 发送时间, 收件人, 主题 at the head of an inner mail.
#[derive(Default)]
pub struct Cluster {
    pub from: Option<Address>,
    pub date: Option<DateTime<FixedOffset>>,
    pub subject: Option<String>,
    pub fields: usize,
    pub length: usize,
}

/// Reads the lines at the head; none where the first is no such line.
pub fn cluster(lines: &[&str]) -> Option<Cluster> {
    let mut cluster = Cluster::default();
    let mut last = "";
    for (at, line) in lines.iter().enumerate().take(40) {
        let bare = line.trim_start_matches(['>', ' ', '\t', '*', '　', '|']);
        match label(bare) {
            Some((label, value)) => {
                cluster.take(label, value);
                cluster.length = at + 1;
                last = label;
            }
            // NetEase's mail program draws the head as a table, in plain text with bars.
            None if bare.trim_matches([' ', '|', '-', '\t', ':']).is_empty() => {}
            // A long list of recipients runs over several lines.
            None if matches!(last, "to" | "cc") && bare.contains('@') => cluster.length = at + 1,
            None => break,
        }
    }
    (cluster.fields > 0).then_some(cluster)
}

impl Cluster {
    fn take(&mut self, label: &str, value: &str) {
        self.fields += 1;
        match label {
            "from" => self.from = Some(header::address(value)),
            "date" => self.date = date::parse(value),
            "subject" => self.subject = Some(text::one_line(value)),
            _ => {}
        }
    }
}

fn label(line: &str) -> Option<(&'static str, &str)> {
    const LONGEST: usize = 12;
    let is_letter = |c: &char| !c.is_whitespace() && *c != '*';
    // With one of these each of them begins: most lines are none, and need not be looked through.
    let first = line.chars().find(is_letter)?.to_ascii_lowercase();
    if !matches!(
        first,
        '发' | '寄'
            | '日'
            | '时'
            | '收'
            | '抄'
            | '密'
            | '附'
            | '重'
            | '回'
            | '主'
            | '标'
            | 'f'
            | 'd'
            | 's'
            | 't'
            | 'c'
            | 'r'
            | 'i'
            | 'a'
    ) {
        return None;
    }
    let mut all = line.char_indices().take(LONGEST + 1);
    let (end, mark) = all.find(|(_, c)| matches!(c, ':' | '：' | '\t' | '|'))?;
    let (label, value) = (&line[..end], &line[end + mark.len_utf8()..]);
    let letters = label.chars().filter(is_letter);
    let bare: String = letters.flat_map(char::to_lowercase).collect();
    let label = match bare.as_str() {
        "发件人" | "寄件人" | "发送人" | "发信人" | "寄件者" | "from" => "from",
        "发送时间" | "发送日期" | "发件时间" | "日期" | "时间" | "date" | "sent" => {
            "date"
        }
        "收件人" | "收件者" | "to" => "to",
        "抄送" | "抄送人" | "cc" => "cc",
        "密送" | "附件" | "重要性" | "回复" | "reply-to" | "importance" | "attachments" => {
            "other"
        }
        "主题" | "标题" | "subject" => "subject",
        _ => return None,
    };
    Some((label, value.trim_matches(['*', ' ', '\t', '|'])))
}

/// Reads the line that ends in 写道.
pub fn attributed(line: &str) -> Cluster {
    let line = VERB.replace(line, "");
    let when = TIME_OF_ATTRIBUTION.find(&line);
    let date = date::parse(when.map_or(line.as_ref(), |when| when.as_str()));
    let name = match when {
        Some(when) if !when.as_str().contains('@') => &line[when.end()..],
        _ => line.split('于').next().unwrap_or_default(),
    };
    let from = Some(header::address(name))
        .filter(|from| !from.name.is_empty() || !from.address.is_empty());
    Cluster {
        from,
        date,
        ..Cluster::default()
    }
}
