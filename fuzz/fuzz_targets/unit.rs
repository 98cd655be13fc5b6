//! The units that a text names.

#![no_main]

baosong_fuzz::target!(|bytes| baosong::attribution::fuzz::unit(&String::from_utf8_lossy(bytes)));
