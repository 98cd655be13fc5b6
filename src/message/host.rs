//! What reading asks of the world around it; the reader process passes it on over its pipe.

use serde::{Deserialize, Serialize};

/// A program from outside that reads a format for us, on a file it is given, in a cage of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tool {
    /// poppler's pdftotext: UTF-8 text, laid out as on the page.
    PdfText,
    /// libheif's heif-convert: a JPEG, turned upright.
    HeicPicture,
    /// ffmpeg: a JPEG of a frame one second into a video.
    VideoFrame,
}

/// Who keeps the files of a mail and runs tools on them.
pub trait Host {
    /// Takes the bytes of a file, and gives the name by which the content is to know it: every file once, in the order
    /// of `files`, and every thumbnail behind its file.
    fn keep(&mut self, bytes: &[u8]) -> String {
        super::sha256(bytes)
    }
    /// What the tool makes of the file that was kept last, or in Chinese why it makes nothing of it.
    fn run(&mut self, tool: Tool) -> Result<Vec<u8>, String>;
    /// So many bytes of a large mail from there on, or fewer at its end.
    fn raw(&mut self, _from: u64, _length: usize) -> &[u8] {
        &[]
    }
    /// Whether the mail had its time: files are listed and kept from now on, but no more opened.
    fn is_late(&self) -> bool {
        false
    }
}
