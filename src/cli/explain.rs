//! `baosong explain`: the evidence table of one mail, for a person.

use super::{Common, corrections, mails::summary};
use crate::attribution::{About, Evidence, FlagKind, Weighed, chinese};
use crate::daemon::Daemon;
use crate::store::{MailRow, SubmissionRow};
use anyhow::{Context, Result};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

#[derive(Debug, Args)]
pub struct Explain {
    /// 12 for a mail, or its Message-ID
    id: String,
}

impl Explain {
    pub fn run(self, common: &Common) -> Result<()> {
        let daemon = common.look()?;
        let target = daemon.target(&self.id)?;
        let mail = daemon
            .store
            .mail(target.mail)?
            .context("there is no such mail")?;
        let submissions = daemon.store.submissions_of(target.mail)?;
        println!("{}\n{}", summary(&mail, &submissions), mail.from);
        for what in &mail.incomplete {
            println!("未能读取：{what}");
        }
        for row in &submissions {
            println!("\n{}", submission(&mail, row));
        }
        if submissions.is_empty() && !mail.weighed.is_empty() {
            println!("\n{}", candidates(&mail.weighed));
        }
        corrections_of(&daemon, target.mail)
    }
}

fn submission(mail: &MailRow, row: &SubmissionRow) -> String {
    let days: Vec<String> = row
        .fact
        .days
        .iter()
        .map(|day| day.format("%-m.%-d").to_string())
        .collect();
    let inferred = if row.day_inferred { "（推定）" } else { "" };
    let mut out = format!(
        "{}.{}  {}  {}  {}{inferred}\n{}",
        row.fact.mail,
        row.ordinal + 1,
        row.fact.unit,
        row.fact.kind.chinese(),
        days.join("、"),
        table(row.evidence.iter().map(cells))
    );
    let rivals: Vec<Weighed> = mail
        .weighed
        .iter()
        .filter(|w| w.ordinal == row.ordinal && w.unit != row.fact.unit)
        .cloned()
        .collect();
    if !rivals.is_empty() {
        out.push_str(&format!("\n其他可能\n{}", candidates(&rivals)));
    }
    if let Some(earlier) = row.fact.repeats {
        out.push_str(&format!("\n是 s{earlier} 的后一版本"));
    }
    for flag in &row.flags {
        out.push_str(&match flag.what {
            FlagKind::TextOfOther => format!(
                "\n注意：文字与{}的“{}”（s{}）相近",
                flag.unit, flag.seen, flag.submission
            ),
            FlagKind::PhotoSeen => format!(
                "\n注意：“{}”已见于{}的另一份报送（s{}）",
                flag.seen, flag.unit, flag.submission
            ),
        });
    }
    out
}

fn candidates(weighed: &[Weighed]) -> Table {
    table(weighed.iter().flat_map(|candidate| {
        let head = vec![
            candidate.unit.clone(),
            String::new(),
            String::new(),
            String::new(),
            candidate.weight.to_string(),
        ];
        std::iter::once(head).chain(candidate.evidence.iter().map(cells))
    }))
}

fn cells(evidence: &Evidence) -> Vec<String> {
    let about = match evidence.about {
        About::Unit => "单位",
        About::Day => "日期",
        About::Kind => "类别",
    };
    let weight = if evidence.weight > 0 {
        evidence.weight.to_string()
    } else {
        String::new()
    };
    vec![
        about.into(),
        chinese(&evidence.rule).into(),
        chinese(&evidence.place).into(),
        evidence.seen.clone(),
        weight,
    ]
}

fn table(rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["项目", "依据", "位置", "所见", "分量"]);
    table.add_rows(rows);
    if let Some(column) = table.column_mut(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn corrections_of(daemon: &Daemon, mail: i64) -> Result<()> {
    for row in daemon
        .store
        .corrections()?
        .iter()
        .filter(|row| row.mail == Some(mail))
    {
        println!("\n更正 {}", corrections::line(row));
    }
    Ok(())
}
