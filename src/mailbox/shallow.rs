//! A guard before the IMAP library. Its parser calls itself for each bracket that a server opens: a line of some thousand
//! would take all stack and with it the whole process, which nothing can catch. And it reads a line anew for each 4 kB
//! that arrive of it, so that one without end would keep a thread for hours.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Open brackets in one line. What we ask for needs three.
const DEEPEST: usize = 100;
/// Bytes of a line beside its literals: some 380,000 UIDs of ten digits, in answer to a SEARCH.
const LONGEST: usize = 4 << 20;
/// Of a line as much as tells whether it is a FETCH.
const HEAD: usize = 24;

/// A stream that fails where a line is nested too deep or too long, or a mail longer or shorter than stated. Mails are
/// not looked into.
#[derive(Debug)]
pub struct Shallow<S> {
    inner: S,
    line: Line,
}

/// What is known of the line being read.
#[derive(Debug, Default)]
struct Line {
    head: Vec<u8>,
    length: usize,
    depth: usize,
    /// Digits of `{12`, and whether the brace was closed.
    literal: Option<(usize, bool)>,
    /// Bytes of a literal that are still to come.
    left: usize,
    /// Whether they have just come.
    literal_ended: bool,
}

impl<S> Shallow<S> {
    /// Around a stream at the beginning of a line.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            line: Line::default(),
        }
    }
}

impl Line {
    /// Whether all of `bytes`, which follow those before, may be parsed.
    fn take(&mut self, mut bytes: &[u8]) -> bool {
        while let [byte, rest @ ..] = bytes {
            if self.left > 0 {
                let skipped = self.left.min(bytes.len());
                self.left -= skipped;
                self.literal_ended = self.left == 0;
                bytes = &bytes[skipped..];
                continue;
            }
            // Of a literal that is not of its length the library would write out every byte, in words.
            if std::mem::take(&mut self.literal_ended) && !b") ".contains(byte) {
                return false;
            }
            self.step(*byte);
            self.length += 1;
            if self.depth > DEEPEST || self.length > LONGEST {
                return false;
            }
            bytes = rest;
        }
        true
    }

    fn step(&mut self, byte: u8) {
        self.literal = match (byte, self.literal) {
            (b'\n', Some((length, true))) if self.is_fetch() => {
                self.left = length;
                None
            }
            (b'\n', _) => return *self = Self::default(),
            (b'{', _) => Some((0, false)),
            (b'0'..=b'9', Some((length, false))) => {
                let digit = usize::from(byte - b'0');
                Some((length.saturating_mul(10).saturating_add(digit), false))
            }
            (b'}', Some((length, false))) => Some((length, true)),
            (b'\r', literal) => literal,
            _ => None,
        };
        match byte {
            b'(' => self.depth += 1,
            b')' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if self.head.len() < HEAD {
            self.head.push(byte);
        }
    }

    /// Only there a literal is a mail; anywhere else `{12}` may be words.
    fn is_fetch(&self) -> bool {
        let number = self.head.strip_prefix(b"* ").unwrap_or_default();
        let digits = number.iter().take_while(|b| b.is_ascii_digit()).count();
        let verb = number[digits..].get(..8).unwrap_or_default();
        digits > 0 && verb.eq_ignore_ascii_case(b" FETCH (")
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Shallow<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let shallow = self.line.take(&buffer.filled()[before..]);
        let deep = || {
            Error::new(
                ErrorKind::InvalidData,
                "a line is too long, nested too deep, or holds a literal that is not of its length",
            )
        };
        Poll::Ready(shallow.then_some(()).ok_or_else(deep))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Shallow<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::fuzz::server;

    #[test]
    fn a_literal_that_is_not_of_its_length_ends_the_connection() {
        for (mail, whole) in [
            ("{4}\r\nmail)", true),
            ("{4}\r\nmail UID 7)", true),
            ("{0}\r\n)", true),
            ("{4}\r\nmails)", false),
            ("{5}\r\nmail)\r\n", false),
        ] {
            let line = format!("* 1 FETCH (BODY[] {mail}\r\n");
            let all_at_once = Line::default().take(line.as_bytes());
            let mut by_bytes = Line::default();
            let one_by_one = line.bytes().all(|byte| by_bytes.take(&[byte]));
            assert_eq!((all_at_once, one_by_one), (whole, whole), "{mail}");
        }
    }

    #[test]
    fn a_line_of_brackets_ends_the_connection_and_not_the_process() {
        let brackets = "(".repeat(100_000);
        for line in [
            format!("* 1 FETCH (BODYSTRUCTURE {brackets}"),
            format!("* OK {{100000}}\r\n* 1 FETCH (BODYSTRUCTURE {brackets}"),
        ] {
            server(format!("* OK ready\r\nA0001 OK in\r\n{line}").as_bytes());
            server(line.as_bytes());
        }
    }

    #[test]
    fn brackets_in_a_mail_are_its_own() {
        let mail = "(".repeat(500);
        let answer = format!("* 12 FETCH (UID 5 BODY[] {{500}}\r\n{mail})\r\n* OK done\r\n");
        for cut in 0..answer.len() {
            let mut line = Line::default();
            let (one, other) = answer.as_bytes().split_at(cut);
            assert!(line.take(one) && line.take(other) && line.depth == 0);
        }
        assert!(!Line::default().take(format!("* OK {{500}}\r\n{mail}").as_bytes()));
    }

    #[test]
    fn a_line_has_an_end_and_a_mail_may_be_longer() {
        let mut line = Line::default();
        assert!(line.take(b"* 1 FETCH (BODY[] {8000000}\r\n"));
        assert!(line.take(&[b'a'; 8_000_000]) && line.take(b")\r\n"));
        assert!(!line.take(&[b'a'; 8_000_000]));
    }
}
