//! A courteous letter to a unit that owes something.

use super::{Key, Letter, Rule, Templates, words};
use crate::campaign::{Campaign, Moment};
use crate::roster::Unit;
use crate::standing::{DayState, Owing, Standing};
use anyhow::{Result, ensure};
use chrono::NaiveDate;
use serde::Serialize;

/// Everything that a reminder tells of.
#[derive(Debug, Clone, Copy)]
pub struct ReminderFacts<'a> {
    /// The calendar.
    pub campaign: &'a Campaign,
    /// Who is reminded.
    pub unit: &'a Unit,
    /// How it stands.
    pub standing: &'a Standing,
    /// What it is reminded of.
    pub owing: &'a Owing,
    /// When the letter is written.
    pub now: Moment,
    /// Where reports go.
    pub mailbox_address: &'a str,
    /// Whom the unit may call; empty: nobody is named.
    pub contact: &'a str,
}

/// How a reminder speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Tone {
    /// Nothing is overdue yet.
    Before,
    /// Something is overdue.
    After,
    /// Overdue, and no letter will follow.
    Last,
}

#[derive(Serialize)]
struct View<'a> {
    tone: Tone,
    subject: &'a str,
    unit: &'a str,
    notice: &'a str,
    items: Vec<Item>,
    /// Whether daily reports are owed.
    reports: bool,
    daily_due: String,
    mailbox: &'a str,
    example: String,
    contact: &'a str,
    campaign: &'a str,
    date: String,
}

#[derive(Serialize)]
struct Item {
    name: &'static str,
    lines: Vec<String>,
}

/// The reminder of one day to one address of the unit.
pub fn reminder(templates: &Templates, facts: &ReminderFacts<'_>, to: &str) -> Result<Letter> {
    ensure!(
        !facts.owing.is_empty(),
        "{} owes nothing to be reminded of",
        facts.unit.name
    );
    let today = words::today(facts.now);
    let subject = subject(facts, today);
    let (html, text) = templates.render("reminder", &view(facts, &subject, today))?;
    Ok(Letter {
        key: Key {
            rule: Rule::Reminder,
            about: facts.unit.name.clone(),
            day: today,
        },
        to: to.to_owned(),
        answers: None,
        subject,
        html,
        text,
        files: Vec::new(),
    })
}

/// Names unit and day: 163.com takes letters of one subject for spam.
fn subject(facts: &ReminderFacts<'_>, today: NaiveDate) -> String {
    let names: Vec<_> = items(facts, today).iter().map(|item| item.name).collect();
    let (unit, day) = (&facts.unit.name, words::day(today));
    let names = names.join("、");
    match tone(facts, today) {
        Tone::Before => format!("关于请{unit}报送{names}的提醒（{day}）"),
        Tone::After => format!("关于请{unit}补报{names}的提醒（{day}）"),
        Tone::Last => format!("关于请{unit}补报{names}的最后提醒（{day}）"),
    }
}

fn view<'a>(facts: &'a ReminderFacts<'a>, subject: &'a str, today: NaiveDate) -> View<'a> {
    View {
        tone: tone(facts, today),
        subject,
        unit: &facts.unit.name,
        notice: &facts.campaign.notice,
        items: items(facts, today),
        reports: facts.owing.reports > 0,
        daily_due: facts.campaign.daily_due.format("%H:%M").to_string(),
        mailbox: facts.mailbox_address,
        example: format!("{}{}", facts.unit.name, words::day(today)),
        contact: facts.contact,
        campaign: &facts.campaign.title,
        date: words::full_day(today),
    }
}

/// By what is owed: whether its due is past, and whether the campaign lists a later day to remind of it.
fn tone(facts: &ReminderFacts<'_>, today: NaiveDate) -> Tone {
    let (plan, summary) = (&facts.campaign.plan, &facts.campaign.summary);
    let owed = [
        (facts.owing.plan, plan),
        (
            facts.owing.summary || facts.owing.statistics || facts.owing.reports > 0,
            summary,
        ),
    ];
    let mut owed = owed.iter().filter(|(owed, _)| *owed).map(|(_, due)| due);
    if !owed.clone().any(|due| today > due.due) {
        Tone::Before
    } else if owed.all(|due| due.last_reminder() <= today) {
        Tone::Last
    } else {
        Tone::After
    }
}

fn items(facts: &ReminderFacts<'_>, today: NaiveDate) -> Vec<Item> {
    let owing = facts.owing;
    let (plan, summary) = (facts.campaign.plan.due, facts.campaign.summary.due);
    [
        (owing.plan, "实施方案", vec![due(plan, today)]),
        (owing.reports > 0, "活动情况", reports(facts, today)),
        (owing.summary, "总结", vec![due(summary, today)]),
        (owing.statistics, "情况统计表", vec![due(summary, today)]),
    ]
    .into_iter()
    .filter(|(owed, ..)| *owed)
    .map(|(_, name, lines)| Item { name, lines })
    .collect()
}

fn reports(facts: &ReminderFacts<'_>, today: NaiveDate) -> Vec<String> {
    let (standing, lacking) = (facts.standing, facts.owing.reports);
    let count = match standing.reports {
        0 => "尚未收到".to_owned(),
        n => format!("已收到{n}份"),
    };
    let mut lines = vec![
        format!(
            "{count}，活动周期间至少报送{}份，还缺{lacking}份。",
            standing.quota
        ),
        due(facts.campaign.summary.due, today),
    ];
    let missing =
        |(day, state): (&NaiveDate, &DayState)| (*state == DayState::Missing).then_some(*day);
    let days: Vec<_> = standing.days.iter().filter_map(missing).collect();
    if !days.is_empty() {
        lines.push(format!("尚无报送的活动日：{}。", words::days(&days)));
    }
    lines
}

/// 截止日期为5月10日，还有3天。
fn due(due: NaiveDate, today: NaiveDate) -> String {
    let left = match (due - today).num_days() {
        0 => "今日截止".to_owned(),
        1 => "明日截止".to_owned(),
        days if days > 0 => format!("还有{days}天"),
        days => format!("已逾期{}天", -days),
    };
    format!("截止日期为{}，{left}。", words::day(due))
}
