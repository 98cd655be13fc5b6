//! A bar for whoever waits at a terminal; nothing anywhere else.

use indicatif::{ProgressBar, ProgressStyle};

/// Fewer mails are taken in before a bar could be read.
const MANY: usize = 200;

/// Counts mails of a poll; hidden where they are few.
pub fn of_mails(total: usize) -> ProgressBar {
    if total < MANY {
        return ProgressBar::hidden();
    }
    styled(
        total as u64,
        "{bar:30} {pos}/{len} mails, {per_sec}, {eta} left",
    )
}

/// Counts the bytes of an import.
pub fn of_bytes(total: u64) -> ProgressBar {
    styled(
        total,
        "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
    )
}

fn styled(total: u64, template: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    // It draws on stderr, and only where that is a terminal.
    ProgressBar::new(total).with_style(style)
}
