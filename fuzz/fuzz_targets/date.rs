//! The dates of headers, and the days that a report's text names.

#![no_main]

baosong_fuzz::target!(|bytes| {
    baosong::message::fuzz::date(bytes);
    baosong::attribution::fuzz::date(&String::from_utf8_lossy(bytes));
});
