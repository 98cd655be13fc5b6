//! A report with its repeats: one report, however often it was sent (rules.md, "Repeats").

use crate::attribution::Kind;
use crate::campaign::{Campaign, Moment};
use crate::store::Fact;
use chrono::NaiveDate;
use std::collections::{BTreeSet, HashMap};

/// All versions of one report.
#[derive(Debug, Clone)]
pub struct Chain<'a> {
    /// In order of arrival; never empty.
    versions: Vec<&'a Fact>,
}

impl<'a> Chain<'a> {
    /// Groups facts into chains. A repeat of something unknown stands for itself.
    pub fn all(facts: impl IntoIterator<Item = &'a Fact>) -> Vec<Self> {
        let facts: Vec<_> = facts.into_iter().collect();
        let by_id: HashMap<i64, &Fact> = facts.iter().map(|f| (f.id, *f)).collect();
        let mut chains: HashMap<i64, Vec<&Fact>> = HashMap::new();
        for fact in facts {
            chains.entry(root(fact, &by_id)).or_default().push(fact);
        }
        let mut chains: Vec<_> = chains.into_values().map(Self::of).collect();
        chains.sort_by_key(|chain| place(chain.versions[0]));
        chains
    }

    fn of(mut versions: Vec<&'a Fact>) -> Self {
        versions.sort_by_key(|fact| place(fact));
        Self { versions }
    }

    /// The earliest arrival: it decides whether the report was on time.
    pub fn arrived(&self) -> Moment {
        self.versions[0].arrived
    }

    /// The version that is shown.
    pub fn latest(&self) -> &'a Fact {
        self.versions[self.versions.len() - 1]
    }

    /// Activity days, as the latest version that names any states them.
    pub fn days(&self) -> &'a [NaiveDate] {
        let named = self.versions.iter().rev().find(|f| !f.days.is_empty());
        named.map_or(&[], |fact| &fact.days)
    }

    /// The version that counts toward the quota: the first that arrived within the counting window.
    pub fn counted(&self, campaign: &Campaign) -> Option<&'a Fact> {
        self.versions
            .iter()
            .find(|f| f.kind.counts() && campaign.counts_at(f.arrived))
            .copied()
    }

    /// For a daily report that names its days: whether it came by 10:00 after the last of them.
    pub fn on_time(&self, campaign: &Campaign) -> Option<bool> {
        let last = self.days().last().filter(|_| self.kind() == Kind::Daily)?;
        Some(self.arrived() <= campaign.due_of(*last))
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.latest().kind
    }

    /// All versions in order of arrival.
    pub fn versions(&self) -> &[&'a Fact] {
        &self.versions
    }
}

/// What the chains say of each submission, by its id.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// Those that count toward the quota.
    pub counted: BTreeSet<i64>,
    /// Whether it was on time; a repeat shares the answer of the report that it repeats.
    pub on_time: HashMap<i64, Option<bool>>,
}

impl Marks {
    /// Of the facts as they are known.
    pub fn of<'a>(facts: impl IntoIterator<Item = &'a Fact>, campaign: &Campaign) -> Self {
        let mut marks = Self::default();
        for chain in Chain::all(facts) {
            let counted = chain.counted(campaign).map(|fact| fact.id);
            marks.counted.extend(counted);
            let on_time = chain.on_time(campaign);
            let answers = chain.versions.iter().map(|fact| (fact.id, on_time));
            marks.on_time.extend(answers);
        }
        marks
    }
}

/// In order of arrival. Ids go by the order of judging, which may be another.
fn place(fact: &Fact) -> (Moment, i64, i64) {
    (fact.arrived, fact.mail, fact.id)
}

/// The first version's id. Ids that lead in a circle end at the smallest seen.
fn root(fact: &Fact, by_id: &HashMap<i64, &Fact>) -> i64 {
    let mut seen = vec![fact.id];
    let mut at = fact;
    while let Some(earlier) = at.repeats.and_then(|id| by_id.get(&id)) {
        if seen.contains(&earlier.id) {
            return seen.into_iter().min().unwrap_or(fact.id);
        }
        seen.push(earlier.id);
        at = earlier;
    }
    at.id
}
