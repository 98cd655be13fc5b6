//! One form for all the ways of writing the same: full-width letters, traditional characters, spaces inside names.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

/// NFKC, in simplified characters, with spaces beside a Chinese character dropped. Line breaks stay.
pub fn normal(text: &str) -> String {
    let mut folded = Folded::new(text.len());
    let mut begin = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| !stays(*c)) {
        let Some(simple) = simple(c) else {
            return standard(text);
        };
        folded.add(&text[begin..at]);
        folded.push(simple);
        begin = at + c.len_utf8();
    }
    folded.add(&text[begin..]);
    folded.text
}

fn standard(text: &str) -> String {
    let mut folded = Folded::new(text.len());
    let visible = text.nfkc().filter(|c| !is_invisible(*c));
    visible.for_each(|c| folded.push(c));
    folded.text
}

/// A text in which a run of blanks becomes one space between two characters that are not Chinese, and nothing elsewhere.
struct Folded {
    text: String,
    last: char,
    blank: bool,
}

impl Folded {
    fn new(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            last: '\n',
            blank: false,
        }
    }

    fn push(&mut self, c: char) {
        if c != '\n' && c.is_whitespace() {
            self.blank = true;
        } else {
            self.add(simplified(c).encode_utf8(&mut [0; 4]));
        }
    }

    /// Words without blanks, in simplified characters.
    fn add(&mut self, words: &str) {
        let mut ends = words.chars();
        let Some(first) = ends.next() else {
            return;
        };
        if std::mem::take(&mut self.blank) && between(self.last) && between(first) {
            self.text.push(' ');
        }
        self.last = ends.next_back().unwrap_or(first);
        self.text.push_str(words);
    }
}

/// Whether it is no blank, and its own compatibility form and simplified character: nearly all are.
fn stays(c: char) -> bool {
    match c {
        _ if is_common_han(c) => !has_form(c),
        '\n' | '!'..='~' => true,
        _ => is_plain_mark(c),
    }
}

fn between(c: char) -> bool {
    !is_han(c) && c != '\n'
}

fn is_common_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

/// Traditional characters of the units' names and of what reports are made of, and their simplified forms below.
/// A whole converter weighs megabytes, and changes characters that a name may rightly hold.
const TRADITIONAL: &str = "寧瀋陽連撫順錦營遼盤鐵嶺蘆島師範專學農業職術稅務體動態軌廣電經濟艦軟譯貿楓葉裝備製質築運車現醫藥衛訊資\
    輕縣區報計劃總結統圖開閉時間號點簡聞參觀訓練實踐項團隊員會議賽場館辦處長聯係絡傳單與廠產銷試驗導輔講\
    課題應當屆際國內門戶關於為從後進過還這說對個們來無萬億歲週機構園藝醜龍鳳東華麗樂網視頻攝記錄鄉鎮災難\
    財貨賬類別規標準條約設環節優異獲獎勵責擔歷屬層級評選競請續談論簽證書補發";
const SIMPLIFIED: &str = "宁沈阳连抚顺锦营辽盘铁岭芦岛师范专学农业职术税务体动态轨广电经济舰软译贸枫叶装备制质筑运车现医药卫讯资\
    轻县区报计划总结统图开闭时间号点简闻参观训练实践项团队员会议赛场馆办处长联系络传单与厂产销试验导辅讲\
    课题应当届际国内门户关于为从后进过还这说对个们来无万亿岁周机构园艺丑龙凤东华丽乐网视频摄记录乡镇灾难\
    财货账类别规标准条约设环节优异获奖励责担历属层级评选竞请续谈论签证书补发";

const FIRST: u32 = 0x4e00;
const LAST: u32 = 0x9fff;

static FORMS: LazyLock<HashMap<char, char>> =
    LazyLock::new(|| TRADITIONAL.chars().zip(SIMPLIFIED.chars()).collect());

const WORDS: usize = (LAST - FIRST) as usize / 64 + 1;

/// A bit for each character that has another form: few have, and this fits into the processor's nearest cache.
static HAS_FORM: [u64; WORDS] = {
    let (mut bits, text, mut at) = ([0; WORDS], TRADITIONAL.as_bytes(), 0);
    while at + 2 < text.len() {
        // A Chinese character is three bytes of UTF-8, of four, six and six bits.
        let low = (text[at + 1] as u32 & 0x3f) << 6 | text[at + 2] as u32 & 0x3f;
        let place = ((text[at] as u32 & 0xf) << 12 | low) - FIRST;
        bits[place as usize / 64] |= 1 << (place % 64);
        at += 3;
    }
    bits
};

fn has_form(c: char) -> bool {
    let place = (c as u32).wrapping_sub(FIRST) as usize;
    let bits = HAS_FORM.get(place / 64).copied().unwrap_or(0);
    bits >> (place % 64) & 1 == 1
}

fn simplified(c: char) -> char {
    if has_form(c) { FORMS[&c] } else { c }
}

/// The compatibility form of the characters that nearly all mails are made of; `None` of any other.
/// None of them is composed with its neighbour, so that each can be folded alone.
fn simple(c: char) -> Option<char> {
    match c {
        '\n' | ' '..='~' => Some(c),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0),
        '\u{3000}' => Some(' '),
        _ => (is_common_han(c) || is_plain_mark(c)).then_some(c),
    }
}

fn is_plain_mark(c: char) -> bool {
    matches!(c, '、' | '。' | '《' | '》' | '“' | '”' | '〔' | '〕' | '·')
}

/// A Chinese character.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2fa1f}' | '〇')
}

/// Whether there is anything but blanks and marks.
pub fn is_said(text: &str) -> bool {
    text.chars().any(is_letter)
}

/// Length in letters and digits.
pub fn substance(text: &str) -> usize {
    text.chars().filter(|c| is_letter(*c)).count()
}

/// A letter or a digit. The standard library would look Chinese characters up in a table.
pub fn is_letter(c: char) -> bool {
    is_common_han(c) || c.is_alphanumeric()
}

/// A file name without its ending.
pub fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_short_way_folds_as_the_standard_does(text in "[ -~一-鿿、。《》“”〔〕·！-～\u{3000}\n]{0,60}") {
            let standard: String = text.nfkc().collect();
            let short: Option<String> = text.chars().map(simple).collect();
            prop_assert_eq!(short, Some(standard));
        }

        #[test]
        fn the_short_way_leads_where_the_long_one_does(text in "[ -~一-龥遼寧報、。《》“”·！-～\u{3000}\t\n]{0,60}") {
            prop_assert_eq!(normal(&text), standard(&text));
        }
    }

    #[test]
    fn traditional_characters_are_simplified_one_by_one() {
        assert_eq!(TRADITIONAL.chars().count(), SIMPLIFIED.chars().count());
        let common = |c: char| is_common_han(c) && c.len_utf8() == 3;
        assert!(TRADITIONAL.chars().all(|c| common(c) && has_form(c)));
        assert!(SIMPLIFIED.chars().all(common));
        assert_eq!(
            normal("遼寧鐵道職業技術學院 活動週總結"),
            "辽宁铁道职业技术学院活动周总结"
        );
    }

    #[test]
    fn full_width_digits_and_spaces_inside_names_are_folded() {
        assert_eq!(normal("沈 阳　市 ５月２４日"), "沈阳市5月24日");
        assert_eq!(normal("Day 2 开始\n第 二 行"), "Day 2开始\n第二行");
    }

    #[test]
    fn a_million_blanks_are_one_and_take_no_time() {
        let blanks = " ".repeat(1_000_000);
        assert_eq!(normal(&format!("a{blanks}b{blanks}校")), "a b校");
    }
}
