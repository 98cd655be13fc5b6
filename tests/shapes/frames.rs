//! MIME without measure: nesting, parts, fields, names.

use super::{Shape, bare, mail};

const TOO_DEEP: &str = "邮件嵌套层数过多";
const TOO_MANY: &str = "邮件分段过多";
const TOO_LONG: &str = "邮件头过长";

/// Every attack by the frame of a mail.
pub fn all() -> Vec<Shape> {
    [nesting(), parts(), fields(), names()]
        .into_iter()
        .flatten()
        .collect()
}

fn nesting() -> Vec<Shape> {
    let open = |n: usize| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n");
    let multiparts: String = (0..1000).map(open).collect();
    let few: String = (0..150).map(open).collect();
    let mails = "Content-Type: message/rfc822\r\n\r\n";
    vec![
        bare("multiparts-1000-deep", &multiparts, TOO_MANY),
        bare("multiparts-150-deep", &format!("{few}\r\ntext"), None),
        bare("mails-1000-deep", &mails.repeat(1000), TOO_DEEP),
        bare(
            "mails-40-deep",
            &format!("{}\r\ntext", mails.repeat(40)),
            None,
        ),
    ]
}

fn parts() -> Vec<Shape> {
    let mixed = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    let text = "--b\r\n\r\nx\r\n";
    let file = "--b\r\nContent-Type: image/png; name=a.png\r\n\r\nx\r\n";
    let empty = "--b\r\n\r\n";
    let megabytes = "b".repeat(3 << 20);
    let long = format!(
        "--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n",
        "long line ".repeat(150_000)
    );
    vec![
        bare(
            "parts-of-text-100000",
            &format!("{mixed}{}--b--", text.repeat(100_000)),
            TOO_MANY,
        ),
        bare(
            "parts-of-files-100000",
            &format!("{mixed}{}--b--", file.repeat(100_000)),
            TOO_MANY,
        ),
        bare(
            "parts-of-nothing-100000",
            &format!("{mixed}{}--b--", empty.repeat(100_000)),
            TOO_MANY,
        ),
        bare(
            "parts-of-long-text",
            &format!("{mixed}{}--b--", long.repeat(20)),
            "正文过长",
        ),
        bare(
            "parts-of-files-5000",
            &format!("{mixed}{}--b--", file.repeat(5000)),
            "附件过多",
        ),
        bare(
            "boundary-of-megabytes",
            &format!(
                "Content-Type: multipart/mixed; boundary={megabytes}\r\n\r\n--{megabytes}\r\n\r\nx"
            ),
            TOO_LONG,
        ),
        bare(
            "boundary-of-nothing",
            "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n--\r\n\r\ny\r\n----",
            None,
        ),
        bare(
            "lines-like-boundaries",
            &format!("{mixed}{}", "--b \r\n-".repeat(300_000)),
            TOO_MANY,
        ),
    ]
}

fn fields() -> Vec<Shape> {
    let line = format!("X-Long: {}\r\n\r\ntext", "x".repeat(10 << 20));
    let recipients = format!(
        "To: {}a@b\r\n\r\ntext",
        "someone@example.cn,\r\n ".repeat(100_000)
    );
    let words = "=?utf-8?B?5LiA?= ".repeat(40_000);
    vec![
        bare(
            "fields-100000",
            &format!("{}\r\ntext", "X-A: b\r\nFrom: x@y.cn\r\n".repeat(50_000)),
            TOO_LONG,
        ),
        bare(
            "fields-40000",
            &format!("{}\r\ntext", "From: x@y.cn\r\n".repeat(40_000)),
            None,
        ),
        bare("field-of-10-megabytes", &line, TOO_LONG),
        bare("recipients-100000", &recipients, TOO_LONG),
        bare(
            "subject-of-40000-words",
            &format!("Subject: {words}\r\n\r\ntext"),
            None,
        ),
        bare(
            "answers-of-100000-angles",
            &format!("References: {}\r\n\r\ntext", "<".repeat(500_000)),
            None,
        ),
        bare(
            "comments-nested",
            &format!(
                "Date: {}\r\nTo: {}\r\n\r\ntext",
                "(".repeat(200_000),
                "(\"<".repeat(60_000)
            ),
            None,
        ),
        bare(
            "parameters-in-pieces",
            &format!(
                "Content-Type: text/plain;{}\r\n\r\ntext",
                " n*1*=a;".repeat(7_000)
            ),
            None,
        ),
    ]
}

fn names() -> Vec<Shape> {
    let part = |value: &str| {
        format!(
            "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=\"{value}\"\r\n\r\nx"
        )
    };
    let long = "长".repeat(18_000);
    let words = |text: &str| {
        format!(
            "=?utf-8?B?{}?=",
            super::base64(text.as_bytes()).replace("\r\n", "")
        )
    };
    vec![
        mail("name-with-a-path", &part("../../../../etc/passwd"), None),
        mail(
            "name-with-a-windows-path",
            &part(&words("C:\\Windows\\..\\a.txt")),
            None,
        ),
        mail(
            "name-with-a-newline",
            &part(&words("a\r\nBcc: b@c.cn\r\n\r\n.txt")),
            None,
        ),
        mail(
            "name-written-backwards",
            &part(&words("a\u{202E}txt.exe")),
            None,
        ),
        mail("name-with-nul", &part(&words("a.txt\0.exe")), None),
        mail("name-of-54-kilobytes", &part(&long), None),
        mail("name-of-100-kilobytes", &part(&long.repeat(2)), TOO_LONG),
        mail("name-of-a-device", &part("CON"), None),
        mail("name-of-dots", &part("../.."), None),
    ]
}
