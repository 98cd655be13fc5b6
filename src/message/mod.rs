//! 2. What a mail says: MIME and charsets, documents, archives, media, links. Pure: bytes in, [`Content`] out.

mod content;

pub use content::*;

use chrono::{DateTime, FixedOffset};
/// stub
pub fn read(_raw: &[u8], _keep: &mut dyn FnMut(&str, &[u8])) -> Content {
    Content::default()
}
/// stub
pub fn received(_raw: &[u8]) -> Option<DateTime<FixedOffset>> {
    None
}
