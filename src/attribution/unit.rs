//! Whose report it is: names weighed by place and manner, the runner-up kept in sight.

use super::names::{Hit, Names, Naming, Who};
use super::zone::{Place, Zone};
use super::{About, Evidence, Past};
use crate::message::Content;
use crate::roster::Roster;
use std::collections::BTreeMap;

/// The least weight that decides.
const LEAST: u32 = 20;
/// A runner-up with more than this share of the best makes it a question.
const RIVAL: u32 = 60;
/// What a guest, a partner or a place in the text weighs, in percent of an author.
const GUEST: u32 = 30;
/// From this weight on, the content itself named the unit, and its sender may be remembered for it.
const PLAIN: u32 = 45;

/// What speaks for a unit besides names.
const ANSWERED: u32 = 60;
const KNOWN_SENDER: u32 = 40;
const DOMAIN: u32 = 35;

/// The unit of a report, or who might be it.
#[derive(Debug, Clone)]
pub struct Attribution {
    /// Official name, where the evidence decides.
    pub unit: Option<String>,
    /// All units that something speaks for, likeliest first.
    pub candidates: Vec<String>,
    /// What speaks for the likeliest, or why none was taken.
    pub evidence: Vec<Evidence>,
    /// The words of this mail alone decided.
    pub plainly_named: bool,
    /// Why not, in Chinese.
    pub doubt: String,
}

#[derive(Default)]
struct Tally {
    /// Best weight of each place.
    places: BTreeMap<Place, (u32, Evidence)>,
    other: Vec<(u32, Evidence)>,
    only_slips: bool,
}

/// A name that more than one unit has (铁西区).
struct Shared {
    units: Vec<usize>,
    place: Place,
    weight: u32,
    evidence: Evidence,
}

impl Tally {
    fn add(&mut self, place: Place, weight: u32, evidence: Evidence) {
        let best = self
            .places
            .entry(place)
            .or_insert_with(|| (0, evidence.clone()));
        if weight > best.0 {
            *best = (weight, evidence);
        }
    }

    fn named(&self) -> u32 {
        self.places.values().map(|(weight, _)| weight).sum()
    }

    fn total(&self) -> u32 {
        self.named() + self.other.iter().map(|(weight, _)| weight).sum::<u32>()
    }

    fn evidence(&self) -> Vec<Evidence> {
        let mut all: Vec<_> = self.places.values().chain(&self.other).collect();
        all.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        all.into_iter()
            .map(|(_, evidence)| evidence.clone())
            .collect()
    }
}

/// Weighs the zones of a report and what is known of its sender.
pub fn attribute(
    content: &Content,
    zones: &[Zone],
    roster: &Roster,
    names: &Names,
    past: &Past,
) -> Attribution {
    let mut tallies: BTreeMap<usize, Tally> = BTreeMap::new();
    let (mut strangers, mut shared) = (Vec::new(), Vec::new());
    for zone in zones {
        for hit in names.find(&zone.text) {
            weigh(zone, &hit, &mut tallies, &mut strangers, &mut shared);
        }
    }
    give_shared(shared, &mut tallies);
    give_slips_to_colleges(&mut tallies, roster);
    let named = tallies.values().map(Tally::named).max().unwrap_or(0);
    circumstances(content, roster, past, &mut tallies);
    decide(tallies, strangers, named, roster)
}

fn weigh(
    zone: &Zone,
    hit: &Hit,
    tallies: &mut BTreeMap<usize, Tally>,
    strangers: &mut Vec<(u32, Evidence)>,
    shared: &mut Vec<Shared>,
) {
    let mut weight = zone.place.weight() * hit.naming.percent() / 100;
    if hit.guest {
        weight = weight * GUEST / 100;
    }
    let seen = &zone.text[hit.start..hit.end];
    let evidence = evidence(hit.naming.rule(), zone.place.name(), seen);
    match &hit.who {
        Who::Units(units) if units.len() > 1 => {
            shared.push(Shared {
                units: units.clone(),
                place: zone.place,
                weight,
                evidence,
            });
        }
        Who::Units(units) => {
            let new = || Tally {
                only_slips: true,
                ..Tally::default()
            };
            let tally = tallies.entry(units[0]).or_insert_with(new);
            tally.only_slips &= hit.naming == Naming::Slip;
            tally.add(zone.place, weight, evidence);
        }
        Who::Undecided | Who::Outside => strangers.push((weight, evidence)),
    }
}

/// A name that two cities have speaks for the one that is named besides; alone it speaks for both alike.
fn give_shared(shared: Vec<Shared>, tallies: &mut BTreeMap<usize, Tally>) {
    let named: Vec<usize> = tallies.keys().copied().collect();
    for Shared {
        units,
        place,
        weight,
        evidence,
    } in shared
    {
        let decided = units.iter().any(|unit| named.contains(unit));
        for unit in units
            .into_iter()
            .filter(|unit| !decided || named.contains(unit))
        {
            tallies
                .entry(unit)
                .or_default()
                .add(place, weight, evidence.clone());
        }
    }
}

/// 沈阳职业技术学校 is a slip for the college where the college is named besides, else a school of the city.
fn give_slips_to_colleges(tallies: &mut BTreeMap<usize, Tally>, roster: &Roster) {
    let slips: Vec<usize> = tallies
        .iter()
        .filter(|(_, tally)| tally.only_slips)
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
            for (place, (weight, evidence)) in tally.places {
                owner.add(place, weight, evidence);
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
    let mut add = |unit: usize, weight, rule, place, seen: &str| {
        tallies
            .entry(unit)
            .or_default()
            .other
            .push((weight, evidence(rule, place, seen)));
    };
    if let Some(unit) = past.answered.as_deref().and_then(index) {
        add(unit, ANSWERED, "answers_our_letter", "in_reply_to", "");
    }
    let address = content.from.as_ref().map_or("", |from| &from.address);
    for unit in past.named_by_sender.iter().filter_map(|name| index(name)) {
        add(unit, KNOWN_SENDER, "known_sender", "from", address);
    }
    let domain = address.rsplit('@').next().unwrap_or_default();
    for (unit, _) in roster
        .units()
        .iter()
        .enumerate()
        .filter(|(_, u)| u.domains.iter().any(|d| is_under(domain, d)))
    {
        add(unit, DOMAIN, "domain", "from", domain);
    }
}

fn is_under(domain: &str, known: &str) -> bool {
    domain == known
        || domain
            .strip_suffix(known)
            .is_some_and(|sub| sub.ends_with('.'))
}

fn decide(
    tallies: BTreeMap<usize, Tally>,
    mut strangers: Vec<(u32, Evidence)>,
    named: u32,
    roster: &Roster,
) -> Attribution {
    let mut ranked: Vec<(u32, usize)> = tallies
        .iter()
        .map(|(unit, tally)| (tally.total(), *unit))
        .collect();
    ranked.sort_by_key(|(total, unit)| (std::cmp::Reverse(*total), *unit));
    ranked.retain(|(total, _)| *total >= LEAST / 2);
    let name = |unit: usize| roster.units()[unit].name.clone();
    let mut attribution = Attribution {
        unit: None,
        candidates: ranked.iter().take(4).map(|(_, unit)| name(*unit)).collect(),
        evidence: ranked
            .first()
            .map(|(_, unit)| tallies[unit].evidence())
            .unwrap_or_default(),
        plainly_named: false,
        doubt: String::new(),
    };
    strangers.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let best = ranked.first().map_or(0, |(total, _)| *total);
    let second = ranked.get(1).map_or(0, |(total, _)| *total);
    if let Some((_, seen)) = strangers
        .first()
        .filter(|(weight, _)| *weight >= PLAIN && *weight > best * 2 / 3)
    {
        attribution.doubt = format!("“{}”不在报送单位名册内", seen.seen);
    } else if best < LEAST {
        attribution.doubt = "邮件未写明报送单位".into();
    } else if second * 100 > best * RIVAL {
        attribution.doubt = format!("{}与{}难以区分", name(ranked[0].1), name(ranked[1].1));
    } else {
        attribution.unit = Some(name(ranked[0].1));
        attribution.plainly_named = named >= PLAIN && tallies[&ranked[0].1].named() >= PLAIN;
    }
    attribution
}

fn evidence(rule: &str, place: &str, seen: &str) -> Evidence {
    Evidence {
        about: About::Unit,
        rule: rule.into(),
        place: place.into(),
        seen: seen.into(),
    }
}
