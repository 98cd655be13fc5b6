//! The places of a mail where evidence stands, by their strength.

use super::normal::{is_letter, is_said, normal, stem};
use super::report::Draft;
use super::strength::Place;
use crate::message::{Content, Nesting, between_line_feeds};

/// A piece of a mail, in normal form.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Where it stands.
    pub place: Place,
    /// Its words.
    pub text: String,
}

impl Zone {
    fn of(place: Place, text: &str) -> Self {
        let text = normal(text);
        Self { place, text }
    }
}

/// The zones of one report within its mail, strongest first, by the normal form of the draft's text.
pub fn zones(content: &Content, draft: &Draft, normal_form: &str) -> Vec<Zone> {
    let mut zones = Vec::new();
    envelope(content, draft, &mut zones);
    zones.extend(report(&draft.text, normal_form));
    if let Some(file) = draft.document {
        let file = &content.files[file];
        zones.push(Zone::of(
            Place::FileName,
            &format!("{} {}", file.folder, stem(&file.name)),
        ));
    }
    for file in content
        .files
        .iter()
        .filter(|file| file.archive.is_none() && draft.document.is_some())
    {
        if file.media == crate::message::Media::Archive {
            zones.push(Zone::of(Place::FileName, stem(&file.name)));
        }
    }
    if draft.document.is_some() || draft.inner.is_some() {
        cover(content, draft, &mut zones);
    }
    for (n, inner) in content.inner.iter().enumerate() {
        if draft.inner != Some(n) {
            zones.push(Zone::of(
                Place::Quoted,
                &format!(
                    "{} {}",
                    inner.subject.as_deref().unwrap_or_default(),
                    inner.text
                ),
            ));
        }
    }
    zones.retain(|zone| is_said(&zone.text));
    zones.sort_by_key(|zone| std::cmp::Reverse(zone.place.weight()));
    zones
}

fn envelope(content: &Content, draft: &Draft, zones: &mut Vec<Zone>) {
    let sender = content.from.as_ref().map_or("", |from| &from.name);
    match draft.inner.map(|n| &content.inner[n]) {
        Some(inner) => {
            zones.push(Zone::of(
                Place::Subject,
                inner.subject.as_deref().unwrap_or(&content.subject),
            ));
            zones.push(Zone::of(Place::Cover, &content.subject));
            zones.push(Zone::of(
                Place::Sender,
                inner.from.as_ref().map_or("", |from| &from.name),
            ));
            zones.push(Zone::of(Place::Forwarder, sender));
        }
        None => {
            zones.push(Zone::of(
                if answers(content) {
                    Place::AnsweredSubject
                } else {
                    Place::Subject
                },
                &content.subject,
            ));
            zones.push(Zone::of(Place::Sender, sender));
        }
    }
}

/// An answer to a mail whose subject it bears.
fn answers(content: &Content) -> bool {
    let lower = content.subject.to_lowercase();
    let prefixed = ["re:", "re：", "回复", "答复"]
        .iter()
        .any(|prefix| lower.starts_with(prefix));
    prefixed
        && content
            .inner
            .iter()
            .any(|inner| inner.nesting == Nesting::Quoted)
}

fn cover(content: &Content, draft: &Draft, zones: &mut Vec<Zone>) {
    let (body, ending) = split_ending(&content.text);
    if draft.inner.is_some() {
        zones.push(Zone::of(Place::Forwarder, &ending));
        zones.push(Zone::of(Place::Cover, &body));
    } else {
        zones.push(Zone::of(Place::CoverSignature, &ending));
        zones.push(Zone::of(Place::Cover, &body));
    }
}

/// The zones of a text, whose lines are those of its normal form.
fn report(text: &str, normal_form: &str) -> Vec<Zone> {
    let all = between_line_feeds(text).zip(between_line_feeds(normal_form));
    let (mut lines, mut folded) = (Vec::with_capacity(32), Vec::with_capacity(32));
    for (line, form) in all {
        let line = line.trim();
        if !line.is_empty() {
            lines.push(line);
            folded.push(form);
        }
    }
    let head = heading(&lines);
    let ending = lines.iter().zip(&folded);
    let ending = ending.skip(lines.len() - closing(&lines[head..]));
    let signature: Vec<&str> = ending
        .filter(|(line, _)| !is_address(line))
        .map(|(_, folded)| *folded)
        .collect();
    let title = folded[..head].join("\n");
    let (lines, folded) = (&lines[head..], &folded[head..]);
    let (first, rest) = match first_sentence(lines) {
        Some((n, at)) => {
            let (before, after) = lines[n].split_at(at);
            let (before, after) = (normal(before), normal(after));
            (
                joined(&folded[..n], &before, &[]),
                joined(&[], &after, &folded[n + 1..]),
            )
        }
        None => (folded.concat(), String::new()),
    };
    let zone = |place, text| Zone { place, text };
    vec![
        zone(Place::Title, title),
        zone(Place::Signature, signature.join("\n")),
        zone(Place::FirstSentence, first),
        zone(Place::Mention, rest),
    ]
}

/// One text of lines that stand before and after another.
fn joined(before: &[&str], middle: &str, after: &[&str]) -> String {
    let all = || before.iter().chain([&middle]).chain(after);
    let mut text = String::with_capacity(all().map(|line| line.len()).sum());
    text.extend(all().copied());
    text
}

/// Where the first sentence that says something ends, line and byte: 老师好！ and 不好意思报晚了。 go with the next one.
fn first_sentence(lines: &[&str]) -> Option<(usize, usize)> {
    const SAYS_LITTLE: usize = 14;
    let mut said = 0;
    let mut ends = |line: &str| {
        let mut all = line.char_indices();
        let end = all.find(|(_, c)| {
            said += usize::from(is_letter(*c));
            said >= SAYS_LITTLE && matches!(c, '。' | '！' | '!' | ';' | '；')
        });
        end.map(|(at, _)| at)
    };
    lines
        .iter()
        .enumerate()
        .find_map(|(n, line)| Some((n, ends(line)?)))
}

/// Leading lines that are letterhead or title: short, and without a full stop.
fn heading(lines: &[&str]) -> usize {
    let short = |line: &&&str| line.chars().count() <= 45 && !line.contains('。');
    let count = lines.iter().take(4).take_while(short).count();
    if count == lines.len() {
        count.min(1)
    } else {
        count
    }
}

/// A text without its last lines, and those: name, office and date, but no postal address.
pub fn split_ending(text: &str) -> (String, String) {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let (body, ending) = lines.split_at(lines.len() - closing(&lines));
    let ending: Vec<&str> = ending
        .iter()
        .filter(|line| !is_address(line))
        .copied()
        .collect();
    (body.join("\n"), ending.join("\n"))
}

/// How many last lines end a text, of lines that are not blank; never all of them.
fn closing(lines: &[&str]) -> usize {
    let short = |line: &&&str| line.chars().count() <= 40 && !line.contains('。');
    let count = lines.iter().rev().take(5).take_while(short).count();
    count.min(lines.len().saturating_sub(1))
}

fn is_address(line: &str) -> bool {
    ["地址", "邮编", "电话", "发自"]
        .iter()
        .any(|word| line.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_sentence_is_the_first_that_says_something() {
        let text = "我校报送\n老师好！您好。我校今日组织师生走进社区开展\n技能服务。居民称赞。\n丹东市教育局";
        let zones = report(text, &normal(text));
        let at = |place| &zones.iter().find(|zone| zone.place == place).unwrap().text;
        assert_eq!(at(Place::Title), "我校报送");
        let first = "老师好!您好。我校今日组织师生走进社区开展技能服务";
        assert_eq!(at(Place::FirstSentence), first);
        assert_eq!(at(Place::Mention), "。居民称赞。丹东市教育局");
        assert_eq!(at(Place::Signature), "丹东市教育局");
    }

    #[test]
    fn a_million_marks_without_a_sentence_take_no_time() {
        let text = "！".repeat(1_000_000);
        assert_eq!(first_sentence(&[&text]), None);
    }

    proptest! {
        #[test]
        fn the_zones_of_a_report_are_normal_forms_of_its_lines(
            text in "([ 一-丁沈阳。！!１ａ\u{3000}\t]{0,9}[。！\n\r]{0,2}){0,12}"
        ) {
            let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let (head, rest) = lines.split_at(heading(&lines));
            let end = rest.len() - closing(rest);
            let narrative = rest.concat();
            let (mut at, mut said) = (narrative.len(), 0);
            for (place, c) in narrative.char_indices() {
                said += usize::from(is_letter(c));
                if said >= 14 && matches!(c, '。' | '！' | '!' | ';' | '；') {
                    at = place;
                    break;
                }
            }
            let signature: Vec<&str> = rest[end..].iter().filter(|line| !is_address(line)).copied().collect();
            let expected = [head.join("\n"), signature.join("\n"), narrative[..at].into(), narrative[at..].into()];
            let found: Vec<String> = report(&text, &normal(&text)).into_iter().map(|zone| zone.text).collect();
            prop_assert_eq!(found, expected.map(|text| normal(&text)));
        }
    }
}
