//! `baosong mails --jsonl`: a public interface, one object a line, in order of arrival.

use super::Common;
use crate::attribution::{Evidence, Flag, Kind, Outcome};
use crate::campaign::Moment;
use crate::daemon::Daemon;
use crate::message::{Link, Media};
use crate::standing::Marks;
use crate::store::{FileRow, MailRow, SubmissionRow};
use anyhow::Result;
use chrono::NaiveDate;
use clap::Args;
use serde::Serialize;
use std::io::{BufWriter, Write};

#[derive(Debug, Args)]
pub struct Mails {
    /// As JSON, one object a line
    #[arg(long)]
    jsonl: bool,
}

#[derive(Serialize)]
struct MailLine<'a> {
    id: Option<i64>,
    message_id: Option<&'a str>,
    source: &'a str,
    received_at: String,
    from: &'a str,
    subject: &'a str,
    outcome: Option<Outcome>,
    reason: &'a str,
    incomplete: &'a [String],
    candidates: &'a [String],
    submissions: Vec<SubmissionLine>,
}

#[derive(Serialize)]
struct SubmissionLine {
    id: i64,
    number: String,
    kind: Kind,
    unit: String,
    days: Vec<NaiveDate>,
    day_inferred: bool,
    counts: bool,
    on_time: Option<bool>,
    repeats: Option<String>,
    title: String,
    text: String,
    files: Vec<FileLine>,
    links: Vec<LinkLine>,
    evidence: Vec<Evidence>,
    flags: Vec<Flag>,
}

#[derive(Serialize)]
struct FileLine {
    name: String,
    media: Media,
    sha256: String,
    bytes: u64,
    taken_at: Option<String>,
}

#[derive(Serialize)]
struct LinkLine {
    url: String,
    provider: String,
    name: Option<String>,
    bytes: Option<u64>,
    code: Option<String>,
    expires_at: Option<String>,
}

impl Mails {
    pub fn run(self, common: &Common) -> Result<()> {
        let daemon = common.look()?;
        let marks = Marks::of(&daemon.facts()?, daemon.campaign());
        let mut out = BufWriter::new(std::io::stdout().lock());
        for mail in daemon.store.mails(None)? {
            let rows = mail
                .id
                .map_or(Ok(Vec::new()), |id| daemon.store.submissions_of(id))?;
            if self.jsonl {
                serde_json::to_writer(&mut out, &line(&daemon, &mail, rows, &marks)?)?;
                writeln!(out)?;
            } else {
                writeln!(out, "{}", summary(&mail, &rows))?;
            }
        }
        Ok(out.flush()?)
    }
}

fn line<'a>(
    daemon: &Daemon,
    mail: &'a MailRow,
    rows: Vec<SubmissionRow>,
    marks: &Marks,
) -> Result<MailLine<'a>> {
    let submissions = rows.into_iter().map(|row| {
        let files = daemon.store.files_of_submission(row.fact.id)?;
        Ok(submission_line(row, files, marks))
    });
    Ok(MailLine {
        id: mail.id,
        message_id: mail.message_id.as_deref(),
        source: &mail.source,
        received_at: mail.received_at.to_rfc3339(),
        from: &mail.from,
        subject: &mail.subject,
        outcome: mail.outcome,
        reason: &mail.reason,
        incomplete: &mail.incomplete,
        candidates: &mail.candidates,
        submissions: submissions.collect::<Result<_>>()?,
    })
}

fn submission_line(row: SubmissionRow, files: Vec<FileRow>, marks: &Marks) -> SubmissionLine {
    SubmissionLine {
        id: row.fact.id,
        number: format!("{}.{}", row.fact.mail, row.ordinal + 1),
        kind: row.fact.kind,
        unit: row.fact.unit,
        days: row.fact.days,
        day_inferred: row.day_inferred,
        counts: marks.counted.contains(&row.fact.id),
        on_time: marks.on_time.get(&row.fact.id).copied().flatten(),
        repeats: row
            .fact
            .repeats
            .map(|_| row.repeats_message.unwrap_or_default()),
        title: row.title,
        text: row.text,
        files: files.into_iter().map(file_line).collect(),
        links: row.links.into_iter().map(link_line).collect(),
        evidence: row.evidence,
        flags: row.flags,
    }
}

fn file_line(file: FileRow) -> FileLine {
    FileLine {
        name: file.name,
        media: file.media,
        sha256: file.sha256,
        bytes: file.bytes,
        taken_at: file.taken_at.map(|at: Moment| at.to_rfc3339()),
    }
}

fn link_line(link: Link) -> LinkLine {
    LinkLine {
        url: link.url,
        provider: link.provider,
        name: link.name,
        bytes: link.bytes,
        code: link.code,
        expires_at: link.expires_at.map(|at| at.to_rfc3339()),
    }
}

/// For a person: number, when, outcome, unit and days, subject.
pub fn summary(mail: &MailRow, rows: &[SubmissionRow]) -> String {
    let submissions: Vec<String> = rows
        .iter()
        .map(|row| {
            let days: Vec<String> = row
                .fact
                .days
                .iter()
                .map(|day| day.format("%-m.%-d").to_string())
                .collect();
            format!(
                "{} {} {}",
                row.fact.unit,
                row.fact.kind.chinese(),
                days.join("、")
            )
        })
        .collect();
    let outcome = match mail.outcome {
        Some(Outcome::Reports) => submissions.join("；"),
        Some(Outcome::NotReport) => format!("非报送：{}", mail.reason),
        Some(Outcome::Review) => format!("待核：{}", mail.reason),
        Some(Outcome::Unreadable) => format!("无法读取：{}", mail.reason),
        None => "未判定".into(),
    };
    format!(
        "{}  {}  {}  [{outcome}]",
        mail.id.map_or("-".into(), |id| id.to_string()),
        mail.received_at.format("%m-%d %H:%M"),
        mail.subject
    )
}
