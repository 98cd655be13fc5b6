//! `baosong rehearse`.

use super::Common;
use crate::config::Transport;
use crate::daemon::Daemon;
use crate::message::shown;
use crate::outgoing::{rule_in_words, safe};
use crate::store::LetterRow;
use anyhow::{Context, Result, ensure};
use chrono::NaiveDate;
use clap::Args;
use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct Rehearse {
    /// .eml files, Maildirs, mboxes, or directories that hold such
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// First day, such as 2022-04-25
    #[arg(long, value_name = "DAY")]
    from: NaiveDate,
    /// Last day
    #[arg(long, value_name = "DAY")]
    to: NaiveDate,
    /// Directory for index.html and the letters
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Index<'a> {
    title: &'a str,
    from: NaiveDate,
    to: NaiveDate,
    mails: usize,
    total: usize,
    kinds: Vec<(&'a str, usize)>,
    days: Vec<Day>,
}

#[derive(Serialize)]
struct Day {
    day: String,
    letters: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    time: String,
    kind: String,
    to: String,
    subject: String,
    page: String,
    files: Vec<String>,
}

impl Rehearse {
    pub async fn run(self, common: &Common) -> Result<()> {
        ensure!(self.from <= self.to, "--from is after --to");
        let mut config = common.config()?;
        config.outgoing.transport = Transport::Files;
        if config.staff.digest_to.is_empty() {
            config.staff.digest_to.push("office@example.cn".into());
        }
        let data = tempfile::tempdir().context("cannot create a directory for the rehearsal")?;
        let mut daemon = Daemon::open(config, data.path())?;
        let letters = daemon.rehearse(&self.paths, self.from, self.to).await?;
        let pages = self.out.join("letters");
        std::fs::create_dir_all(&pages)
            .with_context(|| format!("cannot create {}", pages.display()))?;
        let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
        for (n, letter) in (1..).zip(&letters) {
            let Some(mail) = daemon.store.letter_mail(letter.id)? else {
                continue;
            };
            let line = write(n, letter, &mail, &self.out)?;
            let day = letter.changed_at.date_naive();
            let name = day.format("%-m月%-d日").to_string();
            days.entry(day)
                .or_insert_with(|| Day {
                    day: name,
                    letters: Vec::new(),
                })
                .letters
                .push(line);
        }
        let index = self.index(&daemon, &letters, days.into_values().collect())?;
        let path = self.out.join("index.html");
        std::fs::write(&path, index).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{} letters: {}", letters.len(), path.display());
        Ok(())
    }

    fn index(&self, daemon: &Daemon, letters: &[LetterRow], days: Vec<Day>) -> Result<String> {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for letter in letters {
            *kinds.entry(rule_in_words(&letter.rule)).or_default() += 1;
        }
        let mails = daemon
            .store
            .mails(None)?
            .iter()
            .filter(|mail| mail.outcome.is_some())
            .count();
        let mut environment = Environment::new();
        environment.add_template("rehearsal.html", include_str!("rehearsal.html"))?;
        let view = Index {
            title: &daemon.campaign().title,
            from: self.from,
            to: self.to,
            mails,
            total: letters.len(),
            kinds: kinds.into_iter().collect(),
            days,
        };
        let page = environment
            .get_template("rehearsal.html")?
            .render(Serde(view))?;
        Ok(page)
    }
}

/// Writes one letter as a page, and its files beside it.
fn write(n: usize, letter: &LetterRow, mail: &[u8], out: &Path) -> Result<Line> {
    let view = shown(mail);
    let page = format!("letters/{n:04}.html");
    std::fs::write(out.join(&page), view.html).with_context(|| format!("cannot write {page}"))?;
    let mut files = Vec::new();
    for (name, bytes) in view.files {
        let name = format!("letters/{n:04}-{}", safe(&name));
        std::fs::write(out.join(&name), bytes).with_context(|| format!("cannot write {name}"))?;
        files.push(name);
    }
    Ok(Line {
        time: letter.changed_at.format("%H:%M").to_string(),
        kind: rule_in_words(&letter.rule).into(),
        to: letter.recipient.clone(),
        subject: letter.subject.clone(),
        page,
        files,
    })
}
