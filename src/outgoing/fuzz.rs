//! What fuzzing is let in by: any bytes in, no panic. Each function is one target of `fuzz/`.

use super::{coded, commands};
use crate::campaign::Campaign;
use crate::message::{Content, Host, Tool, is_forward, read_body_only};
use crate::roster::Roster;
use std::sync::LazyLock;

static ROSTER: LazyLock<Roster> = LazyLock::new(Roster::default);
static CAMPAIGN: LazyLock<Campaign> = LazyLock::new(Campaign::default);

/// What a member of staff wrote, in a mail with no header but its first line, as its subject.
pub fn answer(bytes: &[u8]) {
    let mail = [b"Subject: ", bytes].concat();
    let Content { subject, text, .. } = read_body_only(&mail, &mut Nobody);
    is_forward(&subject);
    for text in [text.as_str(), &String::from_utf8_lossy(bytes)] {
        coded(text);
        for (said, _) in commands(text, &ROSTER, &CAMPAIGN) {
            assert!(!said.is_empty());
        }
    }
}

struct Nobody;

impl Host for Nobody {
    fn run(&mut self, _: Tool) -> Result<Vec<u8>, String> {
        Err(String::new())
    }
}
