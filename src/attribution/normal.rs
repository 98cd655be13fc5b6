//! One form for all the ways of writing the same: full-width letters, traditional characters, spaces inside names.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

/// NFKC, in simplified characters, with spaces beside a Chinese character dropped. Line breaks stay.
pub fn normal(text: &str) -> String {
    let mut folded = Folded::new(text.len());
    let mut rest = text;
    loop {
        let (same, changed) = rest.split_at(staying(rest));
        folded.add(same);
        let Some(c) = changed.chars().next() else {
            return folded.text;
        };
        let Some(simple) = simple(c) else {
            return standard(text);
        };
        folded.push(simple);
        rest = &changed[c.len_utf8()..];
    }
}

/// Bytes up to the first character that may not be its own normal form.
fn staying(text: &str) -> usize {
    let (bytes, mut at) = (text.as_bytes(), 0);
    loop {
        let before = at;
        let (threes, _) = bytes[at..].as_chunks();
        at += 3 * threes.iter().take_while(|three| stays(three)).count();
        let plain = |b: &&u8| matches!(b, b'\n' | b'!'..=b'~');
        at += bytes[at..].iter().take_while(plain).count();
        if at == before {
            return at;
        }
    }
}

/// Whether a character of three bytes is its own normal form for certain.
fn stays(utf8: &[u8; 3]) -> bool {
    match common_han(utf8) {
        Some(han) => !HAS_FORM.holds(han),
        // 、。《》〔〕“”
        None => matches!(
            utf8,
            [0xE3, 0x80, 0x81 | 0x82 | 0x8A | 0x8B | 0x94 | 0x95] | [0xE2, 0x80, 0x9C | 0x9D]
        ),
    }
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
    blank: bool,
}

impl Folded {
    fn new(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            blank: false,
        }
    }

    fn push(&mut self, c: char) {
        if c.is_ascii_graphic() {
            self.part_from(c);
            self.text.push(c);
        } else if c != '\n' && c.is_whitespace() {
            self.blank = true;
        } else {
            self.add(simplified(c).encode_utf8(&mut [0; 4]));
        }
    }

    /// One space where there were blanks between two that are not Chinese.
    fn part_from(&mut self, next: char) {
        if std::mem::take(&mut self.blank) && between(next) {
            let last = self.text.chars().next_back();
            if last.is_some_and(between) {
                self.text.push(' ');
            }
        }
    }

    /// Words without blanks, in simplified characters.
    fn add(&mut self, words: &str) {
        if let Some(first) = words.chars().next() {
            self.part_from(first);
            self.text.push_str(words);
        }
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

static FORMS: LazyLock<HashMap<char, char>> =
    LazyLock::new(|| TRADITIONAL.chars().zip(SIMPLIFIED.chars()).collect());

/// A set of characters by which texts begin. Of the common Chinese ones each has a bit, by its code, which fits into the
/// processor's nearest cache; of others it holds all or none. An empty text begins all texts.
#[derive(Debug, Clone)]
pub struct Firsts {
    han: [u64; Self::WORDS],
    others: bool,
}

impl Firsts {
    const WORDS: usize = 1 << 10;
    const NONE: Self = Self {
        han: [0; Self::WORDS],
        others: false,
    };

    const ALL: Self = Self {
        han: [u64::MAX; Self::WORDS],
        others: true,
    };

    /// The first characters of `texts`.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        texts.fold(Self::NONE, |set, text| match first_han(text) {
            Some(han) => set.with(han),
            None if text.is_empty() => Self::ALL,
            None => Self {
                others: true,
                ..set
            },
        })
    }

    const fn with(mut self, han: u16) -> Self {
        self.han[(han / 64) as usize] |= 1 << (han % 64);
        self
    }

    fn holds(&self, han: u16) -> bool {
        self.han[(han / 64) as usize] >> (han % 64) & 1 == 1
    }

    /// Where the next of them stands in a text, from a byte on.
    pub fn next_in(&self, text: &str, from: usize) -> Option<usize> {
        let (bytes, mut at) = (text.as_bytes(), from);
        let passed = |three: &&[u8; 3]| common_han(three).is_some_and(|han| !self.holds(han));
        while at < bytes.len() {
            let (threes, _) = bytes[at..].as_chunks();
            at += 3 * threes.iter().take_while(passed).count();
            match bytes[at..].first_chunk() {
                Some(three) if common_han(three).is_some() => return Some(at),
                _ if at < bytes.len() && self.others && text.is_char_boundary(at) => {
                    return Some(at);
                }
                // Punctuation takes three bytes too.
                Some(&[0xE0..=0xEF, _, _]) => at += 3,
                _ => at += 1,
            }
        }
        None
    }
}

/// The first two characters of texts. Of common Chinese ones each pair has a bit, which it may share with others.
#[derive(Debug, Clone)]
pub struct Pairs {
    han: Vec<u64>,
    others: bool,
}

impl Pairs {
    /// Those of `texts`.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let (mut han, mut others) = (vec![0; 1 << 10], false);
        for text in texts {
            match Self::place(text) {
                Some((word, bit)) => han[word] |= bit,
                None => others = true,
            }
            // Any may follow it.
            if text.chars().nth(1).is_none() {
                han.fill(u64::MAX);
            }
        }
        Self { han, others }
    }

    /// Whether one of them may begin a text.
    #[inline]
    pub fn begin(&self, text: &str) -> bool {
        Self::place(text).map_or(self.others, |(word, bit)| self.han[word] & bit != 0)
    }

    fn place(text: &str) -> Option<(usize, u64)> {
        let (first, second) = (first_han(text)?, first_han(&text[3..])?);
        let code = first.wrapping_mul(0x9e37) ^ second;
        Some((usize::from(code / 64), 1 << (code % 64)))
    }
}

/// The code of a text's first character, if it is a common Chinese one.
fn first_han(text: &str) -> Option<u16> {
    let first = text.as_bytes().first_chunk();
    first.and_then(common_han)
}

/// The code of the character from U+4000 to U+9FFF that these bytes are in UTF-8, if they are one. Nearly all Chinese ones
/// are, and their first byte says so.
const fn common_han(utf8: &[u8; 3]) -> Option<u16> {
    // It takes three bytes, of four, six and six bits; no other byte than a first has this form.
    let [a @ 0xE4..=0xE9, b, c] = *utf8 else {
        return None;
    };
    Some((a as u16 & 0xf) << 12 | (b as u16 & 0x3f) << 6 | c as u16 & 0x3f)
}

/// Those that have another form.
static HAS_FORM: Firsts = {
    let (mut set, mut rest) = (Firsts::NONE, TRADITIONAL.as_bytes());
    while let [a, b, c, after @ ..] = rest {
        if let Some(han) = common_han(&[*a, *b, *c]) {
            set = set.with(han);
        }
        rest = after;
    }
    set
};

fn has_form(c: char) -> bool {
    is_common_han(c) && HAS_FORM.holds(c as u16)
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

/// A letter or a digit. The standard library would look Chinese characters and their marks up in a table.
pub fn is_letter(c: char) -> bool {
    is_common_han(c) || !is_plain_mark(c) && c.is_alphanumeric()
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
        fn the_short_way_leads_where_the_long_one_does(text in "[ -~䀀-龥遼寧報、。《》“”·！-～\u{3000}\t\n]{0,60}") {
            prop_assert_eq!(normal(&text), standard(&text));
        }
    }

    proptest! {
        #[test]
        fn every_first_character_of_a_text_is_found(text in "[a·䶵一-丁沈阳𠮷。]{0,20}", firsts in prop::collection::vec("[a䶵一沈𠮷]", 0..3)) {
            let set = Firsts::of(firsts.iter().map(String::as_str));
            let mut found = Vec::new();
            let mut next = 0;
            while let Some(at) = set.next_in(&text, next) {
                found.push(at);
                next = at + 1;
            }
            for (at, _) in text.char_indices() {
                let begins = firsts.iter().any(|first| text[at..].starts_with(first.as_str()));
                prop_assert!(!begins || found.contains(&at));
            }
        }
    }

    proptest! {
        #[test]
        fn what_begins_with_the_same_pair_may_be_it(
            texts in prop::collection::vec("[a·一-丁沈阳𠮷。]{1,3}", 1..4), which in 0..4usize, after in "[a一沈]{0,2}"
        ) {
            let pairs = Pairs::of(texts.iter().map(String::as_str));
            let text = format!("{}{after}", texts[which % texts.len()]);
            prop_assert!(pairs.begin(&text));
        }
    }

    #[test]
    fn a_letter_is_what_the_standard_says() {
        for c in '\0'..=char::MAX {
            assert_eq!(is_letter(c), c.is_alphanumeric(), "{c:?}");
        }
    }

    #[test]
    fn most_pairs_begin_nothing() {
        let pairs = Pairs::of(["沈阳", "大连"].into_iter());
        let other = ["沈大", "大学", "连大", "阳沈", "大", "大a", "和家"];
        assert!(other.iter().all(|text| !pairs.begin(text)));
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
