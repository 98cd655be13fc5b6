//! A letter of our own as a browser shows it.

use super::mime::{Part, parts};
use std::collections::HashMap;

/// The HTML of a letter with its pictures inside, and the files beside it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shown {
    /// Pictures stand in it as `data:` URIs.
    pub html: String,
    /// Name and content.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Reads a mail that this program wrote; of others it shows what is there.
pub fn shown(raw: &[u8]) -> Shown {
    let mut shown = Shown::default();
    let mut pictures: HashMap<String, String> = HashMap::new();
    for part in parts(raw).iter().filter(|part| part.children.is_empty()) {
        let kind = part.headers.content_type();
        if let Some(id) = content_id(part) {
            pictures.insert(id, data_uri(kind, &part.decoded(raw).0));
        } else if let Some(name) = part.headers.file_name() {
            shown.files.push((name, part.decoded(raw).0.into_owned()));
        } else if kind == "text/html" {
            shown.html = part.text(raw, |_| None);
        }
    }
    for (id, uri) in pictures {
        shown.html = shown
            .html
            .replace(&format!("cid:{id}\""), &format!("{uri}\""));
    }
    shown
}

fn content_id(part: &Part) -> Option<String> {
    let id = part.headers.text("content-id")?;
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    (!id.is_empty()).then(|| id.to_owned())
}

/// RFC 2397, percent-encoded as base64 is not needed: letters, digits and nothing else stand for themselves.
fn data_uri(kind: &str, bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut uri = format!("data:{kind},");
    for byte in bytes {
        if byte.is_ascii_alphanumeric() {
            uri.push(char::from(*byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
