//! Office documents that grow, refer elsewhere, or claim more cells than there are.

use std::fmt::Write;

use super::archives::{shared, zipped};
use super::{Shape, attached};

/// Every attack by an Office document.
pub fn all() -> Vec<Shape> {
    let paragraph = |inside: &str| format!("<w:p><w:r><w:t>{inside}</w:t></w:r></w:p>");
    let huge = format!("<w:document>{}", paragraph(&"x".repeat(70 << 20)));
    let deep = format!("<w:document>{}", "<w:tbl><w:tr><w:tc>".repeat(200_000));
    let wide = "<w:tc><w:tcPr><w:gridSpan w:val=\"50\"/></w:tcPr></w:tc>".repeat(100_000);
    let wide = format!("<w:document><w:tr>{wide}</w:tr>");
    let far = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>";
    vec![
        attached(
            "docx-billion-laughs",
            "a.docx",
            &docx(&laughing(&paragraph("&l9;"))),
            None,
        ),
        attached(
            "docx-quadratic",
            "a.docx",
            &docx(&quadratic(&paragraph)),
            None,
        ),
        attached(
            "docx-external-entity",
            "a.docx",
            &docx(&external(&paragraph("&x;"))),
            None,
        ),
        attached("docx-of-gigabytes", "a.docx", &docx(&huge), "解压后过大"),
        attached(
            "docx-headers-sharing-bytes",
            "a.docx",
            &headers(),
            "解压后过大",
        ),
        attached("docx-nested-tables", "a.docx", &docx(&deep), "没有文字"),
        attached("docx-wide-cells", "a.docx", &docx(&wide), "没有文字"),
        attached(
            "docx-named-docx-only",
            "a.docx",
            &zipped(&[("../../word/document.xml", b"<w:t>x")]),
            None,
        ),
        attached(
            "pptx-slides-sharing-bytes",
            "a.pptx",
            &slides(),
            "解压后过大",
        ),
        attached(
            "xlsx-billion-laughs",
            "a.xlsx",
            &xlsx(
                "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>",
                &laughing("<sst><si><t>&l9;</t></si></sst>"),
            ),
            "损坏",
        ),
        attached(
            "xlsx-external-entity",
            "a.xlsx",
            &xlsx(
                "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>",
                &external("<sst><si><t>&x;</t></si></sst>"),
            ),
            "损坏",
        ),
        attached("xlsx-far-cell", "a.xlsx", &xlsx(far, "<sst/>"), None),
        attached(
            "xlsx-of-gigabytes",
            "a.xlsx",
            &xlsx("", &" ".repeat(70 << 20)),
            "解压后过大",
        ),
        attached(
            "xlsx-sheets-sharing-bytes",
            "a.xlsx",
            &sheets(),
            "解压后过大",
        ),
        attached("xls-far-cells", "a.xls", &xls(), "表格过大"),
        attached(
            "rtf-nested-groups",
            "a.rtf",
            format!("{{\\rtf1 {}", "{".repeat(3_000_000)).as_bytes(),
            "没有文字",
        ),
        attached(
            "rtf-binary-without-end",
            "a.rtf",
            b"{\\rtf1 x\\bin2147483647 y}",
            None,
        ),
    ]
}

fn docx(document: &str) -> Vec<u8> {
    zipped(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", document.as_bytes()),
    ])
}

/// Ten entities, each ten times the one before.
fn laughing(body: &str) -> String {
    let mut entities = "<!ENTITY l0 \"laugh\">".to_string();
    for n in 1..10 {
        let before = format!("&l{};", n - 1).repeat(10);
        write!(entities, "<!ENTITY l{n} \"{before}\">").unwrap();
    }
    format!("<?xml version=\"1.0\"?><!DOCTYPE x [{entities}]>{body}")
}

/// One long entity, used a hundred thousand times.
fn quadratic(paragraph: &dyn Fn(&str) -> String) -> String {
    let long = "x".repeat(100_000);
    format!(
        "<!DOCTYPE x [<!ENTITY a \"{long}\">]>{}",
        paragraph(&"&a;".repeat(100_000))
    )
}

fn external(body: &str) -> String {
    format!(
        "<!DOCTYPE x [<!ENTITY x SYSTEM \"file:///etc/passwd\"><!ENTITY % y SYSTEM \"http://127.0.0.1:9/y.dtd\">%y;]>{body}"
    )
}

/// A thousand headers of 10 MB each, all of them the same few bytes.
fn headers() -> Vec<u8> {
    let xml = format!("<w:hdr><w:p><w:r><w:t>{}", "x".repeat(10 << 20));
    let names = (0..1000).map(|n| format!("word/header{n}.xml"));
    shared("word/document.xml", xml.as_bytes(), names)
}

fn slides() -> Vec<u8> {
    let xml = format!("<p:sld><a:p><a:r><a:t>{}", "x".repeat(10 << 20));
    let names = (1..1000).map(|n| format!("ppt/slides/slide{n}.xml"));
    shared("ppt/slides/slide0.xml", xml.as_bytes(), names)
}

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

fn xlsx(rows: &str, strings: &str) -> Vec<u8> {
    let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>");
    let parts = workbook(1);
    let mut members: Vec<(&str, &[u8])> = parts
        .iter()
        .map(|(name, xml)| (*name, xml.as_bytes()))
        .collect();
    members.push(("xl/worksheets/sheet1.xml", sheet.as_bytes()));
    members.push(("xl/sharedStrings.xml", strings.as_bytes()));
    zipped(&members)
}

/// The frame of a workbook whose sheets are named here; the parts of the sheets are still to come.
fn workbook(sheets: usize) -> [(&'static str, String); 3] {
    let relation = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
    };
    let (mut names, mut relations) = (
        String::new(),
        relation("s", "sharedStrings", "sharedStrings.xml"),
    );
    for n in 1..=sheets {
        write!(names, "<sheet name=\"{n}\" sheetId=\"{n}\" r:id=\"r{n}\"/>").unwrap();
        relations += &relation(
            &format!("r{n}"),
            "worksheet",
            &format!("worksheets/sheet{n}.xml"),
        );
    }
    let root = relation("r1", "officeDocument", "xl/workbook.xml");
    [
        (
            "_rels/.rels",
            format!("<Relationships xmlns=\"{PACKAGE}\">{root}</Relationships>"),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!("<Relationships xmlns=\"{PACKAGE}\">{relations}</Relationships>"),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{names}</sheets></workbook>"
            ),
        ),
    ]
}

/// Two hundred sheets that are one, of 10 MB.
fn sheets() -> Vec<u8> {
    use std::io::Write;
    let rows = "<row><c t=\"inlineStr\"><is><t>x</t></is></c></row>".repeat(200_000);
    let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>");
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let first = ("xl/worksheets/sheet1.xml", sheet);
    for (name, xml) in workbook(200).into_iter().chain([first]) {
        writer
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(xml.as_bytes()).unwrap();
    }
    for n in 2..=200 {
        let name = format!("xl/worksheets/sheet{n}.xml");
        writer
            .shallow_copy_file("xl/worksheets/sheet1.xml", &name)
            .unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// BIFF8 ([MS-XLS]): ten sheets at one place in the stream, with a cell in each far corner.
fn xls() -> Vec<u8> {
    use std::io::Write;
    let record = |kind: u16, data: &[u8]| {
        [
            &kind.to_le_bytes()[..],
            &(data.len() as u16).to_le_bytes(),
            data,
        ]
        .concat()
    };
    let begin = |kind: u16| {
        record(
            0x0809,
            &[&[0, 6][..], &kind.to_le_bytes(), &[0; 12]].concat(),
        )
    };
    let number = |row: u16, column: u16| {
        record(
            0x0203,
            &[
                &row.to_le_bytes()[..],
                &column.to_le_bytes(),
                &[0, 0],
                &1f64.to_le_bytes(),
            ]
            .concat(),
        )
    };
    let sheet = |n: usize, at: u32| {
        record(
            0x0085,
            &[&at.to_le_bytes()[..], &[0, 0, 1, 0, b'a' + n as u8]].concat(),
        )
    };
    let globals = |at| {
        [
            begin(5),
            (0..10).flat_map(|n| sheet(n, at)).collect(),
            record(0x0A, &[]),
        ]
        .concat()
    };
    let stream = [
        globals(globals(0).len() as u32),
        begin(16),
        number(0, 0),
        number(65_535, 255),
        record(0x0A, &[]),
    ];
    let mut file = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).unwrap();
    file.create_stream("/Workbook")
        .unwrap()
        .write_all(&stream.concat())
        .unwrap();
    file.into_inner().into_inner()
}
