//! What fuzzing is let in by: any bytes in, no panic. Each function is one target of `fuzz/`.

use super::archive::{Budget, unpack};
use super::content::Automatic;
use super::files::{Files, Open};
use super::format::Format;
use super::links::Anchors;
use super::*;
use std::io::{Cursor, Write};

/// A parser under a name.
pub type Parser = (&'static str, fn(&[u8]));

/// A mail with everything attached to it. What is read of it crosses a process border as JSON, and must not change there.
pub fn mail(bytes: &[u8]) {
    let content = read(bytes, &mut Nobody::default());
    received(bytes);
    let json = serde_json::to_string(&content).expect("content is plain data");
    let back: Content = serde_json::from_str(&json).expect("JSON of our own is read back");
    let text = content.text.clone();
    assert_eq!(Content { text, ..back }, content);
}

/// An attached file. The first byte says which: `f` as it is, else the inside of a container that is built around it,
/// so that what is changed in it need not pass a checksum first.
pub fn document(bytes: &[u8]) {
    let Some((choice, inside)) = bytes.split_first() else {
        return;
    };
    let (name, file) = match choice {
        b'd' => ("a.docx", zipped("word/document.xml", inside)),
        b'p' => ("a.pptx", zipped("ppt/slides/slide1.xml", inside)),
        b'x' => ("a.xlsx", workbook(inside)),
        b'w' => (
            "a.doc",
            compound(&["/WordDocument", "/1Table", "/0Table"], inside),
        ),
        b's' => ("a.ppt", compound(&["/PowerPoint Document"], inside)),
        b'b' => ("a.xls", compound(&["/Workbook"], inside)),
        b'r' => ("a.rtf", [b"{\\rtf1", inside].concat()),
        b'h' => ("a.html", inside.to_vec()),
        b't' => ("a.txt", inside.to_vec()),
        b'l' => ("a.pdf", [b"%PDF", inside].concat()),
        _ => ("a", inside.to_vec()),
    };
    Files::new(&mut Nobody::default(), Open::Files).add(name, file.into(), false, false);
}

/// An archive, told by its first bytes, with what lies in it.
pub fn archive(bytes: &[u8]) {
    let format = Format::at_a_glance("", bytes);
    let _ = unpack(format, bytes, true, &mut Budget::default(), &mut |_, _| {});
}

/// One of [`PARSERS`], by the first byte.
pub fn parser(bytes: &[u8]) {
    if let [choice, rest @ ..] = bytes {
        let (_, parse) = PARSERS[usize::from(*choice) % PARSERS.len()];
        parse(rest);
    }
}

/// The date of a header, and that behind the last semicolon of a Received header.
pub fn date(bytes: &[u8]) {
    for date in [date::parse_header(bytes), date::of_received(bytes)] {
        date.map(|date| date.with_timezone(&date::china()).to_rfc3339());
    }
}

/// The fields of a delivery report, and the same bytes as the words of a bounce and as a mail.
pub fn bounce(bytes: &[u8]) {
    const HEAD: &[u8] = b"From: postmaster@a.cn\r\nContent-Type: message/delivery-status\r\n\r\n";
    let mail = [HEAD, bytes].concat();
    let words = String::from_utf8_lossy(bytes);
    bounce::read(&[Automatic::Bounce], &mime::parts(&mail), &mail, &words);
    read_body_only(bytes, &mut Nobody::default());
}

/// Keeps the last file. What it lays out of a PDF is what stands behind the file's signature.
#[derive(Default)]
struct Nobody(Vec<u8>);

impl Host for Nobody {
    fn keep(&mut self, bytes: &[u8]) -> String {
        self.0 = bytes.to_vec();
        sha256(bytes)
    }

    fn run(&mut self, tool: Tool) -> Result<Vec<u8>, String> {
        match tool {
            Tool::PdfText => Ok(self.0.get(4..).unwrap_or_default().to_vec()),
            Tool::HeicPicture | Tool::VideoFrame => Err("没有工具".to_string()),
        }
    }
}

fn zipped(name: &str, part: &[u8]) -> Vec<u8> {
    zip_of(&[(name, part)])
}

fn zip_of(parts: &[(&str, &[u8])]) -> Vec<u8> {
    use ::zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, part) in parts {
        writer.start_file(*name, stored).expect("the name is good");
        writer.write_all(part).expect("memory takes it");
    }
    writer.finish().expect("memory takes it").into_inner()
}

/// A workbook whose one sheet is `sheet`, which is also its shared strings and its styles.
fn workbook(sheet: &[u8]) -> Vec<u8> {
    const RELATIONS: &[u8] = br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;
    const WORKBOOK: &[u8] = br#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>"#;
    zip_of(&[
        ("xl/_rels/workbook.xml.rels", RELATIONS),
        ("xl/workbook.xml", WORKBOOK),
        ("xl/sharedStrings.xml", sheet),
        ("xl/styles.xml", sheet),
        ("xl/worksheets/sheet1.xml", sheet),
    ])
}

/// An OLE2 file, each of whose streams holds the same bytes.
fn compound(streams: &[&str], bytes: &[u8]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).expect("memory takes it");
    for name in streams {
        let mut stream = file.create_stream(name).expect("the name is good");
        stream.write_all(bytes).expect("memory takes it");
    }
    file.flush().expect("memory takes it");
    file.into_inner().into_inner()
}

/// Every parser that we wrote.
pub const PARSERS: [Parser; 17] = [
    ("header", |bytes| {
        let headers = header::Headers::read(bytes);
        headers.file_name();
        headers.address("from");
        headers.doubled();
    }),
    ("rfc2231", |bytes| {
        let field = [b"Content-Disposition: attachment; ", bytes].concat();
        header::Headers::read(&field).file_name();
    }),
    ("encoded_word", |bytes| drop(encoded_word::decode(bytes))),
    ("date", |bytes| {
        date::parse_header(bytes);
        date::of_received(bytes);
    }),
    ("hz", |bytes| {
        drop(charset::decode(bytes, Some("hz-gb-2312")))
    }),
    ("charset", |bytes| drop(charset::decode(bytes, None))),
    ("uu", |bytes| drop(transfer::decode(bytes, "x-uuencode"))),
    ("base64", |bytes| drop(transfer::decode(bytes, "base64"))),
    ("html", |bytes| {
        let page = String::from_utf8_lossy(bytes);
        html::to_text(&page, &mut Anchors::default());
    }),
    ("quote", |bytes| {
        quote::split(&String::from_utf8_lossy(bytes), "转发");
    }),
    ("links", |bytes| {
        let mut links = Vec::new();
        Anchors::default().collect(&String::from_utf8_lossy(bytes), &mut links);
    }),
    ("ole_text", |bytes| document::fuzz_ole_text(bytes)),
    ("rtf", |bytes| document::fuzz(Format::Rtf, bytes)),
    ("pdf_layout", |bytes| document::fuzz_layout(bytes)),
    ("tnef", |bytes| {
        unpacked(Format::Tnef, &[&[0x78, 0x9F, 0x3E, 0x22], bytes].concat())
    }),
    ("zip", |bytes| unpacked(Format::Zip, bytes)),
    ("container", |bytes| {
        container::read(bytes);
        container::is_whole_picture(bytes);
    }),
];

fn unpacked(format: Format, bytes: &[u8]) {
    let _ = unpack(format, bytes, true, &mut Budget::default(), &mut |_, _| {});
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces on which these parsers branch, so that chance comes further than their first byte.
    const PIECES: [&[u8]; 24] = [
        b"\r\n",
        b"=?gbk?B?",
        b"?=",
        b"filename*0*=gbk''",
        b"%C4",
        b"\"",
        b";",
        b"<a href=http://pan.baidu.com/s/1>",
        b"<td>",
        b"~{",
        b"~}",
        b"begin 644 a\n",
        b"#0V%T\n",
        b"{\\rtf1",
        b"\\'c4",
        b"\\u26085",
        b"2022-05-24",
        "5月24日".as_bytes(),
        "发件人：".as_bytes(),
        b"> ",
        b"https://mp.weixin.qq.com/s/a",
        b"\xFF\xFF\xFF\x7F",
        b"PK\x03\x04",
        b"\0\0\0\x01",
    ];

    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            (0..PIECES.len()).prop_map(|n| PIECES[n].to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_parser_panics(bytes in any_bytes()) {
            for (_, parse) in PARSERS {
                parse(&bytes);
            }
        }

        #[test]
        fn what_was_encoded_comes_back(text in "[ -~一-龥]{0,40}", cut in 1usize..30) {
            let bytes = text.as_bytes();
            let percent = |piece: &[u8]| piece.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
            let pieces: Vec<String> = bytes.chunks(cut).enumerate()
                .map(|(n, piece)| match n {
                    0 => format!("filename*0*=utf-8''{}", percent(piece)),
                    n => format!("filename*{n}*={}", percent(piece)),
                }).collect();
            let field = format!("Content-Disposition: attachment; {}", pieces.join("; "));
            let name = header::Headers::read(field.as_bytes()).file_name();
            let clean = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(clean(&name.unwrap_or_default()), clean(&text));
        }
    }
}
