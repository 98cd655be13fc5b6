//! `baosong check` and `baosong doctor`.

use super::{Common, Unusable};
use crate::daemon::doctor::{Doctor as Examination, Finding, Lang, Wait, unusable};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde_json::json;

/// How findings are shown.
#[derive(Debug, Clone, Copy, Args)]
pub struct Shown {
    /// Language of the findings [default: that of LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, value_enum)]
    lang: Option<Language>,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Zh,
    En,
}

#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    shown: Shown,
    /// Send no letter to the mailbox itself; the clock is not compared with the server's then
    #[arg(long)]
    no_letter: bool,
}

impl Shown {
    /// What needs no network.
    pub async fn check(self, common: &Common) -> Result<()> {
        let check = async |one: &Common| {
            let mut page = Page::new(self, one);
            page.begin(one, false)?;
            page.end()
        };
        self.each(common, check).await
    }

    /// Settings that cannot be used are a finding too.
    async fn each(
        self,
        common: &Common,
        examine: impl AsyncFn(&Common) -> Result<()>,
    ) -> Result<()> {
        match common.configs() {
            Ok(_) => common.each_below(!self.json, examine).await,
            Err(_) => examine(common).await,
        }
    }
}

impl Doctor {
    pub async fn run(self, common: &Common) -> Result<()> {
        let examine = async |one: &Common| {
            let mut page = Page::new(self.shown, one);
            let examination = page.begin(one, true)?;
            let wait = (!self.no_letter).then(Wait::default);
            examination
                .network(wait, &mut |finding| page.tell(finding))
                .await?;
            page.end()
        };
        self.shown.each(common, examine).await
    }
}

/// Findings, told at once on a terminal and at the end as JSON.
struct Page {
    lang: Lang,
    json: bool,
    at: String,
    /// Of several.
    campaign: String,
    findings: Vec<Finding>,
}

impl Page {
    fn new(shown: Shown, common: &Common) -> Self {
        let lang = match shown.lang {
            Some(Language::Zh) => Lang::Zh,
            Some(Language::En) => Lang::En,
            None => Lang::of(|name| std::env::var(name).ok()),
        };
        Self {
            lang,
            json: shown.json,
            at: common.now().to_rfc3339(),
            campaign: String::new(),
            findings: Vec::new(),
        }
    }

    /// What needs no network; nothing at all can be examined under settings that cannot be used.
    fn begin(&mut self, common: &Common, online: bool) -> Result<Examination> {
        let config = match common.config() {
            Ok(config) => config,
            Err(error) => {
                let cause = error
                    .downcast::<Unusable>()
                    .map_or_else(|e| e, |Unusable(e)| e);
                self.tell(unusable(&cause));
                self.print_json();
                return Err(Unusable(cause).into());
            }
        };
        let data_dir = common.data_dir(&config);
        self.campaign.clone_from(&config.name);
        let mut examination = Examination::new(config, &data_dir, common.now());
        let file = common.config.as_deref();
        examination.machine(file, online, &mut |finding| self.tell(finding))?;
        Ok(examination)
    }

    fn tell(&mut self, finding: Finding) {
        if !self.json {
            println!("{}", finding.line(self.lang));
        }
        self.findings.push(finding);
    }

    /// Ends with an error where something is wrong.
    fn end(self) -> Result<()> {
        self.print_json();
        match (
            self.findings
                .iter()
                .filter(|finding| finding.is_wrong())
                .count(),
            self.lang,
        ) {
            (0, _) => Ok(()),
            (wrong, Lang::Zh) => bail!("{wrong}项有误"),
            (wrong, Lang::En) => bail!("{wrong} of the findings above are wrong"),
        }
    }

    fn print_json(&self) {
        if self.json {
            let findings = self.findings.iter().map(|finding| finding.json(self.lang));
            let findings: Vec<_> = findings.collect();
            let mut page = json!({ "at": self.at, "findings": findings });
            if !self.campaign.is_empty() {
                page["campaign"] = self.campaign.clone().into();
            }
            println!("{page}");
        }
    }
}
