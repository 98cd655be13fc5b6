//! Dates as clerks' programs write them.

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use regex::{Captures, Regex};
use unicode_normalization::UnicodeNormalization;

use super::encoded_word;

/// China has one zone and no summer time.
pub fn china() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).expect("eight hours are within a day")
}

/// A moment as China's clocks show it; none beyond the year 9999, which neither RFC 3339 nor staff can read.
pub fn in_china(moment: DateTime<impl TimeZone>) -> Option<DateTime<FixedOffset>> {
    let moment = moment.with_timezone(&china());
    (1..=9999).contains(&moment.year()).then_some(moment)
}

/// A regular expression of this stage, which is fixed at compile time.
pub fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("the pattern is a constant")
}

static YEAR_FIRST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})"));
static DAY_FIRST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(\d{1,2})[\s-]+([a-z]{3,9}|\d{1,2}月|[一二三四五六七八九十]{1,3}月)\.?[\s-]+(\d{2,4})\b",
    )
});
static MONTH_FIRST: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\b([a-z]{3,9})\.?\s+(\d{1,2})\b(.*)"));
static YEAR: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b((?:19|20)\d{2})\b"));
static TIME: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(\d{1,2})\s*[:时点]\s*(\d{1,2})(?:\s*[:分]\s*(\d{1,2}))?"));
static ZONE: LazyLock<Regex> = LazyLock::new(|| pattern(r"([+-])(\d{1,2}):?(\d{2})\b"));
static COMMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"\([^()]*\)"));
static AFTERNOON: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bpm\b|下午|晚上|傍晚"));
static MORNING: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bam\b|上午|凌晨|早上"));

/// Reads a date of any of the spellings seen in mails; one without a zone, or in CST, is China's.
pub fn parse(text: &str) -> Option<DateTime<FixedOffset>> {
    as_stated(text).or_else(|| of_any_spelling(text))
}

/// As RFC 5322 section 3.3 has it, with its zone in figures and no comment: nearly all are written so. What could be read
/// otherwise is not.
fn as_stated(text: &str) -> Option<DateTime<FixedOffset>> {
    let (before, zone) = text.rsplit_once(' ')?;
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let zoned = zone.len() == 5 && zone.starts_with(['+', '-']) && is_number(&zone[1..]);
    let dated = before
        .split(' ')
        .any(|word| word.len() == 4 && is_number(word));
    if !zoned || !dated || text.contains('(') {
        return None;
    }
    let moment = DateTime::parse_from_rfc2822(text).ok()?;
    let leaps = moment.timestamp_subsec_nanos() > 0;
    let earthly = moment.offset().local_minus_utc().abs() <= 14 * 3600;
    (earthly && !leaps && moment.year() >= 2000).then_some(moment)
}

fn of_any_spelling(text: &str) -> Option<DateTime<FixedOffset>> {
    let text = text.nfkc().collect::<String>().to_lowercase();
    let text = COMMENT.replace_all(&text, " ");
    let day = day(&text)?;
    let Some(found) = TIME.captures(&text) else {
        return local(day.and_time(NaiveTime::MIN), china());
    };
    let after = &text[found.get(0)?.end()..];
    local(day.and_time(time(&found, &text)?), zone(after))
}

/// As [`parse`], for a raw header.
pub fn parse_header(raw: &[u8]) -> Option<DateTime<FixedOffset>> {
    parse(&encoded_word::decode(raw))
}

/// When the server took the mail: the part of a Received header behind its last semicolon.
pub fn of_received(raw: &[u8]) -> Option<DateTime<FixedOffset>> {
    let at = raw.iter().rposition(|&b| b == b';')?;
    parse_header(&raw[at + 1..])
}

fn local(moment: NaiveDateTime, zone: FixedOffset) -> Option<DateTime<FixedOffset>> {
    zone.from_local_datetime(&moment).single()
}

fn day(text: &str) -> Option<NaiveDate> {
    if let Some(found) = YEAR_FIRST.captures(text) {
        return NaiveDate::from_ymd_opt(
            found[1].parse().ok()?,
            found[2].parse().ok()?,
            found[3].parse().ok()?,
        );
    }
    if let Some(found) = DAY_FIRST.captures(text)
        && let Some(month) = month(&found[2])
    {
        return NaiveDate::from_ymd_opt(
            full_year(found[3].parse().ok()?),
            month,
            found[1].parse().ok()?,
        );
    }
    let found = MONTH_FIRST
        .captures_iter(text)
        .find(|found| month(&found[1]).is_some())?;
    let year = YEAR.captures(&found[3])?;
    NaiveDate::from_ymd_opt(
        year[1].parse().ok()?,
        month(&found[1])?,
        found[2].parse().ok()?,
    )
}

fn full_year(year: i32) -> i32 {
    if year < 100 { 2000 + year } else { year }
}

fn month(name: &str) -> Option<u32> {
    const LATIN: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    const HAN: [&str; 12] = [
        "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二",
    ];
    let number = |at: usize| at as u32 + 1;
    match name.strip_suffix('月') {
        Some(han) => han
            .parse()
            .ok()
            .or_else(|| HAN.iter().position(|own| *own == han).map(number)),
        None => LATIN
            .iter()
            .position(|own| name.starts_with(own))
            .map(number),
    }
}

fn time(found: &Captures, text: &str) -> Option<NaiveTime> {
    let number = |at| {
        found
            .get(at)
            .map_or(Some(0), |digits| digits.as_str().parse::<u32>().ok())
    };
    let hour = match number(1)? {
        hour @ 1..=11 if AFTERNOON.is_match(text) => hour + 12,
        12 if MORNING.is_match(text) => 0,
        hour => hour,
    };
    NaiveTime::from_hms_opt(hour, number(2)?, number(3)?.min(59))
}

/// `CST` is China's here, never Chicago's; an offset beyond the Earth's is none.
fn zone(after: &str) -> FixedOffset {
    if let Some(found) = ZONE.captures(after) {
        let seconds = found[2].parse().unwrap_or(99) * 3600 + found[3].parse().unwrap_or(0) * 60;
        let signed = if &found[1] == "-" { -seconds } else { seconds };
        return FixedOffset::east_opt(signed)
            .filter(|_| seconds <= 14 * 3600)
            .unwrap_or_else(china);
    }
    let word = after.trim_start_matches(|c: char| !c.is_alphabetic());
    let word: String = word.chars().take_while(char::is_ascii_alphabetic).collect();
    let hours = match word.as_str() {
        "gmt" | "utc" | "ut" | "z" => 0,
        "est" => -5,
        "edt" => -4,
        "pst" => -8,
        "pdt" => -7,
        "jst" => 9,
        _ => 8,
    };
    FixedOffset::east_opt(hours * 3600).unwrap_or_else(china)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_the_standard_has_is_read_alike_both_ways(
            seconds in 946_800_000..4_102_444_800_i64, zone in -15..=15, minutes in 0..4, weekday in any::<bool>(), end in "|Z| \\(CST\\)| CST \\(GMT \\+800\\)",
        ) {
            let zone = FixedOffset::east_opt(zone * 3600 + minutes * 900).unwrap();
            let moment = DateTime::from_timestamp(seconds, 0).unwrap().with_timezone(&zone);
            let form = if weekday { "%a, %d %b %Y %H:%M:%S %z" } else { "%-d %b %Y %H:%M %z" };
            let text = moment.format(form).to_string() + &end;
            let plain = end.is_empty() && zone.local_minus_utc().abs() <= 14 * 3600;
            prop_assert_eq!(as_stated(&text).is_some(), plain, "{}", text);
            if let Some(read) = as_stated(&text) {
                prop_assert_eq!(Some(read), of_any_spelling(&text), "{}", text);
            }
        }
    }

    #[test]
    fn what_the_standard_s_reader_takes_otherwise_is_read_as_any_spelling() {
        for text in [
            "Mon, 23 May 2022 10:00:00 CST (GMT +800)",
            "Mon, 23 May 2022 10:00:00 MDT (GMT -600)",
            "Mon, 23 May 122 10:00:00 +0800",
            "23 May 2022 23:59:60 +0800",
            "23 May 2022 10:00:00 +1500",
        ] {
            assert_eq!(as_stated(text), None, "{text}");
            assert_eq!(parse(text), of_any_spelling(text), "{text}");
        }
        let unknown = "23 May 2022 10:00:00 -0000";
        assert_eq!(as_stated(unknown), of_any_spelling(unknown));
    }

    #[test]
    fn every_spelling_of_one_moment_is_read() {
        for text in [
            "Mon, 2 Nov 2026 18:30:00 +0800",
            "Mon, 2 Nov 2026 18:30:00 +0800 (CST)",
            "2 Nov 2026 18:30:00 +08:00 (中国标准时间)",
            "2 Nov 26 18:30 +0800",
            "2 Nov 2026 18:30:00+0800",
            "周一, 02 11月 2026 18:30:00 +0800",
            "2 Nov 2026 18:30:00 CST",
            "Mon, 2 Nov 2026 18:30:00 GMT+08:00",
            "2 Nov 2026 10:30:00 GMT",
            "2026-11-02T10:30:00Z",
            "2 Nov 2026 18:30:00",
            "2026-11-02 18:30:00",
            "2026-11-02T18:30:00+08:00",
            "2026/11/2 18:30",
            "02-Nov-2026 18:30:00",
            "Mon Nov  2 18:30:00 2026",
            "Mon Nov 2 18:30:00 CST 2026",
            "2 November 2026 18:30",
            "November 2, 2026 at 6:30 PM",
            "2026年11月2日 18:30",
            "2026年11月2日(星期一) 下午6:30",
            "2026年11月2日 18时30分",
            "２０２６年１１月２日 １８：３０",
            "星期一, 2 十一月 2026 18:30",
            "2 Nov 2026 6:30:00 PM +0800",
            "2 Nov 2026 18:30:00 +9999",
        ] {
            let read = parse(text).map(|moment| moment.with_timezone(&china()).to_rfc3339());
            assert_eq!(read.as_deref(), Some("2026-11-02T18:30:00+08:00"), "{text}");
        }
    }

    #[test]
    fn an_encoded_word_in_the_date_is_read() {
        assert!(parse_header(b"=?utf-8?Q?2026=E5=B9=B411=E6=9C=882=E6=97=A5?= 18:30").is_some());
    }

    #[test]
    fn a_day_that_never_was_is_no_date() {
        for text in [
            "32 Nov 2026 25:61",
            "29 Feb 2026 10:00:00 +0800",
            "2 Nov 2026 25:61",
            "",
            "soon",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_moment_of_receipt_stands_behind_the_last_semicolon() {
        let raw =
            b"from x (y; z) by mx9 with SMTP id 1;\r\n\tWed, 27 Apr 2022 09:05:00 +0800 (CST)";
        assert_eq!(
            of_received(raw).unwrap().to_rfc3339(),
            "2022-04-27T09:05:00+08:00"
        );
    }
}
