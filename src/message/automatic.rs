//! Signs that a machine wrote the mail.

use super::content::{Address, Automatic};
use super::header::Headers;
use super::mime::Part;

/// The signs of headers and structure, each once; `from` is what its From field names.
pub fn signs(parts: &[Part], from: Option<&Address>) -> Vec<Automatic> {
    let Some(root) = parts.first() else {
        return Vec::new();
    };
    let subject = root.headers.token("subject");
    let report = root
        .headers
        .parameter("content-type", "report-type")
        .unwrap_or_default()
        .to_lowercase();
    let signs = [
        (is_reply(&root.headers, &subject), Automatic::Reply),
        (is_bounce(parts, from, &report), Automatic::Bounce),
        (is_receipt(parts, &subject, &report), Automatic::Receipt),
        (is_bulk(&root.headers), Automatic::Bulk),
        (
            parts.iter().any(|part| is_calendar(&part.headers)),
            Automatic::Calendar,
        ),
    ];
    signs
        .into_iter()
        .filter(|&(seen, _)| seen)
        .map(|(_, sign)| sign)
        .collect()
}

/// Not a sign of a machine by itself: some gateways strip the path of people's mails too (RFC 5321 section 4.5.5).
pub fn is_unanswerable(headers: &Headers) -> bool {
    let suppressed = headers.token("x-auto-response-suppress");
    headers
        .raw("return-path")
        .is_some_and(|path| path.trim_ascii() == b"<>")
        || !(suppressed.is_empty() || suppressed.starts_with("none"))
}

fn is_reply(headers: &Headers, subject: &str) -> bool {
    const PREFIXES: [&str; 6] = [
        "自动回复",
        "自动答复",
        "自动回覆",
        "auto reply",
        "auto-reply",
        "automatic reply",
    ];
    let submitted = headers.token("auto-submitted");
    let sender = headers.address("sender").unwrap_or_default().address;
    let flags = [
        "x-qq-auto-reply",
        "x-qq-holidayreply",
        "x-autoreply",
        "x-autorespond",
        "x-auto-reply-from",
    ];
    !(submitted.is_empty() || submitted.starts_with("no"))
        || flags.iter().any(|name| headers.has(name) && !matches!(headers.token(name).as_str(), "no" | "false" | "0"))
        || headers.token("precedence") == "auto_reply"
        // QQ answers from NNN+auto_=recipient@qq.com.
        || sender.contains("+auto_=")
        || headers.token("return-path").contains("+auto_=")
        || PREFIXES.iter().any(|prefix| subject.starts_with(prefix))
        || subject.starts_with("来自") && subject.ends_with("的自动回复")
}

fn is_bounce(parts: &[Part], from: Option<&Address>, report: &str) -> bool {
    let root = &parts[0];
    let local = from.and_then(|from| from.address.split('@').next());
    matches!(
        local,
        Some("postmaster" | "mailer-daemon" | "mail-daemon" | "mailerdaemon")
    ) || report == "delivery-status"
        || parts
            .iter()
            .any(|part| part.headers.content_type() == "message/delivery-status")
        || root.headers.has("x-failed-recipients")
        || root
            .headers
            .raw("return-path")
            .is_some_and(|path| path.trim_ascii() == b"<>")
            && report.is_empty()
            && root.headers.has("x-cm-original-message-id")
}

fn is_receipt(parts: &[Part], subject: &str, report: &str) -> bool {
    report == "disposition-notification"
        || parts
            .iter()
            .any(|part| part.headers.content_type() == "message/disposition-notification")
        || [
            "已读:",
            "已读：",
            "回执（已显示）",
            "回执(已显示)",
            "已读回执",
        ]
        .iter()
        .any(|prefix| subject.starts_with(prefix))
}

fn is_bulk(headers: &Headers) -> bool {
    matches!(
        headers.token("precedence").as_str(),
        "bulk" | "junk" | "list"
    ) || ["list-unsubscribe", "list-id", "list-post", "feedback-id"]
        .iter()
        .any(|name| headers.has(name))
}

fn is_calendar(headers: &Headers) -> bool {
    let asks = |method: String| {
        let method = method.to_lowercase();
        matches!(method.as_str(), "" | "request" | "cancel" | "reply")
    };
    headers.content_type() == "text/calendar"
        && headers.parameter("content-type", "method").is_none_or(asks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::mime;

    #[test]
    fn every_sign_is_seen() {
        let rows = [
            ("Auto-Submitted: auto-replied", vec![Automatic::Reply]),
            ("Auto-Submitted: no", vec![]),
            ("X-QQ-AUTO-REPLY: true", vec![Automatic::Reply]),
            ("X-QQ-HolidayReply: true", vec![Automatic::Reply]),
            (
                "Subject: =?utf-8?B?6Ieq5Yqo5Zue5aSN77ya?= x",
                vec![Automatic::Reply],
            ),
            (
                "Sender: 123+auto_=lnzjhdz=163.com@qq.com",
                vec![Automatic::Reply],
            ),
            (
                "From: \"PostMaster\" <PostMaster@qq.com>",
                vec![Automatic::Bounce],
            ),
            ("From: MAILER-DAEMON@x.cn", vec![Automatic::Bounce]),
            (
                "Content-Type: Multipart/Report; Report-Type=Delivery-Status; boundary=a",
                vec![Automatic::Bounce],
            ),
            (
                "Content-Type: multipart/report; report-type=disposition-notification; boundary=a",
                vec![Automatic::Receipt],
            ),
            ("Precedence: bulk", vec![Automatic::Bulk]),
            ("List-Unsubscribe: <mailto:a@b>", vec![Automatic::Bulk]),
            (
                "Content-Type: text/calendar; method=REQUEST",
                vec![Automatic::Calendar],
            ),
            ("Subject: 退信通知后重发".trim_end(), vec![]),
            ("X-Auto-Response-Suppress: All", vec![]),
        ];
        for (field, expected) in rows {
            let raw = format!("{field}\r\nX-A: b\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n");
            let parts = mime::parts(raw.as_bytes());
            let from = parts[0].headers.address("from");
            assert_eq!(signs(&parts, from.as_ref()), expected, "{field}");
        }
    }
}
