//! Names of a roster that lead to more than one unit, or to none: for whoever writes the roster.

use super::abbreviation::abbreviations;
use super::names::{of_unit, shortened};
use super::normal::normal;
use super::slip::Slips;
use crate::roster::{Roster, Unit};
use std::collections::{BTreeMap, BTreeSet};

/// A name that does not do what it stands in the roster for. Units by official name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clash {
    /// A district that several cities have (铁西区): by itself it decides nothing.
    District {
        /// As the roster has it, or without 区 or 县.
        name: String,
        /// The cities.
        units: Vec<String>,
    },
    /// A name or short form of one unit that another unit, place or institution has too; one of them wins unseen.
    Shared {
        /// In normal form.
        name: String,
        /// Whose it is.
        owners: Vec<String>,
    },
    /// Mails are read in normal form (half width, simplified, no spaces), and this name is not in it: it is never found.
    NeverFound {
        /// As the roster has it.
        name: String,
        /// How it should stand there.
        normal: String,
        /// Whose it is.
        unit: String,
    },
    /// Two units with long names one character apart: one slip of the pen makes the one the other.
    Alike {
        /// The one unit.
        one: String,
        /// The other.
        other: String,
    },
}

/// All clashes of `roster`, of each kind in the order of their names.
pub fn clashes(roster: &Roster) -> Vec<Clash> {
    let mut all = shared(roster);
    all.extend(never_found(roster));
    all.extend(alike(roster));
    all.sort();
    all
}

/// Who has a name, and whether only as a city has a district.
type Owners = BTreeMap<String, bool>;

fn shared(roster: &Roster) -> Vec<Clash> {
    let mut owners: BTreeMap<String, Owners> = BTreeMap::new();
    let mut claim = |name: &str, owner: &str, district: bool| {
        let owners = owners.entry(normal(name)).or_default();
        *owners.entry(owner.to_owned()).or_insert(district) &= district;
    };
    for name in roster.outside().iter().chain(roster.undecided()) {
        claim(name, name, false);
    }
    for (short, unit) in abbreviations(roster) {
        claim(&short, &roster.units()[unit].name, false);
    }
    for unit in roster.units() {
        for (name, _) in of_unit(unit) {
            claim(&name, &unit.name, false);
        }
        for district in &unit.districts {
            let names = [Some(district.clone()), shortened(district)];
            for name in names.into_iter().flatten() {
                claim(&name, &unit.name, true);
            }
        }
    }
    let several = owners.into_iter().filter(|(_, owners)| owners.len() > 1);
    several
        .map(|(name, owners)| {
            let only_districts = owners.values().all(|district| *district);
            let owners = owners.into_keys().collect();
            match only_districts {
                true => Clash::District {
                    name,
                    units: owners,
                },
                false => Clash::Shared { name, owners },
            }
        })
        .collect()
}

fn never_found(roster: &Roster) -> Vec<Clash> {
    let of_unit = |unit: &Unit| {
        let names = unit
            .names()
            .chain(unit.districts.iter().map(String::as_str));
        let odd = names.filter_map(|name| {
            let normal = normal(name);
            (normal != name).then(|| Clash::NeverFound {
                name: name.to_owned(),
                normal,
                unit: unit.name.clone(),
            })
        });
        odd.collect::<Vec<_>>()
    };
    roster.units().iter().flat_map(of_unit).collect()
}

/// Each pair of units once, however many of their names are alike.
fn alike(roster: &Roster) -> BTreeSet<Clash> {
    let name = |unit: usize| roster.units()[unit].name.clone();
    let pairs = Slips::of(roster).alike().into_iter();
    pairs
        .map(|(one, other)| Clash::Alike {
            one: name(one),
            other: name(other),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLLEGE: &str = "[[college]]\ncity = \"沈阳市\"\n";

    fn of(text: &str) -> Vec<Clash> {
        clashes(&Roster::parse(text).unwrap())
    }

    #[test]
    fn no_name_of_the_built_in_roster_is_two_units_and_every_one_can_be_found() {
        let (alike, others): (Vec<_>, Vec<_>) = clashes(&Roster::default())
            .into_iter()
            .partition(|clash| matches!(clash, Clash::Alike { .. }));
        let tiexi = Clash::District {
            name: "铁西区".into(),
            units: vec!["沈阳市教育局".into(), "鞍山市教育局".into()],
        };
        assert_eq!(others, [tiexi]);
        let forests_and_farms = Clash::Alike {
            one: "辽宁农业职业技术学院".into(),
            other: "辽宁生态工程职业学院".into(),
        };
        assert!(
            alike.contains(&forests_and_farms),
            "its alias is 辽宁林业…: {alike:?}"
        );
        assert_eq!(alike.len(), 8);
    }

    #[test]
    fn a_name_that_is_an_institution_s_too_is_told_with_both() {
        let text = format!(
            "city = []\noutside = [\"沈阳大学\"]\n{COLLEGE}name = \"甲学院\"\naliases = [\"沈阳大学\"]"
        );
        assert_eq!(
            of(&text),
            [Clash::Shared {
                name: "沈阳大学".into(),
                owners: vec!["沈阳大学".into(), "甲学院".into()]
            }]
        );
    }

    #[test]
    fn names_that_are_one_in_normal_form_clash_and_those_not_in_it_are_never_found() {
        let text = format!(
            "city = []\n{COLLEGE}name = \"甲学院\"\naliases = [\"ＡＢ校\"]\n{COLLEGE}name = \"乙学院\"\naliases = [\"AB校\"]"
        );
        assert_eq!(
            of(&text),
            [
                Clash::Shared {
                    name: "AB校".into(),
                    owners: vec!["乙学院".into(), "甲学院".into()]
                },
                Clash::NeverFound {
                    name: "ＡＢ校".into(),
                    normal: "AB校".into(),
                    unit: "甲学院".into()
                }
            ]
        );
    }

    #[test]
    fn long_names_one_character_apart_are_alike_and_those_of_one_unit_are_not() {
        let text = format!(
            "city = []\n{COLLEGE}name = \"辽宁东方职业学院\"\naliases = [\"辽宁东方职业学校\"]\n{COLLEGE}name = \"辽宁南方职业学院\""
        );
        assert_eq!(
            of(&text),
            [Clash::Alike {
                one: "辽宁东方职业学院".into(),
                other: "辽宁南方职业学院".into()
            }]
        );
    }
}
