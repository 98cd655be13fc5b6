//! The table of units by days.

use crate::campaign::Campaign;
use crate::roster::UnitKind;
use crate::standing::{DayState, Owed, Standing};
use chrono::Datelike;
use serde::Serialize;
use std::collections::HashMap;

/// Units of one kind.
#[derive(Debug, Serialize)]
pub struct Group<'a> {
    name: &'static str,
    rows: Vec<Row<'a>>,
    total: usize,
    more: usize,
}

/// One unit; every mark is a sign that reads without colour. `+` is what came since the last digest.
#[derive(Debug, Serialize)]
struct Row<'a> {
    unit: &'a str,
    days: Vec<String>,
    reports: u32,
    quota: u32,
    /// More reports than at the last digest.
    more: bool,
    behind: bool,
    plan: String,
    summary: String,
    statistics: String,
}

/// Days of the month, as column heads.
pub fn heads(campaign: &Campaign) -> Vec<u32> {
    campaign.days().map(|day| day.day()).collect()
}

/// Cities, then colleges; a kind without units is left out. `before` is how units stood at the last digest, if there
/// was one. Of more than `most` units, those that are behind are shown first.
pub fn groups<'a>(
    standings: &'a [Standing],
    before: &'a [Standing],
    most: usize,
) -> Vec<Group<'a>> {
    let before: HashMap<&str, &Standing> = before.iter().map(|s| (s.unit.as_str(), s)).collect();
    let mut left = most;
    let group = |(kind, name)| {
        let of_kind: Vec<&Standing> = standings.iter().filter(|s| s.kind == kind).collect();
        let total = of_kind.len();
        let mut shown = of_kind;
        if total > left {
            shown.sort_by_key(|standing| !standing.behind);
            shown.truncate(left);
        }
        left -= shown.len();
        Group {
            name,
            more: total - shown.len(),
            total,
            rows: shown
                .into_iter()
                .map(|s| row(s, before.get(s.unit.as_str()).copied()))
                .collect(),
        }
    };
    let kinds = [(UnitKind::City, "各市"), (UnitKind::College, "高职院校")];
    kinds
        .into_iter()
        .map(group)
        .filter(|group| group.total > 0)
        .collect()
}

fn row<'a>(standing: &'a Standing, before: Option<&Standing>) -> Row<'a> {
    let day = |(day, state): (&chrono::NaiveDate, &DayState)| {
        let was = before.and_then(|before| before.days.get(day));
        let new = was.is_some_and(|was| was != state)
            && matches!(state, DayState::OnTime | DayState::Late);
        marked(day_mark(*state), new)
    };
    let owed = |of: fn(&Standing) -> Owed| {
        let new = of(standing) == Owed::In && before.is_some_and(|before| of(before) != Owed::In);
        marked(owed_mark(of(standing)), new)
    };
    Row {
        unit: &standing.unit,
        days: standing.days.iter().map(day).collect(),
        reports: standing.reports,
        quota: standing.quota,
        more: before.is_some_and(|before| before.reports < standing.reports),
        behind: standing.under_pace(),
        plan: owed(|s| s.plan),
        summary: owed(|s| s.summary),
        statistics: owed(|s| s.statistics),
    }
}

fn marked(mark: &str, new: bool) -> String {
    format!("{mark}{}", if new { "+" } else { "" })
}

fn day_mark(state: DayState) -> &'static str {
    match state {
        DayState::OnTime => "✓",
        DayState::Late => "迟",
        DayState::Missing => "缺",
        DayState::NotDue => "－",
    }
}

fn owed_mark(owed: Owed) -> &'static str {
    match owed {
        Owed::In => "✓",
        Owed::Missing => "缺",
        Owed::NotDue => "－",
    }
}
