//! Slides: .pptx (ECMA-376), and the binary .ppt and .dps ([MS-PPT]). A paragraph is a line.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::docx::{Walker, part};

const STREAM_LIMIT: u64 = 64 << 20;

/// Slides in order, each followed by its notes.
pub fn text(bytes: &[u8]) -> Result<String, String> {
    if bytes.starts_with(b"PK") {
        xml(bytes)
    } else {
        binary(bytes)
    }
}

fn xml(bytes: &[u8]) -> Result<String, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| "损坏".to_string())?;
    let mut names: Vec<(u32, String)> = archive
        .file_names()
        .flatten()
        .filter_map(|name| Some((number(&name)?, name.to_string())))
        .collect();
    if names.is_empty() {
        return Err("损坏".to_string());
    }
    // Of one number, notesSlides sorts before slides by name.
    names.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut text = String::new();
    for (_, name) in names {
        text.push_str(&Walker::walk(&part(&mut archive, &name)?));
    }
    Ok(text)
}

fn number(name: &str) -> Option<u32> {
    let name = name.strip_suffix(".xml")?;
    let slide = name.strip_prefix("ppt/slides/slide");
    slide
        .or_else(|| name.strip_prefix("ppt/notesSlides/notesSlide"))?
        .parse()
        .ok()
}

const CHARACTERS: u16 = 0x0FA0;
const BYTES: u16 = 0x0FA8;
const ENCRYPTION: u16 = 0x2F14;

/// Every text atom in the order of the stream. A text that the outline repeats is shown once.
fn binary(bytes: &[u8]) -> Result<String, String> {
    let damaged = || "损坏".to_string();
    let mut file = cfb::CompoundFile::open(Cursor::new(bytes)).map_err(|_| damaged())?;
    let mut stream = Vec::new();
    let read = file
        .open_stream("/PowerPoint Document")
        .map_err(|_| damaged())?;
    read.take(STREAM_LIMIT)
        .read_to_end(&mut stream)
        .map_err(|_| damaged())?;
    records(&stream)
}

fn records(stream: &[u8]) -> Result<String, String> {
    let mut lines: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut rest = stream;
    while let [version, _, k0, k1, l0, l1, l2, l3, tail @ ..] = rest {
        let kind = u16::from_le_bytes([*k0, *k1]);
        let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
        // A container is stepped into; what it holds follows its head.
        let inside = if version & 0x0F == 0x0F {
            0
        } else {
            length.min(tail.len())
        };
        let (atom, next) = tail.split_at(inside);
        let text = match kind {
            ENCRYPTION => return Err("加密".to_string()),
            CHARACTERS => encoding_rs::UTF_16LE
                .decode_without_bom_handling(atom)
                .0
                .into_owned(),
            // The low bytes of UTF-16.
            BYTES => atom.iter().map(|&byte| char::from(byte)).collect(),
            _ => String::new(),
        };
        if !text.trim().is_empty() && seen.insert(text.clone()) {
            lines.push(text.replace(['\r', '\u{b}'], "\n"));
        }
        rest = next;
    }
    Ok(lines.join("\n"))
}

/// For `fuzz`: the records of a presentation.
#[cfg(any(test, fuzzing))]
pub fn fuzz(bytes: &[u8]) {
    let _ = records(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pptx(parts: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in parts {
            writer
                .start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            write!(
                writer,
                "<p:sld><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>"
            )
            .unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn slides_come_in_the_order_of_their_numbers_with_their_notes() {
        let bytes = pptx(&[
            ("ppt/slides/slide10.xml", "十"),
            ("ppt/slides/slide2.xml", "二"),
            ("ppt/notesSlides/notesSlide2.xml", "二注"),
            ("ppt/slideLayouts/slideLayout1.xml", "版式"),
        ]);
        assert_eq!(text(&bytes).unwrap(), "二\n二注\n十\n");
    }

    fn record(version: u8, kind: u16, data: &[u8]) -> Vec<u8> {
        let mut out = vec![version, 0];
        out.extend(kind.to_le_bytes());
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(data);
        out
    }

    fn ppt(records: &[u8]) -> Vec<u8> {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        file.create_stream("/PowerPoint Document")
            .unwrap()
            .write_all(records)
            .unwrap();
        file.into_inner().into_inner()
    }

    #[test]
    fn the_texts_of_a_binary_presentation_are_read_once_each() {
        let wide: Vec<u8> = "日报\r两行"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let slide = [
            record(0, CHARACTERS, &wide),
            record(0, 0x0F00, b"other"),
            record(0, BYTES, b"abc"),
            record(0, CHARACTERS, &wide),
        ]
        .concat();
        assert_eq!(
            text(&ppt(&record(0x0F, 0x03EE, &slide))).unwrap(),
            "日报\n两行\nabc"
        );
    }

    #[test]
    fn passwords_and_lies_are_survived() {
        assert_eq!(
            text(&ppt(&record(0x0F, ENCRYPTION, b""))),
            Err("加密".to_string())
        );
        let mut lie = record(0, CHARACTERS, b"a\0");
        lie[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(text(&ppt(&lie)).unwrap(), "a");
        assert!(text(b"PK rubbish").is_err());
    }
}
