//! What is known from earlier mails when a mail is judged.

use super::{Flag, Kind, Rulings, Sketch, Submission};
use crate::campaign::Moment;
use anyhow::Result;
use chrono::NaiveDate;

/// An earlier submission, as far as judging a later one needs it.
#[derive(Debug, Clone)]
pub struct Earlier {
    /// Submission id.
    pub id: i64,
    /// Official name of its unit.
    pub unit: String,
    /// What it is.
    pub kind: Kind,
    /// Activity days, ascending.
    pub days: Vec<NaiveDate>,
    /// Arrival by the server's clock.
    pub arrived: Moment,
    /// Its text, for comparison.
    pub sketch: Sketch,
}

/// What earlier mails tell about this one.
pub struct Past<'a> {
    /// Units that staff said this address to be of.
    pub given_to_sender: Vec<String>,
    /// Units that earlier mails from this address plainly named.
    pub named_by_sender: Vec<String>,
    /// The latest submissions from this address, newest first, each with the subject of its mail.
    pub from_sender: Vec<(Earlier, String)>,
    /// The unit that our letter went to, where the mail answers one.
    pub answered: Option<String>,
    /// The earlier submissions of a unit, newest first.
    pub of_unit: &'a dyn Fn(&str) -> Result<Vec<Earlier>>,
    /// What of a submission was seen before: its text under another unit, its photos in another report.
    pub seen_before: &'a dyn Fn(&Submission) -> Result<Vec<Flag>>,
    /// What staff decided about this mail.
    pub rulings: Rulings,
}

impl Past<'static> {
    /// No earlier mail at all.
    pub fn none() -> Self {
        Self {
            given_to_sender: Vec::new(),
            named_by_sender: Vec::new(),
            from_sender: Vec::new(),
            answered: None,
            of_unit: &|_| Ok(Vec::new()),
            seen_before: &|_| Ok(Vec::new()),
            rulings: Rulings::default(),
        }
    }
}
