//! Seeded fault runs: a mailbox of 200 mails, some of them large, behind servers that misbehave at random.

use super::support::mail::{large, may, report};
use super::support::settings::{CODE, USER, settings};
use super::support::standin::{ImapFault, SmtpFault, Standin};
use super::{Soak, check, open};
use anyhow::{Context, Result, ensure};
use baosong::campaign::Moment;
use baosong::daemon::Daemon;
use baosong::store::LetterState;
use chrono::{DateTime, TimeDelta};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout};

const MAILS: usize = 200;
/// Every hundredth mail is of so many bytes.
const LARGE: usize = 20 << 20;
/// A silence is waited out for a second; a pass may meet a few, and reads 20 MB beside.
const LONGEST_PASS: Duration = Duration::from_secs(30);
/// Of the daemon's process; its reader has a limit of its own.
const MOST_MEMORY_KB: u64 = 150 << 10;

pub async fn run(arguments: &Soak) -> Result<()> {
    let begin = Instant::now();
    let limit = arguments
        .minutes
        .map(|minutes| Duration::from_secs(60 * minutes));
    let (mut seed, mut faults, mut longest, mut peak) = (arguments.from, 0, Duration::ZERO, 0);
    loop {
        let done = seed - arguments.from;
        if limit.map_or(done >= arguments.seeds, |limit| begin.elapsed() >= limit) {
            break;
        }
        let run = Run::new(seed).await?.whole().await.with_context(|| {
            format!("seed {seed} failed; replay: tests/soak --from {seed} --seeds 1")
        })?;
        faults += run.faults;
        longest = longest.max(run.longest);
        peak = peak.max(run.peak_kb);
        seed += 1;
    }
    println!(
        "{} seeds, {faults} faults, {MAILS} mails each: every mail kept once, every hash holds, every ledger closes, \
         every digest left under one Message-ID",
        seed - arguments.from,
    );
    let (longest, peak) = (longest.as_secs_f64(), peak >> 10);
    println!("longest pass {longest:.1} s, at most {peak} MB in the daemon's process");
    Ok(())
}

/// One seed.
struct Run {
    rng: StdRng,
    dir: tempfile::TempDir,
    server: Standin,
    daemon: Child,
    now: Moment,
    faults: usize,
    longest: Duration,
    peak_kb: u64,
}

impl Run {
    async fn new(seed: u64) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let server = Standin::start(USER, CODE).await;
        Ok(Self {
            rng: StdRng::seed_from_u64(seed),
            daemon: Child::start(dir.path(), server.ports())?,
            dir,
            server,
            now: may(20, 8, 0),
            faults: 0,
            longest: Duration::ZERO,
            peak_kb: 0,
        })
    }

    async fn whole(mut self) -> Result<Self> {
        let mut left = MAILS;
        while left > 0 {
            let batch = self.rng.random_range(1..=40).min(left);
            for _ in 0..batch {
                self.server.deliver("INBOX", &mail(MAILS - left), self.now);
                left -= 1;
            }
            self.disturb();
            self.pass().await?;
            if self.rng.random_bool(0.5) {
                self.server.behave();
            }
            self.now += TimeDelta::minutes(self.rng.random_range(3..240));
        }
        self.server.behave();
        for _ in 0..2 {
            self.now += TimeDelta::days(1);
            self.pass().await?;
        }
        self.now += TimeDelta::minutes(3);
        let passed = self.pass().await?;
        ensure!(
            passed == "done",
            "a pass after all faults are over: {passed}"
        );
        let daemon = Daemon::look(
            settings(self.server.ports(), self.dir.path()),
            &self.dir.path().join("data"),
        )?;
        check(&daemon, MAILS)?;
        self.check_letters(&daemon)?;
        Ok(self)
    }

    fn disturb(&mut self) {
        if self.rng.random_bool(0.1) {
            let uidvalidity = self.rng.random_range(2..1_000);
            self.server.renumber("INBOX", uidvalidity);
            self.faults += 1;
        }
        for _ in 0..self.rng.random_range(0..3) {
            let fault = imap_fault(&mut self.rng, &self.server);
            self.server.misbehave(fault);
            self.faults += 1;
        }
        if self.rng.random_bool(0.3) {
            self.server.misbehave_smtp(smtp_fault(&mut self.rng));
            self.faults += 1;
        }
    }

    /// How it ended: it may fail while the servers misbehave; what it kept must hold all the same.
    async fn pass(&mut self) -> Result<String> {
        let begin = Instant::now();
        let (peak_kb, outcome) = self.daemon.pass(self.now).await?;
        self.longest = self.longest.max(begin.elapsed());
        self.peak_kb = self.peak_kb.max(peak_kb);
        let longest = self.longest;
        ensure!(longest < LONGEST_PASS, "a pass took {longest:?}");
        ensure!(peak_kb < MOST_MEMORY_KB, "{peak_kb} kB of memory");
        Ok(outcome)
    }

    /// What counts as sent was taken, and under no Message-ID but its own.
    fn check_letters(&self, daemon: &Daemon) -> Result<()> {
        let letters = daemon.store.letters_between(may(1, 0, 0), self.now)?;
        let taken = self.server.accepted();
        let under = |id: &str| {
            let holds = |data: &[u8]| String::from_utf8_lossy(data).contains(id);
            taken.iter().filter(|letter| holds(&letter.data)).count()
        };
        let mut known = 0;
        for letter in &letters {
            let times = under(&letter.message_id);
            known += times;
            ensure!(
                letter.state != LetterState::Sent || times > 0,
                "a {} counts as sent, but was never taken",
                letter.rule
            );
        }
        ensure!(
            known == taken.len(),
            "{} letters, {known} of them ours",
            taken.len()
        );
        Ok(())
    }
}

/// A daemon in a process of its own, so that its memory can be told from the servers'.
struct Child {
    _process: tokio::process::Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Child {
    fn start(dir: &Path, (imap, smtp): (u16, u16)) -> Result<Self> {
        let mut process = tokio::process::Command::new(std::env::current_exe()?)
            .arg("--serve")
            .arg(dir)
            .args([imap.to_string(), smtp.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (to, from) = (process.stdin.take(), process.stdout.take());
        Ok(Self {
            _process: process,
            to: to.context("no pipe")?,
            from: BufReader::new(from.context("no pipe")?).lines(),
        })
    }

    /// Peak memory in kB so far, and `done` or the error.
    async fn pass(&mut self, now: Moment) -> Result<(u64, String)> {
        let line = format!("{}\n", now.to_rfc3339());
        self.to.write_all(line.as_bytes()).await?;
        let answer = self.from.next_line().await?.context("the daemon died")?;
        let (peak, outcome) = answer.split_once(' ').context("an answer")?;
        Ok((peak.parse()?, outcome.to_owned()))
    }
}

/// What such a child does: a pass for each moment on its standard input.
pub async fn serve(dir: &Path, ports: (u16, u16)) -> Result<()> {
    let mut daemon = open(dir, ports)?;
    for line in std::io::stdin().lines() {
        let outcome = match daemon.pass(DateTime::parse_from_rfc3339(&line?)?).await {
            Ok(()) => "done".to_owned(),
            Err(error) => format!("{error:#}").replace('\n', " "),
        };
        println!("{} {outcome}", peak_kb()?);
    }
    Ok(())
}

fn mail(n: usize) -> Vec<u8> {
    let (id, day) = (format!("m{n}"), 23 + n as u32 % 7);
    match n % 100 {
        50 => large(&id, "丹东市教育局", day, LARGE),
        _ => report(&id, "丹东市教育局", day),
    }
}

fn imap_fault(rng: &mut StdRng, server: &Standin) -> ImapFault {
    const COMMANDS: [&str; 6] = ["LOGIN", "ID", "LIST", "EXAMINE", "UID SEARCH", "UID FETCH"];
    let command = COMMANDS[rng.random_range(0..COMMANDS.len())];
    let mails = server.mails("INBOX");
    let uid = mails[rng.random_range(0..mails.len())].uid;
    match rng.random_range(0..26) {
        0 => ImapFault::RefuseLogin(b"LOGIN Login error or password error".to_vec()),
        1 => ImapFault::RefuseLogin(b"LOGIN too many connections, try again later".to_vec()),
        2 => ImapFault::RefuseId("NO"),
        3 => ImapFault::RefuseExamine("INBOX".into()),
        4 => ImapFault::UnsafeLogin,
        5 => ImapFault::TurnAway,
        6 => ImapFault::OddGreeting,
        7 => ImapFault::NoGreeting,
        8 => ImapFault::ByeAt(command),
        9 => ImapFault::CloseAt(command),
        10 => ImapFault::SilentAt(command),
        11 | 12 => ImapFault::CutFetchAfter(rng.random_range(1..20_000)),
        13 => ImapFault::CutFetchAfter(rng.random_range(1..LARGE)),
        14 => ImapFault::CutAfter(rng.random_range(0..40_000)),
        15 => ImapFault::SilentAfter(rng.random_range(1..20_000)),
        16 => ImapFault::RefuseFetch(uid),
        17 => ImapFault::BadFetch(uid),
        18 => ImapFault::CloseAtFetchOf(uid),
        19 => ImapFault::NilDate(uid),
        20 => ImapFault::IgnoreParts,
        21 => ImapFault::RefuseParts,
        22 => ImapFault::SearchLimit(rng.random_range(0..mails.len())),
        23 => ImapFault::LongLiterals,
        24 => ImapFault::Chatter,
        _ => ImapFault::Garbage,
    }
}

fn smtp_fault(rng: &mut StdRng) -> SmtpFault {
    const STEPS: [&str; 7] = ["CONNECT", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."];
    let step = STEPS[rng.random_range(0..STEPS.len())];
    match rng.random_range(0..8) {
        0 => SmtpFault::Answer(step, "421 HL:ICC too many connections"),
        1 => SmtpFault::Answer(step, "554 DT:SPM"),
        2 => SmtpFault::CloseAt(step),
        3 => SmtpFault::CutAt(step),
        4 => SmtpFault::SilentAt(step),
        5 => SmtpFault::GarbageAt(step),
        6 => SmtpFault::CloseAfterDot,
        _ => SmtpFault::SilentAfterDot,
    }
}

/// The most memory that this process has held.
fn peak_kb() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|line| line.split_whitespace().next());
    Ok(kb.context("the kernel tells no VmHWM")?.parse()?)
}
