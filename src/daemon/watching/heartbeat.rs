//! Signs of life of the pass loop. Whoever watches it reads them without asking the loop.

use crate::campaign::{CST, Moment};
use anyhow::Result;
use chrono::{SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// In the data directory, for other processes.
const FILE: &str = "heartbeat.json";
/// Within a stage the file is written no more often than this.
const WRITTEN_EVERY: Duration = Duration::from_secs(10);

/// What the loop is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The data directory.
    #[default]
    Opening,
    /// The mailbox is looked into, and what is new is kept.
    Polling,
    /// Mails are judged, answers carried out, letters decided on.
    Judging,
    /// Letters are offered to the server.
    Sending,
    /// Until the next pass.
    Resting,
}

impl Stage {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Opening => "opening the data directory",
            Self::Polling => "reading the mailbox",
            Self::Judging => "judging mails and deciding on letters",
            Self::Sending => "sending letters",
            Self::Resting => "resting",
        }
    }
}

/// The last look into the mailbox, by the daemon's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it was begun.
    pub at: Moment,
    /// Why it failed.
    pub error: Option<String>,
}

/// The state of the loop. Moments are of the system's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pulse {
    /// Of the process.
    pub pid: u32,
    /// Of the program.
    pub version: String,
    /// When the process began.
    pub started: Moment,
    /// What it is at.
    pub stage: Stage,
    /// The last sign of progress.
    pub beat: Moment,
    /// While resting: until when.
    pub rest_until: Option<Moment>,
    /// Whether the first pass is under way.
    pub began: bool,
    /// The last poll that came to an end.
    pub attempt: Option<Attempt>,
    /// Polls of this process.
    pub polls: u64,
    /// Those of them that failed.
    pub polls_failed: u64,
    /// Passes of this process that ended, and the seconds that they took.
    pub passes: u64,
    #[allow(missing_docs)]
    pub passes_seconds: f64,
    /// Mails that this process fetched and had not kept before.
    pub mails: u64,
    /// How long there was no sign of progress; a rest counts from its end on.
    #[serde(skip)]
    pub silent: Duration,
}

/// Beats wherever a pass gets on. Clones are the same heart.
#[derive(Debug, Clone, Default)]
pub struct Heartbeat(Arc<Heart>);

#[derive(Debug, Default)]
struct Heart {
    life: Mutex<Life>,
    changed: Notify,
    file: Option<PathBuf>,
}

/// The pulse, with what a clock that is set anew does not disturb.
#[derive(Debug)]
struct Life {
    pulse: Pulse,
    beat: Instant,
    pass_began: Option<Instant>,
    written: Option<Instant>,
}

impl Default for Life {
    fn default() -> Self {
        let now = system();
        Self {
            pulse: Pulse {
                pid: std::process::id(),
                version: env!("CARGO_PKG_VERSION").into(),
                started: now,
                stage: Stage::default(),
                beat: now,
                rest_until: None,
                began: false,
                attempt: None,
                polls: 0,
                polls_failed: 0,
                passes: 0,
                passes_seconds: 0.0,
                mails: 0,
                silent: Duration::ZERO,
            },
            beat: Instant::now(),
            pass_began: None,
            written: None,
        }
    }
}

impl Heartbeat {
    /// One that other processes see too, by a file in `data_dir`.
    pub fn in_dir(data_dir: &Path) -> Self {
        Self(Arc::new(Heart {
            file: Some(data_dir.join(FILE)),
            ..Heart::default()
        }))
    }

    /// A pass got on a little.
    pub fn beat(&self) {
        let mut life = self.life();
        life.beats();
        if life.written.is_none_or(|at| at.elapsed() >= WRITTEN_EVERY) {
            self.write(&mut life);
        }
    }

    /// A pass begins; its first stage says so.
    pub fn begins(&self) {
        self.life().pass_began = Some(Instant::now());
    }

    /// The loop comes to its next stage.
    pub fn stage(&self, stage: Stage) {
        self.change(|life| life.pulse.stage = stage);
    }

    /// The first pass is under way.
    pub fn began(&self) {
        if !self.life().pulse.began {
            self.change(|life| life.pulse.began = true);
        }
    }

    /// Mails were fetched that had not been kept before.
    pub fn took(&self, mails: usize) {
        self.life().pulse.mails += mails as u64;
        self.beat();
    }

    /// A poll that was begun at `at` came to its end. The next stage tells others of it.
    pub fn polled(&self, at: Moment, error: Option<String>) {
        let mut life = self.life();
        life.beats();
        life.pulse.polls += 1;
        life.pulse.polls_failed += u64::from(error.is_some());
        life.pulse.attempt = Some(Attempt { at, error });
    }

    /// A pass came to its end, well or not.
    pub fn passed(&self) {
        self.change(Life::pass_ended);
    }

    /// The pass, if one was under way, came to its end; nothing is done for so long.
    pub fn rests(&self, rest: Duration) {
        self.change(|life| {
            life.pass_ended();
            life.pulse.stage = Stage::Resting;
            life.beat += rest;
            life.pulse.rest_until = Some(life.pulse.beat + delta(rest));
        });
    }

    /// How it stands.
    pub fn pulse(&self) -> Pulse {
        let life = self.life();
        Pulse {
            silent: life.beat.elapsed(),
            ..life.pulse.clone()
        }
    }

    /// Waits for the next stage, or for news of a poll.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    fn change(&self, change: impl FnOnce(&mut Life)) {
        let mut life = self.life();
        life.beats();
        change(&mut life);
        self.write(&mut life);
        self.0.changed.notify_one();
    }

    /// A disk that takes no file does not stop the heart; others see it by what they cannot write themselves.
    fn write(&self, life: &mut Life) {
        life.written = Some(Instant::now());
        if let Some(file) = &self.0.file {
            let _ = write(file, &life.pulse);
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.0.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Life {
    fn beats(&mut self) {
        self.beat = Instant::now();
        self.pulse.beat = system();
        self.pulse.rest_until = None;
    }

    fn pass_ended(&mut self) {
        if let Some(began) = self.pass_began.take() {
            self.pulse.passes += 1;
            self.pulse.passes_seconds += began.elapsed().as_secs_f64();
        }
    }
}

impl Pulse {
    /// What a process left in `data_dir`; it may have ended since.
    pub fn load(data_dir: &Path) -> Option<Self> {
        let bytes = std::fs::read(data_dir.join(FILE)).ok()?;
        let mut pulse: Self = serde_json::from_slice(&bytes).ok()?;
        let since = pulse.rest_until.unwrap_or(pulse.beat);
        pulse.silent = (Utc::now().with_timezone(&CST) - since)
            .to_std()
            .unwrap_or_default();
        Some(pulse)
    }

    /// Whether it should have got on long since.
    pub fn hangs(&self, hung_after: Duration) -> bool {
        self.silent > hung_after
    }
}

/// Seen whole or not at all; what a power cut takes of it is written anew.
fn write(file: &Path, pulse: &Pulse) -> Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    let mut fresh = tempfile::NamedTempFile::new_in(dir)?;
    fresh.write_all(&serde_json::to_vec(pulse)?)?;
    fresh.persist(file)?;
    Ok(())
}

fn system() -> Moment {
    Utc::now().with_timezone(&CST).trunc_subsecs(0)
}

fn delta(rest: Duration) -> TimeDelta {
    TimeDelta::from_std(rest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn a_rest_is_no_silence_before_its_end() {
        let heart = Heartbeat::default();
        heart.rests(Duration::from_secs(3600));
        assert_eq!(heart.pulse().silent, Duration::ZERO);
        assert!(!heart.pulse().hangs(Duration::ZERO));
        heart.stage(Stage::Polling);
        assert_eq!(heart.pulse().rest_until, None);
    }

    #[test]
    fn another_process_sees_where_the_loop_stands() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Pulse::load(dir.path()), None);
        let heart = Heartbeat::in_dir(dir.path());
        heart.stage(Stage::Sending);
        let mut seen = Pulse::load(dir.path()).unwrap();
        assert_eq!((seen.stage, seen.pid), (Stage::Sending, std::process::id()));
        assert!(!seen.hangs(LONG));
        // What a process left that died an hour ago.
        seen.beat -= TimeDelta::hours(1);
        write(&dir.path().join(FILE), &seen).unwrap();
        assert!(Pulse::load(dir.path()).unwrap().hangs(LONG));
        seen.rest_until = Some(system() + TimeDelta::minutes(3));
        write(&dir.path().join(FILE), &seen).unwrap();
        assert!(!Pulse::load(dir.path()).unwrap().hangs(LONG));
    }

    #[test]
    fn polls_are_counted_with_those_that_failed() {
        let heart = Heartbeat::default();
        let at = system();
        heart.polled(at, None);
        heart.polled(at, Some("no answer".into()));
        let pulse = heart.pulse();
        assert_eq!((pulse.polls, pulse.polls_failed), (2, 1));
        assert_eq!(pulse.attempt.unwrap().error.unwrap(), "no answer");
    }
}
