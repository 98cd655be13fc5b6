//! How a poll fails; the daemon acts differently on each.

use std::time::Duration;

/// What went wrong between us and the server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user or the authorization code is wrong or void: trying again does not help.
    #[error(
        "the server refuses the login of {user}: {answer}; make a new authorization code (授权码) on the mailbox's web page, and see that IMAP is switched on there"
    )]
    Credentials {
        /// Login name.
        user: String,
        /// The server's words.
        answer: String,
    },
    /// A tagged NO or BAD: the connection lives.
    #[error("the server answers {command} with: {answer}")]
    Refused {
        /// First word of the command.
        command: String,
        /// The server's words.
        answer: String,
    },
    /// The connection is of no more use.
    #[error("the connection to the server is lost: {0}")]
    Lost(String),
    /// The server was silent for too long.
    #[error("no answer to {command} within {} s", .after.as_secs())]
    Silent {
        /// First word of the command.
        command: String,
        /// How long was waited.
        after: Duration,
    },
    /// A fault on this side: the spool cannot be written.
    #[error("cannot write the mail to disk: {0}")]
    Local(#[from] std::io::Error),
}

impl Error {
    /// A lost connection, with what is known of the cause; never the mail that async-imap's texts may hold.
    pub(super) fn lost(cause: impl std::fmt::Display) -> Self {
        let text: String = cause
            .to_string()
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        Self::Lost(text)
    }

    /// Whether the session can go on.
    pub fn leaves_session(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}
