//! What tests and the demo share: a stand-in for 163.com's servers, a throw-away Dovecot, invented mails.
// Each test binary and the demo use a part of it.
#![allow(dead_code)]

pub mod dovecot;
pub mod mail;
pub mod robot;
pub mod settings;
pub mod standin;
