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
mod markup;
mod media;
mod mime;
mod parameter;
mod quote;
mod quote_head;
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
