//! What is wrong with the daemon itself, told once when it begins and once when it ends.

use super::Daemon;
use crate::attribution::Outcome;
use crate::campaign::{CST, Moment, in_china};
use crate::config::{self, Robot};
use crate::mailbox;
use crate::outgoing::{Letter, Rule, about_alarm, alarm, to_robot};
use crate::store::{Alarm, LetterRow};
use anyhow::{Context, Result};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use std::time::Duration;
use tracing::{error, info, warn};

/// Without a successful poll for so long, something is wrong.
pub const POLL_OVERDUE: TimeDelta = TimeDelta::minutes(30);
/// A digest that did not leave so long after its time is late.
const DIGEST_OVERDUE: TimeDelta = TimeDelta::minutes(30);
/// Mails that could not be read, from which on staff should look.
const UNREADABLE: usize = 10;
/// A robot that does not answer within this is told again with the next pass.
const ROBOT_TIME: Duration = Duration::from_secs(10);

/// Name of an alarm and its words for staff.
type Wrong = (&'static str, String);

impl Daemon {
    /// Compares what is wrong now with what was, and tells of the difference. `polled` is how this pass's poll ended.
    pub async fn raise_alarms(
        &mut self,
        polled: Result<(), &anyhow::Error>,
        now: Moment,
    ) -> Result<()> {
        let wrong = self.wrong(polled, now)?;
        for alarm in self.store.alarms_are(&wrong, now)? {
            match alarm.cleared {
                None => error!(name = alarm.name, what = alarm.what, "alarm"),
                Some(_) => info!(name = alarm.name, "alarm is over"),
            }
            let day = now.with_timezone(&CST).date_naive();
            for to in self.config.staff.digest_to.clone() {
                self.queue(Rule::Alarm, &about_alarm(&alarm, &to), &to, day, now)?;
            }
        }
        self.tell_robot().await
    }

    /// Name and words of everything that is wrong.
    fn wrong(&mut self, polled: Result<(), &anyhow::Error>, now: Moment) -> Result<Vec<Wrong>> {
        let checks = [
            credentials_refused(polled),
            self.no_poll_for_long(polled, now)?,
            self.letters_fail(now)?,
            self.letters_refused()?,
            self.short_of_space()?.map(|megabytes| {
                let words = format!("磁盘空间不足，仅余{megabytes} MB，已停止收信");
                ("disk", words)
            }),
            self.many_unreadable(now)?,
            self.digest_is_late(now)?
                .then(|| ("digest", "今日日报未能按时发出".to_owned())),
        ];
        Ok(checks.into_iter().flatten().collect())
    }

    fn no_poll_for_long(
        &mut self,
        polled: Result<(), &anyhow::Error>,
        now: Moment,
    ) -> Result<Option<Wrong>> {
        let last = self.store.polled_at()?;
        let since = last.unwrap_or(*self.first_pass.get_or_insert(now));
        let minutes = POLL_OVERDUE.num_minutes();
        Ok((polled.is_err() && now - since > POLL_OVERDUE)
            .then(|| ("poll", format!("已超过{minutes}分钟未能成功收信"))))
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

    fn many_unreadable(&self, now: Moment) -> Result<Option<Wrong>> {
        let mails = self.store.mails_not_taken(now)?.into_iter();
        let unread = mails.filter(|mail| mail.outcome == Some(Outcome::Unreadable));
        Ok((unread.count() >= UNREADABLE).then(|| {
            let words = format!("无法读取的邮件已达{UNREADABLE}件以上，请人工查看");
            ("unreadable", words)
        }))
    }

    /// Megabytes that are left, where they are fewer than the settings ask for.
    pub(super) fn short_of_space(&self) -> Result<Option<u64>> {
        let space =
            rustix::fs::statvfs(&self.data_dir).context("cannot ask for the free disk space")?;
        let megabytes = space.f_bavail.saturating_mul(space.f_frsize) >> 20;
        Ok((megabytes < self.config.alarms.least_free_megabytes).then_some(megabytes))
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

    /// The second way, which needs no mailbox. What it was not told is told with the next pass.
    async fn tell_robot(&mut self) -> Result<()> {
        let Some(robot) = self.config.alarms.robot else {
            return Ok(());
        };
        for alarm in self.store.untold_alarms()? {
            match self.post(robot, &alarm).await {
                Ok(()) => self.store.alarm_told(&alarm)?,
                Err(error) => warn!("the robot was not told of an alarm: {error:#}"),
            }
        }
        Ok(())
    }

    /// The address holds the robot's key, so errors must not show it.
    async fn post(&self, robot: Robot, alarm: &Alarm) -> Result<()> {
        let url = config::secret(&self.config.alarms.robot_url_file)?;
        let body = to_robot(robot, alarm);
        let answer = tokio::task::spawn_blocking(move || {
            let agent = ureq::Agent::config_builder()
                .timeout_global(Some(ROBOT_TIME))
                .build()
                .new_agent();
            let answer = agent.post(url.expose_secret()).send_json(body);
            answer.map(|_| ()).map_err(|error| match error {
                ureq::Error::StatusCode(code) => format!("HTTP {code}"),
                ureq::Error::Timeout(_) => "no answer in time".to_owned(),
                _ => "no connection".to_owned(),
            })
        });
        answer
            .await
            .context("the post was cut off")?
            .map_err(anyhow::Error::msg)
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

fn credentials_refused(polled: Result<(), &anyhow::Error>) -> Option<Wrong> {
    let words = "收信服务器拒绝登录，请检查邮箱授权码";
    let cause = polled.err()?.downcast_ref::<mailbox::Error>()?;
    matches!(cause, mailbox::Error::Credentials { .. }).then(|| ("credentials", words.to_owned()))
}
