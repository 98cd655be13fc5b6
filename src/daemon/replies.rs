//! Answers of staff: which mails are taken as such, and what is done upon them.

use super::decisions::whom;
use super::{Daemon, Target};
use crate::attribution::Change;
use crate::campaign::Moment;
use crate::message::{Content, is_forward};
use crate::outgoing::{
    AnswerFacts, Command, Done, Letter, Rule, answer, coded, commands, standing_lines,
};
use crate::store::{Answered, Reply, Unjudged};
use anyhow::{Context, Result};
use chrono::TimeDelta;
use tracing::info;

/// A letter to staff can be answered for so long after it left.
const ANSWERABLE_FOR: TimeDelta = TimeDelta::days(14);

/// What was done, in Chinese, and whether it changed what is kept; or why not.
type Fate = std::result::Result<(Vec<String>, bool), String>;

impl Daemon {
    /// Marks the mails among `batch` by which staff answer a letter of ours.
    pub(super) fn take_replies(&mut self, batch: &mut [Unjudged]) -> Result<()> {
        for mail in batch.iter_mut().filter(|mail| !mail.is_reply) {
            if let Some(letter) = self.letter_answered(&mail.content, mail.received_at)? {
                self.store.take_reply(mail.id, letter)?;
                mail.is_reply = true;
            }
        }
        Ok(())
    }

    /// The letter to staff that a mail answers: only from the very address it went to, in time, written by a person,
    /// and not passed on. Everything else is ordinary mail.
    pub(super) fn letter_answered(&self, content: &Content, at: Moment) -> Result<Option<i64>> {
        let from = content.from.as_ref().map_or("", |from| &from.address);
        let is = |address: &String| address.eq_ignore_ascii_case(from);
        let by_a_person =
            content.automatic.is_empty() && content.doubled.is_empty() && content.bounce.is_none();
        if !by_a_person
            || is_forward(&content.subject)
            || !self.config.staff.digest_to.iter().any(is)
        {
            return Ok(None);
        }
        let mut letters: Vec<Answered> = Vec::new();
        for id in &content.answers {
            letters.extend(self.store.letter_to_staff(id)?);
        }
        if let Some(start) = coded(&content.subject) {
            letters.extend(self.store.letter_to_staff_beginning(&start)?);
        }
        let accepts = |letter: &Answered| is(&letter.recipient) && at - letter.at <= ANSWERABLE_FOR;
        Ok(letters
            .into_iter()
            .find(accepts)
            .map(|letter| letter.letter))
    }

    /// Carries out what staff wrote, and queues one confirmation an answer.
    pub fn carry_out_replies(&mut self, now: Moment) -> Result<()> {
        for reply in self.store.open_replies()? {
            let said = commands(&reply.content.text, &self.roster, &self.campaign);
            let mut done = Vec::with_capacity(said.len());
            for (said, asked) in said {
                done.push(self.carry_out(said, asked, &reply)?);
            }
            if !done.is_empty() {
                let day = reply.at.with_timezone(&crate::campaign::CST).date_naive();
                self.queue(Rule::Answer, &reply.mail.to_string(), &reply.by, day, now)?;
            }
            let carried_out = done.iter().filter(|line| line.done).count();
            info!(
                mail = reply.mail,
                by = reply.by,
                done = carried_out,
                refused = done.len() - carried_out,
                "reply carried out"
            );
            self.store.reply_done(reply.mail, &done)?;
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        said: String,
        asked: std::result::Result<Vec<Command>, String>,
        reply: &Reply,
    ) -> Result<Done> {
        let mut line = Done {
            said,
            done: true,
            words: Vec::new(),
            changed: false,
        };
        let fates = match asked {
            Err(why) => vec![Err(why)],
            Ok(commands) => commands
                .into_iter()
                .map(|command| self.obey(command, &reply.by, reply.at))
                .collect::<Result<_>>()?,
        };
        for fate in fates {
            line.done &= fate.is_ok();
            let (words, changed) = fate.unwrap_or_else(|why| (vec![why], false));
            line.words.extend(words);
            line.changed |= changed;
        }
        Ok(line)
    }

    /// One instruction. The inner result is for staff; the outer one is the database's.
    fn obey(&mut self, command: Command, by: &str, at: Moment) -> Result<Fate> {
        match command {
            Command::Pause { unit } => {
                self.pause(&unit, by, at)?;
                Ok(said(format!("已暂停对{}的提醒", whom(&unit)), true))
            }
            Command::Resume { unit } => {
                let was = self.resume(&unit, by, at)?;
                let words = if was { "已恢复" } else { "原本未暂停" };
                Ok(said(format!("{words}对{}的提醒", whom(&unit)), was))
            }
            Command::Show { unit } => {
                let standings = self.standings(at)?;
                let standing = standings.iter().find(|standing| standing.unit == unit);
                let lines = standing.map(|standing| standing_lines(standing, &self.campaign));
                Ok(Ok((lines.unwrap_or_default(), false)))
            }
            Command::Revoke { correction } => Ok(match self.revoke(correction, by, at) {
                Ok(()) => said(format!("更正#{correction}已撤销"), true),
                Err(error) => refused(&error, &format!("没有编号为{correction}的有效更正")),
            }),
            Command::Assign {
                target,
                unit,
                days,
                kind,
            } => self.of_report(&target, (by, at), |daemon, target| {
                daemon.assign(
                    target,
                    Change::Assign { unit, days, kind },
                    None,
                    true,
                    by,
                    at,
                )
            }),
            Command::Ignore { target } => self.of_report(&target, (by, at), |daemon, target| {
                daemon.ignore(target, by, at)
            }),
            Command::Split { target } => self.of_report(&target, (by, at), |daemon, target| {
                daemon.split(target, by, at)
            }),
            Command::Opened { target } => self.of_report(&target, (by, at), |daemon, target| {
                daemon.links_opened(target, by, at)
            }),
            Command::Star { target, starred } => self.star_called(&target, starred, by, at),
            Command::Merge { one, other } => {
                let Ok(other) = self.target(&other) else {
                    return Ok(Err(no_such(&other)));
                };
                self.of_report(&one, (by, at), |daemon, target| {
                    daemon.merge(target, other, by, at)
                })
            }
        }
    }

    /// Does something about a mail or submission, and says what has become of it.
    fn of_report(
        &mut self,
        number: &str,
        (by, at): (&str, Moment),
        change: impl FnOnce(&mut Self, Target) -> Result<()>,
    ) -> Result<Fate> {
        let Ok(target) = self.target(number) else {
            return Ok(Err(no_such(number)));
        };
        if let Err(error) = change(self, target) {
            return Ok(refused(&error, "未能执行：该邮件的内容不适用此项更正"));
        }
        self.judge()?;
        let latest = self
            .store
            .corrections()?
            .pop()
            .filter(|row| row.mail == Some(target.mail) && row.by == by && row.at == at);
        let note = latest
            .map(|row| format!("（更正#{}）", row.id))
            .unwrap_or_default();
        let words = format!("邮件{number}：{}{note}", self.now_stands(target)?);
        Ok(said(words, true))
    }

    /// What a mail has come to, for staff.
    fn now_stands(&self, target: Target) -> Result<String> {
        let mail = self
            .store
            .mail(target.mail)?
            .context("a mail that was just corrected")?;
        let mut rows = self.store.submissions_of(target.mail)?;
        if target
            .ordinal
            .is_some_and(|ordinal| rows.iter().any(|row| row.ordinal == ordinal))
        {
            rows.retain(|row| Some(row.ordinal) == target.ordinal);
        }
        if rows.is_empty() {
            return Ok(format!("现不计为报送（{}）", mail.reason));
        }
        let facts: Vec<String> = rows
            .iter()
            .map(|row| crate::outgoing::fact_in_words(&row.fact))
            .collect();
        Ok(format!("现为{}", facts.join("；")))
    }

    fn star_called(&mut self, number: &str, starred: bool, by: &str, at: Moment) -> Result<Fate> {
        let Ok(target) = self.target(number) else {
            return Ok(Err(no_such(number)));
        };
        let chosen = self.star(target, starred, by, at)?;
        Ok(match chosen {
            0 => Err(format!("邮件{number}中没有报送，不能推荐")),
            n if starred => said(format!("邮件{number}：{n}份报送已列入遴选名单"), true),
            _ => said(format!("邮件{number}：已移出遴选名单"), true),
        })
    }

    /// The confirmation of an answer.
    pub(super) fn answer(&self, mail: i64, to: &str, now: Moment) -> Result<Letter> {
        let row = self
            .store
            .mail(mail)?
            .context("the mail of an answer is kept")?;
        let lines: Vec<Done> = self.store.done_of_reply(mail)?.unwrap_or_default();
        let facts = AnswerFacts {
            campaign: &self.campaign.title,
            mail,
            message_id: row.message_id.as_deref(),
            arrived: row.received_at,
            lines: &lines,
        };
        self.written(|templates| answer(templates, &facts, to, now))
    }
}

fn said(words: String, changed: bool) -> Fate {
    Ok((vec![words], changed))
}

/// Why in Chinese; the log has the cause.
fn refused(error: &anyhow::Error, words: &str) -> Fate {
    info!(error = format!("{error:#}"), "instruction refused");
    Err(words.to_owned())
}

fn no_such(number: &str) -> String {
    format!("没有编号为{number}的邮件或报送")
}
