//! How many letters may leave, and when: what a server such as 163.com bears, and what is decent toward those who read.

use crate::campaign::{CST, Moment, in_china};
use chrono::{Datelike, NaiveTime, TimeDelta, Timelike, Weekday};

/// The most letters that are offered to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Within any 60 seconds.
    pub a_minute: u32,
    /// Within any 60 minutes.
    pub an_hour: u32,
    /// Within any 24 hours.
    pub a_day: u32,
}

impl Pace {
    /// How many more may be offered at `now`, after those offered at the moments of `before`.
    pub fn left(self, before: &[Moment], now: Moment) -> u32 {
        let left = |most: u32, within: TimeDelta| {
            let recent = before.iter().filter(|at| now - **at < within).count();
            most.saturating_sub(u32::try_from(recent).unwrap_or(u32::MAX))
        };
        left(self.a_minute, TimeDelta::minutes(1))
            .min(left(self.an_hour, TimeDelta::hours(1)))
            .min(left(self.a_day, TimeDelta::days(1)))
    }
}

/// Hours in which units are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// From this time of day, China Standard Time.
    pub from: NaiveTime,
    /// Until this one; may lie on the next day. The same as `from`: no quiet hours.
    pub until: NaiveTime,
    /// Whether Saturdays and Sundays are quiet as a whole.
    pub weekends: bool,
}

impl Quiet {
    /// Whether units are left alone at `now`.
    pub fn holds(self, now: Moment) -> bool {
        let now = now.with_timezone(&CST);
        let time = now.time().with_nanosecond(0).unwrap_or_default();
        let within = if self.from <= self.until {
            (self.from..self.until).contains(&time)
        } else {
            time >= self.from || time < self.until
        };
        within || self.weekends && matches!(now.weekday(), Weekday::Sat | Weekday::Sun)
    }

    /// Where units are left alone at `now`: until when.
    pub fn end(self, now: Moment) -> Option<Moment> {
        if !self.holds(now) {
            return None;
        }
        let days = now.with_timezone(&CST).date_naive().iter_days().take(9);
        let ends = days
            .flat_map(|day| [NaiveTime::MIN, self.until].map(|time| in_china(day.and_time(time))));
        ends.into_iter().find(|end| *end > now && !self.holds(*end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;
    use proptest::prelude::*;

    fn at(day: u32, hour: u32, minute: u32) -> Moment {
        CST.with_ymd_and_hms(2022, 5, day, hour, minute, 0).unwrap()
    }

    fn time(hour: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, 0, 0).unwrap()
    }

    #[test]
    fn the_end_of_a_quiet_time_is_known() {
        let mut quiet = Quiet {
            from: time(20),
            until: time(8),
            weekends: true,
        };
        assert_eq!(quiet.end(at(24, 12, 0)), None);
        assert_eq!(quiet.end(at(24, 21, 0)), Some(at(25, 8, 0)));
        assert_eq!(quiet.end(at(25, 7, 59)), Some(at(25, 8, 0)));
        // 27 May 2022 is a Friday.
        assert_eq!(quiet.end(at(27, 20, 0)), Some(at(30, 8, 0)));
        (quiet.from, quiet.until) = (time(8), time(8));
        assert_eq!(quiet.end(at(28, 12, 0)), Some(at(30, 0, 0)));
    }

    #[test]
    fn the_night_is_quiet_and_the_weekend_where_it_is_set_so() {
        let night = Quiet {
            from: time(20),
            until: time(8),
            weekends: false,
        };
        let quiet: Vec<bool> = [7, 8, 12, 19, 20, 23, 0]
            .map(|hour| night.holds(at(24, hour, 0)))
            .to_vec();
        assert_eq!(quiet, [true, false, false, false, true, true, true]);
        // 28 May 2022 is a Saturday.
        assert!(
            !night.holds(at(28, 12, 0))
                && Quiet {
                    weekends: true,
                    ..night
                }
                .holds(at(28, 12, 0))
        );
        let never = Quiet {
            from: time(0),
            until: time(0),
            weekends: false,
        };
        assert!(!never.holds(at(24, 0, 0)) && !never.holds(at(24, 12, 0)));
    }

    #[test]
    fn the_shortest_of_minute_hour_and_day_decides() {
        let pace = Pace {
            a_minute: 2,
            an_hour: 3,
            a_day: 10,
        };
        let now = at(24, 12, 0);
        assert_eq!(pace.left(&[], now), 2);
        assert_eq!(pace.left(&[now], now), 1);
        assert_eq!(
            pace.left(&[at(24, 11, 30), at(24, 11, 31), at(24, 11, 32)], now),
            0
        );
        assert_eq!(pace.left(&[at(24, 11, 0)], now), 2, "an hour ago is past");
    }

    proptest! {
        #[test]
        fn whoever_heeds_it_never_exceeds_a_limit_in_any_window(steps in prop::collection::vec(0..1800i64, 1..120)) {
            let pace = Pace { a_minute: 3, an_hour: 7, a_day: 20 };
            let (mut now, mut sent) = (at(1, 0, 0), Vec::new());
            for step in steps {
                now += TimeDelta::seconds(step);
                for _ in 0..pace.left(&sent, now) {
                    sent.push(now);
                }
                for (most, within) in [(3, 60), (7, 3600), (20, 86_400)] {
                    let recent = sent.iter().filter(|at| now - **at < TimeDelta::seconds(within)).count();
                    prop_assert!(recent <= most);
                }
            }
        }
    }
}
