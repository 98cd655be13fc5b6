//! What keeps the database from being used, told apart by what helps against it.

use rusqlite::ErrorCode;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// Too many open files, of this process and of the whole machine (errno.h).
const NO_HANDLES: [i32; 2] = [24, 23];

/// A fault of the machine below the database. As the context of an error it names the remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Its bytes are not what was written.
    Damaged,
    /// There are mails and no database.
    Missing,
    /// No byte can be written more.
    Full,
    /// The disk can only be read.
    ReadOnly,
    /// Another process holds it.
    Locked,
    /// This process may open no further file.
    Handles,
    /// The disk answers with errors.
    Unreadable,
}

impl Fault {
    /// The fault of an error that came from the database.
    pub fn of_database(error: &anyhow::Error, data_dir: &Path) -> Option<Self> {
        let sqlite = error.chain().find_map(|cause| cause.downcast_ref());
        let code = sqlite.and_then(rusqlite::Error::sqlite_error_code)?;
        Some(match code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged,
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::ReadOnly => Self::ReadOnly,
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed => Self::Locked,
            ErrorCode::SystemIoFailure => Self::below(data_dir).unwrap_or(Self::Unreadable),
            ErrorCode::CannotOpen => Self::below(data_dir)?,
            _ => return None,
        })
    }

    /// The fault of an error that came from the database or from a file.
    pub fn of(error: &anyhow::Error, data_dir: &Path) -> Option<Self> {
        let known = error.downcast_ref::<Self>().copied();
        let of_database = || Self::of_database(error, data_dir);
        let of_file = || {
            error
                .chain()
                .filter_map(|cause| cause.downcast_ref())
                .find_map(of_io)
        };
        known.or_else(of_database).or_else(of_file)
    }

    /// SQLite says only that the disk failed: the disk itself is asked.
    fn below(data_dir: &Path) -> Option<Self> {
        let space = rustix::fs::statvfs(data_dir).ok();
        let read_only = |space: &rustix::fs::StatVfs| {
            space.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY)
        };
        match space {
            _ if !handles_left(1) => Some(Self::Handles),
            Some(space) if read_only(&space) => Some(Self::ReadOnly),
            Some(space) if space.f_bavail == 0 => Some(Self::Full),
            _ => None,
        }
    }

    /// The name of its alarm.
    pub fn name(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Missing => "missing",
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::Locked => "locked",
            Self::Handles => "handles",
            Self::Unreadable => "io",
        }
    }

    /// For staff: what it is, and what the administrator does.
    pub fn in_chinese(self) -> &'static str {
        match self {
            Self::Damaged => {
                "数据库已损坏，系统已停止工作，未作改动。请管理员移走baosong.db，再用restore从备份恢复；无备份时用import --orphans从已存邮件重建"
            }
            Self::Missing => {
                "数据库文件丢失，系统已停止工作。请管理员用restore从备份恢复；无备份时用import --orphans从已存邮件重建"
            }
            Self::Full => "磁盘已满，无法写入，系统暂停工作。腾出空间后自动继续",
            Self::ReadOnly => "磁盘只读，无法写入，系统暂停工作。请管理员检查磁盘，恢复后自动继续",
            Self::Locked => "数据库被其他程序占用，系统暂停工作。占用解除后自动继续",
            Self::Handles => "系统可打开的文件数不足，暂停工作。请管理员提高限制，之后自动继续",
            Self::Unreadable => "磁盘读写出错，系统暂停工作。请管理员检查磁盘，恢复后自动继续",
        }
    }
}

impl fmt::Display for Fault {
    /// What it is, and the remedy.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => {
                "the database is damaged and was left as it is; move baosong.db, baosong.db-wal and baosong.db-shm \
                 elsewhere, then `restore` a backup, or without one `import --orphans` to build it anew from the kept mails"
            }
            Self::Missing => {
                "there are kept mails, but no database; `restore` a backup, or without one `import --orphans` to build \
                 it anew from the kept mails"
            }
            Self::Full => "the disk is full; make room",
            Self::ReadOnly => "the disk can only be read; see what the kernel says of it",
            Self::Locked => "another program holds the database for too long; end it",
            Self::Handles => "no further file can be opened; raise the limit (ulimit -n, LimitNOFILE=)",
            Self::Unreadable => "the disk answers with errors; see what the kernel says of it",
        })
    }
}

fn of_io(error: &std::io::Error) -> Option<Fault> {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(Fault::Full),
        ErrorKind::ReadOnlyFilesystem => Some(Fault::ReadOnly),
        _ if is_of_handles(error) || !handles_left(1) => Some(Fault::Handles),
        _ => None,
    }
}

fn is_of_handles(error: &std::io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| NO_HANDLES.contains(&code))
}

/// Whether this process may open so many files more. Of the machine as a whole, one is tried.
pub fn handles_left(count: usize) -> bool {
    let opened = File::open("/dev/null").and_then(|first| {
        let others = (1..count).map(|_| first.try_clone());
        others.collect::<Result<Vec<File>, _>>()
    });
    !opened.is_err_and(|error| is_of_handles(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDBOOK: &str = include_str!("../../deploy/runbook.md");

    #[test]
    fn the_handbook_has_a_section_for_each_fault() {
        for fault in [
            Fault::Damaged,
            Fault::Missing,
            Fault::Full,
            Fault::ReadOnly,
            Fault::Locked,
            Fault::Handles,
            Fault::Unreadable,
        ] {
            let name = fault.in_chinese().split(['，', '。']).next().unwrap();
            assert!(HANDBOOK.contains(&format!("\n### {name}\n")), "{name}");
        }
    }
}
