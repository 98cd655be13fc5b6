//! The way out: an SMTP server, or files in a directory.

use crate::config::{self, Outgoing, Tls};
use anyhow::{Context, Result};
use lettre::Address;
use lettre::address::Envelope as SmtpEnvelope;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error, response::Response};
use secrecy::{ExposeSecret, SecretString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SLOWEST_BYTES_PER_SECOND: u64 = 10_000;

/// Where letters leave.
pub enum Transport {
    /// To the SMTP server, one connection a letter.
    Smtp(Box<Smtp>),
    /// As `.eml` files into this directory.
    Files(PathBuf),
}

/// Access to an SMTP server.
pub struct Smtp {
    host: String,
    port: u16,
    user: String,
    password: SecretString,
    protection: Protection,
    patience: Duration,
}

enum Protection {
    None,
    Implicit(TlsParameters),
    Starttls(TlsParameters),
}

/// Who sends which mail to whom.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Sender's address; 163.com takes only the login itself.
    pub from: &'a str,
    /// The one recipient's address.
    pub to: &'a str,
    /// Without angle brackets; names the file.
    pub message_id: &'a str,
}

/// How an attempt to send ended. The words are for staff and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Taken; the server's reply, or the file's name.
    Sent(String),
    /// Not now; also where the end is not known.
    Later(String),
    /// This letter never.
    Refused(String),
    /// No letter before the login is put right.
    Credentials(String),
}

/// Why a letter was not handed over. The words are the server's or the library's, and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Sender or recipient is no mail address.
    Address(String),
    /// There is no connection, or none that can be trusted.
    Unreachable(String),
    /// The user or the authorization code is wrong or void.
    Credentials(String),
    /// The login did not come to its end.
    NotLoggedIn(String),
    /// The server never takes this letter.
    Letter(String),
    /// Not now; also where the end is not known.
    Unfinished(String),
    /// No end within the time it may take.
    Silent,
}

impl From<Refusal> for Fate {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Address(why) => Self::Refused(why),
            Refusal::Unreachable(why) => Self::Later(format!("无法连接发件服务器：{why}")),
            Refusal::Credentials(why) => Self::Credentials(format!("发件服务器拒绝登录：{why}")),
            Refusal::NotLoggedIn(why) => Self::Later(format!("登录未完成：{why}")),
            Refusal::Letter(why) => Self::Refused(format!("发件服务器拒收：{why}")),
            Refusal::Unfinished(why) => Self::Later(format!("发送未完成：{why}")),
            Refusal::Silent => Self::Later("发件服务器未在限定时间内答复".into()),
        }
    }
}

impl Transport {
    /// Reads the secret and the certificates; connects to nothing.
    pub fn open(settings: &Outgoing, data_dir: &Path) -> Result<Self> {
        if settings.transport == config::Transport::Files {
            let directory = data_dir.join(&settings.dir);
            std::fs::create_dir_all(&directory)
                .with_context(|| format!("cannot create {}", directory.display()))?;
            return Ok(Self::Files(directory));
        }
        Ok(Self::Smtp(Box::new(Smtp::open(settings)?)))
    }

    /// Hands one mail over, once, within the patience of the settings and what its size needs.
    pub async fn send(&self, envelope: &Envelope<'_>, mail: &[u8]) -> Fate {
        match self {
            Self::Files(directory) => write(directory, envelope.message_id, mail)
                .map_or_else(|e| Fate::Later(format!("无法写入文件：{e:#}")), Fate::Sent),
            Self::Smtp(smtp) => smtp
                .hand_over(envelope, mail)
                .await
                .map_or_else(Fate::from, Fate::Sent),
        }
    }
}

impl Smtp {
    /// Reads the secret and the certificates; connects to nothing.
    pub fn open(settings: &Outgoing) -> Result<Self> {
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            user: settings.user.clone(),
            password: config::secret(&settings.password_file)?,
            protection: protection(settings)?,
            patience: Duration::from_secs(settings.patience_seconds),
        })
    }

    /// Hands one mail over, once, and gives the server's reply; within the patience and what the mail's size needs.
    pub async fn hand_over(&self, envelope: &Envelope<'_>, mail: &[u8]) -> Result<String, Refusal> {
        let size = Duration::from_secs(mail.len() as u64 / SLOWEST_BYTES_PER_SECOND);
        within(self.patience + size, self.send(envelope, mail)).await
    }

    /// Connects and logs in as for a letter, and offers none.
    pub async fn try_login(&self) -> Result<(), Refusal> {
        let visit = async {
            let _ = self.logged_in().await?.quit().await;
            Ok(())
        };
        within(self.patience, visit).await
    }

    async fn send(&self, envelope: &Envelope<'_>, mail: &[u8]) -> Result<String, Refusal> {
        let envelope = smtp_envelope(envelope);
        let envelope = envelope.map_err(|error| Refusal::Address(format!("{error:#}")))?;
        let mut connection = self.logged_in().await?;
        let reply = connection.send(&envelope, mail).await;
        // What became of the letter is known; how the server says goodbye changes nothing.
        let _ = connection.quit().await;
        match reply {
            Ok(reply) => Ok(reply.message().collect::<Vec<_>>().join(" ")),
            Err(error) => Err(refusal(&error)),
        }
    }

    /// A refusal before the letter was offered is not the letter's.
    async fn logged_in(&self) -> Result<AsyncSmtpConnection, Refusal> {
        let connection = self.connect().await;
        let mut connection = connection.map_err(|error| Refusal::Unreachable(error.to_string()))?;
        match self.log_in(&mut connection).await {
            Ok(_) => Ok(connection),
            Err(error) => {
                let _ = connection.quit().await;
                let why = error.to_string();
                Err(match error.is_permanent() {
                    true => Refusal::Credentials(why),
                    false => Refusal::NotLoggedIn(why),
                })
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let hello = ClientId::default();
        let implicit = match &self.protection {
            Protection::Implicit(tls) => Some(tls.clone()),
            Protection::None | Protection::Starttls(_) => None,
        };
        let server = (self.host.as_str(), self.port);
        let timeout = Some(self.patience);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, timeout, &hello, implicit, None).await?;
        if let Protection::Starttls(tls) = &self.protection {
            connection.starttls(tls.clone(), &hello).await?;
        }
        Ok(connection)
    }

    async fn log_in(&self, connection: &mut AsyncSmtpConnection) -> Result<Response, Error> {
        let password = self.password.expose_secret().to_owned();
        let credentials = Credentials::new(self.user.clone(), password);
        connection
            .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
            .await
    }
}

fn protection(settings: &Outgoing) -> Result<Protection> {
    if settings.tls == Tls::None {
        return Ok(Protection::None);
    }
    let mut builder = TlsParametersBuilder::new(settings.host.clone());
    if let Some(path) = &settings.ca_file {
        let file = || format!("ca_file {}", path.display());
        let pem = std::fs::read(path).with_context(file)?;
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).with_context(file)?);
    }
    let tls = builder.build_rustls()?;
    Ok(match settings.tls {
        Tls::Starttls => Protection::Starttls(tls),
        _ => Protection::Implicit(tls),
    })
}

fn smtp_envelope(envelope: &Envelope<'_>) -> Result<SmtpEnvelope> {
    let address = |text: &str| -> Result<Address> {
        text.parse()
            .with_context(|| format!("“{text}”不是有效的邮件地址"))
    };
    let to = vec![address(envelope.to)?];
    Ok(SmtpEnvelope::new(Some(address(envelope.from)?), to)?)
}

async fn within<T>(
    patience: Duration,
    talk: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let ended = tokio::time::timeout(patience, talk).await;
    ended.unwrap_or(Err(Refusal::Silent))
}

fn refusal(error: &Error) -> Refusal {
    let why = error.to_string();
    match error.status().map(u16::from) {
        Some(530 | 534 | 535 | 538) => Refusal::Credentials(why),
        Some(500..) if !over_the_days_quota(error) => Refusal::Letter(why),
        _ => Refusal::Unfinished(why),
    }
}

/// 163.com refuses for good (550, 554) what exceeds a day's connections, mails or recipients.
fn over_the_days_quota(error: &Error) -> bool {
    let words = error.to_string();
    words.contains("MI:STC") || words.contains("RP:TRC")
}

/// A reader of the directory sees the whole file or none.
fn write(directory: &Path, message_id: &str, mail: &[u8]) -> Result<String> {
    let safe = |c: char| c.is_ascii_alphanumeric() || "@.-_".contains(c);
    let stem = message_id.replace(|c| !safe(c), "_");
    let name = format!("{}.eml", stem.trim_start_matches('.'));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(mail)?;
    file.as_file().sync_all()?;
    file.persist(directory.join(&name))?;
    std::fs::File::open(directory)?.sync_all()?;
    Ok(name)
}
