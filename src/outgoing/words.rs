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

/// `cut`, with places where a narrow screen may break what is long and has no blank: addresses and file names.
/// Outlook knows no CSS for it.
pub fn fit(text: &str, most: usize) -> String {
    const LONG: usize = 24;
    let mut out = String::new();
    let mut run = 0;
    for c in cut(text, most).chars() {
        run = if c.is_ascii_graphic() { run + 1 } else { 0 };
        out.push(c);
        if run >= LONG || run > 8 && "@/_-.".contains(c) {
            out.push('\u{200B}');
            run = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_may_break_and_short_ones_stay_whole() {
        assert_eq!(fit("照片1.jpg 12 铁岭市", 40), "照片1.jpg 12 铁岭市");
        assert_eq!(
            fit("zhangsan2022@university.example.cn", 80),
            "zhangsan2022@\u{200B}university.\u{200B}example.cn"
        );
        assert!(fit(&"a".repeat(60), 80).matches('\u{200B}').count() == 2);
    }
}
