//! 5. How each unit stands: counts, days, what it owes. Pure functions of facts, campaign and `now`.

mod chain;
mod owing;
mod unit;

#[cfg(test)]
mod tests;

pub use chain::Chain;
pub use owing::{Owing, owing};
pub use unit::{DayState, Owed, Standing, quota, standings};
