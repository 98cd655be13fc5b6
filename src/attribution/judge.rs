//! The judgement of one mail, step by step.

use super::day::{Clues, Found};
use super::names::Names;
use super::report::{Draft, Split, split};
use super::unit::{Attribution, attribute};
use super::zone::{Zone, zones};
use super::{Earlier, Kind, Outcome, Past, Submission, Verdict, day, kind, noise, repeat};
use crate::campaign::{Campaign, Moment};
use crate::message::Content;
use crate::roster::Roster;
use anyhow::Result;
use chrono::TimeDelta;

/// A supplement without a day of its own belongs to the sender's latest report within this time.
const SUPPLEMENT_WITHIN: TimeDelta = TimeDelta::days(3);

/// Judges mails by one roster and one campaign.
#[derive(Debug)]
pub struct Judge {
    roster: Roster,
    campaign: Campaign,
    names: Names,
}

/// A draft with everything that was decided about it, or the reason why it was not.
enum Decision {
    Taken {
        submission: Submission,
        plainly_named: bool,
    },
    Doubted {
        reason: String,
        candidates: Vec<String>,
    },
}

impl Judge {
    /// Prepares the roster's names.
    pub fn new(roster: Roster, campaign: Campaign) -> Self {
        let names = Names::of(&roster);
        Self {
            roster,
            campaign,
            names,
        }
    }

    /// The outcome of a mail that arrived then, with what was known before it.
    ///
    /// # Errors
    /// Only those of `past`.
    pub fn judge(&self, content: &Content, arrived: Moment, past: &Past) -> Result<Verdict> {
        let split = split(content);
        if let Some(reason) = noise::noise(content, &split, !past.named_by_sender.is_empty()) {
            return Ok(without(Outcome::NotReport, reason, Vec::new()));
        }
        match split {
            Split::Drafts(drafts) => self.drafts(content, &drafts, arrived, past),
            Split::Unreadable(reason) => Ok(self.unread(content, reason, past)),
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
        arrived: Moment,
        past: &Past,
    ) -> Result<Verdict> {
        let mut verdict = without(Outcome::Reports, String::new(), Vec::new());
        for draft in drafts {
            match self.draft(content, draft, drafts.len() == 1, arrived, past)? {
                Decision::Taken {
                    mut submission,
                    plainly_named,
                } => {
                    if verdict.submissions.is_empty() {
                        submission.links = (0..content.links.len()).collect();
                    }
                    verdict.plainly_named |= plainly_named;
                    verdict.candidates.push(submission.unit.clone());
                    let table = enclosed_table(&submission);
                    verdict.submissions.push(submission);
                    verdict.submissions.extend(table);
                }
                Decision::Doubted { reason, candidates } => {
                    return Ok(without(Outcome::Review, reason, candidates));
                }
            }
        }
        verdict.candidates.dedup();
        verdict.reason = content.damage.join("；");
        Ok(verdict)
    }

    fn draft(
        &self,
        content: &Content,
        draft: &Draft,
        alone: bool,
        arrived: Moment,
        past: &Past,
    ) -> Result<Decision> {
        let zones = zones(content, draft);
        let whose = attribute(content, &zones, &self.roster, &self.names, past);
        let Some(unit) = whose.unit.clone() else {
            return Ok(Decision::Doubted {
                reason: whose.doubt,
                candidates: whose.candidates,
            });
        };
        let (kind, why_kind) = kind::kind(content, draft, &zones, alone);
        let clues = Clues {
            content,
            draft,
            zones: &zones,
            arrived,
            campaign: &self.campaign,
        };
        let found = match self.days(&clues, kind, &unit, past) {
            Ok(found) => found,
            Err(reason) => {
                return Ok(Decision::Doubted {
                    reason,
                    candidates: vec![unit],
                });
            }
        };
        let mut submission = submission(content, draft, &zones, unit, kind, found, whose.clone());
        submission.evidence.push(why_kind);
        submission.repeats = self.repeats(content, &submission, past)?;
        Ok(Decision::Taken {
            submission,
            plainly_named: whose.plainly_named,
        })
    }

    /// No days for plan, summary and table; a case has one only if it tells one.
    fn days(
        &self,
        clues: &Clues,
        kind: Kind,
        unit: &str,
        past: &Past,
    ) -> Result<Option<Found>, String> {
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
        let whose = attribute(
            content,
            &zones(content, &draft),
            &self.roster,
            &self.names,
            past,
        );
        without(Outcome::Review, reason, whose.candidates)
    }
}

/// The day of the report that the same sender sent for the same unit shortly before.
fn of_earlier(clues: &Clues, unit: &str, past: &Past) -> Option<Found> {
    let earlier = past.from_sender.iter().find(|earlier| {
        let recent = clues.arrived - earlier.arrived <= SUPPLEMENT_WITHIN;
        recent && earlier.unit == unit && !earlier.days.is_empty()
    })?;
    let evidence = super::Evidence {
        about: super::About::Day,
        rule: "earlier_report".into(),
        place: "mailbox".into(),
        seen: earlier.subject.clone(),
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
    zones: &[Zone],
    unit: String,
    kind: Kind,
    found: Option<Found>,
    whose: Attribution,
) -> Submission {
    let mut evidence = whose.evidence;
    evidence.extend(found.iter().map(|found| found.evidence.clone()));
    Submission {
        kind,
        unit,
        day_inferred: found.as_ref().is_some_and(|found| found.inferred),
        days: found.map(|found| found.days).unwrap_or_default(),
        repeats: None,
        title: title(content, draft, zones),
        text: draft.text.clone(),
        files: draft.files.clone(),
        links: Vec::new(),
        evidence,
    }
}

/// The first line that reads as a title, else the subject.
fn title(content: &Content, draft: &Draft, zones: &[Zone]) -> String {
    let headed = zones
        .iter()
        .any(|zone| zone.place == super::zone::Place::Title);
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
fn enclosed_table(summary: &Submission) -> Option<Submission> {
    let rows = summary
        .text
        .lines()
        .filter(|line| line.contains('\t') && line.contains(|c: char| c.is_ascii_digit()));
    let table =
        summary.kind == Kind::Summary && summary.text.contains("统计表") && rows.count() >= 1;
    table.then(|| Submission {
        kind: Kind::Statistics,
        repeats: None,
        title: "情况统计表".into(),
        files: Vec::new(),
        links: Vec::new(),
        ..summary.clone()
    })
}

fn without(outcome: Outcome, reason: String, candidates: Vec<String>) -> Verdict {
    Verdict {
        outcome,
        reason,
        candidates,
        plainly_named: false,
        submissions: Vec::new(),
    }
}
