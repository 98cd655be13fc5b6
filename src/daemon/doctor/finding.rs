//! What one examination found, and how it is shown.

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// A text in Chinese and in English, with what is in scope: `both!("{n}个单位", "{n} units")`.
macro_rules! both {
    ($zh:literal, $en:literal) => {
        $crate::daemon::doctor::Words {
            zh: format!($zh),
            en: format!($en),
        }
    };
}
pub(super) use both;

/// One text in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Words {
    pub zh: String,
    pub en: String,
}

/// In which language findings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Lang {
    Zh,
    En,
}

impl Lang {
    /// Of the environment, as gettext takes it: the first of LC_ALL, LC_MESSAGES and LANG that is set.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
        match names.iter().find_map(set) {
            Some(locale) if locale.to_lowercase().starts_with("zh") => Self::Zh,
            _ => Self::En,
        }
    }
}

impl Words {
    /// The text in one language.
    pub fn in_lang(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Works, and somebody should look.
    Warning,
    /// Does not work.
    Wrong,
    /// Could not be tried, because of another finding or as asked.
    NotTried,
}

/// What is examined. The names in JSON are the public interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Item {
    Settings,
    Staff,
    MailboxCode,
    OutgoingCode,
    RobotUrl,
    StorageKey,
    Sender,
    Campaign,
    Addresses,
    Names,
    DataDir,
    Disk,
    Database,
    Storage,
    Daemon,
    TimeZone,
    Reader,
    Tools,
    ImapHost,
    ImapConnection,
    ImapLogin,
    Folders,
    Window,
    SmtpHost,
    SmtpConnection,
    SmtpLogin,
    Letter,
    Arrival,
    Clock,
}

impl Item {
    /// Every item, in the order in which they are examined.
    pub const ALL: [Self; 29] = [
        Self::Settings,
        Self::Staff,
        Self::MailboxCode,
        Self::OutgoingCode,
        Self::RobotUrl,
        Self::StorageKey,
        Self::Sender,
        Self::Campaign,
        Self::Addresses,
        Self::Names,
        Self::DataDir,
        Self::Disk,
        Self::Database,
        Self::Storage,
        Self::Daemon,
        Self::TimeZone,
        Self::Reader,
        Self::Tools,
        Self::ImapHost,
        Self::ImapConnection,
        Self::ImapLogin,
        Self::Folders,
        Self::Window,
        Self::SmtpHost,
        Self::SmtpConnection,
        Self::SmtpLogin,
        Self::Letter,
        Self::Arrival,
        Self::Clock,
    ];

    fn title(self, lang: Lang) -> &'static str {
        let (zh, en) = match self {
            Self::Settings => ("设置文件", "settings"),
            Self::Staff => ("工作人员", "staff"),
            Self::MailboxCode => ("收信授权码", "mailbox code"),
            Self::OutgoingCode => ("发信授权码", "outgoing code"),
            Self::RobotUrl => ("群机器人", "robot"),
            Self::StorageKey => ("存储密钥", "storage key"),
            Self::Sender => ("发信人", "sender"),
            Self::Campaign => ("活动周日程", "campaign"),
            Self::Addresses => ("单位邮箱", "addresses"),
            Self::Names => ("单位名称", "names"),
            Self::DataDir => ("数据目录", "data"),
            Self::Disk => ("磁盘空间", "disk"),
            Self::Database => ("数据库", "database"),
            Self::Storage => ("对象存储", "storage"),
            Self::Daemon => ("守护进程", "daemon"),
            Self::TimeZone => ("时区", "time zone"),
            Self::Reader => ("阅读隔离", "reader"),
            Self::Tools => ("外部工具", "tools"),
            Self::ImapHost => ("收信域名", "IMAP host"),
            Self::ImapConnection => ("收信连接", "IMAP connection"),
            Self::ImapLogin => ("收信登录", "IMAP login"),
            Self::Folders => ("文件夹", "folders"),
            Self::Window => ("收取范围", "window"),
            Self::SmtpHost => ("发信域名", "SMTP host"),
            Self::SmtpConnection => ("发信连接", "SMTP connection"),
            Self::SmtpLogin => ("发信登录", "SMTP login"),
            Self::Letter => ("自检信寄出", "letter"),
            Self::Arrival => ("自检信收到", "arrival"),
            Self::Clock => ("时钟", "clock"),
        };
        match lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }
}

/// One line of `check` and `doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was examined.
    pub item: Item,
    /// Name of the mailbox that it is of; empty where that has none.
    pub mailbox: String,
    /// How it was found.
    pub state: State,
    /// In words, or why it was not tried.
    pub what: Words,
    /// What helps, where something should be done.
    pub remedy: Option<Words>,
}

impl Finding {
    pub(super) fn ok(item: Item, what: Words) -> Self {
        Self::new(item, State::Ok, what, None)
    }

    pub(super) fn warning(item: Item, what: Words, remedy: Words) -> Self {
        Self::new(item, State::Warning, what, Some(remedy))
    }

    pub(super) fn wrong(item: Item, what: Words, remedy: Words) -> Self {
        Self::new(item, State::Wrong, what, Some(remedy))
    }

    pub(super) fn not_tried(item: Item, why: Words) -> Self {
        Self::new(item, State::NotTried, why, None)
    }

    fn new(item: Item, state: State, what: Words, remedy: Option<Words>) -> Self {
        Self {
            item,
            mailbox: String::new(),
            state,
            what,
            remedy,
        }
    }

    pub(super) fn in_mailbox(self, mailbox: &str) -> Self {
        Self {
            mailbox: mailbox.to_owned(),
            ..self
        }
    }

    /// Whether this keeps the daemon from its work.
    pub fn is_wrong(&self) -> bool {
        self.state == State::Wrong
    }

    /// The line for a terminal, columns aligned, with the remedy beneath.
    pub fn line(&self, lang: Lang) -> String {
        let states = [State::Ok, State::Warning, State::Wrong, State::NotTried];
        let widest = |words: &mut dyn Iterator<Item = &'static str>| {
            words.map(UnicodeWidthStr::width).max().unwrap_or(0)
        };
        let first = widest(&mut states.into_iter().map(|state| word(state, lang)));
        let second = widest(&mut Item::ALL.into_iter().map(|item| item.title(lang)));
        let mut line = format!(
            "{}  {}  {}{}",
            padded(word(self.state, lang), first),
            padded(self.item.title(lang), second),
            match self.mailbox.as_str() {
                "" => String::new(),
                name => match lang {
                    Lang::Zh => format!("{name}："),
                    Lang::En => format!("{name}: "),
                },
            },
            self.what.in_lang(lang)
        );
        if let Some(remedy) = &self.remedy {
            line += &format!(
                "\n{}→ {}",
                " ".repeat(first + second + 4),
                remedy.in_lang(lang)
            );
        }
        line
    }

    /// The public shape of `--json`.
    pub fn json(&self, lang: Lang) -> serde_json::Value {
        let mailbox = Some(&self.mailbox).filter(|name| !name.is_empty());
        serde_json::json!({
            "id": self.item,
            "mailbox": mailbox,
            "state": self.state,
            "what": self.what.in_lang(lang),
            "remedy": self.remedy.as_ref().map(|remedy| remedy.in_lang(lang)),
        })
    }
}

fn word(state: State, lang: Lang) -> &'static str {
    let (zh, en) = match state {
        State::Ok => ("正常", "ok"),
        State::Warning => ("注意", "warning"),
        State::Wrong => ("有误", "wrong"),
        State::NotTried => ("未查", "not tried"),
    };
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// Chinese characters take two columns of a terminal.
fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// A few of many, whose count is told beside them: 甲、乙等.
pub(super) fn some_of(all: &[String]) -> Words {
    const SHOWN: usize = 4;
    let shown = &all[..all.len().min(SHOWN)];
    let (zh, en, more) = (shown.join("、"), shown.join(", "), all.len() - shown.len());
    match more {
        0 => both!("{zh}", "{en}"),
        _ => both!("{zh}等", "{en} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_that_of_the_first_locale_that_is_set() {
        for (all, messages, lang, expected) in [
            (None, None, None, Lang::En),
            (None, None, Some("zh_CN.UTF-8"), Lang::Zh),
            (Some(""), Some("en_US.UTF-8"), Some("zh_CN"), Lang::En),
            (Some("C"), None, Some("zh_CN"), Lang::En),
            (Some("zh_TW"), Some("C"), None, Lang::Zh),
        ] {
            let variable = |name: &str| {
                let value = match name {
                    "LC_ALL" => all,
                    "LC_MESSAGES" => messages,
                    _ => lang,
                };
                value.map(str::to_owned)
            };
            assert_eq!(
                Lang::of(variable),
                expected,
                "{all:?} {messages:?} {lang:?}"
            );
        }
    }

    #[test]
    fn every_item_has_a_title_and_a_name_of_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for item in Item::ALL {
            assert!(names.insert(serde_json::to_string(&item).unwrap()));
            assert!(names.insert(item.title(Lang::Zh).to_owned()));
        }
    }
}
