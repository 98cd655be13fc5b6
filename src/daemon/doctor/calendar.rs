//! The campaign's dates against the day.

use super::finding::both;
use super::{Finding, Item};
use crate::campaign::Campaign;
use chrono::NaiveDate;

/// Days after the summary's due for which a campaign's stragglers are still expected.
const STRAGGLERS: i64 = 30;

/// Which campaign it is, and whether it is that of `today`.
pub fn campaign(campaign: &Campaign, today: NaiveDate) -> Finding {
    let Campaign {
        title,
        first_day: first,
        last_day: last,
        ..
    } = campaign;
    let (plan, end) = (campaign.plan.due, campaign.summary.due);
    if (today - end).num_days() > STRAGGLERS {
        return Finding::warning(
            Item::Campaign,
            both!(
                "{title}已于{end}结束（今天{today}）",
                "{title} ended on {end} (today is {today})"
            ),
            both!(
                "复制config/campaign.toml，改为今年的日程，并在campaign_file中指定",
                "copy config/campaign.toml, set this year's dates, and name it in campaign_file"
            ),
        );
    }
    Finding::ok(
        Item::Campaign,
        both!(
            "{title}，{first}至{last}；方案{plan}、总结{end}截止",
            "{title}, {first} to {last}; plans due {plan}, summaries {end}"
        ),
    )
}
