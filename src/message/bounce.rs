//! What a bounce says: who did not get the letter, and whether that will last.
//!
//! RFC 3464, and what 163, QQ and Coremail write in its place: 163.com gives every failure the status 5.0.0, QQ sends
//! no report part at all, so that the words decide.

use serde::{Deserialize, Serialize};

use super::content::Automatic;
use super::mime::Part;

/// A letter of ours that came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounce {
    /// Who did not get it, in lower case, where the bounce says so.
    pub recipient: Option<String>,
    /// What is wrong.
    pub fault: Fault,
    /// The server's word: Diagnostic-Code, else the reason in the text; at most 200 characters.
    pub why: String,
}

/// Why a letter did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// There is no such mailbox, or it is closed: no letter will ever arrive.
    Address,
    /// The mailbox is full, the server does not answer: another letter may arrive.
    Passing,
    /// The server still tries.
    Delayed,
    /// The letter was taken for spam or against a rule; the address may be good.
    Refused,
}

/// Words by which a fault is known, in lower case; the first that occurs decides.
const WORDS: [(Fault, &[&str]); 3] = [
    (
        Fault::Passing,
        &[
            "full",
            "quota",
            "over limit",
            "已满",
            "容量不足",
            "空间不足",
            "超出配额",
            "timed out",
            "timeout",
            "超时",
            "无法连接",
            "connection refused",
            "temporar",
            "try again",
            "稍后",
            "暂时",
            "4.2.2",
            "5.2.2",
        ],
    ),
    (
        Fault::Refused,
        &[
            "spam",
            "垃圾",
            "dt:",
            "mi:spb",
            "hl:",
            "blocked",
            "blacklist",
            "policy",
            "virus",
            "反垃圾",
            "拒绝接收",
            "拒收",
            "被拒",
            "too large",
            "exceeded mailsize",
            "频率",
            "5.7.",
        ],
    ),
    (
        Fault::Address,
        &[
            "user unknown",
            "unknown user",
            "no such",
            "not found",
            "does not exist",
            "doesn't exist",
            "not exist",
            "invalid",
            "unavailable",
            "suspended",
            "disabled",
            "unrouteable",
            "mailbox not",
            "不存在",
            "停用",
            "注销",
            "已禁用",
            "无此用户",
            "地址有误",
            "域名",
            "5.1.",
            "nullmx",
        ],
    ),
];

/// Reads the bounce that `signs` call the mail; `text` is its own words.
pub fn read(signs: &[Automatic], parts: &[Part], raw: &[u8], text: &str) -> Option<Bounce> {
    if !signs.contains(&Automatic::Bounce) {
        return None;
    }
    let report = parts
        .iter()
        .find(|part| part.headers.content_type() == "message/delivery-status");
    let report = report
        .map(|part| part.text(raw, |_| None))
        .unwrap_or_default();
    let failed_recipients = parts
        .first()
        .and_then(|root| root.headers.text("x-failed-recipients"));
    let recipient = field(&report, "final-recipient")
        .or_else(|| field(&report, "original-recipient"))
        .and_then(|value| addresses(&value).into_iter().next())
        .or_else(|| {
            addresses(failed_recipients.unwrap_or_default())
                .into_iter()
                .next()
        })
        .or_else(|| {
            addresses(&visible(text))
                .into_iter()
                .find(|address| !is_machine(address))
        });
    let diagnostic = field(&report, "diagnostic-code").unwrap_or_default();
    let why = if diagnostic.trim().is_empty() {
        reason(text)
    } else {
        diagnostic.clone()
    };
    Some(Bounce {
        recipient,
        fault: fault(&report, &format!("{diagnostic}\n{text}")),
        why: why.chars().take(200).collect(),
    })
}

fn fault(report: &str, words: &str) -> Fault {
    let action = field(report, "action").unwrap_or_default().to_lowercase();
    if action.starts_with("delayed") {
        return Fault::Delayed;
    }
    let status = field(report, "status").unwrap_or_default();
    let said = format!("{}\n{}", words.to_lowercase(), status.trim());
    let known = WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|word| said.contains(word)));
    // Where nothing is known to be wrong with the address, another letter does no harm.
    known.map_or(Fault::Passing, |(fault, _)| *fault)
}

/// A field of a report part, its continuation lines joined (RFC 3464 section 2.1.1).
fn field(report: &str, name: &str) -> Option<String> {
    let mut value: Option<String> = None;
    for line in report.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = &mut value {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if value.is_some() {
            break;
        } else {
            let named = line
                .split_once(':')
                .filter(|(own, _)| own.trim().eq_ignore_ascii_case(name));
            value = named.map(|(_, value)| value.trim().to_owned());
        }
    }
    value
}

/// The addresses in a text, in lower case.
fn addresses(text: &str) -> Vec<String> {
    let part_of = |c: char| c.is_ascii_alphanumeric() || "@.-_+".contains(c);
    let words = text
        .split(|c| !part_of(c))
        .map(|word| word.trim_matches(['.', '-', '_', '+']));
    let whole = |word: &&str| {
        let at = word.split_once('@');
        at.is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !domain.contains('@')
        })
    };
    words.filter(whole).map(str::to_lowercase).collect()
}

fn is_machine(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default();
    local.contains("postmaster") || local.contains("daemon") || local.contains("noreply")
}

/// The part of a bounce that speaks of the failure, up to the letter that it brings back.
fn visible(text: &str) -> String {
    const ENDS: [&str; 4] = ["原邮件信息", "原始邮件", "Original Message", "抄送"];
    let end = ENDS
        .iter()
        .filter_map(|end| text.find(end))
        .min()
        .unwrap_or(text.len());
    text[..end].to_owned()
}

/// What stands behind 退信原因, on its line or the next.
fn reason(text: &str) -> String {
    let Some(at) = text.find("退信原因") else {
        return text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or_default()
            .to_owned();
    };
    let rest = text[at + "退信原因".len()..].trim_start_matches([':', '：', '\t', ' ', '\n', '\r']);
    rest.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::mime;

    fn bounce(raw: &str, text: &str) -> Bounce {
        read(
            &[Automatic::Bounce],
            &mime::parts(raw.as_bytes()),
            raw.as_bytes(),
            text,
        )
        .unwrap()
    }

    fn report(fields: &str) -> String {
        format!(
            "Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n--r\r\nContent-Type: Message/delivery-status\r\n\r\n{fields}\r\n--r--\r\n"
        )
    }

    #[test]
    fn a_report_names_the_recipient_and_its_words_the_fault() {
        let rows = [
            (
                "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: SMTP; 550 User not found: a@b.cn",
                Fault::Address,
            ),
            ("Action: failed\r\nStatus: 5.1.1", Fault::Address),
            (
                "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: SMTP;552 Mailbox is\r\n full",
                Fault::Passing,
            ),
            (
                "Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 554 DT:SPM 163 smtp5",
                Fault::Refused,
            ),
            ("Action: delayed\r\nStatus: 4.4.1", Fault::Delayed),
            ("Action: failed\r\nStatus: 4.4.7", Fault::Passing),
        ];
        for (fields, fault) in rows {
            let raw = report(&format!(
                "Final-Recipient: rfc822; Nobody@School.example\r\n{fields}"
            ));
            let bounce = bounce(&raw, "");
            assert_eq!(
                (bounce.recipient.as_deref(), bounce.fault),
                (Some("nobody@school.example"), fault),
                "{fields}"
            );
        }
    }

    #[test]
    fn a_bounce_of_qq_is_read_from_its_words() {
        let text = "抱歉，您的邮件被退回来了\n无法发送到 zhang@school.example\n退信原因：\n收件人邮件地址（zhang@school.example）不存在，邮件无法送达。\n解决方案\n请联系您的收件人\n原邮件信息：\n发件人 lnzjhdz@163.com";
        let bounce = bounce("From: PostMaster@qq.com\r\n\r\nx", text);
        assert_eq!(
            (bounce.recipient.as_deref(), bounce.fault),
            (Some("zhang@school.example"), Fault::Address)
        );
        assert_eq!(
            bounce.why,
            "收件人邮件地址（zhang@school.example）不存在，邮件无法送达。"
        );
    }

    #[test]
    fn what_is_not_understood_does_not_mark_an_address_bad() {
        assert_eq!(
            bounce("From: postmaster@x.cn\r\n\r\nx", "您的邮件未能送达").fault,
            Fault::Passing
        );
    }
}
