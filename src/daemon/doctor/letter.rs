//! A letter to ourselves: out by SMTP, and found again in the mailbox; and by it the clock.

use super::finding::both;
use super::{Finding, Item};
use crate::attribution::SELF_TEST;
use crate::campaign::Moment;
use crate::config::Config;
use crate::daemon::Clock;
use crate::mailbox::{Error, Fetched, Raw, Session, batches, decode, watched};
use crate::message::received;
use crate::outgoing::{Envelope, Refusal, Smtp, self_test};
use chrono::TimeDelta;
use secrecy::SecretString;
use std::time::Duration;
use tokio::time::Instant;

/// Our letter is far smaller; a larger mail that arrives meanwhile is not fetched.
const MOST_BYTES: u64 = 64 << 10;
/// A clock that is off by no more changes neither what is on time nor when letters leave.
const UNNOTICED: TimeDelta = TimeDelta::seconds(60);
const HARMFUL: TimeDelta = TimeDelta::minutes(5);
const INBOX: &str = "INBOX";

/// How long the letter is waited for, and how often it is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// From its sending on.
    pub at_most: Duration,
    /// Between two looks.
    pub every: Duration,
}

impl Default for Wait {
    /// Others measured up to 40 s between the 250 and the mail's showing.
    fn default() -> Self {
        Self {
            at_most: Duration::from_secs(120),
            every: Duration::from_secs(5),
        }
    }
}

/// What became of a letter that was handed over.
#[derive(Debug)]
pub enum Arrival {
    /// It lies in this folder.
    Found(Found),
    /// It was nowhere in time.
    Missing,
    /// The search broke off.
    Broken(Error),
}

/// A letter found again, by our clock and by the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As the server writes it.
    pub folder: String,
    /// When it was offered.
    pub sent: Moment,
    /// When it was seen.
    pub seen: Moment,
    /// When it arrived, by the server's clock; `None` where the mail does not tell.
    pub arrived: Option<Moment>,
}

/// A search for one letter in the watched folders. Only what comes after its opening is looked at.
pub struct Search {
    session: Session,
    /// Each folder with its highest UID.
    folders: Vec<(String, u32)>,
}

impl Search {
    /// Notes what lies in the folders before the letter leaves.
    ///
    /// # Errors
    /// Of the login; a folder that stays shut is not searched.
    pub async fn open(config: &Config, password: &SecretString) -> Result<Self, Error> {
        let mut session = Session::open(&config.mailbox, password).await?;
        let listed = session.folders().await?;
        let names = watched(config.mailbox.folders.as_deref(), &listed);
        let mut folders = Vec::new();
        for name in names.into_iter().flatten() {
            match newer(&mut session, &name, 1).await {
                Ok(uids) => folders.push((name, uids.last().copied().unwrap_or(0))),
                Err(error) if error.leaves_session() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { session, folders })
    }

    /// Looks until the letter is there or the wait is over.
    pub async fn find(mut self, token: &str, sent: Moment, wait: Wait) -> Arrival {
        let end = Instant::now() + wait.at_most;
        loop {
            match self.look(token, sent).await {
                Ok(Some(found)) => {
                    self.session.close().await;
                    return Arrival::Found(found);
                }
                Ok(None) if Instant::now() + wait.every >= end => {
                    self.session.close().await;
                    return Arrival::Missing;
                }
                Ok(None) => tokio::time::sleep(wait.every).await,
                Err(error) => return Arrival::Broken(error),
            }
        }
    }

    async fn look(&mut self, token: &str, sent: Moment) -> Result<Option<Found>, Error> {
        for (folder, last) in &mut self.folders {
            let session = &mut self.session;
            let uids = newer(session, folder, last.saturating_add(1)).await?;
            let Some(highest) = uids.last() else { continue };
            let mut listed = session.list(&uids).await?;
            listed.retain(|mail| mail.size <= MOST_BYTES);
            for batch in batches(listed) {
                let fetched = session.fetch(&batch, &std::env::temp_dir(), &|| ()).await?;
                let ours = fetched.iter().find_map(|mail| arrival_of_ours(mail, token));
                if let Some(arrived) = ours {
                    return Ok(Some(Found {
                        folder: folder.clone(),
                        sent,
                        seen: now(),
                        arrived,
                    }));
                }
            }
            *last = *highest;
        }
        Ok(None)
    }
}

async fn newer(session: &mut Session, folder: &str, first: u32) -> Result<Vec<u32>, Error> {
    session.examine(folder).await?;
    session.search(first).await
}

/// When a mail arrived, where it is ours. Servers were seen to write another Message-ID and keep the one they got.
fn arrival_of_ours(mail: &Fetched, token: &str) -> Option<Option<Moment>> {
    let Raw::Memory(raw) = &mail.raw else {
        return None;
    };
    let is_ours = memchr::memmem::find(raw, token.as_bytes()).is_some();
    is_ours.then(|| mail.listed.received_at.or_else(|| received(raw)))
}

/// The clock is what is examined, so it is read here.
fn now() -> Moment {
    Clock::new(None, false).now()
}

/// Hands the letter over; gives the token that it bears and when it was offered.
///
/// # Errors
/// The refusal.
pub async fn send(config: &Config, smtp: &Smtp) -> Result<(String, Moment), Refusal> {
    let out = &config.outgoing;
    let token = format!("{:032x}", rand::random::<u128>());
    let domain = out.user.rsplit('@').next().unwrap_or("localhost");
    let message_id = format!("{token}@{domain}");
    let sent = now();
    let envelope = Envelope {
        from: &out.user,
        to: &config.mailbox.user,
        message_id: &message_id,
    };
    let bytes = self_test(&envelope, sent);
    let bytes = bytes.map_err(|error| Refusal::Address(format!("{error:#}")))?;
    smtp.hand_over(&envelope, &bytes).await?;
    Ok((token, sent))
}

/// Whether SMTP lets us in.
pub fn login(config: &Config, tried: &Result<(), Refusal>) -> Finding {
    let user = &config.outgoing.user;
    match tried {
        Ok(()) => Finding::ok(
            Item::SmtpLogin,
            both!("{user}已登录", "logged in as {user}"),
        ),
        Err(Refusal::Credentials(why)) => Finding::wrong(
            Item::SmtpLogin,
            both!(
                "服务器拒绝{user}登录：{why}",
                "the server refuses the login of {user}: {why}"
            ),
            both!(
                "登录mail.163.com → 设置 → POP3/SMTP/IMAP，确认IMAP/SMTP服务已开启，新建授权码（不是登录密码），存入outgoing.password_file所指文件",
                "at mail.163.com → 设置 → POP3/SMTP/IMAP see that IMAP/SMTP is switched on, make a new authorization code (授权码, not the web password), and put it into the file of outgoing.password_file"
            ),
        ),
        Err(other) => {
            let (zh, en) = reason(other);
            Finding::wrong(
                Item::SmtpLogin,
                both!(
                    "登录未完成：{zh}",
                    "the login did not come to its end: {en}"
                ),
                both!(
                    "稍后再试；一日内连接过多时163.com会暂时拒绝",
                    "try again later: 163.com turns away for a while after too many connections"
                ),
            )
        }
    }
}

fn reason(refusal: &Refusal) -> (String, String) {
    match refusal {
        Refusal::Silent => (
            "服务器未在限定时间内答复".into(),
            "no answer in time".into(),
        ),
        Refusal::Address(why)
        | Refusal::Unreachable(why)
        | Refusal::Credentials(why)
        | Refusal::NotLoggedIn(why)
        | Refusal::Letter(why)
        | Refusal::Unfinished(why) => (why.clone(), why.clone()),
    }
}

/// Whether the letter left.
pub fn handed_over<T>(config: &Config, sent: &Result<T, Refusal>) -> Finding {
    let to = &config.mailbox.user;
    let refusal = match sent {
        Ok(_) => {
            return Finding::ok(Item::Letter, both!("已寄给{to}", "left for {to}"));
        }
        Err(refusal) => refusal,
    };
    let (zh, en) = reason(refusal);
    Finding::wrong(
        Item::Letter,
        both!("没有寄出：{zh}", "did not leave: {en}"),
        match refusal {
            Refusal::Letter(_) | Refusal::Address(_) => both!(
                "outgoing.user须与登录的邮箱相同（163.com不许用其他发件人），mailbox.user须是有效地址；被判为垃圾邮件时稍后再试",
                "outgoing.user must be the mailbox that logs in (163.com takes no other sender), mailbox.user a mail address; if it was taken for spam try again later"
            ),
            _ => both!(
                "稍后再试；163.com限制每日寄信数（letters_a_day）",
                "try again later; 163.com bounds the letters of a day (letters_a_day)"
            ),
        },
    )
}

/// Whether the letter came in again, and where.
pub fn arrival(arrival: &Arrival, wait: Wait) -> Finding {
    let Found {
        folder, sent, seen, ..
    } = match arrival {
        Arrival::Found(found) => found,
        Arrival::Missing => {
            let seconds = wait.at_most.as_secs();
            return Finding::wrong(
                Item::Arrival,
                both!(
                    "寄出后{seconds}秒内未在邮箱中出现",
                    "not in the mailbox {seconds} s after it left"
                ),
                both!(
                    "在网页邮箱中查找“{SELF_TEST}”：若已收到，稍后再查一次；若被过滤规则移走，把该文件夹加入mailbox.folders；若没有，查看退信和邮箱容量",
                    "look for {SELF_TEST} in the web mail: if it is there, run this again later; if a filter moved it, add that folder to mailbox.folders; else see bounces and the mailbox's room"
                ),
            );
        }
        Arrival::Broken(error) => {
            return Finding::wrong(
                Item::Arrival,
                both!("查找中断：{error}", "the search broke off: {error}"),
                both!("稍后再试", "try again later"),
            );
        }
    };
    let (name, seconds) = (decode(folder), (*seen - *sent).num_seconds().max(0));
    let what = both!(
        "{seconds}秒后在“{name}”中找到",
        "found in {name} after {seconds} s"
    );
    if folder == INBOX {
        return Finding::ok(Item::Arrival, what);
    }
    Finding::warning(
        Item::Arrival,
        what,
        both!(
            "在网页邮箱中把{SELF_TEST}标为非垃圾邮件，并把本邮箱加入白名单",
            "mark {SELF_TEST} as no spam in the web mail, and put the mailbox on its own white list"
        ),
    )
}

/// How far our clock is from the server's: by how much the arrival lies outside of the time in which it must have been.
pub fn skew(found: &Found) -> Option<TimeDelta> {
    let arrived = found.arrived?;
    let (sent, seen) = (found.sent, found.seen);
    // The server's moments are whole seconds.
    let second = TimeDelta::seconds(1);
    Some(if arrived + second < sent {
        arrived - sent
    } else if arrived > seen + second {
        arrived - seen
    } else {
        TimeDelta::zero()
    })
}

/// Whether our clock goes right, by the server's.
pub fn clock(found: &Found) -> Finding {
    let Some(skew) = skew(found) else {
        return Finding::not_tried(
            Item::Clock,
            both!(
                "服务器没有给出信件的到达时间",
                "the server does not tell when the letter arrived"
            ),
        );
    };
    let seconds = skew.num_seconds().abs();
    let what = match skew {
        _ if skew.is_zero() => both!("与邮件服务器一致", "agrees with the server's"),
        _ if skew > TimeDelta::zero() => both!(
            "比邮件服务器慢{seconds}秒",
            "{seconds} s behind the server's"
        ),
        _ => both!(
            "比邮件服务器快{seconds}秒",
            "{seconds} s ahead of the server's"
        ),
    };
    let remedy = both!(
        "开启时间同步：timedatectl set-ntp true；到达时间以服务器为准，日报和提醒按本机时钟寄出",
        "switch time synchronization on: timedatectl set-ntp true; arrivals are by the server's clock, letters leave by ours"
    );
    match skew.abs() {
        off if off <= UNNOTICED => Finding::ok(Item::Clock, what),
        off if off <= HARMFUL => Finding::warning(Item::Clock, what, remedy),
        _ => Finding::wrong(Item::Clock, what, remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::in_china;
    use crate::mailbox::Listed;
    use chrono::NaiveDate;

    #[test]
    fn our_letter_is_known_by_its_token_and_its_arrival_by_received_where_the_server_gives_no_date()
    {
        let day = NaiveDate::from_ymd_opt(2022, 5, 24).unwrap();
        let at = in_china(day.and_hms_opt(11, 0, 3).unwrap());
        let fetched = |received_at, raw: &str| Fetched {
            listed: Listed {
                uid: 7,
                size: 100,
                received_at,
            },
            raw: Raw::Memory(raw.as_bytes().to_vec()),
        };
        let rewritten = "Received: from a by b; Tue, 24 May 2022 11:00:03 +0800\r\nMessage-ID: <other@163.com>\r\n\
                         X-OQ-MSGID: <00ff@163.com>\r\n\r\nx\r\n";
        assert_eq!(
            arrival_of_ours(&fetched(None, rewritten), "00ff"),
            Some(Some(at))
        );
        let later = at + TimeDelta::seconds(9);
        assert_eq!(
            arrival_of_ours(&fetched(Some(later), rewritten), "00ff"),
            Some(Some(later))
        );
        assert_eq!(
            arrival_of_ours(&fetched(None, "X: 00ff\r\n\r\n"), "00ff"),
            Some(None)
        );
        assert_eq!(arrival_of_ours(&fetched(Some(at), rewritten), "11ff"), None);
    }
}
