//! Whole odd mails, one fact each; the mails and why they exist stand in `tests/mails`.

use proptest::prelude::*;

use super::*;

/// Notes what it is given; has no tools.
struct Kept<'a>(&'a mut Vec<(String, u64)>);

impl Host for Kept<'_> {
    fn keep(&mut self, bytes: &[u8]) -> String {
        let name = sha256(bytes);
        self.0.push((name.clone(), bytes.len() as u64));
        name
    }

    fn run(&mut self, _: Tool) -> Result<Vec<u8>, String> {
        Err("没有工具".to_string())
    }
}

fn mail(raw: &[u8]) -> Content {
    let mut kept = Vec::new();
    let content = read(raw, &mut Kept(&mut kept));
    let listed: Vec<_> = content
        .files
        .iter()
        .map(|file| (file.sha256.clone(), file.bytes))
        .collect();
    let thumbnails = content.files.iter().filter_map(|file| {
        let details = file.details.as_ref()?;
        details.thumbnail.clone()
    });
    let thumbnails: Vec<_> = thumbnails.collect();
    kept.retain(|(sha256, _)| !thumbnails.contains(sha256));
    assert_eq!(kept, listed, "each file is handed on once, in order");
    content
}

macro_rules! odd {
    ($name:literal) => {
        mail(include_bytes!(concat!("../../tests/mails/", $name, ".eml")))
    };
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A mail that is nothing but this file.
fn only(name: &str, bytes: &[u8]) -> Content {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    let kind = format!("Content-Type: application/octet-stream; name={name}");
    let fields = format!("{kind}\r\nContent-Transfer-Encoding: base64");
    mail(format!("{fields}\r\n\r\n{encoded}\r\n").as_bytes())
}

#[test]
fn a_mail_in_an_archive_is_read_with_what_is_attached_to_it() {
    let inner = "Subject: inner\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n日报。\r\n\
        --x\r\nContent-Type: text/csv; name=a.csv\r\n\r\n1,2\r\n--x--\r\n";
    let content = only("a.zip", &zipped(&[("原件/转发.eml", inner.as_bytes())]));
    assert_eq!(content.inner[0].text, "日报。");
    let names: Vec<_> = content
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(names, ["a.zip", "转发.eml", "a.csv"]);
}

#[test]
fn pictures_pasted_into_a_document_are_listed_behind_it() {
    let xml = "<w:document><w:body><w:p><w:r><w:t>日报</w:t></w:r></w:p></w:body></w:document>";
    let picture = |width, height| {
        let mut bytes = Vec::new();
        let format = image::ImageFormat::Png;
        let picture = image::DynamicImage::new_rgb8(width, height);
        picture
            .write_to(&mut std::io::Cursor::new(&mut bytes), format)
            .unwrap();
        bytes
    };
    let bytes = zipped(&[
        ("word/document.xml", xml.as_bytes()),
        ("word/media/image1.png", &picture(640, 480)),
        ("word/media/image2.png", &picture(60, 60)),
    ]);
    let content = only("a.docx", &bytes);
    let listed: Vec<_> = content
        .files
        .iter()
        .map(|file| (file.name.as_str(), file.archive, file.decoration))
        .collect();
    assert_eq!(
        listed,
        [
            ("a.docx", None, false),
            ("image1.png", Some(0), false),
            ("image2.png", Some(0), true)
        ]
    );
}

fn names(content: &Content) -> Vec<(&str, Media)> {
    content
        .files
        .iter()
        .map(|file| (file.name.as_str(), file.media))
        .collect()
}

#[test]
fn raw_gbk_is_read_everywhere_in_the_headers() {
    let content = odd!("raw-gbk-headers");
    assert_eq!(content.subject, "铁路学校5月23日活动信息");
    assert_eq!(content.from.as_ref().unwrap().name, "王老师");
    assert_eq!(content.text, "今日举行技能展示。");
    assert_eq!(names(&content), [("誠信日报.txt", Media::Document)]);
    assert_eq!(
        content.files[0].reading,
        Reading::Text("全校三百人参加。".to_string())
    );
}

#[test]
fn a_subject_cut_inside_a_character_is_whole() {
    assert_eq!(
        odd!("split-encoded-words").subject,
        "北方职业学校活动周第二天情况"
    );
}

#[test]
fn a_mail_without_its_end_keeps_text_and_photo() {
    let content = odd!("never-closed");
    assert_eq!(content.text, "正文完整。");
    assert_eq!(names(&content), [("1.jpg", Media::Photo)]);
}

#[test]
fn a_missing_boundary_is_found() {
    let content = odd!("no-boundary-parameter");
    assert_eq!(content.text, "正文。");
    assert_eq!(names(&content), [("1.jpg", Media::Photo)]);
}

#[test]
fn a_missing_empty_line_loses_no_text() {
    assert_eq!(
        odd!("no-empty-line").text,
        "各位领导，今日活动顺利。\n第二行。"
    );
}

#[test]
fn a_gateways_footer_costs_no_photo_and_no_later_part() {
    let content = odd!("gateway-footer");
    assert_eq!(names(&content), [("1.jpg", Media::Photo)]);
    assert_eq!(content.files[0].bytes, odd!("never-closed").files[0].bytes);
    assert!(content.text.contains("第二段"));
    assert_eq!(content.damage.len(), 1);
}

#[test]
fn bare_carriage_returns_end_lines() {
    let content = odd!("carriage-returns-only");
    assert_eq!(
        (content.subject.as_str(), content.text.as_str()),
        ("老式换行", "第一行\n第二行")
    );
}

#[test]
fn the_first_of_two_fields_counts_and_no_header_is_injected() {
    let content = odd!("two-froms");
    assert_eq!(
        content.from.as_ref().unwrap().address,
        "first@school.example"
    );
    assert_eq!(content.subject, "日报 Bcc: evil@elsewhere.example X");
    assert_eq!(content.text, "正文。");
}

#[test]
fn a_photo_is_known_by_its_bytes() {
    assert_eq!(
        names(&odd!("photo-as-octet-stream")),
        [("展示.jpg", Media::Photo)]
    );
}

#[test]
fn attached_mails_bring_their_text_and_files() {
    let content = odd!("forwarded-as-attachment");
    assert_eq!(content.text, "请收。");
    let inner: Vec<_> = content
        .inner
        .iter()
        .map(|inner| (inner.nesting, inner.subject.as_deref(), inner.text.as_str()))
        .collect();
    assert_eq!(
        inner,
        [(Nesting::Attached, Some("县职教中心活动"), "今日开放校园。"); 2]
    );
    assert_eq!(names(&content), [("1.jpg", Media::Photo); 2]);
}

#[test]
fn a_bounce_answers_the_letter_that_came_back() {
    let content = odd!("bounce-163");
    assert_eq!(content.automatic, [Automatic::Bounce]);
    assert_eq!(content.answers, ["letter-1@163.example"]);
    assert!(
        content
            .text
            .contains("Final-Recipient: rfc822; nobody@school.example")
    );
    assert!(content.text.contains("退信原因\t用户不存在") && !content.text.contains("junk"));
    let bounce = content.bounce.unwrap();
    assert_eq!(bounce.recipient.as_deref(), Some("nobody@school.example"));
    assert_eq!(
        (bounce.fault, bounce.why.as_str()),
        (Fault::Address, "用户不存在")
    );
}

#[test]
fn a_large_attachment_is_a_link_that_expires() {
    let content = odd!("large-attachment");
    assert_eq!(content.links.len(), 1);
    assert_eq!(content.links[0].provider, "网易超大附件");
    assert_eq!(
        content.links[0].expires_at.unwrap().to_rfc3339(),
        "2022-06-15T09:30:00+08:00"
    );
    assert!(!content.text.contains(char::is_control) || content.text.contains('\n'));
}

#[test]
fn the_members_of_a_zip_follow_it() {
    let content = odd!("zip-with-gbk-names");
    assert_eq!(
        names(&content),
        [("a.zip", Media::Archive), ("东区.txt", Media::Document)]
    );
    assert_eq!(
        (content.files[1].folder.as_str(), content.files[1].archive),
        ("活动材料", Some(0))
    );
    assert_eq!(
        content.files[1].reading,
        Reading::Text("东区活动。".to_string())
    );
}

#[test]
fn a_lying_charset_is_not_believed() {
    let content = odd!("lying-charset");
    assert_eq!(
        (content.subject.as_str(), content.text.as_str()),
        ("铁路学校日报", "铁路职业学校今日举行了开放日活动。")
    );
}

#[test]
fn links_of_the_quoted_mail_are_not_the_senders() {
    let content = odd!("link-in-the-quote-only");
    let urls: Vec<&str> = content.links.iter().map(|link| link.url.as_str()).collect();
    assert_eq!(urls, ["https://www.meipian.cn/4own1"]);
    assert_eq!(content.inner[0].from.as_ref().unwrap().name, "活动周");
}

#[test]
fn nothing_is_read_from_nothing() {
    assert!(!mail(b"").damage.is_empty());
    assert_eq!(mail(b"Subject: a\r\n").subject, "a");
    assert_eq!(mail(b"Subject: a").subject, "a");
    assert_eq!(mail(b"just words").text, "just words");
}

#[test]
fn a_refused_mail_keeps_its_envelope() {
    let raw = [
        b"Subject: a\r\nReceived: x; Tue, 24 May 2022 09:00:00 +0800\r\n".to_vec(),
        b"Content-Type: message/rfc822\r\n\r\n".repeat(10_000),
    ]
    .concat();
    let content = mail(&raw);
    assert_eq!((content.subject.as_str(), content.damage.len()), ("a", 1));
    assert_eq!(content.received, received(&raw));
    assert!(content.received.is_some());
}

#[test]
fn a_mail_of_the_largest_size_is_read_in_seconds() {
    let line = [b"A".repeat(76), b"\r\n".to_vec()].concat();
    let part = [
        b"--x\r\nContent-Type: video/mp4; name=a.mp4\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            .to_vec(),
        line.repeat(900_000),
    ]
    .concat();
    let raw = [
        b"Subject: a\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n".to_vec(),
        part,
        b"--x--\r\n".to_vec(),
    ]
    .concat();
    let start = std::time::Instant::now();
    assert_eq!(mail(&raw).files.len(), 1);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
        mail(&raw);
    }

    #[test]
    fn any_damage_to_a_real_mail_is_survived(cut in 0usize..3000, at in 0usize..3000, byte in any::<u8>(), which in 0usize..4) {
        let mails: [&[u8]; 4] = [
            include_bytes!("../../tests/mails/zip-with-gbk-names.eml"),
            include_bytes!("../../tests/mails/forwarded-as-attachment.eml"),
            include_bytes!("../../tests/mails/bounce-163.eml"),
            include_bytes!("../../tests/mails/large-attachment.eml"),
        ];
        let mut raw = mails[which].to_vec();
        let length = raw.len();
        raw[at % length] = byte;
        raw.truncate(length - cut % length);
        mail(&raw);
    }
}

#[test]
fn parts_that_stand_in_each_other_are_read_once() {
    let content = odd!("parts-in-a-circle");
    assert_eq!(content.damage, ["邮件结构无法识别"]);
}
