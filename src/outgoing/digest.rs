//! The morning report to staff: how units stand, what needs a person, what is new.

use super::answer::EXAMPLES;
use super::closed::Closed;
use super::facts::{
    AsideLine, ChangeLine, LedgerLine, LetterLine, LinkLine, ReportLine, ReviewLine, TwiceLine,
};
use super::matrix::{self, Group};
use super::{Attached, DigestFacts, Key, Letter, Rule, Templates, words};
use crate::attribution::Kind;
use crate::campaign::{Campaign, Moment};
use crate::standing::{DayState, Owed, Standing};
use anyhow::Result;
use chrono::{Days, NaiveDate, TimeDelta};
use serde::Serialize;
use std::collections::HashSet;

/// Larger mails are cut by some clients (Gmail: 102 kB).
const MOST_HTML_BYTES: usize = 100_000;
/// Reports that one digest shows.
pub const MOST_REPORTS: usize = 60;
/// Rows that a section shows, and units that the table of units shows; the next is tried where the letter would be too large.
const MOST: [(usize, usize); 5] = [(MOST_REPORTS, 150), (30, 150), (12, 120), (4, 100), (2, 40)];
/// Units that one sentence of the top block names: the table below it has all.
const MOST_NAMES: usize = 16;
/// Units that a list of its own names.
const MOST_LISTED: usize = 80;

/// What the digest of a day is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before the week: the plans.
    Plan,
    /// The first morning, when no day is due yet.
    Opening,
    /// The activity day whose 10:00 has just passed.
    Day(NaiveDate),
    /// After the week: summaries and tables.
    Summary,
}

#[derive(Serialize)]
struct View<'a> {
    subject: &'a str,
    title: String,
    written: String,
    headline: String,
    absent_title: String,
    absent: String,
    absent_total: usize,
    since: Vec<String>,
    behind: Vec<Behind>,
    behind_total: usize,
    needs: Vec<String>,
    news: String,
    in_week: bool,
    days_title: String,
    days: Vec<u32>,
    groups: Vec<Group<'a>>,
    has_before: bool,
    twice: Shown<'a, TwiceLine>,
    closing: Option<Closed>,
    reports: Shown<'a, ReportLine>,
    review: Shown<'a, ReviewLine>,
    unreadable: Shown<'a, ReviewLine>,
    telephone: Shown<'a, String>,
    held: Shown<'a, String>,
    letters: Shown<'a, LetterLine>,
    links: Shown<'a, LinkLine>,
    set_aside: Shown<'a, AsideLine>,
    changes: Shown<'a, ChangeLine>,
    examples: [&'static str; 6],
    ledger: &'a [LedgerLine],
    trouble: &'a [String],
    last_poll: String,
}

/// A section, cut where it is long.
#[derive(Serialize)]
struct Shown<'a, T> {
    rows: Vec<&'a T>,
    total: usize,
    more: usize,
}

/// Units that lack one thing.
#[derive(Serialize)]
struct Behind {
    what: &'static str,
    total: usize,
    units: String,
}

/// The digest for one member of staff.
pub fn digest(templates: &Templates, facts: &DigestFacts<'_>, to: &str) -> Result<Letter> {
    let subject = subject(facts);
    let mut rendered = (String::new(), String::new());
    let mut shown = 0;
    for most in MOST {
        rendered = templates.render("digest", &view(facts, &subject, most))?;
        shown = most.0;
        if rendered.0.len() < MOST_HTML_BYTES {
            break;
        }
    }
    let (html, text) = rendered;
    let pictures = facts
        .reports
        .iter()
        .take(shown)
        .flat_map(|report| &report.pictures);
    let files = pictures.map(|picture| Attached {
        name: picture.name.clone(),
        media_type: "image/jpeg",
        inline: true,
        bytes: picture.bytes.clone(),
    });
    Ok(Letter {
        key: Key {
            rule: Rule::Digest,
            about: to.to_owned(),
            day: words::today(facts.now),
        },
        to: to.to_owned(),
        answers: None,
        subject,
        html,
        text,
        files: files.collect(),
    })
}

fn view<'a>(
    facts: &'a DigestFacts<'a>,
    subject: &'a str,
    (most, units): (usize, usize),
) -> View<'a> {
    let phase = phase(facts.campaign, facts.now);
    let (absent_title, absent) = absent(facts, phase);
    View {
        subject,
        title: format!("{}报送日报", facts.campaign.title),
        written: written(facts.now),
        headline: headline(facts),
        absent_title,
        absent_total: absent.len(),
        absent: names(&absent),
        behind: behind(facts, phase),
        behind_total: facts.standings.iter().filter(|s| s.behind).count(),
        needs: needs(facts),
        news: news(&facts.news),
        in_week: phase != Phase::Plan,
        days_title: days_title(facts.campaign),
        days: matrix::heads(facts.campaign),
        groups: matrix::groups(facts.standings, facts.before, units),
        has_before: !facts.before.is_empty(),
        since: since(facts),
        twice: shown(&facts.twice, most),
        closing: facts.closing.as_ref().map(Closed::of),
        reports: Shown {
            total: facts.news.len(),
            more: facts.news.len().saturating_sub(most),
            ..shown(&facts.reports, most)
        },
        review: shown(&facts.review, most),
        unreadable: shown(&facts.unreadable, most),
        telephone: shown(&facts.telephone, MOST_LISTED),
        held: shown(&facts.held, MOST_LISTED),
        letters: shown(&facts.letters, most),
        links: by_expiry(&facts.links, most),
        set_aside: shown(&facts.set_aside, most),
        changes: shown(&facts.changes, most),
        examples: EXAMPLES,
        ledger: &facts.ledger,
        trouble: &facts.trouble,
        last_poll: facts.last_poll.map(words::moment).unwrap_or_default(),
    }
}

fn phase(campaign: &Campaign, now: Moment) -> Phase {
    let today = words::today(now);
    let past = campaign.days().filter(|day| campaign.due_of(*day) < now);
    if today < campaign.first_day {
        Phase::Plan
    } else if today > campaign.last_day + Days::new(1) {
        Phase::Summary
    } else {
        past.last().map_or(Phase::Opening, Phase::Day)
    }
}

fn subject(facts: &DigestFacts<'_>) -> String {
    let mut parts = vec![headline(facts)];
    let mails = [(&facts.review, "待核"), (&facts.unreadable, "无法读取")];
    for (mails, what) in mails.into_iter().filter(|(mails, _)| !mails.is_empty()) {
        parts.push(format!("{what}{}件", mails.len()));
    }
    if !facts.trouble.is_empty() {
        parts.push("系统有异常".into());
    }
    format!("职教活动周日报 {}", parts.join("，"))
}

/// 5月24日：66家中51家已报，缺15家.
fn headline(facts: &DigestFacts<'_>) -> String {
    let phase = phase(facts.campaign, facts.now);
    let what = match phase {
        Phase::Plan => "实施方案".into(),
        Phase::Opening => words::day(words::today(facts.now)),
        Phase::Day(day) => words::day(day),
        Phase::Summary => "总结和统计表".into(),
    };
    format!("{what}：{}", result(facts, phase))
}

fn result(facts: &DigestFacts<'_>, phase: Phase) -> String {
    let all = facts.standings.len();
    let reported = facts
        .standings
        .iter()
        .filter(|s| delivered(s, phase))
        .count();
    let result = match (all - reported, phase) {
        (0, Phase::Summary) => format!("{all}家全部报齐"),
        (0, _) => format!("{all}家全部已报"),
        (lacking, Phase::Summary) => format!("{all}家中{reported}家报齐，缺{lacking}家"),
        (lacking, _) => format!("{all}家中{reported}家已报，缺{lacking}家"),
    };
    match phase {
        Phase::Opening => format!("活动周今日开始，实施方案{result}"),
        _ => result,
    }
}

fn delivered(standing: &Standing, phase: Phase) -> bool {
    match phase {
        Phase::Plan | Phase::Opening => standing.plan == Owed::In,
        Phase::Day(day) => matches!(
            standing.days.get(&day),
            Some(DayState::OnTime | DayState::Late)
        ),
        Phase::Summary => standing.summary == Owed::In && standing.statistics == Owed::In,
    }
}

/// The units without what the day is about; after the week, [`behind`] says it with more words.
fn absent<'a>(facts: &'a DigestFacts<'a>, phase: Phase) -> (String, Vec<&'a str>) {
    let what = match phase {
        Phase::Plan | Phase::Opening => "未报实施方案".into(),
        Phase::Day(day) => format!("未报{}活动情况", words::day(day)),
        Phase::Summary => return (String::new(), Vec::new()),
    };
    let lacking = facts.standings.iter().filter(|s| !delivered(s, phase));
    let units: Vec<_> = lacking.map(|s| s.unit.as_str()).collect();
    (what, units)
}

/// One line a thing that is owed, each with the units that lack it.
fn behind(facts: &DigestFacts<'_>, phase: Phase) -> Vec<Behind> {
    if matches!(phase, Phase::Plan | Phase::Opening) {
        return Vec::new();
    }
    let all = facts.standings;
    let slow = all.iter().filter(|s| s.under_pace());
    let slow = slow.map(|s| format!("{}{}/{}", s.unit, s.reports, s.pace));
    let missing = |of: fn(&Standing) -> Owed| {
        let units = all.iter().filter(move |s| of(s) == Owed::Missing);
        units.map(|s| s.unit.clone()).collect()
    };
    [
        ("份数不足，已报/至今应报", slow.collect()),
        ("缺实施方案", missing(|s| s.plan)),
        ("缺总结", missing(|s| s.summary)),
        ("缺情况统计表", missing(|s| s.statistics)),
    ]
    .into_iter()
    .filter(|(_, units): &(_, Vec<String>)| !units.is_empty())
    .map(|(what, units)| Behind {
        what,
        total: units.len(),
        units: names(&units),
    })
    .collect()
}

/// The first of many names, with their number where some are left out; a city without its bureau.
pub(super) fn names<S: AsRef<str>>(all: &[S]) -> String {
    let short = |name: &S| name.as_ref().replacen("市教育局", "市", 1);
    let shown: Vec<String> = all.iter().take(MOST_NAMES).map(short).collect();
    let more = if all.len() > MOST_NAMES {
        format!("等{}家，见表", all.len())
    } else {
        String::new()
    };
    format!("{}{more}", shown.join("、"))
}

/// Which units fell behind since the last digest, and which caught up.
fn since(facts: &DigestFacts) -> Vec<String> {
    let was: HashSet<&str> = facts
        .before
        .iter()
        .filter(|s| s.behind)
        .map(|s| s.unit.as_str())
        .collect();
    let is: HashSet<&str> = facts
        .standings
        .iter()
        .filter(|s| s.behind)
        .map(|s| s.unit.as_str())
        .collect();
    let of = |one: &HashSet<&str>, other: &HashSet<&str>| {
        let units = facts.standings.iter().map(|s| s.unit.as_str());
        units
            .filter(|unit| one.contains(unit) && !other.contains(unit))
            .collect::<Vec<_>>()
    };
    if facts.before.is_empty() {
        return Vec::new();
    }
    let changed = [("新增落后", of(&is, &was)), ("已补齐", of(&was, &is))];
    let some = changed.into_iter().filter(|(_, units)| !units.is_empty());
    some.map(|(what, units)| format!("{what}{}家：{}", units.len(), names(&units)))
        .collect()
}

fn needs(facts: &DigestFacts<'_>) -> Vec<String> {
    let soon = facts.now + TimeDelta::days(3);
    let expiring = facts.links.iter().filter_map(|link| link.expires_at);
    let expiring = expiring
        .filter(|at| (facts.now..=soon).contains(at))
        .count();
    let unexplained: i64 = facts.ledger.iter().map(|line| line.unexplained).sum();
    [
        (facts.review.len(), "待核邮件", "件"),
        (facts.unreadable.len(), "无法读取的邮件", "件"),
        (facts.telephone.len(), "需电话联系的单位", "家"),
        (expiring, "三日内到期的链接", "个"),
        (
            unexplained.unsigned_abs() as usize,
            "与服务器对不上的邮件",
            "封",
        ),
        (facts.trouble.len(), "系统异常", "项"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, what, measure)| format!("{what}{count}{measure}"))
    .collect()
}

/// 9份：每日活动情况8份（按时7份、迟报1份）、实施方案1份; empty where nothing came.
fn news(all: &[(Kind, bool)]) -> String {
    use Kind::{Case, Daily, Plan, Statistics, Summary, Supplement};
    let kinds = [Daily, Case, Plan, Summary, Statistics, Supplement];
    let parts: Vec<_> = kinds
        .into_iter()
        .map(|kind| (kind, all.iter().filter(move |(own, _)| *own == kind)))
        .filter(|(_, some)| some.clone().next().is_some())
        .map(|(kind, some)| {
            let late = some.clone().filter(|(_, late)| *late).count();
            let note = if late > 0 {
                format!("（迟报{late}份）")
            } else {
                String::new()
            };
            format!("{}{}份{note}", kind.chinese(), some.count())
        })
        .collect();
    if parts.is_empty() {
        return String::new();
    }
    format!("{}份：{}", all.len(), parts.join("、"))
}

fn written(now: Moment) -> String {
    let year = words::today(now).format("%Y年");
    format!("{year}{}", words::moment(now))
}

fn days_title(campaign: &Campaign) -> String {
    let (first, last) = (campaign.first_day, campaign.last_day);
    format!("{}至{}", words::day(first), words::day(last))
}

fn shown<T>(all: &[T], most: usize) -> Shown<'_, T> {
    Shown {
        rows: all.iter().take(most).collect(),
        total: all.len(),
        more: all.len().saturating_sub(most),
    }
}

/// The soonest first; those without a date last.
fn by_expiry(links: &[LinkLine], most: usize) -> Shown<'_, LinkLine> {
    let mut rows: Vec<_> = links.iter().collect();
    rows.sort_by_key(|link| (link.expires_at.is_none(), link.expires_at));
    rows.truncate(most);
    Shown {
        more: links.len() - rows.len(),
        total: links.len(),
        rows,
    }
}
