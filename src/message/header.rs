//! Header fields, read from the raw bytes: what a parser made of them has lost the Chinese already.

use std::cell::OnceCell;
use std::ops::Range;

use super::content::Address;
use super::parameter::{Parameters, unquote};
use super::{charset, encoded_word, text, transfer};

/// The fields of one header block, in order.
#[derive(Debug, Default)]
pub struct Headers {
    /// Their names and values, one behind the other.
    block: Vec<u8>,
    fields: Vec<Field>,
    kind: OnceCell<String>,
}

/// Where it stands in the block.
#[derive(Debug)]
struct Field {
    /// In lower case.
    name: Range<usize>,
    raw: Range<usize>,
    /// Decoded once it is asked for, which some fields are again and again.
    text: OnceCell<String>,
}

impl Headers {
    /// Reads a block up to its first empty line.
    pub fn read(block: &[u8]) -> Self {
        let mut headers = Self::default();
        headers.block.reserve(block.len().min(1 << 10));
        for line in block.split_inclusive(|&b| b == b'\n') {
            let bare = line.trim_ascii_end();
            match (line.first(), headers.fields.last_mut()) {
                _ if bare.is_empty() => break,
                (Some(b' ' | b'\t'), Some(field)) => {
                    headers.block.extend_from_slice(b"\r\n");
                    headers.block.extend_from_slice(bare);
                    field.raw.end = headers.block.len();
                }
                _ => headers.add(bare),
            }
        }
        headers
    }

    /// A line that begins a field, if it does.
    fn add(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|&b| b == b':') else {
            return;
        };
        let name = line[..colon].trim_ascii();
        if name.is_empty() || name.contains(&b' ') || std::str::from_utf8(name).is_err() {
            return;
        }
        let start = self.block.len();
        self.block.extend(name.iter().map(u8::to_ascii_lowercase));
        let middle = self.block.len();
        self.block.extend_from_slice(line[colon + 1..].trim_ascii());
        self.fields.push(Field {
            name: start..middle,
            raw: middle..self.block.len(),
            text: OnceCell::new(),
        });
    }

    /// The first field of this name (given in lower case), raw: a forger's second From must not win.
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        let field = self.named(name).next()?;
        Some(&self.block[field.raw.clone()])
    }

    fn named<'n>(&self, name: &'n str) -> impl Iterator<Item = &Field> + use<'_, 'n> {
        let named = |field: &&Field| self.block[field.name.clone()] == *name.as_bytes();
        self.fields.iter().filter(named)
    }

    /// The fields that may stand once but stand more often.
    pub fn doubled(&self) -> Vec<String> {
        const ONCE: [&str; 8] = [
            "from",
            "sender",
            "to",
            "cc",
            "subject",
            "date",
            "message-id",
            "content-type",
        ];
        let twice = |name: &&&str| self.all(name).nth(1).is_some();
        ONCE.iter()
            .filter(twice)
            .map(|name| name.to_string())
            .collect()
    }

    /// Every field of this name, raw.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.named(name).map(|field| &self.block[field.raw.clone()])
    }

    /// The first field of this name, decoded and fit to be shown.
    pub fn text(&self, name: &str) -> Option<&str> {
        let field = self.named(name).next()?;
        let raw = &self.block[field.raw.clone()];
        let decode = || text::one_line(&encoded_word::decode(raw));
        Some(field.text.get_or_init(decode))
    }

    /// As [`Headers::text`], in lower case; empty where there is none.
    pub fn token(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_lowercase()
    }

    /// Whether such a field stands here.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The first address of the first field of this name.
    pub fn address(&self, name: &str) -> Option<Address> {
        let raw = self.raw(name)?;
        Some(address(&charset::decode(raw, None)))
    }

    /// The ids between angle brackets, or the bare word where a sender left them off.
    pub fn ids(&self, name: &str) -> Vec<String> {
        let value = self
            .raw(name)
            .map(|raw| charset::decode(raw, None))
            .unwrap_or_default();
        let ids = value.split([' ', '\t', '\r', '\n', '<', '>', ',']);
        ids.filter(|id| id.contains('@') || value.trim() == *id && !id.is_empty())
            .map(text::one_line)
            .collect()
    }

    /// `type/subtype` in lower case; text/plain where none is given (RFC 2045 section 5.2).
    pub fn content_type(&self) -> &str {
        self.kind.get_or_init(|| {
            let value = self.token("content-type");
            let kind = value.split(';').next().unwrap_or_default().trim();
            match kind.contains('/') {
                true => kind.to_string(),
                false => "text/plain".to_string(),
            }
        })
    }

    /// A parameter such as `charset`, whatever way its value is encoded.
    pub fn parameter(&self, field: &str, name: &str) -> Option<String> {
        let value = charset::decode(self.raw(field)?, None);
        let parameters = Parameters::read(&value);
        parameters.extended(name).or_else(|| {
            parameters
                .simple(name)
                .map(|value| encoded_word::decode_str(&value))
        })
    }

    /// The best of the names that a part gives its file, not yet safe to use.
    pub fn file_name(&self) -> Option<String> {
        let read = |field| {
            self.raw(field)
                .map(|raw| Parameters::read(&charset::decode(raw, None)))
                .unwrap_or_default()
        };
        let (disposition, kind) = (read("content-disposition"), read("content-type"));
        let extended = disposition
            .extended("filename")
            .or_else(|| kind.extended("name"));
        let simple = [disposition.simple("filename"), kind.simple("name")]
            .into_iter()
            .flatten()
            .map(loose_name);
        extended
            .into_iter()
            .chain(simple)
            .filter(|name| !name.trim().is_empty())
            .min_by_key(|name| unreadable(name))
    }
}

/// How many characters of a name were lost on the way.
fn unreadable(name: &str) -> usize {
    name.chars()
        .filter(|c| matches!(c, '?' | '\u{FFFD}'))
        .count()
}

/// A name in the old style: encoded words inside of quotes, or the percent signs of a web address.
fn loose_name(value: String) -> String {
    let decoded = encoded_word::decode_str(&value);
    let bytes = transfer::percent(decoded.as_bytes());
    let plain = if bytes.is_ascii() {
        String::new()
    } else {
        charset::decode(&bytes, None)
    };
    if decoded.is_ascii() && !plain.is_empty() && !plain.contains('\u{FFFD}') {
        plain
    } else {
        decoded
    }
}

/// Reads one address as headers and quoted mails write it: `"name" <a@b>`, `a@b (name)`, `name [mailto:a@b]`.
pub fn address(field: &str) -> Address {
    let field = field.trim();
    let open = split_at_unquoted(field, ['<', '[']);
    let (name, rest) = open.unwrap_or(("", field));
    let inside = rest
        .split(['>', ']', '(', ',', ';', '；'])
        .next()
        .unwrap_or_default()
        .trim();
    let address = inside.trim_start_matches("mailto:").trim();
    if !address.contains('@') || address.contains(char::is_whitespace) {
        return Address {
            name: display_name(if open.is_some() { name } else { inside }),
            address: String::new(),
        };
    }
    let comment = rest
        .split_once('(')
        .map(|(_, comment)| comment.trim_end_matches(')'));
    let name = if open.is_some() {
        name
    } else {
        comment.unwrap_or_default()
    };
    Address {
        name: display_name(name),
        address: text::one_line(address).to_lowercase(),
    }
}

fn split_at_unquoted(field: &str, marks: [char; 2]) -> Option<(&str, &str)> {
    let mut quoted = false;
    let at = field.find(|c| {
        quoted ^= c == '"';
        !quoted && marks.contains(&c)
    })?;
    Some((&field[..at], &field[at + 1..]))
}

fn display_name(name: &str) -> String {
    let name = encoded_word::decode_str(&unquote(name));
    text::one_line(&name)
        .trim_matches(['"', '\'', ' ', '“', '”'])
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(block: &str) -> String {
        Headers::read(block.as_bytes())
            .file_name()
            .unwrap_or_default()
    }

    #[test]
    fn the_first_from_wins() {
        let headers = Headers::read(b"From: a <A@x.cn>\r\nfrom: evil@x\r\n\r\nbody");
        assert_eq!(headers.address("from").unwrap().address, "a@x.cn");
    }

    #[test]
    fn raw_gbk_names_with_a_backslash_byte_are_decoded_before_unquoting() {
        let block =
            b"Content-Disposition: attachment; filename=\"\xD5\x5C\xC8\xD5\xB1\xA8.doc\"\r\n";
        assert_eq!(Headers::read(block).file_name().unwrap(), "誠日报.doc");
    }

    #[test]
    fn continued_names_are_joined_before_decoding() {
        let gb = "Content-Disposition: attachment;\r\n filename*0*=gb18030''%C8%D5%B1;\r\n filename*1*=%A8.docx\r\n";
        assert_eq!(named(gb), "日报.docx");
        let utf8 =
            "Content-Disposition: attachment; filename*1*=%A5.docx; filename*0*=utf-8''%E6%97\r\n";
        assert_eq!(named(utf8), "日.docx");
        assert_eq!(
            named("Content-Disposition: attachment; filename*0=\"a b\"; filename*1=\"c.txt\"\r\n"),
            "a bc.txt"
        );
    }

    #[test]
    fn the_extended_name_beats_the_question_marks() {
        let both = "Content-Disposition: attachment; filename=\"????.docx\"; filename*=UTF-8''%E6%97%A5%E6%8A%A5.docx\r\n";
        assert_eq!(named(both), "日报.docx");
        let quoted =
            "Content-Type: image/jpeg; name=\"____.JPG\"; name*=\"gbk''%C8%D5%B1%A8.JPG\"\r\n";
        assert_eq!(named(quoted), "日报.JPG");
        let two = "Content-Type: image/jpeg; name=\"=?gbk?B?yNWxqA==?=.jpg\"\r\nContent-Disposition: inline; filename=\"??.jpg\"\r\n";
        assert_eq!(named(two), "日报.jpg");
    }

    #[test]
    fn percent_signs_and_words_inside_a_name_are_decoded() {
        assert_eq!(
            named("Content-Disposition: attachment; filename=\"%E6%97%A5%E6%8A%A5.docx\"\r\n"),
            "日报.docx"
        );
        assert_eq!(
            named("Content-Type: a/b; name=\"x_=?utf-8?B?5pel5oql?=.bak\"\r\n"),
            "x_日报.bak"
        );
        assert_eq!(
            named("Content-Type: a/b; name=\"100%.txt\"\r\n"),
            "100%.txt"
        );
    }

    #[test]
    fn semicolons_and_escapes_in_quotes_belong_to_the_name() {
        assert_eq!(
            named("Content-Type: a/b; name=\"a;b\\\"c.txt\"; x=y\r\n"),
            "a;b\"c.txt"
        );
        assert_eq!(
            named("Content-Type: a/b; name=\"never closed.txt\r\n"),
            "never closed.txt"
        );
    }

    #[test]
    fn addresses_are_read_in_every_dress() {
        let read = |field: &str| {
            let a = address(field);
            (a.name, a.address)
        };
        let both = |name: &str| (name.to_string(), "a@b.cn".to_string());
        assert_eq!(read("\"张三\"<A@b.cn>"), both("张三"));
        assert_eq!(read("=?gbk?B?1cXI/Q==?= <a@b.cn>, c@d"), both("张三"));
        assert_eq!(read("\"=?gbk?B?1cXI/Q==?=\" <a@b.cn>"), both("张三"));
        assert_eq!(read("a@b.cn (张三)"), both("张三"));
        assert_eq!(read("张三 [mailto:a@b.cn]"), both("张三"));
        assert_eq!(read("<a@b.cn>"), both(""));
        assert_eq!(read("\"a<b\" <a@b.cn>"), both("a<b"));
        assert_eq!(read("张三"), ("张三".to_string(), String::new()));
        assert_eq!(read("<>"), (String::new(), String::new()));
    }

    #[test]
    fn an_encoded_line_break_cannot_start_a_header() {
        let headers =
            Headers::read(b"Subject: =?utf-8?Q?=E6=97=A5=0D=0ABcc:_evil@x=E2=80=AE?=\r\n");
        assert_eq!(headers.text("subject").unwrap(), "日 Bcc: evil@x");
    }

    #[test]
    fn ids_lose_their_brackets() {
        let headers = Headers::read(b"References: <a@b>\r\n <c@d>\r\nMessage-ID: bare\r\n");
        assert_eq!(headers.ids("references"), ["a@b", "c@d"]);
        assert_eq!(headers.ids("message-id"), ["bare"]);
    }
}
