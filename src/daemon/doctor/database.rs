//! The database, and whether a daemon works on it.

use super::finding::both;
use super::{Finding, Item};
use crate::store::{Fault, Lock, Survey, has_log, survey};
use anyhow::Result;
use std::path::Path;

/// What became of the look at the database.
#[derive(Debug)]
pub enum Look {
    /// It was looked through; `None` where there is none yet.
    Through(Option<Survey>),
    /// Its log would get a file that belongs to us, and the daemon could not write it.
    Spared,
    /// It cannot be used.
    Failed(anyhow::Error),
}

/// Looks through the database. Nothing is made or changed; `ours` says whether the directory is our user's.
pub fn look(data_dir: &Path, held: bool, ours: bool) -> Look {
    if !held && !ours && has_log(data_dir) {
        return Look::Spared;
    }
    match survey(data_dir, !held) {
        Ok(seen) => Look::Through(seen),
        Err(error) => Look::Failed(error),
    }
}

/// Whether the database is whole, and of this program's schema.
pub fn database(data_dir: &Path, look: &Look) -> Finding {
    match look {
        Look::Through(None) => Finding::ok(
            Item::Database,
            both!(
                "尚无数据库，首次运行时建立",
                "none yet: the first run makes it"
            ),
        ),
        Look::Through(Some(seen)) => of_version(seen),
        Look::Spared => Finding::not_tried(
            Item::Database,
            both!(
                "数据目录属其他用户，为不留下他人无法写入的文件而未打开；请以守护进程的用户运行",
                "the directory is another user's, and opening it would leave files that user cannot write; run this as the daemon's user"
            ),
        ),
        Look::Failed(error) => failed(data_dir, error),
    }
}

fn of_version(seen: &Survey) -> Finding {
    let Survey {
        version,
        newest,
        mails,
        ..
    } = seen;
    if version > newest {
        return Finding::wrong(
            Item::Database,
            both!(
                "数据库版本为{version}，本程序只认得{newest}",
                "it is of version {version}, this program knows {newest}"
            ),
            both!("换装较新的程序", "install the newer program"),
        );
    }
    Finding::ok(
        Item::Database,
        match version < newest {
            true => both!(
                "完好；版本{version}，下次运行时自动升级为{newest}",
                "sound; version {version}, brought up to {newest} by the next run"
            ),
            false => both!(
                "完好；版本{version}，已存邮件{mails}封",
                "sound; version {version}, {mails} mails kept"
            ),
        },
    )
}

fn failed(data_dir: &Path, error: &anyhow::Error) -> Finding {
    let Some(fault) = Fault::of(error, data_dir) else {
        return Finding::wrong(
            Item::Database,
            both!("打不开：{error:#}", "cannot be opened: {error:#}"),
            both!(
                "检查数据目录及其中文件的权限",
                "check the permissions of the data directory and what lies in it"
            ),
        );
    };
    let (zh, en) = (fault.in_chinese(), fault.to_string());
    let (what, remedy) = en.split_once("; ").unwrap_or((&en, "see README"));
    let (zh_what, zh_remedy) = zh.split_once('。').unwrap_or((zh, "见README"));
    Finding::wrong(
        Item::Database,
        both!("{zh_what}", "{what}"),
        both!("{zh_remedy}", "{remedy}"),
    )
}

/// Whether an instance holds the lock.
pub fn daemon(held: &Result<bool>) -> Finding {
    match held {
        Ok(true) => Finding::ok(
            Item::Daemon,
            both!("正在运行", "runs on this data directory"),
        ),
        Ok(false) => Finding::ok(Item::Daemon, both!("没有运行", "does not run now")),
        Err(error) => Finding::wrong(
            Item::Daemon,
            both!("无法查看锁文件：{error:#}", "{error:#}"),
            both!(
                "以守护进程的用户运行，或改正数据目录的属主",
                "run this as the daemon's user, or correct the owner of the data directory"
            ),
        ),
    }
}

/// Whether an instance works on `data_dir`.
pub fn held(data_dir: &Path) -> Result<bool> {
    Lock::is_held(data_dir)
}
