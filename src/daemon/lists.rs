//! The lists of a digest: what needs a person, letters, links, corrections, the ledger.

use super::Daemon;
use super::storage::STORAGE;
use crate::attribution::Outcome;
use crate::campaign::{CST, Moment};
use crate::config::mailbox_and_folder;
use crate::message::{Link, LinkKind};
use crate::outgoing::{AsideLine, ChangeLine, LedgerLine, LetterLine, LinkLine, ReviewLine};
use crate::store::{LetterRow, LetterState, MailRow};
use anyhow::Result;

impl Daemon {
    pub(super) fn review_lines(
        &self,
        mails: &[MailRow],
        outcome: Outcome,
    ) -> Result<Vec<ReviewLine>> {
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

    pub(super) fn letter_lines(&self, since: Moment, now: Moment) -> Result<Vec<LetterLine>> {
        let letters = self.store.letters_between(since, now)?.into_iter();
        let failed = [
            LetterState::Refused,
            LetterState::GivenUp,
            LetterState::Bounced,
        ];
        let told =
            letters.filter(|letter| letter.rule == "reminder" || failed.contains(&letter.state));
        let line = |letter: LetterRow| LetterLine {
            unit: match letter.rule.as_str() {
                "digest" => format!("日报（{}）", letter.about),
                "receipt" => format!("回执（邮件{}）", letter.about),
                "answer" => format!("回复确认（邮件{}）", letter.about),
                _ => letter.about,
            },
            sent: letter.state == LetterState::Sent,
            answer: letter.answer,
            at: letter.changed_at,
        };
        Ok(told.map(line).collect())
    }

    /// Links to files that nobody has saved yet, with the unit that sent each.
    pub(super) fn open_links(&self, now: Moment) -> Result<Vec<(String, Link)>> {
        let opened = self.store.mails_with_opened_links()?;
        let linked = self.store.linked(now)?.into_iter();
        let open = linked.filter(|(mail, ..)| !opened.contains(mail));
        Ok(open
            .flat_map(|(_, unit, links)| links.into_iter().map(move |link| (unit.clone(), link)))
            .filter(|(_, link)| link.kind == LinkKind::Files)
            .collect())
    }

    pub(super) fn link_lines(&self, now: Moment) -> Result<Vec<LinkLine>> {
        let open = self.open_links(now)?.into_iter();
        let mut lines: Vec<LinkLine> = open
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
    pub(super) fn change_lines(&self, since: Moment, now: Moment) -> Result<Vec<ChangeLine>> {
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
                number: Some(row.id),
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
        let mut lines: Vec<ChangeLine> = new.map(line).collect();
        let decisions = self.store.decisions()?.into_iter();
        let decisions = decisions.filter(|decision| decision.at > since && decision.at <= now);
        lines.extend(decisions.map(|decision| ChangeLine {
            number: None,
            target: String::new(),
            subject: String::new(),
            change: decision.what,
            by: decision.by,
            at: decision.at,
            revoked: false,
        }));
        lines.sort_by_key(|line| line.at);
        Ok(lines)
    }

    pub(super) fn ledger_lines(&self) -> Result<Vec<LedgerLine>> {
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

pub(super) fn aside_lines(mails: &[MailRow], since: Moment) -> Vec<AsideLine> {
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

pub(super) fn trouble_line(folder: &str, what: &str) -> String {
    match mailbox_and_folder(folder) {
        ("", "") => format!("收信：{what}"),
        ("", "smtp") => what.to_owned(),
        ("", STORAGE) => format!("远程存储：{what}"),
        ("", folder) => format!("文件夹 {folder}：{what}"),
        (mailbox, "") => format!("邮箱“{mailbox}”收信：{what}"),
        (mailbox, folder) => format!("邮箱“{mailbox}”文件夹 {folder}：{what}"),
    }
}

pub(super) fn moment_zero() -> Moment {
    chrono::DateTime::UNIX_EPOCH.with_timezone(&CST)
}
