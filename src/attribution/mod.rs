//! 3. Whose report it is, of which day and kind, how many, with the evidence for each (rules.md).

mod past;
mod sketch;
mod verdict;

pub use past::{Earlier, Past};
pub use sketch::Sketch;
pub use verdict::*;
