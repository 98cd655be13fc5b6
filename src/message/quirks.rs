//! What broken clients send and parsers get wrong, one fact each. What mail-parser 0.11.9 makes of each was measured:
//! a test that fails after an update of it means that its gap has moved.

use std::time::{Duration, Instant};

use super::*;

struct Nothing;

impl Host for Nothing {
    fn run(&mut self, _: Tool) -> Result<Vec<u8>, String> {
        Err(String::new())
    }
}

fn mail(raw: &[u8]) -> Content {
    read(raw, &mut Nothing)
}

fn gbk(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A mail of one header field, raw.
fn field(name: &str, value: &[u8]) -> Content {
    mail(&[name.as_bytes(), b": ", value, b"\r\n\r\ntext\r\n"].concat())
}

fn subject(value: &[u8]) -> String {
    field("Subject", value).subject
}

/// A mail of one part, with these fields and this body.
fn part(fields: &str, body: &[u8]) -> Content {
    mail(&[fields.as_bytes(), b"\r\n\r\n", body].concat())
}

/// The name of the one attached file, whose fields are these.
fn name(fields: &[u8]) -> String {
    let raw = [
        &b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"[..],
        fields,
        b"\r\n\r\nx\r\n--b--\r\n",
    ]
    .concat();
    let content = mail(&raw);
    assert_eq!(content.files.len(), 1);
    content.files[0].name.clone()
}

const TEXT: &str = "关于北京工地施工日报的汇报";

/// Words of `split` bytes each, whose borders fall inside of characters.
fn words(bytes: &[u8], charset: &str, split: usize) -> String {
    let word = |piece: &[u8]| format!("=?{charset}?B?{}?=", base64(piece));
    bytes
        .chunks(split)
        .map(word)
        .collect::<Vec<_>>()
        .join("\r\n ")
}

#[test]
fn encoded_words_cut_inside_a_character_are_joined() {
    for split in 1..8 {
        assert_eq!(
            subject(words(&gbk(TEXT), "gb2312", split).as_bytes()),
            TEXT,
            "gb2312, {split}"
        );
        assert_eq!(
            subject(words(TEXT.as_bytes(), "utf-8", split).as_bytes()),
            TEXT,
            "utf-8, {split}"
        );
    }
    let quoted: Vec<String> = gbk(TEXT)
        .chunks(3)
        .map(|piece| {
            let bytes: String = piece.iter().map(|byte| format!("={byte:02X}")).collect();
            format!("=?GBK?Q?{bytes}?=")
        })
        .collect();
    assert_eq!(subject(quoted.join(" ").as_bytes()), TEXT);
}

#[test]
fn one_base64_text_cut_over_words_is_joined() {
    let whole = base64(&gbk(TEXT));
    for split in [5, 6, 7, 9] {
        let pieces: Vec<String> = whole
            .as_bytes()
            .chunks(split)
            .map(|piece| format!("=?gb2312?B?{}?=", String::from_utf8_lossy(piece)))
            .collect();
        assert_eq!(subject(pieces.join("\r\n ").as_bytes()), TEXT, "{split}");
    }
}

#[test]
fn raw_bytes_and_words_may_stand_side_by_side() {
    let mixed = [
        "回执".as_bytes(),
        "：=?GBK?B?".as_bytes(),
        base64(&gbk("日报")).as_bytes(),
        b"?=",
    ]
    .concat();
    assert_eq!(subject(&mixed), "回执：日报");
    assert_eq!(subject(&gbk(TEXT)), TEXT);
}

#[test]
fn file_names_are_found_in_every_dress() {
    let chinese = "誠信日报5月24日.docx";
    let raw = gbk(chinese);
    let disposition = |value: &[u8]| [b"Content-Disposition: attachment; ", value].concat();
    assert_eq!(
        name(&disposition(
            &[b"filename=\"", raw.as_slice(), b"\""].concat()
        )),
        chinese
    );
    let cut = words(&raw, "gb2312", 5);
    assert_eq!(
        name(&disposition(format!("filename=\"{cut}\"").as_bytes())),
        chinese
    );
    let percent = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("%{byte:02X}"))
            .collect::<String>()
    };
    for at in 1..raw.len() {
        let value = format!(
            "filename*0*=gb18030''{};\r\n filename*1*={}",
            percent(&raw[..at]),
            percent(&raw[at..])
        );
        assert_eq!(name(&disposition(value.as_bytes())), chinese, "cut at {at}");
    }
    let both = format!(
        "filename=\"????.docx\"; filename*=UTF-8''{}",
        percent(chinese.as_bytes())
    );
    assert_eq!(name(&disposition(both.as_bytes())), chinese);
    let quoted = format!("filename*=\"gb18030''{}\"", percent(&raw));
    assert_eq!(name(&disposition(quoted.as_bytes())), chinese);
    assert_eq!(
        name(&disposition(
            format!("filename=\"{}\"", percent(chinese.as_bytes())).as_bytes()
        )),
        chinese
    );
    let inside = format!(
        "filename=\"prefix_=?utf-8?B?{}?=.bak\"",
        base64("日报".as_bytes())
    );
    assert_eq!(name(&disposition(inside.as_bytes())), "prefix_日报.bak");
    let ios = format!(
        "Content-Type: image/jpeg; name=\"____.JPG\"\r\nContent-Disposition: inline; filename*=\"gbk''{}\"",
        percent(&gbk("照片.JPG"))
    );
    assert_eq!(name(ios.as_bytes()), "照片.JPG");
}

#[test]
fn labels_that_no_standard_knows_are_understood() {
    for label in [
        "gb18030-2000",
        "gb-18030",
        "cp54936",
        "euc-cn",
        "x-euc-cn",
        "gb2312_charset",
        "default",
        "x-unknown",
        "ansi",
    ] {
        let word = format!("=?{label}?B?{}?=", base64(&gbk("日报")));
        assert_eq!(subject(word.as_bytes()), "日报", "{label}");
        let body = part(
            &format!("Content-Type: text/plain; charset={label}"),
            &gbk("施工日报。"),
        );
        assert_eq!(body.text, "施工日报。", "{label}");
    }
    assert_eq!(
        part(
            "Content-Type: text/plain; charset=hz-gb-2312",
            b"~{J)9$HU1(~}"
        )
        .text,
        "施工日报"
    );
}

#[test]
fn bodies_are_read_whatever_their_label_says() {
    let bytes = gbk("施工日报：今日到场");
    for label in [
        "",
        "; charset=utf-8",
        "; charset=iso-8859-1",
        "; charset=us-ascii",
        "; charset=gb2312",
    ] {
        assert_eq!(
            part(&format!("Content-Type: text/plain{label}"), &bytes).text,
            "施工日报：今日到场",
            "{label}"
        );
    }
    assert_eq!(part("Subject: a", &bytes).text, "施工日报：今日到场");
    assert_eq!(
        part(
            "Content-Type: text/plain; charset=gb2312",
            "今日施工，第一".as_bytes()
        )
        .text,
        "今日施工，第一"
    );
    let page = [&b"<html><head><meta http-equiv=Content-Type content=\"text/html; charset=gb2312\"></head><p>"[..], &gbk("陆路"), b"</p>"].concat();
    assert_eq!(part("Content-Type: text/html", &page).text, "陆路");
    let table = "Content-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment";
    assert_eq!(
        part(table, &gbk("校名,人数")).files[0].reading,
        Reading::Text("校名,人数".to_string())
    );
}

fn photo() -> Vec<u8> {
    (0..1024u32).map(|n| (n * 7 % 251) as u8).collect()
}

fn encoded(encoding: &str, body: &str) -> File {
    let fields = format!(
        "Content-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: {encoding}"
    );
    part(&fields, body.as_bytes()).files[0].clone()
}

fn lines(text: &str) -> String {
    text.as_bytes()
        .chunks(76)
        .map(|line| format!("{}\r\n", String::from_utf8_lossy(line)))
        .collect()
}

#[test]
fn broken_base64_yields_its_bytes_and_says_that_it_was_mended() {
    let whole = lines(&base64(&photo()));
    let clean = encoded("base64", &whole);
    assert_eq!((clean.bytes, clean.repaired), (1024, false));
    let footer = format!("{whole}\r\n-- \r\nscanned by a gateway\r\n");
    let unpadded = whole.trim_end().trim_end_matches('=').to_string();
    for (body, what) in [(footer, "footer"), (unpadded, "no padding")] {
        let file = encoded("base64", &body);
        assert_eq!(file.sha256, clean.sha256, "{what}");
        assert!(file.repaired, "{what}");
    }
    let cut = encoded("base64", &whole[..690]);
    assert!(
        cut.repaired && (490..=520).contains(&cut.bytes),
        "{}",
        cut.bytes
    );
}

#[test]
fn transfer_encodings_are_known_by_any_name() {
    let whole = lines(&base64(&photo()));
    for encoding in ["BASE64", "BASE64;", "base64 (x)", "8bit", "\"base64\""] {
        assert_eq!(encoded(encoding, &whole).bytes, 1024, "{encoding}");
    }
    assert_eq!(
        encoded("x-uuencode", "begin 644 a.bin\r\n#0V%T\r\n`\r\nend\r\n").bytes,
        3
    );
}

#[test]
fn a_mail_that_ends_too_early_keeps_its_last_part() {
    let raw = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: image/jpeg; name=a.jpg\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n{}",
        lines(&base64(&photo()))
    );
    let content = mail(raw.as_bytes());
    assert_eq!(
        (
            content.text.as_str(),
            content.files[0].name.as_str(),
            content.files[0].bytes
        ),
        ("text", "a.jpg", 1024)
    );
}

#[test]
fn boundaries_are_found_where_the_header_lacks_or_misnames_them() {
    for parameter in ["", "; boundary=other"] {
        let raw = format!(
            "Content-Type: multipart/mixed{parameter}\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\ntext\r\n--b\r\nContent-Type: text/csv; name=a.csv\r\n\r\n1,2\r\n--b--\r\n"
        );
        let content = mail(raw.as_bytes());
        assert_eq!(
            (content.text.as_str(), content.files.len()),
            ("text", 1),
            "{parameter}"
        );
    }
}

#[test]
fn a_body_without_an_empty_line_before_it_is_read() {
    assert_eq!(
        mail("Subject: a\r\nFrom: b@example.cn\r\n今日活动。\r\n第二行。\r\n".as_bytes()).text,
        "今日活动。\n第二行。"
    );
}

#[test]
fn marks_of_byte_order_and_bare_returns_do_not_hide_the_header() {
    assert_eq!(
        mail("\u{FEFF}From: b@example.cn\r\nSubject: a\r\n\r\nx".as_bytes())
            .from
            .unwrap()
            .address,
        "b@example.cn"
    );
    assert_eq!(
        mail(b"Subject: a\rFrom: b@example.cn\r\rline\rnext").text,
        "line\nnext"
    );
    assert_eq!(mail(b"").damage, ["空邮件"]);
}

#[test]
fn the_first_of_two_senders_wins_and_the_second_is_told() {
    let content = mail(b"From: a@example.cn\r\nFrom: evil@x.cn\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n\r\n<b>");
    assert_eq!(content.from.unwrap().address, "a@example.cn");
    assert_eq!(content.doubled, ["from", "content-type"]);
}

#[test]
fn what_is_shown_holds_no_control_characters() {
    let word = |text: &str| format!("=?utf-8?B?{}?=", base64(text.as_bytes()));
    assert_eq!(
        subject(word("日报\r\nBcc: evil@x.com\r\n\r\nbody").as_bytes()),
        "日报 Bcc: evil@x.com body"
    );
    let sender = field(
        "From",
        format!("{} <a@example.cn>", word("张三\r\nBcc: b")).as_bytes(),
    )
    .from
    .unwrap();
    assert!(!sender.name.contains(['\r', '\n']), "{:?}", sender.name);
    let file = name(
        format!(
            "Content-Disposition: attachment; filename=\"{}\"",
            word("../../etc/a\0\r\n\u{202E}fdp.exe")
        )
        .as_bytes(),
    );
    assert!(
        !file.contains(['/', '\0', '\r', '\n', '\u{202E}']),
        "{file:?}"
    );
    let content = part("Subject: a\0b", b"te\0xt");
    assert!(!content.subject.contains('\0') && !content.text.contains('\0'));
}

#[test]
fn a_picture_without_disposition_is_a_file_and_no_text() {
    let raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: image/jpeg; name=a.jpg\r\n\r\n\xFF\xD8\xFF\xE0jpg\r\n--b--\r\n";
    let content = mail(raw);
    assert_eq!(
        (
            content.text.as_str(),
            content.files.len(),
            content.files[0].media
        ),
        ("text", 1, Media::Photo)
    );
}

#[test]
fn mails_in_mails_are_read_however_they_were_packed() {
    let inner = "From: in@example.cn\r\nSubject: inner\r\n\r\ninner text\r\n";
    let attached = |fields: &str, body: &str| {
        mail(format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nouter\r\n--b\r\n{fields}\r\n\r\n{body}\r\n--b--\r\n").as_bytes())
    };
    for (fields, body) in [
        ("Content-Type: message/rfc822", inner.to_string()),
        (
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64",
            lines(&base64(inner.as_bytes())),
        ),
        (
            "Content-Type: application/octet-stream; name=a.eml\r\nContent-Transfer-Encoding: base64",
            lines(&base64(inner.as_bytes())),
        ),
    ] {
        let content = attached(fields, &body);
        assert_eq!(
            (content.text.as_str(), content.inner[0].text.as_str()),
            ("outer", "inner text"),
            "{fields}"
        );
        assert_eq!(
            content.inner[0].subject.as_deref(),
            Some("inner"),
            "{fields}"
        );
    }
}

#[test]
fn lost_characters_are_counted_where_they_were_lost() {
    let mut body = "今日活动顺利".as_bytes().to_vec();
    body.truncate(body.len() - 1);
    let content = part("Content-Type: text/plain; charset=utf-8", &body);
    assert_eq!(
        content.garbled,
        [Garbled {
            field: "text".to_string(),
            characters: 1
        }]
    );
    assert!(part("Subject: a", "今日".as_bytes()).garbled.is_empty());
}

#[test]
fn dates_of_every_client_are_read() {
    let expected = "2026-11-02T18:30:00+08:00";
    for written in [
        "Mon, 2 Nov 2026 18:30:00 +0800",
        "Mon, 2 Nov 2026 18:30:00 +0800 (CST)",
        "2 Nov 2026 18:30:00 CST",
        "Mon, 2 Nov 2026 18:30:00 GMT+08:00",
        "Mon, 2 Nov 2026 18:30:00",
        "2026-11-02 18:30:00",
        "2026-11-02T18:30:00+08:00",
        "2026/11/2 18:30:00",
        "02-Nov-2026 18:30:00",
        "Mon Nov  2 18:30:00 2026",
        "Mon Nov  2 18:30:00 CST 2026",
        "Mon, 2 November 2026 18:30:00 +0800",
        "2026年11月2日 18:30:00",
        "周一, 02 11月 2026 18:30:00 +0800",
        "Mon, 2 Nov 2026 6:30:00 PM +0800",
        "2026年11月2日 下午6:30:00",
    ] {
        let date = field("Date", written.as_bytes())
            .date
            .map(|date| date.to_rfc3339());
        assert_eq!(date.as_deref(), Some(expected), "{written}");
    }
    for nonsense in [
        "Mon, 32 Nov 2026 25:61:00 +0800",
        "Sun, 29 Feb 2026 10:00:00 +0800",
        "yesterday",
    ] {
        assert_eq!(field("Date", nonsense.as_bytes()).date, None, "{nonsense}");
    }
}

/// Shapes that cost a parser its stack or quadratic time; the limit is generous for a debug build on a busy machine.
#[test]
fn hostile_shapes_end_at_once() {
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    let siblings = "--a\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n".repeat(3000);
    let siblings = format!(
        "Content-Type: multipart/mixed; boundary=a\r\n\r\n{siblings}{}",
        "text \r\n".repeat(700_000)
    );
    let pieces: String = (0..50_000).map(|n| format!(" name{n}*1*=a;\r\n")).collect();
    let pieces = format!("Content-Type: text/plain;\r\n{pieces}\r\n\r\ntext");
    for (raw, what) in [
        (nested, "nested"),
        (siblings, "siblings"),
        (pieces, "pieces"),
    ] {
        let start = Instant::now();
        let content = mail(raw.as_bytes());
        assert!(!content.damage.is_empty(), "{what} is told");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{what}: {:?}",
            start.elapsed()
        );
    }
}
