//! Corrections by staff: what they name, whether it makes sense, and judging again.

use super::Daemon;
use crate::attribution::{Change, Judge, normal, pieces};
use crate::campaign::Moment;
use crate::roster::Roster;
use crate::store::{LessonKind, NewCorrection, NewLesson, SubmissionRow};
use anyhow::{Context, Result, bail, ensure};
use chrono::NaiveDate;
use tracing::{info, warn};

/// A mail, or one of its submissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Row id of the mail.
    pub mail: i64,
    /// Place of the submission.
    pub ordinal: Option<usize>,
}

impl Daemon {
    /// What a number means: `12` a mail, `12.2` its second submission, `s34` the submission of that id, else a Message-ID.
    pub fn target(&self, name: &str) -> Result<Target> {
        if let Some(id) = name.strip_prefix('s').and_then(|id| id.parse().ok()) {
            let (mail, ordinal) = self
                .store
                .place_of(id)?
                .with_context(|| format!("there is no submission {name}"))?;
            return Ok(Target {
                mail,
                ordinal: Some(ordinal),
            });
        }
        let (mail, part) = match name.split_once('.').filter(|_| !name.contains('@')) {
            Some((mail, part)) => (mail, Some(part)),
            None => (name, None),
        };
        let target = Target {
            mail: self.mail_called(mail)?,
            ordinal: part.map(place).transpose()?,
        };
        if target.ordinal.is_some() {
            self.submission(target)?;
        }
        Ok(target)
    }

    fn mail_called(&self, name: &str) -> Result<i64> {
        if name.contains('@') {
            let found = self.store.mails_of_message(name.trim_matches(['<', '>']))?;
            ensure!(
                found.len() < 2,
                "mails {found:?} have the Message-ID {name}; name one by its number"
            );
            return found
                .first()
                .copied()
                .with_context(|| format!("there is no mail {name}"));
        }
        let id = name
            .parse()
            .with_context(|| format!("\"{name}\" is neither a number nor a Message-ID"))?;
        ensure!(self.store.mail(id)?.is_some(), "there is no mail {id}");
        Ok(id)
    }

    /// The submission that a target names; of a mail, its only one.
    pub fn submission(&self, target: Target) -> Result<SubmissionRow> {
        let mut rows = self.store.submissions_of(target.mail)?;
        if let Some(ordinal) = target.ordinal {
            rows.retain(|row| row.ordinal == ordinal);
        }
        ensure!(
            rows.len() < 2,
            "mail {} has {} submissions; name one, as {}.1",
            target.mail,
            rows.len(),
            target.mail
        );
        rows.pop()
            .with_context(|| format!("mail {} has no such submission", target.mail))
    }

    /// Says whose report it is, of which days and kind; what is `None` stays judged.
    ///
    /// Unless told otherwise, the sender's address is known for the unit from then on.
    pub fn assign(
        &mut self,
        target: Target,
        change: Change,
        alias: Option<&str>,
        learn: bool,
        by: &str,
        now: Moment,
    ) -> Result<()> {
        let mut lessons = Vec::new();
        if let Change::Assign {
            unit: Some(unit), ..
        } = &change
        {
            ensure!(self.roster.unit(unit).is_some(), "no unit is called {unit}");
            lessons.extend(self.address_lesson(target.mail, unit)?.filter(|_| learn));
            lessons.extend(alias.map(|alias| name_lesson(unit, alias)));
        }
        for lesson in lessons
            .iter()
            .filter(|lesson| lesson.what == LessonKind::Alias)
        {
            self.roster
                .clone()
                .with_alias(&lesson.unit, &lesson.value)?;
        }
        self.correct(target, change, lessons, by, now)
    }

    /// The sender's address, where a person wrote the mail.
    fn address_lesson(&self, mail: i64, unit: &str) -> Result<Option<NewLesson>> {
        let content = self.store.content(mail)?.unwrap_or_default();
        let address = content.from.map(|from| from.address.to_lowercase());
        let usable = address.filter(|address| !address.is_empty() && content.automatic.is_empty());
        Ok(usable.map(|value| NewLesson {
            what: LessonKind::Address,
            value,
            unit: unit.into(),
        }))
    }

    /// Says that a mail, or one of its submissions, is no report.
    pub fn ignore(&mut self, target: Target, by: &str, now: Moment) -> Result<()> {
        self.correct(target, Change::Ignore, Vec::new(), by, now)
    }

    /// Takes a mail apart into one submission for each of its texts, or says that a submission repeats no other.
    pub fn split(&mut self, target: Target, by: &str, now: Moment) -> Result<()> {
        if target.ordinal.is_none() {
            let content = self.store.content(target.mail)?.unwrap_or_default();
            ensure!(
                pieces(&content).len() > 1,
                "mail {} has one text without dated headings; there is nothing to take apart",
                target.mail
            );
        }
        self.correct(target, Change::Split, Vec::new(), by, now)
    }

    /// Makes two submissions one: of one mail, their texts are joined; of two, the later is a version of the earlier.
    pub fn merge(&mut self, one: Target, other: Target, by: &str, now: Moment) -> Result<()> {
        let (one, other) = (self.submission(one)?, self.submission(other)?);
        ensure!(
            one.fact.id != other.fact.id,
            "these are one submission already"
        );
        let order = |row: &SubmissionRow| (row.fact.arrived, row.fact.mail, row.ordinal);
        let (earlier, later) = if order(&one) < order(&other) {
            (one, other)
        } else {
            (other, one)
        };
        ensure!(
            earlier.fact.unit == later.fact.unit || earlier.fact.mail == later.fact.mail,
            "{} and {} are two units; assign one of them first",
            earlier.fact.unit,
            later.fact.unit
        );
        let mail = self
            .store
            .sha256(earlier.fact.mail)?
            .context("its mail is not kept")?;
        let change = Change::Merge {
            mail,
            ordinal: earlier.ordinal,
        };
        let target = Target {
            mail: later.fact.mail,
            ordinal: Some(later.ordinal),
        };
        self.correct(target, change, Vec::new(), by, now)
    }

    /// Takes a correction back, with what it taught.
    pub fn revoke(&mut self, correction: i64, by: &str, now: Moment) -> Result<()> {
        self.store.revoke(correction, by, now)?;
        info!(correction, by, "correction revoked");
        self.judge_if_alone()
    }

    /// Says that an address (with `@`) or a name is, or is not, a unit's.
    pub fn teach(
        &mut self,
        value: &str,
        unit: &str,
        holds: bool,
        by: &str,
        now: Moment,
    ) -> Result<()> {
        let lesson = match value.contains('@') {
            true => NewLesson {
                what: LessonKind::Address,
                value: value.to_lowercase(),
                unit: unit.into(),
            },
            false => name_lesson(unit, value),
        };
        if lesson.what == LessonKind::Alias && holds {
            self.roster.clone().with_alias(unit, &lesson.value)?;
        }
        self.store.teach(&lesson, holds, by, now)?;
        let verb = if holds { "属于" } else { "不属于" };
        let what = format!("“{}”{verb}{unit}", lesson.value);
        self.store.decided(&what, by, now)?;
        self.judge_if_alone()
    }

    fn correct(
        &mut self,
        target: Target,
        change: Change,
        lessons: Vec<NewLesson>,
        by: &str,
        now: Moment,
    ) -> Result<()> {
        let new = NewCorrection {
            mail: target.mail,
            ordinal: target.ordinal,
            change,
            lessons,
        };
        let correction = self.store.correct(&new, by, now)?;
        info!(correction, mail = target.mail, by, "corrected");
        self.judge_if_alone()
    }

    /// Beside a daemon that works on the same data, its next pass judges.
    fn judge_if_alone(&mut self) -> Result<()> {
        if self.is_alone() {
            self.judge()?;
        }
        Ok(())
    }

    /// Whether this process holds the data directory.
    pub fn is_alone(&self) -> bool {
        self.lock.is_some()
    }

    /// Makes names that staff taught known to the judge. One that the roster contradicts is left out, with a warning.
    pub(super) fn learn_names(&mut self) -> Result<()> {
        let lessons = self.store.lessons()?.into_iter();
        let names = lessons.filter(|lesson| lesson.what == LessonKind::Alias && lesson.holds);
        let learnt: Vec<_> = names.map(|lesson| (lesson.unit, lesson.value)).collect();
        if learnt != self.learnt {
            let mut roster: Roster = self.roster.clone();
            for (unit, alias) in &learnt {
                match roster.clone().with_alias(unit, alias) {
                    Ok(more) => roster = more,
                    Err(error) => warn!(unit, error = format!("{error:#}"), "taught name left out"),
                }
            }
            self.judge = Judge::new(roster, self.campaign.clone());
            self.learnt = learnt;
        }
        Ok(())
    }

    /// The unit that a person means: by official name, alias or short name.
    pub fn unit_called(&self, name: &str) -> Result<String> {
        let name = normal(name.trim());
        let unit = self.roster.called(&name);
        let unit = unit.with_context(|| format!("no unit of the roster is called \"{name}\""))?;
        Ok(unit.name.clone())
    }

    /// Days that a person writes: `5-24`, `5.24`, `5月24日`, `2022-05-24`, several parted by commas; `-` for none.
    pub fn days_called(&self, words: &str) -> Result<Vec<NaiveDate>> {
        if words == "-" {
            return Ok(Vec::new());
        }
        let mut days = words
            .split([',', '，', '、'])
            .map(|word| self.day_called(word.trim()))
            .collect::<Result<Vec<_>>>()?;
        days.sort();
        days.dedup();
        Ok(days)
    }

    fn day_called(&self, word: &str) -> Result<NaiveDate> {
        use chrono::Datelike;
        let numbers: Vec<u32> = word
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|n| n.parse().ok())
            .collect();
        let year = self.campaign.first_day.year();
        let day = match numbers.as_slice() {
            [month, day] => NaiveDate::from_ymd_opt(year, *month, *day),
            [year, month, day] => NaiveDate::from_ymd_opt(*year as i32, *month, *day),
            _ => None,
        };
        day.with_context(|| format!("\"{word}\" is no day; write 5-24 or {year}-05-24"))
    }
}

fn name_lesson(unit: &str, name: &str) -> NewLesson {
    NewLesson {
        what: LessonKind::Alias,
        value: normal(name.trim()),
        unit: unit.into(),
    }
}

fn place(part: &str) -> Result<usize> {
    match part.parse::<usize>() {
        Ok(number) if number > 0 => Ok(number - 1),
        _ => bail!("\"{part}\" is no number of a submission; the first is 1"),
    }
}
