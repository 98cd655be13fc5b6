//! The table of units by days.

use crate::campaign::Campaign;
use crate::roster::UnitKind;
use crate::standing::{DayState, Owed, Standing};
use chrono::Datelike;
use serde::Serialize;

/// Units of one kind.
#[derive(Debug, Serialize)]
pub struct Group<'a> {
    name: &'static str,
    rows: Vec<Row<'a>>,
}

/// One unit; every mark is a sign that reads without colour.
#[derive(Debug, Serialize)]
struct Row<'a> {
    unit: &'a str,
    days: Vec<&'static str>,
    reports: u32,
    quota: u32,
    behind: bool,
    plan: &'static str,
    summary: &'static str,
    statistics: &'static str,
}

/// Days of the month, as column heads.
pub fn heads(campaign: &Campaign) -> Vec<u32> {
    campaign.days().map(|day| day.day()).collect()
}

/// Cities, then colleges; a kind without units is left out.
pub fn groups(standings: &[Standing]) -> Vec<Group<'_>> {
    [(UnitKind::City, "各市"), (UnitKind::College, "高职院校")]
        .into_iter()
        .map(|(kind, name)| Group {
            name,
            rows: rows(standings, kind),
        })
        .filter(|group| !group.rows.is_empty())
        .collect()
}

fn rows(standings: &[Standing], kind: UnitKind) -> Vec<Row<'_>> {
    standings
        .iter()
        .filter(|standing| standing.kind == kind)
        .map(row)
        .collect()
}

fn row(standing: &Standing) -> Row<'_> {
    Row {
        unit: &standing.unit,
        days: standing
            .days
            .values()
            .map(|state| day_mark(*state))
            .collect(),
        reports: standing.reports,
        quota: standing.quota,
        behind: standing.under_pace(),
        plan: owed_mark(standing.plan),
        summary: owed_mark(standing.summary),
        statistics: owed_mark(standing.statistics),
    }
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
