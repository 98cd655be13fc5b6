//! Text made fit to be shown, stored and put into letters and paths.

use std::borrow::Cow;

/// One line: control characters and line separators become blanks, direction marks go, blanks are folded.
pub fn one_line(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|&c| !is_direction(c))
        .map(|c| if is_control(c) { ' ' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Many lines: ends of lines unified, trailing blanks and control characters dropped, at most one empty line in a row.
pub fn lines(text: &str) -> String {
    let unified = match text.contains("\r\n") {
        true => Cow::Owned(text.replace("\r\n", "\n")),
        false => Cow::Borrowed(text),
    };
    let mut out = String::with_capacity(unified.len());
    let mut empty = true;
    for line in unified.split(ends_line) {
        let drops = |c: char| !is_common(c) && (is_direction(c) || (c != '\t' && is_control(c)));
        let line = match line.contains(drops) {
            true => Cow::Owned(line.replace(drops, "")),
            false => Cow::Borrowed(line),
        };
        let line = line.trim_end();
        if !(line.is_empty() && empty) {
            out.push_str(line);
            out.push('\n');
        }
        empty = line.is_empty();
    }
    out.trim_end().to_string()
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
    !is_common(c) && matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{B}' | '\u{C}')
}

/// What nearly all texts are made of, and what needs no second look.
fn is_common(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{FDFF}' | ' '..='~')
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
        fn lines_that_are_unified_stay(text in "[ -~一-龥\n\r\t\u{0}\u{202E}\u{2028}\u{FEFF}]{0,60}") {
            prop_assert_eq!(lines(&lines(&text)), lines(&text));
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
