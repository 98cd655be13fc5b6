//! The settings: what they name, who is told, and the files that hold secrets.

use super::finding::{both, some_of};
use super::{Finding, Item};
use crate::config::{self, Config};
use crate::outgoing::Templates;
use crate::store::Remote;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Settings that cannot be used at all: nothing else can be examined.
pub fn unusable(error: &anyhow::Error) -> Finding {
    Finding::wrong(
        Item::Settings,
        both!("设置不能使用：{error:#}", "cannot be used: {error:#}"),
        both!(
            "按上面指出的文件和键改正；各键的写法见config/baosong.toml、campaign.toml、units.toml中的注释",
            "correct the file and key named above; the comments in config/baosong.toml, campaign.toml and units.toml are the manual"
        ),
    )
}

/// Where the settings come from, and whether the templates that they name can be used.
pub fn file(path: Option<&Path>, config: &Config) -> Finding {
    if let Err(error) = Templates::open(config.outgoing.templates.as_deref()) {
        return Finding::wrong(
            Item::Settings,
            both!(
                "信件模板不能使用：{error:#}",
                "the templates cannot be used: {error:#}"
            ),
            both!(
                "改正该模板，或从outgoing.templates所指目录移走，改用内置模板",
                "correct it, or take it out of the directory in outgoing.templates: the built-in one is used then"
            ),
        );
    }
    let shown = path.map(|path| path.display());
    Finding::ok(
        Item::Settings,
        match shown {
            Some(path) => both!("{path}", "{path}"),
            None => both!(
                "未指定设置文件，用内置默认值",
                "built in: no file was named"
            ),
        },
    )
}

/// Who gets the digest.
pub fn staff(config: &Config) -> Finding {
    let staff = &config.staff.digest_to;
    if staff.is_empty() {
        return Finding::warning(
            Item::Staff,
            both!(
                "staff.digest_to为空，日报无人接收",
                "staff.digest_to is empty: nobody gets the digest"
            ),
            both!(
                "在设置中填写staff.digest_to，如[\"zhang@example.cn\"]",
                "set staff.digest_to, such as [\"zhang@example.cn\"]"
            ),
        );
    }
    let own = &config.mailbox.user;
    if staff.iter().any(|to| to.eq_ignore_ascii_case(own)) {
        return Finding::warning(
            Item::Staff,
            both!(
                "staff.digest_to中有报送邮箱本身（{own}），日报会混入报送邮件",
                "staff.digest_to holds the mailbox itself ({own}): digests would lie among the reports"
            ),
            both!("改用工作人员自己的邮箱", "name the staff's own addresses"),
        );
    }
    let (count, to) = (staff.len(), some_of(staff));
    let (zh, en) = (to.zh, to.en);
    Finding::ok(
        Item::Staff,
        both!("日报寄往{count}个邮箱：{zh}", "digests go to {count}: {en}"),
    )
}

/// Whether what comes back to the sender of letters is noticed.
pub fn sender(config: &Config) -> Finding {
    let user = &config.outgoing.user;
    if config.sending_mailbox().is_some() {
        return Finding::ok(
            Item::Sender,
            both!(
                "{user}，退信和回复都会收到",
                "{user}: answers and what comes back are noticed"
            ),
        );
    }
    Finding::warning(
        Item::Sender,
        both!(
            "{user}不在所读的邮箱之中，退信不会被发现",
            "{user} is no mailbox of the campaign: letters that come back are not noticed"
        ),
        both!(
            "将outgoing.user改为所读的邮箱，或把它也列为[[mailbox]]",
            "set outgoing.user to a mailbox that is read, or list it as a [[mailbox]] too"
        ),
    )
}

/// What came of a look at the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// A small object was put there, seen and removed.
    Worked,
    /// The directory is not there yet, and can be made.
    ToBeMade,
    /// Without network it is not tried.
    Not,
    /// Why it cannot be used.
    Failed(String),
}

impl Tried {
    pub fn of(remote: &Remote, online: bool) -> Self {
        let tried = match online {
            true => remote.try_out().map(|worked| match worked {
                true => Self::Worked,
                false => Self::ToBeMade,
            }),
            false => remote.ready().map(|()| Self::Not),
        };
        tried.unwrap_or_else(|error| Self::Failed(format!("{error:#}")))
    }
}

/// Whether files can be copied into the storage besides the disk.
pub fn storage(url: Option<&str>, tried: Option<Tried>) -> Finding {
    let item = Item::Storage;
    let (Some(url), Some(tried)) = (url, tried) else {
        let words = both!(
            "未设置，文件都在磁盘上",
            "none is set: all files stay on the disk"
        );
        return Finding::ok(item, words);
    };
    match tried {
        Tried::Worked => Finding::ok(
            item,
            both!(
                "{url}，试存、查看、删除一个小文件均成功",
                "{url}: a small file was put, seen and removed"
            ),
        ),
        Tried::ToBeMade => Finding::ok(
            item,
            both!(
                "{url}，目录尚不存在，存入第一个文件时建立",
                "{url}: not there yet, made with the first file"
            ),
        ),
        Tried::Not => Finding::not_tried(
            item,
            both!(
                "{url}，能否存取由doctor检查",
                "{url}: doctor tries whether it takes files"
            ),
        ),
        Tried::Failed(why) => Finding::wrong(
            item,
            both!("{url}不能使用：{why}", "{url} cannot be used: {why}"),
            both!(
                "核对[storage]各项；在此之前文件都留在磁盘上。不用则去掉storage.url",
                "check [storage]; until then files stay on the disk. Or leave out storage.url"
            ),
        ),
    }
}

/// What a file is like that should hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// No secret can be had of it, and why.
    Lacking(String),
    /// It holds one; these are its permission bits.
    Held(u32),
}

impl Secret {
    pub fn of(path: &Path) -> Self {
        let mode = || Ok(std::fs::metadata(path)?.permissions().mode());
        match config::secret(path).and_then(|_| mode()) {
            Ok(mode) => Self::Held(mode & 0o777),
            Err(error) => Self::Lacking(format!("{error:#}")),
        }
    }
}

/// Whether a secret can be read, and by its owner and group alone. Without `needed` its lack is no fault yet.
pub fn secret(item: Item, path: &Path, secret: &Secret, needed: bool) -> Finding {
    let path = path.display();
    match secret {
        Secret::Held(mode) if mode & 0o007 == 0 => Finding::ok(item, both!("{path}", "{path}")),
        Secret::Held(mode) => Finding::warning(
            item,
            both!(
                "{path}的权限为{mode:04o}，本机其他用户也能读取或改动",
                "{path} has mode {mode:04o}: other users of this machine may read or change it"
            ),
            both!("执行：chmod 600 {path}", "run: chmod 600 {path}"),
        ),
        Secret::Lacking(why) => {
            let what = both!("无法读取：{why}", "{why}");
            let remedy = match item {
                Item::RobotUrl => both!(
                    "把群机器人的Webhook地址单独存入{path}，权限设为600；不用机器人则去掉alarms.robot",
                    "put the robot's address (Webhook), and nothing else, into {path}, mode 600; or leave out alarms.robot"
                ),
                Item::StorageKey => both!(
                    "把访问密钥的ID存入{path}第一行，密钥存入第二行，权限设为600，属主为运行守护进程的用户",
                    "put the id of the access key into the first line of {path}, its secret into the second; mode 600, owned by the daemon's user"
                ),
                _ => both!(
                    "在mail.163.com → 设置 → POP3/SMTP/IMAP取得授权码（不是登录密码），单独存入{path}，权限设为600，属主为运行守护进程的用户",
                    "make an authorization code (授权码, not the web password) at mail.163.com → 设置 → POP3/SMTP/IMAP; put it, and nothing else, into {path}, mode 600, owned by the daemon's user"
                ),
            };
            match needed {
                true => Finding::wrong(item, what, remedy),
                false => Finding::warning(item, what, remedy),
            }
        }
    }
}
