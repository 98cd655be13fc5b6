//! What staff answer to a digest.

#![no_main]

baosong_fuzz::target!(baosong::outgoing::fuzz::answer);
