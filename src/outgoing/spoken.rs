//! Reports and standings in the words of a letter.

use super::words;
use crate::campaign::Campaign;
use crate::standing::{DayState, Owed, Owing, Standing};
use crate::store::Fact;

/// 铁岭市教育局 活动信息 5月24日.
pub fn fact_in_words(fact: &Fact) -> String {
    let parts = [
        fact.unit.clone(),
        fact.kind.chinese().to_owned(),
        words::days(&fact.days),
    ];
    let said = parts.iter().filter(|part| !part.is_empty());
    said.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// 缺实施方案、报送2份.
pub fn owing_in_words(owing: &Owing) -> String {
    let reports = format!("报送{}份", owing.reports);
    let parts = [
        (owing.plan, "实施方案"),
        (owing.reports > 0, reports.as_str()),
        (owing.summary, "总结"),
        (owing.statistics, "情况统计表"),
    ];
    let words: Vec<_> = parts
        .iter()
        .filter(|(owes, _)| *owes)
        .map(|(_, what)| *what)
        .collect();
    format!("缺{}", words.join("、"))
}

/// How one unit stands, in three lines.
pub fn standing_lines(standing: &Standing, campaign: &Campaign) -> Vec<String> {
    let days = standing
        .days
        .iter()
        .map(|(day, state)| format!("{}{}", words::day(*day), day_in_words(*state)));
    vec![
        format!(
            "{}：{}期间已报{}份，应报{}份{}",
            standing.unit,
            campaign.title,
            standing.reports,
            standing.quota,
            if standing.behind {
                "，落后于进度"
            } else {
                ""
            }
        ),
        format!("每日活动情况：{}", days.collect::<Vec<_>>().join("，")),
        format!(
            "实施方案{}，总结{}，情况统计表{}",
            owed_in_words(standing.plan),
            owed_in_words(standing.summary),
            owed_in_words(standing.statistics)
        ),
    ]
}

/// 按时, 迟报, 未报 or 未到期.
pub fn day_in_words(state: DayState) -> &'static str {
    match state {
        DayState::OnTime => "按时",
        DayState::Late => "迟报",
        DayState::Missing => "未报",
        DayState::NotDue => "未到期",
    }
}

/// 已报, 未报 or 未到期.
pub fn owed_in_words(owed: Owed) -> &'static str {
    match owed {
        Owed::In => "已报",
        Owed::Missing => "未报",
        Owed::NotDue => "未到期",
    }
}
