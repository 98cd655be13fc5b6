//! A letter, and the key that keeps it from being written twice.

use anyhow::{Result, bail};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The morning report to staff.
    Digest,
    /// To a unit that owes something.
    Reminder,
    /// To the sender of a mail that was taken as a report.
    Receipt,
    /// To a member of staff who answered a letter of ours.
    Answer,
    /// To staff, when something is wrong with the daemon, and when it is over.
    Alarm,
}

impl Rule {
    /// Letters to staff can be answered, so they carry their token in the subject too.
    pub fn is_to_staff(self) -> bool {
        matches!(self, Self::Digest | Self::Answer | Self::Alarm)
    }

    /// Who goes first where the pace is short: staff, then those who owe something, then those who delivered.
    pub fn rank(self) -> u8 {
        match self {
            rule if rule.is_to_staff() => 0,
            Self::Reminder => 1,
            _ => 2,
        }
    }

    /// As it stands in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Reminder => "reminder",
            Self::Receipt => "receipt",
            Self::Answer => "answer",
            Self::Alarm => "alarm",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Rule {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "digest" => Ok(Self::Digest),
            "reminder" => Ok(Self::Reminder),
            "receipt" => Ok(Self::Receipt),
            "answer" => Ok(Self::Answer),
            "alarm" => Ok(Self::Alarm),
            other => bail!("\"{other}\" is no rule that letters are written by"),
        }
    }
}

/// What makes a letter the same letter: one rule, about one unit or for one recipient, on one day.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Why it is written.
    pub rule: Rule,
    /// Official name of the unit that is reminded; address of the staff that gets the digest; number of the mail.
    pub about: String,
    /// The day on which it is written.
    pub day: NaiveDate,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.rule, self.about, self.day)
    }
}

/// A letter to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Exists once.
    pub key: Key,
    /// Mail address.
    pub to: String,
    /// Message-ID of the mail that it answers, without angle brackets.
    pub answers: Option<String>,
    /// One line.
    pub subject: String,
    /// A whole HTML document.
    pub html: String,
    /// The same in plain text.
    pub text: String,
    /// Pictures of the HTML, and files beside it.
    pub files: Vec<Attached>,
}

/// A file of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// ASCII: QQ and Outlook show no other (RFC 2231). Of a picture the Content-ID too.
    pub name: String,
    /// `image/jpeg`.
    pub media_type: &'static str,
    /// Shown in the HTML as `cid:NAME`, not listed beside it.
    pub inline: bool,
    /// Content.
    pub bytes: Vec<u8>,
}
