//! Settings that lead to the stand-in.

use baosong::config::{Config, Tls};
use std::path::Path;

pub const USER: &str = "lnzjhdz@163.com";
pub const CODE: &str = "ABCDEFGHIJKLMNOP";

/// Plain connections to these ports of loopback (IMAP, SMTP), one member of staff, a second's patience; the code lies
/// in `dir`.
pub fn settings((imap, smtp): (u16, u16), dir: &Path) -> Config {
    let code = dir.join("code");
    std::fs::write(&code, CODE).unwrap();
    let mut config = Config::default();
    config.mailbox.host = "127.0.0.1".into();
    config.mailbox.port = imap;
    config.mailbox.tls = Tls::None;
    config.mailbox.password_file = code.clone();
    config.mailbox.patience_seconds = 1;
    config.outgoing.host = "127.0.0.1".into();
    config.outgoing.port = smtp;
    config.outgoing.tls = Tls::None;
    config.outgoing.password_file = code;
    config.outgoing.patience_seconds = 1;
    // The machine that runs the tests may be as full as it likes.
    config.alarms.least_free_megabytes = 0;
    config.staff.digest_to = vec!["office@example.cn".into()];
    config
}
