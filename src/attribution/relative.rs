//! Days that words name by their distance: 昨日, 今天, 周三, 第二天.

use crate::campaign::{Campaign, Moment};
use chrono::{Datelike, Days, NaiveDate, Timelike, Weekday};

/// The day that the first such word of `text` (normal form) names: day, rule, word.
pub fn relative_day(
    text: &str,
    base: Moment,
    campaign: &Campaign,
) -> Option<(NaiveDate, &'static str, &'static str)> {
    let today = base.date_naive();
    for word in ["前天", "前日"] {
        if text.contains(word) {
            return Some((today - Days::new(2), "day_before_yesterday", word));
        }
    }
    for word in ["昨日", "昨天", "昨晚", "昨上午", "昨下午"] {
        if tells(text, word) {
            return Some((today - Days::new(1), "yesterday", word));
        }
    }
    if let Some((day, word)) = weekday(text, campaign).or_else(|| ordinal(text, campaign)) {
        return Some((day, "day_of_week", word));
    }
    for word in ["今日", "今天", "今晨", "今早", "今晚", "今上午", "今下午"] {
        if let Some(at) = text.find(word).filter(|_| tells(text, word)) {
            let early = is_to_come(&text[at..], base);
            return Some((
                if early { today - Days::new(1) } else { today },
                "today",
                word,
            ));
        }
    }
    None
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

/// 昨天发的, 今日补报: when a mail was sent, not what happened.
fn tells(text: &str, word: &str) -> bool {
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
    let Some(at) = text.find(word) else {
        return false;
    };
    !SENT
        .iter()
        .any(|sent| text[at + word.len()..].starts_with(sent))
        || text[at + word.len()..].starts_with("发生")
}

fn weekday(text: &str, campaign: &Campaign) -> Option<(NaiveDate, &'static str)> {
    const NAMES: [(&str, Weekday); 8] = [
        ("一", Weekday::Mon),
        ("二", Weekday::Tue),
        ("三", Weekday::Wed),
        ("四", Weekday::Thu),
        ("五", Weekday::Fri),
        ("六", Weekday::Sat),
        ("日", Weekday::Sun),
        ("天", Weekday::Sun),
    ];
    ["星期", "礼拜", "周"].iter().find_map(|prefix| {
        NAMES.iter().find_map(|(name, weekday)| {
            let word = format!("{prefix}{name}");
            let at = text.find(&word)?;
            let rest = &text[at + word.len()..];
            let other = *prefix == "周"
                && (rest.starts_with(['期', '年', '岁', '天'])
                    || text[..at].ends_with(['四', '每', '一']));
            let day = campaign.days().find(|day| day.weekday() == *weekday)?;
            (!other).then_some((day, *prefix))
        })
    })
}

fn ordinal(text: &str, campaign: &Campaign) -> Option<(NaiveDate, &'static str)> {
    const WORDS: [(&str, u32); 9] = [
        ("首日", 1),
        ("第一天", 1),
        ("第二天", 2),
        ("第三天", 3),
        ("第四天", 4),
        ("第五天", 5),
        ("第六天", 6),
        ("第七天", 7),
        ("最后一天", 7),
    ];
    let (word, n) = WORDS.iter().find(|(word, _)| text.contains(word))?;
    Some((campaign.nth_day(*n)?, word))
}
