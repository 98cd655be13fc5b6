//! A report as a document: its title as a heading, its text in paragraphs as an office sets them.

use anyhow::Result;
use docx_rs::{
    AlignmentType, Docx, LineSpacing, LineSpacingType, Paragraph, Run, RunFonts, SpecialIndentType,
};
use std::io::Cursor;

/// Half points, as Word counts: 三号 and 小二.
const TEXT_SIZE: usize = 32;
const TITLE_SIZE: usize = 36;

/// A .docx of the title and the text's lines: same text, same bytes.
pub fn document(title: &str, text: &str) -> Result<Vec<u8>> {
    let mut document = Docx::new();
    if !title.is_empty() {
        let run = run(title, "黑体", TITLE_SIZE);
        document =
            document.add_paragraph(Paragraph::new().align(AlignmentType::Center).add_run(run));
    }
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && *line != title);
    for line in lines {
        let spacing = LineSpacing::new()
            .line_rule(LineSpacingType::Exact)
            .line(560);
        let indent = SpecialIndentType::FirstLine(640);
        let paragraph =
            Paragraph::new()
                .line_spacing(spacing)
                .indent(None, Some(indent), None, None);
        document = document.add_paragraph(paragraph.add_run(run(line, "仿宋", TEXT_SIZE)));
    }
    let mut bytes = Cursor::new(Vec::new());
    document.build().pack(&mut bytes)?;
    Ok(bytes.into_inner())
}

fn run(text: &str, font: &str, size: usize) -> Run {
    // XML 1.0 holds no control characters.
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let fonts = RunFonts::new()
        .east_asia(font)
        .ascii("Times New Roman")
        .hi_ansi("Times New Roman");
    Run::new().add_text(text).fonts(fonts).size(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_and_is_the_same_each_time() {
        let bytes = document("开幕", "开幕\n5月24日，<活动> & 展示。\u{1}\n\n第二段。").unwrap();
        assert!(
            bytes == document("开幕", "开幕\n5月24日，<活动> & 展示。\u{1}\n\n第二段。").unwrap()
        );
        let text = {
            let mut parts = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
            std::io::read_to_string(parts.by_name("word/document.xml").unwrap()).unwrap()
        };
        assert_eq!(text.matches("开幕").count(), 1);
        assert!(
            text.contains("5月24日，&lt;活动&gt; &amp; 展示。") && text.contains("第二段。"),
            "{text}"
        );
    }
}
