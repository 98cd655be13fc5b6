//! 6. Letters: the digest to staff, reminders to units, their templates, and the way out.

mod digest;
mod letter;
mod mime;
mod reminder;
mod templates;
mod transport;

pub use digest::{
    AsideLine, DigestFacts, LedgerLine, LetterLine, LinkLine, ReportLine, ReviewLine, digest,
};
pub use letter::{Key, Letter, Rule};
pub use mime::mail;
pub use reminder::{ReminderFacts, reminder};
pub use templates::Templates;
pub use transport::{Fate, Transport};
