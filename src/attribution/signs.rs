//! Words of which one look at a text tells whether any stands in it.

use aho_corasick::{AhoCorasick, MatchKind};

/// Such words. Of up to 32 the crate looks for all at once in twice as many bytes as of more; a word of one byte would have it
/// look at each byte by itself.
#[derive(Debug)]
pub struct Signs(AhoCorasick);

impl Signs {
    /// # Panics
    /// For more words than any list of ours has.
    pub fn of(words: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(words);
        Self(finder.expect("the words are few and short"))
    }

    /// Whether one of them stands in `text`.
    pub fn stand_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}
