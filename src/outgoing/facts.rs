//! What a digest is composed from.

use super::words;
use crate::attribution::Kind;
use crate::campaign::{Campaign, Moment};
use crate::message::{Link, Media};
use crate::standing::{Closing, Doubt, Standing};
use chrono::NaiveDate;
use serde::{Serialize, Serializer};

/// Everything that a digest tells of.
#[derive(Debug, Clone)]
pub struct DigestFacts<'a> {
    /// The calendar.
    pub campaign: &'a Campaign,
    /// When it is written.
    pub now: Moment,
    /// Every unit, in the order of the roster.
    pub standings: &'a [Standing],
    /// The same at the last digest; empty where there was none.
    pub before: &'a [Standing],
    /// All submissions that arrived since the last digest: kind, and whether it was late.
    pub news: Vec<(Kind, bool)>,
    /// The first of them, in order of arrival; see [`MOST_REPORTS`](super::MOST_REPORTS).
    pub reports: Vec<ReportLine>,
    /// Those whose words or photos came before.
    pub twice: Vec<TwiceLine>,
    /// Mails that a person must decide.
    pub review: Vec<ReviewLine>,
    /// Mails that could not be read.
    pub unreadable: Vec<ReviewLine>,
    /// Mails that are no reports, since the last digest.
    pub set_aside: Vec<AsideLine>,
    /// Letters to units, since the last digest.
    pub letters: Vec<LetterLine>,
    /// Units that are behind and that no letter reaches: official names, with what they owe.
    pub telephone: Vec<String>,
    /// Units that are behind, but that a mail in review may be from: they are not reminded.
    pub held: Vec<String>,
    /// Links whose files have to be saved by hand.
    pub links: Vec<LinkLine>,
    /// What staff corrected since the last digest.
    pub changes: Vec<ChangeLine>,
    /// The whole campaign, once the summary's due is past.
    pub closing: Option<ClosingFacts>,
    /// One line a folder.
    pub ledger: Vec<LedgerLine>,
    /// What is wrong with the daemon itself, in words for staff.
    pub trouble: Vec<String>,
    /// The last poll that succeeded.
    pub last_poll: Option<Moment>,
}

/// A submission that arrived.
#[derive(Debug, Clone, Serialize)]
pub struct ReportLine {
    /// As corrections name it: the mail's number, and its place there where the mail has several.
    pub number: String,
    /// Official name.
    pub unit: String,
    /// What it is.
    #[serde(serialize_with = "in_chinese")]
    pub kind: Kind,
    /// Activity days, ascending.
    #[serde(serialize_with = "as_days")]
    pub days: Vec<NaiveDate>,
    /// By the server's clock.
    #[serde(serialize_with = "as_moment")]
    pub arrived: Moment,
    /// `None` where the kind has no daily due.
    pub on_time: Option<bool>,
    /// First line that reads as a title.
    pub title: String,
    /// The first lines of the text.
    pub lines: Vec<String>,
    /// File names.
    pub files: Vec<String>,
    /// Its files by media.
    #[serde(serialize_with = "as_words")]
    pub media: MediaCounts,
    /// Articles and large attachments.
    pub links: Vec<Link>,
    /// Whether it replaces an earlier submission.
    pub repeats: bool,
    /// Whether the day was inferred from the arrival or the pictures.
    pub day_inferred: bool,
    /// What is odd about it, in Chinese: words or photos that came with another report.
    pub notes: Vec<String>,
    /// What it breaks of the stated file formats, in Chinese.
    pub breaks: Vec<String>,
    /// Its first photos and videos, small.
    pub pictures: Vec<Picture>,
    /// Whether it is on the shortlist.
    pub starred: bool,
}

/// A submission that resembles others.
#[derive(Debug, Clone, Serialize)]
pub struct TwiceLine {
    /// As corrections name it.
    pub number: String,
    /// Official name.
    pub unit: String,
    /// What it resembles, a line each in Chinese.
    pub notes: Vec<String>,
}

/// A small JPEG of a photo or video.
#[derive(Debug, Clone, Serialize)]
pub struct Picture {
    /// ASCII, and its own within a letter.
    pub name: String,
    /// For who sees no pictures: what it is and its file's name.
    pub alt: String,
    /// Pixels as shown; the picture itself may have twice as many.
    pub width: u32,
    /// A JPEG.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// What closes the campaign.
#[derive(Debug, Clone)]
pub struct ClosingFacts {
    /// Totals.
    pub totals: Closing,
    /// Distinct photos and videos of all reports.
    pub photos: u64,
    /// See `photos`.
    pub videos: u64,
    /// Units whose summary lacks something, and what.
    pub lacking: Vec<(String, Vec<&'static str>)>,
    /// Cells of the statistics tables that staff should look at.
    pub doubts: Vec<Doubt>,
}

/// Files by media.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MediaCounts {
    pub photos: usize,
    pub videos: usize,
    pub documents: usize,
    pub others: usize,
}

/// A mail that needs a person.
#[derive(Debug, Clone, Serialize)]
pub struct ReviewLine {
    /// Mail id; `None` for a mail that the server lists but does not hand out.
    pub number: Option<i64>,
    /// Its subject.
    pub subject: String,
    /// Sender's address.
    pub from: String,
    /// By the server's clock.
    #[serde(serialize_with = "as_moment")]
    pub arrived: Moment,
    /// Why, in Chinese.
    pub reason: String,
    /// Units in question, likeliest first.
    pub candidates: Vec<String>,
    /// File names.
    pub files: Vec<String>,
}

/// A mail that is no report.
#[derive(Debug, Clone, Serialize)]
pub struct AsideLine {
    /// Its subject.
    pub subject: String,
    /// Sender's address.
    pub from: String,
    /// Why, in Chinese.
    pub reason: String,
}

/// A letter that went, or failed to go, to a unit.
#[derive(Debug, Clone, Serialize)]
pub struct LetterLine {
    /// Official name.
    pub unit: String,
    /// Whether the server took it.
    pub sent: bool,
    /// The server's word where it did not.
    pub answer: String,
    /// When.
    #[serde(serialize_with = "as_moment")]
    pub at: Moment,
}

/// A link whose files have to be saved by hand.
#[derive(Debug, Clone, Serialize)]
pub struct LinkLine {
    /// Official name.
    pub unit: String,
    /// Whose service, in Chinese.
    pub provider: String,
    /// As written in the mail.
    pub url: String,
    /// When the provider drops it.
    #[serde(serialize_with = "as_maybe_moment")]
    pub expires_at: Option<Moment>,
}

/// A correction by staff.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeLine {
    /// Its number, by which it is taken back; none of what is no correction (a pause, a choice).
    pub number: Option<i64>,
    /// Of a correction the mail or submission, as the digest numbers it; empty where the mail is not kept.
    pub target: String,
    /// The mail's subject.
    pub subject: String,
    /// What was decided, in Chinese.
    pub change: String,
    /// Who.
    pub by: String,
    /// When.
    #[serde(serialize_with = "as_moment")]
    pub at: Moment,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// The account of one folder: every mail on the server has one outcome.
#[derive(Debug, Clone, Serialize)]
pub struct LedgerLine {
    /// Decoded name.
    pub folder: String,
    /// Mails on the server.
    pub server: i64,
    /// Mails that carry reports.
    pub reports: i64,
    /// Mails that are no reports.
    pub not_report: i64,
    /// Mails that a person must decide.
    pub review: i64,
    /// Mails that could not be read.
    pub unreadable: i64,
    /// Mails that nothing explains.
    pub unexplained: i64,
}

impl FromIterator<Media> for MediaCounts {
    fn from_iter<I: IntoIterator<Item = Media>>(files: I) -> Self {
        let mut counts = Self::default();
        for media in files {
            match media {
                Media::Photo => counts.photos += 1,
                Media::Video => counts.videos += 1,
                Media::Document => counts.documents += 1,
                Media::Archive | Media::Other => counts.others += 1,
            }
        }
        counts
    }
}

impl MediaCounts {
    /// 照片3张、视频1个.
    pub fn chinese(self) -> String {
        let parts = [
            (self.photos, "照片", "张"),
            (self.videos, "视频", "个"),
            (self.documents, "文档", "份"),
            (self.others, "其他文件", "个"),
        ];
        let some = parts.iter().filter(|(count, ..)| *count > 0);
        let words = some.map(|(count, what, measure)| format!("{what}{count}{measure}"));
        words.collect::<Vec<_>>().join("、")
    }
}

fn in_chinese<S: Serializer>(kind: &Kind, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(kind.chinese())
}

fn as_days<S: Serializer>(days: &[NaiveDate], out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&words::days(days))
}

fn as_words<S: Serializer>(media: &MediaCounts, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&media.chinese())
}

fn as_moment<S: Serializer>(moment: &Moment, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&words::moment(*moment))
}

fn as_maybe_moment<S: Serializer>(moment: &Option<Moment>, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&moment.map(words::moment).unwrap_or_default())
}
