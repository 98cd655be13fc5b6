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
