//! Word's binary .doc, and .wps that is the same inside: a piece table over an OLE2 stream ([MS-DOC] 2.4.1).

use std::io::{Cursor, Read};

use encoding_rs::{GBK, WINDOWS_1252};

const STREAM_LIMIT: u64 = 64 << 20;

/// The text of all stories, the document's first; table cells are parted by tabs.
pub fn text(bytes: &[u8]) -> Result<String, String> {
    let damaged = || "损坏".to_string();
    let mut file = cfb::CompoundFile::open(Cursor::new(bytes)).map_err(|_| damaged())?;
    let document = stream(&mut file, "/WordDocument").ok_or_else(damaged)?;
    let flags = word(&document, 0x0A).ok_or_else(damaged)?;
    match word(&document, 0) {
        Some(0xA5EC | 0xA5EB) => {}
        Some(0xA5DC) => return Err("格式暂不支持：Word 6/95".to_string()),
        _ => return Err(damaged()),
    }
    if flags & 0x0100 != 0 {
        return Err("加密".to_string());
    }
    let table = if flags & 0x0200 != 0 {
        "/1Table"
    } else {
        "/0Table"
    };
    let table = stream(&mut file, table).ok_or_else(damaged)?;
    let pieces = piece_table(&document, &table).ok_or_else(damaged)?;
    Ok(shown(&raw_text(&document, pieces)))
}

fn stream(file: &mut cfb::CompoundFile<Cursor<&[u8]>>, name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.open_stream(name)
        .ok()?
        .take(STREAM_LIMIT)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize)
}

/// The PlcPcd inside of the Clx, whose place the file information block names (fcClx, lcbClx).
fn piece_table<'a>(document: &[u8], table: &'a [u8]) -> Option<&'a [u8]> {
    let (start, length) = (long(document, 0x01A2)?, long(document, 0x01A6)?);
    let mut rest = table.get(start..start.checked_add(length)?)?;
    loop {
        match rest {
            // A Prc: property changes, with its length in two bytes.
            [1, tail @ ..] => rest = tail.get(2 + usize::from(word(tail, 0)?)..)?,
            [2, tail @ ..] => return tail.get(4..4usize.checked_add(long(tail, 0)?)?),
            _ => return None,
        }
    }
}

/// The characters of every piece in order. A piece is UTF-16, or one byte a character.
fn raw_text(document: &[u8], pieces: &[u8]) -> String {
    let count = pieces.len().saturating_sub(4) / 12;
    let mut text = String::new();
    for index in 0..count {
        let (Some(from), Some(to)) = (long(pieces, index * 4), long(pieces, index * 4 + 4)) else {
            break;
        };
        let Some(place) = long(pieces, (count + 1) * 4 + index * 8 + 2) else {
            break;
        };
        let length = to.saturating_sub(from);
        let narrow = place & 0x4000_0000 != 0;
        let start = if narrow {
            (place & 0x3FFF_FFFF) / 2
        } else {
            place & 0x3FFF_FFFF
        };
        let bytes = if narrow {
            length
        } else {
            length.saturating_mul(2)
        };
        let end = start.saturating_add(bytes).min(document.len());
        text.push_str(&decoded(
            document.get(start..end).unwrap_or_default(),
            narrow,
        ));
        if text.len() as u64 > STREAM_LIMIT {
            break;
        }
    }
    text
}

fn decoded(bytes: &[u8], narrow: bool) -> String {
    if !narrow {
        return encoding_rs::UTF_16LE
            .decode_without_bom_handling(bytes)
            .0
            .into_owned();
    }
    // By the book these are Latin bytes; WPS has written GBK there.
    let gbk = GBK.decode_without_bom_handling_and_without_replacement(bytes);
    let chinese = gbk.filter(|text| {
        text.chars()
            .filter(|c| matches!(c, '\u{4E00}'..='\u{9FFF}'))
            .count()
            > 3
    });
    chinese
        .unwrap_or_else(|| WINDOWS_1252.decode_without_bom_handling(bytes).0)
        .into_owned()
}

/// Control characters as they show: \x07 ends a cell, twice it ends a row; of a field only its result is seen.
fn shown(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut code = 0usize;
    for c in raw.chars() {
        match c {
            '\u{13}' => code += 1,
            '\u{14}' | '\u{15}' => code = code.saturating_sub(1),
            _ if code > 0 => {}
            '\u{7}' if out.ends_with('\t') => {
                out.pop();
                out.push('\n');
            }
            '\u{7}' => out.push('\t'),
            '\r' | '\u{B}' | '\u{C}' => out.push('\n'),
            '\u{1E}' => out.push('-'),
            '\u{A0}' => out.push(' '),
            c if c < ' ' && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

/// For `fuzz`: a stream that is its own table of pieces.
#[cfg(any(test, fuzzing))]
pub fn fuzz(bytes: &[u8]) {
    piece_table(bytes, bytes);
    shown(&raw_text(bytes, bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_show_their_result_and_cells_become_columns() {
        assert_eq!(
            shown(
                "见\u{13}HYPERLINK \"x\"\u{14}此处\u{15}。\r校名\u{7}人数\u{7}\u{7}一中\u{7}9\u{7}\u{7}"
            ),
            "见此处。\n校名\t人数\n一中\t9\n"
        );
    }

    /// The least that Word would open: one UTF-16 piece and one of single bytes.
    fn doc(flags: u16) -> Vec<u8> {
        let wide: Vec<u8> = "日报𠮷\r"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let mut document = vec![0; 0x200];
        document[..2].copy_from_slice(&0xA5ECu16.to_le_bytes());
        document[0x0A..0x0C].copy_from_slice(&flags.to_le_bytes());
        let clx_length = 5 + 4 * 3 + 8 * 2;
        document[0x1A6..0x1AA].copy_from_slice(&(clx_length as u32).to_le_bytes());
        document.extend(&wide);
        document.extend(b"abc\r");
        let mut clx = vec![2, 28, 0, 0, 0];
        [0u32, 5, 9]
            .iter()
            .for_each(|at| clx.extend(at.to_le_bytes()));
        for place in [0x200, ((0x200 + wide.len() as u32) * 2) | 0x4000_0000] {
            clx.extend([0, 0]);
            clx.extend(place.to_le_bytes());
            clx.extend([0, 0]);
        }
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        std::io::Write::write_all(&mut file.create_stream("/WordDocument").unwrap(), &document)
            .unwrap();
        std::io::Write::write_all(&mut file.create_stream("/1Table").unwrap(), &clx).unwrap();
        file.into_inner().into_inner()
    }

    #[test]
    fn pieces_of_both_widths_are_read_in_order() {
        assert_eq!(text(&doc(0x0200)).unwrap(), "日报𠮷\nabc\n");
    }

    #[test]
    fn a_password_is_named() {
        assert_eq!(text(&doc(0x0300)), Err("加密".to_string()));
    }

    #[test]
    fn a_piece_table_that_lies_is_survived() {
        let mut pieces = vec![0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F];
        pieces.extend([0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0]);
        assert_eq!(raw_text(b"abc", &pieces), "");
        assert_eq!(piece_table(&[0; 0x200], &[2, 0xFF]), None);
    }
}
