//! A letter before it is mail.

use chrono::NaiveDate;

/// Why a letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The morning's account to staff.
    Digest,
    /// What a unit owes.
    Reminder,
}

impl Rule {
    /// As it stands in the queue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Reminder => "reminder",
        }
    }
}

/// What makes a letter unique: it is written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Why.
    pub rule: Rule,
    /// The unit of a reminder, the recipient of a digest.
    pub about: String,
    /// In China.
    pub day: NaiveDate,
}

/// A letter to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Unique.
    pub key: Key,
    /// One mail address.
    pub to: String,
    /// In Chinese.
    pub subject: String,
    /// Tables and inline styles only.
    pub html: String,
    /// Stands alone.
    pub text: String,
}
