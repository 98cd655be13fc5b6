//! An answer to a mail that was taken as a report: what was noted, and what is missing.

use super::{Key, Letter, Rule, Templates, words};
use crate::attribution::Kind;
use crate::campaign::Moment;
use crate::message::{LinkKind, Media};
use crate::store::{FileRow, SubmissionRow};
use anyhow::Result;
use chrono::NaiveDate;
use serde::Serialize;

/// Everything that a receipt tells of.
#[derive(Debug, Clone)]
pub struct ReceiptFacts<'a> {
    /// The campaign's title.
    pub campaign: &'a str,
    /// Number of the mail: what the unit names when it answers.
    pub mail: i64,
    /// Its Message-ID, without angle brackets.
    pub message_id: Option<&'a str>,
    /// Its subject.
    pub subject: &'a str,
    /// When it arrived.
    pub arrived: Moment,
    /// What was taken from it.
    pub reports: Vec<Received<'a>>,
    /// Whom the unit may call; empty: nobody is named.
    pub contact: &'a str,
}

/// One submission of the mail.
#[derive(Debug, Clone)]
pub struct Received<'a> {
    /// As judged.
    pub row: &'a SubmissionRow,
    /// Its files.
    pub files: Vec<FileRow>,
    /// Of a report that counts: which of the unit's it is, and how many the unit owes.
    pub of_quota: Option<(usize, u32)>,
    /// What it breaks of the stated file formats, in Chinese; it counts all the same.
    pub breaks: Vec<String>,
}

#[derive(Serialize)]
struct View<'a> {
    subject: String,
    units: String,
    answered: String,
    arrived: String,
    number: i64,
    items: Vec<Item>,
    hints: Vec<String>,
    contact: &'a str,
    campaign: &'a str,
    date: String,
}

#[derive(Serialize)]
struct Item {
    name: String,
    lines: Vec<String>,
}

/// The receipt for one mail, to its sender.
pub fn receipt(
    templates: &Templates,
    facts: &ReceiptFacts<'_>,
    to: &str,
    now: Moment,
) -> Result<Letter> {
    let mut units: Vec<&str> = facts
        .reports
        .iter()
        .map(|report| report.row.fact.unit.as_str())
        .collect();
    units.dedup();
    let subject = format!("已收到：{}", words::cut(facts.subject, 60));
    let view = View {
        subject: subject.clone(),
        units: units.join("、"),
        answered: words::cut(facts.subject, 80),
        arrived: words::moment(facts.arrived),
        number: facts.mail,
        items: facts.reports.iter().map(item).collect(),
        hints: hints(facts),
        contact: facts.contact,
        campaign: facts.campaign,
        date: words::full_day(words::today(now)),
    };
    let (html, text) = templates.render("receipt", &view)?;
    Ok(Letter {
        key: Key {
            rule: Rule::Receipt,
            about: facts.mail.to_string(),
            day: words::today(facts.arrived),
        },
        to: to.to_owned(),
        answers: facts.message_id.map(str::to_owned),
        subject,
        html,
        text,
        files: Vec::new(),
    })
}

fn item(received: &Received) -> Item {
    let row = received.row;
    let days = match row.fact.days.as_slice() {
        [] => String::new(),
        days if row.day_inferred => format!("（{}，日期为推定）", words::days(days)),
        days => format!("（{}）", words::days(days)),
    };
    let mut lines = vec![words::cut(&row.title, 60)];
    if !received.files.is_empty() {
        lines.push(files(&received.files));
    }
    if row.fact.repeats.is_some() {
        lines.push("更新此前报送，仍计一份。".into());
    } else if let Some((n, quota)) = received.of_quota {
        lines.push(format!("为活动周期间第{n}份，至少应报送{quota}份。"));
    }
    Item {
        name: format!("{}{days}", row.fact.kind.chinese()),
        lines,
    }
}

/// 附件3个：活动信息.docx（24 KB）、1.jpg（2.1 MB）等.
fn files(files: &[FileRow]) -> String {
    const SHOWN: usize = 6;
    let named = |file: &FileRow| format!("{}（{}）", words::cut(&file.name, 40), size(file.bytes));
    let names: Vec<String> = files.iter().take(SHOWN).map(named).collect();
    let more = if files.len() > SHOWN { "等" } else { "" };
    format!("附件{}个：{}{more}", files.len(), names.join("、"))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KB", bytes / 1024),
        _ => format!("{:.1} MB", bytes as f64 / 1_048_576.0),
    }
}

/// What the unit may want to send after.
fn hints(facts: &ReceiptFacts) -> Vec<String> {
    let mut hints = Vec::new();
    let has_media = |file: &FileRow| matches!(file.media, Media::Photo | Media::Video);
    let told = facts
        .reports
        .iter()
        .any(|report| matches!(report.row.fact.kind, Kind::Daily));
    if told
        && !facts
            .reports
            .iter()
            .flat_map(|report| &report.files)
            .any(has_media)
    {
        hints.push("邮件中未见照片、视频，如有请补发。".to_owned());
    }
    let broken: Vec<&str> = facts
        .reports
        .iter()
        .flat_map(|report| &report.breaks)
        .map(String::as_str)
        .collect();
    if !broken.is_empty() {
        hints.push(format!(
            "材料格式请留意（不影响计份）：{}。",
            broken.join("；")
        ));
    }
    let links = facts.reports.iter().flat_map(|report| &report.row.links);
    for link in links.filter(|link| link.kind == LinkKind::Files) {
        hints.push(match link.expires_at {
            Some(at) => format!(
                "{}链接将于{}到期，届时未能下载的须重新发送。",
                link.provider,
                words::moment(at)
            ),
            None => format!("{}中的材料须人工下载，建议改以附件发送。", link.provider),
        });
    }
    hints
}

/// The day on which a mail's receipt is written: that of its arrival, so that there is one only.
pub fn day_of_receipt(arrived: Moment) -> NaiveDate {
    words::today(arrived)
}
