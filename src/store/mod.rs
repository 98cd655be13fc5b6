//! 4. What is kept: facts in SQLite, raw mail and files on disk named by their hash.

mod fact;

pub use fact::Fact;
