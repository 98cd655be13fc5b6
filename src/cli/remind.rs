//! `baosong remind`.

use super::Common;
use crate::daemon::Due;
use anyhow::Result;
use clap::Args;

#[derive(Debug, Args)]
pub struct Remind {
    /// Only show who would be reminded, and of what
    #[arg(long)]
    dry_run: bool,
}

impl Remind {
    pub async fn run(self, common: &Common) -> Result<()> {
        let now = common.now();
        if self.dry_run {
            let daemon = common.look()?;
            let reminders = daemon.reminders(now)?;
            show("remind", &reminders.due);
            show("hold (a mail in review may be theirs)", &reminders.held);
            show(
                "telephone (no address that letters reach, or enough letters)",
                &reminders.telephone,
            );
            show("paused", &reminders.paused);
            return Ok(());
        }
        let mut daemon = common.daemon()?;
        daemon.poll(now).await?;
        daemon.judge()?;
        let queued = daemon.queue_reminders(now)?;
        let sent = daemon.send(now).await?;
        println!("{queued} queued, {sent} sent");
        Ok(())
    }
}

fn show(what: &str, due: &[Due]) {
    println!("{what}: {}", due.len());
    for due in due {
        println!("  {} {}", due.unit.name, owed(due).join("、"));
    }
}

fn owed(due: &Due) -> Vec<String> {
    let owing = &due.owing;
    let mut owed = Vec::new();
    if owing.plan {
        owed.push("实施方案".to_owned());
    }
    if owing.reports > 0 {
        owed.push(format!(
            "活动报送{}份（已收{}份）",
            owing.reports, due.standing.reports
        ));
    }
    if owing.summary {
        owed.push("总结".to_owned());
    }
    if owing.statistics {
        owed.push("情况统计表".to_owned());
    }
    owed
}
