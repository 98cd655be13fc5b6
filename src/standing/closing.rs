//! The campaign as a whole, once the summary's due is past.

use super::{Chain, Owed, Standing};
use crate::attribution::Kind;
use crate::campaign::Campaign;
use crate::roster::UnitKind;
use crate::store::Fact;
use std::collections::HashMap;

/// Units of one kind that are named as the best reporters.
const BEST: usize = 5;

/// Totals over all units.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Closing {
    pub units: usize,
    /// Units that met their quota.
    pub met: usize,
    /// Official names of those that did not.
    pub short: Vec<String>,
    pub plans: usize,
    pub summaries: usize,
    pub statistics: usize,
    /// Distinct reports that count.
    pub reports: usize,
    /// Daily reports with a day, and how many of them were on time.
    pub dailies: usize,
    pub on_time: usize,
    /// Of each kind of unit the ones with the most reports; of as many reports, the ones more often on time.
    pub best: Vec<(UnitKind, Vec<Best>)>,
}

/// A unit that met its quota.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Best {
    /// Official name.
    pub unit: String,
    pub reports: u32,
    pub on_time: usize,
}

/// What came of it all. `facts` are those that had arrived.
pub fn closing(standings: &[Standing], facts: &[Fact], campaign: &Campaign) -> Closing {
    let chains = Chain::all(facts);
    let dailies: Vec<(&str, bool)> = chains
        .iter()
        .filter(|chain| chain.kind() == Kind::Daily)
        .filter_map(|chain| Some((chain.latest().unit.as_str(), chain.on_time(campaign)?)))
        .collect();
    let mut timely: HashMap<&str, usize> = HashMap::new();
    for (unit, _) in dailies.iter().filter(|(_, on_time)| *on_time) {
        *timely.entry(unit).or_default() += 1;
    }
    let of_all =
        |owed: fn(&Standing) -> Owed| standings.iter().filter(|s| owed(s) == Owed::In).count();
    let short = standings.iter().filter(|s| s.reports < s.quota);
    let short: Vec<String> = short.map(|s| s.unit.clone()).collect();
    let best =
        [UnitKind::City, UnitKind::College].map(|kind| (kind, best(standings, kind, &timely)));
    Closing {
        units: standings.len(),
        met: standings.len() - short.len(),
        short,
        plans: of_all(|s| s.plan),
        summaries: of_all(|s| s.summary),
        statistics: of_all(|s| s.statistics),
        reports: standings.iter().map(|s| s.reports as usize).sum(),
        on_time: dailies.iter().filter(|(_, on_time)| *on_time).count(),
        dailies: dailies.len(),
        best: best
            .into_iter()
            .filter(|(_, units)| !units.is_empty())
            .collect(),
    }
}

fn best(standings: &[Standing], kind: UnitKind, timely: &HashMap<&str, usize>) -> Vec<Best> {
    let able = standings
        .iter()
        .filter(|s| s.kind == kind && s.reports >= s.quota.max(1));
    let mut units: Vec<Best> = able
        .map(|s| Best {
            unit: s.unit.clone(),
            reports: s.reports,
            on_time: timely.get(s.unit.as_str()).copied().unwrap_or_default(),
        })
        .collect();
    units.sort_by_key(|best| std::cmp::Reverse((best.reports, best.on_time)));
    units.truncate(BEST);
    units
}
