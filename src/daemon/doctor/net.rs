//! The way to a server: its name, TCP, and the certificate that it shows.

use super::finding::{both, some_of};
use super::starttls::{Speaks, asked_for_tls};
use super::{Finding, Item};
use crate::campaign::{CST, Moment};
use crate::config::Tls;
use crate::mailbox::client_config;
use anyhow::{Context, Result};
use chrono::{DateTime, TimeZone};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, Error as TlsError};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use x509_parser::parse_x509_certificate;

/// Certificates of the web are renewed a month before their end.
const SOON: i64 = 14;

/// A server as the settings name it.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Server<'a> {
    pub host: &'a str,
    pub port: u16,
    pub tls: Tls,
    pub ca_file: Option<&'a Path>,
    /// For each step by itself.
    pub patience: Duration,
    pub speaks: Speaks,
}

/// Addresses of the host.
pub async fn resolve(server: &Server<'_>) -> Result<Vec<IpAddr>, Trouble> {
    let found = timeout(server.patience, lookup_host((server.host, server.port))).await;
    let found = found.map_err(|_| Trouble::Silent(server.patience))?;
    let found = found.map_err(|error| Trouble::Io(error.to_string()))?;
    let mut all: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    all.dedup();
    Ok(all)
}

/// What became of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// As the settings ask for, without TLS.
    Plain,
    /// Under TLS, with a certificate that is trusted until then.
    Trusted(Moment),
}

/// Why there is no address or no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No answer within this time.
    Silent(Duration),
    /// The system's words.
    Io(String),
    /// The certificate was good until then.
    Expired(Option<Moment>),
    /// The certificate is good from then on.
    NotYet(Option<Moment>),
    /// The certificate is of these hosts.
    OtherHost(Vec<String>),
    /// Nobody whom we trust signed the certificate.
    UnknownIssuer,
    /// `ca_file` cannot be used.
    CaFile(String),
    /// Everything else about TLS, in the library's words.
    Tls(String),
}

/// Connects, and goes through TLS where the settings ask for it.
pub async fn connect(server: &Server<'_>) -> Result<Link, Trouble> {
    timeout(server.patience, talk(server))
        .await
        .unwrap_or(Err(Trouble::Silent(server.patience)))
}

async fn talk(server: &Server<'_>) -> Result<Link, Trouble> {
    let tcp = TcpStream::connect((server.host, server.port)).await;
    let tcp = tcp.map_err(|error| Trouble::Io(error.to_string()))?;
    if server.tls == Tls::None {
        return Ok(Link::Plain);
    }
    let config =
        client_config(server.ca_file).map_err(|error| Trouble::CaFile(format!("{error:#}")))?;
    let name = ServerName::try_from(server.host.to_owned())
        .map_err(|error| Trouble::Tls(error.to_string()))?;
    let tcp = match server.tls {
        Tls::Starttls => asked_for_tls(tcp, server.speaks)
            .await
            .map_err(|error| Trouble::Tls(format!("{error:#}")))?,
        _ => tcp,
    };
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await;
    let stream = stream.map_err(|error| untrusted(&error))?;
    let until = until(stream.get_ref().1.peer_certificates().unwrap_or_default());
    let until = until.map_err(|error| Trouble::Tls(format!("{error:#}")))?;
    Ok(Link::Trusted(until))
}

/// Until when the first of `chain`, the server's own, is good.
fn until(chain: &[rustls::pki_types::CertificateDer<'_>]) -> Result<Moment> {
    let own = chain.first().context("the server shows no certificate")?;
    let (_, certificate) = parse_x509_certificate(own)?;
    let end = certificate.validity().not_after.timestamp();
    let end = DateTime::from_timestamp(end, 0).context("a date beyond all calendars")?;
    Ok(end.with_timezone(&CST))
}

fn untrusted(error: &std::io::Error) -> Trouble {
    let inner = error.get_ref();
    let tls = inner.and_then(|inner| inner.downcast_ref::<TlsError>());
    let Some(TlsError::InvalidCertificate(flaw)) = tls else {
        return match tls {
            Some(tls) => Trouble::Tls(tls.to_string()),
            None => Trouble::Io(error.to_string()),
        };
    };
    let moment =
        |at: &rustls::pki_types::UnixTime| CST.timestamp_opt(at.as_secs() as i64, 0).single();
    match flaw {
        CertificateError::Expired => Trouble::Expired(None),
        CertificateError::ExpiredContext { not_after, .. } => Trouble::Expired(moment(not_after)),
        CertificateError::NotValidYet => Trouble::NotYet(None),
        CertificateError::NotValidYetContext { not_before, .. } => {
            Trouble::NotYet(moment(not_before))
        }
        CertificateError::NotValidForName => Trouble::OtherHost(Vec::new()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            // The library writes them as DnsName("mail.example.cn").
            let name = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
            Trouble::OtherHost(presented.iter().map(name).collect())
        }
        CertificateError::UnknownIssuer => Trouble::UnknownIssuer,
        other => Trouble::Tls(other.to_string()),
    }
}

/// Whether the host has an address.
pub fn host(item: Item, server: &Server<'_>, found: &Result<Vec<IpAddr>, Trouble>) -> Finding {
    let host = server.host;
    let remedy = both!(
        "检查设置中的host是否写对、本机DNS（/etc/resolv.conf）和网络是否可用",
        "see whether host is right in the settings, and whether this machine's DNS (/etc/resolv.conf) and network work"
    );
    match found {
        Ok(all) if !all.is_empty() => {
            let addresses: Vec<String> = all.iter().map(IpAddr::to_string).collect();
            let some = some_of(&addresses);
            let (zh, en) = (some.zh, some.en);
            Finding::ok(item, both!("{host} → {zh}", "{host} → {en}"))
        }
        Ok(_) => Finding::wrong(
            item,
            both!("{host}没有地址", "{host} has no address"),
            remedy,
        ),
        Err(Trouble::Silent(patience)) => {
            let seconds = patience.as_secs();
            Finding::wrong(
                item,
                both!(
                    "查询{host}，{seconds}秒内没有答复",
                    "no answer about {host} within {seconds} s"
                ),
                remedy,
            )
        }
        Err(other) => {
            let why = format!("{other:?}");
            let why = match other {
                Trouble::Io(why) => why,
                _ => &why,
            };
            Finding::wrong(
                item,
                both!("查不到{host}的地址：{why}", "{host} is not found: {why}"),
                remedy,
            )
        }
    }
}

/// Whether the server can be reached, and its certificate trusted for some time to come.
pub fn connection(
    item: Item,
    server: &Server<'_>,
    link: &Result<Link, Trouble>,
    now: Moment,
) -> Finding {
    let (host, port) = (server.host, server.port);
    match link {
        Ok(Link::Plain) => Finding::ok(
            item,
            both!(
                "{host}:{port}已连通，不加密（仅限本机）",
                "{host}:{port} answers; unprotected, as it never leaves this machine"
            ),
        ),
        Ok(Link::Trusted(until)) => trusted(item, server, *until, now),
        Err(trouble) => {
            let (what, remedy) = told(server, trouble);
            let (zh, en) = (what.zh, what.en);
            Finding::wrong(
                item,
                both!("{host}:{port}：{zh}", "{host}:{port}: {en}"),
                remedy,
            )
        }
    }
}

fn trusted(item: Item, server: &Server<'_>, until: Moment, now: Moment) -> Finding {
    let (host, port) = (server.host, server.port);
    let (left, day) = ((until - now).num_days(), until.date_naive());
    let what = both!(
        "{host}:{port}，证书可信，还有{left}天到期（{day}）",
        "{host}:{port}, certificate trusted for {left} more days (until {day})"
    );
    if left >= SOON {
        return Finding::ok(item, what);
    }
    Finding::warning(
        item,
        what,
        both!(
            "服务商通常会提前换发；到期前几天再查一次，自建服务器请换发证书",
            "providers renew in time: look again some days before; renew it where the server is yours"
        ),
    )
}

fn told(server: &Server<'_>, trouble: &Trouble) -> (super::Words, super::Words) {
    let network = both!(
        "检查设置中的host、port和tls，以及防火墙或代理是否放行该端口",
        "see host, port and tls in the settings, and whether a firewall or proxy lets this port through"
    );
    let until = |at: &Option<Moment>| at.map_or("?".into(), |at| at.date_naive().to_string());
    match trouble {
        Trouble::Silent(patience) => {
            let seconds = patience.as_secs();
            (
                both!("{seconds}秒内没有答复", "no answer within {seconds} s"),
                network,
            )
        }
        Trouble::Io(why) => (both!("连接不上：{why}", "no connection: {why}"), network),
        Trouble::Expired(at) => {
            let day = until(at);
            (
                both!("证书已于{day}到期", "the certificate expired on {day}"),
                both!(
                    "先核对本机时钟；时钟无误则请服务商换发证书，在此之前不会登录",
                    "check this machine's clock first; if it is right, the provider must renew: nobody logs in before"
                ),
            )
        }
        Trouble::NotYet(at) => {
            let day = until(at);
            (
                both!("证书{day}才生效", "the certificate is good from {day} on"),
                both!(
                    "核对本机时钟，多半慢了",
                    "check this machine's clock: it is probably behind"
                ),
            )
        }
        Trouble::OtherHost(names) => {
            let some = some_of(names);
            let (zh, en) = (some.zh, some.en);
            (
                both!(
                    "证书是其他主机的（{zh}）",
                    "the certificate is of another host ({en})"
                ),
                both!(
                    "检查设置中的host是否写对；写对则可能有代理或网关截取了连接，请网络管理员处理",
                    "see whether host is right in the settings; if so a proxy or gateway is in between: ask the network's administrator"
                ),
            )
        }
        Trouble::UnknownIssuer => {
            let key = match server.speaks {
                Speaks::Imap => "mailbox.ca_file",
                Speaks::Smtp => "outgoing.ca_file",
            };
            (
                both!(
                    "证书的签发机构不可信",
                    "nobody whom we trust signed the certificate"
                ),
                both!(
                    "公共邮箱：可能有代理或网关截取了连接；自建服务器：把其CA证书（PEM）填入{key}",
                    "a public mailbox: a proxy or gateway is in between; a server of your own: name its authority (PEM) in {key}"
                ),
            )
        }
        Trouble::CaFile(why) => (
            both!("{why}", "{why}"),
            both!(
                "改正ca_file所指的PEM文件",
                "correct the PEM file that ca_file names"
            ),
        ),
        Trouble::Tls(why) => (
            both!("TLS未能建立：{why}", "TLS failed: {why}"),
            both!(
                "检查port与tls是否相配（993、465用implicit，143、587用starttls）",
                "see whether port and tls belong together (implicit: 993 and 465; starttls: 143 and 587)"
            ),
        ),
    }
}
