//! A mail's whole judgement.

#![no_main]

baosong_fuzz::target!(|bytes| baosong::attribution::fuzz::judgement(&String::from_utf8_lossy(bytes)));
