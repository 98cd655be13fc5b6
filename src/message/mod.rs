//! 2. What a mail says: MIME and charsets, documents, archives, media, links. Pure: bytes in, [`Content`] out; tools from
//!    outside are asked for through the [`Host`].

mod archive;
mod automatic;
mod behind_link;
mod body;
mod bounce;
mod charset;
mod container;
mod content;
mod date;
mod document;
mod encoded_word;
mod files;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod header;
mod host;
mod html;
mod lift;
mod links;
mod markup;
mod media;
mod mime;
mod parameter;
mod picture;
#[cfg(test)]
mod quirks;
mod quote;
mod quote_head;
mod read;
mod repair;
mod scan;
mod shown;
#[cfg(test)]
mod tests;
mod text;
mod transfer;

/// Why a file was not opened: the mail had its time.
const LATE: &str = "处理超时";

pub use bounce::{Bounce, Fault};
pub use content::*;
pub use files::{hex, sha256};
pub use host::{Host, Tool};
pub use media::Details;
pub use quote::is_forward;
pub use read::{read, read_body_only, read_large, read_large_body_only, received};
pub use scan::scan;
pub use shown::{Shown, shown};
pub use text::between_line_feeds;
pub use transfer::BASE64;
