//! The part of the last digest that closes the campaign.

use super::ClosingFacts;
use super::digest::names;
use crate::roster::UnitKind;
use crate::standing::Doubt;
use serde::Serialize;

/// Rows that each list shows; the workbook has all.
const MOST: usize = 40;

#[derive(Serialize)]
pub struct Closed {
    /// Name and value of each total.
    totals: Vec<(&'static str, String)>,
    short: String,
    best: Vec<(&'static str, String)>,
    /// Unit and what its summary lacks.
    lacking: Vec<(String, String)>,
    lacking_total: usize,
    doubts: Vec<DoubtLine>,
    doubts_total: usize,
}

#[derive(Serialize)]
struct DoubtLine {
    unit: String,
    column: String,
    cell: String,
    why: String,
}

impl Closed {
    pub fn of(facts: &ClosingFacts) -> Self {
        let best = facts.totals.best.iter().map(|(kind, units)| {
            let units: Vec<String> = units
                .iter()
                .map(|best| {
                    format!(
                        "{}（{}份，按时{}份）",
                        best.unit, best.reports, best.on_time
                    )
                })
                .collect();
            (kind_in_words(*kind), units.join("、"))
        });
        let lacking = facts
            .lacking
            .iter()
            .map(|(unit, what)| (unit.clone(), what.join("、")));
        Self {
            totals: totals(facts),
            short: names(&facts.totals.short),
            best: best.collect(),
            lacking: lacking.take(MOST).collect(),
            lacking_total: facts.lacking.len(),
            doubts: facts.doubts.iter().take(MOST).map(line).collect(),
            doubts_total: facts.doubts.len(),
        }
    }
}

fn totals(facts: &ClosingFacts) -> Vec<(&'static str, String)> {
    let all = &facts.totals;
    let of = |part: usize| format!("{part}家，未报{}家", all.units - part);
    let rate = match all.dailies {
        0 => "无每日活动情况".to_owned(),
        dailies => format!(
            "{}%（{dailies}份中按时{}份）",
            all.on_time * 100 / dailies,
            all.on_time
        ),
    };
    vec![
        (
            "完成报送份数",
            format!(
                "{}家中{}家完成，未完成{}家",
                all.units,
                all.met,
                all.units - all.met
            ),
        ),
        ("实施方案", of(all.plans)),
        ("总结", of(all.summaries)),
        ("情况统计表", of(all.statistics)),
        ("计入份数", format!("{}份", all.reports)),
        (
            "照片、视频",
            format!("{}张、{}个", facts.photos, facts.videos),
        ),
        ("按时率", rate),
    ]
}

fn kind_in_words(kind: UnitKind) -> &'static str {
    match kind {
        UnitKind::City => "各市",
        UnitKind::College => "高职院校",
    }
}

fn line(doubt: &Doubt) -> DoubtLine {
    DoubtLine {
        unit: doubt.unit.clone(),
        column: doubt.column.clone(),
        cell: doubt.cell.clone(),
        why: doubt.why.clone(),
    }
}
