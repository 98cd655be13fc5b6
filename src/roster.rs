//! The units that report, by every name they are known by. Built once; refuses contradictions.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const BUILT_IN: &str = include_str!("../config/units.toml");

/// The two kinds of unit that the notice names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum UnitKind {
    City,
    College,
}

/// A city's education bureau, or a vocational college.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Official name; of a city, its bureau.
    pub name: String,
    /// City or college.
    pub kind: UnitKind,
    /// The city it is, or stands in (抚顺市).
    pub city: String,
    /// Names that mean this unit wherever they stand: abbreviations, variants, former names.
    pub aliases: Vec<String>,
    /// Short forms that mean it only in a subject, a sender's or a file's name, or a signature.
    pub short_names: Vec<String>,
    /// Districts and counties of a city.
    pub districts: Vec<String>,
    /// Domains it writes from: a hint.
    pub domains: Vec<String>,
    /// Mail addresses that letters to the unit go to: to the first that letters reach, a liaison before a deputy.
    pub addresses: Vec<Contact>,
}

/// Someone who answers for a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Mail address.
    pub address: String,
    /// What they are.
    pub role: Role,
}

/// What a contact is to its unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 联络员: gets the letters.
    #[default]
    Liaison,
    /// Gets them where no liaison's address works.
    Deputy,
}

/// An address alone is a liaison's.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Liaison(String),
    Contact(ContactEntry),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactEntry {
    address: String,
    #[serde(default)]
    role: Role,
}

/// Liaisons first, each role in the order of the file.
fn contacts(entries: Vec<Entry>) -> Vec<Contact> {
    let contact = |entry| match entry {
        Entry::Liaison(address) => Contact {
            address,
            role: Role::Liaison,
        },
        Entry::Contact(ContactEntry { address, role }) => Contact { address, role },
    };
    let mut contacts: Vec<Contact> = entries.into_iter().map(contact).collect();
    contacts.sort_by_key(|contact| contact.role);
    contacts
}

/// All units. City bureaus come first, each kind in the order of the file.
#[derive(Debug, Clone)]
pub struct Roster {
    units: Vec<Unit>,
    undecided: Vec<String>,
    outside: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Places that are no unit's; a person decides (沈抚示范区).
    #[serde(default)]
    undecided: Vec<String>,
    /// Institutions that resemble units and are none.
    #[serde(default)]
    outside: Vec<String>,
    city: Vec<City>,
    college: Vec<College>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct City {
    name: String,
    city: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    districts: Vec<String>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    addresses: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct College {
    name: String,
    city: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    addresses: Vec<Entry>,
}

impl Default for Roster {
    /// Liaoning in May 2022.
    fn default() -> Self {
        Self::parse(BUILT_IN).expect("the built-in roster is tested")
    }
}

impl Roster {
    /// Reads a roster file. Errors name both units that claim one name or one address.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).context("not a roster file")?;
        let cities = file.city.into_iter().map(Unit::from);
        let colleges = file.college.into_iter().map(Unit::from);
        let roster = Self {
            units: cities.chain(colleges).collect(),
            undecided: file.undecided,
            outside: file.outside,
        };
        roster.refuse_shared("name", |unit| unit.names().map(str::to_owned).collect())?;
        roster.refuse_shared("address", |unit| {
            unit.addresses
                .iter()
                .map(|contact| contact.address.to_lowercase())
                .collect()
        })?;
        for unit in &roster.units {
            for Contact { address, .. } in &unit.addresses {
                let sound = address.parse::<lettre::Address>().is_ok();
                ensure!(
                    sound,
                    "{} has the address \"{address}\", which is no mail address",
                    unit.name
                );
            }
        }
        Ok(roster)
    }

    /// All units, cities first.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The unit of this official name.
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.name == name)
    }

    /// The unit that has this name, alias or short name.
    pub fn called(&self, name: &str) -> Option<&Unit> {
        self.units
            .iter()
            .find(|unit| unit.names().any(|own| own == name))
    }

    /// With names that were learnt besides, each with its unit's official name.
    ///
    /// # Errors
    /// When the unit is unknown, or the name means something else already.
    pub fn with_alias(mut self, unit: &str, alias: &str) -> Result<Self> {
        let taken = self.districts().contains_key(alias)
            || self
                .undecided
                .iter()
                .chain(&self.outside)
                .any(|name| name == alias);
        ensure!(
            !taken,
            "\"{alias}\" is the name of a place or institution that is no unit's own"
        );
        ensure!(
            alias.chars().count() >= 2,
            "\"{alias}\" is too short for a name"
        );
        if let Some(owner) = self.called(alias) {
            ensure!(
                owner.name == unit,
                "\"{alias}\" is a name of {}",
                owner.name
            );
        }
        let unit = self
            .units
            .iter_mut()
            .find(|own| own.name == unit)
            .with_context(|| format!("no unit is called {unit}"))?;
        if !unit.aliases.iter().any(|own| own == alias) {
            unit.aliases.push(alias.to_owned());
        }
        Ok(self)
    }

    /// Places that are no unit's; a person decides.
    pub fn undecided(&self) -> &[String] {
        &self.undecided
    }

    /// Institutions that resemble units and are none.
    pub fn outside(&self) -> &[String] {
        &self.outside
    }

    /// Each district with the official names of the cities that have one so called.
    pub fn districts(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for unit in &self.units {
            for district in &unit.districts {
                all.entry(district).or_default().push(&unit.name);
            }
        }
        all
    }

    /// Units without an address to write to, by official name.
    pub fn without_address(&self) -> Vec<&str> {
        let lacking = self.units.iter().filter(|unit| unit.addresses.is_empty());
        lacking.map(|unit| unit.name.as_str()).collect()
    }

    /// Names of units that mean something else too: the name, its unit, and what else it is, in Chinese.
    pub fn colliding(&self) -> Vec<(&str, &str, String)> {
        let districts = self.districts();
        let mut found = Vec::new();
        for unit in &self.units {
            for name in unit.names() {
                let is = |list: &[String]| list.iter().any(|own| own == name);
                if is(&self.undecided) {
                    found.push((name, unit.name.as_str(), "列在undecided中".into()));
                }
                if is(&self.outside) {
                    found.push((name, unit.name.as_str(), "列在outside中".into()));
                }
                for city in districts.get(name).into_iter().flatten() {
                    if *city != unit.name {
                        found.push((name, &unit.name, format!("是{city}的区县")));
                    }
                }
            }
        }
        found
    }

    fn refuse_shared(&self, what: &str, of: impl Fn(&Unit) -> BTreeSet<String>) -> Result<()> {
        let mut owners: HashMap<String, &str> = HashMap::new();
        for unit in &self.units {
            for value in of(unit) {
                ensure!(
                    !value.trim().is_empty(),
                    "{} has an empty {what}",
                    unit.name
                );
                if let Some(other) = owners.insert(value.clone(), &unit.name) {
                    anyhow::bail!(
                        "{what} \"{value}\" belongs to both {other} and {}; remove it from one of them",
                        unit.name
                    );
                }
            }
        }
        Ok(())
    }
}

impl Unit {
    /// Every name of the unit but its districts'.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let own = std::iter::once(&self.name);
        let city = (self.kind == UnitKind::City).then_some(&self.city);
        own.chain(city)
            .chain(&self.aliases)
            .chain(&self.short_names)
            .map(String::as_str)
    }
}

impl From<City> for Unit {
    fn from(city: City) -> Self {
        Self {
            name: city.name,
            kind: UnitKind::City,
            city: city.city,
            aliases: city.aliases,
            short_names: city.short_names,
            districts: city.districts,
            domains: city.domains,
            addresses: contacts(city.addresses),
        }
    }
}

impl From<College> for Unit {
    fn from(college: College) -> Self {
        Self {
            name: college.name,
            kind: UnitKind::College,
            city: college.city,
            aliases: college.aliases,
            short_names: college.short_names,
            districts: Vec::new(),
            domains: college.domains,
            addresses: contacts(college.addresses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_roster_has_14_cities_and_52_colleges() {
        let roster = Roster::default();
        let count = |kind| roster.units().iter().filter(|u| u.kind == kind).count();
        assert_eq!((count(UnitKind::City), count(UnitKind::College)), (14, 52));
        assert_eq!(
            roster.districts().values().map(Vec::len).sum::<usize>(),
            103
        );
    }

    #[test]
    fn tiexi_district_is_in_two_cities() {
        let roster = Roster::default();
        assert_eq!(
            roster.districts()["铁西区"],
            ["沈阳市教育局", "鞍山市教育局"]
        );
    }

    #[test]
    fn a_name_that_two_units_share_is_refused_and_both_are_named() {
        let text = r#"
            city = []
            [[college]]
            name = "甲学院"
            city = "沈阳市"
            aliases = ["同名"]
            [[college]]
            name = "乙学院"
            city = "沈阳市"
            short_names = ["同名"]
        "#;
        let error = Roster::parse(text).unwrap_err().to_string();
        assert!(
            error.contains("同名") && error.contains("甲学院") && error.contains("乙学院"),
            "{error}"
        );
    }

    #[test]
    fn an_address_that_is_none_is_refused_with_its_unit() {
        let text =
            "city = []\n[[college]]\nname = \"甲学院\"\ncity = \"x\"\naddresses = [\"nobody\"]";
        let error = Roster::parse(text).unwrap_err().to_string();
        assert!(
            error.contains("甲学院") && error.contains("nobody"),
            "{error}"
        );
    }

    #[test]
    fn a_liaison_is_written_to_before_a_deputy() {
        let text = r#"
            city = []
            [[college]]
            name = "甲学院"
            city = "x"
            addresses = [{ address = "d@x.cn", role = "deputy" }, "a@x.cn", { address = "b@x.cn" }]
        "#;
        let roster = Roster::parse(text).unwrap();
        let order: Vec<_> = roster.units()[0]
            .addresses
            .iter()
            .map(|c| (c.address.as_str(), c.role))
            .collect();
        assert_eq!(
            order,
            [
                ("a@x.cn", Role::Liaison),
                ("b@x.cn", Role::Liaison),
                ("d@x.cn", Role::Deputy)
            ]
        );
        assert!(Roster::parse(&text.replace("deputy", "boss")).is_err());
    }

    #[test]
    fn a_name_that_is_a_place_too_is_found() {
        assert_eq!(Roster::default().colliding(), []);
        let text = r#"
            undecided = ["乙学院"]
            [[city]]
            name = "丙市教育局"
            city = "丙市"
            districts = ["东区"]
            [[college]]
            name = "甲学院"
            city = "丁市"
            aliases = ["东区", "乙学院"]
        "#;
        let roster = Roster::parse(text).unwrap();
        let names: Vec<_> = roster.colliding().iter().map(|found| found.0).collect();
        assert_eq!(names, ["东区", "乙学院"]);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error = Roster::parse("city = []\ncollege = []\nschool = []").unwrap_err();
        assert!(format!("{error:#}").contains("school"));
    }
}
