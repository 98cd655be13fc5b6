//! PDF, as pdftotext lays it out: columns are runs of blanks, paragraphs are cut where the page's lines end.

use std::sync::LazyLock;

use regex::Regex;

use crate::message::date::pattern;

/// Blanks of a column's gap; fewer only set words apart.
static GAP: LazyLock<Regex> = LazyLock::new(|| pattern(" {3,}"));
/// A line this much shorter than the page's longest, in narrow characters, ends its paragraph.
const RAGGED: usize = 6;
/// Pages of narrower lines are lists, not prose.
const PROSE: usize = 40;

/// One line a paragraph, one a table row with tabs between its cells; pages follow each other.
pub fn text(laid_out: &str) -> String {
    laid_out.split('\u{c}').map(page).collect()
}

fn page(page: &str) -> String {
    let lines: Vec<&str> = page.lines().map(str::trim_end).collect();
    let prose = |line: &&&str| !line.is_empty() && !GAP.is_match(line.trim_start());
    let longest = lines
        .iter()
        .filter(prose)
        .map(|line| width(line))
        .max()
        .unwrap_or(0);
    let margin = lines
        .iter()
        .filter(prose)
        .map(|line| indent(line))
        .min()
        .unwrap_or(0);
    let mut out = String::new();
    let mut open = false;
    for line in lines {
        let goes_on = open && indent(line) <= margin + 1 && prose(&&line);
        if !goes_on {
            out.push('\n');
        } else if out.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            out.push(' ');
        }
        out.push_str(&GAP.replace_all(line.trim_start(), "\t"));
        open = prose(&&line) && longest >= PROSE && width(line) + RAGGED >= longest;
    }
    out
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// In narrow characters, of which an ideograph fills two.
fn width(line: &str) -> usize {
    line.chars()
        .map(|c| if c < '\u{2E80}' { 1 } else { 2 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_cells() {
        assert_eq!(
            text("   项目      人数\n   展示       9\n\u{c}").trim(),
            "项目\t人数\n展示\t9"
        );
    }

    #[test]
    fn a_paragraph_that_the_page_cut_is_whole_again() {
        let long = "一二三四五六七八九十一二三四五六七八九十一二三";
        let laid_out = format!("    {long}\n{long}二四\n末行。\n    又一段。\n短行\n再短");
        assert_eq!(
            text(&laid_out).trim(),
            format!("{long}{long}二四末行。\n又一段。\n短行\n再短")
        );
    }

    #[test]
    fn words_stay_apart_over_a_line_end() {
        let line = "Forty narrow characters are on this line";
        assert_eq!(
            text(&format!("{line}\nand more")).trim(),
            format!("{line} and more")
        );
    }
}
