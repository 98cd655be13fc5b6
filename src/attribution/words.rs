//! What the words of a mail say by themselves. Earlier mails are not needed for it, so that it is found out while those
//! are still being judged.

use super::day::{Dated, dated};
use super::names::{Hit, Names};
use super::noise::{Noise, noise};
use super::normal::normal;
use super::report::{Draft, Split, split};
use super::slip::Slips;
use super::unit::{Nearly, nearly};
use super::zone::{Zone, zones};
use crate::campaign::Campaign;
use crate::message::Content;
use std::sync::Arc;

/// By what words are understood.
#[derive(Debug)]
pub struct Lexicon {
    /// Of the roster.
    pub names: Names,
    /// The same but for one character.
    pub slips: Slips,
    /// Whose year and month a day is of.
    pub campaign: Campaign,
}

/// The words of one mail.
#[derive(Debug)]
pub struct Words {
    pub(super) lexicon: Arc<Lexicon>,
    pub(super) noise: Noise,
    pub(super) split: Split,
    /// Of each draft of `split`.
    pub(super) said: Vec<Said>,
}

/// What one report says.
#[derive(Debug, Clone)]
pub struct Said {
    /// Bytes of the report; one that staff joined others to is longer.
    pub bytes: usize,
    /// Its places.
    pub zones: Vec<Zone>,
    /// The names in each of them.
    pub hits: Vec<Vec<Hit>>,
    /// Names but for one character.
    pub nearly: Vec<Nearly>,
    /// The days in each of them.
    pub dated: Vec<Dated>,
}

impl Words {
    /// Reads them.
    pub fn of(content: &Content, lexicon: &Arc<Lexicon>) -> Self {
        let text = normal(&content.text);
        let split = split(content, &text);
        let drafts = match &split {
            Split::Drafts(drafts) => drafts.as_slice(),
            Split::Unreadable(_) | Split::Nothing => &[],
        };
        Self {
            noise: noise(content, &text, &split),
            said: drafts
                .iter()
                .map(|draft| match draft.text == content.text {
                    true => Said::in_normal_form(content, draft, &text, lexicon),
                    false => Said::of(content, draft, lexicon),
                })
                .collect(),
            split,
            lexicon: lexicon.clone(),
        }
    }
}

impl Said {
    /// Of any draft of a mail.
    pub fn of(content: &Content, draft: &Draft, lexicon: &Lexicon) -> Self {
        Self::in_normal_form(content, draft, &normal(&draft.text), lexicon)
    }

    /// The same, of whose text the normal form is known.
    fn in_normal_form(
        content: &Content,
        draft: &Draft,
        normal_form: &str,
        lexicon: &Lexicon,
    ) -> Self {
        let zones = zones(content, draft, normal_form);
        let find = |zone: &Zone| lexicon.names.find(&zone.text);
        let hits: Vec<Vec<Hit>> = zones.iter().map(find).collect();
        let found = zones.iter().zip(&hits);
        Self {
            nearly: found
                .flat_map(|(zone, hits)| nearly(zone, hits, &lexicon.slips))
                .collect(),
            dated: dated(&zones, &lexicon.campaign),
            bytes: draft.text.len(),
            hits,
            zones,
        }
    }
}
