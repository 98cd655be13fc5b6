//! Every parser of ours; the first byte chooses which.

#![no_main]

baosong_fuzz::target!(baosong::message::fuzz::parser);
