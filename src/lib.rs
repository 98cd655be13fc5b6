//! baosong 报送 keeps the mailbox of a vocational education activity week (职业教育活动周).
//!
//! The way of a mail, each stage using plain types of the stages to its left only:
//!
//! [`mailbox`] (bytes) → [`message`] (content) → [`attribution`] (verdict) → [`store`] (facts)
//! → [`standing`] (derived) → [`outgoing`] (letters); [`daemon`] alone sees them all.
//!
//! [`reader`] keeps `message` in a process of its own. `message`, `attribution` and `standing` are pure: the moment to act as is passed in.

pub mod attribution;
pub mod mailbox;
pub mod message;
pub mod outgoing;
pub mod standing;
pub mod store;

pub mod campaign;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod log;
pub mod reader;
pub mod roster;
