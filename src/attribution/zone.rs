//! The places of a mail where evidence stands, by their strength.

use super::normal::{is_letter, is_said, normal, stem};
use super::report::Draft;
use super::strength::Place;
use crate::message::{Content, Nesting};

/// A piece of a mail, in normal form.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Where it stands.
    pub place: Place,
    /// Its words.
    pub text: String,
}

/// The zones of one report within its mail, strongest first.
pub fn zones(content: &Content, draft: &Draft) -> Vec<Zone> {
    let mut zones = Vec::new();
    let mut add = |place, text: &str| {
        let text = normal(text);
        if is_said(&text) {
            zones.push(Zone { place, text });
        }
    };
    envelope(content, draft, &mut add);
    report(&draft.text, &mut add);
    if let Some(file) = draft.document {
        let file = &content.files[file];
        add(
            Place::FileName,
            &format!("{} {}", file.folder, stem(&file.name)),
        );
    }
    for file in content
        .files
        .iter()
        .filter(|file| file.archive.is_none() && draft.document.is_some())
    {
        if file.media == crate::message::Media::Archive {
            add(Place::FileName, stem(&file.name));
        }
    }
    if draft.document.is_some() || draft.inner.is_some() {
        cover(content, draft, &mut add);
    }
    for (n, inner) in content.inner.iter().enumerate() {
        if draft.inner != Some(n) {
            add(
                Place::Quoted,
                &format!(
                    "{} {}",
                    inner.subject.as_deref().unwrap_or_default(),
                    inner.text
                ),
            );
        }
    }
    zones.sort_by_key(|zone| std::cmp::Reverse(zone.place.weight()));
    zones
}

fn envelope(content: &Content, draft: &Draft, add: &mut impl FnMut(Place, &str)) {
    let sender = content.from.as_ref().map_or("", |from| &from.name);
    match draft.inner.map(|n| &content.inner[n]) {
        Some(inner) => {
            add(
                Place::Subject,
                inner.subject.as_deref().unwrap_or(&content.subject),
            );
            add(Place::Cover, &content.subject);
            add(
                Place::Sender,
                inner.from.as_ref().map_or("", |from| &from.name),
            );
            add(Place::Forwarder, sender);
        }
        None => {
            add(
                if answers(content) {
                    Place::AnsweredSubject
                } else {
                    Place::Subject
                },
                &content.subject,
            );
            add(Place::Sender, sender);
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

fn cover(content: &Content, draft: &Draft, add: &mut impl FnMut(Place, &str)) {
    let (body, ending) = split_ending(&content.text);
    if draft.inner.is_some() {
        add(Place::Forwarder, &ending);
        add(Place::Cover, &body);
    } else {
        add(Place::CoverSignature, &ending);
        add(Place::Cover, &body);
    }
}

fn report(text: &str, add: &mut impl FnMut(Place, &str)) {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let (head, rest) = lines.split_at(heading(&lines));
    let (_, ending) = ending(rest);
    add(Place::Title, &head.join("\n"));
    add(Place::Signature, &ending.join("\n"));
    let narrative = rest.join("");
    let end = first_sentence(&narrative);
    add(Place::FirstSentence, &narrative[..end]);
    add(Place::Mention, &narrative[end..]);
}

/// Where the first sentence that says something ends: 老师好！ and 不好意思报晚了。 go with the next one.
fn first_sentence(narrative: &str) -> usize {
    const SAYS_LITTLE: usize = 14;
    let mut said = 0;
    let end = narrative.char_indices().find(|(_, c)| {
        said += usize::from(is_letter(*c));
        said >= SAYS_LITTLE && matches!(c, '。' | '！' | '!' | ';' | '；')
    });
    end.map_or(narrative.len(), |(at, _)| at)
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
    let (body, ending) = ending(&lines);
    (body.join("\n"), ending.join("\n"))
}

/// The same of lines that are not blank.
fn ending<'a, 'l>(lines: &'l [&'a str]) -> (&'l [&'a str], Vec<&'a str>) {
    let closing = |line: &&&str| line.chars().count() <= 40 && !line.contains('。');
    let count = lines.iter().rev().take(5).take_while(closing).count();
    let (body, ending) = lines.split_at(lines.len() - count.min(lines.len().saturating_sub(1)));
    let address = |line: &&&str| {
        !["地址", "邮编", "电话", "发自"]
            .iter()
            .any(|word| line.starts_with(word))
    };
    (body, ending.iter().filter(address).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_is_the_first_that_says_something() {
        let text = "老师好！我校今日组织师生走进社区开展技能服务。居民称赞。";
        assert_eq!(&text[first_sentence(text)..], "。居民称赞。");
    }

    #[test]
    fn a_million_marks_without_a_sentence_take_no_time() {
        let text = "！".repeat(1_000_000);
        assert_eq!(first_sentence(&text), text.len());
    }
}
