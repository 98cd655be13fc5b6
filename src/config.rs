//! The settings of one campaign, one struct a stage. Unknown keys are refused; secrets are read from files of their own.

mod file;

use crate::campaign::{Campaign, clock_time};
use crate::roster::Roster;
use anyhow::{Context, Result, bail, ensure};
use chrono::NaiveTime;
use secrecy::SecretString;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The settings of one campaign; every key has a default, so that an empty file is one too.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Of one campaign among several; empty: the only one.
    #[serde(skip)]
    pub name: String,
    /// Where everything is kept. `--data` overrides it.
    pub data_dir: DataDir,
    /// A campaign file in place of the built-in one.
    pub campaign_file: Option<PathBuf>,
    /// A roster file in place of the built-in one.
    pub units_file: Option<PathBuf>,
    /// Where reports come from; the first, where there are several: letters name it to units.
    pub mailbox: Mailbox,
    /// The others of a `[[mailbox]]` list.
    #[serde(skip)]
    pub further_mailboxes: Vec<Mailbox>,
    /// How mails are read.
    pub reader: Reader,
    /// Where letters go.
    pub outgoing: Outgoing,
    /// Who reads the digest.
    pub staff: Staff,
    /// When and how something wrong is told.
    pub alarms: Alarms,
    /// How the daemon is watched from outside.
    pub watch: Watch,
    /// What is removed of past campaigns.
    pub retention: Retention,
    /// Where files out of mails are kept besides the disk.
    pub storage: Storage,
}

/// Object storage that speaks S3, or a directory; left out: all files stay on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// `s3://BUCKET/PREFIX`, or `file:///DIRECTORY`.
    pub url: Option<String>,
    /// Address of the server; left out: Amazon's of the region.
    pub endpoint: Option<String>,
    /// What the server calls its region.
    pub region: String,
    /// Whether the bucket stands in front of the server's name, not behind it.
    pub bucket_in_host: bool,
    /// A file that holds the id of an access key, and on the next line its secret.
    pub key_file: PathBuf,
    /// Whether mails as they came are stored too.
    pub raw_mails: bool,
    /// After how many days the copy on the disk may go, once the storage holds the file; left out: never.
    pub disk_days: Option<u32>,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            url: None,
            endpoint: None,
            region: "us-east-1".into(),
            bucket_in_host: false,
            key_file: "/etc/baosong/storage-key".into(),
            raw_mails: false,
            disk_days: None,
        }
    }
}

/// After how many days from a campaign's end its bytes are removed; left out: never.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// The mails as they came.
    pub raw_mails_days: Option<u32>,
    /// Photos, videos, documents out of them, and small pictures; those that a kept mail is put together from stay with it.
    pub files_days: Option<u32>,
    /// The letters as they left.
    pub letters_days: Option<u32>,
}

/// What is told besides by mail, and when the disk is short.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// Named to the robot; empty: the only campaign.
    #[serde(skip)]
    pub campaign: String,
    /// A group robot that is told too; left out: none.
    pub robot: Option<Robot>,
    /// A file that holds the robot's address with its key, and nothing else.
    pub robot_url_file: PathBuf,
    /// With less free space nothing is fetched. Of 1,048,576 bytes.
    pub least_free_megabytes: u64,
}

/// Whose robot, and so in which form it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Robot {
    /// 企业微信.
    Wecom,
    /// 钉钉.
    Dingtalk,
    /// 飞书.
    Feishu,
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            campaign: String::new(),
            robot: None,
            robot_url_file: "/etc/baosong/robot-url".into(),
            least_free_megabytes: 500,
        }
    }
}

/// What other programs may ask of the running daemon, and when it counts as hung.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watch {
    /// Where `/healthz` and `/metrics` are answered, a loopback address; left out: nowhere.
    pub listen: Option<SocketAddr>,
    /// Seconds without progress after which a pass counts as hung.
    pub hung_after_seconds: u64,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            listen: None,
            hung_after_seconds: 600,
        }
    }
}

impl Watch {
    /// A server that is only slow must not count as a hung pass.
    fn can_be_kept(&self, config: &Config) -> Result<()> {
        let mailboxes = config.mailboxes().map(|mailbox| mailbox.patience_seconds);
        let patience = mailboxes.fold(config.outgoing.patience_seconds, u64::max);
        ensure!(
            self.hung_after_seconds > patience,
            "watch.hung_after_seconds is {}, but a server may be silent for {patience} s (patience_seconds); set more",
            self.hung_after_seconds
        );
        if let Some(listen) = self.listen.filter(|listen| !listen.ip().is_loopback()) {
            bail!(
                "watch.listen is \"{listen}\", which is no loopback address: the pages have neither login nor TLS; \
                 set one such as \"127.0.0.1:9631\", and put a web server before it for other machines"
            );
        }
        Ok(())
    }

    /// How long a pass may show no progress.
    pub fn hung_after(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.hung_after_seconds)
    }
}

/// A data directory; by default `/var/lib/baosong`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct DataDir(pub PathBuf);

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// TLS from the first byte.
    Implicit,
    /// Plain first, then STARTTLS; never falls back.
    Starttls,
    /// None at all; refused but for a loopback address.
    None,
}

/// A mailbox that is watched.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mailbox {
    /// Tells it from the others of its campaign, in rows and letters; empty: the only one, or the one that was watched
    /// alone before.
    pub name: String,
    /// IMAP server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// A PEM file of further certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// Full mail address.
    pub user: String,
    /// A file that holds the authorization code (授权码), and nothing else.
    pub password_file: PathBuf,
    /// Folders to watch; left out: INBOX and the spam folders.
    pub folders: Option<Vec<String>>,
    /// Seconds between polls; up to a tenth more or less is added by chance.
    pub poll_seconds: u64,
    /// Seconds of silence after which the server is given up.
    pub patience_seconds: u64,
}

impl Mailbox {
    /// How long the server may be silent.
    pub fn patience(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.patience_seconds)
    }

    /// What a folder of this mailbox is called in rows and letters, such as `INBOX` or `旧邮箱：INBOX`. What the server
    /// writes is ASCII (RFC 3501 section 5.1.3), so that no folder of an unnamed mailbox is called so. Of no folder: the
    /// connection.
    pub fn place(&self, folder: &str) -> String {
        match self.name.as_str() {
            "" => folder.to_owned(),
            name => format!("{name}{AFTER_NAME}{folder}"),
        }
    }
}

/// Between the name of a mailbox and its folder.
const AFTER_NAME: char = '：';

/// Name of the mailbox and folder of a [`Mailbox::place`].
pub fn mailbox_and_folder(place: &str) -> (&str, &str) {
    place.split_once(AFTER_NAME).unwrap_or(("", place))
}

/// The process that reads mails.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reader {
    /// Seconds of the wall clock that reading one mail may take.
    pub seconds_a_mail: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self { seconds_a_mail: 25 }
    }
}

impl Reader {
    /// How long reading one mail may take.
    pub fn limit(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.seconds_a_mail)
    }
}

/// How letters leave.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outgoing {
    /// By SMTP or into files.
    pub transport: Transport,
    /// Where `.eml` files go; relative to the data directory.
    pub dir: PathBuf,
    /// SMTP server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// A PEM file of further certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// Login, and the sender of every letter: 163.com refuses any other.
    pub user: String,
    /// Display name of the sender.
    pub name: String,
    /// A file that holds the authorization code.
    pub password_file: PathBuf,
    /// Whom a unit may call, as it stands at the end of a reminder; empty: nobody is named.
    pub contact: String,
    /// Whether reminders are sent at all; the digest is sent in any case.
    pub reminders: bool,
    /// Whether each mail that was taken as a report is answered with a receipt.
    pub receipts: bool,
    /// Letters offered to the server within a minute, at most.
    pub letters_a_minute: u32,
    /// Within an hour.
    pub letters_an_hour: u32,
    /// Within 24 hours.
    pub letters_a_day: u32,
    /// From this time of day units get no letters, China Standard Time.
    #[serde(deserialize_with = "clock_time")]
    pub quiet_from: NaiveTime,
    /// Until this one.
    #[serde(deserialize_with = "clock_time")]
    pub quiet_until: NaiveTime,
    /// Whether units get no letters on Saturdays and Sundays.
    pub quiet_weekends: bool,
    /// Reminders to one unit in the whole campaign, at most.
    pub reminders_in_all: u32,
    /// Seconds within which a short letter must be handed over.
    pub patience_seconds: u64,
    /// Templates in this directory replace the built-in ones of the same name.
    pub templates: Option<PathBuf>,
}

/// Where a letter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// To the SMTP server.
    Smtp,
    /// As `.eml` into a directory.
    Files,
}

/// The office.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Staff {
    /// Addresses that get the digest.
    pub digest_to: Vec<String>,
}

impl Default for DataDir {
    fn default() -> Self {
        Self("/var/lib/baosong".into())
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        Self {
            name: String::new(),
            host: "imap.163.com".into(),
            port: 993,
            tls: Tls::Implicit,
            ca_file: None,
            user: "lnzjhdz@163.com".into(),
            password_file: "/etc/baosong/authorization-code".into(),
            folders: None,
            poll_seconds: 180,
            patience_seconds: 60,
        }
    }
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            transport: Transport::Smtp,
            dir: "letters".into(),
            host: "smtp.163.com".into(),
            port: 465,
            tls: Tls::Implicit,
            ca_file: None,
            user: "lnzjhdz@163.com".into(),
            name: "辽宁省职业教育活动周".into(),
            password_file: "/etc/baosong/authorization-code".into(),
            contact: String::new(),
            reminders: true,
            receipts: false,
            letters_a_minute: 6,
            letters_an_hour: 100,
            letters_a_day: 200,
            quiet_from: NaiveTime::from_hms_opt(20, 0, 0).unwrap_or_default(),
            quiet_until: NaiveTime::from_hms_opt(8, 0, 0).unwrap_or_default(),
            quiet_weekends: false,
            reminders_in_all: 12,
            patience_seconds: 60,
            templates: None,
        }
    }
}

impl Config {
    /// Reads the settings of every campaign in the file, or gives the defaults where none is named. Errors name the
    /// file, the key and the remedy.
    pub fn load_all(path: Option<&Path>) -> Result<Vec<Self>> {
        let Some(path) = path else {
            return Ok(vec![Self::default()]);
        };
        let text = read(path, "settings")?;
        Self::parse_all(&text).with_context(|| format!("settings file {}", path.display()))
    }

    /// Reads the settings of every campaign from text, in their order; there is one at least.
    pub fn parse_all(text: &str) -> Result<Vec<Self>> {
        file::campaigns(text)
    }

    /// Reads settings of a single campaign from text.
    pub fn parse(text: &str) -> Result<Self> {
        let mut all = Self::parse_all(text)?;
        ensure!(
            all.len() == 1,
            "the settings are of {} campaigns",
            all.len()
        );
        Ok(all.remove(0))
    }

    /// Every mailbox of the campaign; the first is the one that letters name.
    pub fn mailboxes(&self) -> impl Iterator<Item = &Mailbox> {
        std::iter::once(&self.mailbox).chain(&self.further_mailboxes)
    }

    /// The mailbox to which answers and bounces of what is sent come by themselves, where it is watched.
    pub fn sending_mailbox(&self) -> Option<&Mailbox> {
        let sender = &self.outgoing.user;
        self.mailboxes()
            .find(|mailbox| mailbox.user.eq_ignore_ascii_case(sender))
    }

    /// The files of all secrets that are used.
    fn secrets(&self) -> impl Iterator<Item = &Path> {
        let robot = self.alarms.robot.map(|_| &self.alarms.robot_url_file);
        let storage = self.storage.url.as_ref().map(|_| &self.storage.key_file);
        let sending = [&self.outgoing.password_file];
        let mailboxes = self.mailboxes().map(|mailbox| &mailbox.password_file);
        let all = mailboxes.chain(sending).chain(robot).chain(storage);
        all.map(PathBuf::as_path)
    }

    /// Seconds between polls: as often as the most impatient mailbox says.
    pub fn poll_seconds(&self) -> u64 {
        let all = self.mailboxes().map(|mailbox| mailbox.poll_seconds);
        all.min().unwrap_or(self.mailbox.poll_seconds)
    }

    /// Where the campaign is kept: in `data_dir` itself, or in a directory of its name.
    pub fn kept_in(&self, data_dir: &Path) -> PathBuf {
        match self.name.as_str() {
            "" => data_dir.to_owned(),
            name => data_dir.join(name),
        }
    }

    fn check(&self) -> Result<()> {
        file::check_names(self)?;
        for mailbox in self.mailboxes() {
            refuse_plain("mailbox", mailbox.tls, &mailbox.host)?;
            ensure!(
                mailbox.poll_seconds >= 10,
                "mailbox.poll_seconds is {}; the server bars clients that come so often: set 10 or more",
                mailbox.poll_seconds
            );
            ensure!(
                mailbox.patience_seconds.min(self.outgoing.patience_seconds) > 0,
                "patience_seconds of mailbox and outgoing must be 1 or more; 60 suits a slow server"
            );
        }
        let out = &self.outgoing;
        refuse_plain("outgoing", out.tls, &out.host)?;
        self.storage.check()?;
        ensure!(
            out.letters_a_minute
                .min(out.letters_an_hour)
                .min(out.letters_a_day)
                > 0,
            "outgoing.letters_a_minute, letters_an_hour and letters_a_day must be 1 or more; set reminders = false to send none"
        );
        self.watch.can_be_kept(self)?;
        for address in &self.staff.digest_to {
            ensure!(
                address.parse::<lettre::Address>().is_ok(),
                "staff.digest_to holds \"{address}\", which is no mail address"
            );
        }
        Ok(())
    }

    /// The campaign that the settings name, else the built-in one.
    pub fn campaign(&self) -> Result<Campaign> {
        let Some(path) = &self.campaign_file else {
            return Ok(Campaign::default());
        };
        Campaign::parse(&read(path, "campaign_file")?)
            .with_context(|| format!("campaign file {}", path.display()))
    }

    /// The roster that the settings name, else the built-in one.
    pub fn roster(&self) -> Result<Roster> {
        let Some(path) = &self.units_file else {
            return Ok(Roster::default());
        };
        Roster::parse(&read(path, "units_file")?)
            .with_context(|| format!("roster file {}", path.display()))
    }
}

/// The secret in `path`, without the white space around it; the service manager's credential of the same name goes
/// before the file.
pub fn secret(path: &Path) -> Result<SecretString> {
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
        .zip(path.file_name())
        .map(|(dir, name)| Path::new(&dir).join(name))
        .filter(|credential| credential.exists());
    let path = credential.as_deref().unwrap_or(path);
    let text = read(path, "password_file")?;
    let code = text.trim();
    ensure!(
        !code.is_empty(),
        "{} is empty; put the authorization code (授权码) into it",
        path.display()
    );
    Ok(SecretString::from(code))
}

fn read(path: &Path, key: &str) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| {
        format!(
            "cannot read {} ({key}); create it or name another",
            path.display()
        )
    })
}

impl Storage {
    fn check(&self) -> Result<()> {
        if let Some(url) = &self.url {
            ensure!(
                url.starts_with("s3://") || url.starts_with("file:///"),
                "storage.url \"{url}\" is neither s3://BUCKET/PREFIX nor file:///DIRECTORY"
            );
        }
        let Some(endpoint) = &self.endpoint else {
            return Ok(());
        };
        let host = endpoint.strip_prefix("http://").map(|rest| {
            let host = rest.split('/').next().unwrap_or_default();
            host.rsplit_once(':').map_or(host, |(host, _)| host)
        });
        ensure!(
            endpoint.starts_with("https://") || host.is_some_and(is_loopback),
            "storage.endpoint \"{endpoint}\" does not begin with https:// and is no loopback address: files would travel unprotected"
        );
        Ok(())
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn refuse_plain(section: &str, tls: Tls, host: &str) -> Result<()> {
    if tls == Tls::None && !is_loopback(host) {
        bail!(
            "{section}.tls is \"none\", but {section}.host {host} is no loopback address: \
             the authorization code would travel unprotected; set \"implicit\" or \"starttls\""
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = Config::parse("[mailbox]\nhots = \"x\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("hots"), "{error}");
    }

    #[test]
    fn a_password_over_the_open_net_is_refused() {
        let error = Config::parse("[mailbox]\ntls = \"none\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("mailbox.tls"), "{error}");
        assert!(Config::parse("[mailbox]\ntls = \"none\"\nhost = \"127.0.0.1\"").is_ok());
    }

    #[test]
    fn watchers_are_answered_on_loopback_alone() {
        for refused in ["0.0.0.0:9631", "192.168.1.5:9631", "[::]:9631"] {
            let error = Config::parse(&format!("[watch]\nlisten = \"{refused}\""));
            let error = error.unwrap_err().to_string();
            assert!(
                error.contains("watch.listen") && error.contains("127.0.0.1:9631"),
                "{error}"
            );
        }
        for taken in ["127.0.0.1:9631", "[::1]:9631"] {
            assert!(Config::parse(&format!("[watch]\nlisten = \"{taken}\"")).is_ok());
        }
    }

    #[test]
    fn a_slow_server_is_not_to_count_as_a_hung_pass() {
        let error = Config::parse("[mailbox]\npatience_seconds = 600").unwrap_err();
        assert!(
            error.to_string().contains("watch.hung_after_seconds"),
            "{error}"
        );
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "ABCDEFGHIJKLMNOP\n").unwrap();
        let shown = format!("{:?}", secret(file.path()).unwrap());
        assert!(!shown.contains("ABCDEFGH"), "{shown}");
    }
}

#[cfg(test)]
mod manual {
    use super::*;

    const MANUAL: &str = include_str!("../config/baosong.toml");

    /// With the commented-out keys and headers of tables.
    fn opened(manual: &str) -> String {
        let is_key = |line: &str| {
            line.split_once(" = ")
                .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        };
        let open = |line: &str| match line.strip_prefix("# ") {
            Some(rest) if is_key(rest) || rest.starts_with('[') => rest.to_owned(),
            _ => line.to_owned(),
        };
        manual.lines().map(open).collect::<Vec<_>>().join("\n")
    }

    /// Of one campaign, and of several.
    fn halves() -> (&'static str, &'static str) {
        MANUAL.split_at(MANUAL.find("# [[campaign]]").unwrap())
    }

    #[test]
    fn the_commented_settings_show_the_defaults() {
        assert_eq!(Config::parse(MANUAL).unwrap(), Config::default());
    }

    /// The keys of a section, by what the program says when it meets one that is none.
    fn keys(section: &str) -> Vec<String> {
        let head = match section {
            "" => String::new(),
            section => format!("[{section}]\n"),
        };
        let error = toml::from_str::<Config>(&format!("{head}no_such_key = 1")).unwrap_err();
        let (_, expected) = error.message().split_once("expected ").unwrap();
        let names = expected.split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect()
    }

    fn is_key(line: &str) -> Option<&str> {
        let (key, _) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")?;
        let is_name = key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        is_name.then_some(key)
    }

    /// The lines of a section of the manual, without its head.
    fn section(name: &str) -> Vec<&'static str> {
        let head = format!("[{name}]");
        let lines = MANUAL
            .lines()
            .skip_while(|line| !name.is_empty() && *line != head);
        let lines = lines.skip(usize::from(!name.is_empty()));
        lines.take_while(|line| !line.starts_with('[')).collect()
    }

    #[test]
    fn every_key_of_the_program_stands_in_the_manual_below_words_about_it() {
        let sections: Vec<String> = keys("")
            .into_iter()
            .filter(|key| MANUAL.contains(&format!("\n[{key}]\n")))
            .collect();
        assert!(sections.len() >= 7, "{sections:?}");
        for section in sections.iter().map(String::as_str).chain([""]) {
            let lines = self::section(section);
            for key in keys(section) {
                if section.is_empty() && sections.contains(&key) {
                    continue;
                }
                let at = lines.iter().position(|line| is_key(line) == Some(&key));
                let at = at.unwrap_or_else(|| panic!("[{section}] {key} is not in the manual"));
                // Keys that belong together share their words.
                let above = lines[..at].iter().rev().find(|line| is_key(line).is_none());
                let above = above.copied().unwrap_or_default();
                assert!(
                    above.starts_with("# "),
                    "[{section}] {key} has no words above it"
                );
            }
        }
    }

    #[test]
    fn the_commented_out_keys_exist_too() {
        let shown = Config::parse(&opened(halves().0)).unwrap();
        assert!(shown.campaign_file.is_some() && shown.outgoing.templates.is_some());
        assert_eq!(shown.mailbox.folders.unwrap().len(), 2);
        assert!(shown.retention.raw_mails_days.is_some() && shown.watch.listen.is_some());
    }

    #[test]
    fn the_campaigns_that_it_shows_can_be_used() {
        let (shared, campaigns) = halves();
        let all = Config::parse_all(&format!("{shared}{}", opened(campaigns))).unwrap();
        let names: Vec<&str> = all.iter().map(|config| config.name.as_str()).collect();
        assert_eq!(names, ["活动周", "技能大赛"]);
        assert_eq!(all[0].mailboxes().count(), 2);
        assert_eq!(all[1].sending_mailbox(), Some(&all[1].mailbox));
    }
}
