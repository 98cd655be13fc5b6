//! What a report is: plan, daily, case, summary or statistics (rules.md, "Kinds").

use super::normal::{normal, stem};
use super::report::{Draft, is_sheet};
use super::strength::Place;
use super::zone::Zone;
use super::{About, Evidence, Kind};
use crate::message::Content;
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// Characters from the beginning that tell a plan by its wording.
const OPENING: usize = 160;

/// Decides by the document's own name and title; by the mail's subject only where it carries one report.
pub fn kind(content: &Content, draft: &Draft, zones: &[Zone], alone: bool) -> (Kind, Evidence) {
    if draft.supplement {
        return (Kind::Supplement, evidence("media_without_text", "mail", ""));
    }
    let file = draft.document.map(|n| &content.files[n]);
    let name = file
        .map(|file| normal(stem(&file.name)))
        .unwrap_or_default();
    if file.is_some_and(is_sheet) {
        return (
            Kind::Statistics,
            evidence("spreadsheet", "file_name", &name),
        );
    }
    let title = text_of(zones, Place::Title);
    let subject = text_of(zones, Place::Subject) + &text_of(zones, Place::AnsweredSubject);
    let places = [
        ("file_name", &name, true),
        ("title", &title, true),
        ("subject", &subject, alone),
    ];
    for (place, text, _) in places.iter().filter(|(_, _, use_it)| *use_it) {
        if let Some((kind, word)) = named(text) {
            return (kind, evidence("named", place, word));
        }
    }
    match opens_a_plan(&draft.text) {
        true => (Kind::Plan, evidence("wording", "text", "方案")),
        false => (Kind::Daily, evidence("default", "text", "")),
    }
}

/// Whether a plan's wording stands at the beginning of a text.
fn opens_a_plan(text: &str) -> bool {
    let text = &text[..beginning(text, 2 * OPENING)];
    // No other character has it for its normal form.
    if !text.contains("案") {
        return false;
    }
    let normal = normal(text);
    let opening = &normal[..beginning(&normal, OPENING)];
    opening.contains("制定本方案") || opening.contains("活动方案如下")
}

/// Where so many characters from the beginning end.
fn beginning(text: &str, characters: usize) -> usize {
    let end = text.char_indices().nth(characters);
    end.map_or(text.len(), |(at, _)| at)
}

/// One of these is in each word that names a kind: most titles have none, which one look tells.
static SIGNS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = [
        "案例",
        "典型",
        "职教故事",
        "统计",
        "总结",
        "小结",
        "方案",
        "计划",
        "安排",
    ];
    AhoCorasick::new(words).expect("the words are few and short")
});

/// The kind that a title names, with the word that names it.
fn named(title: &str) -> Option<(Kind, &'static str)> {
    if !SIGNS.is_match(title) {
        return None;
    }
    const NEWS: [&str; 6] = ["活动信息", "日报", "简报", "动态", "报道：", "新闻"];
    const CASES: [&str; 6] = [
        "典型案例",
        "典型宣传",
        "职教故事",
        "典型职教",
        "案例推荐",
        "案例材料",
    ];
    let has = |word: &str| title.contains(word);
    if let Some(word) = CASES.iter().find(|word| has(word)) {
        return Some((Kind::Case, word));
    }
    if has("统计表") || has("情况统计") || has("数据统计") {
        return Some((Kind::Statistics, "统计表"));
    }
    if (has("总结") && !has("总结会") && !has("总结大会") && !has("总结表彰")) || has("工作小结")
    {
        return Some((Kind::Summary, "总结"));
    }
    if has("方案")
        && !["解读", "设计", "研讨", "论证", "评审"]
            .iter()
            .any(|word| has(&format!("方案{word}")))
        && !NEWS.iter().any(|word| has(word))
    {
        return Some((Kind::Plan, "方案"));
    }
    let planned = ["工作计划", "活动计划", "实施计划", "活动安排", "工作安排"]
        .into_iter()
        .find(|word| has(word));
    if let Some(word) = planned.filter(|_| !NEWS.iter().any(|word| has(word))) {
        return Some((Kind::Plan, word));
    }
    (has("案例") && !has("案例找茬") && !has("案例分析")).then_some((Kind::Case, "案例"))
}

fn text_of(zones: &[Zone], place: Place) -> String {
    zones
        .iter()
        .filter(|zone| zone.place == place)
        .map(|zone| zone.text.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

fn evidence(rule: &str, place: &str, seen: &str) -> Evidence {
    Evidence {
        about: About::Kind,
        rule: rule.into(),
        place: place.into(),
        seen: seen.into(),
        weight: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_name_their_kind() {
        for (title, kind) in [
            ("丹东市2022年职业教育活动周实施方案", Some(Kind::Plan)),
            (
                "小城职教有大爱——丹东市2022年职业教育活动周总结",
                Some(Kind::Summary),
            ),
            ("丹东市活动周情况统计表(更正)", Some(Kind::Statistics)),
            ("校企协同育人典型案例", Some(Kind::Case)),
            ("典型宣传报道案例:一根网线", Some(Kind::Case)),
            ("5月24日活动信息", None),
            ("活动周总结会在我校举行", None),
        ] {
            assert_eq!(named(title).map(|(kind, _)| kind), kind, "{title}");
        }
    }
}
