//! HTML and plain texts that cost a reader its time, or a letter its shape.

use super::{Shape, bare};

/// Every attack by a text.
pub fn all() -> Vec<Shape> {
    [pages(), texts()].into_iter().flatten().collect()
}

fn page(name: &'static str, html: &str, told: impl Into<Option<&'static str>>) -> Shape {
    bare(
        name,
        &format!("Content-Type: text/html; charset=utf-8\r\n\r\n{html}"),
        told,
    )
}

fn text(name: &'static str, text: &str, told: impl Into<Option<&'static str>>) -> Shape {
    bare(
        name,
        &format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"),
        told,
    )
}

fn pages() -> Vec<Shape> {
    let attribute = "x".repeat(3 << 20);
    let spans = "<td colspan=50 rowspan=50>x".repeat(40_000);
    let rows = "<tr><td>x".repeat(50);
    vec![
        page(
            "script",
            "<script>alert('x')</script><img src=x onerror=alert(1)><p>文字<svg onload=alert(2)>",
            None,
        ),
        page(
            "script-in-its-text",
            "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }} {% for x in y %}",
            None,
        ),
        page("script-without-end", &"<script>".repeat(200_000), None),
        page(
            "tags-200000-deep",
            &format!("{}文字", "<div>".repeat(200_000)),
            None,
        ),
        page(
            "tables-100000-deep",
            &format!("{}文字", "<table><tr><td>".repeat(100_000)),
            None,
        ),
        page(
            "spans-of-2500-cells",
            &format!("<table><tr>{spans}{rows}</table>"),
            None,
        ),
        page(
            "attribute-of-megabytes",
            &format!("<p title=\"{attribute}\">文字"),
            "正文过长",
        ),
        page(
            "attributes-300000",
            &format!("<p {}>文字", "a=b ".repeat(300_000)),
            None,
        ),
        page(
            "quotes-without-end",
            &"<a href=\"<a title='".repeat(100_000),
            None,
        ),
        page("angles-300000", &"<".repeat(200_000), None),
        page("ends-of-tags", &"</".repeat(300_000), None),
        page("comments-without-end", &"<!--".repeat(300_000), None),
        page("references-without-end", &"&#".repeat(300_000), None),
        page(
            "hidden-in-hidden",
            &"<div style=\"display:none\">".repeat(70_000),
            None,
        ),
        page(
            "links-50000",
            &"<a href=\"https://pan.baidu.com/s/1abcdefg\">x</a>".repeat(40_000),
            None,
        ),
    ]
}

fn texts() -> Vec<Shape> {
    vec![
        text("text-of-quotes", &format!("{}x", ">".repeat(200_000)), None),
        text(
            "text-of-quoted-lines",
            &"> > > > a\r\n".repeat(150_000),
            None,
        ),
        text(
            "text-of-quote-heads",
            &"在 2022-05-23 10:00:00，\"a\" <a@b.cn> 写道：\r\n".repeat(30_000),
            None,
        ),
        text(
            "text-of-separators",
            &"-----原始邮件-----\r\n发件人: a <a@b.cn>\r\n".repeat(5_000),
            None,
        ),
        text("text-of-dates", &"5月23日".repeat(60_000), None),
        text(
            "text-of-days-in-lines",
            &"5月23日 活动信息\r\n".repeat(70_000),
            None,
        ),
        text(
            "text-of-units",
            &"丹东市教育局、沈阳市教育局，".repeat(45_000),
            None,
        ),
        text(
            "text-of-links",
            &"https://pan.baidu.com/s/1abcdefg 提取码: abcd\r\n".repeat(10_000),
            None,
        ),
        text("text-of-digits", &"1".repeat(500_000), None),
        text(
            "text-of-blanks",
            &format!("{}x", " ".repeat(1_900_000)),
            None,
        ),
        text("text-of-line-ends", &"\r\n".repeat(100_000), None),
        text("text-of-marks", &"\u{202E}\u{200F}\0".repeat(200_000), None),
        text(
            "text-of-names-and-sizes",
            &"a.zip (12.3M, 2022年5月23日 10:00 到期) 下载\r\n".repeat(30_000),
            None,
        ),
    ]
}
