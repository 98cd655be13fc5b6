//! The way out: an SMTP server, or files.

use crate::config::{self, Outgoing, Tls};
use anyhow::{Context, Result};
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as SmtpTls, TlsParameters};
use lettre::transport::smtp::{Error as SmtpError, response::Code};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How an attempt to send ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Taken; the server's words, or the file's path.
    Sent(String),
    /// Not now: 4xx, silence, a lost connection, an answer that cannot be read.
    Later(String),
    /// Never: 5xx.
    Refused(String),
    /// The login is refused: no further letter will pass.
    Credentials(String),
}

/// Where letters go.
pub enum Transport {
    /// To a server, on a connection of its own for each letter.
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    /// As `.eml` files into a directory.
    Files(PathBuf),
}

impl Transport {
    /// As the settings say.
    ///
    /// # Errors
    /// When the authorization code or the certificate file cannot be read.
    pub fn open(settings: &Outgoing, data_dir: &Path) -> Result<Self> {
        match settings.transport {
            config::Transport::Files => Ok(Self::Files(data_dir.join(&settings.dir))),
            config::Transport::Smtp => Ok(Self::Smtp(Box::new(smtp(settings)?))),
        }
    }

    /// Makes one attempt, within a time that fits the letter's size.
    pub async fn send(&self, from: &str, to: &str, message_id: &str, mail: &[u8]) -> Fate {
        match self {
            Self::Files(dir) => write(dir, message_id, mail).map_or_else(
                |error| Fate::Later(format!("{error:#}")),
                |path| Fate::Sent(path.display().to_string()),
            ),
            Self::Smtp(transport) => {
                let patience = Duration::from_secs(60 + mail.len() as u64 / 20_000);
                let sending = over_smtp(transport, from, to, mail);
                tokio::time::timeout(patience, sending)
                    .await
                    .unwrap_or_else(|_| {
                        Fate::Later(format!("no answer within {} s", patience.as_secs()))
                    })
            }
        }
    }
}

fn smtp(settings: &Outgoing) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
    let password = config::secret(&settings.password_file)?;
    let credentials = Credentials::new(settings.user.clone(), password.expose_secret().to_owned());
    let tls = match settings.tls {
        Tls::None => SmtpTls::None,
        Tls::Implicit => SmtpTls::Wrapper(parameters(settings)?),
        Tls::Starttls => SmtpTls::Required(parameters(settings)?),
    };
    Ok(
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .credentials(credentials)
            .timeout(Some(Duration::from_secs(30)))
            .build(),
    )
}

fn parameters(settings: &Outgoing) -> Result<TlsParameters> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca_file {
        let pem = std::fs::read(path)
            .with_context(|| format!("cannot read ca_file {}", path.display()))?;
        let certificates =
            Certificate::from_pem(&pem).with_context(|| format!("ca_file {}", path.display()))?;
        builder = builder.add_root_certificate(certificates);
    }
    Ok(builder.build()?)
}

async fn over_smtp(
    transport: &AsyncSmtpTransport<Tokio1Executor>,
    from: &str,
    to: &str,
    mail: &[u8],
) -> Fate {
    let envelope =
        || -> Result<Envelope> { Ok(Envelope::new(Some(from.parse()?), vec![to.parse()?])?) };
    match envelope() {
        Err(error) => Fate::Refused(format!("no mail address: {error:#}")),
        Ok(envelope) => match transport.send_raw(&envelope, mail).await {
            Ok(response) => Fate::Sent(response.message().collect::<Vec<_>>().join(" ")),
            Err(error) => fate(&error),
        },
    }
}

fn fate(error: &SmtpError) -> Fate {
    let why = causes(error);
    match error.status() {
        Some(code) if is_login(code) => Fate::Credentials(why),
        Some(_) if error.is_permanent() => Fate::Refused(why),
        _ => Fate::Later(why),
    }
}

/// 535 authentication failed, 534 mechanism too weak, 530 authentication required (RFC 4954 section 6).
fn is_login(code: Code) -> bool {
    ["535", "534", "530"].contains(&code.to_string().as_str())
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let next = source.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = source.source();
    }
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// Whole or not at all, under a name that an attempt repeated would write again.
fn write(dir: &Path, message_id: &str, mail: &[u8]) -> Result<PathBuf> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let safe: String = message_id
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "@.-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let path = dir.join(format!("{safe}.eml"));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(mail)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(path)
}
