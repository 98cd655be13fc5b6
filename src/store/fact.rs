//! The plain rows: what waits to be judged, and the fact that standings are computed from.

use crate::attribution::Kind;
use crate::campaign::Moment;
use crate::message::Content;
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
    /// By the server's clock.
    pub received_at: Moment,
    /// What was read from it.
    pub content: Content,
    /// Whether it was taken as an answer of staff to a letter of ours.
    pub is_reply: bool,
}
