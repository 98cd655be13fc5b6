//! The digest: what it tells, gathered from the store, and the workbook beside it.

use super::Daemon;
use super::lists::{aside_lines, moment_zero, trouble_line};
use crate::attribution::{Kind, Outcome};
use crate::campaign::{CST, Moment, in_china};
use crate::outgoing::{
    AsideLine, Attached, Book, ChangeLine, ClosingFacts, DigestFacts, LedgerLine, Letter,
    LetterLine, LinkLine, ReportLine, ReviewLine, Templates, TwiceLine, digest, owing_in_words,
    workbook,
};
use crate::standing::{Marks, Standing, Statistics, standings};
use crate::store::{Entry, LetterRow, MailRow};
use anyhow::Result;
use chrono::NaiveDate;
use tracing::warn;

/// Everything that a digest tells, owned, so that the letter can borrow it.
struct Gathered {
    entries: Vec<Entry>,
    marks: Marks,
    mails: Vec<MailRow>,
    standings: Vec<Standing>,
    before: Vec<Standing>,
    news: Vec<(Kind, bool)>,
    reports: Vec<ReportLine>,
    twice: Vec<TwiceLine>,
    review: Vec<ReviewLine>,
    unreadable: Vec<ReviewLine>,
    set_aside: Vec<AsideLine>,
    letters: Vec<LetterLine>,
    telephone: Vec<String>,
    held: Vec<String>,
    links: Vec<LinkLine>,
    changes: Vec<ChangeLine>,
    closing: Option<ClosingFacts>,
    statistics: Statistics,
    ledger: Vec<LedgerLine>,
    trouble: Vec<String>,
}

impl Daemon {
    /// The digest of the day of `now`, to one member of staff, with its workbook.
    pub fn digest(&self, to: &str, now: Moment) -> Result<Letter> {
        let all = self.gather(now)?;
        let book = Attached {
            name: format!(
                "baosong-{}.xlsx",
                now.with_timezone(&CST).format("%Y-%m-%d")
            ),
            media_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            inline: false,
            bytes: self.book(&all, now)?,
        };
        let mut facts = DigestFacts {
            campaign: &self.campaign,
            now,
            standings: &all.standings,
            before: &all.before,
            news: all.news,
            reports: all.reports,
            twice: all.twice,
            review: all.review,
            unreadable: all.unreadable,
            set_aside: all.set_aside,
            letters: all.letters,
            telephone: all.telephone,
            held: all.held,
            links: all.links,
            changes: all.changes,
            closing: all.closing,
            ledger: all.ledger,
            trouble: all.trouble,
            last_poll: self.store.polled_at()?,
        };
        let mut letter = digest(&self.templates, &facts, to).or_else(|error| {
            // An operator's template must not keep the digest from staff.
            warn!(
                error = format!("{error:#}"),
                "template refused, the built-in one is used"
            );
            facts
                .trouble
                .push(format!("自定义模板有误，已改用内置模板：{error:#}"));
            digest(&Templates::default(), &facts, to)
        })?;
        letter.files.push(book);
        Ok(letter)
    }

    fn gather(&self, now: Moment) -> Result<Gathered> {
        let since = self.since(now)?;
        let after = since.unwrap_or_else(moment_zero);
        let (facts, entries) = (self.facts()?, self.store.entries(now)?);
        let marks = Marks::of(&facts, &self.campaign);
        let mails = self.store.mails_not_taken(now)?;
        let names = |due: &[super::Due]| {
            let line =
                |due: &super::Due| format!("{}（{}）", due.unit.name, owing_in_words(&due.owing));
            due.iter().map(line).collect()
        };
        let at = |moment| standings(&self.roster, &self.campaign, &facts, moment);
        let now_stand = at(now);
        let reminders = self.reminders_among(&now_stand, now)?;
        let statistics = self.statistics(&now_stand, now)?;
        let new = entries.iter().filter(|entry| entry.arrived > after);
        let late = |entry: &Entry| marks.on_time.get(&entry.id).copied().flatten() == Some(false);
        Ok(Gathered {
            before: since.map_or(Vec::new(), at),
            news: new.map(|entry| (entry.kind, late(entry))).collect(),
            reports: self.report_lines(&marks.on_time, after, now)?,
            twice: self.twice_lines(after, now)?,
            review: self.review_lines(&mails, Outcome::Review)?,
            unreadable: self.review_lines(&mails, Outcome::Unreadable)?,
            set_aside: aside_lines(&mails, after),
            letters: self.letter_lines(after, now)?,
            telephone: names(&reminders.telephone),
            held: names(&reminders.held),
            links: self.link_lines(now)?,
            changes: self.change_lines(after, now)?,
            closing: self.closing(&now_stand, &facts, &statistics, now)?,
            ledger: self.ledger_lines()?,
            trouble: self
                .store
                .troubles()?
                .into_iter()
                .map(|t| trouble_line(&t.folder, &t.what))
                .collect(),
            standings: now_stand,
            statistics,
            marks,
            mails,
            entries,
        })
    }

    /// The workbook of everything up to `now`.
    fn book(&self, all: &Gathered, now: Moment) -> Result<Vec<u8>> {
        let letters: Vec<LetterRow> = self.store.letters_between(moment_zero(), now)?;
        workbook(&Book {
            campaign: &self.campaign,
            now,
            standings: &all.standings,
            entries: &all.entries,
            on_time: &all.marks.on_time,
            counted: &all.marks.counted,
            starred: &self.store.starred()?,
            review: all.review.iter().chain(&all.unreadable).collect(),
            letters: &letters,
            statistics: &all.statistics,
            links: &all.links,
            set_aside: &aside_lines(&all.mails, moment_zero()),
            changes: &self.change_lines(moment_zero(), now)?,
        })
    }

    /// The moment of the digest before; `None` before the first.
    fn since(&self, now: Moment) -> Result<Option<Moment>> {
        let today = now.with_timezone(&CST).date_naive();
        let before: Option<NaiveDate> = self.store.last_digest(today)?;
        Ok(before.map(|day| in_china(day.and_time(self.campaign.letters.digest_at))))
    }
}
