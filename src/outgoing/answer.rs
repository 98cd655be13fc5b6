//! The one confirmation of an answer: what of it was done, and what was not and why.

use super::{Key, Letter, Rule, Templates, words};
use crate::campaign::Moment;
use anyhow::Result;
use serde::{Deserialize, Serialize};

/// What the digest and a confirmation show as a pattern.
pub const EXAMPLES: [&str; 6] = [
    "12 铁岭市 5-24",
    "13 不是报送",
    "14 归 辽宁职业学院",
    "15 荐",
    "停 大连市",
    "查 沈阳市",
];

/// What came of one line of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The line as written.
    pub said: String,
    /// Whether it was carried out.
    pub done: bool,
    /// What was done, or why not; a line each.
    pub words: Vec<String>,
    /// Whether it changed what is kept.
    pub changed: bool,
}

/// Everything that a confirmation tells of.
#[derive(Debug, Clone)]
pub struct AnswerFacts<'a> {
    /// The campaign's title.
    pub campaign: &'a str,
    /// Number of the mail that is confirmed.
    pub mail: i64,
    /// Its Message-ID.
    pub message_id: Option<&'a str>,
    /// When it arrived.
    pub arrived: Moment,
    /// Its lines.
    pub lines: &'a [Done],
}

#[derive(Serialize)]
struct View<'a> {
    subject: &'a str,
    campaign: &'a str,
    arrived: String,
    written: String,
    result: String,
    lines: &'a [Done],
    failed: bool,
    changed: bool,
    examples: [&'static str; 6],
}

/// The confirmation to the member of staff who wrote.
pub fn answer(
    templates: &Templates,
    facts: &AnswerFacts<'_>,
    to: &str,
    now: Moment,
) -> Result<Letter> {
    let result = result(facts.lines);
    let subject = format!("已处理您的回复：{result}");
    let view = View {
        subject: &subject,
        campaign: facts.campaign,
        arrived: words::moment(facts.arrived),
        written: words::moment(now),
        failed: facts.lines.iter().any(|line| !line.done),
        changed: facts.lines.iter().any(|line| line.changed),
        result,
        lines: facts.lines,
        examples: EXAMPLES,
    };
    let (html, text) = templates.render("answer", &view)?;
    Ok(Letter {
        key: Key {
            rule: Rule::Answer,
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

/// 3条已执行，1条未执行.
fn result(lines: &[Done]) -> String {
    let done = lines.iter().filter(|line| line.done).count();
    let parts = [(done, "已执行"), (lines.len() - done, "未执行")];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<_> = parts
        .map(|(count, what)| format!("{count}条{what}"))
        .collect();
    words.join("，")
}
