//! `baosong standing`.

use super::Common;
use crate::campaign::Campaign;
use crate::roster::UnitKind;
use crate::standing::{DayState, Owed, Standing};
use anyhow::Result;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

#[derive(Debug, Args)]
pub struct StandingArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// The public shape of `standing --json`.
#[derive(Serialize)]
struct Report<'a> {
    at: String,
    units: &'a [Standing],
}

impl StandingArgs {
    pub fn run(self, common: &Common) -> Result<()> {
        let (daemon, now) = (common.look()?, common.now());
        let standings = daemon.standings(now)?;
        if self.json {
            println!(
                "{}",
                serde_json::to_string(&Report {
                    at: now.to_rfc3339(),
                    units: &standings
                })?
            );
        } else {
            println!("{}", table(&standings, daemon.campaign()));
        }
        Ok(())
    }
}

/// One line a unit, for a terminal.
pub fn table(standings: &[Standing], campaign: &Campaign) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let days = campaign.days().map(|day| day.format("%-m.%-d").to_string());
    let head = ["单位", "类别", "份数"]
        .map(String::from)
        .into_iter()
        .chain(days);
    table.set_header(head.chain(["方案", "总结", "统计表", ""].map(String::from)));
    for standing in standings {
        table.add_row(row(standing));
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(standing: &Standing) -> Vec<String> {
    let kind = match standing.kind {
        UnitKind::City => "市",
        UnitKind::College => "高职",
    };
    let mut row = vec![
        standing.unit.clone(),
        kind.into(),
        format!("{}/{}", standing.reports, standing.quota),
    ];
    row.extend(standing.days.values().map(|day| day_word(*day).to_owned()));
    row.extend(
        [standing.plan, standing.summary, standing.statistics]
            .map(|owed| owed_word(owed).to_owned()),
    );
    row.push(if standing.behind { "落后" } else { "" }.into());
    row
}

fn day_word(day: DayState) -> &'static str {
    match day {
        DayState::OnTime => "按时",
        DayState::Late => "迟报",
        DayState::Missing => "缺",
        DayState::NotDue => "-",
    }
}

fn owed_word(owed: Owed) -> &'static str {
    match owed {
        Owed::In => "已报",
        Owed::Missing => "缺",
        Owed::NotDue => "-",
    }
}
