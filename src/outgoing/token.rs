//! The token of a letter to staff: the random half of its Message-ID, and the short form at the end of its subject.

use regex::Regex;
use std::sync::LazyLock;

/// Crockford's base 32: no I, L, O, U, which are misread.
const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Hex digits of the Message-ID that the short form carries: 60 bits of its 128.
const DIGITS: usize = 15;

/// `[7Q3M-X9KD-2HTW]`; empty where the Message-ID is none of ours.
pub fn code(message_id: &str) -> String {
    let Some(bits) = message_id
        .get(..DIGITS)
        .and_then(|hex| u64::from_str_radix(hex, 16).ok())
    else {
        return String::new();
    };
    let sign = |n: u32| char::from(SIGNS[(bits >> (55 - 5 * n) & 31) as usize]);
    let group = |n: u32| (4 * n..4 * n + 4).map(sign).collect::<String>();
    format!("[{}-{}-{}]", group(0), group(1), group(2))
}

/// A subject without the short form at its end.
pub fn without_code(subject: &str) -> &str {
    let bare = subject
        .rsplit_once(" [")
        .filter(|(_, code)| code.len() == 15 && code.ends_with(']'));
    bare.map_or(subject, |(bare, _)| bare)
}

/// How the Message-ID begins whose short form stands in `subject`; the last, where there are several.
pub fn coded(subject: &str) -> Option<String> {
    static CODE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"[\[［【]\s*([0-9A-Za-z]{4})[-－]([0-9A-Za-z]{4})[-－]([0-9A-Za-z]{4})\s*[\]］】]",
        )
        .expect("a constant")
    });
    let found = CODE.captures_iter(subject).last()?;
    let signs = found
        .iter()
        .skip(1)
        .flatten()
        .flat_map(|group| group.as_str().bytes());
    let bits = signs.into_iter().try_fold(0_u64, |bits, sign| {
        let value = SIGNS
            .iter()
            .position(|known| *known == sign.to_ascii_uppercase())?;
        Some(bits << 5 | value as u64)
    })?;
    Some(format!("{bits:015x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_leads_back_to_the_message_id_however_a_client_changed_the_subject() {
        let id = "0123456789abcdeffedcba9876543210@163.com";
        let code = code(id);
        assert_eq!(code.len(), 16);
        for subject in [
            format!("回复：职教活动周日报 {code}"),
            format!("Re: Re: 日报 {}", code.to_lowercase()),
            format!("答复: 日报{}", code.replace('[', "【").replace(']', "】")),
        ] {
            assert_eq!(coded(&subject).as_deref(), Some(&id[..15]), "{subject}");
        }
        assert_eq!(coded("日报 [1234-5678]"), None);
        assert_eq!(super::code("图@x"), "");
        assert_eq!(without_code(&format!("日报 {code}")), "日报");
        assert_eq!(without_code("日报 [1]"), "日报 [1]");
    }

    proptest::proptest! {
        #[test]
        fn every_message_id_has_a_short_form_of_its_own(bits: u128) {
            let id = format!("{bits:032x}@163.com");
            proptest::prop_assert_eq!(coded(&code(&id)), Some(id[..15].to_owned()));
        }
    }
}
