//! Bytes to text when the charset label is missing, unknown or a lie.

use encoding_rs::{Encoding, GB18030};

/// Decodes by the evidence of the bytes first and the label second. U+FFFD marks what stays unreadable.
pub fn decode(bytes: &[u8], label: Option<&str>) -> String {
    if let Some((encoding, bom)) = Encoding::for_bom(bytes) {
        return encoding
            .decode_without_bom_handling(&bytes[bom..])
            .0
            .into_owned();
    }
    let label = label.map(normal_label).unwrap_or_default();
    if bytes.is_ascii() {
        return decode_seven_bit(bytes, &label);
    }
    decode_utf8(bytes)
        .or_else(|| decode_as_labelled(bytes, &label))
        .or_else(|| strict(GB18030, bytes))
        .unwrap_or_else(|| lossy(bytes))
}

/// The label in lower case with the spellings that mail programs invented put right.
fn normal_label(label: &str) -> String {
    let label = label
        .trim()
        .trim_matches(['"', '\'', ';', ' '])
        .to_ascii_lowercase();
    let known = match label.as_str() {
        "utf8" | "utf8mb4" | "utf_8" | "unicode-1-1-utf-8" => "utf-8",
        "gb18030-2000" | "gb-18030" | "gb18030-2005" | "cp54936" => "gb18030",
        "euc-cn" | "x-euc-cn" | "gb2312_charset" | "gb_2312" | "gb_2312-80" | "gb2312-80"
        | "cp936" | "ms936" | "windows-936" | "936" | "zh_cn.gbk" | "zh_cn" | "chinese" | "gb" => {
            "gbk"
        }
        "big-5" | "cp950" | "big5hkscs" => "big5",
        "hz" => "hz-gb-2312",
        "default" | "x-unknown" | "unknown" | "unknown-8bit" | "ansi" | "ansi_x3.110-1983"
        | "binary" | "us-ascii" | "ascii" => "",
        other => other,
    };
    known.to_string()
}

/// HZ, UTF-7 and the ISO 2022 family hide their characters in plain ASCII, so only the label tells.
fn decode_seven_bit(bytes: &[u8], label: &str) -> String {
    match label {
        "hz-gb-2312" => decode_hz(bytes),
        "utf-7" | "unicode-1-1-utf-7" => decode_utf7(bytes),
        _ => Encoding::for_label(label.as_bytes())
            .filter(|encoding| !encoding.is_ascii_compatible())
            .and_then(|encoding| strict(encoding, bytes))
            .unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// UTF-8, if the text reads as Chinese. 18% of the common GB2312 characters are valid UTF-8 pairs too
/// (路 is the bytes of U+00B7), so validity alone proves nothing.
fn decode_utf8(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let (mut eastern, mut foreign, mut broken) = (0usize, 0usize, 0usize);
    for c in text.chars().filter(|c| !c.is_ascii()) {
        match c {
            '\u{FFFD}' => broken += 1,
            _ if is_eastern(c) => eastern += 1,
            _ => foreign += 1,
        }
    }
    (eastern > foreign && broken * 8 <= eastern).then(|| text.into_owned())
}

/// What Chinese text is made of beside ASCII: ideographs, kana, full-width forms, punctuation, symbols, emoji.
fn is_eastern(c: char) -> bool {
    matches!(c, '\u{2000}'..='\u{2BFF}' | '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{FE00}'..='\u{FE6F}' | '\u{FF00}'..='\u{FFEF}' | '\u{1F000}'..='\u{1FAFF}' | '\u{20000}'..='\u{323AF}')
}

fn decode_as_labelled(bytes: &[u8], label: &str) -> Option<String> {
    let encoding = Encoding::for_label(label.as_bytes())?;
    // WHATWG's "gbk" decodes all of GB18030, so a gb2312 label needs no care of its own.
    let text = strict(encoding, bytes)?;
    (!is_mojibake(&text)).then_some(text)
}

/// Chinese bytes read as Latin-1 come in pairs of high letters; in a European word they stand alone.
fn is_mojibake(text: &str) -> bool {
    let high = |c: &char| matches!(c, '\u{80}'..='\u{FF}');
    let mut rest = text.chars().peekable();
    let (mut pairs, mut single) = (false, false);
    while let Some(c) = rest.next() {
        if high(&c) {
            let mut run = 1;
            while rest.next_if(|c| high(c)).is_some() {
                run += 1;
            }
            pairs |= run >= 2;
            single |= run == 1;
        }
    }
    pairs && (!single || text.chars().filter(high).count() >= 3)
}

/// Private-use characters are what misaligned GBK decodes to.
fn strict(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    (!text.chars().any(|c| matches!(c, '\u{E000}'..='\u{F8FF}'))).then(|| text.into_owned())
}

/// Whichever of UTF-8 and GB18030 loses less.
fn lossy(bytes: &[u8]) -> String {
    let lost = |text: &str| text.chars().filter(|&c| c == '\u{FFFD}').count();
    let utf8 = String::from_utf8_lossy(bytes);
    let gb = GB18030.decode_without_bom_handling(bytes).0;
    if lost(&utf8) < lost(&gb) {
        utf8.into_owned()
    } else {
        gb.into_owned()
    }
}

/// RFC 1843: GB2312 with the high bits taken off, between `~{` and `~}`.
fn decode_hz(bytes: &[u8]) -> String {
    let (mut gb, mut shifted, mut at) = (Vec::with_capacity(bytes.len()), false, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'~', b'{', ..] => (shifted, at) = (true, at + 2),
            [b'~', b'}', ..] => (shifted, at) = (false, at + 2),
            [b'~', b'~', ..] => {
                gb.push(b'~');
                at += 2;
            }
            [b'~', b'\n', ..] => at += 2,
            [a, b, ..] if shifted && *a > b' ' => {
                gb.extend([a | 0x80, b | 0x80]);
                at += 2;
            }
            [a, ..] => {
                shifted &= *a != b'\n';
                gb.push(*a);
                at += 1;
            }
            [] => break,
        }
    }
    GB18030.decode_without_bom_handling(&gb).0.into_owned()
}

/// RFC 2152.
fn decode_utf7(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut pieces = text.split('+');
    let mut out = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let end = piece
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '/'))
            .unwrap_or(piece.len());
        let (word, rest) = piece.split_at(end);
        let utf16 =
            mail_parser::decoders::base64::base64_decode(word.as_bytes()).unwrap_or_default();
        match word {
            "" => out.push('+'),
            _ => out.push_str(
                &encoding_rs::UTF_16BE
                    .decode_without_bom_handling(&utf16[..utf16.len() & !1])
                    .0,
            ),
        }
        out.push_str(rest.strip_prefix('-').unwrap_or(rest));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gb(text: &str) -> Vec<u8> {
        GB18030.encode(text).0.into_owned()
    }

    #[test]
    fn every_chinese_charset_trap_reads_right() {
        let report = "施工日报：今日喆𠮷到场";
        let plain = "铁路职业技术学院活动日报";
        let big5 = encoding_rs::BIG5.encode("職業教育活動").0.into_owned();
        let rows: Vec<(&str, Vec<u8>, Option<&str>, &str)> = vec![
            (
                "gb2312 label over GB18030 bytes",
                gb(report),
                Some("gb2312"),
                report,
            ),
            (
                "gbk label over four-byte characters",
                gb(report),
                Some("gbk"),
                report,
            ),
            (
                "quoted label with a semicolon",
                gb(report),
                Some("\"gb2312\";"),
                report,
            ),
            (
                "unknown gb18030-2000",
                gb(report),
                Some("gb18030-2000"),
                report,
            ),
            ("unknown cp54936", gb(report), Some("cp54936"), report),
            ("unknown euc-cn", gb(report), Some("x-euc-cn"), report),
            (
                "unknown gb2312_charset",
                gb(report),
                Some("gb2312_charset"),
                report,
            ),
            ("label default", gb(report), Some("default"), report),
            ("label x-unknown", gb(report), Some("x-unknown"), report),
            ("label ansi", gb(report), Some("ansi"), report),
            ("no label, GBK", gb(report), None, report),
            ("no label, UTF-8", report.into(), None, report),
            (
                "UTF-8 labelled gb2312",
                report.into(),
                Some("gb2312"),
                report,
            ),
            ("GBK labelled utf-8", gb(plain), Some("utf-8"), plain),
            (
                "GBK labelled iso-8859-1",
                gb(plain),
                Some("iso-8859-1"),
                plain,
            ),
            ("GBK labelled us-ascii", gb(plain), Some("us-ascii"), plain),
            (
                "GBK labelled windows-1252",
                gb(plain),
                Some("windows-1252"),
                plain,
            ),
            ("GBK that is valid UTF-8", gb("路"), None, "路"),
            ("GBK that is valid UTF-8, twice", gb("陆路"), None, "陆路"),
            ("two-character GBK name", gb("卢鲁"), Some("gbk"), "卢鲁"),
            (
                "UTF-8 with a middle dot",
                "第一·二期".into(),
                None,
                "第一·二期",
            ),
            (
                "UTF-8 cut inside its last character",
                plain.as_bytes()[..35].to_vec(),
                Some("utf-8"),
                "铁路职业技术学院活动日\u{FFFD}",
            ),
            ("Big5 by its label", big5, Some("big5"), "職業教育活動"),
            (
                "hz-gb-2312",
                b"~{J)9$HU1(~} ok~~".to_vec(),
                Some("hz-gb-2312"),
                "施工日报 ok~",
            ),
            (
                "German Latin-1",
                b"f\xFCr".to_vec(),
                Some("iso-8859-1"),
                "für",
            ),
            (
                "UTF-8 with a byte order mark",
                "\u{FEFF}日报".into(),
                Some("gbk"),
                "日报",
            ),
            (
                "UTF-16 with a byte order mark",
                vec![0xFF, 0xFE, 0xE5, 0x65, 0xA5, 0x62],
                None,
                "日报",
            ),
            ("ASCII", b"report".to_vec(), Some("gb2312"), "report"),
            ("nothing", Vec::new(), None, ""),
        ];
        for (trap, bytes, label, expected) in rows {
            assert_eq!(decode(&bytes, label), expected, "{trap}");
        }
    }

    #[test]
    fn utf7_words_are_read() {
        assert_eq!(
            decode(b"Hi +ZeVipQ- 1 +- 2", Some("utf-7")),
            "Hi 日报 1 + 2"
        );
    }

    #[test]
    fn half_a_character_is_marked_not_guessed() {
        let mut bytes = gb("日报");
        bytes.pop();
        assert!(decode(&bytes, Some("gbk")).contains('\u{FFFD}'));
    }
}
