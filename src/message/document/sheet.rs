//! Spreadsheets: .xlsx, .xls, .et. A row is a line, its cells parted by tabs.

use std::io::Cursor;

use calamine::{Data, Range, Reader, open_workbook_auto_from_rs};

const ROWS: usize = 5000;
const COLUMNS: usize = 200;

/// Every sheet in order; a workbook of several names each.
pub fn text(bytes: &[u8]) -> Result<String, String> {
    let mut workbook = open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(|error| {
        let encrypted = error.to_string().to_lowercase().contains("password");
        if encrypted {
            "加密".to_string()
        } else {
            "损坏".to_string()
        }
    })?;
    let sheets = workbook.worksheets();
    let mut text = String::new();
    for (name, range) in sheets.iter().filter(|(_, range)| !range.is_empty()) {
        if sheets.iter().filter(|(_, range)| !range.is_empty()).count() > 1 {
            text.push_str(name);
            text.push('\n');
        }
        push_rows(range, &mut text);
    }
    Ok(text)
}

fn push_rows(range: &Range<Data>, text: &mut String) {
    for row in range.rows().take(ROWS) {
        let cells: Vec<String> = row.iter().take(COLUMNS).map(cell).collect();
        text.push_str(cells.join("\t").trim_end());
        text.push('\n');
    }
}

fn cell(data: &Data) -> String {
    match data {
        Data::DateTime(moment) => match moment.as_datetime() {
            Some(moment) if moment.time() == chrono::NaiveTime::MIN => {
                moment.format("%Y-%m-%d").to_string()
            }
            Some(moment) => moment.format("%Y-%m-%d %H:%M").to_string(),
            None => data.to_string(),
        },
        other => other
            .to_string()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn xlsx(rows: &str) -> Vec<u8> {
        const SPREADSHEET: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        const RELATIONS: &str =
            "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
        let parts = [
            (
                "_rels/.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"r1\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"r1\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
                ),
            ),
            (
                "xl/workbook.xml",
                format!(
                    "<workbook xmlns=\"{SPREADSHEET}\" xmlns:r=\"{RELATIONS}\"><sheets><sheet name=\"统计表\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
                ),
            ),
            (
                "xl/worksheets/sheet1.xml",
                format!(
                    "<worksheet xmlns=\"{SPREADSHEET}\"><sheetData>{rows}</sheetData></worksheet>"
                ),
            ),
        ];
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, xml) in parts {
            writer
                .start_file(name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(xml.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_row_is_a_line_with_its_empty_cells() {
        let rows = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>单位\n名称</t></is></c><c r=\"C1\"><v>12</v></c></row>";
        assert_eq!(text(&xlsx(rows)).unwrap(), "单位 名称\t\t12\n");
    }

    #[test]
    fn rubbish_is_damaged() {
        assert_eq!(text(b"PK\x03\x04"), Err("损坏".to_string()));
    }
}
