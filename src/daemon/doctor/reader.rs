//! The process that reads mails: how it is shut in, tried from inside, and the tools it asks for.

use super::finding::both;
use super::{Finding, Item};
use crate::reader::{Drill, Reader, missing};
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// How the reader is shut in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cage {
    /// `Full`, `Partial` or `None`.
    pub landlock: String,
    /// The same.
    pub seccomp: String,
    /// What it could do all the same.
    pub gaps: Vec<Drill>,
}

impl Cage {
    /// Starts a reader in `program` and has it attack.
    ///
    /// # Errors
    /// When no reader can be started.
    pub fn of(program: &Path) -> Result<Self> {
        let mut reader = Reader::new(program.into(), &std::env::temp_dir(), PATIENCE);
        let (landlock, seccomp) = reader.protections()?;
        let mut gaps = Vec::new();
        for drill in [Drill::OpenSocket, Drill::OpenFile, Drill::StartProcess] {
            if reader.drill(drill)? == "done" {
                gaps.push(drill);
            }
        }
        Ok(Self {
            landlock,
            seccomp,
            gaps,
        })
    }
}

/// Whether hostile attachments are shut in.
pub fn cage(cage: &Result<Cage>) -> Finding {
    let Cage {
        landlock,
        seccomp,
        gaps,
    } = match cage {
        Ok(cage) => cage,
        Err(error) => {
            return Finding::wrong(
                Item::Reader,
                both!("无法启动：{error:#}", "cannot be started: {error:#}"),
                both!(
                    "检查临时目录是否可写，以及服务单元是否禁止启动子进程",
                    "see whether the directory for temporary files can be written, and whether the unit forbids child processes"
                ),
            );
        }
    };
    if gaps.is_empty() {
        return Finding::ok(
            Item::Reader,
            both!(
                "Landlock {landlock}，seccomp {seccomp}；不能联网、读文件或启动程序",
                "Landlock {landlock}, seccomp {seccomp}: no network, no files, no new processes"
            ),
        );
    }
    let (zh, en): (Vec<_>, Vec<_>) = gaps.iter().map(deed).unzip();
    let (zh, en) = (zh.join("、"), en.join(", "));
    Finding::warning(
        Item::Reader,
        both!(
            "阅读进程仍能{zh}（Landlock {landlock}，seccomp {seccomp}），恶意附件可能越界",
            "the reader can still {en} (Landlock {landlock}, seccomp {seccomp}): a hostile attachment may get out"
        ),
        both!(
            "换用启用Landlock和seccomp的内核（Linux 5.13及以上）；容器中还须允许这两项系统调用",
            "use a kernel with Landlock and seccomp (Linux 5.13 or later); a container must allow both"
        ),
    )
}

fn deed(drill: &Drill) -> (&'static str, &'static str) {
    match drill {
        Drill::OpenSocket => ("联网", "open a socket"),
        Drill::StartProcess => ("启动程序", "start a process"),
        _ => ("读取文件", "open a file"),
    }
}

/// Packages of tools that this machine lacks.
pub fn lacking() -> Vec<&'static str> {
    missing()
}

/// Whether PDF files, HEIC photos and videos can be read.
pub fn tools(lacking: &[&str]) -> Finding {
    if lacking.is_empty() {
        return Finding::ok(
            Item::Tools,
            both!(
                "PDF、HEIC照片和视频的工具齐全",
                "those for PDF files, HEIC photos and videos are installed"
            ),
        );
    }
    let names = lacking.join("、");
    let packages = names.replace('、', " ");
    Finding::warning(
        Item::Tools,
        both!(
            "未安装{names}：相应的PDF无法读出文字，照片和视频没有缩略图",
            "not installed: {packages}; what needs it stays unread or has a placeholder"
        ),
        both!(
            "执行：apt install --no-install-recommends {packages}",
            "run: apt install --no-install-recommends {packages}"
        ),
    )
}
