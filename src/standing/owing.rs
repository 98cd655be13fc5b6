//! What a unit is to be reminded of on a day.

use super::{Owed, Standing};
use crate::campaign::{CST, Campaign, Moment};

/// Everything a unit owes at a moment; one letter names it all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owing {
    /// The plan is not in.
    pub plan: bool,
    /// Reports lacking for the week's quota; 0 where the unit keeps the pace.
    pub reports: u32,
    /// The summary is not in.
    pub summary: bool,
    /// The statistics table is not in.
    pub statistics: bool,
}

impl Owing {
    /// Nothing to remind of.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What `standing` is to be reminded of on the day of `now`: during the week and until the summary's due,
/// reports where the unit is under its pace; plan, summary and table on the days that the campaign lists.
pub fn owing(standing: &Standing, campaign: &Campaign, now: Moment) -> Owing {
    let today = now.with_timezone(&CST).date_naive();
    let counting = (campaign.first_day..=campaign.summary.due).contains(&today);
    let summary_day = campaign.summary.reminds_on(today);
    Owing {
        plan: campaign.plan.reminds_on(today) && standing.plan != Owed::In,
        reports: if counting && standing.under_pace() {
            standing.quota - standing.reports
        } else {
            0
        },
        summary: summary_day && standing.summary != Owed::In,
        statistics: summary_day && standing.statistics != Owed::In,
    }
}
