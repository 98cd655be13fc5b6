//! The text of documents: one line a paragraph, one line a table row.

mod doc;
mod docx;
mod pdf;
mod rtf;
mod sheet;
mod slides;

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::content::Reading;
use super::format::Format;
use super::host::{Host, Tool};
use super::links::{Anchors, unmarked};
use super::{archive, charset, html, text};

/// More text than this is no report; the rest is not kept.
const TEXT_LIMIT: usize = 4 << 20;

/// Reads the text of a file, or says in Chinese why it cannot be read; a document is never silently empty.
pub fn read(format: Format, bytes: &[u8], host: &mut dyn Host) -> Reading {
    if bytes.is_empty() && format.media() == super::content::Media::Document {
        return Reading::Failed("空文件".to_string());
    }
    let is_zip = bytes.starts_with(b"PK");
    let text = match format {
        Format::Docx | Format::Sheet | Format::Slides if is_zip => guarded(|| {
            archive::fits(bytes)?;
            match format {
                Format::Docx => docx::text(bytes),
                Format::Sheet => sheet::text(bytes),
                _ => slides::text(bytes),
            }
        }),
        Format::Docx => guarded(|| docx::text(bytes)),
        Format::Doc => guarded(|| doc::text(bytes)),
        Format::Sheet => guarded(|| sheet::text(bytes)),
        Format::Rtf => guarded(|| rtf::text(bytes)),
        Format::Text => Ok(charset::decode(bytes, None)),
        Format::Page => Ok(page(bytes)),
        Format::Locked => Err("加密".to_string()),
        Format::Pdf => host
            .run(Tool::PdfText)
            .map(|laid_out| pdf::text(&String::from_utf8_lossy(truncated(&laid_out)))),
        Format::Slides => guarded(|| slides::text(bytes)),
        _ => return Reading::None,
    };
    match text.map(|text| text::lines(&text[..text.floor_char_boundary(TEXT_LIMIT)])) {
        Ok(text) if text.trim().is_empty() => Reading::Failed("没有文字".to_string()),
        Ok(text) => Reading::Text(text),
        Err(why) => Reading::Failed(why),
    }
}

/// Parsers of foreign formats may panic on hostile bytes; that costs one file its text.
fn guarded(read: impl FnOnce() -> Result<String, String>) -> Result<String, String> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("损坏".to_string()))
}

/// A page is mostly blanks, so more than the limit is laid out to reach it.
fn truncated(laid_out: &[u8]) -> &[u8] {
    &laid_out[..laid_out.len().min(2 * TEXT_LIMIT)]
}

fn page(bytes: &[u8]) -> String {
    let source = charset::decode(bytes, html::charset(bytes).as_deref());
    unmarked(&html::to_text(&source, &mut Anchors::default())).into_owned()
}

/// For `fuzz`: a parser without the guard that hides its panics.
#[cfg(any(test, fuzzing))]
pub fn fuzz(format: Format, bytes: &[u8]) {
    let _ = match format {
        Format::Rtf => rtf::text(bytes),
        _ => doc::text(bytes),
    };
}

/// For `fuzz`: the records of OLE2 streams.
#[cfg(any(test, fuzzing))]
pub fn fuzz_ole_text(bytes: &[u8]) {
    doc::fuzz(bytes);
    slides::fuzz(bytes);
}

/// For `fuzz`: a page as pdftotext lays it out.
#[cfg(any(test, fuzzing))]
pub fn fuzz_layout(bytes: &[u8]) {
    pdf::text(&String::from_utf8_lossy(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoTools;

    impl Host for NoTools {
        fn run(&mut self, _: Tool) -> Result<Vec<u8>, String> {
            Err("没有工具".to_string())
        }
    }

    #[test]
    fn an_unreadable_document_says_why() {
        assert_eq!(
            read(Format::Docx, b"", &mut NoTools),
            Reading::Failed("空文件".to_string())
        );
        for format in [
            Format::Docx,
            Format::Doc,
            Format::Sheet,
            Format::Rtf,
            Format::Pdf,
            Format::Text,
        ] {
            assert!(
                matches!(
                    read(format, b"\0\x01\x02", &mut NoTools),
                    Reading::Failed(_)
                ),
                "{format:?}"
            );
        }
    }

    #[test]
    fn plain_text_files_are_read_in_gbk_too() {
        assert_eq!(
            read(Format::Text, b"\xC8\xD5\xB1\xA8\r\n", &mut NoTools),
            Reading::Text("日报".to_string())
        );
    }
}
