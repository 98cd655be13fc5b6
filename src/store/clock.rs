//! A clock that ran ahead and was set right.

use super::Store;
use crate::campaign::Moment;
use anyhow::Result;

/// What was noted under the future clock happened by now at the latest. How long ago a folder was polled or compared
/// is not known then: that counts as never.
const SET_BACK: [&str; 6] = [
    "UPDATE attempts SET at = ?1 WHERE at > ?1",
    "UPDATE letters SET due_at = ?1 WHERE state IN ('queued', 'sending') AND changed_at > ?1",
    "UPDATE letters SET changed_at = ?1 WHERE changed_at > ?1",
    "UPDATE cursors SET polled_at = iif(polled_at > ?1, 0, polled_at),
         compared_at = iif(compared_at > ?1, 0, compared_at) WHERE max(polled_at, compared_at) > ?1",
    "UPDATE alarms SET since = min(since, ?1), seen_at = min(seen_at, ?1), cleared_at = min(cleared_at, ?1)
         WHERE max(since, seen_at, coalesce(cleared_at, 0)) > ?1",
    "UPDATE troubles SET since = ?1 WHERE since > ?1",
];

impl Store {
    /// Leaves no moment of our own clock after `now`, lest letters, polls and alarms wait until it comes again.
    /// Arrivals are the server's and stay.
    pub fn set_back_to(&mut self, now: Moment) -> Result<()> {
        let transaction = self.transaction()?;
        for update in SET_BACK {
            transaction
                .prepare_cached(update)?
                .execute([now.timestamp()])?;
        }
        Ok(transaction.commit()?)
    }
}
