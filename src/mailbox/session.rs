//! One connection after login: commands that are done only by their tagged OK.

use super::connection::{Boxed, connect};
use super::folders::is_called_sent;
use super::{Error, Folder, fetch};
use crate::config::Mailbox;
use async_imap::Client;
use async_imap::imap_proto::{
    MailboxDatum, NameAttribute, RequestId, Response, ResponseCode, Status,
};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::timeout;
use tracing::{debug, warn};

const EXAMINE: &str = "EXAMINE";
const UID_SEARCH: &str = "UID SEARCH";
/// Message numbers whose UIDs are asked for in one command.
const NUMBERS: usize = 1000;
/// How long a server may take over its goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
/// The slowest line that is worth waiting for, in bytes a second.
const SLOWEST: u64 = 20_000;

/// Texts with which servers turn away a right password for a while.
const PASSING: [&str; 6] = [
    "too many",
    "unsafe",
    "frequen",
    "unavailable",
    "try again",
    "later",
];

/// A logged-in connection.
#[derive(Debug)]
pub struct Session {
    inner: async_imap::Session<Boxed>,
    /// Why the server refused ID, where it did; 163.com then refuses EXAMINE.
    id_refused: Option<String>,
    farewell: Option<String>,
    patience: Duration,
}

/// A folder as opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Examined {
    /// 0 where the server states none.
    pub uidvalidity: u32,
    /// Mails in the folder.
    pub exists: u32,
}

impl Examined {
    fn hear(&mut self, response: &Response) -> Result<(), Error> {
        match response {
            Response::MailboxData(MailboxDatum::Exists(n)) => self.exists = *n,
            Response::Data {
                code: Some(ResponseCode::UidValidity(n)),
                ..
            } => self.uidvalidity = *n,
            _ => {}
        }
        Ok(())
    }
}

impl Session {
    /// Connects, logs in and sends ID (RFC 2971), which 163.com demands on each connection before EXAMINE.
    pub async fn open(settings: &Mailbox, password: &SecretString) -> Result<Self, Error> {
        Self::login(connect(settings), settings, password).await
    }

    pub(super) async fn login(
        client: impl Future<Output = Result<Client<Boxed>, Error>>,
        settings: &Mailbox,
        password: &SecretString,
    ) -> Result<Self, Error> {
        let login = async {
            let session = client
                .await?
                .login(&settings.user, password.expose_secret());
            let refused = |(error, _)| refused_login(&settings.user, error);
            session.await.map_err(refused)
        };
        let patience = settings.patience();
        let inner = patiently("LOGIN", patience, login).await?;
        let mut session = Self {
            inner,
            id_refused: None,
            farewell: None,
            patience,
        };
        session.identify().await?;
        Ok(session)
    }

    async fn identify(&mut self) -> Result<(), Error> {
        let id = format!(
            r#"ID ("name" "baosong" "version" "{}")"#,
            env!("CARGO_PKG_VERSION")
        );
        match self.command(&id, 0, |_| Ok(())).await {
            Err(Error::Refused { answer, .. }) => {
                // Told with the refusal of EXAMINE that follows, where one does.
                debug!(answer, "the server refuses ID");
                self.id_refused = Some(answer);
                Ok(())
            }
            other => other,
        }
    }

    /// Why the server refused ID, where it did.
    pub fn id_refused(&self) -> Option<&str> {
        self.id_refused.as_deref()
    }

    /// All folders.
    pub async fn folders(&mut self) -> Result<Vec<Folder>, Error> {
        let mut folders = Vec::new();
        self.command(r#"LIST "" "*""#, 0, |response| {
            if let Response::MailboxData(MailboxDatum::List {
                name_attributes,
                name,
                ..
            }) = response
            {
                folders.push(Folder {
                    name: name.to_string(),
                    junk: name_attributes.contains(&NameAttribute::Junk),
                    sent: name_attributes.contains(&NameAttribute::Sent) || is_called_sent(name),
                    selectable: !name_attributes.contains(&NameAttribute::NoSelect),
                });
            }
            Ok(())
        })
        .await?;
        Ok(folders)
    }

    /// Opens a folder for reading alone.
    pub async fn examine(&mut self, folder: &str) -> Result<Examined, Error> {
        let mut examined = Examined::default();
        let command = examine(folder);
        let answer = self.command(&command, 0, |response| examined.hear(response));
        answer.await.map_err(|error| self.with_id(error))?;
        Ok(examined)
    }

    /// The same, and asks for its UIDs from `first` on in one round trip (RFC 3501 section 5.5). The inner error is that
    /// of the search.
    pub async fn examine_and_search(
        &mut self,
        folder: &str,
        first: u32,
    ) -> Result<(Examined, Result<Vec<u32>, Error>), Error> {
        let (open, search) = (examine(folder), search(first));
        let (mut examined, mut uids) = (Examined::default(), Vec::new());
        let patience = self.patience;
        let open = async {
            let opening = self.send(&open).await?;
            let searching = self.send(&search).await?;
            let heard = |response: &Response| examined.hear(response);
            let opened = self.answer(&opening, EXAMINE, heard).await;
            Ok((opened, searching))
        };
        let (opened, searching) = patiently(EXAMINE, patience, open).await?;
        let opened = match opened {
            Err(error) if !error.leaves_session() => return Err(error),
            opened => opened,
        };
        let heard = |response: &Response| found(response, first, &mut uids);
        let search = self.answer(&searching, UID_SEARCH, heard);
        let searched = patiently(UID_SEARCH, patience, search).await;
        match (opened, searched) {
            (Ok(()), searched) => Ok((examined, searched.map(|()| ascending(uids)))),
            (Err(_), Err(error)) if !error.leaves_session() => Err(error),
            (Err(refused), _) => Err(self.with_id(refused)),
        }
    }

    /// UIDs of the open folder, from `first` on, ascending.
    pub async fn search(&mut self, first: u32) -> Result<Vec<u32>, Error> {
        let mut uids = Vec::new();
        self.command(&search(first), 0, |response| {
            found(response, first, &mut uids)
        })
        .await?;
        Ok(ascending(uids))
    }

    /// All UIDs of the open folder, ascending, of which a search found these. Where SEARCH tells of fewer mails than the
    /// folder has, as 163.com's was seen to, they are asked for by message number too.
    pub async fn all_uids(&mut self, found: Vec<u32>, exists: u32) -> Result<Vec<u32>, Error> {
        let mut uids = found;
        if uids.len() >= exists as usize {
            return Ok(uids);
        }
        warn!(found = uids.len(), exists, "SEARCH leaves mails out");
        for from in (1..=exists).step_by(NUMBERS) {
            let to = exists.min(from.saturating_add(NUMBERS as u32 - 1));
            let (command, before) = (format!("FETCH {from}:{to} (UID)"), uids.len());
            let asked = self.command(&command, 0, |response| {
                uids.extend(fetch::uid_of(response));
                Ok(())
            });
            match asked.await {
                // The folder may have shrunk since.
                Err(Error::Refused { .. }) => break,
                other => other?,
            }
            // A number of mails that was never true.
            if uids.len() == before {
                break;
            }
        }
        Ok(ascending(uids))
    }

    /// Whether the open folder holds a mail of this Message-ID (without angle brackets).
    pub async fn holds(&mut self, message_id: &str) -> Result<bool, Error> {
        let mut found = false;
        let command = format!("{UID_SEARCH} HEADER Message-ID {}", quoted(message_id));
        self.command(&command, 0, |response| {
            if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                found |= !uids.is_empty();
            }
            Ok(())
        })
        .await?;
        Ok(found)
    }

    /// Says goodbye; whether the server hears it matters no more.
    pub async fn close(&mut self) {
        self.patience = self.patience.min(GOODBYE);
        if let Err(error) = self.command("LOGOUT", 0, |_| Ok(())).await {
            debug!(%error, "logout");
        }
    }

    /// Runs a command to its tagged answer, handing each untagged one on. `bytes` are what the answer may come to.
    pub(super) async fn command(
        &mut self,
        command: &str,
        bytes: u64,
        on_response: impl FnMut(&Response) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let verb = verb(command);
        let patience = self.patience + Duration::from_secs(bytes / SLOWEST);
        patiently(&verb, patience, self.run(command, &verb, on_response)).await
    }

    async fn run(
        &mut self,
        command: &str,
        verb: &str,
        on_response: impl FnMut(&Response) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let id = self.send(command).await?;
        self.answer(&id, verb, on_response).await
    }

    async fn send(&mut self, command: &str) -> Result<RequestId, Error> {
        self.inner.run_command(command).await.map_err(Error::lost)
    }

    async fn answer(
        &mut self,
        id: &RequestId,
        verb: &str,
        mut on_response: impl FnMut(&Response) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let silence = self.patience;
        loop {
            let response = self.inner.read_response().await;
            let response = response.map_err(|error| broken(error, verb, silence))?;
            let Some(response) = response else {
                return Err(Error::lost(
                    self.farewell
                        .take()
                        .unwrap_or_else(|| "closed by the server".into()),
                ));
            };
            match response.parsed() {
                Response::Done {
                    tag,
                    status,
                    information,
                    ..
                } if tag == id => {
                    return tagged(status, information.as_deref(), verb);
                }
                Response::Data {
                    status: Status::Bye,
                    information,
                    ..
                } => {
                    self.farewell = information.as_deref().map(str::to_owned);
                }
                untagged => on_response(untagged)?,
            }
        }
    }

    fn with_id(&self, error: Error) -> Error {
        match (error, &self.id_refused) {
            (Error::Refused { command, answer }, Some(id)) => Error::Refused {
                command,
                answer: format!("{answer} (ID was refused before: {id})"),
            },
            (error, _) => error,
        }
    }
}

/// Gives up after `patience`: a server that is silent in the middle of an answer must not hold a poll for ever.
async fn patiently<T>(
    command: &str,
    patience: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let silent = || Error::Silent {
        command: command.into(),
        after: patience,
    };
    // imap-proto panics on some answers (INTERNALDATE NIL); the session is then of no more use.
    let caught = async {
        let answer = AssertUnwindSafe(answer).catch_unwind().await;
        answer.unwrap_or_else(|_| Err(Error::lost("the answer breaks the IMAP library")))
    };
    timeout(patience, caught)
        .await
        .unwrap_or_else(|_| Err(silent()))
}

/// What ended the connection; where nothing moved for too long the stream itself says so.
fn broken(error: std::io::Error, verb: &str, silence: Duration) -> Error {
    match error.kind() {
        std::io::ErrorKind::TimedOut => Error::Silent {
            command: verb.into(),
            after: silence,
        },
        _ => Error::lost(error),
    }
}

fn tagged(status: &Status, information: Option<&str>, verb: &str) -> Result<(), Error> {
    match status {
        Status::Ok => Ok(()),
        _ => Err(Error::Refused {
            command: verb.into(),
            answer: information.unwrap_or("no reason given").into(),
        }),
    }
}

/// 163.com answers a wrong code without any response code: any NO to LOGIN is one, but for those that pass.
fn refused_login(user: &str, error: async_imap::error::Error) -> Error {
    use async_imap::error::Error as Imap;
    match error {
        Imap::No(answer) | Imap::Bad(answer) => {
            let lower = answer.to_lowercase();
            if PASSING.iter().any(|text| lower.contains(text)) {
                Error::Refused {
                    command: "LOGIN".into(),
                    answer,
                }
            } else {
                Error::Credentials {
                    user: user.into(),
                    answer,
                }
            }
        }
        other => Error::lost(other),
    }
}

fn examine(folder: &str) -> String {
    format!("{EXAMINE} {}", quoted(folder))
}

fn search(first: u32) -> String {
    match first {
        0 | 1 => format!("{UID_SEARCH} ALL"),
        first => format!("{UID_SEARCH} UID {first}:*"),
    }
}

/// `n:*` names the last mail even when it is older than n (RFC 3501 section 6.4.8): such a one is left out.
fn found(response: &Response, first: u32, uids: &mut Vec<u32>) -> Result<(), Error> {
    if let Response::MailboxData(MailboxDatum::Search(found)) = response {
        uids.extend(found.iter().copied().filter(|uid| *uid >= first));
    }
    Ok(())
}

fn ascending(mut uids: Vec<u32>) -> Vec<u32> {
    uids.sort_unstable();
    uids.dedup();
    uids
}

fn verb(command: &str) -> String {
    let words = if command.starts_with("UID ") { 2 } else { 1 };
    command.split(' ').take(words).collect::<Vec<_>>().join(" ")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}
