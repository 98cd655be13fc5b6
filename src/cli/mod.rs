//! The verbs, one a file.

mod assign;
mod corrections;
mod digest;
mod doctor;
mod explain;
mod health;
mod import;
mod lessons;
mod mails;
mod manual;
mod new_campaign;
mod once;
mod pack;
mod prune;
mod rehearse;
mod remind;
mod reprocess;
mod review;
mod run;
mod spare;
mod standing;
mod star;
mod status;
mod upkeep;

pub use standing::table;

use crate::campaign::Moment;
use crate::config::Config;
use crate::daemon::{Clock, Daemon, Keeper};
use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, Parser, Subcommand};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Keeps the mailbox of a vocational education activity week (职业教育活动周): reads each report that a city or
/// college mails, attributes it to its unit and day, mails staff a digest and reminds units that are behind.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or settings."
)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Settings file (TOML) [default: /etc/baosong/baosong.toml; where it is not there, what is built in: the mailbox and
    /// the calendar of 2022, the roster of Liaoning]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory: database, raw mails, files [default: data_dir of the settings]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// One campaign, where the settings list several
    #[arg(long, global = true, value_name = "NAME")]
    campaign: Option<String>,
    /// Moment to act as, such as 2022-05-24T10:30:00+08:00 [default: the clock]
    #[arg(long, global = true, value_name = "TIME", value_parser = Moment::parse_from_rfc3339)]
    at: Option<Moment>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Poll the mailbox and send letters until SIGTERM
    Run,
    /// One pass: poll, judge, decide and send what is due, then exit
    Once,
    /// Take in mails from .eml files, Maildirs and mboxes
    Import(import::Import),
    /// Print every mail with its outcome and submissions
    Mails(mails::Mails),
    /// Print what is undecided, with the units in question
    Review(review::Review),
    /// Say whose report a mail or submission is, of which days and kind
    Assign(assign::Assign),
    /// Say that a mail or submission is no report
    Ignore(corrections::Ignore),
    /// Take a mail apart into one submission for each of its texts; of a submission, say that it repeats no other
    Split(corrections::Split),
    /// Make two submissions one: the later is a version of the earlier
    Merge(corrections::Merge),
    /// Print all corrections
    Corrections,
    /// Take a correction back, with what it taught
    Revoke(corrections::Revoke),
    /// Print the addresses and names that are known for units besides the roster
    Lessons,
    /// Say that an address or name is a unit's
    Learn(lessons::Learn),
    /// Say that an address or name is not, or no more, a unit's
    Forget(lessons::Learn),
    /// Send no reminders to a unit, or to none at all
    Pause(spare::Pause),
    /// Let reminders go out again
    Resume(spare::Pause),
    /// Say that the files behind a mail's links were saved: its unit may be reminded again
    Opened(spare::Opened),
    /// Put a report on the shortlist (遴选)
    Star(star::Star),
    /// Take a report off the shortlist
    Unstar(star::Star),
    /// Write reports as folders 单位/日期/标题, with texts, photos, videos and an index
    Pack(pack::Pack),
    /// Print what was seen in one mail, and how it was weighed
    Explain(explain::Explain),
    /// Read and judge again from the raw mails
    Reprocess(reprocess::Reprocess),
    /// Print how every unit stands
    Standing(standing::StandingArgs),
    /// Write the digest of the moment into files, sending nothing
    Digest(digest::Digest),
    /// Play a campaign through on local mails, and write every letter that would leave as one index
    Rehearse(rehearse::Rehearse),
    /// Send the reminders of the moment, or show them
    Remind(remind::Remind),
    /// Print how the daemon stands: polls, mails, letters, alarms, disk, what leaves next
    Status(status::Status),
    /// Say whether the daemon works: ends with 1 where an alarm is open or the last poll is too old
    Health,
    /// Read everything that is kept and compare it with its rows and the ledger
    Verify(upkeep::Verify),
    /// Fetch kept mails whose bytes are missing again from the mailbox, and take missing files out of their mails anew
    Refetch,
    /// Copy the database and new files, also while the daemon runs
    Backup(upkeep::Backup),
    /// Copy a backup into an empty data directory
    Restore(upkeep::Restore),
    /// Remove what the settings let go of past campaigns, or show it
    Prune(prune::Prune),
    /// Examine settings, roster, data directory, reader and tools, without network
    Check(doctor::Shown),
    /// Examine these, and the way to the mailbox and back; ends with 1 where something is wrong
    Doctor(doctor::Doctor),
    /// Write the campaign file of another year: dates moved, comments kept
    NewCampaign(new_campaign::NewCampaign),
    /// Write man pages and completions of shells
    #[command(hide = true)]
    Manual(manual::Manual),
}

/// Who makes a correction.
#[derive(Debug, Args)]
pub struct By {
    /// Who says so, for the record
    #[arg(long, value_name = "WHO", env = "USER", default_value = "operator")]
    by: String,
}

/// The settings of an installation, so that `sudo -u baosong baosong mails` needs no more words.
const INSTALLED: &str = "/etc/baosong/baosong.toml";

/// A fault of usage or settings: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
struct Unusable(anyhow::Error);

impl Cli {
    /// Runs the verb; errors are printed with their causes.
    pub async fn run(mut self) -> ExitCode {
        let installed = || Some(PathBuf::from(INSTALLED)).filter(|path| path.exists());
        self.common.config = self.common.config.or_else(installed);
        match self.verb.run(&self.common).await {
            Ok(()) => ExitCode::SUCCESS,
            // The reader of our output has seen enough.
            Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("baosong: {}", shown(&error));
                ExitCode::from(if error.is::<Unusable>() { 2 } else { 1 })
            }
        }
    }
}

/// Whoever sits at the terminal may see whole addresses; a journal keeps them.
fn shown(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    match std::io::stderr().is_terminal() {
        true => text,
        false => crate::log::masked(&text).into_owned(),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

impl Verb {
    async fn run(self, common: &Common) -> Result<()> {
        match self {
            Self::Run => run::run(common).await,
            Self::Once => common.each(once::run).await,
            Self::Import(args) => args.run(common),
            Self::Mails(args) => args.run(common),
            Self::Review(args) => args.run(common),
            Self::Assign(args) => args.run(common),
            Self::Ignore(args) => args.run(common),
            Self::Split(args) => args.run(common),
            Self::Merge(args) => args.run(common),
            Self::Corrections => corrections::list(common),
            Self::Revoke(args) => args.run(common),
            Self::Lessons => lessons::list(common),
            Self::Learn(args) => args.run(common, true),
            Self::Forget(args) => args.run(common, false),
            Self::Pause(args) => args.pause(common),
            Self::Resume(args) => args.resume(common),
            Self::Opened(args) => args.run(common),
            Self::Star(args) => args.run(common, true),
            Self::Unstar(args) => args.run(common, false),
            Self::Pack(args) => args.run(common),
            Self::Explain(args) => args.run(common),
            Self::Reprocess(args) => args.run(common),
            Self::Standing(args) => args.run(common),
            Self::Digest(args) => args.run(common),
            Self::Rehearse(args) => args.run(common).await,
            Self::Remind(args) => args.run(common).await,
            Self::Status(args) => args.run(common).await,
            Self::Health => common.each(async |one| health::run(one)).await,
            Self::Verify(args) => common.each(async |one| args.run(one).await).await,
            Self::Refetch => common.each(upkeep::refetch).await,
            Self::Backup(args) => common.each(async |one| args.run(one)).await,
            Self::Restore(args) => args.run(common),
            Self::Prune(args) => args.run(common),
            Self::Check(shown) => shown.check(common).await,
            Self::Doctor(args) => args.run(common).await,
            Self::NewCampaign(args) => args.run(common),
            Self::Manual(args) => args.run(),
        }
    }
}

fn names(all: &[Config]) -> String {
    let names: Vec<&str> = all.iter().map(|config| config.name.as_str()).collect();
    match names.join(", ") {
        none if none.is_empty() => "no campaigns".into(),
        names => names,
    }
}

impl Common {
    /// The settings of every campaign, or of the chosen one, usable as a whole: calendar and roster are read too.
    fn configs(&self) -> Result<Vec<Config>> {
        let load = || {
            let mut all = Config::load_all(self.config.as_deref())?;
            if let Some(chosen) = &self.campaign {
                let names = names(&all);
                all.retain(|config| config.name == *chosen);
                ensure!(
                    !all.is_empty(),
                    "no campaign is named \"{chosen}\"; the settings list {names}"
                );
            }
            for config in &all {
                let usable = config.campaign().and(config.roster().map(drop));
                usable.with_context(|| match config.name.as_str() {
                    "" => "calendar and roster".to_owned(),
                    name => format!("calendar and roster of campaign \"{name}\""),
                })?;
            }
            Ok(all)
        };
        load().map_err(|error| Unusable(error).into())
    }

    /// The settings of the only campaign, or of the chosen one.
    fn config(&self) -> Result<Config> {
        let mut all = self.configs()?;
        if all.len() > 1 {
            let names = names(&all);
            let error =
                anyhow!("the settings list several campaigns; choose one with --campaign: {names}");
            return Err(Unusable(error).into());
        }
        Ok(all.remove(0))
    }

    /// Does something for every campaign, or for the chosen one, as if each had been chosen. One that fails keeps no
    /// other from it.
    async fn each(&self, work: impl AsyncFn(&Self) -> Result<()>) -> Result<()> {
        self.each_below(true, work).await
    }

    /// The same; with `heads` each goes below its name, where there are several.
    async fn each_below(&self, heads: bool, work: impl AsyncFn(&Self) -> Result<()>) -> Result<()> {
        let all = self.configs()?;
        if all.len() == 1 {
            return work(self).await;
        }
        let mut failed = Vec::new();
        for config in all {
            if heads {
                println!("{}:", config.name);
            }
            let one = Self {
                campaign: Some(config.name.clone()),
                ..self.clone()
            };
            if let Err(error) = work(&one).await {
                eprintln!("baosong: {}: {}", config.name, shown(&error));
                failed.push(config.name);
            }
        }
        ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
        Ok(())
    }

    /// Where everything is kept; with several campaigns, in a directory each.
    fn base(&self, config: &Config) -> PathBuf {
        self.data
            .clone()
            .unwrap_or_else(|| config.data_dir.0.clone())
    }

    /// Where the campaign is kept.
    fn data_dir(&self, config: &Config) -> PathBuf {
        config.kept_in(&self.base(config))
    }

    /// To work on the data directory.
    fn daemon(&self) -> Result<Daemon> {
        let config = self.config()?;
        let data_dir = self.data_dir(&config);
        Daemon::open(config, &data_dir)
    }

    /// To work on the data directory in passes.
    fn keeper(&self) -> Result<Keeper> {
        let config = self.config()?;
        let data_dir = self.data_dir(&config);
        Ok(Keeper::new(config, &data_dir))
    }

    /// To correct what is kept, also while the daemon runs.
    fn correcting(&self) -> Result<Daemon> {
        let config = self.config()?;
        let data_dir = self.data_dir(&config);
        Daemon::correct_in(config, &data_dir)
    }

    /// To look at the data directory.
    fn look(&self) -> Result<Daemon> {
        let config = self.config()?;
        let data_dir = self.data_dir(&config);
        Daemon::look(config, &data_dir)
    }

    fn now(&self) -> Moment {
        Clock::new(self.at, true).now()
    }
}
