//! What a mail says of the file behind a link: its name, size, expiry and the code to take it with.

use std::sync::LazyLock;

use chrono::{DateTime, FixedOffset};
use regex::Regex;

use super::date::{self, pattern};
use super::{text, transfer};

/// A link's own attributes in a page, as NetEase and Apple write them.
#[derive(Debug, Clone, Default)]
pub struct Attributes {
    /// `filename`, `data-filename`.
    pub name: Option<String>,
    /// `filesize`, `data-size`: bytes.
    pub bytes: Option<u64>,
    /// `expiretime`: milliseconds since 1970.
    pub expires: Option<i64>,
}

/// What is known of the file behind a link.
#[derive(Debug, Default, PartialEq)]
pub struct Behind {
    /// File name.
    pub name: Option<String>,
    /// Size; written in a unit, it is rounded.
    pub bytes: Option<u64>,
    /// 提取码, 访问码.
    pub code: Option<String>,
    /// When the provider drops it.
    pub expires_at: Option<DateTime<FixedOffset>>,
}

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)([^\s:：，。；、()（）<>《》\x{22}“”\x{F8F0}\x{F8F1}/]+\.(?:mp4|mov|avi|wmv|mkv|m4v|flv|mpg|zip|rar|7z|docx?|xlsx?|pptx?|pdf|jpe?g|png|heic|wps|et))\b",
    )
});
static SIZE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(\d+(?:\.\d+)?)\s*(k|m|g)(?:i?b)?\b"));
static CODE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:提取码|提取密码|访问码|访问密码|分享密码|密码|口令)\s*(?:是|为)?\s*[:：]?\s*([A-Za-z0-9]{4,8})\b",
    )
});
static CODE_IN_ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[?&#](?:pwd|code|password)=([A-Za-z0-9]{4,8})(?:&|#|$)"));
static EXPIRY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(\d{4}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}\s*日?\s*(?:\d{1,2}[:：]\d{2}(?:[:：]\d{2})?)?)\s*(?:到期|过期|前有效|失效)|(?:有效期至?|到期时间|过期时间|失效时间|截止日期)\s*[:：]?\s*(?:至|到)?\s*(\d{4}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}\s*日?\s*(?:\d{1,2}[:：]\d{2})?)",
    )
});

/// Reads a link's attributes, its address, and the text on either side of it, in that order of trust.
/// `code` says that this provider's files need one.
pub fn read(url: &str, attributes: &Attributes, before: &str, after: &str, code: bool) -> Behind {
    let address = String::from_utf8_lossy(&transfer::percent(url.as_bytes())).into_owned();
    // The name stands in the line of its link, and so does the size beside it.
    let line_before = before
        .rsplit('\n')
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let line_after = after.split('\n').next().unwrap_or_default();
    let name = attributes.name.clone().or_else(|| parameter(&address, "f"));
    let name = name.or_else(|| {
        Some(
            last(&NAME, line_before)
                .or_else(|| first(&NAME, line_after))?
                .to_string(),
        )
    });
    let milliseconds = attributes.expires.or_else(|| {
        let seconds = parameter(&address, "e")?.parse::<i64>().ok()?;
        seconds.checked_mul(1000)
    });
    let expires = milliseconds
        .and_then(DateTime::from_timestamp_millis)
        .and_then(date::in_china);
    Behind {
        name: name.map(|name| text::file_name(&name)),
        bytes: attributes
            .bytes
            .or_else(|| parameter(&address, "sz")?.parse().ok())
            .or_else(|| size(line_after))
            .or_else(|| size(line_before)),
        code: if code {
            let own = CODE_IN_ADDRESS
                .captures(url)
                .map(|found| found[1].to_string());
            own.or_else(|| {
                Some(
                    first(&CODE, after)
                        .or_else(|| last(&CODE, before))?
                        .to_string(),
                )
            })
        } else {
            None
        },
        expires_at: expires.or_else(|| expiry(before, after)),
    }
}

/// A parameter of the address, or of an address that it holds.
fn parameter(address: &str, name: &str) -> Option<String> {
    let parts = address.split(['?', '&']).skip(1);
    let found = parts
        .filter_map(|part| part.split_once('='))
        .find(|(own, _)| *own == name);
    found
        .map(|(_, value)| value.to_string())
        .filter(|value| !value.is_empty())
}

fn first<'a>(pattern: &Regex, text: &'a str) -> Option<&'a str> {
    Some(pattern.captures(text)?.get(1)?.as_str())
}

fn last<'a>(pattern: &Regex, text: &'a str) -> Option<&'a str> {
    Some(pattern.captures_iter(text).last()?.get(1)?.as_str())
}

fn size(text: &str) -> Option<u64> {
    let found = SIZE.captures(text)?;
    let number: f64 = found[1].parse().ok()?;
    let unit = match found[2].to_ascii_lowercase().as_str() {
        "k" => 10,
        "m" => 20,
        _ => 30,
    };
    Some((number * f64::from(1u32 << unit)) as u64)
}

/// The nearest one; providers write it beside the file's name, on either side of the link.
fn expiry(before: &str, after: &str) -> Option<DateTime<FixedOffset>> {
    let last = EXPIRY
        .captures_iter(before)
        .last()
        .map(|found| (before.len() - found.get(0).map_or(0, |m| m.end()), found));
    let first = EXPIRY
        .captures(after)
        .map(|found| (found.get(0).map_or(0, |m| m.start()), found));
    let (_, found) = [last, first]
        .into_iter()
        .flatten()
        .min_by_key(|(distance, _)| *distance)?;
    date::parse(found.get(1).or_else(|| found.get(2))?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(url: &str, before: &str, after: &str) -> Behind {
        read(url, &Attributes::default(), before, after, true)
    }

    #[test]
    fn a_line_of_qq_names_file_size_and_expiry() {
        let before = "从QQ邮箱发来的超大附件\n开幕式 视频.mp4 (128.03M, 2022年6月27日 21:59 到期)进入下载页面：";
        let behind = around(
            "http://mail.qq.com/cgi-bin/ftnExs_download?k=1&code=abcdef",
            before,
            "\n",
        );
        assert_eq!(behind.name.as_deref(), Some("视频.mp4"));
        assert_eq!(behind.bytes, Some((128.03 * 1_048_576.0) as u64));
        assert_eq!(
            behind.expires_at.unwrap().to_rfc3339(),
            "2022-06-27T21:59:00+08:00"
        );
    }

    #[test]
    fn codes_are_found_beside_the_link_and_in_it() {
        for (url, after) in [
            ("https://pan.baidu.com/s/1a?pwd=xy12", ""),
            ("https://pan.baidu.com/s/1a", " 提取码：xy12\n"),
            ("https://pan.baidu.com/s/1a", "\n访问码 xy12 复制"),
        ] {
            assert_eq!(
                around(url, "", after).code.as_deref(),
                Some("xy12"),
                "{url} {after}"
            );
        }
        assert_eq!(
            around("https://pan.baidu.com/s/1a", "", "请查收").code,
            None
        );
    }

    #[test]
    fn mail_drop_tells_all_in_its_address() {
        let url = "https://www.icloud.com/attachment/?u=https%3A%2F%2Fcvws.icloud-content.com%2FB%2Fx%3Fo%3D1%26e%3D1656000000%26k%3D2&f=IMG_1.MOV&sz=181234567";
        let behind = around(url, "", "");
        assert_eq!(
            (behind.name.as_deref(), behind.bytes),
            (Some("IMG_1.MOV"), Some(181_234_567))
        );
        assert_eq!(
            behind.expires_at.unwrap().to_rfc3339(),
            "2022-06-24T00:00:00+08:00"
        );
    }

    #[test]
    fn attributes_are_trusted_before_words() {
        let attributes = Attributes {
            name: Some("活动视频.mp4".to_string()),
            bytes: Some(5),
            expires: Some(1_654_056_000_000),
        };
        let behind = read(
            "https://mail.163.com/x",
            &attributes,
            "a.zip (3M, 2022年7月1日 到期)",
            "",
            false,
        );
        assert_eq!(
            (behind.name.as_deref(), behind.bytes),
            (Some("活动视频.mp4"), Some(5))
        );
        assert_eq!(
            behind.expires_at.unwrap().to_rfc3339(),
            "2022-06-01T12:00:00+08:00"
        );
    }

    #[test]
    fn a_link_that_expires_after_the_end_of_time_never_does() {
        for end in ["8210266876799", "8210266790000", "253402300800"] {
            let url = format!("https://fs.163.com/fs/display?e={end}");
            assert_eq!(around(&url, "", "").expires_at, None, "{end}");
        }
    }
}
