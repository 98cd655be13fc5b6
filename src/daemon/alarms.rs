//! What is wrong with the daemon itself, told once when it begins and once when it ends.

use super::mailboxes::NO_FOLDERS;
use super::room::SPARE_HANDLES;
use super::storage::STORAGE;
use super::{Daemon, robot};
use crate::campaign::{CST, Moment, in_china};
use crate::config::mailbox_and_folder;
use crate::outgoing::{Letter, Rule, about_alarm, alarm};
use crate::store::{Alarm, Fault, LetterRow, handles_left};
use anyhow::{Context, Error, Result};
use chrono::TimeDelta;
use tracing::{error, info, warn};

/// Without a successful poll for so long, something is wrong.
pub const POLL_OVERDUE: TimeDelta = TimeDelta::minutes(30);
/// A digest that did not leave so long after its time is late.
const DIGEST_OVERDUE: TimeDelta = TimeDelta::minutes(30);
/// Mails of 24 hours that could not be read, or are in doubt, from which on staff should look.
const UNREADABLE: usize = 10;
const DOUBTFUL: usize = 30;

/// Name of an alarm and its words for staff.
type Wrong = (&'static str, String);

impl Daemon {
    /// Compares what is wrong now with what was, and tells of the difference: how this pass's poll ended, and how the
    /// work after it did.
    pub(super) async fn raise_alarms(
        &mut self,
        polled: &Result<()>,
        worked: &Result<()>,
        now: Moment,
    ) -> Result<()> {
        let wrong = self.wrong(polled.as_ref().err(), worked.as_ref().err(), now)?;
        for alarm in self.store.alarms_are(&wrong, now)? {
            match alarm.cleared {
                None => error!(name = alarm.name, what = alarm.what, "alarm"),
                Some(_) => info!(name = alarm.name, what = alarm.what, "alarm is over"),
            }
            self.queue_alarm(&alarm, now)?;
        }
        self.tell_robot(now).await
    }

    /// Name and words of everything that is wrong.
    fn wrong(
        &mut self,
        polled: Option<&Error>,
        worked: Option<&Error>,
        now: Moment,
    ) -> Result<Vec<Wrong>> {
        let [unreadable, doubtful] = self.many_of_a_day(now)?;
        let checks = [
            self.credentials_refused(),
            self.no_poll_for_long(now)?,
            self.folders_refused(now)?,
            self.files_not_stored(now)?,
            self.letters_fail(now)?,
            self.letters_refused()?,
            self.room().short_of_space()?.map(|megabytes| {
                let words = format!("磁盘空间不足，仅余{megabytes} MB，已停止收信");
                ("disk", words)
            }),
            (!handles_left(SPARE_HANDLES)).then(|| in_words(Fault::Handles)),
            self.disk_refuses(polled).or(self.disk_refuses(worked)),
            worked.map(|_| {
                let words = "处理邮件时程序出错，部分工作未完成，请管理员查看日志";
                ("work", words.to_owned())
            }),
            unreadable,
            doubtful,
            self.digest_is_late(now)?
                .then(|| ("digest", "今日日报未能按时发出".to_owned())),
        ];
        Ok(checks.into_iter().flatten().collect())
    }

    /// A file could not be written although the database could.
    fn disk_refuses(&self, error: Option<&Error>) -> Option<Wrong> {
        let fault = Fault::of(error?, &self.data_dir)?;
        (fault != Fault::Handles).then(|| in_words(fault))
    }

    fn credentials_refused(&self) -> Option<Wrong> {
        let all = self.config.mailboxes();
        let refused = all.filter(|mailbox| {
            let manners = self.manners.get(&mailbox.name);
            manners.is_some_and(|manners| manners.refuses)
        });
        let names: Vec<&str> = refused.map(|mailbox| mailbox.name.as_str()).collect();
        let of = in_brackets(&names);
        let words = || format!("收信服务器拒绝登录{of}，请检查邮箱授权码");
        (!names.is_empty()).then(|| ("credentials", words()))
    }

    fn no_poll_for_long(&mut self, now: Moment) -> Result<Option<Wrong>> {
        // A clock that was set back must not make the first pass one to come.
        let first = self.first_pass.map_or(now, |first| first.min(now));
        self.first_pass = Some(first);
        let since = self.store.polled_at()?.unwrap_or(first);
        if now - since <= POLL_OVERDUE {
            return Ok(None);
        }
        let troubles = self.store.troubles()?;
        let of_mailbox = troubles.iter().filter_map(|trouble| {
            let (mailbox, folder) = mailbox_and_folder(&trouble.folder);
            folder.is_empty().then_some(mailbox)
        });
        let of = in_brackets(&of_mailbox.collect::<Vec<_>>());
        let minutes = POLL_OVERDUE.num_minutes();
        Ok(Some((
            "poll",
            format!("已超过{minutes}分钟未能成功收信{of}"),
        )))
    }

    fn folders_refused(&self, now: Moment) -> Result<Option<Wrong>> {
        let troubles = self.store.troubles()?.into_iter();
        let mut lasting = troubles.filter(|trouble| {
            let (_, folder) = mailbox_and_folder(&trouble.folder);
            !NO_FOLDERS.contains(&folder) && now - trouble.since > POLL_OVERDUE
        });
        let words = "有邮箱文件夹持续无法读取，详见日报";
        Ok(lasting.next().map(|_| ("folder", words.to_owned())))
    }

    fn files_not_stored(&self, now: Moment) -> Result<Option<Wrong>> {
        let troubles = self.store.troubles()?;
        let lasts = troubles
            .iter()
            .any(|trouble| trouble.folder == STORAGE && now - trouble.since > POLL_OVERDUE);
        let minutes = POLL_OVERDUE.num_minutes();
        let words = || format!("已超过{minutes}分钟未能将照片等文件存入远程存储，文件暂存本机");
        Ok(lasts.then(|| ("storage", words())))
    }

    fn letters_refused(&self) -> Result<Option<Wrong>> {
        let words = "发信服务器拒绝登录，信函无法发出，请检查邮箱授权码";
        let troubles = self.store.troubles()?;
        let smtp = troubles.iter().any(|trouble| trouble.folder == "smtp");
        Ok(smtp.then(|| ("smtp", words.to_owned())))
    }

    fn letters_fail(&self, now: Moment) -> Result<Option<Wrong>> {
        let words = "24小时内有信函被拒收或多次未能发出，详见日报";
        let failed = self.store.letters_failed(now - TimeDelta::hours(24))?;
        Ok((failed > 0).then(|| ("letters", words.to_owned())))
    }

    fn many_of_a_day(&self, now: Moment) -> Result<[Option<Wrong>; 2]> {
        let since = now - TimeDelta::hours(24);
        let words =
            |what: &str, most: usize| format!("24小时内{what}的邮件已达{most}件以上，请人工查看");
        let unreadable = self.store.has_unreadable(UNREADABLE, since)?;
        let doubtful = self.store.has_in_review(DOUBTFUL, since)?;
        Ok([
            unreadable.then(|| ("unreadable", words("无法读取", UNREADABLE))),
            doubtful.then(|| ("review", words("待人工核定", DOUBTFUL))),
        ])
    }

    fn digest_is_late(&self, now: Moment) -> Result<bool> {
        let today = now.with_timezone(&CST).date_naive();
        let due = in_china(today.and_time(self.campaign.letters.digest_at));
        if !self.campaign.digest_on(today) || now - due < DIGEST_OVERDUE {
            return Ok(false);
        }
        let reached = self.store.recipients_of(Rule::Digest.as_str(), today)?;
        let staff = &self.config.staff.digest_to;
        Ok(staff.iter().any(|to| !reached.contains(to)))
    }

    /// What the robot was not told is told with the next pass.
    async fn tell_robot(&mut self, now: Moment) -> Result<()> {
        if self.config.alarms.robot.is_none() {
            return Ok(());
        }
        for alarm in self.store.untold_alarms()? {
            match robot::tell(&self.config.alarms, &alarm).await {
                Ok(()) => self.store.alarm_told(&alarm)?,
                Err(error) => {
                    let error = format!("{error:#}");
                    if self.said.is_news(&alarm.name, &error, now) {
                        warn!(name = alarm.name, error, "robot not told");
                    }
                }
            }
        }
        Ok(())
    }

    /// The letter of an alarm as it stands now.
    pub(super) fn alarm_letter(&self, letter: &LetterRow, now: Moment) -> Result<Letter> {
        let found = self
            .alarm_of(letter)?
            .context("the alarm of a letter is kept")?;
        let title = &self.campaign.title;
        self.written(|templates| alarm(templates, title, &found, &letter.recipient, now))
    }

    /// An alarm that was over before its letter left is no news; its end is then none either.
    pub(super) fn alarm_is_past(&self, letter: &LetterRow) -> Result<bool> {
        let Some(alarm) = self.alarm_of(letter)? else {
            return Ok(true);
        };
        let opens = letter.about
            == about_alarm(
                &Alarm {
                    cleared: None,
                    ..alarm.clone()
                },
                &letter.recipient,
            );
        Ok(opens && letter.attempts == 0 && alarm.cleared.is_some())
    }

    fn alarm_of(&self, letter: &LetterRow) -> Result<Option<Alarm>> {
        let id = letter
            .about
            .split(' ')
            .next()
            .and_then(|id| id.parse().ok());
        id.map_or(Ok(None), |id| self.store.alarm(id))
    }
}

/// The mailboxes in question, where they have names.
fn in_brackets(mailboxes: &[&str]) -> String {
    let named: Vec<&str> = mailboxes
        .iter()
        .copied()
        .filter(|name| !name.is_empty())
        .collect();
    match named.is_empty() {
        true => String::new(),
        false => format!("（{}）", named.join("、")),
    }
}

fn in_words(fault: Fault) -> Wrong {
    (fault.name(), fault.in_chinese().to_owned())
}
