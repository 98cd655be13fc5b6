//! A campaign played through on local mails: every letter that would leave, and none does.

use super::lists::moment_zero;
use super::{Daemon, progress};
use crate::campaign::{Moment, in_china};
use crate::store::{LetterRow, Place};
use anyhow::Result;
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use std::path::PathBuf;

/// Between two passes.
const STEP: TimeDelta = TimeDelta::minutes(30);
/// The folder in which the rehearsal's mails arrive.
const FOLDER: &str = "INBOX";
const UIDVALIDITY: u32 = 1;

impl Daemon {
    /// Takes in the mails under `paths`, and lets each arrive at its time between the first moment of `from` and the
    /// last of `to`, with a pass every half hour. Gives the letters that left, in their order.
    ///
    /// The data directory must be new, and `outgoing.transport` must be `files`.
    pub async fn rehearse(
        &mut self,
        paths: &[PathBuf],
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Vec<LetterRow>> {
        self.keep(paths, Self::take_in)?;
        let (mut now, end) = (start_of(from), start_of(to) + TimeDelta::days(1));
        let bar =
            progress::of_mails(((end - now).num_minutes() / STEP.num_minutes()).max(0) as usize);
        while now < end {
            let arrived = self.store.unjudged(usize::MAX, Some(now))?;
            for mail in &arrived {
                let uid = u32::try_from(mail.id).unwrap_or(u32::MAX);
                let place = Place {
                    folder: FOLDER.into(),
                    uidvalidity: UIDVALIDITY,
                    uid,
                };
                self.store.arrived(&place, mail.id, mail.received_at)?;
            }
            let count = self.store.present(FOLDER, UIDVALIDITY)?;
            self.store.opened(FOLDER, UIDVALIDITY, count)?;
            self.store.polled(now)?;
            self.judge_until(Some(now))?;
            self.carry_out_replies(now)?;
            self.note_bounces(now)?;
            self.decide(now)?;
            self.send(now).await?;
            now += STEP;
            bar.inc(1);
        }
        let mut letters = self.store.letters_between(moment_zero(), end)?;
        // What was never composed has no subject, and never left.
        letters.retain(|letter| !letter.subject.is_empty());
        Ok(letters)
    }
}

fn start_of(day: NaiveDate) -> Moment {
    in_china(day.and_time(NaiveTime::MIN))
}
