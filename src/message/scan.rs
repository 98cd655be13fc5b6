//! A cheap look at a mail before any parser sees it: some shapes cost a parser its stack or hours of time.

use memchr::{memchr, memchr3, memrchr};

/// Deeper than any chain of forwards; a parser's stack ends at some thousands.
const ATTACHED_MAILS: usize = 50;
/// Unclosed siblings are searched to the end of the mail each, in quadratic time.
const MULTIPARTS: usize = 200;
/// Lines that may be boundaries: each is a part to a parser, with memory and fields of its own.
const BOUNDARIES: usize = 10_000;
const HEADER_BLOCK: usize = 1 << 20;
/// Parameter lists are parsed in quadratic time.
const CONTENT_FIELD: usize = 64 << 10;
/// Sixteen times the 70 MB that the mailbox takes.
const MAIL: usize = 1 << 30;

/// Ok, or why no parser may see this mail, in Chinese for staff.
pub fn scan(raw: &[u8]) -> Result<(), String> {
    if raw.len() > MAIL {
        return Err("邮件过大，未解析".to_string());
    }
    let mut seen = Seen {
        in_header: true,
        ..Seen::default()
    };
    seen.mail(raw)
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    attached: usize,
    multiparts: usize,
    boundaries: usize,
    in_header: bool,
    block: usize,
    content_field: Option<usize>,
}

impl Seen {
    fn mail(&mut self, raw: &[u8]) -> Result<(), String> {
        let (mut at, mut marks) = (0, Marks::default());
        while at < raw.len() {
            let end = memchr(b'\n', &raw[at..]).map_or(raw.len(), |end| at + end + 1);
            self.line(&raw[at..end])?;
            at = match self.in_header {
                true => end,
                false => self.pass(raw, end, marks.next(raw, end)),
            };
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        if line.starts_with(b"--") {
            (self.in_header, self.block, self.content_field) = (true, 0, None);
            self.boundaries += 1;
        } else if line.trim_ascii().is_empty() {
            self.in_header = false;
        }
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        // A line of base64 holds no colon, and begins with no blank; what is counted holds a slash.
        if (folded || memchr(b':', line).is_some()) && memchr(b'/', line).is_some() {
            self.count(line);
        }
        self.measure(line, folded);
        self.verdict()
    }

    /// Passes over the lines of a body up to that of the next mark, as base64: what is seen in them is that no field goes on.
    fn pass(&mut self, raw: &[u8], from: usize, marked: usize) -> usize {
        let passed = match marked == raw.len() {
            true => marked,
            false => memrchr(b'\n', &raw[from..marked]).map_or(from, |end| from + end + 1),
        };
        if passed > from {
            self.content_field = None;
        }
        passed
    }

    fn count(&mut self, line: &[u8]) {
        let line =
            String::from_utf8_lossy(&line[..line.len().min(CONTENT_FIELD)]).to_ascii_lowercase();
        self.attached +=
            line.matches("message/rfc822").count() + line.matches("message/global").count();
        self.multiparts += line.matches("multipart/").count();
    }

    fn measure(&mut self, line: &[u8], folded: bool) {
        self.block += if self.in_header { line.len() } else { 0 };
        self.content_field = match self.content_field {
            Some(length) if folded => Some(length + line.len()),
            _ if line
                .get(..8)
                .is_some_and(|start| start.eq_ignore_ascii_case(b"content-")) =>
            {
                Some(line.len())
            }
            _ => None,
        };
    }

    fn verdict(&self) -> Result<(), String> {
        let refusal = if self.attached > ATTACHED_MAILS {
            "邮件嵌套层数过多，未解析"
        } else if self.multiparts > MULTIPARTS || self.boundaries > BOUNDARIES {
            "邮件分段过多，未解析"
        } else if self.block > HEADER_BLOCK
            || self
                .content_field
                .is_some_and(|length| length > CONTENT_FIELD)
        {
            "邮件头过长，未解析"
        } else {
            return Ok(());
        };
        Err(refusal.to_string())
    }
}

/// Where the next byte stands that a boundary or a field has, or that goes on with one. Each kind is looked for again only
/// once it is passed: else a far one would be looked for from every line.
#[derive(Debug, Default)]
struct Marks {
    mark: usize,
    tab: usize,
}

impl Marks {
    /// From a place on that is never before the last; the end where there is none.
    fn next(&mut self, raw: &[u8], from: usize) -> usize {
        let place = |found: Option<usize>| found.map_or(raw.len(), |at| from + at);
        if self.mark < from {
            self.mark = place(memchr3(b':', b'-', b' ', &raw[from..]));
        }
        if self.tab < from {
            self.tab = place(memchr(b'\t', &raw[from..]));
        }
        self.mark.min(self.tab)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_without_marks_are_passed_over_and_all_others_seen(
            text in "([a:/ \t-]|--|\n|\r\n|Content-A: b/c|content-|Message/RFC822){0,24}"
        ) {
            let start = Seen { in_header: false, content_field: Some(1), ..Seen::default() };
            let (mut all, mut some) = (start.clone(), start);
            for line in text.as_bytes().split_inclusive(|&b| b == b'\n') {
                all.line(line).unwrap();
            }
            some.mail(text.as_bytes()).unwrap();
            prop_assert_eq!(some, all);
        }
    }

    #[test]
    fn a_thousand_nested_mails_are_refused() {
        let raw = "Content-Type: message/rfc822\r\n\r\n".repeat(1000);
        assert!(scan(raw.as_bytes()).unwrap_err().contains("嵌套"));
        let folded = "Content-Type:\r\n MESSAGE/RFC822\r\n\r\n".repeat(1000);
        assert!(scan(folded.as_bytes()).is_err());
    }

    #[test]
    fn hundreds_of_multiparts_and_thousands_of_parts_are_refused() {
        let raw = "--a\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n".repeat(300);
        assert!(scan(raw.as_bytes()).unwrap_err().contains("分段"));
        let raw = "--a\r\n\r\nx\r\n".repeat(20_000);
        assert!(scan(raw.as_bytes()).unwrap_err().contains("分段"));
    }

    #[test]
    fn a_header_of_megabytes_is_refused_but_a_long_body_line_is_not() {
        let names = format!("Content-Type: a/b;{}\r\n\r\n", " n*1*=a;".repeat(20_000));
        assert!(scan(names.as_bytes()).unwrap_err().contains("头"));
        let endless = format!("Subject: a\r\n{}", "X-A: b\r\n".repeat(200_000));
        assert!(scan(endless.as_bytes()).is_err());
        let body = format!("Subject: a\r\n\r\n{}", "x: y ".repeat(1_000_000));
        assert_eq!(scan(body.as_bytes()), Ok(()));
    }

    #[test]
    fn a_million_lines_with_one_mark_take_no_time() {
        for line in ["\tx\n", "a\tb\n", "a:b\n"] {
            let raw = format!("Subject: a\r\n\r\n{}", line.repeat(1_000_000));
            assert_eq!(scan(raw.as_bytes()), Ok(()));
        }
    }

    #[test]
    fn many_recipients_are_no_attack() {
        let raw = format!(
            "To: {}\r\nSubject: a\r\n\r\n",
            "someone@example.cn,\r\n ".repeat(4000)
        );
        assert_eq!(scan(raw.as_bytes()), Ok(()));
    }
}
