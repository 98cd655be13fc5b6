//! Zip, RAR, 7z and winmail.dat.

#![no_main]

baosong_fuzz::target!(baosong::message::fuzz::archive);
