//! 1. Where mail comes from: the mailbox on its server (IMAP), and local copies (.eml, Maildir, mbox).
//!
//! The mailbox is only read: EXAMINE and BODY.PEEK, never a flag, a move or a delete.

mod connection;
mod error;
mod fetch;
mod folders;
#[cfg(any(test, fuzzing))]
pub mod fuzz;

pub mod local;
mod session;
mod shallow;

pub use connection::client_config;
pub use error::Error;
pub use fetch::{BATCH_BYTES, Fetched, Listed, SIZES, batches};
pub use folders::{Folder, called, decode, is_spam, watched};
pub use session::{Examined, Session};

use tempfile::NamedTempFile;

/// The bytes of a mail: small ones in memory, large ones in a file of the spool.
#[derive(Debug)]
pub enum Raw {
    /// The whole mail.
    Memory(Vec<u8>),
    /// A file that holds the whole mail.
    File(NamedTempFile),
}
