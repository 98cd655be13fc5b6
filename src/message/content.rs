//! What a mail says: the plain types that the reader hands on.

use chrono::{DateTime, FixedOffset};
use memchr::memmem;
use serde::{Deserialize, Serialize};

/// Everything that was read from one mail. It crosses a process border as JSON, without its own lists and options that are
/// empty, and its text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Content {
    /// Message-ID without angle brackets (RFC 5322 section 3.6.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Decoded, control characters removed, white space folded.
    pub subject: String,
    /// The first From header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Address>,
    /// The sender's clock; as unreliable as the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<DateTime<FixedOffset>>,
    /// The topmost Received header: when the mailbox's own server took the mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<DateTime<FixedOffset>>,
    /// Message-IDs of In-Reply-To and References, without brackets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// Signs that a machine wrote the mail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub automatic: Vec<Automatic>,
    /// The envelope names no sender to answer (`Return-Path: <>`), or the mail asks not to be answered by machines.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unanswerable: bool,
    /// Of a bounce: whom our letter did not reach, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounce: Option<super::Bounce>,
    /// What the sender typed: quoted and forwarded mails, and nothing else, cut away. It goes beside the JSON, which would
    /// put two letters for each line break and be looked through for them.
    #[serde(skip)]
    pub text: String,
    /// Quoted, forwarded and attached mails, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inner: Vec<Inner>,
    /// Attached files in order; an archive is followed by its members.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// Addresses of large attachments, net disks and articles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// What could not be read, in words for staff. Empty when all was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<String>,
    /// All that is missing from the text, a line each in words for staff: damage, and files that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<String>,
    /// Where characters were lost: U+FFFD left after decoding.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub garbled: Vec<Garbled>,
    /// Fields that stand more than once though RFC 5322 section 3.6 allows one, in lower case; a forger's sign.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubled: Vec<String>,
}

/// Characters lost in one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garbled {
    /// `subject`, `from`, `text`, or `files[n].name` and `files[n].text`.
    pub field: String,
    /// How many.
    pub characters: usize,
}

impl Content {
    /// Notes what is missing once all was read.
    pub(super) fn take_stock(&mut self) {
        self.count_garbled();
        self.incomplete.clone_from(&self.damage);
        for file in &self.files {
            if let Reading::Failed(why) = &file.reading {
                self.incomplete
                    .push(format!("附件“{}”未能读取：{why}", file.name));
            }
        }
    }

    /// Counts what was lost, field by field.
    fn count_garbled(&mut self) {
        let from = self.from.as_ref().map_or("", |from| from.name.as_str());
        let mut fields = vec![
            ("subject".to_string(), self.subject.as_str()),
            ("from".to_string(), from),
            ("text".to_string(), self.text.as_str()),
        ];
        for (number, file) in self.files.iter().enumerate() {
            fields.push((format!("files[{number}].name"), &file.name));
            if let Reading::Text(text) = &file.reading {
                fields.push((format!("files[{number}].text"), text));
            }
        }
        let lost = |text: &str| memmem::find_iter(text.as_bytes(), "\u{FFFD}").count();
        let counted = fields.into_iter().map(|(field, text)| Garbled {
            field,
            characters: lost(text),
        });
        self.garbled = counted.filter(|garbled| garbled.characters > 0).collect();
    }
}

/// A mail address as it stands in a header.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Address {
    /// Display name, decoded; empty where there is none.
    pub name: String,
    /// Lower case `local@domain`; empty where the header holds none.
    pub address: String,
}

/// A sign in the headers or the structure that no person wrote this mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automatic {
    /// Auto-Submitted, X-Autoreply, X-QQ-AUTO-REPLY and their like.
    Reply,
    /// multipart/report with delivery-status, or a postmaster's address.
    Bounce,
    /// A disposition notification: 已读回执.
    Receipt,
    /// Precedence bulk, list headers.
    Bulk,
    /// A text/calendar part with METHOD:REQUEST, CANCEL or REPLY.
    Calendar,
}

/// How an inner mail came into the outer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nesting {
    /// Quoted below an answer (回复).
    Quoted,
    /// Passed on inline (转发邮件信息).
    Forwarded,
    /// Attached as message/rfc822 or .eml.
    Attached,
}

/// A mail inside the mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inner {
    /// How it came there.
    pub nesting: Nesting,
    /// Name and address of its writer as written, where given.
    pub from: Option<Address>,
    /// Its own date; `+08:00` where it names no zone.
    pub date: Option<DateTime<FixedOffset>>,
    /// Its subject, where given.
    pub subject: Option<String>,
    /// Its own words, without the mails inside it.
    pub text: String,
}

/// The true type of a file, by its bytes, not by its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Media {
    Photo,
    Video,
    Document,
    Archive,
    Other,
}

/// One attached file or member of an archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// File name without folders, decoded, safe to show and to write.
    pub name: String,
    /// Folder inside its archive, `/` between levels; empty outside of one.
    pub folder: String,
    /// Index in [`Content::files`] of the archive that holds it.
    pub archive: Option<usize>,
    /// By content.
    pub media: Media,
    /// Lower case hex.
    pub sha256: String,
    /// Decoded size.
    pub bytes: u64,
    /// EXIF or video creation time, `+08:00` where it names no zone.
    pub taken_at: Option<DateTime<FixedOffset>>,
    /// Of a photo or video.
    #[serde(default)]
    pub details: Option<super::Details>,
    /// A small inline picture (logo, icon) that is no photo of an activity.
    pub decoration: bool,
    /// Its transfer encoding was broken, and mended as far as could be: some bytes may be missing.
    #[serde(default)]
    pub repaired: bool,
    /// What its text came to.
    pub reading: Reading,
}

/// The text of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// The file is of a kind that holds no text.
    None,
    /// Its text; a table is one line a row, cells parted by tabs.
    Text(String),
    /// It should hold text, but could not be read: why, in Chinese (加密, 损坏, 格式暂不支持).
    Failed(String),
}

/// What an address in a mail leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Large attachment, net disk, online document: files lie behind it.
    Files,
    /// 公众号, 美篇 and other published articles.
    Article,
}

/// An address worth keeping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// As written, entities decoded.
    pub url: String,
    /// Whose service, in Chinese: 网易超大附件, QQ超大附件, 百度网盘, 微信公众号.
    pub provider: String,
    /// Files or an article.
    pub kind: LinkKind,
    /// Name of the file behind it, where the mail says so.
    #[serde(default)]
    pub name: Option<String>,
    /// Its size, where the mail says so.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// 提取码, where one is needed and given.
    #[serde(default)]
    pub code: Option<String>,
    /// When the provider drops it, where the mail says so.
    pub expires_at: Option<DateTime<FixedOffset>>,
}
