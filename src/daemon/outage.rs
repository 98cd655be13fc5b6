//! Alarms of times in which no row can be written: kept in a file beside the database, told by the robot.

use super::robot;
use crate::campaign::Moment;
use crate::config;
use crate::store::{Alarm, Fault};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use tracing::{error, warn};

/// A fault that stops all work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// What it is.
    pub fault: Fault,
    /// When it was first seen.
    pub since: Moment,
    /// And last.
    pub seen: Moment,
    /// Whether the robot knows.
    pub told: bool,
    /// Whether the database can be used again and holds it as an alarm, which closes as others do.
    pub handed_over: bool,
}

/// The outages whose end was not told yet.
#[derive(Debug)]
pub struct Outages {
    file: PathBuf,
    /// One a fault.
    pub all: Vec<Outage>,
}

impl Outages {
    /// Those that an earlier process left in `data_dir`.
    pub fn load(data_dir: &Path) -> Self {
        let file = data_dir.join("outages.json");
        let text = std::fs::read(&file).unwrap_or_default();
        Self {
            all: serde_json::from_slice(&text).unwrap_or_default(),
            file,
        }
    }

    /// Those that last.
    pub fn lasting(&self) -> impl Iterator<Item = &Outage> {
        self.all.iter().filter(|outage| !outage.handed_over)
    }

    /// Notes that a fault is there, and tells the robot unless it was `told`.
    pub async fn note(&mut self, fault: Fault, told: bool, settings: &config::Alarms, now: Moment) {
        // Whoever restores a damaged database moves it away first.
        let same = |known| known == fault || (known, fault) == (Fault::Damaged, Fault::Missing);
        let at = self.all.iter().position(|outage| same(outage.fault));
        let at = at.unwrap_or_else(|| {
            error!(name = fault.name(), what = %fault, "alarm");
            self.all.push(Outage {
                fault,
                since: now,
                seen: now,
                told,
                handed_over: false,
            });
            self.all.len() - 1
        });
        let outage = &mut self.all[at];
        (outage.seen, outage.handed_over) = (now, false);
        if !outage.told {
            match robot::tell(settings, &outage.alarm()).await {
                Ok(()) => outage.told = true,
                Err(error) => warn!(
                    name = fault.name(),
                    error = format!("{error:#}"),
                    "robot not told"
                ),
            }
        }
        self.save();
    }

    /// A full disk may take no file either: the process itself still knows what it told.
    pub fn save(&self) {
        let saved = if self.all.is_empty() {
            std::fs::remove_file(&self.file).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
        } else {
            self.write()
        };
        if let Err(error) = saved {
            warn!(%error, "what was told of an alarm cannot be kept");
        }
    }

    fn write(&self) -> std::io::Result<()> {
        let dir = self.file.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(&serde_json::to_vec(&self.all)?)?;
        file.persist(&self.file)?;
        Ok(())
    }
}

impl Outage {
    fn alarm(&self) -> Alarm {
        Alarm {
            id: 0,
            name: self.fault.name().into(),
            what: self.fault.in_chinese().into(),
            since: self.since,
            cleared: None,
        }
    }
}
