//! A letter as the bytes of a mail.

use super::Letter;
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
    let headers = message.headers_mut();
    // RFC 3834 section 5.
    let kind = if letter.answers.is_some() {
        "auto-replied"
    } else {
        "auto-generated"
    };
    headers.insert_raw(header("Auto-Submitted", kind.into()));
    // lettre itself writes Date in UTC only.
    headers.insert_raw(header("Date", now.with_timezone(&CST).to_rfc2822()));
    Ok(message.formatted())
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
