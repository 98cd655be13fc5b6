//! 5. How each unit stands: counts, days, what it owes. Pure functions of facts, campaign and `now`.

mod chain;
mod closing;
mod format;
mod owing;
mod statistics;
mod summary;
mod table;
mod unit;

#[cfg(test)]
mod tests;

pub use chain::{Chain, Marks};
pub use closing::{Best, Closing, closing};
pub use format::breaks;
pub use owing::{Owing, owing};
pub use statistics::{Doubt, Row, Statistics, lay_together};
pub use summary::lacks;
pub use table::{Cell, Table};
pub use unit::{DayState, Owed, Standing, quota, standings};
