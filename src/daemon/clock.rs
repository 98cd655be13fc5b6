//! The moment to act as.

use crate::campaign::{CST, Moment};
use chrono::{TimeDelta, Utc};

/// The system's clock, or one set to another moment that runs on from there.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    offset: TimeDelta,
    fixed: bool,
    start: Moment,
}

impl Clock {
    /// Starting at `at`, else now. A `fixed` clock stands still.
    pub fn new(at: Option<Moment>, fixed: bool) -> Self {
        let system = Utc::now().with_timezone(&CST);
        let start = at.map_or(system, |at| at.with_timezone(&CST));
        Self {
            offset: start - system,
            fixed: fixed && at.is_some(),
            start,
        }
    }

    /// The moment, in China Standard Time.
    pub fn now(&self) -> Moment {
        if self.fixed {
            self.start
        } else {
            Utc::now().with_timezone(&CST) + self.offset
        }
    }
}
