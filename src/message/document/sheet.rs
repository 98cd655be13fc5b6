//! Spreadsheets: .xlsx, .xlsb, .xls, .et. A row is a line, its cells parted by tabs.

use std::io::Cursor;

use calamine::{Data, DataRef, Range, Reader, Xls, Xlsb, Xlsx};

const ROWS: usize = 5000;
const COLUMNS: usize = 200;
/// Cells that an .xls may span, used or not: each takes 24 bytes.
const SPANNED: u64 = 8 << 20;

type Cell = calamine::Cell<Data>;
type Sheets = Vec<(String, Range<Data>)>;

/// Every sheet in order; a workbook of several names each.
pub fn text(bytes: &[u8]) -> Result<String, String> {
    let mut sheets = match bytes {
        [b'P', b'K', ..] => zipped(bytes)?,
        _ => binary(bytes)?,
    };
    sheets.retain(|(_, range)| !range.is_empty());
    let mut text = String::new();
    for (name, range) in &sheets {
        if sheets.len() > 1 {
            text.push_str(name);
            text.push('\n');
        }
        push_rows(range, &mut text);
    }
    Ok(text)
}

/// Cell by cell: a whole sheet would take memory for the rectangle that its farthest cells span.
fn zipped(bytes: &[u8]) -> Result<Sheets, String> {
    match Xlsx::new(Cursor::new(bytes)) {
        Ok(mut workbook) => Ok(each(workbook.sheet_names(), |name| {
            let mut cells = workbook.worksheet_cells_reader(name).ok()?;
            Some(near(|| Some(owned(cells.next_cell().ok()??))))
        })),
        Err(_) => {
            let mut workbook = Xlsb::new(Cursor::new(bytes)).map_err(|error| reason(&error))?;
            Ok(each(workbook.sheet_names(), |name| {
                let mut cells = workbook.worksheet_cells_reader(name).ok()?;
                Some(near(|| Some(owned(cells.next_cell().ok()??))))
            }))
        }
    }
}

fn each(names: Vec<String>, mut read: impl FnMut(&str) -> Option<Range<Data>>) -> Sheets {
    let sheets = names.into_iter().filter_map(|name| {
        let range = read(&name)?;
        Some((name, range))
    });
    sheets.collect()
}

fn owned(cell: calamine::Cell<DataRef>) -> Cell {
    Cell::new(cell.get_position(), cell.get_value().clone().into())
}

/// The cells within reach of the first row and column that are used.
fn near(next: impl FnMut() -> Option<Cell>) -> Range<Data> {
    let used = |cell: &Cell| *cell.get_value() != Data::Empty;
    let mut cells: Vec<Cell> = std::iter::from_fn(next).filter(used).collect();
    let row = cells.iter().map(|cell| cell.get_position().0).min();
    let column = cells.iter().map(|cell| cell.get_position().1).min();
    cells.retain(|cell| {
        let (down, right) = cell.get_position();
        ((down - row.unwrap_or(0)) as usize) < ROWS
            && ((right - column.unwrap_or(0)) as usize) < COLUMNS
    });
    Range::from_sparse(cells)
}

fn binary(bytes: &[u8]) -> Result<Sheets, String> {
    if spanned(bytes).is_some_and(|cells| cells > SPANNED) {
        return Err("表格过大".to_string());
    }
    let mut workbook = Xls::new(Cursor::new(bytes)).map_err(|error| reason(&error))?;
    Ok(workbook.worksheets())
}

/// How many cells the sheets of an .xls ([MS-XLS] 2.4) may span together: the widest of them, as often as there are
/// sheets, since several may lie at one place.
fn spanned(bytes: &[u8]) -> Option<u64> {
    const SHEET: u16 = 0x0085;
    const SEVERAL: u16 = 0x00BD;
    const CELLS: [u16; 8] = [
        SEVERAL, 0x0006, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x0205, 0x027E,
    ];
    let mut file = cfb::CompoundFile::open(Cursor::new(bytes)).ok()?;
    let mut stream = file
        .open_stream("/Workbook")
        .or_else(|_| file.open_stream("/Book"))
        .ok()?;
    let mut records = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut records).ok()?;
    let (mut sheets, mut rows, mut columns) = (0u64, 0u64, 0u64);
    let mut rest = records.as_slice();
    while let [k0, k1, l0, l1, tail @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*l0, *l1])).min(tail.len());
        match (u16::from_le_bytes([*k0, *k1]), &tail[..length]) {
            (SHEET, _) => sheets += 1,
            (kind, [r0, r1, c0, c1, ..]) if CELLS.contains(&kind) => {
                rows = rows.max(u64::from(u16::from_le_bytes([*r0, *r1])) + 1);
                let wide = if kind == SEVERAL {
                    length as u64 / 6
                } else {
                    1
                };
                columns = columns.max(u64::from(u16::from_le_bytes([*c0, *c1])) + wide);
            }
            _ => {}
        }
        rest = &tail[length..];
    }
    Some(sheets * rows * columns)
}

fn reason(error: &dyn std::error::Error) -> String {
    match error.to_string().to_lowercase().contains("password") {
        true => "加密".to_string(),
        false => "损坏".to_string(),
    }
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
