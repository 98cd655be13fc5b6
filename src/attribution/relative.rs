//! Days that words name by their distance: 昨日, 今天, 周三, 第二天.

use super::signs::Signs;
use crate::campaign::{Campaign, Moment};
use chrono::{Datelike, Days, NaiveDate, Timelike, Weekday};
use memchr::memmem;
use std::sync::LazyLock;

const BEFORE_YESTERDAY: [&str; 2] = ["前天", "前日"];
const YESTERDAY: [&str; 5] = ["昨日", "昨天", "昨晚", "昨上午", "昨下午"];
const TODAY: [&str; 7] = ["今日", "今天", "今晨", "今早", "今晚", "今上午", "今下午"];
const FIRST: &str = "首日";
const LAST: [&str; 2] = ["最后一天", "最后一日"];
const NTH: &str = "第";
const WEEK: [&str; 3] = ["星期", "礼拜", "周"];
const WEEKDAYS: [(&str, Weekday); 8] = [
    ("一", Weekday::Mon),
    ("二", Weekday::Tue),
    ("三", Weekday::Wed),
    ("四", Weekday::Thu),
    ("五", Weekday::Fri),
    ("六", Weekday::Sat),
    ("日", Weekday::Sun),
    ("天", Weekday::Sun),
];

/// One of these is in each of them: most texts have none.
static SIGNS: LazyLock<Signs> = LazyLock::new(|| {
    let weekdays = WEEK.iter().flat_map(|week| {
        let named = WEEKDAYS
            .iter()
            .map(move |(name, _)| format!("{week}{name}"));
        named.collect::<Vec<_>>()
    });
    let words = BEFORE_YESTERDAY
        .iter()
        .chain(&["昨", "今", "最后一", FIRST, NTH])
        .map(|word| (*word).to_owned());
    Signs::of(words.chain(weekdays))
});

/// The day that the first such word of `text` (normal form) names: day, rule, word.
pub fn relative_day(
    text: &str,
    base: Moment,
    campaign: &Campaign,
) -> Option<(NaiveDate, &'static str, &'static str)> {
    if !SIGNS.stand_in(text) {
        return None;
    }
    let today = base.date_naive();
    if let Some(word) = BEFORE_YESTERDAY.iter().find(|word| text.contains(*word)) {
        return Some((today - Days::new(2), "day_before_yesterday", word));
    }
    if let Some(word) = YESTERDAY.iter().find(|word| tells(text, word).is_some()) {
        return Some((today - Days::new(1), "yesterday", word));
    }
    if let Some((day, word)) = weekday(text, campaign).or_else(|| ordinal(text, campaign)) {
        return Some((day, "day_of_week", word));
    }
    let (at, word) = TODAY
        .iter()
        .find_map(|word| Some((tells(text, word)?, *word)))?;
    let early = is_to_come(&text[at..], base);
    let day = if early { today - Days::new(1) } else { today };
    Some((day, "today", word))
}

/// 今天下午, written at 00:20, is yesterday's.
fn is_to_come(from: &str, base: Moment) -> bool {
    let has = |word: &str| from.chars().take(5).collect::<String>().contains(word);
    let begins = if has("晚") {
        17
    } else if has("下午") {
        12
    } else if has("中午") {
        11
    } else {
        5
    };
    base.hour() < begins
}

/// Where `word` stands first, if it tells when something happened; 昨天发的, 今日补报 tell when a mail was sent.
fn tells(text: &str, word: &str) -> Option<usize> {
    const SENT: [&str; 10] = [
        "发",
        "报",
        "补",
        "寄",
        "提交",
        "漏",
        "上报",
        "的稿",
        "的信息",
        "才",
    ];
    let at = text.find(word)?;
    let rest = &text[at + word.len()..];
    let sent = SENT.iter().any(|sent| rest.starts_with(sent)) && !rest.starts_with("发生");
    (!sent).then_some(at)
}

fn weekday(text: &str, campaign: &Campaign) -> Option<(NaiveDate, &'static str)> {
    WEEK.iter().find_map(|prefix| {
        let names = following(text, prefix);
        let named = WEEKDAYS.iter().filter(|(name, _)| names.contains(name));
        named.into_iter().find_map(|(name, weekday)| {
            let word = format!("{prefix}{name}");
            let told = |(at, _): &(usize, &str)| {
                let (before, rest) = (&text[..*at], &text[at + word.len()..]);
                // 一周年, 四周岁, 每周三; 活动周三项赛事, 活动周日报.
                let other = rest.starts_with(['期', '年', '岁', '天'])
                    || before.ends_with(['四', '每', '一'])
                    || before.ends_with("活动");
                *prefix != "周" || !other
            };
            text.match_indices(&word).find(told)?;
            let day = campaign.days().find(|day| day.weekday() == *weekday)?;
            Some((day, *prefix))
        })
    })
}

/// The characters that stand behind `prefix` somewhere, as one text.
fn following(text: &str, prefix: &str) -> String {
    memmem::find_iter(text.as_bytes(), prefix)
        .filter_map(|at| text[at + prefix.len()..].chars().next())
        .collect()
}

/// 首日, 第二天, 第3日, 最后一天 of the week.
fn ordinal(text: &str, campaign: &Campaign) -> Option<(NaiveDate, &'static str)> {
    let last = campaign.days().count() as u32;
    if text.contains(FIRST) {
        return Some((campaign.nth_day(1)?, FIRST));
    }
    if let Some(word) = LAST.iter().find(|word| text.contains(*word)) {
        return Some((campaign.nth_day(last)?, word));
    }
    let nths = memmem::find_iter(text.as_bytes(), NTH);
    let numbers = nths.filter_map(|at| numbered(&text[at + NTH.len()..]));
    let n = numbers.filter(|n| (1..=last).contains(n)).min()?;
    Some((campaign.nth_day(n)?, "第几天"))
}

/// The number before 天 or 日 at the beginning of a text: a Chinese one of one digit, or an Arabic one.
fn numbered(text: &str) -> Option<u32> {
    const NUMBERS: [&str; 7] = ["一", "二", "三", "四", "五", "六", "七"];
    let (n, rest) = match NUMBERS.iter().position(|number| text.starts_with(number)) {
        Some(place) => (place as u32 + 1, &text[NUMBERS[place].len()..]),
        None => {
            let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
            (text[..text.len() - rest.len()].parse().ok()?, rest)
        }
    };
    rest.starts_with(['天', '日']).then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_of_a_day_has_its_sign() {
        let words = BEFORE_YESTERDAY.iter().chain(&YESTERDAY).chain(&TODAY);
        let mut words = words.chain(&LAST).chain(&[FIRST, NTH]);
        assert!(words.all(|word| SIGNS.stand_in(word)));
    }

    #[test]
    fn a_day_of_the_week_is_numbered_in_chinese_or_arabic() {
        for (text, n) in [
            ("三天的活动", Some(3)),
            ("3日，学校", Some(3)),
            ("12天", Some(12)),
            ("03天", Some(3)),
            ("一季度", None),
            ("十二天", None),
            ("99999999999天", None),
            ("天", None),
            ("", None),
        ] {
            assert_eq!(numbered(text), n, "{text}");
        }
    }
}
