//! The letter to a unit that is behind: everything it owes, once a day.

use super::{Key, Letter, Rule, Templates};
use crate::campaign::{CST, Campaign, Due, Moment};
use crate::roster::Unit;
use crate::standing::{DayState, Owing, Standing};
use anyhow::Result;
use chrono::NaiveDate;
use serde::Serialize;

/// What a reminder is made from.
pub struct ReminderFacts<'a> {
    /// The calendar.
    pub campaign: &'a Campaign,
    /// To whom.
    pub unit: &'a Unit,
    /// How it stands.
    pub standing: &'a Standing,
    /// What it owes.
    pub owing: &'a Owing,
    /// The moment of writing; days left are counted from it.
    pub now: Moment,
    /// Where reports go.
    pub mailbox_address: &'a str,
    /// Whom to call; may be empty.
    pub contact: &'a str,
}

#[derive(Serialize)]
struct View<'a> {
    unit: &'a str,
    title: &'a str,
    notice: &'a str,
    items: Vec<Item>,
    daily_due: String,
    example: String,
    mailbox: &'a str,
    contact: &'a str,
    date: String,
}

#[derive(Serialize)]
struct Item {
    name: &'static str,
    state: String,
    due: String,
}

/// Writes the reminder.
///
/// # Errors
/// An operator's template that cannot be filled.
pub fn reminder(templates: &Templates, facts: &ReminderFacts, to: &str) -> Result<Letter> {
    let today = facts.now.with_timezone(&CST).date_naive();
    let view = view(facts, today);
    let names: Vec<&str> = view.items.iter().map(|item| item.name).collect();
    let day = today.format("%-m月%-d日");
    Ok(Letter {
        key: Key {
            rule: Rule::Reminder,
            about: facts.unit.name.clone(),
            day: today,
        },
        to: to.into(),
        // 163.com refuses letters of one subject: unit and day make each its own.
        subject: format!(
            "{}：请报送{}（{day}提醒）",
            facts.unit.name,
            names.join("、")
        ),
        html: templates.fill("reminder.html", &view)?,
        text: templates.fill("reminder.txt", &view)?,
    })
}

fn view<'a>(facts: &'a ReminderFacts, today: NaiveDate) -> View<'a> {
    let campaign = facts.campaign;
    let owing = facts.owing;
    let once = |owed: bool, name, due: &Due| {
        owed.then(|| Item {
            name,
            state: "尚未收到".into(),
            due: due_in_words(due.due, today),
        })
    };
    let items = [
        once(owing.plan, "实施方案", &campaign.plan),
        (owing.reports > 0).then(|| reports(facts, today)),
        once(owing.summary, "活动周总结", &campaign.summary),
        once(owing.statistics, "情况统计表", &campaign.summary),
    ];
    View {
        unit: &facts.unit.name,
        title: &campaign.title,
        notice: &campaign.notice,
        items: items.into_iter().flatten().collect(),
        daily_due: campaign.daily_due.format("%H:%M").to_string(),
        example: format!(
            "{}{}活动信息",
            facts.unit.name,
            campaign.first_day.format("%-m月%-d日")
        ),
        mailbox: facts.mailbox_address,
        contact: facts.contact,
        date: today.format("%Y年%-m月%-d日").to_string(),
    }
}

fn reports(facts: &ReminderFacts, today: NaiveDate) -> Item {
    let standing = facts.standing;
    let missing: Vec<String> = standing
        .days
        .iter()
        .filter(|(_, state)| **state == DayState::Missing)
        .map(|(day, _)| day.format("%-m月%-d日").to_string())
        .collect();
    let mut state = format!(
        "已收到{}份，至少{}份，还缺{}份",
        standing.reports, standing.quota, facts.owing.reports
    );
    if !missing.is_empty() {
        state.push_str(&format!("；尚无报送的活动日：{}", missing.join("、")));
    }
    Item {
        name: "每日活动情况",
        state,
        due: due_in_words(facts.campaign.summary.due, today),
    }
}

/// 截止5月10日，还有3天.
fn due_in_words(due: NaiveDate, today: NaiveDate) -> String {
    let date = due.format("%-m月%-d日");
    match (due - today).num_days() {
        0 => format!("{date}（今天截止）"),
        left if left > 0 => format!("{date}（还有{left}天）"),
        past => format!("{date}（已逾期{}天）", -past),
    }
}
