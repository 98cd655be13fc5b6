//! Bytes to text when the charset label is missing, unknown or a lie.

use encoding_rs::{Encoding, GB18030};
use memchr::memchr2;

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
    // An eastern character takes three bytes or four: with so many breaks it cannot be.
    let mut breaks = bytes
        .utf8_chunks()
        .filter(|chunk| !chunk.invalid().is_empty());
    if breaks.nth(bytes.len() / 24).is_some() {
        return None;
    }
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
    // As which bytes they stand in UTF-8: in most texts none does.
    if memchr2(0xC2, 0xC3, text.as_bytes()).is_none() {
        return false;
    }
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
    // U+E000 to U+F8FF in UTF-8. To the end, which the compiler makes many at a time of.
    let bytes = text.as_bytes();
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    let private = pairs.fold(false, |any, (first, second)| {
        any | (*first == 0xEE) | ((*first == 0xEF) & (*second <= 0xA3))
    });
    (!private).then(|| text.into_owned())
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

    const REPORT: &str = "施工日报：今日喆𠮷到场";

    #[test]
    fn gb18030_is_read_under_every_name_that_senders_give_it() {
        let labels = "gb2312 GBK gb18030 gb18030-2000 gb-18030 cp54936 cp936 ms936 x-gbk euc-cn x-euc-cn gb_2312-80 \
                      gb2312_charset \"gb2312\"; default x-unknown ansi us-ascii utf-8 iso-8859-1 windows-1252 nonsense";
        for label in labels.split(' ').filter(|label| !label.is_empty()) {
            assert_eq!(decode(&gb(REPORT), Some(label)), REPORT, "{label}");
        }
        assert_eq!(decode(&gb(REPORT), None), REPORT);
    }

    #[test]
    fn utf8_is_read_under_every_label() {
        for label in [
            "utf-8",
            "utf8",
            "UTF8MB4",
            "gb2312",
            "gb18030",
            "big5",
            "iso-8859-1",
            "us-ascii",
            "",
        ] {
            assert_eq!(decode(REPORT.as_bytes(), Some(label)), REPORT, "{label}");
            assert_eq!(
                decode("第一·二期".as_bytes(), Some(label)),
                "第一·二期",
                "{label}"
            );
        }
    }

    #[test]
    fn gbk_that_happens_to_be_valid_utf8_stays_chinese() {
        for name in ["路", "陆路", "卢鲁", "鲁路"] {
            assert!(std::str::from_utf8(&gb(name)).is_ok());
            assert_eq!(decode(&gb(name), None), name);
            assert_eq!(decode(&gb(name), Some("gb2312")), name);
        }
    }

    #[test]
    fn marks_of_byte_order_beat_the_label() {
        assert_eq!(decode("\u{FEFF}日报".as_bytes(), Some("gbk")), "日报");
        assert_eq!(decode(&[0xFF, 0xFE, 0xE5, 0x65, 0xA5, 0x62], None), "日报");
    }

    #[test]
    fn other_charsets_need_their_label() {
        let big5 = encoding_rs::BIG5.encode("職業教育活動").0.into_owned();
        assert_eq!(decode(&big5, Some("big5")), "職業教育活動");
        assert_eq!(
            decode(b"~{J)9$HU1(~} ok~~", Some("hz-gb-2312")),
            "施工日报 ok~"
        );
        assert_eq!(decode(b"f\xFCr", Some("iso-8859-1")), "für");
        assert_eq!(decode(b"report", Some("gb2312")), "report");
        assert_eq!(decode(b"", None), "");
    }

    #[test]
    fn text_cut_inside_its_last_character_is_not_read_as_gbk() {
        let cut = &"铁路职业技术学院活动日报".as_bytes()[..35];
        assert_eq!(decode(cut, Some("utf-8")), "铁路职业技术学院活动日\u{FFFD}");
    }

    #[test]
    fn utf7_words_are_read() {
        assert_eq!(
            decode(b"Hi +ZeVipQ- 1 +- 2", Some("utf-7")),
            "Hi 日报 1 + 2"
        );
    }

    #[test]
    fn private_characters_are_known_by_their_bytes() {
        for (c, private) in [
            ('\u{D7FF}', false),
            ('\u{E000}', true),
            ('\u{EFFF}', true),
            ('\u{F8FF}', true),
            ('\u{F900}', false),
            ('，', false),
        ] {
            let bytes = GB18030.encode(c.encode_utf8(&mut [0; 4])).0.into_owned();
            assert_eq!(strict(GB18030, &bytes).is_none(), private, "{c:?}");
        }
    }

    #[test]
    fn half_a_character_is_marked_not_guessed() {
        let mut bytes = gb("日报");
        bytes.pop();
        assert!(decode(&bytes, Some("gbk")).contains('\u{FFFD}'));
    }
}
