//! 6. Letters: a digest to staff, reminders to units, and the way out for both.
//!
//! Composing is pure; only [`Transport`] touches the network or the disk.

mod answer;
mod command;
mod digest;
mod facts;
mod letter;
mod matrix;
mod mime;
mod pace;
mod receipt;
mod reminder;
mod spoken;
mod templates;
#[cfg(test)]
mod tests;
mod token;
mod transport;
mod words;

pub use answer::{AnswerFacts, Done, answer};
pub use command::{Command, Said, commands};
pub use digest::digest;
pub use facts::{
    AsideLine, ChangeLine, DigestFacts, LedgerLine, LetterLine, LinkLine, MediaCounts, ReportLine,
    ReviewLine,
};
pub use letter::{Key, Letter, Rule};
pub use mime::mail;
pub use pace::{Pace, Quiet};
pub use receipt::{ReceiptFacts, Received, day_of_receipt, receipt};
pub use reminder::{ReminderFacts, reminder};
pub use spoken::{fact_in_words, standing_lines};
pub use templates::Templates;
pub use token::{code, coded};
pub use transport::{Envelope, Fate, Transport};
