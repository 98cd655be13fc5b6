//! Word's .docx: a zip of XML parts (ECMA-376).

use std::io::{Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

/// A part of text beyond this size is no report.
const PART_LIMIT: u64 = 32 << 20;
/// Columns that one cell may take.
const WIDEST_SPAN: usize = 50;
/// Columns of a row; a wider one is no table.
const COLUMNS: usize = 1000;
/// Deeper tables are words of the cell that they stand in.
const TABLE_DEPTH: usize = 20;

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

/// One XML part of an Office file.
pub fn part(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<String, String> {
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

/// A table row that is open.
#[derive(Default)]
struct Row {
    cells: Vec<String>,
    /// The cell that words go to.
    at: usize,
}

/// Gathers the text of one part. Open table cells have a text of their own.
#[derive(Default)]
pub struct Walker {
    out: String,
    rows: Vec<Row>,
    /// Rows beyond the limit that are open.
    deeper: usize,
    in_text: bool,
    /// How many elements deep inside of a part that is passed over.
    skipped: usize,
}

impl Walker {
    /// The text of WordprocessingML or DrawingML, whose paragraphs, runs and tables go by the same names.
    pub fn walk(xml: &str) -> String {
        let mut walker = Self::default();
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = false;
        loop {
            match reader.read_event() {
                Ok(Event::Start(start)) => walker.start(&start),
                Ok(Event::Empty(start)) => {
                    walker.span(&start);
                    walker.empty(local(start.name().as_ref()));
                }
                Ok(Event::End(end)) => walker.end(local(end.name().as_ref())),
                Ok(Event::Text(text)) => walker.text(text.as_ref()),
                Ok(Event::GeneralRef(entity)) => walker.text(&crate::message::markup::entities(
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
            "tr" if self.rows.len() >= TABLE_DEPTH => self.deeper += 1,
            "tr" => self.rows.push(Row::default()),
            "tc" if self.deeper == 0 => {
                if let Some(row) = self.rows.last_mut() {
                    row.at = row.cells.len();
                    row.cells.push(String::new());
                }
            }
            _ => {}
        }
    }

    /// A cell that takes several columns stands in each of them; its words in the first.
    fn span(&mut self, start: &BytesStart) {
        let is_span =
            self.skipped == 0 && self.deeper == 0 && local(start.name().as_ref()) == "gridSpan";
        let Some(row) = self.rows.last_mut().filter(|_| is_span) else {
            return;
        };
        let value = start
            .attributes()
            .flatten()
            .find(|a| local(a.key.as_ref()) == "val");
        let columns: usize = value
            .and_then(|value| value.value.parse().ok())
            .unwrap_or(1);
        if row.at + WIDEST_SPAN < COLUMNS {
            row.cells
                .resize(row.at + columns.clamp(1, WIDEST_SPAN), String::new());
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
            "tr" if self.deeper > 0 => {
                self.deeper -= 1;
                self.push("\n");
            }
            "tr" => {
                let row = self.rows.pop().unwrap_or_default();
                let flat = row
                    .cells
                    .iter()
                    .map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" "));
                let row = flat.collect::<Vec<_>>().join("\t");
                self.push(row.trim_end());
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
        let row = self.rows.last_mut();
        let place = row.and_then(|row| row.cells.get_mut(row.at));
        place.unwrap_or(&mut self.out).push_str(text);
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn docx(parts: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, xml) in parts {
            writer
                .start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(xml.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn read(body: &str) -> String {
        text(&docx(&[(
            "word/document.xml",
            &format!("<w:document><w:body>{body}</w:body></w:document>"),
        )]))
        .unwrap()
    }

    #[test]
    fn a_paragraph_is_a_line_with_its_tabs_and_entities() {
        let body = "<w:p><w:r><w:t>日报 &amp; 图&#20320;</w:t><w:tab/><w:t>二</w:t></w:r></w:p><w:p><w:r><w:t>三</w:t><w:br/><w:t>四</w:t></w:r></w:p>";
        assert_eq!(read(body), "日报 & 图你\t二\n三\n四\n");
    }

    #[test]
    fn a_table_row_is_a_line() {
        let cell = |text: &str| {
            format!("<w:tc><w:tcPr/><w:p><w:r><w:t>{text}</w:t></w:r></w:p><w:p/></w:tc>")
        };
        let body = format!(
            "<w:tbl><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>",
            cell("学校"),
            cell("人数"),
            cell(""),
            cell("9")
        );
        assert_eq!(read(&body), "学校\t人数\n\t9\n");
    }

    #[test]
    fn a_text_box_is_read_once_and_deleted_text_is_not() {
        let shape = |text: &str| {
            format!("<w:txbxContent><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:txbxContent>")
        };
        let body = format!(
            "<w:p><w:r><mc:AlternateContent><mc:Choice>{0}</mc:Choice><mc:Fallback>{0}</mc:Fallback></mc:AlternateContent></w:r>\
             <w:del><w:r><w:t>删</w:t></w:r></w:del><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>",
            shape("红头")
        );
        assert_eq!(read(&body).trim(), "红头");
    }

    #[test]
    fn headers_come_first_and_footers_last() {
        let part = |text: &str| format!("<w:x><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:x>");
        let bytes = docx(&[
            ("word/footer1.xml", &part("尾")),
            ("word/document.xml", &part("文")),
            ("word/header2.xml", &part("头")),
        ]);
        assert_eq!(text(&bytes).unwrap(), "头\n文\n尾\n");
    }

    #[test]
    fn broken_xml_keeps_what_came_before() {
        assert_eq!(
            read("<w:p><w:r><w:t>前</w:t></w:r></w:p></w:oops><w:p><w:r><w:t>后"),
            "前\n后"
        );
        assert!(text(&docx(&[("word/other.xml", "")])).is_err());
    }

    #[test]
    fn depth_costs_no_time() {
        let deep = "<w:tr><w:tc><w:t>".repeat(100_000) + &"x".repeat(50_000);
        let ends = "</w:t></w:tc></w:tr>".repeat(100_000);
        assert_eq!(read(&format!("{deep}日报{ends}")).trim().len(), 50_006);
    }
}
