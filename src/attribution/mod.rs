//! 3. Whose report it is, of which day and kind, how many, with the evidence for each (rules.md).

mod verdict;

pub use verdict::*;
