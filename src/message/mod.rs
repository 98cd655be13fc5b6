//! 2. What a mail says: MIME and charsets, documents, archives, media, links. Pure: bytes in, [`Content`] out.

mod archive;
mod automatic;
mod body;
mod charset;
mod content;
mod date;
mod document;
mod encoded_word;
mod files;
mod format;
mod header;
mod html;
mod links;
mod media;
mod mime;
mod quote;
mod read;
mod repair;
mod scan;
#[cfg(test)]
mod tests;
mod text;
mod transfer;

pub use content::*;
pub use read::{read, received};
pub use scan::scan;
