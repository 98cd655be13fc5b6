//! A mail taken as one, or taken apart, because a person said so.

use super::normal::{normal, substance};
use super::report::{Draft, narrates, with_documents};
use crate::message::{Content, Reading};
use regex::Regex;
use std::sync::LazyLock;

/// All of a mail as one draft, as staff see it: its text, else that of the first document that has one, and its files.
pub fn whole(content: &Content) -> Draft {
    let mut draft = Draft {
        files: (0..content.files.len())
            .filter(|n| !content.files[*n].decoration)
            .collect(),
        ..Draft::default()
    };
    let inner = content.inner.iter().map(|inner| &inner.text);
    let texts = std::iter::once(&content.text).chain(inner);
    draft.text = texts
        .max_by_key(|text| substance(text))
        .cloned()
        .unwrap_or_default();
    draft
}

/// Each text of a mail on its own, as staff asked: every document, and the body or what is forwarded in it.
/// A single text is taken apart at its dated headings.
pub fn pieces(content: &Content) -> Vec<Draft> {
    let readable = |n: &usize| matches!(&content.files[*n].reading, Reading::Text(text) if substance(text) > 0);
    let documents: Vec<usize> = (0..content.files.len()).filter(readable).collect();
    let body = whole(content);
    let mut drafts = match documents.is_empty() {
        true => vec![body],
        false => {
            let mut drafts = with_documents(content, documents);
            if narrates(&normal(&body.text)) {
                drafts.push(Draft {
                    text: body.text,
                    ..Draft::default()
                });
            }
            drafts
        }
    };
    if let [one] = drafts.as_slice() {
        let sections = sections(&one.text);
        if sections.len() > 1 {
            let rest = |text| Draft {
                text,
                files: Vec::new(),
                ..one.clone()
            };
            let mut sections: Vec<Draft> = sections.into_iter().map(rest).collect();
            sections[0].files.clone_from(&one.files);
            drafts = sections;
        }
    }
    drafts
}

/// A text cut before each short line that opens with a date; what stands before the first goes with it.
fn sections(text: &str) -> Vec<String> {
    static DATED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[（(]?[一二三四五六七八九十\d]{0,3}[)）、.．]?\s*\d{1,2}\s*[月.]\s*\d{1,2}")
            .expect("a fixed expression")
    });
    let heads = |line: &str| DATED.is_match(line.trim()) && line.trim().chars().count() <= 40;
    let mut sections: Vec<String> = Vec::new();
    let mut begun = false;
    for line in text.lines() {
        if sections.is_empty() || (heads(line) && begun) {
            sections.push(String::new());
        }
        begun |= heads(line);
        if let Some(section) = sections.last_mut() {
            section.push_str(line);
            section.push('\n');
        }
    }
    sections
}
