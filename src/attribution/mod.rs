//! 3. Whose report it is, of which day and kind, how many, with the evidence for each (rules.md).
//!
//! The order of evidence is in two tables: how much a place weighs (`zone::Place::weight`), and how much of it
//! a way of naming carries (`names::Naming::percent`).

mod date;
mod day;
mod judge;
mod kind;
mod names;
mod noise;
mod normal;
mod past;
mod relative;
mod repeat;
mod report;
mod sketch;
mod unit;
mod verdict;
mod zone;

pub use judge::Judge;
pub use past::{Earlier, Past};
pub use sketch::Sketch;
pub use verdict::*;
