//! The mailbox from within: login, folders, and how far back it shows mails.

use super::finding::both;
use super::{Finding, Item};
use crate::campaign::{Campaign, Moment};
use crate::config::Mailbox;
use crate::mailbox::{Error, SIZES, Session, decode, watched};
use chrono::TimeDelta;
use secrecy::SecretString;

/// 163.com shows the mails of so many days where it is set to 收取最近30天邮件, and some hours more or less.
const WINDOW: TimeDelta = TimeDelta::days(30);
const MARGIN: TimeDelta = TimeDelta::days(1);
const INBOX: &str = "INBOX";

/// What is seen from within.
#[derive(Debug, Default)]
pub struct Seen {
    /// Every folder that may be opened, as the server writes it, with its count or why it stays shut.
    pub folders: Vec<(String, Result<u32, Error>)>,
    /// Which of them are watched; or why one that the settings name is not.
    pub watched: Vec<Result<String, Error>>,
    /// Why the server refused ID, where it did.
    pub id_refused: Option<String>,
    /// Mails in INBOX, and the arrival of the oldest among those longest there.
    pub inbox: Option<(u32, Option<Moment>)>,
}

/// Logs in and looks around; nothing is marked or moved.
///
/// # Errors
/// Those of the login, and of a connection that is lost later.
pub async fn look(settings: &Mailbox, password: &SecretString) -> Result<Seen, Error> {
    let mut session = Session::open(settings, password).await?;
    let mut seen = Seen {
        id_refused: session.id_refused().map(str::to_owned),
        ..Seen::default()
    };
    let listed = session.folders().await?;
    seen.watched = watched(settings.folders.as_deref(), &listed);
    for folder in listed.into_iter().filter(|folder| folder.selectable) {
        let opened = match session.examine(&folder.name).await {
            Err(error) if !error.leaves_session() => return Err(error),
            opened => opened,
        };
        if let (INBOX, Ok(opened)) = (folder.name.to_uppercase().as_str(), &opened) {
            seen.inbox = Some((opened.exists, oldest(&mut session).await?));
        }
        seen.folders
            .push((folder.name, opened.map(|opened| opened.exists)));
    }
    session.close().await;
    Ok(seen)
}

/// UIDs grow with the time of arrival: the lowest tell enough, also where some mail was moved in later.
async fn oldest(session: &mut Session) -> Result<Option<Moment>, Error> {
    let mut uids = session.search(1).await?;
    uids.truncate(SIZES);
    if uids.is_empty() {
        return Ok(None);
    }
    let listed = session.list(&uids).await?;
    Ok(listed.into_iter().filter_map(|mail| mail.received_at).min())
}

/// Whether the mailbox lets us in.
pub fn login(settings: &Mailbox, seen: &Result<Seen, Error>) -> Finding {
    let user = &settings.user;
    match seen {
        Ok(seen) => match (&seen.id_refused, unsafe_login(seen)) {
            (_, Some(answer)) => not_trusted(&answer),
            (Some(answer), None) => Finding::warning(
                Item::ImapLogin,
                both!(
                    "{user}已登录，但服务器不接受ID命令：{answer}",
                    "logged in as {user}, but the server refuses the ID command: {answer}"
                ),
                both!(
                    "文件夹能打开则不影响收信；163.com要求ID，如随后出现Unsafe Login，请核对host",
                    "nothing follows while folders open; 163.com demands ID: check host if Unsafe Login comes up"
                ),
            ),
            (None, None) => Finding::ok(
                Item::ImapLogin,
                both!(
                    "{user}已登录，ID已被接受",
                    "logged in as {user}, ID accepted"
                ),
            ),
        },
        Err(Error::Credentials { answer, .. }) => Finding::wrong(
            Item::ImapLogin,
            both!(
                "服务器拒绝{user}登录：{answer}",
                "the server refuses the login of {user}: {answer}"
            ),
            both!(
                "登录mail.163.com → 设置 → POP3/SMTP/IMAP，确认IMAP/SMTP服务已开启，新建授权码（不是登录密码），存入mailbox.password_file所指文件",
                "at mail.163.com → 设置 → POP3/SMTP/IMAP see that IMAP/SMTP is switched on, make a new authorization code (授权码, not the web password), and put it into the file of mailbox.password_file"
            ),
        ),
        Err(error @ Error::Refused { answer, .. }) if is_unsafe(answer) => {
            not_trusted(&error.to_string())
        }
        Err(error) => Finding::wrong(
            Item::ImapLogin,
            both!("登录或随后的查看中断：{error}", "broken off: {error}"),
            both!(
                "稍后再试；登录过于频繁时163.com会暂时拒绝，收信间隔（poll_seconds）宜在180秒以上",
                "try again later: 163.com turns away for a while who comes too often; keep poll_seconds at 180 or more"
            ),
        ),
    }
}

fn is_unsafe(answer: &str) -> bool {
    let lower = answer.to_lowercase();
    lower.contains("unsafe login") || lower.contains("login is not safe")
}

/// 163.com lets in whom it does not trust, and then opens no folder.
fn unsafe_login(seen: &Seen) -> Option<String> {
    seen.folders.iter().find_map(|(_, opened)| match opened {
        Err(Error::Refused { answer, .. }) if is_unsafe(answer) => Some(answer.clone()),
        _ => None,
    })
}

fn not_trusted(answer: &str) -> Finding {
    Finding::wrong(
        Item::ImapLogin,
        both!(
            "授权码有效，但网易判定为不安全登录，不让打开文件夹：{answer}",
            "the code is right, but the server takes the login for unsafe and opens no folder: {answer}"
        ),
        both!(
            "本程序每次登录都已发送ID命令；请在网页邮箱查看“一次被阻止的收信行为”提醒并确认本人操作，仍不行则关闭再开启IMAP服务、新建授权码，或致电网易客服",
            "ID was sent, as it is on each connection; confirm the notice 一次被阻止的收信行为 in the web mail; if that does not help switch IMAP off and on there, make a new authorization code (授权码), or ask kefu@188.com"
        ),
    )
}

/// What the watched folders hold, and which others there are. Reports come into INBOX; a spam folder that stays shut
/// stops nothing.
pub fn folders(seen: &Seen) -> Finding {
    let is_watched = |name: &String| seen.watched.iter().flatten().any(|other| other == name);
    let (mut open, mut others, mut shut) = (Vec::new(), Vec::new(), Vec::new());
    let mut wrong = false;
    for (name, opened) in &seen.folders {
        let shown = decode(name);
        match (opened, is_watched(name)) {
            (Ok(count), true) => open.push(format!("{shown} {count}")),
            (Ok(count), false) => others.push(format!("{shown} {count}")),
            (Err(error), true) => {
                wrong |= name == INBOX;
                let why = answer_of(error);
                shut.push(both!("{shown}（{why}）", "{shown} ({why})"));
            }
            (Err(_), false) => {}
        }
    }
    for error in seen.watched.iter().filter_map(|name| name.as_ref().err()) {
        wrong = true;
        let name = missing(error);
        shut.push(both!("{name}（邮箱中没有）", "{name} (not in the mailbox)"));
    }
    let (zh, en) = (open.join("、"), open.join(", "));
    if shut.is_empty() {
        let what = match (others.join("、"), others.join(", ")) {
            (none, _) if none.is_empty() => both!("收取：{zh}", "watched: {en}"),
            (other_zh, other_en) => both!(
                "收取：{zh}；不收取：{other_zh}",
                "watched: {en}; not watched: {other_en}"
            ),
        };
        return Finding::ok(Item::Folders, what);
    }
    let (shut_zh, shut_en): (Vec<_>, Vec<_>) =
        shut.into_iter().map(|words| (words.zh, words.en)).unzip();
    let (shut_zh, shut_en) = (shut_zh.join("、"), shut_en.join(", "));
    let what = both!(
        "打不开：{shut_zh}；已打开：{zh}",
        "shut: {shut_en}; open: {en}"
    );
    let remedy = both!(
        "核对mailbox.folders中的名称；在网页邮箱确认该文件夹存在",
        "compare mailbox.folders with the folders in the web mail"
    );
    match wrong {
        true => Finding::wrong(Item::Folders, what, remedy),
        false => Finding::warning(Item::Folders, what, remedy),
    }
}

fn answer_of(error: &Error) -> String {
    match error {
        Error::Refused { answer, .. } => answer.clone(),
        other => other.to_string(),
    }
}

/// The folder that the settings name and the server lacks.
fn missing(error: &Error) -> String {
    match error {
        Error::Refused { command, .. } => command.trim_start_matches("EXAMINE ").to_owned(),
        other => other.to_string(),
    }
}

/// What tells whether 163.com hides older mails from IMAP.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Mails in INBOX.
    pub count: u32,
    /// Arrival of the oldest mail shown.
    pub oldest: Option<Moment>,
    /// Arrival of the oldest mail of INBOX that we ever kept.
    pub oldest_kept: Option<Moment>,
    /// The day, as a moment.
    pub now: Moment,
}

/// Whether all mails are shown, as far as it can be known: the setting itself cannot be asked for.
pub fn window(window: &Window, campaign: &Campaign) -> Finding {
    let Some(oldest) = window.oldest else {
        return Finding::not_tried(
            Item::Window,
            both!(
                "收件箱中没有邮件，看不出收取范围",
                "INBOX shows no mail, so it cannot be seen how far back it goes"
            ),
        );
    };
    let (count, since) = (window.count, oldest.date_naive());
    let edge = window.now - WINDOW;
    let remedy = || {
        both!(
            "登录mail.163.com → 设置 → POP3/SMTP/IMAP → 收取选项，选“收取全部邮件”；已隐藏的邮件随后会收到",
            "at mail.163.com → 设置 → POP3/SMTP/IMAP → 收取选项 choose 收取全部邮件; what was hidden is fetched then"
        )
    };
    if oldest < edge - MARGIN {
        return Finding::ok(
            Item::Window,
            both!(
                "收件箱{count}封，最早{since}，未受30天限制",
                "{count} mails in INBOX, the oldest of {since}: not limited to 30 days"
            ),
        );
    }
    let kept = window.oldest_kept.filter(|kept| *kept < oldest - MARGIN);
    if let Some(kept) = kept {
        let kept = kept.date_naive();
        return Finding::warning(
            Item::Window,
            both!(
                "收件箱最早只看到{since}的邮件，而本系统存有{kept}的：较早的已被隐藏或删除",
                "INBOX shows mails since {since} only, and we keep some of {kept}: older ones are hidden or deleted"
            ),
            remedy(),
        );
    }
    let begins = campaign.plan.due;
    if oldest <= edge + MARGIN || (since > begins && edge.date_naive() > begins) {
        return Finding::warning(
            Item::Window,
            both!(
                "收件箱最早只看到{since}的邮件，方案{begins}前就应报送：可能只收取最近30天",
                "INBOX shows mails since {since} only, though plans were due {begins}: it may be limited to the last 30 days"
            ),
            remedy(),
        );
    }
    Finding::ok(
        Item::Window,
        both!(
            "收件箱{count}封，最早{since}，尚不足30天，看不出是否受限；请确认收取选项为“收取全部邮件”",
            "{count} mails in INBOX, the oldest of {since}, not 30 days old: whether older ones would be hidden cannot be seen yet; see that 收取选项 is 收取全部邮件"
        ),
    )
}
