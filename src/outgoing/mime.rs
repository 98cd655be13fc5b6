//! A letter as the bytes of a mail.

use super::{Envelope, Letter};
use crate::attribution::SELF_TEST;
use crate::campaign::{CST, Moment};
use anyhow::{Context, Result};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

/// Whom a letter is from.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Shown in front of the address.
    pub name: &'a str,
    /// Address of the account that sends.
    pub address: &'a str,
    /// Where answers go, unless to `address`; what is no address is left out.
    pub reply_to: Option<&'a str>,
}

/// The whole mail: plain text and HTML side by side, dated `now` in China Standard Time.
///
/// `message_id` is given without its angle brackets. Fails only where an address is none.
pub fn mail(
    letter: &Letter,
    sender: &Sender<'_>,
    message_id: &str,
    now: Moment,
) -> Result<Vec<u8>> {
    let name = Some(one_line(sender.name)).filter(|name| !name.is_empty());
    let body = body(letter)?;
    let mut builder = Message::builder();
    if let Some(answered) = letter.answers.as_deref().map(one_line) {
        let id = format!("<{answered}>");
        builder = builder.in_reply_to(id.clone()).references(id);
    }
    if let Some(Ok(reply_to)) = sender.reply_to.map(address) {
        builder = builder.reply_to(Mailbox::new(None, reply_to));
    }
    let mut message = builder
        .from(Mailbox::new(name, address(sender.address)?))
        .to(Mailbox::new(None, address(&letter.to)?))
        .subject(one_line(&letter.subject))
        .message_id(Some(format!("<{}>", one_line(message_id))))
        .multipart(body)?;
    let kind = if letter.answers.is_some() {
        "auto-replied"
    } else {
        "auto-generated"
    };
    sign(&mut message, kind, now);
    Ok(message.formatted())
}

/// The letter by which `doctor` tries the way out and in again, in plain text. The daemon knows it by its subject, and
/// by its being written by a machine.
///
/// Fails only where an address is none.
pub fn self_test(envelope: &Envelope<'_>, now: Moment) -> Result<Vec<u8>> {
    let at = now.with_timezone(&CST).format("%-m月%-d日%H:%M");
    let text = format!(
        "这封信由报送系统的doctor命令于{at}寄给邮箱自身，用来检查收发是否正常。\r\n系统不会把它当作报送，阅后可以删除。\r\n"
    );
    let mut message = Message::builder()
        .from(Mailbox::new(None, address(envelope.from)?))
        .to(Mailbox::new(None, address(envelope.to)?))
        .subject(format!("{SELF_TEST} {at}"))
        .message_id(Some(format!("<{}>", one_line(envelope.message_id))))
        .singlepart(SinglePart::plain(text))?;
    sign(&mut message, "auto-generated", now);
    Ok(message.formatted())
}

/// When it was written, and that a machine wrote it (RFC 3834 section 5).
fn sign(message: &mut Message, kind: &str, now: Moment) {
    let headers = message.headers_mut();
    headers.insert_raw(header("Auto-Submitted", kind.into()));
    // lettre itself writes Date in UTC only.
    headers.insert_raw(header("Date", now.with_timezone(&CST).to_rfc2822()));
}

/// The parts from the inside out: HTML with its pictures (RFC 2387), the text beside it, the files after both.
fn body(letter: &Letter) -> Result<MultiPart> {
    let (pictures, files): (Vec<_>, Vec<_>) = letter.files.iter().partition(|file| file.inline);
    let text = SinglePart::plain(letter.text.clone());
    let html = SinglePart::html(letter.html.clone());
    let mut body = MultiPart::alternative().singlepart(text);
    if pictures.is_empty() {
        body = body.singlepart(html);
    } else {
        let mut related = MultiPart::related().singlepart(html);
        for file in pictures {
            related = related.singlepart(
                Attachment::new_inline(file.name.clone())
                    .body(file.bytes.clone(), file.media_type.parse()?),
            );
        }
        body = body.multipart(related);
    }
    if files.is_empty() {
        return Ok(body);
    }
    let mut mixed = MultiPart::mixed().multipart(body);
    for file in files {
        mixed = mixed.singlepart(
            Attachment::new(file.name.clone()).body(file.bytes.clone(), file.media_type.parse()?),
        );
    }
    Ok(mixed)
}

fn address(text: &str) -> Result<Address> {
    text.parse()
        .with_context(|| format!("\"{text}\" is no mail address"))
}

fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

/// Without characters that break or disguise a header; lettre panics on CR and LF in a display name.
fn one_line(text: &str) -> String {
    let visible = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}')
    };
    text.chars().filter(visible).collect()
}
