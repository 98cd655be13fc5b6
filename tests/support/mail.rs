//! Invented mails.

use chrono::{DateTime, FixedOffset, NaiveDate};

/// A moment in May 2022, China Standard Time.
pub fn may(day: u32, hour: u32, minute: u32) -> DateTime<FixedOffset> {
    let local = NaiveDate::from_ymd_opt(2022, 5, day)
        .unwrap()
        .and_hms_opt(hour, minute, 0)
        .unwrap();
    local
        .and_local_timezone(FixedOffset::east_opt(8 * 3600).unwrap())
        .unwrap()
}

/// A plain report of a unit's day.
pub fn report(id: &str, unit: &str, day: u32) -> Vec<u8> {
    let text = format!(
        "5月{day}日上午，{unit}举办职业教育活动周开放日，第{id}号实训室的学生向市民展示技能，三百多名家长参观。\r\n\r\n{unit}\r\n"
    );
    plain(id, &format!("{unit}5月{day}日活动信息"), &text)
}

/// A plain mail in UTF-8.
pub fn plain(id: &str, subject: &str, text: &str) -> Vec<u8> {
    format!(
        "From: <{id}@example.cn>\r\nTo: <lnzjhdz@163.com>\r\nSubject: {subject}\r\nMessage-ID: <{id}@example.cn>\r\n\
         Date: Tue, 24 May 2022 08:00:00 +0800\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}"
    )
    .into_bytes()
}

/// A report with one attachment of so many bytes of noise.
pub fn large(id: &str, unit: &str, day: u32, bytes: usize) -> Vec<u8> {
    use base64::Engine;
    let mut noise = vec![0xff, 0xd8, 0xff, 0xe0];
    let mut seed = 0x9e37_79b9_u32;
    noise.extend((0..bytes).map(|_| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed as u8
    }));
    let encoded = base64::engine::general_purpose::STANDARD.encode(noise);
    let lines: Vec<&str> = encoded
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let report = String::from_utf8(report(id, unit, day)).unwrap();
    let (head, text) = report.split_once("\r\n\r\n").unwrap();
    let head = head.replace(
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit",
        "Content-Type: multipart/mixed; boundary=b",
    );
    format!(
        "{head}\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n\
         --b\r\nContent-Type: image/jpeg; name=\"1.jpg\"\r\nContent-Disposition: attachment; filename=\"1.jpg\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    )
    .into_bytes()
}
