//! The digest: what it tells, gathered from the store, and the workbook beside it.

use super::Daemon;
use crate::attribution::{Flag, FlagKind, Kind, Outcome};
use crate::campaign::{CST, Moment, in_china};
use crate::message::{Content, LinkKind, Media};
use crate::outgoing::{
    AsideLine, Attached, Book, ChangeLine, ClosingFacts, DigestFacts, LedgerLine, Letter,
    LetterLine, LinkLine, MOST_REPORTS, MediaCounts, Picture, ReportLine, ReviewLine, Templates,
    TwiceLine, digest, owing_in_words, workbook,
};
use crate::standing::{
    Chain, Standing, Statistics, Table, breaks, closing, lacks, lay_together, standings,
};
use crate::store::{Entry, Fact, FileRow, LetterRow, LetterState, MailRow, SubmissionRow};
use anyhow::Result;
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tracing::warn;

/// Of all small pictures in one digest: larger mails are slow on a telephone.
const PICTURE_BYTES: usize = 900_000;
/// Pictures of one report.
const PICTURES: usize = 3;
/// As shown, pixels.
const PICTURE_WIDTH: u32 = 120;

/// Everything that a digest tells, owned, so that the letter can borrow it.
struct Gathered {
    entries: Vec<Entry>,
    on_time: HashMap<i64, Option<bool>>,
    counted: BTreeSet<i64>,
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
            warn!("{error:#}");
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
        let (facts, entries) = (self.store.facts()?, self.store.entries(now)?);
        let on_time = on_time(&facts, &self.campaign);
        let mails = self.store.mails_not_taken(now)?;
        let reminders = self.reminders(now)?;
        let names = |due: &[super::Due]| {
            let line =
                |due: &super::Due| format!("{}（{}）", due.unit.name, owing_in_words(&due.owing));
            due.iter().map(line).collect()
        };
        let at = |moment| standings(&self.roster, &self.campaign, &facts, moment);
        let now_stand = at(now);
        let statistics = self.statistics(&now_stand, now)?;
        let new = entries.iter().filter(|entry| entry.arrived > after);
        let late = |entry: &Entry| on_time.get(&entry.id).copied().flatten() == Some(false);
        Ok(Gathered {
            before: since.map_or(Vec::new(), at),
            news: new.map(|entry| (entry.kind, late(entry))).collect(),
            reports: self.report_lines(&on_time, after, now)?,
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
            counted: self.counted(&facts, now),
            on_time,
            entries,
        })
    }

    /// Ids of the submissions that count toward the quota.
    fn counted(&self, facts: &[Fact], now: Moment) -> BTreeSet<i64> {
        let chains = Chain::all(facts.iter().filter(|fact| fact.arrived <= now));
        let counted = chains
            .iter()
            .filter_map(|chain| chain.counted(&self.campaign));
        counted.map(|fact| fact.id).collect()
    }

    /// The workbook of everything up to `now`.
    fn book(&self, all: &Gathered, now: Moment) -> Result<Vec<u8>> {
        let mails = self.store.mails_not_taken(now)?;
        let letters: Vec<LetterRow> = self.store.letters_between(moment_zero(), now)?;
        workbook(&Book {
            campaign: &self.campaign,
            now,
            standings: &all.standings,
            entries: &all.entries,
            on_time: &all.on_time,
            counted: &all.counted,
            starred: &self.store.starred()?,
            review: all.review.iter().chain(&all.unreadable).collect(),
            letters: &letters,
            statistics: &all.statistics,
            links: &all.links,
            set_aside: &aside_lines(&mails, moment_zero()),
            changes: &self.change_lines(moment_zero(), now)?,
        })
    }

    /// The latest version of every unit's 情况统计表, laid together.
    fn statistics(&self, standings: &[Standing], now: Moment) -> Result<Statistics> {
        let counted: HashMap<&str, u32> = standings
            .iter()
            .map(|s| (s.unit.as_str(), s.reports))
            .collect();
        let latest = self.latest_of(Kind::Statistics, now)?.into_iter();
        let tables = latest.filter_map(|row| {
            let table = Table::read(&row.text)?;
            let reports = counted
                .get(row.fact.unit.as_str())
                .copied()
                .unwrap_or_default();
            Some((row.fact.unit, reports, table))
        });
        Ok(lay_together(&tables.collect::<Vec<_>>()))
    }

    /// Submissions of one kind that no later one replaces.
    fn latest_of(&self, kind: Kind, now: Moment) -> Result<Vec<SubmissionRow>> {
        let mut rows = self.store.submissions_of_kind(kind, now)?;
        let replaced: BTreeSet<i64> = rows.iter().filter_map(|row| row.fact.repeats).collect();
        rows.retain(|row| !replaced.contains(&row.fact.id));
        Ok(rows)
    }

    /// The campaign as a whole, once the summary's due is past.
    fn closing(
        &self,
        standings: &[Standing],
        facts: &[Fact],
        statistics: &Statistics,
        now: Moment,
    ) -> Result<Option<ClosingFacts>> {
        if now < self.campaign.summary.end() {
            return Ok(None);
        }
        let arrived: Vec<Fact> = facts
            .iter()
            .filter(|fact| fact.arrived <= now)
            .cloned()
            .collect();
        let (photos, videos) = self.store.media_totals(now)?;
        Ok(Some(ClosingFacts {
            totals: closing(standings, &arrived, &self.campaign),
            photos,
            videos,
            lacking: self.lacking_summaries(now)?,
            doubts: statistics.doubts.clone(),
        }))
    }

    /// Units whose summaries, taken together, lack something that the notice asks for.
    fn lacking_summaries(&self, now: Moment) -> Result<Vec<(String, Vec<&'static str>)>> {
        let mut of_unit: BTreeMap<String, (String, usize)> = BTreeMap::new();
        for row in self.latest_of(Kind::Summary, now)? {
            let files = self.store.files_of_submission(row.fact.id)?;
            let (text, photos) = of_unit.entry(row.fact.unit).or_default();
            text.push_str(&row.text);
            *photos += files
                .iter()
                .filter(|file| file.media == Media::Photo)
                .count();
        }
        let all = of_unit
            .into_iter()
            .map(|(unit, (text, photos))| (unit, lacks(&text, photos)));
        Ok(all.filter(|(_, lacking)| !lacking.is_empty()).collect())
    }

    /// The moment of the digest before; `None` before the first.
    fn since(&self, now: Moment) -> Result<Option<Moment>> {
        let today = now.with_timezone(&CST).date_naive();
        let before: Option<NaiveDate> = self.store.last_digest(today)?;
        Ok(before.map(|day| in_china(day.and_time(self.campaign.letters.digest_at))))
    }

    fn report_lines(
        &self,
        on_time: &HashMap<i64, Option<bool>>,
        since: Moment,
        now: Moment,
    ) -> Result<Vec<ReportLine>> {
        let starred = self.store.starred()?;
        let rows = self.store.first_submissions(since, now, MOST_REPORTS)?;
        let mut lines = Vec::with_capacity(rows.len());
        let mut looks = Vec::new();
        for row in rows {
            let files = self.store.files_of_submission(row.fact.id)?;
            let content = self.store.content(row.fact.mail)?.unwrap_or_default();
            looks.push(looks_of(&content, &files));
            let mut line = report_line(
                &row,
                &files,
                self.number(&row)?,
                self.notes(&row)?,
                on_time.get(&row.fact.id).copied().flatten(),
            );
            line.breaks = self.breaks_of(&content, &row, &files);
            line.starred = starred.contains(&row.fact.id);
            lines.push(line);
        }
        self.add_pictures(&mut lines, &looks);
        Ok(lines)
    }

    /// The first picture of every report before the second of any, as far as the room goes.
    fn add_pictures(&self, lines: &mut [ReportLine], looks: &[Vec<(String, String)>]) {
        let mut left = PICTURE_BYTES;
        for n in 0..PICTURES {
            for (line, looks) in lines.iter_mut().zip(looks) {
                let Some((alt, sha256)) = looks.get(n) else {
                    continue;
                };
                let Ok(bytes) = std::fs::read(self.blobs.path(sha256)) else {
                    continue;
                };
                if bytes.len() <= left {
                    left -= bytes.len();
                    line.pictures.push(Picture {
                        name: format!("p{}-{}.jpg", line.number, n + 1),
                        alt: alt.clone(),
                        width: PICTURE_WIDTH,
                        bytes,
                    });
                }
            }
        }
    }

    /// What a submission breaks of the stated formats.
    pub(super) fn breaks(&self, row: &SubmissionRow, files: &[FileRow]) -> Result<Vec<String>> {
        let content = self.store.content(row.fact.mail)?.unwrap_or_default();
        Ok(self.breaks_of(&content, row, files))
    }

    fn breaks_of(&self, content: &Content, row: &SubmissionRow, files: &[FileRow]) -> Vec<String> {
        let own: Vec<_> = files
            .iter()
            .filter_map(|file| content.files.get(file.position))
            .collect();
        let is_text = row.fact.kind != Kind::Supplement && row.fact.kind != Kind::Statistics;
        let text = if is_text { row.text.as_str() } else { "" };
        let mut format = self.campaign.format.clone();
        if !is_text {
            format.text_least_characters = 0;
        }
        breaks(&format, text, &own)
    }

    /// Submissions whose words or photos came before.
    fn twice_lines(&self, since: Moment, now: Moment) -> Result<Vec<TwiceLine>> {
        let rows = self.store.flagged(since, now)?;
        let line = |row: &SubmissionRow| {
            Ok(TwiceLine {
                number: self.number(row)?,
                unit: row.fact.unit.clone(),
                notes: self.notes(row)?,
            })
        };
        rows.iter().map(line).collect()
    }

    /// As corrections name it: the mail's number, and its place there where the mail has several.
    fn number(&self, row: &SubmissionRow) -> Result<String> {
        let alone = self.store.submissions_of(row.fact.mail)?.len() == 1;
        let place = if alone {
            String::new()
        } else {
            format!(".{}", row.ordinal + 1)
        };
        Ok(format!("{}{place}", row.fact.mail))
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

    fn link_lines(&self, now: Moment) -> Result<Vec<LinkLine>> {
        let opened = self.store.mails_with_opened_links()?;
        let linked = self.store.linked(now)?.into_iter();
        let open = linked.filter(|(mail, ..)| !opened.contains(mail));
        let mut lines: Vec<LinkLine> = open
            .flat_map(|(_, unit, links)| links.into_iter().map(move |link| (unit.clone(), link)))
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
    number: String,
    notes: Vec<String>,
    on_time: Option<bool>,
) -> ReportLine {
    ReportLine {
        number,
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
        breaks: Vec::new(),
        pictures: Vec::new(),
        starred: false,
    }
}

/// Words for who sees no pictures, and the hash of the small picture, of the first photos and videos.
fn looks_of(content: &Content, files: &[FileRow]) -> Vec<(String, String)> {
    let looks = files.iter().filter_map(|file| {
        let what = match file.media {
            Media::Photo => "照片",
            Media::Video => "视频",
            _ => return None,
        };
        let details = content.files.get(file.position)?.details.as_ref()?;
        Some((format!("{what}：{}", file.name), details.thumbnail.clone()?))
    });
    looks.take(PICTURES).collect()
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
