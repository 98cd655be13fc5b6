//! One form for all the ways of writing the same: full-width letters, spaces inside names.

use unicode_normalization::UnicodeNormalization;

/// NFKC, with spaces beside a Chinese character dropped. Line breaks stay.
pub fn normal(text: &str) -> String {
    let folded: Vec<char> = match text.chars().map(simple).collect::<Option<Vec<char>>>() {
        Some(folded) => folded,
        None => text.nfkc().filter(|c| !is_invisible(*c)).collect(),
    };
    let mut out = String::with_capacity(text.len());
    for (n, c) in folded.iter().enumerate() {
        if *c != '\n' && c.is_whitespace() {
            let after_han = out
                .chars()
                .next_back()
                .is_none_or(|last| is_han(last) || last.is_whitespace());
            let next = folded[n + 1..]
                .iter()
                .find(|c| **c == '\n' || !c.is_whitespace());
            if !after_han && next.is_some_and(|c| !is_han(*c) && *c != '\n') {
                out.push(' ');
            }
        } else {
            out.push(*c);
        }
    }
    out
}

/// The compatibility form of the characters that nearly all mails are made of; `None` of any other.
/// None of them is composed with its neighbour, so that each can be folded alone.
fn simple(c: char) -> Option<char> {
    match c {
        '\n'
        | ' '..='~'
        | '\u{4e00}'..='\u{9fff}'
        | '、'
        | '。'
        | '《'
        | '》'
        | '“'
        | '”'
        | '〔'
        | '〕'
        | '·' => Some(c),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0),
        '\u{3000}' => Some(' '),
        _ => None,
    }
}

/// A Chinese character.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2fa1f}' | '〇')
}

/// Length in letters and digits.
pub fn substance(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
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
    }

    #[test]
    fn full_width_digits_and_spaces_inside_names_are_folded() {
        assert_eq!(normal("沈 阳　市 ５月２４日"), "沈阳市5月24日");
        assert_eq!(normal("Day 2 开始\n第 二 行"), "Day 2开始\n第二行");
    }
}
