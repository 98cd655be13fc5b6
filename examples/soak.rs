//! Seeded fault runs: a mailbox of 200 mails, some of them large, behind a server that misbehaves at random. Afterwards
//! every mail is kept once, every kept byte holds its hash, and the ledger closes. Loopback only.
//!
//! `tests/soak [--minutes N | --seeds N] [--from SEED]`; a seed that fails is printed and replays with `--from SEED --seeds 1`.
//! `tests/soak --crashes N` kills the process (SIGKILL) at N random moments of taking in four mails each.

#[path = "../tests/support/mod.rs"]
mod support;

use anyhow::{Context, Result, bail, ensure};
use baosong::campaign::Moment;
use baosong::config::{Config, Tls};
use baosong::daemon::Daemon;
use chrono::TimeDelta;
use clap::Parser;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use support::mail::{large, may, report};
use support::standin::{ImapFault, Standin};

const USER: &str = "lnzjhdz@163.com";
const CODE: &str = "ABCDEFGHIJKLMNOP";
const MAILS: usize = 200;
/// Every hundredth mail is of so many bytes.
const LARGE: usize = 20 << 20;
/// No pass waits longer: none of the faults here is silence, which has deadlines of its own in tests/mailbox.rs.
const LONGEST_PASS: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Soak {
    /// Go on for so long
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// Or for so many seeds
    #[arg(long, value_name = "N", default_value_t = 20)]
    seeds: u64,
    /// Kill the process so many times instead
    #[arg(long, value_name = "N")]
    crashes: Option<usize>,
    /// One pass over this directory, for `--crashes`
    #[arg(long, hide = true, num_args = 2)]
    child: Option<Vec<String>>,
    /// First seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    from: u64,
}

fn main() -> Result<ExitCode> {
    if let Some(code) = baosong::reader::run_if_asked() {
        return Ok(code);
    }
    soak(&Soak::parse()).map(|()| ExitCode::SUCCESS)
}

#[tokio::main]
async fn soak(arguments: &Soak) -> Result<()> {
    if let Some([dir, port]) = arguments.child.as_deref() {
        let mut daemon = open(Path::new(dir), port.parse()?)?;
        return daemon.pass(may(24, 9, 0)).await;
    }
    match arguments.crashes {
        Some(crashes) => crash(crashes, arguments.from).await,
        None => faults(arguments).await,
    }
}

/// Kills a child that takes mails in, again and again; what is kept must be whole each time, and all of it in the end.
async fn crash(crashes: usize, seed: u64) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir()?;
    let server = Standin::start(USER, CODE).await;
    let (mut delivered, mut cut) = (0, 0);
    for _ in 0..crashes {
        for _ in 0..4 {
            server.deliver(
                "INBOX",
                &report(&format!("m{delivered}"), "丹东市教育局", 23),
                may(24, 8, 0),
            );
            delivered += 1;
        }
        let mut child = child(dir.path(), &server)?;
        tokio::time::sleep(Duration::from_micros(rng.random_range(0..150_000))).await;
        child.kill().await.context("cannot kill the child")?;
        let ended = child.wait().await?;
        cut += usize::from(!ended.success());
    }
    ensure!(
        child(dir.path(), &server)?.wait().await?.success(),
        "the pass after all crashes failed"
    );
    let daemon = open(dir.path(), server.imap_port())?;
    check(&daemon, delivered)?;
    println!(
        "{crashes} kills, {cut} of them in the midst of a pass; {delivered} mails kept once, every hash holds, the ledger closes"
    );
    Ok(())
}

fn child(dir: &Path, server: &Standin) -> Result<tokio::process::Child> {
    let child = tokio::process::Command::new(std::env::current_exe()?)
        .arg("--child")
        .arg(dir)
        .arg(server.imap_port().to_string())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

fn open(dir: &Path, port: u16) -> Result<Daemon> {
    Daemon::open(settings(port, dir)?, &dir.join("data"))
}

async fn faults(arguments: &Soak) -> Result<()> {
    let begin = Instant::now();
    let limit = arguments
        .minutes
        .map(|minutes| Duration::from_secs(60 * minutes));
    let (mut seed, mut faults, mut longest) = (arguments.from, 0, Duration::ZERO);
    loop {
        let done = seed - arguments.from;
        if limit.map_or(done >= arguments.seeds, |limit| begin.elapsed() >= limit) {
            break;
        }
        let run = run(seed).await.with_context(|| {
            format!("seed {seed} failed; replay: tests/soak --from {seed} --seeds 1")
        })?;
        faults += run.faults;
        longest = longest.max(run.longest);
        seed += 1;
    }
    println!(
        "{} seeds, {faults} faults, {} mails each: every mail kept once, every hash holds, every ledger closes",
        seed - arguments.from,
        MAILS
    );
    println!("longest pass {:.1} s, {} ", longest.as_secs_f64(), peak());
    Ok(())
}

struct Run {
    faults: usize,
    longest: Duration,
}

async fn run(seed: u64) -> Result<Run> {
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir()?;
    let server = Standin::start(USER, CODE).await;
    let mut daemon = open(dir.path(), server.imap_port())?;
    let (mut now, mut left, mut run) = (
        may(20, 8, 0),
        MAILS,
        Run {
            faults: 0,
            longest: Duration::ZERO,
        },
    );
    while left > 0 {
        let batch = rng.random_range(1..=40).min(left);
        for _ in 0..batch {
            server.deliver("INBOX", &mail(MAILS - left), now);
            left -= 1;
        }
        if rng.random_bool(0.1) {
            server.renumber("INBOX", rng.random_range(2..1_000));
            run.faults += 1;
        }
        for _ in 0..rng.random_range(0..3) {
            server.misbehave(fault(&mut rng, &server));
            run.faults += 1;
        }
        pass(&mut daemon, now, &mut run).await?;
        if rng.random_bool(0.5) {
            server.behave();
        }
        now += TimeDelta::minutes(rng.random_range(3..240));
    }
    server.behave();
    for _ in 0..2 {
        now += TimeDelta::days(1);
        pass(&mut daemon, now, &mut run).await?;
    }
    daemon
        .pass(now + TimeDelta::minutes(3))
        .await
        .context("a pass after all faults are over")?;
    check(&daemon, MAILS)?;
    Ok(run)
}

async fn pass(daemon: &mut Daemon, now: Moment, run: &mut Run) -> Result<()> {
    let begin = Instant::now();
    // A pass may fail while the server misbehaves; what it kept must hold all the same.
    let _ = daemon.pass(now).await;
    run.longest = run.longest.max(begin.elapsed());
    ensure!(run.longest < LONGEST_PASS, "a pass took {:?}", run.longest);
    Ok(())
}

fn check(daemon: &Daemon, delivered: usize) -> Result<()> {
    let mails = daemon.store.mails(None)?;
    let kept: std::collections::BTreeSet<_> = mails
        .iter()
        .filter(|mail| mail.id.is_some())
        .map(|mail| &mail.message_id)
        .collect();
    ensure!(
        mails.len() == delivered && kept.len() == delivered,
        "{} rows, {} distinct mails kept of {delivered}",
        mails.len(),
        kept.len()
    );
    let verified = daemon.verify()?;
    if let Some(fault) = verified.faults.first() {
        bail!("{fault}");
    }
    for line in daemon.store.ledger()? {
        ensure!(
            line.unexplained() == 0,
            "{}: {} mails are unexplained",
            line.folder,
            line.unexplained()
        );
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

fn fault(rng: &mut StdRng, server: &Standin) -> ImapFault {
    const COMMANDS: [&str; 5] = ["LOGIN", "ID", "EXAMINE", "UID SEARCH", "UID FETCH"];
    let command = COMMANDS[rng.random_range(0..COMMANDS.len())];
    let uids: Vec<u32> = server.mails("INBOX").iter().map(|mail| mail.uid).collect();
    let uid = uids[rng.random_range(0..uids.len())];
    match rng.random_range(0..13) {
        0 => ImapFault::RefuseLogin(b"LOGIN Login error or password error".to_vec()),
        1 => ImapFault::RefuseId("NO"),
        2 => ImapFault::RefuseExamine("INBOX".into()),
        3 => ImapFault::ByeAt(command),
        4 => ImapFault::CloseAt(command),
        5 | 6 => ImapFault::CutFetchAfter(rng.random_range(1..20_000)),
        7 => ImapFault::RefuseFetch(uid),
        8 => ImapFault::CloseAtFetchOf(uid),
        9 => ImapFault::NilDate(uid),
        10 => ImapFault::IgnoreParts,
        11 => ImapFault::Chatter,
        _ => ImapFault::Garbage,
    }
}

fn settings(port: u16, dir: &Path) -> Result<Config> {
    let code = dir.join("code");
    std::fs::write(&code, CODE)?;
    let mut config = Config::default();
    config.mailbox.host = "127.0.0.1".into();
    config.mailbox.port = port;
    config.mailbox.tls = Tls::None;
    config.mailbox.password_file = code;
    config.outgoing.transport = baosong::config::Transport::Files;
    config.alarms.least_free_megabytes = 0;
    Ok(config)
}

/// The most memory that this process, server and all, has held.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM unknown");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
