//! What a bounce says of whom and why.

#![no_main]

baosong_fuzz::target!(baosong::message::fuzz::bounce);
