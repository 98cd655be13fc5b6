//! Text made fit to be shown, stored and put into letters and paths.

use memchr::{memchr, memchr_iter, memchr3_iter};
use std::borrow::Cow;

/// One line: control characters and line separators become blanks, direction marks go, blanks are folded.
pub fn one_line(text: &str) -> String {
    if is_one_line(text) {
        return text.to_owned();
    }
    let plain: String = text
        .chars()
        .filter(|&c| !is_direction(c))
        .map(|c| if is_control(c) { ' ' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether nothing is to be dropped or folded, as in most fields of a header.
fn is_one_line(text: &str) -> bool {
    let mut blank = true;
    let stays = text.chars().all(|c| {
        let after_blank = std::mem::replace(&mut blank, c == ' ');
        !is_direction(c) && !is_control(c) && (c == ' ' && !after_blank || !c.is_whitespace())
    });
    stays && (!blank || text.is_empty())
}

/// Many lines: ends of lines unified, trailing blanks and control characters dropped, at most one empty line in a row.
pub fn lines(text: &str) -> String {
    if is_plain(text) {
        return folded(text.len(), between_line_feeds(text).map(Cow::Borrowed));
    }
    let unified = text.replace("\r\n", "\n");
    let drops = |c: char| is_direction(c) || (c != '\t' && is_control(c));
    let cleaned = unified.split(ends_line).map(|line| line.replace(drops, ""));
    folded(text.len(), cleaned.map(Cow::Owned))
}

/// Its lines as `str::lines` gives them, in half the time.
pub fn each_line(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        if line.is_empty() {
            return None;
        }
        let bare = line.strip_suffix("\r\n");
        Some(bare.or_else(|| line.strip_suffix('\n')).unwrap_or(line))
    })
}

/// What stands between line feeds, as `split('\n')` gives it and in half the time.
pub fn between_line_feeds(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    let ends = memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
    ends.map(move |end| {
        let line = &text[start..end];
        start = end + 1;
        line
    })
}

/// Whether nothing but LF and CR LF ends its lines, and nothing is to be dropped from them.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let control = |b: u8| (b < b' ' && !matches!(b, b'\r' | b'\n' | b'\t')) || b == 0x7F;
    // To the end, which the compiler makes many at a time of.
    let controls = bytes.iter().fold(false, |any, b| any | control(*b));
    let mut returns = memchr_iter(b'\r', bytes);
    // As what bytes the others begin in UTF-8.
    let mut others = memchr3_iter(0xC2, 0xD8, 0xE2, bytes);
    let odd = |at: usize| {
        let c = text[at..].chars().next();
        c.is_some_and(|c| is_direction(c) || is_control(c))
    };
    !controls
        && returns.all(|at| bytes.get(at + 1) == Some(&b'\n'))
        && !others.any(odd)
        // As a text: the last byte of the character stands in many others, which a search for it would stop at.
        && !text.contains("\u{FEFF}")
}

fn folded<'a>(bytes: usize, lines: impl Iterator<Item = Cow<'a, str>>) -> String {
    let (mut out, mut empty) = (String::with_capacity(bytes), true);
    for line in lines {
        let line = line.trim_end();
        if !(line.is_empty() && empty) {
            out.push_str(line);
            out.push('\n');
        }
        empty = line.is_empty();
    }
    out.truncate(out.trim_end().len());
    out
}

/// A file name without folders, in which nothing is a separator, hidden, or written backwards.
pub fn file_name(name: &str) -> String {
    let last = name
        .rsplit(['/', '\\'])
        .find(|part| !part.trim_matches(['.', ' ']).is_empty())
        .unwrap_or_default();
    let safe: String = last
        .chars()
        .map(|c| if is_forbidden(c) { '_' } else { c })
        .collect();
    let safe = safe
        .trim_matches(' ')
        .trim_end_matches('.')
        .trim_start_matches("..");
    shorten(if safe.is_empty() { "未命名" } else { safe })
}

/// File systems allow 255 bytes; the ending tells what it is and stays.
fn shorten(name: &str) -> String {
    let ending = name
        .rfind('.')
        .map(|dot| &name[dot..])
        .filter(|ending| ending.len() <= 10)
        .unwrap_or_default();
    let stem = &name[..name.len() - ending.len()];
    let end = stem
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|&end| end + ending.len() <= 200)
        .last();
    format!("{}{ending}", &stem[..end.unwrap_or(0)])
}

fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{B}' | '\u{C}')
}

fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Marks and overrides of the bidirectional algorithm, and the byte order mark.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{61C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

fn is_forbidden(c: char) -> bool {
    is_control(c) || is_direction(c) || matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_name_holds_no_path_and_no_trick() {
        assert_eq!(file_name("../../etc/a\0\r\n.pdf"), "a___.pdf");
        assert_eq!(file_name("C:\\报送\\日报.docx"), "日报.docx");
        assert_eq!(file_name("合影\u{202E}gpj.exe"), "合影_gpj.exe");
        assert_eq!(file_name(".."), "未命名");
        assert_eq!(file_name("a/"), "a");
        assert_eq!(file_name(&format!("{}.docx", "长".repeat(300))).len(), 200);
    }

    proptest! {
        #[test]
        fn a_plain_line_is_made_of_as_all_others_are(text in "[ a一\t\u{7F}\u{3000}]{0,6}") {
            // A mark of direction is dropped, and no more.
            prop_assert_eq!(one_line(&text), one_line(&format!("{text}\u{202E}")));
        }

        #[test]
        fn lines_that_are_unified_stay(text in "[ -~一-龥\n\r\t\u{0}\u{202E}\u{2028}\u{FEFF}]{0,60}") {
            prop_assert_eq!(lines(&lines(&text)), lines(&text));
        }

        #[test]
        fn each_line_is_what_the_standard_says(text in "[a\r\n]{0,8}") {
            prop_assert!(each_line(&text).eq(text.lines()));
        }

        #[test]
        fn plain_lines_are_folded_as_all_others_are(text in "[ a一。\t\r\n]{0,40}") {
            // A mark of direction is dropped, and no more.
            prop_assert_eq!(lines(&text), lines(&format!("{text}\u{202E}")));
        }
    }

    #[test]
    fn what_is_plain_is_told_by_bytes_as_by_characters() {
        for c in '\0'..=char::MAX {
            let odd = is_direction(c) || (is_control(c) && !"\r\n\t".contains(c));
            assert_eq!(is_plain(&format!("一{c}\n")), !odd, "{c:?}");
        }
    }

    #[test]
    fn lines_are_unified_and_empty_ones_folded() {
        assert_eq!(
            lines("\r\n a\u{0} \r\rb\n\n\n\tc\u{202E}\n"),
            " a\n\nb\n\n\tc"
        );
    }
}
