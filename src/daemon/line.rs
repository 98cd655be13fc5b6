//! The line to the mailbox during one poll.

use crate::config;
use crate::mailbox::{Error, Examined, Session};
use secrecy::SecretString;
use tracing::warn;

/// Connections made anew within one poll before it is given up.
const RECONNECTS: u32 = 20;

/// The connection of a poll; it is made anew where one mail breaks it.
pub struct Line {
    settings: config::Mailbox,
    password: SecretString,
    pub session: Session,
    reconnects: u32,
    /// Whether the server answers one command at a time only.
    pub one_by_one: bool,
}

impl Line {
    pub async fn open(
        settings: config::Mailbox,
        password: SecretString,
        one_by_one: bool,
    ) -> Result<Self, Error> {
        let session = Session::open(&settings, &password).await?;
        Ok(Self {
            settings,
            password,
            session,
            reconnects: RECONNECTS,
            one_by_one,
        })
    }

    /// Opens a folder, and finds its UIDs from `first` on. A server that answers EXAMINE, but not the SEARCH that came
    /// with it, is asked one by one.
    pub async fn look_into(
        &mut self,
        folder: &str,
        first: u32,
    ) -> Result<(Examined, Vec<u32>), Error> {
        if !self.one_by_one {
            let (opened, found) = self.session.examine_and_search(folder, first).await?;
            match found {
                Ok(found) => return Ok((opened, found)),
                Err(error) => self.recover(folder, error, 0).await?,
            };
        }
        let opened = self.session.examine(folder).await?;
        let found = self.session.search(first).await?;
        self.one_by_one = true;
        Ok((opened, found))
    }

    /// Makes the connection good again after a fault, and gives the fault in words.
    pub async fn recover(
        &mut self,
        folder: &str,
        error: Error,
        mails: usize,
    ) -> Result<String, Error> {
        warn!(folder, mails, %error, "fetch failed");
        let why = error.to_string();
        if !error.leaves_session() {
            self.reopen(folder, error).await?;
        }
        Ok(why)
    }

    async fn reopen(&mut self, folder: &str, cause: Error) -> Result<(), Error> {
        self.reconnects = self.reconnects.checked_sub(1).ok_or(cause)?;
        self.session = Session::open(&self.settings, &self.password).await?;
        self.session.examine(folder).await.map(|_| ())
    }
}
