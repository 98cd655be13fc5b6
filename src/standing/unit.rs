//! The standing of one unit at a moment.

use super::Chain;
use crate::attribution::Kind;
use crate::campaign::{CST, Campaign, Due, Moment};
use crate::roster::{Roster, Unit, UnitKind};
use crate::store::Fact;
use chrono::NaiveDate;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};

/// Something owed once: plan, summary, statistics table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owed {
    /// Delivered, early or late.
    In,
    /// Due and not delivered.
    Missing,
    /// Not delivered, and not yet due.
    NotDue,
}

/// One activity day of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DayState {
    /// A report of the day came by 10:00 of the next.
    OnTime,
    /// A report came, but later.
    Late,
    /// None came, and its time is past.
    Missing,
    /// None came yet, and there is time.
    NotDue,
}

/// How a unit stands. Serialises as the public interface of `standing --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// Official name.
    pub unit: String,
    /// City or college.
    pub kind: UnitKind,
    /// Distinct reports that count toward the quota.
    pub reports: u32,
    /// Reports owed for the week.
    pub quota: u32,
    /// 实施方案.
    pub plan: Owed,
    /// 总结.
    pub summary: Owed,
    /// 情况统计表.
    pub statistics: Owed,
    /// Each activity day, ascending.
    #[serde(serialize_with = "days_by_name")]
    pub days: BTreeMap<NaiveDate, DayState>,
    /// Under the pace of the quota, or something owed is missing.
    pub behind: bool,
    /// Reports that should be in by now for the quota to be met evenly.
    #[serde(skip)]
    pub pace: u32,
}

/// The standing of every unit of the roster, in its order, from what had arrived by `now`.
pub fn standings(
    roster: &Roster,
    campaign: &Campaign,
    facts: &[Fact],
    now: Moment,
) -> Vec<Standing> {
    let mut by_unit: HashMap<&str, Vec<&Fact>> = HashMap::new();
    for fact in facts.iter().filter(|fact| fact.arrived <= now) {
        by_unit.entry(&fact.unit).or_default().push(fact);
    }
    let facts_of = |unit: &Unit| by_unit.remove(unit.name.as_str()).unwrap_or_default();
    let with_facts: Vec<_> = roster
        .units()
        .iter()
        .zip(roster.units().iter().map(facts_of))
        .collect();
    with_facts
        .into_iter()
        .map(|(unit, facts)| standing(unit, campaign, &facts, now))
        .collect()
}

fn standing(unit: &Unit, campaign: &Campaign, facts: &[&Fact], now: Moment) -> Standing {
    let chains = Chain::all(facts.iter().copied());
    let owed = |kind: Kind, due: &Due| owed(facts, kind, due, now);
    let quota = quota(unit.kind, campaign);
    let mut standing = Standing {
        unit: unit.name.clone(),
        kind: unit.kind,
        reports: chains
            .iter()
            .filter(|c| c.counted(campaign).is_some())
            .count() as u32,
        quota,
        plan: owed(Kind::Plan, &campaign.plan),
        summary: owed(Kind::Summary, &campaign.summary),
        statistics: owed(Kind::Statistics, &campaign.summary),
        days: campaign
            .days()
            .map(|day| (day, day_state(&chains, campaign, day, now)))
            .collect(),
        behind: false,
        pace: quota * campaign.days_past(now) / campaign.length(),
    };
    standing.behind = standing.under_pace() || standing.lacks_something();
    standing
}

impl Standing {
    /// Fewer reports than the pace asks.
    pub fn under_pace(&self) -> bool {
        self.reports < self.pace
    }

    fn lacks_something(&self) -> bool {
        [self.plan, self.summary, self.statistics].contains(&Owed::Missing)
    }
}

/// Reports owed for the week by a unit of this kind.
pub fn quota(kind: UnitKind, campaign: &Campaign) -> u32 {
    match kind {
        UnitKind::City => campaign.quota.city,
        UnitKind::College => campaign.quota.college,
    }
}

fn owed(facts: &[&Fact], kind: Kind, due: &Due, now: Moment) -> Owed {
    if facts.iter().any(|fact| fact.kind == kind) {
        Owed::In
    } else if now >= due.end() {
        Owed::Missing
    } else {
        Owed::NotDue
    }
}

fn day_state(chains: &[Chain], campaign: &Campaign, day: NaiveDate, now: Moment) -> DayState {
    let mut timely = chains
        .iter()
        .filter(|chain| chain.days().contains(&day))
        .filter_map(|chain| chain.on_time(campaign))
        .peekable();
    if timely.peek().is_none() {
        return if now.with_timezone(&CST) > campaign.due_of(day) {
            DayState::Missing
        } else {
            DayState::NotDue
        };
    }
    if timely.any(|on_time| on_time) {
        DayState::OnTime
    } else {
        DayState::Late
    }
}

fn days_by_name<S: Serializer>(
    days: &BTreeMap<NaiveDate, DayState>,
    out: S,
) -> Result<S::Ok, S::Error> {
    out.collect_map(days.iter().map(|(day, state)| (day.to_string(), state)))
}
