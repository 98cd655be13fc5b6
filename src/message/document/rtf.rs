//! Rich Text Format: control words, groups, and characters in the document's own code page or in Unicode.

use crate::message::charset;

/// Groups that hold no text of the document.
const SILENT: [&str; 17] = [
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "object",
    "themedata",
    "datastore",
    "listtable",
    "listoverridetable",
    "latentstyles",
    "generator",
    "fldinst",
    "xmlnstbl",
    "rsidtbl",
    "colorschememapping",
    "revtbl",
];

/// The text, one line a paragraph; table cells are parted by tabs.
pub fn text(bytes: &[u8]) -> Result<String, String> {
    if !bytes.starts_with(b"{\\rtf") {
        return Err("损坏".to_string());
    }
    let mut reader = Reader {
        code_page: "gbk".to_string(),
        groups: vec![Group {
            silent: false,
            skip: 1,
        }],
        ..Reader::default()
    };
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        rest = match first {
            b'{' => reader.open(tail),
            b'}' => reader.close(tail),
            b'\\' => reader.control(tail),
            b'\r' | b'\n' => tail,
            _ => reader.byte(first, tail),
        };
    }
    reader.flush();
    Ok(reader.out)
}

#[derive(Clone, Copy)]
struct Group {
    silent: bool,
    /// How many characters stand after each `\u` for readers without Unicode.
    skip: usize,
}

#[derive(Default)]
struct Reader {
    out: String,
    /// Bytes of the code page that wait to be decoded together.
    pending: Vec<u8>,
    surrogate: Option<u16>,
    code_page: String,
    groups: Vec<Group>,
    to_skip: usize,
}

impl Reader {
    fn group(&mut self) -> &mut Group {
        if self.groups.is_empty() {
            self.groups.push(Group {
                silent: false,
                skip: 1,
            });
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    fn open<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let group = *self.group();
        self.groups.push(group);
        self.to_skip = 0;
        rest
    }

    fn close<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        self.groups.pop();
        self.to_skip = 0;
        rest
    }

    fn byte<'a>(&mut self, byte: u8, rest: &'a [u8]) -> &'a [u8] {
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else if !self.group().silent {
            self.pending.push(byte);
        }
        rest
    }

    /// What follows a backslash: an escaped byte, a symbol, or a word with an optional number.
    fn control<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        match rest {
            [b'\'', high, low, tail @ ..] => {
                let digit = |b: u8| char::from(b).to_digit(16).unwrap_or(0) as u8;
                self.byte(digit(*high) << 4 | digit(*low), tail)
            }
            [b'*', tail @ ..] => {
                self.group().silent = true;
                tail
            }
            [b'~', tail @ ..] => self.byte(b' ', tail),
            [b @ (b'\\' | b'{' | b'}'), tail @ ..] => self.byte(*b, tail),
            [b'a'..=b'z' | b'A'..=b'Z', ..] => self.word(rest),
            _ => rest.get(1..).unwrap_or_default(),
        }
    }

    fn word<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let letters = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let name = String::from_utf8_lossy(&rest[..letters]).into_owned();
        let signed = usize::from(rest.get(letters) == Some(&b'-'));
        let digits = rest[letters + signed..]
            .iter()
            .take(10)
            .take_while(|b| b.is_ascii_digit())
            .count();
        let end = if digits > 0 {
            letters + signed + digits
        } else {
            letters
        };
        let number = std::str::from_utf8(&rest[letters..end])
            .ok()
            .and_then(|digits| digits.parse::<i32>().ok());
        let tail = &rest[end..];
        self.obey(&name, number);
        let tail = tail.strip_prefix(b" ").unwrap_or(tail);
        match (name.as_str(), number) {
            ("bin", Some(length)) => tail
                .get(usize::try_from(length).unwrap_or(0)..)
                .unwrap_or_default(),
            _ => tail,
        }
    }

    fn obey(&mut self, name: &str, number: Option<i32>) {
        match name {
            "ansicpg" => self.code_page = format!("windows-{}", number.unwrap_or(936)),
            "uc" => self.group().skip = usize::try_from(number.unwrap_or(1)).unwrap_or(1).min(8),
            "u" => self.unicode(number.unwrap_or(0) as u16),
            "par" | "line" | "row" | "sect" | "page" => self.push('\n'),
            "tab" | "cell" => self.push('\t'),
            "ldblquote" => self.push('“'),
            "rdblquote" => self.push('”'),
            "lquote" => self.push('‘'),
            "rquote" => self.push('’'),
            "emdash" => self.push('—'),
            "endash" => self.push('–'),
            "bullet" => self.push('•'),
            _ if SILENT.contains(&name) || name.starts_with("header") && name != "headery" => {
                self.group().silent = name != "header"
            }
            _ => {}
        }
    }

    /// A number is a UTF-16 unit, negative above 32767; what follows for older readers is passed over.
    fn unicode(&mut self, unit: u16) {
        self.to_skip = self.group().skip;
        match (self.surrogate.take(), unit) {
            (None, 0xD800..=0xDBFF) => self.surrogate = Some(unit),
            (Some(high), _) => char::decode_utf16([high, unit])
                .flatten()
                .for_each(|c| self.push(c)),
            (None, _) => char::decode_utf16([unit])
                .flatten()
                .for_each(|c| self.push(c)),
        }
    }

    fn push(&mut self, c: char) {
        if !self.group().silent {
            self.flush();
            self.out.push(c);
        }
    }

    fn flush(&mut self) {
        let bytes = std::mem::take(&mut self.pending);
        self.out
            .push_str(&charset::decode(&bytes, Some(&self.code_page)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gbk_bytes_and_unicode_numbers_are_read() {
        let rtf = br"{\rtf1\ansi\ansicpg936{\fonttbl{\f0 \'cb\'ce;}}\f0 \'c8\'d5\'b1\'a8\par\uc1\u26085?\u25253?\u-10174?\u-8265?{\*\generator x}a\{b\}\cell c\row}";
        assert_eq!(text(rtf).unwrap(), "日报\n日报𠮷a{b}\tc\n");
    }

    #[test]
    fn broken_groups_are_survived() {
        for rtf in [
            &b"{\\rtf1}}}}a"[..],
            b"{\\rtf1\\",
            b"{\\rtf1\\'c",
            b"{\\rtf1\\bin99999 a",
            b"{\\rtf1\\u99999999999a",
        ] {
            let _ = text(rtf);
        }
    }
}
