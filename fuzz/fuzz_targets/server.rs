//! All that an IMAP server says to one poll.

#![no_main]

baosong_fuzz::target!(baosong::mailbox::fuzz::server);
