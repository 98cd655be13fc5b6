//! What was decided about a mail, and why.

use super::Print;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// The one outcome of a mail (rules.md, "What one mail yields").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Outcome {
    Reports,
    NotReport,
    Review,
    Unreadable,
}

/// What a submission is (rules.md, "Kinds").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Kind {
    Plan,
    Daily,
    Case,
    Summary,
    Statistics,
    Supplement,
}

impl Kind {
    /// The notice's own word for it.
    pub fn chinese(self) -> &'static str {
        match self {
            Self::Plan => "实施方案",
            Self::Daily => "每日活动情况",
            Self::Case => "典型案例",
            Self::Summary => "总结",
            Self::Statistics => "情况统计表",
            Self::Supplement => "补充材料",
        }
    }

    /// Whether it counts toward the quota.
    pub fn counts(self) -> bool {
        matches!(self, Self::Daily | Self::Case)
    }
}

/// What a piece of evidence speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum About {
    Unit,
    Day,
    Kind,
}

/// Something seen that speaks for a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Of which decision.
    pub about: About,
    /// Name of the rule, e.g. `full_name`, `district`, `yesterday`.
    pub rule: String,
    /// Where it stood, e.g. `subject`, `signature`.
    #[serde(rename = "where")]
    pub place: String,
    /// The words themselves.
    pub seen: String,
    /// How much it weighs for a unit (docs/evidence.md); 0 for what is not weighed.
    #[serde(default)]
    pub weight: u32,
}

/// A unit that something speaks for, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weighed {
    /// Place in the mail of the submission in question.
    pub ordinal: usize,
    /// Official name.
    pub unit: String,
    /// Sum of the evidence.
    pub weight: u32,
    /// Heaviest first.
    pub evidence: Vec<Evidence>,
}

/// Something odd about a submission that staff should know; it decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// What.
    pub what: FlagKind,
    /// Submission (its id) that it resembles.
    pub submission: i64,
    /// Official name of that submission's unit.
    pub unit: String,
    /// Name of the photo here, or the title of the text there.
    pub seen: String,
}

/// What may be odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagKind {
    /// The text nearly equals one of another unit.
    TextOfOther,
    /// The photo came with another report before.
    PhotoSeen,
}

/// One submission of a mail, as judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// Its place in the mail; there may be gaps.
    pub ordinal: usize,
    /// What it is.
    pub kind: Kind,
    /// Official name of the unit; of a city, its education bureau.
    pub unit: String,
    /// Activity days, ascending; empty where the kind has none.
    pub days: Vec<NaiveDate>,
    /// Whether the day rests on the arrival or the pictures alone.
    pub day_inferred: bool,
    /// Earlier submission (its id) that this one replaces.
    pub repeats: Option<i64>,
    /// First line that reads as a title.
    pub title: String,
    /// Its whole text.
    pub text: String,
    /// Indices into the mail's files.
    pub files: Vec<usize>,
    /// Indices into the mail's links.
    pub links: Vec<usize>,
    /// Why.
    pub evidence: Vec<Evidence>,
    /// What is odd about it.
    pub flags: Vec<Flag>,
    /// Of its text; of a verdict that was read back there is none.
    #[serde(skip)]
    pub print: Print,
}

/// What was decided about one mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Exactly one.
    pub outcome: Outcome,
    /// Why, in Chinese, for staff.
    pub reason: String,
    /// Official names of the units in question, likeliest first.
    pub candidates: Vec<String>,
    /// The units that something speaks for, of each submission the heaviest first: the taken one and the runners-up.
    pub weighed: Vec<Weighed>,
    /// Whether the content itself named its unit, so that the address can be remembered for it.
    pub plainly_named: bool,
    /// Empty unless the outcome is `Reports`.
    pub submissions: Vec<Submission>,
}

impl Verdict {
    /// Set aside, for a reason in Chinese.
    pub fn not_report(reason: &str) -> Self {
        Self::bare(Outcome::NotReport, reason)
    }

    /// For a person to decide, for a reason in Chinese.
    pub fn review(reason: &str) -> Self {
        Self::bare(Outcome::Review, reason)
    }

    fn bare(outcome: Outcome, reason: &str) -> Self {
        Self {
            outcome,
            reason: reason.into(),
            candidates: Vec::new(),
            weighed: Vec::new(),
            plainly_named: false,
            submissions: Vec::new(),
        }
    }
}
