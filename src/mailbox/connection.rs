//! A byte stream to the server: TCP, with TLS as the settings say.

use super::Error;
use super::shallow::Shallow;
use crate::config::{Mailbox, Tls};
use anyhow::{Context, Result, anyhow};
use async_imap::Client;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, BufWriter};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsConnector;

/// TCP, plain or under TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Debug> Stream for T {}

pub type Boxed = Box<dyn Stream>;

/// Connects, and reads the greeting.
pub async fn connect(settings: &Mailbox) -> Result<Client<Boxed>, Error> {
    let tcp = TcpStream::connect((settings.host.as_str(), settings.port))
        .await
        .map_err(Error::lost)?;
    tcp.set_nodelay(true).map_err(Error::lost)?;
    let stream = impatient(tcp, settings.patience());
    match settings.tls {
        Tls::None => greeted(stream).await,
        Tls::Implicit => greeted(encrypted(settings, stream).await?).await,
        Tls::Starttls => {
            let mut client = greeted(stream).await?;
            client
                .run_command_and_check_ok("STARTTLS", None)
                .await
                .map_err(Error::lost)?;
            let stream = encrypted(settings, client.into_inner()).await?;
            Ok(Client::new(shallow(stream)))
        }
    }
}

/// Reads and writes fail where nothing moves for so long, be it in the midst of a mail.
fn impatient(tcp: TcpStream, patience: Duration) -> Boxed {
    let mut stream = TimeoutStream::new(tcp);
    stream.set_read_timeout(Some(patience));
    stream.set_write_timeout(Some(patience));
    Box::new(Box::pin(stream))
}

/// What is written leaves when it is flushed: the library writes a command in four pieces, each a packet otherwise.
fn shallow(stream: Boxed) -> Boxed {
    Box::new(Shallow::new(BufWriter::new(stream)))
}

/// Reads the greeting.
pub async fn greeted(stream: Boxed) -> Result<Client<Boxed>, Error> {
    use async_imap::imap_proto::{Response, Status};
    let mut client = Client::new(shallow(stream));
    let greeting = client.read_response().await.map_err(Error::lost)?;
    match greeting.as_ref().map(|response| response.parsed()) {
        Some(Response::Data {
            status: Status::Ok | Status::PreAuth,
            ..
        }) => Ok(client),
        Some(Response::Data { information, .. }) => Err(Error::lost(
            information.as_deref().unwrap_or("the server turns us away"),
        )),
        Some(_) => Err(Error::lost("the server's greeting is no IMAP greeting")),
        None => Err(Error::lost("the server closed before its greeting")),
    }
}

async fn encrypted(settings: &Mailbox, stream: Boxed) -> Result<Boxed, Error> {
    let config =
        client_config(settings.ca_file.as_deref()).map_err(|e| Error::lost(format!("{e:#}")))?;
    let name = ServerName::try_from(settings.host.clone()).map_err(Error::lost)?;
    let tls = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await;
    Ok(Box::new(
        tls.map_err(|error| Error::lost(format!("TLS: {error}")))?,
    ))
}

/// TLS that trusts the authorities of the web, and those of `ca_file`.
///
/// # Errors
/// Where `ca_file` cannot be read.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(path) = ca_file {
        let file = || format!("ca_file {}", path.display());
        for certificate in CertificateDer::pem_file_iter(path)
            .map_err(|e| anyhow!("{e}"))
            .with_context(file)?
        {
            roots
                .add(certificate.map_err(|e| anyhow!("{e}")).with_context(file)?)
                .with_context(file)?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
