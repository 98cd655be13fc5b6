//! A letter as mail.

use super::Letter;
use crate::campaign::Moment;
use anyhow::{Context, Result};
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use std::error::Error;
use std::time::SystemTime;

/// RFC 3834: tells other programs not to answer.
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

/// The bytes that go to the server, plain text beside HTML. `message_id` is without angle brackets.
///
/// # Errors
/// When an address is none.
pub fn mail(
    letter: &Letter,
    name: &str,
    address: &str,
    message_id: &str,
    now: Moment,
) -> Result<Vec<u8>> {
    let to = letter
        .to
        .parse()
        .with_context(|| format!("\"{}\" is no mail address", letter.to))?;
    let from = address
        .parse()
        .with_context(|| format!("outgoing.user \"{address}\" is no mail address"))?;
    let part = |kind, body: &str| SinglePart::builder().header(kind).body(body.to_owned());
    let message = lettre::Message::builder()
        .from(Mailbox::new(Some(printable(name)), from))
        .to(Mailbox::new(None, to))
        .subject(printable(&letter.subject))
        .date(SystemTime::from(now))
        .message_id(Some(format!("<{message_id}>")))
        .header(AutoSubmitted)
        .multipart(
            MultiPart::alternative()
                .singlepart(part(ContentType::TEXT_PLAIN, &letter.text))
                .singlepart(part(ContentType::TEXT_HTML, &letter.html)),
        )?;
    Ok(message.formatted())
}

/// lettre panics on a line break in a display name; in a subject it would be shown as one.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::in_china;
    use crate::outgoing::{Key, Rule};
    use chrono::NaiveDate;

    fn letter(subject: &str) -> Letter {
        let day = NaiveDate::from_ymd_opt(2022, 5, 24).unwrap();
        Letter {
            key: Key {
                rule: Rule::Digest,
                about: "a@example.cn".into(),
                day,
            },
            to: "a@example.cn".into(),
            subject: subject.into(),
            html: "<p>正文</p>".into(),
            text: "正文".into(),
        }
    }

    fn sent(subject: &str, name: &str) -> Vec<u8> {
        let now = in_china(letter(subject).key.day.and_hms_opt(10, 30, 0).unwrap());
        mail(&letter(subject), name, "lnzjhdz@163.com", "id@163.com", now).unwrap()
    }

    #[test]
    fn a_long_chinese_subject_is_read_back_whole() {
        let subject =
            "职教活动周日报 5月24日：66家中51家已报，缺15家，待核3件，另有甲乙丙丁若干事项须办理";
        let bytes = sent(subject, "辽宁省职业教育活动周");
        let parsed = mail_parser::MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(parsed.subject(), Some(subject));
        assert_eq!(parsed.message_id(), Some("id@163.com"));
        assert_eq!(parsed.date().unwrap().to_timestamp(), 1_653_359_400);
    }

    #[test]
    fn line_breaks_in_names_and_subjects_do_not_become_headers() {
        let bytes = sent("甲\r\nBcc: evil@example.com", "乙\r\n丙");
        let parsed = mail_parser::MessageParser::default().parse(&bytes).unwrap();
        assert!(parsed.bcc().is_none());
    }
}
