//! A mail as a whole, with everything attached to it.

#![no_main]

baosong_fuzz::target!(baosong::message::fuzz::mail);
