//! Word's .docx: a zip of XML parts (ECMA-376).

use std::io::{Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

/// A part of text beyond this size is no report.
const PART_LIMIT: u64 = 32 << 20;

/// Headers, then the document, then footers and notes.
pub fn text(bytes: &[u8]) -> Result<String, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| "损坏".to_string())?;
    let mut names: Vec<String> = archive
        .file_names()
        .flatten()
        .filter(|name| rank(name).is_some())
        .map(Into::into)
        .collect();
    names.sort_by_key(|name| (rank(name), name.clone()));
    if !names.iter().any(|name| name == "word/document.xml") {
        return Err("损坏".to_string());
    }
    let mut text = String::new();
    for name in names {
        let xml = part(&mut archive, &name)?;
        text.push_str(&Walker::walk(&xml));
    }
    Ok(text)
}

fn rank(name: &str) -> Option<u8> {
    let part = name.strip_prefix("word/")?.strip_suffix(".xml")?;
    let kind = part.trim_end_matches(|c: char| c.is_ascii_digit());
    ["header", "document", "footnotes", "endnotes", "footer"]
        .iter()
        .position(|own| *own == kind)
        .map(|rank| rank as u8)
}

fn part(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<String, String> {
    let entry = archive.by_name(name).map_err(|error| match error {
        zip::result::ZipError::UnsupportedArchive(_) => "加密".to_string(),
        _ => "损坏".to_string(),
    })?;
    let mut xml = Vec::new();
    entry
        .take(PART_LIMIT)
        .read_to_end(&mut xml)
        .map_err(|_| "损坏".to_string())?;
    Ok(String::from_utf8_lossy(&xml).into_owned())
}

/// Gathers the text of one part. Open table cells have a text of their own.
#[derive(Default)]
struct Walker {
    out: String,
    cells: Vec<Vec<String>>,
    in_text: bool,
    /// How many elements deep inside of a part that is passed over.
    skipped: usize,
}

impl Walker {
    fn walk(xml: &str) -> String {
        let mut walker = Self::default();
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = false;
        loop {
            match reader.read_event() {
                Ok(Event::Start(start)) => walker.start(&start),
                Ok(Event::Empty(start)) => walker.empty(local(start.name().as_ref())),
                Ok(Event::End(end)) => walker.end(local(end.name().as_ref())),
                Ok(Event::Text(text)) => walker.text(text.as_ref()),
                Ok(Event::GeneralRef(entity)) => walker.text(&crate::message::html::entities(
                    &format!("&{};", entity.as_ref() as &str),
                )),
                Ok(Event::Eof) | Err(_) => break,
                Ok(_) => {}
            }
        }
        walker.out
    }

    fn start(&mut self, start: &BytesStart) {
        let name = start.name();
        let name = local(name.as_ref());
        // The fallback repeats a text box for older programs; deleted text and field codes are not shown.
        if self.skipped > 0
            || matches!(
                name,
                "Fallback"
                    | "del"
                    | "delText"
                    | "instrText"
                    | "moveFrom"
                    | "pPrChange"
                    | "rPrChange"
            )
        {
            self.skipped += 1;
            return;
        }
        match name {
            "t" => self.in_text = true,
            "tr" => self.cells.push(Vec::new()),
            "tc" => {
                if let Some(row) = self.cells.last_mut() {
                    row.push(String::new());
                }
            }
            _ => {}
        }
    }

    fn empty(&mut self, name: &str) {
        match name {
            _ if self.skipped > 0 => {}
            "tab" | "ptab" => self.push("\t"),
            "br" | "cr" => self.push("\n"),
            "noBreakHyphen" => self.push("-"),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        match name {
            "t" => self.in_text = false,
            "p" | "txbxContent" => self.push("\n"),
            "tr" => {
                let cells = self.cells.pop().unwrap_or_default();
                let flat = cells
                    .iter()
                    .map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" "));
                let row = flat.collect::<Vec<_>>().join("\t");
                self.push(&row);
                self.push("\n");
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_text && self.skipped == 0 {
            self.push(text);
        }
    }

    fn push(&mut self, text: &str) {
        let place = self.cells.last_mut().and_then(|row| row.last_mut());
        place.unwrap_or(&mut self.out).push_str(text);
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}
