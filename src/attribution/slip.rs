//! Names with one character wrong, missing or too many.
//!
//! Each name is filed under all its forms that lack one character (symmetric deletion, W. Garbe's SymSpell): two texts
//! one substitution, insertion or deletion apart share such a form, so that finding one does not depend on how many
//! names there are.

use super::normal::is_han;
use crate::roster::Roster;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

/// Shorter names resemble each other too much.
const SHORTEST: usize = 6;
/// Characters at either end of a name, one of which must be right for the name to be looked for.
const END: usize = 2;

/// The names of a roster by their nearly right forms.
#[derive(Debug)]
pub struct Slips {
    names: Vec<(Vec<char>, usize)>,
    forms: HashMap<u64, Vec<usize>>,
    heads: HashSet<[char; END]>,
    tails: HashSet<[char; END]>,
    longest: usize,
}

impl Slips {
    /// Of official names and aliases of six characters and more.
    pub fn of(roster: &Roster) -> Self {
        let mut names = Vec::new();
        for (index, unit) in roster.units().iter().enumerate() {
            let own = std::iter::once(&unit.name).chain(&unit.aliases);
            names.extend(own.map(|name| (name.chars().collect::<Vec<_>>(), index)));
        }
        names.retain(|(name, _)| name.len() >= SHORTEST);
        let mut forms: HashMap<u64, Vec<usize>> = HashMap::new();
        for (n, (name, _)) in names.iter().enumerate() {
            for form in shortened(name) {
                let filed = forms.entry(form).or_default();
                if filed.last() != Some(&n) {
                    filed.push(n);
                }
            }
        }
        let head = |(name, _): &(Vec<char>, usize)| [name[0], name[1]];
        let tail = |(name, _): &(Vec<char>, usize)| [name[name.len() - 2], name[name.len() - 1]];
        Self {
            heads: names.iter().map(head).collect(),
            tails: names.iter().map(tail).collect(),
            longest: names.iter().map(|(name, _)| name.len()).max().unwrap_or(0),
            names,
            forms,
        }
    }

    /// Units whose name stands in `text` but for one character, outside of the byte ranges `taken`; with where.
    /// Where one place is nearly the name of two units, neither is meant.
    pub fn find(&self, text: &str, taken: &[Range<usize>]) -> Vec<(Range<usize>, usize)> {
        let mut found: BTreeMap<usize, (Range<usize>, usize)> = BTreeMap::new();
        for run in runs(text, taken) {
            let chars: Vec<(usize, char)> = text[run.clone()].char_indices().collect();
            let letters: Vec<char> = chars.iter().map(|(_, c)| *c).collect();
            let mut next = 0;
            for start in 0..letters.len() {
                if start < next {
                    continue;
                }
                if let Some((length, unit)) = self.at(&letters[start..]) {
                    next = start + length;
                    let end = chars.get(next).map_or(run.end, |(at, _)| run.start + at);
                    found.insert(
                        run.start + chars[start].0,
                        (run.start + chars[start].0..end, unit),
                    );
                }
            }
        }
        found.into_values().collect()
    }

    /// Units of which a name is one edit from a name of another, for each such pair of names.
    pub fn alike(&self) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for (n, (name, unit)) in self.names.iter().enumerate() {
            let later = self.names[n + 1..].iter();
            let near = later.filter(|(word, other)| other != unit && is_one_edit(name, word));
            pairs.extend(near.map(|(_, other)| (*unit, *other)));
        }
        pairs
    }

    /// The one unit of which `letters` begin with a nearly right name, and how long that is.
    fn at(&self, letters: &[char]) -> Option<(usize, usize)> {
        let known_head = letters.len() >= END && self.heads.contains(&[letters[0], letters[1]]);
        let longest = (self.longest + 1).min(letters.len());
        let mut units = HashSet::new();
        let mut best: Option<(usize, usize)> = None;
        for length in (SHORTEST - 1..=longest).rev() {
            let known_tail = length >= END
                && self
                    .tails
                    .contains(&[letters[length - 2], letters[length - 1]]);
            if known_head || known_tail {
                for unit in self.like(&letters[..length]) {
                    units.insert(unit);
                    best.get_or_insert((length, unit));
                }
            }
        }
        best.filter(|_| units.len() == 1)
    }

    /// Units with a name one edit from `word`, or equal to it.
    fn like(&self, word: &[char]) -> Vec<usize> {
        let filed = shortened(word)
            .filter_map(|form| self.forms.get(&form))
            .flatten();
        let mut units: Vec<usize> = filed
            .filter(|n| is_one_edit(&self.names[**n].0, word))
            .map(|n| self.names[*n].1)
            .collect();
        units.sort_unstable();
        units.dedup();
        units
    }
}

/// Hashes of `word` and of all its forms that lack one character.
fn shortened(word: &[char]) -> impl Iterator<Item = u64> {
    let without = move |left_out: usize| {
        let mut hasher = DefaultHasher::new();
        let kept = word.iter().enumerate().filter(|(n, _)| *n != left_out);
        kept.for_each(|(_, c)| c.hash(&mut hasher));
        hasher.finish()
    };
    (0..=word.len()).map(without)
}

/// Whether two words differ by exactly one character changed, added or left out.
fn is_one_edit(a: &[char], b: &[char]) -> bool {
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let tail = a[head..]
        .iter()
        .rev()
        .zip(b[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (left_a, left_b) = (a.len() - head - tail, b.len() - head - tail);
    left_a.max(left_b) == 1
}

/// The stretches of Chinese characters that lie outside of `taken`, whose ranges follow each other.
fn runs(text: &str, taken: &[Range<usize>]) -> Vec<Range<usize>> {
    let free = |at: usize| {
        let next = taken.partition_point(|range| range.end <= at);
        taken.get(next).is_none_or(|range| at < range.start)
    };
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, c) in text
        .char_indices()
        .filter(|(at, c)| is_han(*c) && free(*at))
    {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += c.len_utf8(),
            _ => runs.push(at..at + c.len_utf8()),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<String> {
        let roster = Roster::default();
        let slips = Slips::of(&roster);
        let found = slips.find(text, &[]).into_iter();
        found
            .map(|(at, unit)| format!("{}={}", &text[at], roster.units()[unit].name))
            .collect()
    }

    #[test]
    fn one_wrong_missing_or_added_character_is_found() {
        assert_eq!(
            found("辽宁轨道交通职业学完活动信息"),
            ["辽宁轨道交通职业学完=辽宁轨道交通职业学院"]
        );
        assert_eq!(
            found("报送单位:大连职业技术院"),
            ["大连职业技术院=大连职业技术学院"]
        );
        assert_eq!(
            found("辽宁机电职业技术学学院"),
            ["辽宁机电职业技术学学院=辽宁机电职业技术学院"]
        );
        assert_eq!(found("今天天气很好，学校开展活动"), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_is_nearly_that_of_two_units_is_neither() {
        assert_eq!(found("阜阳职业技术学院"), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn any_one_character_changed_in_any_long_name_leads_to_its_unit_or_to_none(
            unit in 0..66usize, at in 0..30usize, wrong in "[的一是不了人在有我他]"
        ) {
            let roster = Roster::default();
            let name: Vec<char> = roster.units()[unit].name.chars().collect();
            let mut slipped = name.clone();
            slipped[at % name.len()] = wrong.chars().next().unwrap();
            prop_assume!(name.len() >= SHORTEST);
            let text: String = slipped.iter().collect();
            for (_, other) in Slips::of(&roster).find(&text, &[]) {
                prop_assert_eq!(&roster.units()[other].name, &roster.units()[unit].name);
            }
        }
    }

    #[test]
    fn a_text_of_nothing_but_names_takes_no_time() {
        let name = "辽宁农业职业技术学院";
        let text = format!("{name}，").repeat(10_000) + "辽宁农业职业技木学院";
        let taken: Vec<_> = text
            .match_indices(name)
            .map(|(at, _)| at..at + name.len())
            .collect();
        let slips = Slips::of(&Roster::default());
        assert_eq!(slips.find(&text, &taken).len(), 1);
    }
}
