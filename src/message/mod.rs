//! 2. What a mail says: MIME and charsets, documents, archives, media, links. Pure: bytes in, [`Content`] out.

mod content;

pub use content::*;
