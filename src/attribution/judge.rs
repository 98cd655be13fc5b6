//! The judgement of one mail, step by step.

use super::day::{Clues, Found};
use super::names::Names;
use super::pieces::{pieces, whole};
use super::report::{Draft, Split};
use super::ruling::Ruled;
use super::slip::Slips;
use super::unit::attribute;
use super::words::{Lexicon, Said, Words};
use super::zone::Zone;
use super::{
    About, Earlier, Evidence, Kind, Outcome, Past, Print, Rulings, Submission, Verdict, Weighed,
    day, kind, repeat,
};
use crate::campaign::{Campaign, Moment};
use crate::message::Content;
use crate::roster::Roster;
use anyhow::Result;
use chrono::TimeDelta;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A supplement without a day of its own belongs to the sender's latest report within this time.
const SUPPLEMENT_WITHIN: TimeDelta = TimeDelta::days(3);

/// Judges mails by one roster and one campaign.
#[derive(Debug)]
pub struct Judge {
    roster: Roster,
    campaign: Campaign,
    lexicon: Arc<Lexicon>,
}

/// Where a draft stands in its mail, and what staff decided about it.
struct Place {
    ordinal: usize,
    alone: bool,
    ruled: Ruled,
}

/// A draft with everything that was decided about it, or the reason why it was not.
enum Decision {
    Taken {
        submission: Box<Submission>,
        plainly_named: bool,
        weighed: Vec<Weighed>,
    },
    Doubted {
        reason: String,
        weighed: Vec<Weighed>,
    },
}

impl Judge {
    /// Prepares the roster's names.
    pub fn new(roster: Roster, campaign: Campaign) -> Self {
        let lexicon = Lexicon {
            names: Names::of(&roster),
            slips: Slips::of(&roster),
            campaign: campaign.clone(),
        };
        Self {
            roster,
            campaign,
            lexicon: Arc::new(lexicon),
        }
    }

    /// By what it understands words; made anew where staff taught a name.
    pub fn lexicon(&self) -> Arc<Lexicon> {
        self.lexicon.clone()
    }

    /// The outcome of a mail that arrived then, with what was known before it.
    ///
    /// # Errors
    /// Only those of `past`.
    pub fn judge(&self, content: &Content, arrived: Moment, past: &Past) -> Result<Verdict> {
        self.weigh(content, None, arrived, past)
    }

    /// The same where the words of the mail were read before.
    ///
    /// # Errors
    /// See there.
    pub fn weigh(
        &self,
        content: &Content,
        words: Option<&Words>,
        arrived: Moment,
        past: &Past,
    ) -> Result<Verdict> {
        if past.rulings.ignores_mail() {
            return Ok(without(
                Outcome::NotReport,
                "人工认定：非报送".into(),
                Vec::new(),
            ));
        }
        if past.rulings.split {
            return self.drafts(content, &pieces(content), &[], arrived, past);
        }
        let read_now;
        let words = match words.filter(|words| Arc::ptr_eq(&words.lexicon, &self.lexicon)) {
            Some(words) => words,
            None => {
                read_now = Words::of(content, &self.lexicon);
                &read_now
            }
        };
        if past.rulings.claims_report() {
            let drafts = match &words.split {
                Split::Drafts(drafts) => drafts.clone(),
                Split::Unreadable(_) | Split::Nothing => vec![whole(content)],
            };
            return self.drafts(content, &drafts, &words.said, arrived, past);
        }
        let known = !past.named_by_sender.is_empty() || !past.given_to_sender.is_empty();
        let noise = match known {
            true => &words.noise.of_known,
            false => &words.noise.of_stranger,
        };
        if let Some(reason) = noise {
            return Ok(without(Outcome::NotReport, reason.clone(), Vec::new()));
        }
        match &words.split {
            Split::Drafts(drafts) => self.drafts(content, drafts, &words.said, arrived, past),
            Split::Unreadable(reason) => Ok(self.unread(content, reason.clone(), past)),
            Split::Nothing if content.damage.is_empty() => {
                Ok(self.unread(content, "邮件没有可收录的内容".into(), past))
            }
            Split::Nothing => Ok(without(
                Outcome::Unreadable,
                content.damage.join("；"),
                Vec::new(),
            )),
        }
    }

    fn drafts(
        &self,
        content: &Content,
        drafts: &[Draft],
        said: &[Said],
        arrived: Moment,
        past: &Past,
    ) -> Result<Verdict> {
        let mut verdict = without(Outcome::Reports, String::new(), Vec::new());
        let drafts = joined(drafts, &past.rulings);
        for (ordinal, draft) in &drafts {
            let ruled = past.rulings.at(*ordinal);
            if ruled.ignored {
                continue;
            }
            let place = Place {
                ordinal: *ordinal,
                alone: drafts.len() == 1,
                ruled,
            };
            // Staff may have joined it with others.
            let said = match said
                .get(*ordinal)
                .filter(|said| said.bytes == draft.text.len())
            {
                Some(said) => Cow::Borrowed(said),
                None => Cow::Owned(Said::of(content, draft, &self.lexicon)),
            };
            match self.draft(content, draft, &said, &place, arrived, past)? {
                Decision::Taken {
                    mut submission,
                    plainly_named,
                    weighed,
                } => {
                    if verdict.submissions.is_empty() {
                        submission.links = (0..content.links.len()).collect();
                    }
                    verdict.plainly_named |= plainly_named;
                    verdict.candidates.push(submission.unit.clone());
                    verdict.weighed.extend(weighed);
                    verdict.submissions.push(*submission);
                }
                Decision::Doubted { reason, weighed } => {
                    return Ok(without(Outcome::Review, reason, weighed));
                }
            }
        }
        if verdict.submissions.is_empty() {
            return Ok(without(
                Outcome::NotReport,
                "人工认定：非报送".into(),
                Vec::new(),
            ));
        }
        self.add_enclosed_tables(content, &drafts, &mut verdict, past)?;
        verdict.candidates.dedup();
        verdict.reason = content.damage.join("；");
        Ok(verdict)
    }

    /// Their places come after those of all texts, so that those do not move.
    fn add_enclosed_tables(
        &self,
        content: &Content,
        drafts: &[(usize, Cow<Draft>)],
        verdict: &mut Verdict,
        past: &Past,
    ) -> Result<()> {
        let after = drafts
            .iter()
            .map(|(ordinal, _)| ordinal + 1)
            .max()
            .unwrap_or(0);
        let tables = verdict
            .submissions
            .iter()
            .filter_map(|summary| enclosed_table(summary, after + summary.ordinal));
        let mut tables: Vec<Submission> = tables
            .filter(|table| !past.rulings.at(table.ordinal).ignored)
            .collect();
        for table in &mut tables {
            table.repeats = self.repeats(content, table, past)?;
        }
        verdict.submissions.extend(tables);
        Ok(())
    }

    fn draft(
        &self,
        content: &Content,
        draft: &Draft,
        said: &Said,
        place: &Place,
        arrived: Moment,
        past: &Past,
    ) -> Result<Decision> {
        let mut whose = attribute(content, said, &self.roster, past);
        whose
            .weighed
            .iter_mut()
            .for_each(|weighed| weighed.ordinal = place.ordinal);
        let Some(unit) = place.ruled.unit.clone().or(whose.unit.clone()) else {
            return Ok(Decision::Doubted {
                reason: whose.doubt,
                weighed: whose.weighed,
            });
        };
        let (kind, why_kind) = match place.ruled.kind {
            Some(kind) => (kind, place.ruled.evidence(About::Kind)),
            None => kind::kind(content, draft, &said.zones, place.alone),
        };
        let clues = Clues {
            content,
            draft,
            said,
            arrived,
            campaign: &self.campaign,
        };
        let found = match self.days(&clues, kind, &unit, &place.ruled, past) {
            Ok(found) => found,
            Err(reason) => {
                whose.weighed.retain(|weighed| weighed.unit == unit);
                return Ok(Decision::Doubted {
                    reason,
                    weighed: whose.weighed,
                });
            }
        };
        let mut evidence = match place.ruled.unit {
            Some(_) => vec![place.ruled.evidence(About::Unit)],
            None => whose.evidence(),
        };
        evidence.extend(found.iter().map(|found| found.evidence.clone()));
        evidence.push(why_kind);
        let mut submission = submission(content, draft, said, unit, kind, found, evidence);
        submission.ordinal = place.ordinal;
        submission.repeats = match place.ruled.repeats {
            Some(repeats) => repeats,
            None => self.repeats(content, &submission, past)?,
        };
        submission.flags = (past.seen_before)(&submission)?;
        Ok(Decision::Taken {
            submission: Box::new(submission),
            // Who passes a mail on is not its author: the address says nothing of the unit.
            plainly_named: whose.plainly_named
                && draft.inner.is_none()
                && place.ruled.unit.is_none(),
            weighed: whose.weighed,
        })
    }

    /// No days for plan, summary and table; a case has one only if it tells one.
    fn days(
        &self,
        clues: &Clues,
        kind: Kind,
        unit: &str,
        ruled: &Ruled,
        past: &Past,
    ) -> Result<Option<Found>, String> {
        if let Some(days) = ruled.days.clone() {
            let evidence = ruled.evidence(About::Day);
            return Ok(Some(Found {
                days,
                inferred: false,
                evidence,
            }));
        }
        match kind {
            Kind::Plan | Kind::Summary | Kind::Statistics => Ok(None),
            Kind::Case => Ok(day::in_words(clues)?.filter(|found| {
                found.evidence.rule == "full_date"
                    && found.days.iter().all(|d| self.campaign.contains(*d))
            })),
            Kind::Supplement => Ok(day::in_words(clues)?
                .or_else(|| of_earlier(clues, unit, past))
                .or_else(|| day::inferred(clues))),
            Kind::Daily => match day::in_words(clues)?.or_else(|| day::inferred(clues)) {
                Some(found) => Ok(Some(found)),
                None => Err("无法判断活动日期".into()),
            },
        }
    }

    fn repeats(
        &self,
        content: &Content,
        submission: &Submission,
        past: &Past,
    ) -> Result<Option<i64>> {
        let announced = repeat::announces(&content.subject, &content.text);
        let earlier: Vec<Earlier> = (past.of_unit)(&submission.unit)?;
        Ok(repeat::repeated(submission, announced, &earlier))
    }

    /// For a person to decide, with whoever the words point to.
    fn unread(&self, content: &Content, reason: String, past: &Past) -> Verdict {
        let draft = Draft {
            text: content.text.clone(),
            ..Draft::default()
        };
        let said = Said::of(content, &draft, &self.lexicon);
        let whose = attribute(content, &said, &self.roster, past);
        without(Outcome::Review, reason, whose.weighed)
    }
}

/// The day of the report that the same sender sent for the same unit shortly before.
fn of_earlier(clues: &Clues, unit: &str, past: &Past) -> Option<Found> {
    let (earlier, subject) = past.from_sender.iter().find(|(earlier, _)| {
        let recent = clues.arrived - earlier.arrived <= SUPPLEMENT_WITHIN;
        recent && earlier.unit == unit && !earlier.days.is_empty()
    })?;
    let evidence = Evidence {
        about: About::Day,
        rule: "earlier_report".into(),
        place: "mailbox".into(),
        seen: subject.clone(),
        weight: 0,
    };
    Some(Found {
        days: earlier.days.clone(),
        inferred: true,
        evidence,
    })
}

fn submission(
    content: &Content,
    draft: &Draft,
    said: &Said,
    unit: String,
    kind: Kind,
    found: Option<Found>,
    evidence: Vec<Evidence>,
) -> Submission {
    Submission {
        ordinal: 0,
        kind,
        unit,
        day_inferred: found.as_ref().is_some_and(|found| found.inferred),
        days: found.map(|found| found.days).unwrap_or_default(),
        repeats: None,
        title: title(content, draft, &said.zones),
        text: draft.text.clone(),
        files: draft.files.clone(),
        links: Vec::new(),
        evidence,
        flags: Vec::new(),
        print: Print::of(&draft.text),
    }
}

/// The first line that reads as a title, else the subject.
fn title(content: &Content, draft: &Draft, zones: &[Zone]) -> String {
    let headed = zones
        .iter()
        .any(|zone| zone.place == super::strength::Place::Title);
    let salutes = |line: &&str| {
        !line.ends_with([':', '：', '!', '！', ',', '，']) && line.chars().count() >= 5
    };
    let first = draft
        .text
        .lines()
        .map(str::trim)
        .take(4)
        .find(salutes)
        .filter(|_| headed && !draft.supplement);
    first.unwrap_or(&content.subject).chars().take(80).collect()
}

/// A summary that contains the statistics table is both (rules.md, "Days").
fn enclosed_table(summary: &Submission, ordinal: usize) -> Option<Submission> {
    let rows = summary
        .text
        .lines()
        .filter(|line| line.contains('\t') && line.contains(|c: char| c.is_ascii_digit()));
    let table =
        summary.kind == Kind::Summary && summary.text.contains("统计表") && rows.count() >= 1;
    table.then(|| Submission {
        ordinal,
        kind: Kind::Statistics,
        repeats: None,
        title: "情况统计表".into(),
        files: Vec::new(),
        links: Vec::new(),
        flags: Vec::new(),
        ..summary.clone()
    })
}

/// Drafts with their places, those that staff joined put together.
fn joined<'a>(drafts: &'a [Draft], rulings: &Rulings) -> Vec<(usize, Cow<'a, Draft>)> {
    let mut all: BTreeMap<usize, Cow<Draft>> =
        drafts.iter().map(Cow::Borrowed).enumerate().collect();
    for from in 0..drafts.len() {
        let into = rulings
            .at(from)
            .joins
            .filter(|into| *into != from && all.contains_key(into));
        if let Some((into, draft)) = into.and_then(|into| Some((into, all.remove(&from)?))) {
            let draft = draft.into_owned();
            all.entry(into)
                .and_modify(|whole| whole.to_mut().join(draft));
        }
    }
    all.into_iter().collect()
}

fn without(outcome: Outcome, reason: String, weighed: Vec<Weighed>) -> Verdict {
    let mut candidates: Vec<String> = weighed.iter().map(|weighed| weighed.unit.clone()).collect();
    candidates.dedup();
    Verdict {
        outcome,
        reason,
        candidates,
        weighed,
        plainly_named: false,
        submissions: Vec::new(),
    }
}
