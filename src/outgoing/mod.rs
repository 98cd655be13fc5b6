//! 6. Letters: a digest to staff, reminders to units, and the way out for both.
//!
//! Composing is pure; only [`Transport`] touches the network or the disk.

mod alarm;
mod answer;
mod closed;
mod command;
mod contact_sheet;
mod digest;
mod document;
mod facts;
mod file_name;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
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
mod workbook;

pub use alarm::{about as about_alarm, alarm, to_robot};
pub use answer::{AnswerFacts, Done, answer};
pub use command::{Command, Said, commands};
pub use contact_sheet::contact_sheet;
pub use digest::{MOST_REPORTS, digest};
pub use document::document;
pub use facts::{
    AsideLine, ChangeLine, ClosingFacts, DigestFacts, LedgerLine, LetterLine, LinkLine,
    MediaCounts, Picture, ReportLine, ReviewLine, TwiceLine,
};
pub use file_name::{ending, safe, unique};
pub use letter::{Attached, Key, Letter, Rule};
pub use mime::{Sender, mail, self_test};
pub use pace::{Pace, Quiet};
pub use receipt::{ReceiptFacts, Received, day_of_receipt, receipt};
pub use reminder::{ReminderFacts, reminder};
pub use spoken::{fact_in_words, owing_in_words, standing_lines};
pub use templates::Templates;
pub use token::{code, coded};
pub use transport::{Envelope, Fate, Refusal, Smtp, Transport};
pub use workbook::{Book, rule_in_words, workbook};
