//! PDF without end: what pdftotext is killed over.

use std::fmt::Write;

use super::{Shape, attached};

/// Every attack by a PDF.
pub fn all() -> Vec<Shape> {
    let pages_in_a_loop = pdf(&[
        "<< /Type /Catalog /Pages 2 0 R >>".to_string(),
        "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2147483647 >>".to_string(),
    ]);
    let looping_form = pdf(&page("/F Do", &[form("/F Do", 5)]));
    vec![
        attached("pdf-pages-in-a-loop", "a.pdf", &pages_in_a_loop, "附件"),
        attached("pdf-form-in-a-loop", "a.pdf", &looping_form, "没有文字"),
        attached(
            "pdf-of-forms-in-forms",
            "a.pdf",
            &pdf(&laughing()),
            "处理超时",
        ),
        attached("pdf-of-a-huge-stream", "a.pdf", &huge(), None),
        attached("pdf-lying-length", "a.pdf", &lying(), None),
        attached("pdf-of-a-million-objects", "a.pdf", &million(), "附件"),
    ]
}

/// Numbered objects behind a header; readers mend the missing table by looking for them.
fn pdf(objects: &[String]) -> Vec<u8> {
    let mut out = "%PDF-1.4\n".to_string();
    for (number, object) in objects.iter().enumerate() {
        writeln!(out, "{} 0 obj\n{object}\nendobj", number + 1).unwrap();
    }
    out += "trailer << /Root 1 0 R >>\n%%EOF\n";
    out.into_bytes()
}

/// A document of one page with this content, which knows the first of `others`, object 5, as /F.
fn page(content: &str, others: &[String]) -> Vec<String> {
    let frame = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_string(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_string(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /XObject << /F 5 0 R >> \
         /Font << /T << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
            .to_string(),
        stream("", content),
    ];
    frame.into_iter().chain(others.iter().cloned()).collect()
}

fn stream(entries: &str, content: &str) -> String {
    format!(
        "<< {entries} /Length {} >>\nstream\n{content}\nendstream",
        content.len()
    )
}

/// A form that knows object `next` as /F.
fn form(content: &str, next: usize) -> String {
    let entries = format!(
        "/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << /XObject << /F {next} 0 R >> \
         /Font << /T << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    );
    stream(&entries, content)
}

/// Twelve forms, each of which draws the next one ten times.
fn laughing() -> Vec<String> {
    let mut forms: Vec<String> = (0..12).map(|n| form(&"/F Do ".repeat(10), n + 6)).collect();
    forms.push(form("BT /T 9 Tf 9 9 Td (x) Tj ET", 5));
    page("/F Do", &forms)
}

/// A megabyte of words on one spot.
fn huge() -> Vec<u8> {
    pdf(&page(
        &"BT /T 9 Tf 9 9 Td (word) Tj ET\n".repeat(30_000),
        &[],
    ))
}

fn lying() -> Vec<u8> {
    let objects = page("BT /T 9 Tf (x) Tj ET", &[]);
    let text = String::from_utf8(pdf(&objects)).unwrap();
    text.replace("/Length 20", "/Length 99999999999999999999")
        .into_bytes()
}

fn million() -> Vec<u8> {
    let kids = "3 0 R ".repeat(1_000_000);
    pdf(&[
        "<< /Type /Catalog /Pages 2 0 R >>".to_string(),
        format!("<< /Type /Pages /Kids [{kids}] /Count 1000000 >>"),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 1 1] >>".to_string(),
    ])
}
