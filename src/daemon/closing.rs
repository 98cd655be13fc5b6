//! What summaries and statistics tables come to, and the campaign as a whole.

use super::Daemon;
use crate::attribution::Kind;
use crate::campaign::Moment;
use crate::message::Media;
use crate::outgoing::ClosingFacts;
use crate::standing::{Standing, Statistics, Table, closing, lacks, lay_together};
use crate::store::{Fact, SubmissionRow};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet, HashMap};

impl Daemon {
    /// The latest version of every unit's 情况统计表, laid together.
    pub(super) fn statistics(&self, standings: &[Standing], now: Moment) -> Result<Statistics> {
        let counted: HashMap<&str, u32> = standings
            .iter()
            .map(|s| (s.unit.as_str(), s.reports))
            .collect();
        let latest = self.latest_of(Kind::Statistics, now)?.into_iter();
        let tables = latest.filter_map(|row| {
            let table = Table::read(&row.text)?;
            let reports = counted
                .get(row.fact.unit.as_str())
                .copied()
                .unwrap_or_default();
            Some((row.fact.unit, reports, table))
        });
        Ok(lay_together(&tables.collect::<Vec<_>>()))
    }

    /// Submissions of one kind that no later one replaces.
    fn latest_of(&self, kind: Kind, now: Moment) -> Result<Vec<SubmissionRow>> {
        let mut rows = self.store.submissions_of_kind(kind, now)?;
        let replaced: BTreeSet<i64> = rows.iter().filter_map(|row| row.fact.repeats).collect();
        rows.retain(|row| !replaced.contains(&row.fact.id));
        Ok(rows)
    }

    /// The campaign as a whole, once the summary's due is past.
    pub(super) fn closing(
        &self,
        standings: &[Standing],
        facts: &[Fact],
        statistics: &Statistics,
        now: Moment,
    ) -> Result<Option<ClosingFacts>> {
        if now < self.campaign.summary.end() {
            return Ok(None);
        }
        let arrived: Vec<Fact> = facts
            .iter()
            .filter(|fact| fact.arrived <= now)
            .cloned()
            .collect();
        let (photos, videos) = self.store.media_totals(now)?;
        Ok(Some(ClosingFacts {
            totals: closing(standings, &arrived, &self.campaign),
            photos,
            videos,
            lacking: self.lacking_summaries(now)?,
            doubts: statistics.doubts.clone(),
        }))
    }

    /// Units whose summaries, taken together, lack something that the notice asks for.
    fn lacking_summaries(&self, now: Moment) -> Result<Vec<(String, Vec<&'static str>)>> {
        let mut of_unit: BTreeMap<String, (String, usize)> = BTreeMap::new();
        for row in self.latest_of(Kind::Summary, now)? {
            let files = self.store.files_of_submission(row.fact.id)?;
            let (text, photos) = of_unit.entry(row.fact.unit).or_default();
            text.push_str(&row.text);
            *photos += files
                .iter()
                .filter(|file| file.media == Media::Photo)
                .count();
        }
        let all = of_unit
            .into_iter()
            .map(|(unit, (text, photos))| (unit, lacks(&text, photos)));
        Ok(all.filter(|(_, lacking)| !lacking.is_empty()).collect())
    }
}
