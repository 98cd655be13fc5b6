//! The morning's letter to staff: who is behind, what needs them, what is new.

use super::{Key, Letter, Rule, Templates};
use crate::attribution::Kind;
use crate::campaign::{CST, Campaign, Moment};
use crate::roster::UnitKind;
use crate::standing::{DayState, Owed, Standing};
use anyhow::Result;
use chrono::{Days, NaiveDate};
use serde::Serialize;

/// Rows of a section that a mail shows; what is more is counted.
const SHOWN: usize = 40;

/// What a digest tells.
#[allow(missing_docs)]
pub struct DigestFacts<'a> {
    pub campaign: &'a Campaign,
    pub now: Moment,
    pub standings: &'a [Standing],
    /// Arrived since the digest before.
    pub reports: Vec<ReportLine>,
    /// Open, however old.
    pub review: Vec<ReviewLine>,
    pub unreadable: Vec<ReviewLine>,
    /// Mails that are no reports, since the digest before.
    pub set_aside: Vec<AsideLine>,
    /// Reminders since the digest before.
    pub letters: Vec<LetterLine>,
    /// Behind, and without an address.
    pub telephone: Vec<String>,
    /// Behind, but a mail in review may be theirs: not reminded.
    pub held: Vec<String>,
    pub links: Vec<LinkLine>,
    pub ledger: Vec<LedgerLine>,
    /// What is wrong with the daemon itself.
    pub trouble: Vec<String>,
    pub last_poll: Option<Moment>,
}

/// A submission that arrived.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct ReportLine {
    pub number: i64,
    pub unit: String,
    pub kind: Kind,
    pub days: Vec<NaiveDate>,
    pub day_inferred: bool,
    pub arrived: Moment,
    pub on_time: Option<bool>,
    pub repeats: bool,
    pub title: String,
    /// Up to three lines of its text.
    pub lines: Vec<String>,
    pub files: Vec<String>,
    pub photos: usize,
    pub videos: usize,
    pub links: usize,
}

/// A mail that a person must look at.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct ReviewLine {
    pub number: i64,
    pub subject: String,
    pub from: String,
    pub arrived: Moment,
    pub reason: String,
    pub candidates: Vec<String>,
    pub files: Vec<String>,
}

/// A mail that is no report.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct AsideLine {
    pub subject: String,
    pub from: String,
    pub reason: String,
}

/// A reminder and what became of it.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct LetterLine {
    pub unit: String,
    pub sent: bool,
    pub answer: String,
    pub at: Moment,
}

/// Files behind a link.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct LinkLine {
    pub unit: String,
    pub provider: String,
    pub url: String,
    pub expires_at: Option<Moment>,
}

/// One folder's account.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct LedgerLine {
    pub folder: String,
    pub server: u32,
    pub reports: u32,
    pub not_report: u32,
    pub review: u32,
    pub unreadable: u32,
    pub unexplained: i64,
}

/// A section of rows, with the number of those that the mail leaves out.
#[derive(Serialize)]
struct Section<T> {
    rows: Vec<T>,
    more: usize,
}

#[derive(Serialize)]
struct View<'a> {
    title: &'a str,
    headline: String,
    date: String,
    behind: Vec<Behind>,
    behind_count: usize,
    units: usize,
    to_decide: usize,
    fresh: usize,
    day_names: Vec<String>,
    matrix: Vec<Group>,
    reports: Section<Report>,
    review: Section<Review>,
    unreadable: Section<Review>,
    telephone: &'a [String],
    held: &'a [String],
    letters: Section<LetterView>,
    links: Section<LinkView>,
    set_aside: Section<&'a AsideLine>,
    ledger: &'a [LedgerLine],
    trouble: &'a [String],
    last_poll: String,
}

/// Units that lack the same.
#[derive(Serialize)]
struct Behind {
    lack: String,
    units: Vec<String>,
}

#[derive(Serialize)]
struct Group {
    name: &'static str,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    unit: String,
    reports: String,
    enough: bool,
    cells: Vec<Cell>,
    behind: bool,
}

/// A word, and the state that colours it: never the colour alone.
#[derive(Serialize)]
struct Cell {
    word: &'static str,
    state: &'static str,
}

#[derive(Serialize)]
struct Report {
    number: i64,
    unit: String,
    kind: &'static str,
    days: String,
    timing: &'static str,
    notes: String,
    title: String,
    lines: Vec<String>,
    media: String,
    files: String,
}

#[derive(Serialize)]
struct Review {
    number: i64,
    subject: String,
    from: String,
    arrived: String,
    reason: String,
    candidates: String,
    files: String,
}

#[derive(Serialize)]
struct LetterView {
    unit: String,
    result: String,
    at: String,
}

#[derive(Serialize)]
struct LinkView {
    unit: String,
    provider: String,
    url: String,
    expires: String,
}

/// Writes the digest of the day of `now`.
///
/// # Errors
/// An operator's template that cannot be filled.
pub fn digest(templates: &Templates, facts: &DigestFacts, to: &str) -> Result<Letter> {
    let today = facts.now.with_timezone(&CST).date_naive();
    let headline = headline(facts, today);
    let view = view(facts, headline.clone(), today);
    Ok(Letter {
        key: Key {
            rule: Rule::Digest,
            about: to.into(),
            day: today,
        },
        to: to.into(),
        subject: format!("职教活动周日报 {headline}"),
        html: templates.fill("digest.html", &view)?,
        text: templates.fill("digest.txt", &view)?,
    })
}

/// 5月24日：66家中51家已报，缺15家，待核3件. The day is the activity day whose 10:00 has just passed.
fn headline(facts: &DigestFacts, today: NaiveDate) -> String {
    let campaign = facts.campaign;
    let units = facts.standings.len();
    let count =
        |test: &dyn Fn(&Standing) -> bool| facts.standings.iter().filter(|s| test(s)).count();
    let review = facts.review.len() + facts.unreadable.len();
    let tail = if review == 0 {
        "无待核".to_owned()
    } else {
        format!("待核{review}件")
    };
    let month_day = |day: NaiveDate| day.format("%-m月%-d日").to_string();
    let yesterday = today - Days::new(1);
    if campaign.contains(yesterday) {
        let in_time = count(&|s| {
            matches!(
                s.days.get(&yesterday),
                Some(DayState::OnTime | DayState::Late)
            )
        });
        format!(
            "{}：{units}家中{in_time}家已报，缺{}家，{tail}",
            month_day(yesterday),
            units - in_time
        )
    } else if today > campaign.summary.due {
        let (summary, table) = (
            count(&|s| s.summary == Owed::In),
            count(&|s| s.statistics == Owed::In),
        );
        format!(
            "{}：{units}家中总结{summary}家已报，统计表{table}家已报，{tail}",
            month_day(today)
        )
    } else {
        let plans = count(&|s| s.plan == Owed::In);
        format!(
            "{}：实施方案{units}家中{plans}家已报，缺{}家，{tail}",
            month_day(today),
            units - plans
        )
    }
}

fn view<'a>(facts: &'a DigestFacts, headline: String, today: NaiveDate) -> View<'a> {
    View {
        title: &facts.campaign.title,
        headline,
        date: today.format("%Y年%-m月%-d日").to_string(),
        behind_count: facts.standings.iter().filter(|s| s.behind).count(),
        behind: behind(facts.standings),
        units: facts.standings.len(),
        to_decide: facts.review.len() + facts.unreadable.len(),
        fresh: facts.reports.len(),
        day_names: facts
            .campaign
            .days()
            .map(|day| day.format("%-m.%-d").to_string())
            .collect(),
        matrix: vec![
            group("各市", UnitKind::City, facts),
            group("高职院校", UnitKind::College, facts),
        ],
        reports: section(facts.reports.iter().rev().map(report_view)),
        review: section(facts.review.iter().map(review_view)),
        unreadable: section(facts.unreadable.iter().map(review_view)),
        telephone: &facts.telephone,
        held: &facts.held,
        letters: section(facts.letters.iter().map(letter_view)),
        links: section(facts.links.iter().map(link_view)),
        set_aside: section(facts.set_aside.iter()),
        ledger: &facts.ledger,
        trouble: &facts.trouble,
        last_poll: facts.last_poll.map_or("尚未成功收信".into(), short),
    }
}

fn section<T>(rows: impl ExactSizeIterator<Item = T>) -> Section<T> {
    let more = rows.len().saturating_sub(SHOWN);
    Section {
        rows: rows.take(SHOWN).collect(),
        more,
    }
}

/// Those behind, grouped by what they lack, the largest group first.
fn behind(standings: &[Standing]) -> Vec<Behind> {
    let mut groups: Vec<Behind> = Vec::new();
    for standing in standings.iter().filter(|standing| standing.behind) {
        let lack = lack(standing);
        match groups.iter_mut().find(|group| group.lack == lack) {
            Some(group) => group.units.push(standing.unit.clone()),
            None => groups.push(Behind {
                lack,
                units: vec![standing.unit.clone()],
            }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.units.len()));
    groups
}

/// 报送0/3，缺方案
fn lack(standing: &Standing) -> String {
    let mut lacks = Vec::new();
    if standing.under_pace() {
        lacks.push(format!("报送{}/{}", standing.reports, standing.quota));
    }
    let owed = [
        (standing.plan, "缺方案"),
        (standing.summary, "缺总结"),
        (standing.statistics, "缺统计表"),
    ];
    lacks.extend(
        owed.iter()
            .filter(|(owed, _)| *owed == Owed::Missing)
            .map(|(_, word)| (*word).to_owned()),
    );
    lacks.join("，")
}

fn group(name: &'static str, kind: UnitKind, facts: &DigestFacts) -> Group {
    let rows = facts
        .standings
        .iter()
        .filter(|standing| standing.kind == kind)
        .map(row);
    Group {
        name,
        rows: rows.collect(),
    }
}

fn row(standing: &Standing) -> Row {
    let days = standing.days.values().map(|day| day_cell(*day));
    let owed = [standing.plan, standing.summary, standing.statistics].map(owed_cell);
    Row {
        unit: standing.unit.clone(),
        reports: format!("{}/{}", standing.reports, standing.quota),
        enough: standing.reports >= standing.quota,
        cells: days.chain(owed).collect(),
        behind: standing.behind,
    }
}

fn day_cell(day: DayState) -> Cell {
    match day {
        DayState::OnTime => Cell {
            word: "按时",
            state: "in",
        },
        DayState::Late => Cell {
            word: "迟报",
            state: "late",
        },
        DayState::Missing => Cell {
            word: "缺",
            state: "missing",
        },
        DayState::NotDue => Cell {
            word: "－",
            state: "open",
        },
    }
}

fn owed_cell(owed: Owed) -> Cell {
    match owed {
        Owed::In => Cell {
            word: "已报",
            state: "in",
        },
        Owed::Missing => Cell {
            word: "缺",
            state: "missing",
        },
        Owed::NotDue => Cell {
            word: "－",
            state: "open",
        },
    }
}

fn report_view(line: &ReportLine) -> Report {
    let days: Vec<String> = line
        .days
        .iter()
        .map(|day| day.format("%-m月%-d日").to_string())
        .collect();
    let mut notes = Vec::new();
    if line.day_inferred {
        notes.push("日期为推断");
    }
    if line.repeats {
        notes.push("替换前报");
    }
    let counts = [
        (line.photos, "张照片"),
        (line.videos, "个视频"),
        (line.links, "个链接"),
    ];
    let media = counts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n}{word}"));
    Report {
        number: line.number,
        unit: line.unit.clone(),
        kind: line.kind.chinese(),
        days: days.join("、"),
        timing: match line.on_time {
            Some(true) => "按时",
            Some(false) => "迟报",
            None => "",
        },
        notes: notes.join("，"),
        title: line.title.clone(),
        lines: line.lines.clone(),
        media: media.collect::<Vec<_>>().join("，"),
        files: shortened(&line.files),
    }
}

fn review_view(line: &ReviewLine) -> Review {
    Review {
        number: line.number,
        subject: if line.subject.is_empty() {
            "（无主题）".into()
        } else {
            line.subject.clone()
        },
        from: line.from.clone(),
        arrived: short(line.arrived),
        reason: line.reason.clone(),
        candidates: line.candidates.join("、"),
        files: shortened(&line.files),
    }
}

fn letter_view(line: &LetterLine) -> LetterView {
    let result = if line.sent {
        "已发出".to_owned()
    } else {
        format!("未发出：{}", line.answer)
    };
    LetterView {
        unit: line.unit.clone(),
        result,
        at: short(line.at),
    }
}

fn link_view(line: &LinkLine) -> LinkView {
    LinkView {
        unit: line.unit.clone(),
        provider: line.provider.clone(),
        url: line.url.clone(),
        expires: line.expires_at.map_or("未注明".into(), short),
    }
}

/// The first few names, and how many there are.
fn shortened(names: &[String]) -> String {
    let first = names.iter().take(4).cloned().collect::<Vec<_>>().join("、");
    if names.len() > 4 {
        format!("{first} 等{}个", names.len())
    } else {
        first
    }
}

fn short(at: Moment) -> String {
    at.with_timezone(&CST)
        .format("%-m月%-d日 %H:%M")
        .to_string()
}
