//! Gathering what a digest tells from the store.

use super::Daemon;
use crate::attribution::{Flag, FlagKind, Outcome};
use crate::campaign::{CST, Moment, in_china};
use crate::message::LinkKind;
use crate::outgoing::{
    AsideLine, ChangeLine, DigestFacts, LedgerLine, Letter, LetterLine, LinkLine, MediaCounts,
    ReportLine, ReviewLine, Templates, digest,
};
use crate::standing::{Chain, Standing};
use crate::store::{Fact, FileRow, LetterState, MailRow, SubmissionRow};
use anyhow::Result;
use chrono::NaiveDate;
use std::collections::HashMap;
use tracing::warn;

/// Everything that a digest tells, owned, so that the letter can borrow it.
struct Gathered {
    standings: Vec<Standing>,
    reports: Vec<ReportLine>,
    review: Vec<ReviewLine>,
    unreadable: Vec<ReviewLine>,
    set_aside: Vec<AsideLine>,
    letters: Vec<LetterLine>,
    telephone: Vec<String>,
    held: Vec<String>,
    links: Vec<LinkLine>,
    changes: Vec<ChangeLine>,
    ledger: Vec<LedgerLine>,
    trouble: Vec<String>,
}

impl Daemon {
    /// The digest of the day of `now`, to one member of staff.
    pub fn digest(&self, to: &str, now: Moment) -> Result<Letter> {
        let all = self.gather(now)?;
        let mut facts = DigestFacts {
            campaign: &self.campaign,
            now,
            standings: &all.standings,
            reports: all.reports,
            review: all.review,
            unreadable: all.unreadable,
            set_aside: all.set_aside,
            letters: all.letters,
            telephone: all.telephone.iter().map(String::as_str).collect(),
            held: all.held.iter().map(String::as_str).collect(),
            links: all.links,
            changes: all.changes,
            ledger: all.ledger,
            trouble: all.trouble,
            last_poll: self.store.polled_at()?,
        };
        digest(&self.templates, &facts, to).or_else(|error| {
            // An operator's template must not keep the digest from staff.
            warn!("{error:#}");
            facts
                .trouble
                .push(format!("自定义模板有误，已改用内置模板：{error:#}"));
            digest(&Templates::default(), &facts, to)
        })
    }

    fn gather(&self, now: Moment) -> Result<Gathered> {
        let since = self.since(now)?;
        let mails: Vec<MailRow> = self
            .store
            .mails(None)?
            .into_iter()
            .filter(|mail| mail.received_at <= now)
            .collect();
        let reminders = self.reminders(now)?;
        let names = |due: &[super::Due]| due.iter().map(|due| due.unit.name.clone()).collect();
        Ok(Gathered {
            standings: self.standings(now)?,
            reports: self.report_lines(since, now)?,
            review: self.review_lines(&mails, Outcome::Review)?,
            unreadable: self.review_lines(&mails, Outcome::Unreadable)?,
            set_aside: aside_lines(&mails, since),
            letters: self.letter_lines(since, now)?,
            telephone: names(&reminders.telephone),
            held: names(&reminders.held),
            links: self.link_lines(now)?,
            changes: self.change_lines(since, now)?,
            ledger: self.ledger_lines()?,
            trouble: self
                .store
                .troubles()?
                .into_iter()
                .map(|t| trouble_line(&t.folder, &t.what))
                .collect(),
        })
    }

    /// The moment of the digest before; before the first, the beginning of time.
    fn since(&self, now: Moment) -> Result<Moment> {
        let today = now.with_timezone(&CST).date_naive();
        let before = self
            .store
            .last_digest(today)?
            .unwrap_or(NaiveDate::from_ymd_opt(1970, 1, 2).unwrap_or_default());
        Ok(in_china(before.and_time(self.campaign.letters.digest_at)))
    }

    fn report_lines(&self, since: Moment, now: Moment) -> Result<Vec<ReportLine>> {
        let facts = self.store.facts()?;
        let on_time = on_time(&facts, &self.campaign);
        let rows = self.store.submissions_between(since, now)?;
        let mut of_mail: HashMap<i64, usize> = HashMap::new();
        rows.iter()
            .for_each(|row| *of_mail.entry(row.fact.mail).or_default() += 1);
        rows.into_iter()
            .map(|row| {
                let files = self.store.files_of_submission(row.fact.id)?;
                Ok(report_line(
                    &row,
                    &files,
                    of_mail[&row.fact.mail] == 1,
                    self.notes(&row)?,
                    on_time.get(&row.fact.id).copied().flatten(),
                ))
            })
            .collect()
    }

    /// What is odd about a submission, in words.
    fn notes(&self, row: &SubmissionRow) -> Result<Vec<String>> {
        let note = |flag: &Flag| {
            let place = self.store.place_of(flag.submission)?;
            let mail = place
                .map(|(mail, _)| format!("（邮件{mail}）"))
                .unwrap_or_default();
            Ok(match flag.what {
                FlagKind::TextOfOther => format!("文字与{}的“{}”{mail}相近", flag.unit, flag.seen),
                FlagKind::PhotoSeen => {
                    format!("“{}”已见于{}的另一份报送{mail}", flag.seen, flag.unit)
                }
            })
        };
        row.flags.iter().map(note).collect()
    }

    fn review_lines(&self, mails: &[MailRow], outcome: Outcome) -> Result<Vec<ReviewLine>> {
        let open = mails.iter().filter(|mail| mail.outcome == Some(outcome));
        open.map(|mail| {
            let files = mail
                .id
                .map_or(Ok(Vec::new()), |id| self.store.files_of_mail(id))?;
            Ok(ReviewLine {
                number: mail.id,
                subject: mail.subject.clone(),
                from: mail.from.clone(),
                arrived: mail.received_at,
                reason: mail.reason.clone(),
                candidates: mail.candidates.clone(),
                files: files.into_iter().map(|file| file.name).collect(),
            })
        })
        .collect()
    }

    fn letter_lines(&self, since: Moment, now: Moment) -> Result<Vec<LetterLine>> {
        let letters = self.store.letters_between(since, now)?.into_iter();
        let failed = [
            LetterState::Refused,
            LetterState::GivenUp,
            LetterState::Bounced,
        ];
        let told =
            letters.filter(|letter| letter.rule == "reminder" || failed.contains(&letter.state));
        let line = |letter: crate::store::LetterRow| LetterLine {
            unit: match letter.rule.as_str() {
                "digest" => format!("日报（{}）", letter.about),
                "receipt" => format!("回执（邮件{}）", letter.about),
                _ => letter.about,
            },
            sent: letter.state == LetterState::Sent,
            answer: letter.answer,
            at: letter.changed_at,
        };
        Ok(told.map(line).collect())
    }

    fn link_lines(&self, now: Moment) -> Result<Vec<LinkLine>> {
        let rows = self.store.submissions_between(moment_zero(), now)?;
        let mut lines: Vec<LinkLine> = rows
            .into_iter()
            .flat_map(|row| {
                row.links
                    .into_iter()
                    .map(move |link| (row.fact.unit.clone(), link))
            })
            .filter(|(_, link)| link.kind == LinkKind::Files)
            .map(|(unit, link)| LinkLine {
                unit,
                provider: link.provider,
                url: link.url,
                expires_at: link.expires_at,
            })
            .collect();
        lines.sort_by_key(|line| (line.expires_at.is_none(), line.expires_at));
        Ok(lines)
    }

    /// Corrections that were made or taken back after `since`.
    fn change_lines(&self, since: Moment, now: Moment) -> Result<Vec<ChangeLine>> {
        let rows = self.store.corrections()?.into_iter();
        let new = rows.filter(|row| {
            let last = row.revoked.as_ref().map_or(row.at, |(_, at)| *at);
            last > since && row.at <= now
        });
        let line = |row: crate::store::CorrectionRow| {
            let place = row
                .ordinal
                .map(|n| format!(".{}", n + 1))
                .unwrap_or_default();
            ChangeLine {
                number: row.id,
                target: row
                    .mail
                    .map(|mail| format!("{mail}{place}"))
                    .unwrap_or_default(),
                subject: row.subject,
                change: row.change.chinese(),
                by: row.by,
                at: row.at,
                revoked: row.revoked.is_some(),
            }
        };
        Ok(new.map(line).collect())
    }

    fn ledger_lines(&self) -> Result<Vec<LedgerLine>> {
        let line = |l: crate::store::Ledger| LedgerLine {
            unexplained: l.unexplained(),
            folder: l.folder,
            server: l.server.into(),
            reports: l.reports.into(),
            not_report: l.not_report.into(),
            review: l.review.into(),
            unreadable: l.unreadable.into(),
        };
        Ok(self.store.ledger()?.into_iter().map(line).collect())
    }
}

/// Whether each submission was on time; a repeat shares the answer of the report it repeats.
pub fn on_time(facts: &[Fact], campaign: &crate::campaign::Campaign) -> HashMap<i64, Option<bool>> {
    let chains = Chain::all(facts);
    let answers = chains.iter().flat_map(|chain| {
        let on_time = chain.on_time(campaign);
        chain.versions().iter().map(move |fact| (fact.id, on_time))
    });
    answers.collect()
}

fn report_line(
    row: &SubmissionRow,
    files: &[FileRow],
    alone: bool,
    notes: Vec<String>,
    on_time: Option<bool>,
) -> ReportLine {
    let place = if alone {
        String::new()
    } else {
        format!(".{}", row.ordinal + 1)
    };
    ReportLine {
        number: format!("{}{place}", row.fact.mail),
        notes,
        unit: row.fact.unit.clone(),
        kind: row.fact.kind,
        days: row.fact.days.clone(),
        day_inferred: row.day_inferred,
        arrived: row.fact.arrived,
        on_time,
        repeats: row.fact.repeats.is_some(),
        title: row.title.clone(),
        lines: first_lines(row),
        files: files.iter().map(|file| file.name.clone()).collect(),
        media: files.iter().map(|file| file.media).collect::<MediaCounts>(),
        links: row.links.clone(),
    }
}

/// Up to three lines of the text below its title.
fn first_lines(row: &SubmissionRow) -> Vec<String> {
    let lines = row
        .text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && *line != row.title);
    lines
        .take(3)
        .map(|line| line.chars().take(100).collect())
        .collect()
}

fn aside_lines(mails: &[MailRow], since: Moment) -> Vec<AsideLine> {
    let aside = mails
        .iter()
        .filter(|mail| mail.outcome == Some(Outcome::NotReport) && mail.received_at > since);
    aside
        .map(|mail| AsideLine {
            subject: mail.subject.clone(),
            from: mail.from.clone(),
            reason: mail.reason.clone(),
        })
        .collect()
}

fn trouble_line(folder: &str, what: &str) -> String {
    match folder {
        "" => format!("收信：{what}"),
        "smtp" => what.to_owned(),
        folder => format!("文件夹 {folder}：{what}"),
    }
}

fn moment_zero() -> Moment {
    chrono::DateTime::UNIX_EPOCH.with_timezone(&CST)
}
