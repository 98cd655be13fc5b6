//! 3. Whose report it is, of which day and kind, how many, with the evidence for each (rules.md).
//!
//! The order of evidence is one table: `strength.rs`.

mod abbreviation;
mod clash;
mod date;
mod day;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod judge;
mod kind;
mod names;
mod noise;
mod normal;
mod past;
mod pieces;
mod relative;
mod repeat;
mod report;
mod ruling;
mod signs;
mod sketch;
mod slip;
mod strength;
mod unit;
mod verdict;
mod words;
mod zone;

pub use clash::{Clash, clashes};
pub use judge::Judge;
pub use noise::SELF_TEST;
pub use normal::normal;
pub use past::{Earlier, Past};
pub use pieces::pieces;
pub use repeat::ALIKE;
pub use ruling::{Change, Ruling, Rulings};
pub use sketch::{Print, Sketch};
pub use strength::chinese;
pub use verdict::*;
pub use words::{Lexicon, Words};
