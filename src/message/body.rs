//! The text of a mail: which of its parts are the body, and which dress of the body says more.

use std::collections::HashSet;

use super::html;
use super::links::Anchors;
use super::mime::Part;

/// The body of a mail.
#[derive(Default)]
pub struct Body {
    /// The text to read, with the marks of its links.
    pub text: String,
    /// The other dress of it, which may hold links that the first lacks.
    pub other: String,
    /// The numbers of the parts that the text came from, in rising order.
    pub parts: Vec<usize>,
    /// Whether a page was longer than is read.
    pub cut: bool,
    /// Whether parts stand in each other.
    pub circular: bool,
}

/// Reads the body; `anchors` takes the links of its pages.
pub fn read(parts: &[Part], raw: &[u8], anchors: &mut Anchors) -> Body {
    let mut body = Body::default();
    let mut reader = Reader {
        parts,
        raw,
        anchors,
        used: Vec::new(),
        met: HashSet::new(),
        circular: false,
        cut: false,
    };
    for dress in reader.pieces(0, 0) {
        let (text, other) = dress.chosen();
        append(&mut body.text, &text);
        append(&mut body.other, &other);
    }
    body.parts = reader.used;
    body.parts.sort_unstable();
    body.circular = reader.circular;
    body.cut = reader.cut | cut(&mut body.text) | cut(&mut body.other);
    body
}

/// Cuts what all parts together have beyond the limit of one.
fn cut(text: &mut String) -> bool {
    let whole = text.len();
    text.truncate(text.floor_char_boundary(html::LIMIT));
    text.len() < whole
}

fn append(text: &mut String, piece: &str) {
    if !text.is_empty() && !piece.is_empty() {
        text.push('\n');
    }
    text.push_str(piece);
}

/// One piece of text as plain text, as a page, or as both.
#[derive(Default)]
struct Dress {
    plain: String,
    page: String,
}

impl Dress {
    /// The plain text, unless it is a stub, or has lost the tables of the page.
    fn chosen(self) -> (String, String) {
        // Most mails have no page.
        if self.page.is_empty() && !self.plain.trim_start().is_empty() {
            return (self.plain, self.page);
        }
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
        let (plain, page) = (letters(&self.plain), letters(&self.page));
        let stub = plain * 3 + 60 < page * 2 || plain == 0;
        let lost_table = self.page.matches('\t').count() >= 3
            && !self.plain.contains('\t')
            && page * 10 >= plain * 8;
        if stub || lost_table {
            (self.page, self.plain)
        } else {
            (self.plain, self.page)
        }
    }
}

struct Reader<'a> {
    parts: &'a [Part],
    raw: &'a [u8],
    anchors: &'a mut Anchors,
    used: Vec<usize>,
    met: HashSet<usize>,
    cut: bool,
    circular: bool,
}

impl Reader<'_> {
    /// The pieces of text under a part, in order.
    fn pieces(&mut self, number: usize, depth: usize) -> Vec<Dress> {
        let Some(part) = self.parts.get(number).filter(|_| depth < 100) else {
            return Vec::new();
        };
        // The parser was seen to give parts that stand in each other.
        if !self.met.insert(number) {
            self.circular = true;
            return Vec::new();
        }
        if !part.multipart {
            return self.leaf(number, part).into_iter().collect();
        }
        let children = part.children.clone();
        let pieces: Vec<Dress> = children
            .into_iter()
            .flat_map(|child| self.pieces(child, depth + 1))
            .collect();
        if part.headers.content_type() == "multipart/alternative" {
            one_of(pieces)
        } else {
            pieces
        }
    }

    fn leaf(&mut self, number: usize, part: &Part) -> Option<Dress> {
        let kind = part.headers.content_type();
        let attached = part
            .headers
            .token("content-disposition")
            .starts_with("attachment")
            || part.headers.file_name().is_some();
        let readable = matches!(
            kind,
            "text/plain"
                | "text/html"
                | "message/delivery-status"
                | "text/enriched"
                | "text/richtext"
        );
        if attached || !readable {
            return None;
        }
        self.used.push(number);
        let mut source = part.text(
            self.raw,
            if kind == "text/html" {
                html::charset
            } else {
                |_| None
            },
        );
        self.cut |= cut(&mut source);
        Some(match kind {
            "text/html" => Dress {
                page: html::to_text(&source, self.anchors),
                ..Dress::default()
            },
            _ => Dress {
                plain: source,
                ..Dress::default()
            },
        })
    }
}

/// The alternatives joined into one piece.
fn one_of(pieces: Vec<Dress>) -> Vec<Dress> {
    let mut all = Dress::default();
    for piece in pieces {
        append(&mut all.plain, &piece.plain);
        append(&mut all.page, &piece.page);
    }
    vec![all]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::mime;

    fn text(raw: &[u8]) -> String {
        read(&mime::parts(raw), raw, &mut Anchors::default())
            .text
            .trim()
            .to_string()
    }

    fn alternative(plain: &str, page: &str) -> Vec<u8> {
        format!("Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n{plain}\r\n--x\r\nContent-Type: text/html\r\n\r\n{page}\r\n--x--\r\n").into_bytes()
    }

    #[test]
    fn plain_text_is_preferred_to_its_page() {
        assert_eq!(
            text(&alternative("日报正文", "<p>日报正文</p>")),
            "日报正文"
        );
    }

    #[test]
    fn a_page_wins_over_a_stub() {
        assert_eq!(text(&alternative("", "<p>日报</p>")), "日报");
        let long = "活动".repeat(60);
        assert_eq!(
            text(&alternative("请用网页方式查看", &format!("<p>{long}</p>"))),
            long
        );
    }

    #[test]
    fn a_page_wins_with_the_table_that_plain_text_lost() {
        let page = "<table><tr><td>项目</td><td>人数</td></tr><tr><td>展示</td><td>12</td></tr><tr><td>讲座</td><td>9</td></tr></table>";
        assert_eq!(
            text(&alternative("项目\n人数\n展示\n12\n讲座\n9", page)),
            "项目\t人数\n展示\t12\n讲座\t9"
        );
    }

    #[test]
    fn text_around_pictures_is_one_body() {
        let raw = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\nContent-Type: image/jpeg\r\n\r\nJPG\r\n--x\r\n\r\ntwo\r\n--x--\r\n";
        assert_eq!(
            text(raw).split_whitespace().collect::<Vec<_>>(),
            ["one", "two"]
        );
    }

    #[test]
    fn gbk_bodies_without_a_label_are_read() {
        assert_eq!(text(b"Subject: a\r\n\r\n\xC8\xD5\xB1\xA8"), "日报");
        assert_eq!(
            text(b"Content-Type: text/html\r\n\r\n<meta charset=gb2312><p>\xC2\xB7</p>"),
            "路"
        );
    }
}
