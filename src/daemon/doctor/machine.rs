//! The machine: data directory, disk, time zone.

use super::finding::both;
use super::{Finding, Item};
use crate::daemon::room::{Room, takes_a_file};
use chrono::{FixedOffset, Local};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a data directory is like, seen by whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    /// The nearest directory above that exists, where it does not itself.
    pub above: Option<PathBuf>,
    /// Whose it is.
    pub owner: u32,
    /// Who asks.
    pub user: u32,
    /// Why no byte could be written, where none could.
    pub unwritable: Option<String>,
    /// What lies in it and belongs to another.
    pub foreign: Vec<String>,
}

impl DataDir {
    /// Looks, and writes a file that is gone again.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let existing = existing(path);
        let owner = std::fs::metadata(existing)?.uid();
        let written = takes_a_file(existing);
        let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
        let foreign = inside.filter(|entry| {
            let metadata = entry.metadata();
            metadata.is_ok_and(|metadata| metadata.uid() != owner)
        });
        let mut foreign: Vec<String> = foreign
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        foreign.sort();
        Ok(Self {
            above: (existing != path).then(|| existing.to_owned()),
            owner,
            user: rustix::process::geteuid().as_raw(),
            unwritable: written.err().map(|error| error.to_string()),
            foreign,
        })
    }
}

/// `path`, or the nearest directory above it that exists.
pub fn existing(path: &Path) -> &Path {
    let nearest = path.ancestors().find(|above| above.is_dir());
    nearest.unwrap_or(Path::new("."))
}

/// Whether the data directory can be written, and belongs to one user with all that lies in it.
pub fn data_dir(path: &Path, seen: &DataDir) -> Finding {
    let shown = path.display();
    let DataDir { owner, user, .. } = seen;
    if let Some(why) = &seen.unwritable {
        return Finding::wrong(
            Item::DataDir,
            both!(
                "{shown}无法写入：{why}（属主uid {owner}，当前uid {user}）",
                "{shown} cannot be written: {why} (owner uid {owner}, we are uid {user})"
            ),
            both!(
                "以守护进程的用户运行，或把目录交给它：chown -R 用户 {shown}；磁盘只读时先检查磁盘",
                "run this as the daemon's user, or give it the directory: chown -R USER {shown}; where the disk is read-only, check the disk"
            ),
        );
    }
    if !seen.foreign.is_empty() {
        let names = seen.foreign.join("、");
        return Finding::wrong(
            Item::DataDir,
            both!(
                "{shown}属uid {owner}，其中{names}却属其他用户，守护进程可能无法写入",
                "{shown} belongs to uid {owner}, but not what lies in it: {names}; the daemon may not be able to write there"
            ),
            both!(
                "执行：chown -R {owner} {shown}",
                "run: chown -R {owner} {shown}"
            ),
        );
    }
    let whose = match user == owner {
        true => both!("属主uid {owner}", "owner uid {owner}"),
        false => both!(
            "属主uid {owner}，当前以uid {user}运行",
            "owner uid {owner}; we are uid {user}"
        ),
    };
    let (zh, en) = (whose.zh, whose.en);
    Finding::ok(
        Item::DataDir,
        match seen.above {
            None => both!("{shown}可写，{zh}", "{shown} can be written; {en}"),
            Some(_) => both!(
                "{shown}尚不存在，首次运行时建立",
                "{shown} does not exist yet: the first run makes it"
            ),
        },
    )
}

/// Megabytes free where the data directory is or will be.
pub fn free_megabytes(path: &Path) -> anyhow::Result<u64> {
    Room::of(existing(path), 0).free_megabytes()
}

/// Whether there is room to fetch.
pub fn disk(free: u64, least: u64) -> Finding {
    if free < least {
        return Finding::wrong(
            Item::Disk,
            both!(
                "仅余{free} MB，少于所设下限{least} MB，守护进程不再收信",
                "{free} MB free, fewer than the {least} MB of the settings: nothing is fetched"
            ),
            both!(
                "腾出空间，或调低alarms.least_free_megabytes；往年的原始邮件可按[retention]清理",
                "make room, or lower alarms.least_free_megabytes; [retention] removes bytes of past campaigns"
            ),
        );
    }
    Finding::ok(
        Item::Disk,
        both!(
            "可用{free} MB（下限{least} MB）",
            "{free} MB free (at least {least} MB)"
        ),
    )
}

/// Where the disk could not be asked.
pub fn unknown(item: Item, error: &dyn std::fmt::Display) -> Finding {
    Finding::wrong(
        item,
        both!("无法查看：{error}", "cannot be looked at: {error}"),
        both!(
            "检查data_dir（或--data）的路径及其权限",
            "check the path of data_dir (or --data), and its permissions"
        ),
    )
}

/// The machine's time zone: its name, where it has one, and its offset of today.
pub fn zone() -> (Option<String>, FixedOffset) {
    let variable = std::env::var("TZ").ok().filter(|zone| !zone.is_empty());
    let linked = || {
        let target = std::fs::read_link("/etc/localtime").ok()?;
        let (_, name) = target.to_str()?.split_once("zoneinfo/")?;
        Some(name.to_owned())
    };
    (variable.or_else(linked), *Local::now().offset())
}

/// Everything is reckoned in China Standard Time, wherever the machine stands.
pub fn time_zone(name: Option<&str>, offset: FixedOffset) -> Finding {
    let name = name.unwrap_or("?");
    Finding::ok(
        Item::TimeZone,
        both!(
            "一律按北京时间（UTC+08:00）计算；本机时区为{name}（UTC{offset}），不影响结果",
            "all is reckoned in China Standard Time (UTC+08:00); this machine's own, {name} (UTC{offset}), changes nothing"
        ),
    )
}
