//! Days as people write them: 5月24日, 5.24, 0524, 25、26日, 27-29日, 二十四日.

use super::normal::is_han;
use crate::campaign::Campaign;
use chrono::{Datelike, NaiveDate};
use regex::Regex;
use std::borrow::Cow;
use std::iter::successors;
use std::ops::Range;
use std::sync::LazyLock;

/// One expression of a day, or of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dates {
    /// Ascending, without doubles.
    pub days: Vec<NaiveDate>,
    /// Byte offset where it begins.
    pub start: usize,
    /// And ends.
    pub end: usize,
    /// With its month.
    pub full: bool,
}

static CHINESE: LazyLock<Regex> =
    LazyLock::new(|| regex("([一二三四五六七八九十]{1,3})(月|日|号)"));
/// 2022年5月24日, 5月24日, 2022-05-24, 5.24. Digits of other scripts, which `\d` knows, are no figures here.
static FULL: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?:(20[0-9]{2})[年./\-])?([0-9]{1,2})(月|[./\-])([0-9]{1,2})(日|号)?")
});
/// 24日, 25、26日, 27-29日.
static BARE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"([0-9]{1,2})(日|号|(?:[、,，和及至到~～—–\-]+[0-9]{1,2})+(?:日|号))"));
/// What may follow a day: 至26日, 、26日, -29日, 和6月1日, -5.26.
static MORE: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^(?:日|号)?([、,，和及]|至|到|-|—|–|~|～)+(?:([0-9]{1,2})[月.])?([0-9]{1,2})(日|号)?")
});
/// 0524, 20220524.
static COMPACT: LazyLock<Regex> = LazyLock::new(|| regex(r"[0-9]+"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// 二十四日 as 24日. Offsets of the result are its own.
pub fn arabic(text: &str) -> Cow<'_, str> {
    // Without a mark behind it no figure names a day. Of the three the first stands in most texts.
    if !["日", "月", "号"].iter().any(|mark| text.contains(*mark)) {
        return Cow::Borrowed(text);
    }
    CHINESE.replace_all(text, |found: &regex::Captures| {
        format!("{}{}", number(&found[1]), &found[2])
    })
}

fn number(chinese: &str) -> u32 {
    chinese.chars().fold(0, |sum, c| {
        let digit = "一二三四五六七八九"
            .chars()
            .position(|d| d == c)
            .map_or(0, |n| n as u32 + 1);
        match c {
            '十' => sum.max(1) * 10,
            _ => sum + digit,
        }
    })
}

/// Every day named in `text` (normal form, Arabic digits), in order. A month-less day takes the month before it,
/// else the campaign's; `compact` accepts 0524, as in file names.
pub fn dates(text: &str, campaign: &Campaign, compact: bool) -> Vec<Dates> {
    let stretches: Vec<Range<usize>> = stretches(text).collect();
    let full = full_dates(text, &stretches, campaign);
    let lone = stretches.iter().flat_map(|stretch| {
        let found = BARE.find_iter(&text[stretch.clone()]);
        found.map(|m| stretch.start + m.start()..stretch.start + m.end())
    });
    let lone = lone.filter_map(|place| {
        let before = before(&full, place.clone())?;
        let month = before.last().and_then(|dates| dates.days.last().copied());
        let free = !follows_digit(text, place.start);
        free.then(|| bare(&text[place.clone()], place.start, month, campaign))?
    });
    let mut found: Vec<Dates> = lone.chain(full.iter().cloned()).collect();
    found.sort_by_key(|dates| dates.start);
    if compact {
        let more = COMPACT.find_iter(text).filter_map(|m| {
            before(&found, m.range())?;
            Some(Dates {
                days: vec![compact_day(m.as_str(), campaign)?],
                start: m.start(),
                end: m.end(),
                full: true,
            })
        });
        let more: Vec<Dates> = more.collect();
        found.extend(more);
        found.sort_by_key(|dates| dates.start);
    }
    found
}

/// Those of `found`, which follow each other, that end before a place; `None` where one overlaps it.
fn before(found: &[Dates], place: Range<usize>) -> Option<&[Dates]> {
    let next = found.partition_point(|dates| dates.end <= place.start);
    let free = found.get(next).is_none_or(|dates| place.end <= dates.start);
    free.then(|| &found[..next])
}

/// Stretches from a figure on of nothing but figures and what may stand in a date, where something does: no date reaches
/// beyond one, and most of a text lies outside of them.
fn stretches(text: &str) -> impl Iterator<Item = Range<usize>> {
    let figure = |from: usize| {
        // Whole pieces first, which the compiler looks at at once.
        let none = |piece: &[u8]| !piece.iter().fold(false, |any, b| any | b.is_ascii_digit());
        let bytes = &text.as_bytes()[from..];
        let passed = 32
            * bytes
                .chunks_exact(32)
                .take_while(|piece| none(piece))
                .count();
        let at = bytes[passed..].iter().position(u8::is_ascii_digit);
        at.map(|at| from + passed + at)
    };
    let stretch = move |from: usize| {
        let start = figure(from)?;
        let beyond = |c: char| !(c.is_ascii_digit() || is_mark(c));
        let end = text[start..].find(beyond);
        Some(start..end.map_or(text.len(), |end| start + end))
    };
    let all = successors(stretch(0), move |last| stretch(last.end));
    all.filter(|stretch| {
        !text.as_bytes()[stretch.clone()]
            .iter()
            .all(u8::is_ascii_digit)
    })
}

/// What stands in `FULL` and `BARE` beside figures.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '年' | '月'
            | '日'
            | '号'
            | '.'
            | '/'
            | '-'
            | '、'
            | ','
            | '，'
            | '和'
            | '及'
            | '至'
            | '到'
            | '~'
            | '～'
            | '—'
            | '–'
    )
}

fn full_dates(text: &str, stretches: &[Range<usize>], campaign: &Campaign) -> Vec<Dates> {
    let mut found: Vec<Dates> = Vec::new();
    let all = stretches.iter().flat_map(|stretch| {
        let found = FULL.captures_iter(&text[stretch.clone()]);
        found.map(|captures| (stretch.start, captures))
    });
    for (offset, captures) in all {
        let (Some(whole), Some(month), Some(day)) =
            (captures.get(0), captures.get(2), captures.get(4))
        else {
            continue;
        };
        let whole = offset + whole.start()..offset + whole.end();
        let dotted = &captures[3] != "月";
        let taken = found.last().is_some_and(|dates| whole.start < dates.end);
        if taken || follows_digit(text, whole.start) || (dotted && !may_be_dotted(text, whole.end))
        {
            continue;
        }
        let year = captures.get(1).and_then(|year| year.as_str().parse().ok());
        let (month, day) = (parse(month.as_str()), parse(day.as_str()));
        if dotted
            && year.is_none()
            && !(campaign.first_day.month() - 1..=campaign.summary.due.month() + 1).contains(&month)
        {
            continue;
        }
        let Some(first) = day_of(year, month, day, campaign) else {
            continue;
        };
        let mut dates = Dates {
            days: vec![first],
            start: whole.start,
            end: whole.end,
            full: true,
        };
        extend(&mut dates, text, campaign);
        found.push(dates);
    }
    found
}

/// Takes in the rest of a list or a range: 至26日, 、26日.
fn extend(dates: &mut Dates, text: &str, campaign: &Campaign) {
    while let Some(more) = MORE.captures(&text[dates.end..]) {
        let last = dates.days[dates.days.len() - 1];
        let month = more
            .get(2)
            .map_or(last.month(), |month| parse(month.as_str()));
        let ranged = !"、,，和及".contains(&more[1]);
        // 5.24、3.5 names a number, 5.24-5.26 a range.
        if more[0].contains('.') && !ranged {
            return;
        }
        let closed = more.get(4).is_some()
            || ranged
                && !text[dates.end + more[0].len()..].starts_with(|c: char| c.is_ascii_digit());
        let Some(next) =
            day_of(None, month, parse(&more[3]), campaign).filter(|next| closed && *next > last)
        else {
            return;
        };
        match ranged {
            true => dates.days.extend(
                last.iter_days()
                    .skip(1)
                    .take_while(|day| *day <= next)
                    .take(31),
            ),
            false => dates.days.push(next),
        }
        dates.end += more[0].len();
    }
}

/// 24日, or 25、26日: numbers joined by marks.
fn bare(
    text: &str,
    start: usize,
    month_of: Option<NaiveDate>,
    campaign: &Campaign,
) -> Option<Dates> {
    let month = month_of.unwrap_or(campaign.first_day).month();
    let numbers: Vec<u32> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok())
        .collect();
    let ranged = text.contains(['至', '到', '~', '～', '—', '–', '-']);
    let near = |day: &NaiveDate| (*day - campaign.first_day).num_days().abs() <= 10;
    let days: Option<Vec<NaiveDate>> = numbers
        .iter()
        .map(|day| day_of(None, month, *day, campaign).filter(near))
        .collect();
    let mut days = days?;
    if let ([first, last], true) = (days.as_slice(), ranged) {
        days = first.iter_days().take_while(|day| day <= last).collect();
    }
    let ascending = days.windows(2).all(|pair| pair[0] < pair[1]);
    (ascending && !days.is_empty()).then(|| Dates {
        days,
        start,
        end: start + text.len(),
        full: false,
    })
}

fn compact_day(digits: &str, campaign: &Campaign) -> Option<NaiveDate> {
    let (year, rest) = match digits.len() {
        4 => (None, digits),
        8 if digits.starts_with("20") => (digits[..4].parse().ok(), &digits[4..]),
        _ => return None,
    };
    let day = day_of(year, parse(&rest[..2]), parse(&rest[2..]), campaign)?;
    ((day - campaign.first_day).num_days().abs() <= 30).then_some(day)
}

/// A day of another year that falls within the campaign is that day of this year: clerks reuse last year's file.
fn day_of(year: Option<i32>, month: u32, day: u32, campaign: &Campaign) -> Option<NaiveDate> {
    let this_year = NaiveDate::from_ymd_opt(campaign.first_day.year(), month, day)?;
    match year {
        Some(year) if year != this_year.year() => campaign.contains(this_year).then_some(this_year),
        _ => Some(this_year),
    }
}

fn parse(digits: &str) -> u32 {
    digits.parse().unwrap_or(0)
}

fn follows_digit(text: &str, start: usize) -> bool {
    text[..start].ends_with(|c: char| c.is_ascii_digit() || c == '.' || c == '〔')
}

/// 5.24, but not 5.24万 nor 5.24.3.
fn may_be_dotted(text: &str, end: usize) -> bool {
    let next = text[end..].chars().next();
    !next.is_some_and(|c| {
        c.is_ascii_digit()
            || "万亿%元米倍公吨.：:".contains(c)
            || c == '-' && !text[end..].starts_with("--")
    }) || next.is_some_and(|c| {
        c == '-'
            && text[end..].len() > 1
            && text[end + 1..].starts_with(|c: char| c.is_ascii_digit())
    })
}

/// Whether the date opens a sentence, a line or the text.
pub fn opens(text: &str, dates: &Dates) -> bool {
    let before = text[..dates.start].trim_end_matches(['(', '（', '【', '一', '、', '.', ' ']);
    !before
        .ends_with(|c: char| is_han(c) && c != '日' || c.is_alphanumeric() || c == '，' || c == ',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn days(text: &str) -> String {
        let normal = super::super::normal::normal(text);
        let text = arabic(&normal);
        let found = dates(&text, &Campaign::default(), true);
        let one = |d: &Dates| {
            d.days
                .iter()
                .map(|day| day.format("%m%d").to_string())
                .collect::<Vec<_>>()
                .join("+")
        };
        found.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_written_form_of_a_day_is_read() {
        for form in [
            "5月24日",
            "5.24",
            "05-24",
            "0524",
            "20220524",
            "５月２４日",
            "二十四日",
            "五月二十四日",
            "24日",
            "2022年5月24日",
            "2022-05-24",
            "2022.5.24",
            "5月24号",
        ] {
            assert_eq!(days(&format!("大连市{form}活动")), "0524", "{form}");
        }
    }

    #[test]
    fn lists_and_ranges_are_read_whole() {
        for (text, want) in [
            ("25、26日", "0525+0526"),
            ("27-29日活动", "0527+0528+0529"),
            ("5月25日至26日", "0525+0526"),
            ("5月25日、26日", "0525+0526"),
            ("5.25-5.26", "0525+0526"),
            ("5月28日-6月1日", "0528+0529+0530+0531+0601"),
        ] {
            assert_eq!(days(text).replace(' ', "+"), want, "{text}");
        }
    }

    #[test]
    fn numbers_that_are_no_days_are_left_alone() {
        for text in [
            "12.6万元",
            "辽教办〔2022〕97号",
            "5.24万人",
            "第3期",
            "13700005112",
            "1.1吨",
            "300人",
        ] {
            assert_eq!(days(text), "", "{text}");
        }
    }

    #[test]
    fn a_day_of_last_year_within_the_week_is_this_year_s() {
        assert_eq!(days("2021年5月24日"), "0524");
        assert_eq!(days("2019年3月1日"), "");
    }

    #[test]
    fn a_text_of_nothing_but_dates_takes_no_time() {
        let text = "5月24日，在24日；0524 ".repeat(20_000);
        assert_eq!(dates(&text, &Campaign::default(), true).len(), 60_000);
    }

    proptest! {
        #[test]
        fn no_date_reaches_beyond_its_stretch(text in "[0-9年月日号./、,，和至到~—–a校 -]{0,40}") {
            let stretches: Vec<Range<usize>> = stretches(&text).collect();
            let places = |pattern: &Regex| -> Vec<Range<usize>> {
                pattern.find_iter(&text).map(|m| m.range()).collect()
            };
            for (pattern, name) in [(&*FULL, "full"), (&*BARE, "bare")] {
                let inside = stretches.iter().flat_map(|stretch| {
                    let found = pattern.find_iter(&text[stretch.clone()]);
                    found.map(|m| stretch.start + m.start()..stretch.start + m.end())
                });
                prop_assert_eq!(inside.collect::<Vec<_>>(), places(pattern), "{}", name);
            }
        }
    }

    #[test]
    fn digits_of_other_scripts_are_no_figures() {
        for text in ["2٧1", "٠٥٢٤", "5月٢٤日", "٢٤日"] {
            assert_eq!(days(text), "", "{text}");
        }
        assert_eq!(days("٢ 0524"), "0524");
    }
}
