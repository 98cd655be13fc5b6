//! The talk between the daemon and its reader: frames of a tag, a length in eight bytes (little-endian) and a payload.

use std::io::{self, Read, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message::Tool;

/// First argument of the reader.
pub const READER: &str = "read-mails-in-a-cage";
/// First argument of a tool's cage; its name is the second.
pub const TOOL: &str = "run-tool-in-a-cage";

/// A longer mail is read without the base64 of its files, which a parser would decode for nothing.
pub const SHORT: usize = 256 << 10;

/// What the daemon asks, or answers to the reader's own questions. The bytes of a mail follow in a frame of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Read the mail that follows, and its files as long as this lasts.
    Read(Duration),
    /// Read so many short mails that follow, each as if it had been sent alone; they are answered in their order.
    ReadMany(Duration, usize),
    /// Read the mail that follows, but open none of its files.
    ReadBodyOnly,
    /// The same two for a mail of so many bytes, which are asked for piece by piece.
    ReadLarge(Duration, u64),
    /// See there.
    ReadLargeBodyOnly(u64),
    /// Try what the cage must forbid.
    Drill(Drill),
}

/// What the reader sends. Bytes follow in a frame of their own where said so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// Keep the file that follows.
    Keep,
    /// Send so many bytes of the large mail from there on; answered by one frame.
    Piece(u64, usize),
    /// Run a tool on the file that was kept last; answered by one frame of text or reason.
    Run(Tool),
    /// The mail's content follows, as JSON, and its text in a frame of its own; for their hashes it numbers the files from 0,
    /// as they were handed over.
    Content,
    /// What came of a drill.
    Drilled(String),
}

/// An attack on the cage from inside, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Drill {
    Exit,
    Hang,
    Allocate,
    OpenSocket,
    OpenFile,
    WriteFile,
    StartProcess,
}

/// A frame longer than this is a breach.
const FRAME: u64 = 1 << 30;

/// The same for a value or a text: a mail's content, with at most 16 MB of texts.
const WORDS: u64 = 128 << 20;
/// Bytes that a buffer keeps from one frame to the next.
const BUFFERED: usize = 1 << 20;

/// Writes one frame and flushes it.
pub fn send(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    put(to, bytes)?;
    to.flush()
}

/// Writes one frame that others follow.
pub fn put(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)
}

/// Opens one frame to be read as a stream; [`io::ErrorKind::InvalidData`] where it is too long.
pub fn open<R: Read>(from: &mut R) -> io::Result<io::Take<&mut R>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > FRAME {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(from.take(length))
}

/// Reads one frame; [`io::ErrorKind::InvalidData`] where it is too long.
pub fn receive(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    receive_into(from, &mut bytes)?;
    Ok(bytes)
}

/// The same in place of what `bytes` held.
pub fn receive_into(from: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    whole(open(from)?, bytes)
}

/// Empties a buffer for the next frame; what a long one took is given back.
pub fn clear(bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.shrink_to(BUFFERED);
}

fn whole(mut frame: io::Take<impl Read>, bytes: &mut Vec<u8>) -> io::Result<()> {
    let length = frame.limit();
    bytes.clear();
    // Grown as the bytes come: a length that lies reserves nothing.
    bytes.reserve(length.min(1 << 20) as usize);
    if frame.read_to_end(bytes)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Writes a value as one frame of JSON.
pub fn say<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    begin(to, value)?;
    to.flush()
}

/// The same where other frames follow.
pub fn begin<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    put(to, &serde_json::to_vec(value)?)
}

/// Reads a value from one frame of JSON.
pub fn hear<T: for<'a> Deserialize<'a>>(from: &mut impl Read) -> io::Result<T> {
    hear_into(from, &mut Vec::new())
}

/// The same; `bytes` are those of a frame before it, in place of which it is read.
pub fn hear_into<T: for<'a> Deserialize<'a>>(
    from: &mut impl Read,
    bytes: &mut Vec<u8>,
) -> io::Result<T> {
    Ok(serde_json::from_str(text_into(from, bytes)?)?)
}

/// Reads a text from one frame, in place of the bytes of one before it.
pub fn text_into<'a>(from: &mut impl Read, bytes: &'a mut Vec<u8>) -> io::Result<&'a str> {
    let frame = open(from)?;
    if frame.limit() > WORDS {
        return Err(io::ErrorKind::InvalidData.into());
    }
    whole(frame, bytes)?;
    simdutf8::basic::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_as_it_went() {
        let mut pipe = Vec::new();
        send(&mut pipe, b"mail").unwrap();
        say(&mut pipe, &Reply::Run(Tool::PdfText)).unwrap();
        let mut pipe = pipe.as_slice();
        assert_eq!(receive(&mut pipe).unwrap(), b"mail");
        assert_eq!(hear::<Reply>(&mut pipe).unwrap(), Reply::Run(Tool::PdfText));
        assert!(receive(&mut pipe).is_err());
    }

    #[test]
    fn a_length_that_lies_is_an_error() {
        assert!(receive(&mut [0xFF; 20].as_slice()).is_err());
        assert!(receive(&mut [9, 0, 0, 0, 0, 0, 0, 0, b'a'].as_slice()).is_err());
    }
}
