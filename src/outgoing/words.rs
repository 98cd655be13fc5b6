//! Days, moments and lengths as a Chinese reader expects them.

use crate::campaign::{CST, Moment};
use chrono::{Datelike, NaiveDate, Timelike};

/// 5月24日.
pub fn day(day: NaiveDate) -> String {
    format!("{}月{}日", day.month(), day.day())
}

/// 2022年5月24日.
pub fn full_day(day: NaiveDate) -> String {
    format!("{}年{}", day.year(), self::day(day))
}

/// 5月24日 09:05.
pub fn moment(moment: Moment) -> String {
    let local = moment.with_timezone(&CST);
    let (hour, minute) = (local.hour(), local.minute());
    format!("{} {hour:02}:{minute:02}", day(local.date_naive()))
}

/// The day of a moment in China.
pub fn today(now: Moment) -> NaiveDate {
    now.with_timezone(&CST).date_naive()
}

/// 5月23日、24日; the month stands again where it changes.
pub fn days(days: &[NaiveDate]) -> String {
    let mut month = 0;
    let mut shown = Vec::new();
    for one in days {
        let same = one.month() == month;
        month = one.month();
        shown.push(if same {
            format!("{}日", one.day())
        } else {
            day(*one)
        });
    }
    shown.join("、")
}

/// The first characters of one line, with an ellipsis where something was cut.
pub fn cut(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most).chain(['…']).collect()
}
