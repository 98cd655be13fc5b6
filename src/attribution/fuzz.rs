//! What fuzzing is let in by: any text in, no panic. Each function is one target of `fuzz/`.

use super::date::{arabic, dates};
use super::names::Names;
use super::relative::relative_day;
use super::slip::Slips;
use super::{Judge, Past, normal};
use crate::campaign::{CST, Campaign, Moment};
use crate::message::{Address, Content, File, Inner, Link, LinkKind, Media, Nesting, Reading};
use crate::roster::Roster;
use chrono::{DateTime, Days, TimeDelta, TimeZone};
use std::sync::LazyLock;

static ROSTER: LazyLock<Roster> = LazyLock::new(Roster::default);
static CAMPAIGN: LazyLock<Campaign> = LazyLock::new(Campaign::default);
static NAMES: LazyLock<(Names, Slips)> = LazyLock::new(|| (Names::of(&ROSTER), Slips::of(&ROSTER)));
static JUDGE: LazyLock<Judge> =
    LazyLock::new(|| Judge::new(Roster::default(), Campaign::default()));

/// The days that a text names, in figures, in words and by their distance.
pub fn date(text: &str) {
    let normal = normal(text);
    let text = arabic(&normal);
    for compact in [false, true] {
        for found in dates(&text, &CAMPAIGN, compact) {
            assert!(!text[found.start..found.end].is_empty() && !found.days.is_empty());
        }
    }
    relative_day(&text, arrival(text.len() as u64), &CAMPAIGN);
}

/// The units that a text names, rightly or with one character wrong.
pub fn unit(text: &str) {
    let (names, slips) = &*NAMES;
    let text = normal(text);
    let taken: Vec<_> = names
        .find(&text)
        .iter()
        .map(|hit| hit.start..hit.end)
        .collect();
    for (place, _) in slips.find(&text, &taken) {
        assert!(!text[place].is_empty());
    }
    ROSTER.called(&text);
}

/// A mail as a whole, laid out as in `tests/cases`: a line of fields parted by ` | `, the text, and a piece for each
/// file, link and inner mail, which a line that begins with `--` opens.
pub fn judgement(text: &str) {
    let (content, arrived) = content(text);
    let verdict = JUDGE.judge(&content, arrived, &Past::none());
    let verdict = verdict.expect("no earlier mail is asked for");
    for submission in &verdict.submissions {
        assert!(
            submission
                .files
                .iter()
                .all(|file| *file < content.files.len())
        );
        assert!(submission.days.is_sorted());
    }
}

/// Wanted outcome, day and hour, subject, name, address, minutes by which the sender's clock is wrong.
fn content(text: &str) -> (Content, Moment) {
    let (head, text) = text.split_once('\n').unwrap_or((text, ""));
    let fields: Vec<&str> = head.split(" | ").collect();
    let field = |n: usize| fields.get(n).copied().unwrap_or_default().to_owned();
    let minutes = |n: usize| field(n).trim().parse::<i32>().ok();
    let (day, hour) = fields
        .get(1)
        .unwrap_or(&"")
        .split_once(' ')
        .unwrap_or_default();
    let arrived = arrival(day.parse().unwrap_or(25) % 100)
        + TimeDelta::hours(hour.parse::<i8>().unwrap_or(8).into());
    let wrong = |minutes: i32| arrived + TimeDelta::minutes(minutes.into());
    let text = format!("\n{text}");
    let mut pieces = text.split("\n--");
    let mut content = Content {
        subject: field(2),
        from: Some(Address {
            name: field(3),
            address: field(4),
        }),
        date: minutes(5).map(wrong),
        text: pieces.next().unwrap_or_default().trim().to_owned(),
        ..Content::default()
    };
    for piece in pieces {
        let (name, text) = piece.split_once('\n').unwrap_or((piece, ""));
        match name.as_bytes().first() {
            Some(b'>') => content.inner.push(inner(name, text, minutes(6).map(wrong))),
            Some(b'&') => content.links.push(link(name)),
            _ => content.files.push(file(name, text, minutes(7).map(wrong))),
        }
    }
    (content, arrived)
}

fn arrival(days: u64) -> Moment {
    let first = CST.with_ymd_and_hms(2022, 5, 1, 0, 0, 0).unwrap();
    first + Days::new(days)
}

fn inner(name: &str, text: &str, date: Option<Moment>) -> Inner {
    let nesting = match name.len() % 3 {
        0 => Nesting::Quoted,
        1 => Nesting::Forwarded,
        _ => Nesting::Attached,
    };
    let subject = name.get(1..).map(str::to_owned);
    Inner {
        nesting,
        from: None,
        date,
        subject,
        text: text.to_owned(),
    }
}

fn link(url: &str) -> Link {
    let kind = if url.contains("weixin") {
        LinkKind::Article
    } else {
        LinkKind::Files
    };
    Link {
        url: url.to_owned(),
        provider: String::new(),
        kind,
        name: None,
        bytes: None,
        code: None,
        expires_at: None,
    }
}

fn file(name: &str, text: &str, taken_at: Option<DateTime<chrono::FixedOffset>>) -> File {
    let (media, reading) = match name.rsplit('.').next() {
        Some("jpg") => (Media::Photo, Reading::None),
        Some("mp4") => (Media::Video, Reading::None),
        Some("zip") => (Media::Archive, Reading::None),
        _ if text.is_empty() => (Media::Document, Reading::Failed("损坏".into())),
        _ => (Media::Document, Reading::Text(text.to_owned())),
    };
    File {
        name: name.to_owned(),
        folder: String::new(),
        archive: None,
        media,
        sha256: name.to_owned(),
        bytes: 30_000,
        taken_at,
        details: None,
        decoration: false,
        repaired: false,
        reading,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_without_end_is_judged_as_soon_as_any_other() {
        let subject = "沈阳".repeat(100_000);
        judgement(&format!("x | 25 8 | {subject} | a | a@b\n"));
    }
}
