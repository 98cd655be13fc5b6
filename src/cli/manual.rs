//! `baosong manual`: what a package hands out besides the program.

use super::Cli;
use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Manual {
    /// Gets man/ and completions/
    dir: PathBuf,
}

/// Where Debian's package has what the pages speak of.
const FILES: [(&str, &str); 6] = [
    (
        "/etc/baosong/baosong.toml",
        "Settings; its comments are the manual of each key.",
    ),
    (
        "/etc/baosong/campaign.toml",
        "Calendar and quotas of the year.",
    ),
    (
        "/etc/baosong/units.toml",
        "The units, their names and addresses.",
    ),
    (
        "/etc/baosong/authorization-code",
        "The mailbox's authorization code, and nothing else.",
    ),
    (
        "/var/lib/baosong",
        "Database, raw mails and files. Work on it as the user baosong.",
    ),
    (
        "/usr/share/doc/baosong/runbook.md",
        "The handbook of whoever runs it, in Chinese.",
    ),
];

impl Manual {
    pub fn run(self) -> Result<()> {
        let (man, completions) = (self.dir.join("man"), self.dir.join("completions"));
        for dir in [&man, &completions] {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let command = Cli::command();
        clap_mangen::generate_to(command.clone(), &man)?;
        main_page(&man.join("baosong.1"))?;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            generate_to(shell, &mut command.clone(), "baosong", &completions)?;
        }
        Ok(())
    }
}

/// The page of the program itself names its files too.
fn main_page(path: &Path) -> Result<()> {
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page)?;
    let mut files = Roff::new();
    files.control("SH", ["FILES"]);
    for (file, what) in FILES {
        files.control("TP", []);
        files.text([bold(file)]);
        files.text([what.into()]);
    }
    files.to_writer(&mut page)?;
    Ok(fs::write(path, page)?)
}
