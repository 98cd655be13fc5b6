//! `baosong new-campaign`: for whoever prepares the next year.

use super::Common;
use crate::campaign::{BUILT_IN, Campaign, Next, next};
use crate::roster::Roster;
use anyhow::{Context, Result};
use chrono::{Datelike, NaiveDate, Weekday};
use clap::Args;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct NewCampaign {
    /// The year of the new campaign
    year: i32,
    /// Its first activity day, as the notice says [default: the nearest day of that year with the same weekday]
    #[arg(long, value_name = "DAY")]
    first_day: Option<NaiveDate>,
    /// Where to write it; a file that is there is never replaced [default: campaign-YEAR.toml beside the present one]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl NewCampaign {
    pub fn run(self, common: &Common) -> Result<()> {
        let config = common.config()?;
        let (old, roster) = (config.campaign()?, config.roster()?);
        let text = match &config.campaign_file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?,
            None => BUILT_IN.to_owned(),
        };
        let next = next(&text, self.year, self.first_day)?;
        let path = self.out.unwrap_or_else(|| {
            let beside = config.campaign_file.as_deref().and_then(Path::parent);
            let name = format!("campaign-{}.toml", self.year);
            beside.unwrap_or(Path::new("")).join(name)
        });
        File::create_new(&path)
            .and_then(|mut file| file.write_all(next.text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        let settings = common.config.as_deref();
        print!("{}", dates(&old, &next, &path, self.first_day.is_some()));
        print!("{}", units(&roster));
        print!("{}", steps(&path, settings, config.units_file.as_deref()));
        Ok(())
    }
}

fn dates(old: &Campaign, next: &Next, path: &Path, told: bool) -> String {
    let new = &next.campaign;
    let mut lines = vec![format!("已生成 {}", path.display())];
    lines.push(format!(
        "由《{}》各日期移动 {} 天而来：",
        old.title, next.moved
    ));
    lines.push(format!(
        "  活动周            {} 至 {}",
        in_words(new.first_day),
        in_words(new.last_day)
    ));
    for (what, due) in [
        ("实施方案截止    ", new.plan.due),
        ("总结、统计表截止", new.summary.due),
    ] {
        let off = off_work(due).map_or(String::new(), |off| format!("  ※ {off}，请核对"));
        lines.push(format!("  {what}  {}{off}", in_words(due)));
    }
    if !told {
        lines.push(
            "※ 首日按上届的星期推算，并非当年通知所定。通知下发后请用 --first-day 重新生成。"
                .into(),
        );
    } else if next.moved % 7 != 0 {
        lines.push("※ 首日的星期与上届不同，各截止日的星期随之改变，请逐项核对。".into());
    }
    lines.join("\n") + "\n\n"
}

fn units(roster: &Roster) -> String {
    let mut lines = vec![format!("名册共 {} 个单位。", roster.units().len())];
    let lacking = roster.without_address();
    if !lacking.is_empty() {
        lines.push(format!(
            "※ {} 个单位没有邮箱地址，收不到催报函，只能电话联系：{}",
            lacking.len(),
            lacking.join("、")
        ));
    }
    for (name, unit, other) in roster.colliding() {
        lines.push(format!("※ 名称“{name}”既属{unit}，又{other}，请改正"));
    }
    lines.join("\n") + "\n\n"
}

fn steps(path: &Path, settings: Option<&Path>, units: Option<&Path>) -> String {
    let settings = settings.map_or("设置文件".into(), |path| path.display().to_string());
    let units = units.map_or("名册文件（units.toml）".into(), |path| {
        path.display().to_string()
    });
    let new = path.display();
    format!(
        "接下来：
  1. 对照当年通知，在 {new} 中核对每个日期、报送份数（quota）和格式要求，填写通知文号（notice）。
  2. 在 {units} 中核对单位的更名、合并、增减，更新联络员邮箱。
  3. 备份：sudo -u baosong baosong --config {settings} backup /var/backups/baosong
  4. 在 {settings} 中设 campaign_file = \"{new}\"。
  5. 检查：sudo -u baosong baosong --config {settings} check
  6. 用往年邮件演练：sudo -u baosong baosong --config {settings} rehearse --help
  7. 重启：sudo systemctl restart baosong
"
    )
}

/// 2023-05-14（周日）.
fn in_words(day: NaiveDate) -> String {
    let names = ["一", "二", "三", "四", "五", "六", "日"];
    let name = names[day.weekday().num_days_from_monday() as usize];
    format!("{day}（周{name}）")
}

/// Why nobody may be at work on a due.
fn off_work(day: NaiveDate) -> Option<&'static str> {
    match (day.month(), day.day(), day.weekday()) {
        (5, 1..=5, _) => Some("劳动节假期前后"),
        (_, _, Weekday::Sat | Weekday::Sun) => Some("周末"),
        _ => None,
    }
}
