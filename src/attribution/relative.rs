//! Days that words name by their distance: 昨日, 今天, 周三, 第二天.

use crate::campaign::{Campaign, Moment};
use chrono::{Datelike, Days, NaiveDate, Timelike, Weekday};
use memchr::memmem;

/// The day that the first such word of `text` (normal form) names: day, rule, word.
pub fn relative_day(
    text: &str,
    base: Moment,
    campaign: &Campaign,
) -> Option<(NaiveDate, &'static str, &'static str)> {
    let today = base.date_naive();
    // One look for what all of them have: most texts have none.
    let some_of = |sign: &str, words: &[&'static str]| match text.contains(sign) {
        true => words.to_vec(),
        false => Vec::new(),
    };
    for word in some_of("前", &["前天", "前日"]) {
        if text.contains(word) {
            return Some((today - Days::new(2), "day_before_yesterday", word));
        }
    }
    for word in some_of("昨", &["昨日", "昨天", "昨晚", "昨上午", "昨下午"]) {
        if tells(text, word).is_some() {
            return Some((today - Days::new(1), "yesterday", word));
        }
    }
    if let Some((day, word)) = weekday(text, campaign).or_else(|| ordinal(text, campaign)) {
        return Some((day, "day_of_week", word));
    }
    const TODAY: [&str; 7] = ["今日", "今天", "今晨", "今早", "今晚", "今上午", "今下午"];
    for word in some_of("今", &TODAY) {
        if let Some(at) = tells(text, word) {
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
    // Most words are nowhere in it, which is found out faster than where.
    let at = text.contains(word).then(|| text.find(word))??;
    let rest = &text[at + word.len()..];
    let sent = SENT.iter().any(|sent| rest.starts_with(sent)) && !rest.starts_with("发生");
    (!sent).then_some(at)
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
        if !text.contains(prefix) {
            return None;
        }
        let names = following(text, prefix);
        let named = NAMES.iter().filter(|(name, _)| names.contains(name));
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
    for (word, n) in [("首日", 1), ("最后一天", last), ("最后一日", last)] {
        if text.contains(word) {
            return Some((campaign.nth_day(n)?, word));
        }
    }
    if !text.contains('第') {
        return None;
    }
    const NUMBERS: [&str; 7] = ["一", "二", "三", "四", "五", "六", "七"];
    let named = |n: u32| {
        let numbers = [
            NUMBERS.get(n as usize - 1).map(|han| (*han).to_owned()),
            Some(n.to_string()),
        ];
        let mut forms = numbers
            .into_iter()
            .flatten()
            .flat_map(|number| [format!("第{number}天"), format!("第{number}日")]);
        forms.any(|form| text.contains(&form))
    };
    let n = (1..=last).find(|n| named(*n))?;
    Some((campaign.nth_day(n)?, "第几天"))
}
