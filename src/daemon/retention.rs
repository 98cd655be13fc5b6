//! What may go: bytes of past campaigns, as the settings allow. Rows stay, and say what was removed.

use super::Daemon;
use crate::campaign::{CST, Campaign, Moment};
use crate::store::{Named, mails_in};
use anyhow::{Context, Result};
use chrono::Days;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tracing::{info, warn};

/// What may be removed now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Prunable {
    /// Raw mails and files out of mails, by their hashes.
    pub blobs: BTreeSet<String>,
    /// Bytes of those that are on disk.
    pub bytes: u64,
    /// Letters.
    pub letters: usize,
}

impl Daemon {
    /// What the settings allow to remove at `now`.
    pub fn prunable(&self, now: Moment) -> Result<Prunable> {
        let settings = &self.config.retention;
        let settled = |days: Option<u32>| match self.past(days, now) {
            Some(before) => self.store.settled_mails(before),
            None => Ok(BTreeSet::new()),
        };
        let (raw, files) = (
            settled(settings.raw_mails_days)?,
            settled(settings.files_days)?,
        );
        let named = match raw.is_empty() && files.is_empty() {
            true => vec![],
            false => self.store.named_blobs()?,
        };
        let mut blobs = removable(&named, &raw, &files);
        if !raw.is_empty() {
            blobs.extend(self.needless_packs(&named)?);
        }
        let packed = named.iter().filter(|named| blobs.contains(&named.sha256));
        let packed: u64 = packed.filter_map(|named| named.packed_bytes).sum();
        let bytes = |sha256: &String| {
            self.blobs
                .path(sha256)
                .metadata()
                .map_or(0, |blob| blob.len())
        };
        Ok(Prunable {
            bytes: packed + blobs.iter().map(bytes).sum::<u64>(),
            letters: match self.past(settings.letters_days, now) {
                Some(before) => self
                    .store
                    .letters_before(before.with_timezone(&CST).date_naive())?,
                None => 0,
            },
            blobs,
        })
    }

    /// Removes it. What a crash left of an earlier removal goes too.
    pub fn prune(&mut self, now: Moment) -> Result<Prunable> {
        let prunable = self.prunable(now)?;
        if !prunable.blobs.is_empty() {
            self.store.remove(&prunable.blobs, now)?;
        }
        for pack in self.store.packs_to_take_apart()? {
            // Its mails may be damaged, which `verify` tells; that keeps nothing else from being removed.
            if let Err(error) = self.take_apart(&pack, now) {
                warn!(pack, error = format!("{error:#}"), "pack not taken apart");
            }
        }
        for sha256 in self.store.removed()? {
            let path = self.blobs.path(&sha256);
            self.heart.beat();
            if path.exists() {
                std::fs::remove_file(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        if let Some(before) = self.past(self.config.retention.letters_days, now) {
            self.store
                .remove_letters(before.with_timezone(&CST).date_naive())?;
        }
        if prunable != Prunable::default() {
            info!(
                blobs = prunable.blobs.len(),
                bytes = prunable.bytes,
                letters = prunable.letters,
                "removed by retention"
            );
        }
        Ok(prunable)
    }

    /// What stays of a pack lies in blobs of its own from then on; the pack is among what was removed.
    fn take_apart(&mut self, pack: &str, now: Moment) -> Result<()> {
        let mut staged = Vec::new();
        let mails = self.store.raw_mails(None)?;
        for mail in &mails {
            if let Some(packed) = mail.packed.as_ref().filter(|packed| packed.pack == pack) {
                let raw = self.blobs.unpack(mail, packed)?;
                staged.extend(self.blobs.stage(&mail.sha256, &raw)?);
                self.heart.beat();
            }
        }
        self.blobs.keep(staged)?;
        self.store.taken_apart(pack, now)
    }

    /// Packs that a crash left before their rows: those of another pack name the same mails.
    fn needless_packs(&self, named: &[Named]) -> Result<Vec<String>> {
        let blobs: HashSet<&str> = named.iter().map(|named| named.blob.as_str()).collect();
        let mut needless = Vec::new();
        for sha256 in self.blobs.all()? {
            if !blobs.contains(sha256.as_str()) {
                let mails = mails_in(&self.blobs.path(&sha256))?;
                if !mails.is_empty() && self.store.has_all(&mails)? {
                    needless.push(sha256);
                }
            }
        }
        Ok(needless)
    }

    fn past(&self, days: Option<u32>, now: Moment) -> Option<Moment> {
        past(&self.campaign, days?, now)
    }
}

/// What arrived before this moment is of a campaign that ended `days` ago or earlier; `None`: nothing surely is.
/// Until the campaign of the settings has been over for so long, only what came half a year before it can be.
fn past(campaign: &Campaign, days: u32, now: Moment) -> Option<Moment> {
    [campaign.summary.end(), campaign.begins()]
        .into_iter()
        .find(|end| {
            end.checked_add_days(Days::new(days.into()))
                .is_some_and(|due| due <= now)
        })
}

/// Bytes all of whose rows let them go: raw mails of `raw`, files of `files`.
fn removable(named: &[Named], raw: &BTreeSet<i64>, files: &BTreeSet<i64>) -> BTreeSet<String> {
    let mut goes: BTreeMap<&str, bool> = BTreeMap::new();
    for blob in named {
        let settled = if blob.raw { raw } else { files };
        *goes.entry(&blob.sha256).or_insert(true) &= settled.contains(&blob.mail);
    }
    let gone = goes.into_iter().filter(|(_, goes)| *goes);
    gone.map(|(sha256, _)| sha256.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::in_china;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn at(minutes: i64) -> Moment {
        let start = chrono::NaiveDate::from_ymd_opt(2021, 1, 1).unwrap();
        in_china(start.and_time(chrono::NaiveTime::MIN)) + TimeDelta::minutes(minutes)
    }

    fn campaign(moved: u64) -> Campaign {
        let mut campaign = Campaign::default();
        let days = Days::new(moved);
        for day in [
            &mut campaign.first_day,
            &mut campaign.last_day,
            &mut campaign.plan.due,
            &mut campaign.summary.due,
        ] {
            *day = *day + days;
        }
        campaign
    }

    const FOUR_YEARS: i64 = 4 * 366 * 24 * 60;

    proptest! {
        #[test]
        fn nothing_of_a_running_campaign_is_ever_past(
            moved in 0..700_u64,
            days in 0..2000_u32,
            (now, arrived) in (0..FOUR_YEARS, 0..FOUR_YEARS),
        ) {
            let campaign = campaign(moved);
            let (now, arrived) = (at(now), at(arrived));
            let running = now < campaign.summary.end() + Days::new(days.into());
            let first = in_china(campaign.first_day.and_time(chrono::NaiveTime::MIN));
            if running && arrived >= first - TimeDelta::days(150) {
                prop_assert!(past(&campaign, days, now).is_none_or(|before| arrived >= before));
            }
        }

        #[test]
        fn what_arrived_after_the_end_waits_for_the_next_campaign(moved in 0..700_u64, days in 0..500_u32, now in 0..FOUR_YEARS) {
            let campaign = campaign(moved);
            prop_assert!(past(&campaign, days, at(now)).is_none_or(|before| before <= campaign.summary.end()));
        }

        #[test]
        fn a_blob_goes_only_when_every_row_that_names_it_lets_it_go(
            rows in proptest::collection::vec((0..6_u8, 0..5_i64, any::<bool>()), 0..30),
            raw in proptest::collection::btree_set(0..5_i64, 0..5),
            files in proptest::collection::btree_set(0..5_i64, 0..5),
        ) {
            let named: Vec<Named> = rows
                .iter()
                .map(|(blob, mail, raw)| Named { sha256: blob.to_string(), blob: blob.to_string(), by: String::new(), mail: *mail, raw: *raw, packed_bytes: None })
                .collect();
            let gone = removable(&named, &raw, &files);
            for row in &named {
                let settled = if row.raw { &raw } else { &files };
                prop_assert!(settled.contains(&row.mail) || !gone.contains(&row.sha256));
            }
            for blob in &named {
                let all = named.iter().filter(|row| row.sha256 == blob.sha256);
                let lets = |row: &Named| if row.raw { raw.contains(&row.mail) } else { files.contains(&row.mail) };
                prop_assert_eq!(gone.contains(&blob.sha256), all.clone().all(lets));
            }
        }
    }
}
