//! Whose report it is: names weighed by place and manner, the runner-up kept in sight.

use super::names::{Hit, Role, Who};
use super::slip::Slips;
use super::strength::{Circumstance, GUEST, LEAST, Naming, PLAIN, Place, RIVAL};
use super::words::Said;
use super::zone::Zone;
use super::{About, Evidence, Past, Weighed};
use crate::message::Content;
use crate::roster::{Roster, UnitKind};
use std::collections::BTreeMap;

/// Places where a slip of the pen is looked for: those where a unit names itself.
const SELF: [Place; 6] = [
    Place::Subject,
    Place::Signature,
    Place::Title,
    Place::FileName,
    Place::CoverSignature,
    Place::Sender,
];

/// Bytes of such a place that are looked at: no title or subject is longer, and each character takes its time.
const LOOKED_AT: usize = 4 << 10;

/// The unit of a report, or who might be it.
#[derive(Debug, Clone)]
pub struct Attribution {
    /// Official name, where the evidence decides.
    pub unit: Option<String>,
    /// All units that something speaks for, likeliest first.
    pub weighed: Vec<Weighed>,
    /// The words of this mail alone decided.
    pub plainly_named: bool,
    /// Why not, in Chinese.
    pub doubt: String,
}

impl Attribution {
    /// What speaks for the unit that was taken.
    pub fn evidence(&self) -> Vec<Evidence> {
        let taken = self
            .weighed
            .iter()
            .find(|weighed| Some(&weighed.unit) == self.unit.as_ref());
        taken
            .map(|weighed| weighed.evidence.clone())
            .unwrap_or_default()
    }
}

/// What speaks for one unit.
#[derive(Default)]
struct Tally {
    /// The heaviest name of each place.
    places: BTreeMap<Place, Evidence>,
    other: Vec<Evidence>,
    only_school_like: bool,
    /// Named somewhere as more than a guest.
    author: bool,
}

/// A name that more than one unit has (铁西区).
struct Shared {
    units: Vec<usize>,
    place: Place,
    author: bool,
    evidence: Evidence,
}

impl Tally {
    fn add(&mut self, place: Place, evidence: Evidence) {
        let best = self.places.entry(place).or_insert_with(|| evidence.clone());
        if evidence.weight > best.weight {
            *best = evidence;
        }
    }

    fn named(&self) -> u32 {
        self.places.values().map(|evidence| evidence.weight).sum()
    }

    fn total(&self) -> u32 {
        self.named()
            + self
                .other
                .iter()
                .map(|evidence| evidence.weight)
                .sum::<u32>()
    }

    /// A guest, a partner or a venue, and nothing else speaks for it.
    fn is_guest(&self) -> bool {
        !self.author && self.other.is_empty()
    }

    fn evidence(&self) -> Vec<Evidence> {
        let mut all: Vec<_> = self.places.values().chain(&self.other).cloned().collect();
        all.sort_by_key(|evidence| std::cmp::Reverse(evidence.weight));
        all
    }
}

/// Weighs the zones of a report and what is known of its sender.
pub fn attribute(content: &Content, said: &Said, roster: &Roster, past: &Past) -> Attribution {
    let mut tallies: BTreeMap<usize, Tally> = BTreeMap::new();
    let (mut strangers, mut shared) = (Vec::new(), Vec::new());
    let found: Vec<(&Zone, &Vec<Hit>)> = said.zones.iter().zip(&said.hits).collect();
    let college_speaks = speaks_as_college(&found, roster);
    for (zone, hits) in &found {
        for hit in *hits {
            let share = if college_speaks && is_city(hit) {
                50
            } else {
                100
            };
            weigh(zone, hit, share, &mut tallies, &mut strangers, &mut shared);
        }
    }
    give_shared(shared, &mut tallies);
    give_to_city(&mut tallies, roster);
    circumstances(content, roster, past, &mut tallies);
    give_slips(&said.nearly, &mut tallies);
    decide(&tallies, strangers, roster)
}

/// A college that names itself and says 我校 or 我院: a city beside it is where it stands, or whose event it was.
fn speaks_as_college(found: &[(&Zone, &Vec<Hit>)], roster: &Roster) -> bool {
    let says = |word: &str| found.iter().any(|(zone, _)| zone.text.contains(word));
    let is_college = |who: &Who| matches!(who, Who::Units(units) if roster.units()[units[0]].kind == UnitKind::College);
    let names_itself = |hit: &Hit| {
        matches!(hit.naming, Naming::FullName | Naming::Alias)
            && hit.role == Role::Author
            && is_college(&hit.who)
    };
    let mut own = found.iter().filter(|(zone, _)| SELF.contains(&zone.place));
    own.any(|(_, hits)| hits.iter().any(names_itself)) && (says("我校") || says("我院"))
}

/// Whether a hit names a city or a part of it, and no institution there.
fn is_city(hit: &Hit) -> bool {
    matches!(
        hit.naming,
        Naming::City | Naming::BareCity | Naming::District
    )
}

fn weigh(
    zone: &Zone,
    hit: &Hit,
    share: u32,
    tallies: &mut BTreeMap<usize, Tally>,
    strangers: &mut Vec<Evidence>,
    shared: &mut Vec<Shared>,
) {
    let mut weight = zone.place.weight() * hit.naming.percent() * share / 10_000;
    if hit.role != Role::Author {
        weight = weight * GUEST / 100;
    }
    let seen = &zone.text[hit.start..hit.end];
    let evidence = evidence(hit.naming.rule(), zone.place.name(), seen, weight);
    match &hit.who {
        Who::Units(units) if units.len() > 1 => {
            shared.push(Shared {
                units: units.clone(),
                place: zone.place,
                author: hit.role != Role::Guest,
                evidence,
            });
        }
        Who::Units(units) => {
            let new = || Tally {
                only_school_like: true,
                ..Tally::default()
            };
            let tally = tallies.entry(units[0]).or_insert_with(new);
            tally.only_school_like &= hit.naming == Naming::SchoolForCollege;
            tally.author |= hit.role != Role::Guest;
            tally.add(zone.place, evidence);
        }
        Who::Undecided | Who::Outside => strangers.push(evidence),
    }
}

/// A unit whose name stands somewhere but for one character.
#[derive(Debug, Clone)]
pub struct Nearly {
    unit: usize,
    place: Place,
    evidence: Evidence,
}

/// Names but for one character, outside of the names that are right.
pub fn nearly(zone: &Zone, hits: &[Hit], slips: &Slips) -> Vec<Nearly> {
    if !SELF.contains(&zone.place) {
        return Vec::new();
    }
    let whole = |hit: &&Hit| {
        !matches!(
            hit.naming,
            Naming::City | Naming::BareCity | Naming::District | Naming::School
        )
    };
    let taken: Vec<_> = hits
        .iter()
        .filter(whole)
        .map(|hit| hit.start..hit.end)
        .collect();
    let weight = zone.place.weight() * Naming::Slip.percent() / 100;
    let text = &zone.text[..zone.text.floor_char_boundary(LOOKED_AT)];
    let found = slips.find(text, &taken).into_iter();
    found
        .map(|(at, unit)| {
            let evidence = evidence(
                Naming::Slip.rule(),
                zone.place.name(),
                &zone.text[at],
                weight,
            );
            Nearly {
                unit,
                place: zone.place,
                evidence,
            }
        })
        .collect()
}

/// A slip of the pen speaks only for a unit that something else speaks for.
fn give_slips(nearly: &[Nearly], tallies: &mut BTreeMap<usize, Tally>) {
    for Nearly {
        unit,
        place,
        evidence,
    } in nearly
    {
        if let Some(tally) = tallies.get_mut(unit) {
            tally.author = true;
            tally.add(*place, evidence.clone());
        }
    }
}

/// A name that two cities have speaks for the one that is named besides; alone it speaks for both alike.
fn give_shared(shared: Vec<Shared>, tallies: &mut BTreeMap<usize, Tally>) {
    let named: Vec<usize> = tallies.keys().copied().collect();
    for Shared {
        units,
        place,
        author,
        evidence,
    } in shared
    {
        let decided = units.iter().any(|unit| named.contains(unit));
        for unit in units
            .into_iter()
            .filter(|unit| !decided || named.contains(unit))
        {
            let tally = tallies.entry(unit).or_default();
            tally.author |= author;
            tally.add(place, evidence.clone());
        }
    }
}

/// 沈阳职业技术学校 is a slip for the college where the college is named besides, else a school of the city.
fn give_to_city(tallies: &mut BTreeMap<usize, Tally>, roster: &Roster) {
    let slips: Vec<usize> = tallies
        .iter()
        .filter(|(_, tally)| tally.only_school_like)
        .map(|(unit, _)| *unit)
        .collect();
    for college in slips {
        let city = &roster.units()[college].city;
        let bureau = roster
            .units()
            .iter()
            .position(|unit| unit.city == *city && !unit.districts.is_empty());
        if let (Some(tally), Some(bureau)) = (tallies.remove(&college), bureau) {
            let owner = tallies.entry(bureau).or_default();
            owner.author |= tally.author;
            for (place, evidence) in tally.places {
                owner.add(place, evidence);
            }
        }
    }
}

/// What the envelope and earlier mails say.
fn circumstances(
    content: &Content,
    roster: &Roster,
    past: &Past,
    tallies: &mut BTreeMap<usize, Tally>,
) {
    let index = |name: &str| roster.units().iter().position(|unit| unit.name == name);
    let mut add = |unit: usize, what: Circumstance, place, seen: &str| {
        let evidence = evidence(what.rule(), place, seen, what.weight());
        tallies.entry(unit).or_default().other.push(evidence);
    };
    if let Some(unit) = past.answered.as_deref().and_then(index) {
        add(unit, Circumstance::Answers, "in_reply_to", "");
    }
    let address = content.from.as_ref().map_or("", |from| &from.address);
    let domain = address.rsplit('@').next().unwrap_or_default();
    for (n, unit) in roster.units().iter().enumerate() {
        let own = unit
            .addresses
            .iter()
            .any(|own| own.address.eq_ignore_ascii_case(address));
        if own || past.given_to_sender.contains(&unit.name) {
            add(n, Circumstance::GivenAddress, "from", address);
        } else if past.named_by_sender.contains(&unit.name) {
            add(n, Circumstance::KnownSender, "from", address);
        }
        if unit.domains.iter().any(|known| is_under(domain, known)) {
            add(n, Circumstance::Domain, "from", domain);
        }
    }
}

fn is_under(domain: &str, known: &str) -> bool {
    domain == known
        || domain
            .strip_suffix(known)
            .is_some_and(|sub| sub.ends_with('.'))
}

fn decide(
    tallies: &BTreeMap<usize, Tally>,
    strangers: Vec<Evidence>,
    roster: &Roster,
) -> Attribution {
    let name = |unit: usize| roster.units()[unit].name.clone();
    let by_all = ranked(tallies, Tally::total);
    let by_words = ranked(tallies, Tally::named);
    let mut attribution = Attribution {
        unit: None,
        weighed: by_all
            .iter()
            .take(4)
            .map(|(weight, unit)| weighed(&tallies[unit], *weight, name(*unit)))
            .collect(),
        plainly_named: false,
        doubt: String::new(),
    };
    let best = by_all.first().map_or(0, |(total, _)| *total);
    let stranger = strangers.iter().max_by_key(|stranger| stranger.weight);
    if let Some(stranger) =
        stranger.filter(|stranger| stranger.weight >= PLAIN && stranger.weight > best * 2 / 3)
    {
        attribution.doubt = format!("“{}”不在报送单位名册内", stranger.seen);
    } else if best < LEAST {
        attribution.doubt = "邮件未写明报送单位".into();
    } else if let Some(unit) = clear(&by_all, LEAST).or_else(|| clear(&by_words, PLAIN)) {
        if tallies[&unit].is_guest() {
            attribution.doubt = format!("{}似为活动的客人或场地，未写明报送单位", name(unit));
        } else {
            attribution.plainly_named = tallies[&unit].named() >= PLAIN;
            attribution.unit = Some(name(unit));
        }
    } else {
        attribution.doubt = format!("{}与{}难以区分", name(by_all[0].1), name(by_all[1].1));
    }
    attribution
}

/// Units by weight, heaviest first; those with next to nothing left out.
fn ranked(tallies: &BTreeMap<usize, Tally>, weight: impl Fn(&Tally) -> u32) -> Vec<(u32, usize)> {
    let mut ranked: Vec<_> = tallies
        .iter()
        .map(|(unit, tally)| (weight(tally), *unit))
        .collect();
    ranked.retain(|(weight, _)| *weight >= LEAST / 2);
    ranked.sort_by_key(|(weight, unit)| (std::cmp::Reverse(*weight), *unit));
    ranked
}

/// The first, where it weighs enough and the second is well below it.
fn clear(ranked: &[(u32, usize)], least: u32) -> Option<usize> {
    let (best, unit) = *ranked.first()?;
    let second = ranked.get(1).map_or(0, |(weight, _)| *weight);
    (best >= least && second * 100 <= best * RIVAL).then_some(unit)
}

fn weighed(tally: &Tally, weight: u32, unit: String) -> Weighed {
    Weighed {
        ordinal: 0,
        unit,
        weight,
        evidence: tally.evidence(),
    }
}

fn evidence(rule: &str, place: &str, seen: &str, weight: u32) -> Evidence {
    Evidence {
        about: About::Unit,
        rule: rule.into(),
        place: place.into(),
        seen: seen.into(),
        weight,
    }
}
