//! An examination of everything that the daemon needs, told line by line with what helps: first what lies on this
//! machine (`check`), then the way to the mailbox and back (`doctor`).
//!
//! Each file holds probes, which gather facts, and judgements, which make findings of facts and touch nothing.

mod calendar;
mod database;
mod finding;
mod inbox;
mod letter;
mod machine;
mod net;
mod reader;
mod settings;
mod starttls;
#[cfg(test)]
mod tests;
mod units;

pub use finding::{Finding, Item, Lang, State, Words};
pub use letter::Wait;
pub use settings::unusable;

use crate::attribution::clashes;
use crate::campaign::{CST, Moment};
use crate::config::{self, Config, Mailbox, Transport};
use crate::outgoing::Smtp;
use crate::store::Remote;
use anyhow::Result;
use finding::both;
use net::Server;
use secrecy::SecretString;
use settings::Tried;
use starttls::Speaks;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No step before a login takes longer, however patient the settings are.
const STEP: Duration = Duration::from_secs(20);

/// What is examined.
pub struct Doctor {
    config: Config,
    data_dir: PathBuf,
    /// The moment to act as.
    now: Moment,
    /// The program that reads mails.
    reader: PathBuf,
    /// Arrival of the oldest mail of INBOX that was ever kept.
    oldest_kept: Option<Moment>,
}

impl Doctor {
    /// Looks at nothing yet.
    pub fn new(config: Config, data_dir: &Path, now: Moment) -> Self {
        Self {
            config,
            data_dir: data_dir.to_path_buf(),
            now,
            reader: super::OURSELVES.into(),
            oldest_kept: None,
        }
    }

    /// As [`Daemon::read_in`](super::Daemon::read_in).
    pub fn read_in(&mut self, program: PathBuf) {
        self.reader = program;
    }

    /// What lies on this machine. With `online` the storage is tried, the mailbox will be too, and their codes must be there; `file` is
    /// where the settings come from.
    ///
    /// # Errors
    /// When campaign or roster cannot be used.
    pub fn machine(
        &mut self,
        file: Option<&Path>,
        online: bool,
        tell: &mut dyn FnMut(Finding),
    ) -> Result<()> {
        let config = &self.config;
        let (campaign, roster) = (config.campaign()?, config.roster()?);
        tell(settings::file(file, config));
        tell(settings::staff(config));
        self.secrets(online, tell);
        tell(settings::sender(config));
        tell(calendar::campaign(
            &campaign,
            self.now.with_timezone(&CST).date_naive(),
        ));
        tell(units::addresses(&roster));
        tell(units::names(&roster, &clashes(&roster)));
        self.kept(online, tell);
        let (zone, offset) = machine::zone();
        tell(machine::time_zone(zone.as_deref(), offset));
        tell(reader::cage(&reader::Cage::of(&self.reader)));
        tell(reader::tools(&reader::lacking()));
        Ok(())
    }

    fn secrets(&self, online: bool, tell: &mut dyn FnMut(Finding)) {
        let config = &self.config;
        let mut secret = |item, path: &Path, mailbox: &str| {
            let seen = settings::Secret::of(path);
            tell(settings::secret(item, path, &seen, online).in_mailbox(mailbox));
        };
        for mailbox in config.mailboxes() {
            secret(Item::MailboxCode, &mailbox.password_file, &mailbox.name);
        }
        if config.outgoing.transport == Transport::Smtp {
            secret(Item::OutgoingCode, &config.outgoing.password_file, "");
        }
        if config.alarms.robot.is_some() {
            secret(Item::RobotUrl, &config.alarms.robot_url_file, "");
        }
        let storage = &config.storage;
        if storage
            .url
            .as_ref()
            .is_some_and(|url| url.starts_with("s3://"))
        {
            secret(Item::StorageKey, &storage.key_file, "");
        }
    }

    /// Data directory, disk, database, storage, daemon.
    fn kept(&mut self, online: bool, tell: &mut dyn FnMut(Finding)) {
        let data_dir = &self.data_dir;
        let seen = machine::DataDir::of(data_dir);
        tell(match &seen {
            Ok(seen) => machine::data_dir(data_dir, seen),
            Err(error) => machine::unknown(Item::DataDir, error),
        });
        tell(match machine::free_megabytes(data_dir) {
            Ok(free) => machine::disk(free, self.config.alarms.least_free_megabytes),
            Err(error) => machine::unknown(Item::Disk, &format!("{error:#}")),
        });
        let held = database::held(data_dir);
        let ours = seen.is_ok_and(|seen| seen.owner == seen.user);
        let look = database::look(data_dir, *held.as_ref().unwrap_or(&true), ours);
        if let database::Look::Through(Some(survey)) = &look {
            self.oldest_kept = survey.oldest_of_inbox;
        }
        tell(database::database(data_dir, &look));
        let storage = &self.config.storage;
        let tried = Remote::of(storage, &self.config.name).map(|remote| Tried::of(&remote, online));
        tell(settings::storage(storage.url.as_deref(), tried));
        tell(database::daemon(&held));
    }

    /// The way to the mailbox and back. With `wait` a letter is sent to ourselves, and looked for so long.
    ///
    /// # Errors
    /// When the campaign cannot be used.
    pub async fn network(&self, wait: Option<Wait>, tell: &mut dyn FnMut(Finding)) -> Result<()> {
        let (code, sends) = (self.incoming(tell).await?, self.outgoing(tell).await);
        let letter = match (wait, code, sends) {
            (None, ..) => Err(both!(
                "按--no-letter要求未寄",
                "left out as asked (--no-letter)"
            )),
            (_, _, Sends::IntoFiles) => Err(both!(
                "transport为files，信件只写入文件",
                "transport is \"files\": letters are written into files"
            )),
            (_, _, Sends::No) => Err(both!("发信未能登录", "SMTP let nobody in")),
            (_, None, _) => Err(both!(
                "收件箱打不开，寄出也无从查找",
                "INBOX stays shut, so it could not be found again"
            )),
            (Some(wait), Some(code), Sends::By(smtp)) => Ok((wait, code, smtp)),
        };
        match letter {
            Ok((wait, code, smtp)) => self.to_ourselves(&code, &smtp, wait, tell).await,
            Err(why) => {
                tell(Finding::not_tried(Item::Letter, why));
                self.without_letter(tell);
            }
        }
        Ok(())
    }

    /// IMAP of each mailbox; the code of the first, where it opens INBOX.
    async fn incoming(&self, tell: &mut dyn FnMut(Finding)) -> Result<Option<SecretString>> {
        let mut first = None;
        for (n, mailbox) in self.config.mailboxes().enumerate() {
            let mut tell = |finding: Finding| tell(finding.in_mailbox(&mailbox.name));
            let code = self.look_into(mailbox, &mut tell).await?;
            if n == 0 {
                first = code;
            }
        }
        Ok(first)
    }

    /// Up to how far back the mailbox goes.
    async fn look_into(
        &self,
        settings: &Mailbox,
        tell: &mut dyn FnMut(Finding),
    ) -> Result<Option<SecretString>> {
        let server = Server {
            host: &settings.host,
            port: settings.port,
            tls: settings.tls,
            ca_file: settings.ca_file.as_deref(),
            patience: settings.patience().min(STEP),
            speaks: Speaks::Imap,
        };
        let items = (Item::ImapHost, Item::ImapConnection);
        let password = config::secret(&settings.password_file).ok();
        let way = self.way(&server, items, tell).await;
        let Some(password) = password.filter(|_| way) else {
            let why = no_login(way, "mailbox.password_file");
            tell(Finding::not_tried(Item::ImapLogin, why));
            self.without_login(tell);
            return Ok(None);
        };
        let seen = inbox::look(settings, &password).await;
        tell(inbox::login(settings, &seen));
        let Ok(seen) = seen else {
            self.without_login(tell);
            return Ok(None);
        };
        tell(inbox::folders(&seen));
        let (count, oldest) = seen.inbox.unwrap_or_default();
        let window = inbox::Window {
            count,
            oldest,
            // What was seen before is told of a mailbox without a name.
            oldest_kept: self.oldest_kept.filter(|_| settings.name.is_empty()),
            now: self.now.with_timezone(&CST),
        };
        tell(match seen.inbox {
            Some(_) => inbox::window(&window, &self.config.campaign()?),
            None => Finding::not_tried(Item::Window, both!("收件箱打不开", "INBOX stays shut")),
        });
        Ok(seen.inbox.map(|_| password))
    }

    fn without_login(&self, tell: &mut dyn FnMut(Finding)) {
        for item in [Item::Folders, Item::Window] {
            let why = both!("收信未能登录", "IMAP let nobody in");
            tell(Finding::not_tried(item, why));
        }
    }

    /// SMTP, up to the login.
    async fn outgoing(&self, tell: &mut dyn FnMut(Finding)) -> Sends {
        let settings = &self.config.outgoing;
        if settings.transport == Transport::Files {
            for item in [Item::SmtpHost, Item::SmtpConnection, Item::SmtpLogin] {
                let why = both!(
                    "transport为files，不经发信服务器",
                    "transport is \"files\": no server is used"
                );
                tell(Finding::not_tried(item, why));
            }
            return Sends::IntoFiles;
        }
        let server = Server {
            host: &settings.host,
            port: settings.port,
            tls: settings.tls,
            ca_file: settings.ca_file.as_deref(),
            patience: Duration::from_secs(settings.patience_seconds).min(STEP),
            speaks: Speaks::Smtp,
        };
        let items = (Item::SmtpHost, Item::SmtpConnection);
        let way = self.way(&server, items, tell).await;
        let Some(smtp) = Smtp::open(settings).ok().filter(|_| way) else {
            let why = no_login(way, "outgoing.password_file");
            tell(Finding::not_tried(Item::SmtpLogin, why));
            return Sends::No;
        };
        let tried = smtp.try_login().await;
        tell(letter::login(&self.config, &tried));
        match tried {
            Ok(()) => Sends::By(Box::new(smtp)),
            Err(_) => Sends::No,
        }
    }

    /// Name, TCP and TLS; whether a login may follow.
    async fn way(
        &self,
        server: &Server<'_>,
        (host, connection): (Item, Item),
        tell: &mut dyn FnMut(Finding),
    ) -> bool {
        let found = net::resolve(server).await;
        let known = found.as_ref().is_ok_and(|all| !all.is_empty());
        tell(net::host(host, server, &found));
        if !known {
            let why = both!("没有查到地址", "the host has no address");
            tell(Finding::not_tried(connection, why));
            return false;
        }
        let link = net::connect(server).await;
        tell(net::connection(connection, server, &link, self.now));
        link.is_ok()
    }

    async fn to_ourselves(
        &self,
        code: &SecretString,
        smtp: &Smtp,
        wait: Wait,
        tell: &mut dyn FnMut(Finding),
    ) {
        let config = &self.config;
        let search = match letter::Search::open(config, code).await {
            Ok(search) => search,
            Err(error) => {
                let why = both!(
                    "收信未能再次登录：{error}",
                    "IMAP let nobody in again: {error}"
                );
                tell(Finding::not_tried(Item::Letter, why));
                return self.without_letter(tell);
            }
        };
        let sent = letter::send(config, smtp).await;
        tell(letter::handed_over(config, &sent));
        let Ok((token, at)) = sent else {
            return self.without_letter(tell);
        };
        let arrival = search.find(&token, at, wait).await;
        tell(letter::arrival(&arrival, wait));
        tell(match &arrival {
            letter::Arrival::Found(found) => letter::clock(found),
            _ => Finding::not_tried(Item::Clock, no_moment()),
        });
    }

    fn without_letter(&self, tell: &mut dyn FnMut(Finding)) {
        let why = both!("自检信没有寄出", "no letter left");
        tell(Finding::not_tried(Item::Arrival, why));
        tell(Finding::not_tried(Item::Clock, no_moment()));
    }
}

/// Whether a letter can leave.
enum Sends {
    By(Box<Smtp>),
    IntoFiles,
    No,
}

fn no_login(way: bool, key: &str) -> Words {
    match way {
        true => both!("读不到授权码（{key}）", "no code can be read ({key})"),
        false => both!(
            "没有可信的连接，不送出授权码",
            "no connection that can be trusted with the code"
        ),
    }
}

fn no_moment() -> Words {
    both!(
        "没有收到自检信，无从与服务器比对",
        "without the letter there is no moment of the server's to compare with"
    )
}
