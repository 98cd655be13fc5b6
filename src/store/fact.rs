//! The plain rows: what waits to be judged, and the fact that standings are computed from.

use crate::attribution::{Kind, Verdict, Words};
use crate::campaign::Moment;
use crate::message::Content;
use anyhow::Result;
use chrono::NaiveDate;

/// One submission that stands, corrections applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Submission id.
    pub id: i64,
    /// The mail that carried it.
    pub mail: i64,
    /// Official name of the unit.
    pub unit: String,
    /// What it is.
    pub kind: Kind,
    /// Activity days, ascending.
    pub days: Vec<NaiveDate>,
    /// Arrival by the server's clock.
    pub arrived: Moment,
    /// The earlier submission that it replaces.
    pub repeats: Option<i64>,
}

/// A mail that waits to be judged.
#[derive(Debug)]
pub struct Unjudged {
    /// Row id.
    pub id: i64,
    /// Of its bytes.
    pub sha256: String,
    /// By the server's clock.
    pub received_at: Moment,
    /// What was read from it.
    pub content: Content,
    /// What its words say, where that was found out already.
    pub words: Option<Words>,
    /// Whether it was taken as an answer of staff to a letter of ours.
    pub is_reply: bool,
    /// Whether it was just kept: nothing rests on an earlier verdict.
    pub is_new: bool,
    /// What it came to when it was judged before, as `came_to` puts it; empty where it never was.
    pub stood: String,
}

impl Unjudged {
    /// Whether the mail was never judged before, or comes to something else now.
    ///
    /// # Errors
    /// None that can happen.
    pub fn is_news(&self, verdict: &Verdict) -> Result<bool> {
        Ok(self.stood != Self::came_to(verdict)?)
    }

    /// The reason, and a line for each submission.
    fn came_to(verdict: &Verdict) -> Result<String> {
        let mut all = verdict.reason.clone();
        for submission in &verdict.submissions {
            let (kind, days) = (
                super::name(submission.kind)?,
                super::json(&submission.days)?,
            );
            all += &format!("\n{kind} {} {days}", submission.unit);
        }
        Ok(all)
    }
}
