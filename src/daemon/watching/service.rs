//! What the service manager is told (sd_notify), and what the log is told of a pass that hangs.

use super::super::Site;
use super::heartbeat::{Attempt, Pulse, Stage};
use crate::campaign::{CST, Moment};
use crate::log::masked;
use futures_util::future::select_all;
use sd_notify::NotifyState;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;
use tracing::{debug, error, info};

/// Characters of a server's words in the state.
const LONGEST: usize = 120;

/// Tells of the loop until `end`, and at least twice within what systemd's watchdog waits (`WATCHDOG_USEC`). The
/// watchdog is fed only while the loop gets on.
pub async fn report(
    sites: &[Site],
    hung_after: Duration,
    mut stopped: watch::Receiver<bool>,
    mut end: oneshot::Receiver<()>,
) {
    let watchdog = sd_notify::watchdog_enabled();
    let every = watchdog.unwrap_or(hung_after).min(hung_after) / 2;
    let (mut told, mut gone) = (Told::default(), false);
    loop {
        let state = State::of(&named(sites), hung_after, *stopped.borrow());
        told.tell(&state, watchdog.is_some());
        told.log(&state);
        let changes = sites.iter().map(|site| Box::pin(site.heart.changed()));
        tokio::select! {
            _ = select_all(changes) => {}
            () = sleep(every) => {}
            changed = stopped.changed(), if !gone => gone = changed.is_err(),
            _ = &mut end => break,
        }
    }
    let last = State::of(&named(sites), hung_after, true);
    told.tell(&last, false);
}

fn named(sites: &[Site]) -> Vec<(&str, Pulse)> {
    let named = sites.iter();
    let named = named.map(|site| (site.config.name.as_str(), site.heart.pulse()));
    named.collect()
}

/// What there is to tell: of several campaigns, one that hangs is enough to say so.
#[derive(Debug, PartialEq, Eq)]
struct State {
    began: bool,
    stopping: bool,
    hangs: bool,
    words: String,
}

impl State {
    fn of(all: &[(&str, Pulse)], hung_after: Duration, stopping: bool) -> Self {
        let hangs = |pulse: &Pulse| pulse.hangs(hung_after);
        let words = all.iter().map(|(name, pulse)| {
            let words = words(pulse, hangs(pulse), stopping);
            match *name {
                "" => words,
                name => format!("{name}: {words}"),
            }
        });
        Self {
            began: all.iter().all(|(_, pulse)| pulse.began),
            stopping,
            hangs: all.iter().any(|(_, pulse)| hangs(pulse)),
            words: words.collect::<Vec<_>>().join("; "),
        }
    }
}

fn words(pulse: &Pulse, hangs: bool, stopping: bool) -> String {
    if hangs {
        let since = time(pulse.rest_until.unwrap_or(pulse.beat));
        return format!("no progress since {since}: {}", pulse.stage.words());
    }
    if stopping {
        return format!("stopping after the pass in hand: {}", pulse.stage.words());
    }
    match (pulse.stage, &pulse.attempt) {
        (Stage::Resting, Some(attempt)) => {
            let next = pulse.rest_until.map(time).unwrap_or_default();
            format!("{}; next pass {next}", last(attempt))
        }
        (stage, _) => stage.words().to_owned(),
    }
}

fn last(attempt: &Attempt) -> String {
    let at = time(attempt.at);
    match &attempt.error {
        None => format!("polled {at}"),
        Some(error) => {
            // A state is one line.
            let line: String = error.chars().filter(|c| !c.is_control()).collect();
            let line = masked(&line);
            let line: String = line.chars().take(LONGEST).collect();
            format!("the poll of {at} failed: {line}")
        }
    }
}

fn time(moment: Moment) -> String {
    moment.with_timezone(&CST).format("%H:%M").to_string()
}

/// What was told already.
#[derive(Debug, Default)]
struct Told {
    began: bool,
    stopping: bool,
    words: String,
    hangs: bool,
}

impl Told {
    /// Nothing happens where no service manager listens (`NOTIFY_SOCKET`).
    fn tell(&mut self, state: &State, watched: bool) {
        let mut news = Vec::new();
        if state.words != self.words {
            news.push(NotifyState::Status(&state.words));
        }
        if state.began && !self.began {
            news.push(NotifyState::Ready);
        }
        if state.stopping && !self.stopping {
            news.push(NotifyState::Stopping);
        }
        if watched && !state.hangs {
            news.push(NotifyState::Watchdog);
        }
        if news.is_empty() {
            return;
        }
        if let Err(error) = sd_notify::notify(&news) {
            debug!(%error, "the service manager was not told");
        }
        self.began |= state.began;
        self.stopping |= state.stopping;
        self.words.clone_from(&state.words);
    }

    fn log(&mut self, state: &State) {
        match (self.hangs, state.hangs) {
            (false, true) => error!(state = state.words, "the pass hangs"),
            (true, false) => info!("the pass goes on"),
            _ => {}
        }
        self.hangs = state.hangs;
    }
}

#[cfg(test)]
mod tests {
    use super::super::heartbeat::Heartbeat;
    use super::*;
    use chrono::TimeDelta;

    const LONG: Duration = Duration::from_secs(600);

    fn pulse(change: impl FnOnce(&mut Pulse)) -> Pulse {
        let mut pulse = Heartbeat::default().pulse();
        let day = chrono::NaiveDate::from_ymd_opt(2022, 5, 24).unwrap();
        pulse.beat = crate::campaign::in_china(day.and_hms_opt(10, 30, 0).unwrap());
        pulse.stage = Stage::Polling;
        pulse.silent = Duration::ZERO;
        change(&mut pulse);
        pulse
    }

    #[test]
    fn the_state_says_what_the_loop_is_at() {
        let rests = |pulse: &mut Pulse, error: Option<&str>| {
            pulse.stage = Stage::Resting;
            pulse.rest_until = Some(pulse.beat + TimeDelta::minutes(3));
            pulse.attempt = Some(Attempt {
                at: pulse.beat,
                error: error.map(str::to_owned),
            });
        };
        let refusal = "refused: zhang@163.com\nLOGIN";
        for (pulse, stopping, words) in [
            (pulse(|_| ()), false, "reading the mailbox"),
            (
                pulse(|pulse| rests(pulse, None)),
                false,
                "polled 10:30; next pass 10:33",
            ),
            (
                pulse(|pulse| rests(pulse, Some(refusal))),
                false,
                "the poll of 10:30 failed: refused: z***@163.comLOGIN; next pass 10:33",
            ),
            (
                pulse(|_| ()),
                true,
                "stopping after the pass in hand: reading the mailbox",
            ),
            (
                pulse(|pulse| pulse.silent = LONG * 2),
                false,
                "no progress since 10:30: reading the mailbox",
            ),
        ] {
            assert_eq!(State::of(&[("", pulse)], LONG, stopping).words, words);
        }
    }
}
