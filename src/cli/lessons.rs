//! `baosong lessons`, `learn` and `forget`.

use super::{By, Common};
use crate::store::{Lesson, LessonKind};
use anyhow::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Learn {
    /// A mail address, or a name
    value: String,
    /// The unit, by any of its names
    #[arg(long)]
    unit: String,
    #[command(flatten)]
    by: By,
}

impl Learn {
    pub fn run(self, common: &Common, holds: bool) -> Result<()> {
        let mut daemon = common.correcting()?;
        let unit = daemon.unit_called(&self.unit)?;
        daemon.teach(&self.value, &unit, holds, &self.by.by, common.now())
    }
}

pub fn list(common: &Common) -> Result<()> {
    for lesson in common.look()?.store.lessons()? {
        println!("{}", line(&lesson));
    }
    Ok(())
}

fn line(lesson: &Lesson) -> String {
    let what = match lesson.what {
        LessonKind::Address => "邮箱",
        LessonKind::Alias => "名称",
    };
    let from = lesson
        .mail
        .map(|mail| format!("，邮件{mail}"))
        .unwrap_or_default();
    let source = match &lesson.said_by {
        Some(by) => format!("{by}认定{from}"),
        None => format!("来信写明{from}"),
    };
    let verb = if lesson.holds { "属于" } else { "不属于" };
    format!(
        "{what}  {}  {verb}  {}  （{source}）",
        lesson.value, lesson.unit
    )
}
