//! RFC 2047 encoded words, as Chinese mail programs write them.

use super::charset;
use super::transfer;
use memchr::memchr2;

/// Decodes a raw header value: encoded words, raw 8-bit text, or a mixture of both.
pub fn decode(raw: &[u8]) -> String {
    let mut out = String::new();
    let mut pending: Vec<Word> = Vec::new();
    let mut rest = raw;
    while !rest.is_empty() {
        let Some((before, word, after)) = next_word(rest) else {
            break;
        };
        // White space between two encoded words is part of neither (RFC 2047 section 6.2).
        if !before.iter().all(u8::is_ascii_whitespace) {
            flush(&mut pending, &mut out);
            push_plain(before, &mut out);
        } else if pending.is_empty() && !before.is_empty() {
            out.push(' ');
        }
        pending.push(word);
        rest = after;
    }
    flush(&mut pending, &mut out);
    push_plain(rest, &mut out);
    out
}

/// As [`decode`], for text whose own charset is settled already.
pub fn decode_str(text: &str) -> String {
    if text.contains("=?") {
        decode(text.as_bytes())
    } else {
        text.to_string()
    }
}

struct Word<'a> {
    charset: &'a str,
    base64: bool,
    text: &'a [u8],
}

/// The next encoded word, with what stands before and after it.
fn next_word(raw: &[u8]) -> Option<(&[u8], Word<'_>, &[u8])> {
    let mut from = 0;
    while let Some(start) = find(&raw[from..], b"=?").map(|at| from + at) {
        if let Some((word, length)) = word_at(&raw[start..]) {
            return Some((&raw[..start], word, &raw[start + length..]));
        }
        from = start + 2;
    }
    None
}

/// The encoded word that begins here, and its length.
fn word_at(raw: &[u8]) -> Option<(Word<'_>, usize)> {
    let charset_end = 2 + find(&raw[2..raw.len().min(80)], b"?")?;
    let charset = std::str::from_utf8(&raw[2..charset_end]).ok()?;
    let (kind, mark) = (*raw.get(charset_end + 1)?, *raw.get(charset_end + 2)?);
    if mark != b'?'
        || !matches!(kind, b'B' | b'b' | b'Q' | b'q')
        || charset.contains(char::is_whitespace)
    {
        return None;
    }
    let start = charset_end + 3;
    let end = start + find(&raw[start..], b"?=")?;
    let charset = charset.split('*').next().unwrap_or_default();
    Some((
        Word {
            charset,
            base64: kind.eq_ignore_ascii_case(&b'B'),
            text: &raw[start..end],
        },
        end + 2,
    ))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// Decodes neighbours of one charset together: senders cut inside characters, and inside base64 quanta.
fn flush(words: &mut Vec<Word<'_>>, out: &mut String) {
    for run in words.chunk_by(|a, b| a.charset.eq_ignore_ascii_case(b.charset)) {
        let mut bytes = Vec::new();
        for same in run.chunk_by(|a, b| a.base64 && b.base64 && !is_whole(a.text)) {
            if same[0].base64 {
                let joined: Vec<u8> = same.iter().flat_map(|word| word.text).copied().collect();
                bytes.extend(transfer::base64(&joined).0);
            } else {
                bytes.extend(transfer::q_word(same[0].text));
            }
        }
        out.push_str(&charset::decode(&bytes, Some(run[0].charset)));
    }
    words.clear();
}

fn is_whole(base64: &[u8]) -> bool {
    base64.len().is_multiple_of(4)
}

/// Plain text of a header, unfolded.
fn push_plain(raw: &[u8], out: &mut String) {
    if memchr2(b'\r', b'\n', raw).is_none() {
        return out.push_str(&charset::decode(raw, None));
    }
    let mut unfolded = raw.to_vec();
    unfolded.retain(|b| !matches!(b, b'\r' | b'\n'));
    out.push_str(&charset::decode(&unfolded, None));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(text: &str) -> String {
        let q: String = text.bytes().map(|b| format!("={b:02X}")).collect();
        format!("=?utf-8?Q?{q}?=")
    }

    #[test]
    fn a_character_split_over_two_encoded_words_is_joined() {
        assert_eq!(
            decode(b"=?gb2312?B?udjT2rE=?=\r\n =?gb2312?B?sb6p?="),
            "关于北京"
        );
        assert_eq!(
            decode(b"=?utf-8?Q?=E6=97?= =?utf-8?Q?=A5=E6=8A=A5?="),
            "日报"
        );
        assert_eq!(
            decode(b"=?utf-8?B?5pc=?=\r\n\t=?UTF-8?B?peaKpQ==?="),
            "日报"
        );
    }

    #[test]
    fn a_base64_quantum_split_over_words_is_joined() {
        assert_eq!(decode(b"=?utf-8?B?5pel5?= =?utf-8?B?oql?="), "日报");
    }

    #[test]
    fn raw_bytes_and_encoded_words_may_stand_in_one_header() {
        assert_eq!(
            decode("回执 =?GBK?Q?=C8=D5=B1=A8?=".as_bytes()),
            "回执 日报"
        );
        assert_eq!(decode(b"\xC8\xD5\xB1\xA8 1"), "日报 1");
    }

    #[test]
    fn a_word_of_an_unknown_charset_is_read_by_its_bytes() {
        assert_eq!(decode(b"=?gb18030-2000?B?yNWxqA==?="), "日报");
        assert_eq!(decode(b"=?x-unknown?Q?=C8=D5=B1=A8?="), "日报");
    }

    #[test]
    fn what_only_looks_like_a_word_stays() {
        assert_eq!(decode(b"a =?b c?= d"), "a =?b c?= d");
        assert_eq!(decode(b"1 =?= 2"), "1 =?= 2");
    }

    #[test]
    fn blanks_between_text_and_word_stay() {
        assert_eq!(decode(b"Re: =?utf-8?Q?a?= b"), "Re: a b");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in "[一-龥a-z0-9，。 ]{1,40}") {
            prop_assert_eq!(decode(encode(&text).as_bytes()), text);
        }

        #[test]
        fn any_bytes_are_survived(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            decode(&raw);
        }
    }
}
