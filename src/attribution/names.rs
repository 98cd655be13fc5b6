//! Finding units in text: the longest name at each place, so that 大连 is not found in 大连职业技术学院.

use super::abbreviation::abbreviations;
use super::normal::{Firsts, Pairs};
use super::strength::Naming;
use crate::roster::{Roster, Unit, UnitKind};
use aho_corasick::{AhoCorasick, Anchored, Input, Match, MatchKind, StartKind};
use std::collections::BTreeMap;
use std::iter::from_fn;

/// Who is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Units by index; more than one where the name decides nothing (铁西区).
    Units(Vec<usize>),
    /// A place that no unit answers for (沈抚示范区).
    Undecided,
    /// An institution that is no unit.
    Outside,
}

/// What a named unit is in the text, by the words around its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Nothing speaks against its being the author.
    Author,
    /// One beside others.
    Partner,
    /// A guest, a venue, a goal.
    Guest,
}

/// A name found in a text.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Byte range.
    pub start: usize,
    /// End of the range, the school's name included.
    pub end: usize,
    /// Who is meant.
    pub who: Who,
    /// How.
    pub naming: Naming,
    /// What the words around it make of it.
    pub role: Role,
}

/// All names of a roster, ready to be found.
#[derive(Debug)]
pub struct Names {
    finder: AhoCorasick,
    /// With what they begin: most places of a text need no look.
    firsts: Firsts,
    pairs: Pairs,
    meanings: Vec<(Who, Naming)>,
}

const SCHOOLS: &[&str] = &[
    "职教中心",
    "职业教育中心",
    "中专",
    "中等职业",
    "职业中等",
    "职业学校",
    "技术学校",
    "技工学校",
    "技师学院",
    "高级技工",
    "职业高中",
    "职高",
    "卫生学校",
    "师范学校",
    "艺术学校",
    "工业学校",
    "商业学校",
    "电子学校",
    "旅游学校",
    "体育学校",
    "教育局",
    "教体局",
    "教育和体育局",
    "教育文化",
    "教科局",
    "教委",
    "职成科",
    "职成处",
    "职业教育科",
    "职教科",
    "学校",
    "职中",
];

/// Words before a name that make it a venue, a goal or a guest: not the author, whoever else is named.
const BEFORE_GUEST: &[&str] = &[
    "在",
    "于",
    "赴",
    "到",
    "走进",
    "邀请",
    "邀",
    "参观",
    "来自",
    "前往",
    "走访",
    "考察",
    "接待",
    "迎来",
    "来到",
    "至",
    "毕业于",
    "原",
    "由原",
    "包括",
];

/// Words before a name that make it a partner: an author beside others, perhaps.
const BEFORE_PARTNER: &[&str] = &["与", "和", "同", "联合", "携手", "会同", "、", "对接", "的"];

/// Words after a name, likewise.
const AFTER_GUEST: &[&str] = &[
    "专家",
    "教授",
    "派员",
    "应邀",
    "一行",
    "来校",
    "来访",
    "组织的",
    "负责人前来",
    "有关负责人",
    "有关同志",
    "指导",
    "参观",
    "领导",
    "局长",
    "副局长",
    "处长",
    "副处长",
    "科长",
    "书记",
    "主任",
    "委副书记",
    "委书记",
    "委常委",
    "政府",
    "人大",
    "政协",
    "副市长",
];
const AFTER_PARTNER: &[&str] = &["承办", "协办", "等", "、", "和", "及"];

/// Endings in which 学校 is written for 学院.
const SLIP: [&str; 2] = ["职业技术学院", "职业学院"];

impl Names {
    /// Prepares the names of `roster`.
    pub fn of(roster: &Roster) -> Self {
        let (patterns, meanings): (Vec<_>, Vec<_>) = all(roster).into_iter().unzip();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .start_kind(StartKind::Anchored)
            .build(&patterns)
            .expect("a roster's names are few and short");
        Self {
            firsts: Firsts::of(patterns.iter().map(String::as_str)),
            pairs: Pairs::of(patterns.iter().map(String::as_str)),
            finder,
            meanings,
        }
    }

    /// The longest name at each place, from the left.
    fn places(&self, text: &str) -> impl Iterator<Item = Match> {
        let mut next = 0;
        from_fn(move || {
            loop {
                let start = self.firsts.next_in(text, next)?;
                let may_be = self.pairs.begin(&text[start..]);
                let here = Input::new(text).range(start..).anchored(Anchored::Yes);
                let found = may_be.then(|| self.finder.find(here)).flatten();
                next = found.map_or_else(|| text.ceil_char_boundary(start + 1), |m| m.end());
                if found.is_some() {
                    return found;
                }
            }
        })
    }

    /// Every name in `text`, which is to be in normal form, in order.
    pub fn find(&self, text: &str) -> Vec<Hit> {
        let found = self.places(text);
        let hits = found.map(|m| {
            let (who, naming) = self.meanings[m.pattern().as_usize()].clone();
            let hit = Hit {
                start: m.start(),
                end: m.end(),
                who,
                naming,
                role: Role::Author,
            };
            in_context(hit, text)
        });
        hits.flatten().collect()
    }
}

/// Every name with what it means.
fn all(roster: &Roster) -> BTreeMap<String, (Who, Naming)> {
    let mut all = BTreeMap::new();
    for name in roster.outside() {
        all.insert(name.clone(), (Who::Outside, Naming::FullName));
    }
    for name in roster.undecided() {
        all.insert(name.clone(), (Who::Undecided, Naming::FullName));
    }
    for (short, unit) in abbreviations(roster) {
        all.insert(short, (Who::Units(vec![unit]), Naming::ShortName));
    }
    add_districts(roster, &mut all);
    add_units(roster, &mut all);
    // It would be found everywhere, and the search not get past it.
    all.remove("");
    all
}

fn add_units(roster: &Roster, all: &mut BTreeMap<String, (Who, Naming)>) {
    for (index, unit) in roster.units().iter().enumerate() {
        for (name, naming) in of_unit(unit) {
            all.insert(name, (Who::Units(vec![index]), naming));
        }
    }
}

/// What a unit is called, the weightiest last.
pub(super) fn of_unit(unit: &Unit) -> Vec<(String, Naming)> {
    let city = unit.kind == UnitKind::City;
    let short = if city {
        Naming::BareCity
    } else {
        Naming::ShortName
    };
    let mut all: Vec<(String, Naming)> = Vec::new();
    all.extend(unit.short_names.iter().map(|name| (name.clone(), short)));
    let aliases = unit.aliases.iter();
    all.extend(aliases.map(|name| (name.clone(), Naming::Alias)));
    if city {
        all.push((unit.city.clone(), Naming::City));
    }
    for ending in SLIP {
        if let Some(stem) = unit.name.strip_suffix(ending).filter(|_| !city) {
            let school = format!("{stem}{}", ending.replace("学院", "学校"));
            all.push((school, Naming::SchoolForCollege));
        }
    }
    all.push((unit.name.clone(), Naming::FullName));
    all
}

/// Districts, and counties without 县 and 自治县 where that leaves two characters or more.
fn add_districts(roster: &Roster, all: &mut BTreeMap<String, (Who, Naming)>) {
    for (district, cities) in roster.districts() {
        let index = |name: &&str| roster.units().iter().position(|unit| unit.name == **name);
        let who = Who::Units(cities.iter().filter_map(index).collect());
        for name in [Some(district.to_owned()), shortened(district)]
            .into_iter()
            .flatten()
        {
            all.entry(name).or_insert((who.clone(), Naming::District));
        }
    }
}

pub(super) fn shortened(district: &str) -> Option<String> {
    const PEOPLES: [&str; 3] = ["满族自治县", "蒙古族自治县", "回族自治县"];
    if let Some(stem) = PEOPLES
        .iter()
        .find_map(|ending| district.strip_suffix(ending))
    {
        // 本溪满族自治县 and 阜新蒙古族自治县 are named like their cities.
        return Some(if ["本溪", "阜新"].contains(&stem) {
            format!("{stem}县")
        } else {
            stem.to_owned()
        });
    }
    if let Some(stem) = district.strip_suffix('区') {
        // 鲅鱼圈 and 甘井子 are said without 区; 大东 and 和平 are words of the language.
        return (stem.chars().count() >= 3).then(|| stem.to_owned());
    }
    let stem = district.strip_suffix(['县', '市'])?;
    let named_like_city = ["抚顺", "辽阳", "铁岭", "朝阳"].contains(&stem);
    (stem.chars().count() >= 2 && !named_like_city).then(|| stem.to_owned())
}

/// What the words around a name make of it; `None` where it is no such name at all.
fn in_context(mut hit: Hit, text: &str) -> Option<Hit> {
    let (before, after) = (&text[..hit.start], &text[hit.end..]);
    if before.ends_with('马') && text[hit.start..].starts_with("鞍山") {
        return None;
    }
    let place = matches!(
        hit.naming,
        Naming::City | Naming::District | Naming::BareCity
    );
    if let Some(length) = place.then(|| school(after)).flatten() {
        hit.naming = Naming::School;
        hit.end += length;
    } else if hit.naming == Naming::BareCity && !stands_alone(after) {
        return None;
    }
    hit.role = role(before, &text[hit.end..]);
    Some(hit)
}

fn role(before: &str, after: &str) -> Role {
    let said = |words_before: &[&str], words_after: &[&str]| {
        words_before.iter().any(|word| before.ends_with(word))
            || words_after.iter().any(|word| after.starts_with(word))
    };
    if said(BEFORE_GUEST, AFTER_GUEST) {
        Role::Guest
    } else if said(BEFORE_PARTNER, AFTER_PARTNER) {
        Role::Partner
    } else {
        Role::Author
    }
}

/// Bytes up to the end of a school's or bureau's name that begins with the place before it.
fn school(after: &str) -> Option<usize> {
    let stop = |c: char| !super::normal::is_han(c) || "的在，。、与和举开参组迎赴为".contains(c);
    let near: String = after.chars().take(18).collect();
    let word: String = near
        .replacen("教育和", "教育与", 1)
        .chars()
        .scan(' ', |before, c| {
            let joins = *before == '育' && c == '与';
            *before = c;
            (joins || !stop(c)).then_some(c)
        })
        .collect();
    // Most names are nowhere in it, which is found out faster than where.
    let end = |name: &&str| {
        word.contains(*name)
            .then(|| word.find(*name).map(|at| at + name.len()))?
    };
    SCHOOLS.iter().filter_map(end).max()
}

/// Whether a city without 市 is followed by what follows a unit: 方案, 活动, a date, or nothing.
fn stands_alone(after: &str) -> bool {
    const FOLLOWERS: &str = "职教方总活信启统情第报补日简动两三等";
    after
        .chars()
        .next()
        .is_none_or(|c| !super::normal::is_han(c) || FOLLOWERS.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(text: &str) -> Vec<(String, String)> {
        let roster = Roster::default();
        let names = Names::of(&roster);
        let hits = names.find(text).into_iter();
        hits.map(|hit| {
            let who = match &hit.who {
                Who::Units(units) => units
                    .iter()
                    .map(|u| roster.units()[*u].name.as_str())
                    .collect::<Vec<_>>()
                    .join("|"),
                other => format!("{other:?}"),
            };
            (text[hit.start..hit.end].to_owned(), who)
        })
        .collect()
    }

    #[test]
    fn an_empty_name_is_found_nowhere() {
        let text = "outside = [\"\", \"沈阳\"]\nundecided = [\"\"]\ncity = []\ncollege = []";
        let roster = Roster::parse(text).unwrap();
        let hits = Names::of(&roster).find("a沈阳，b");
        assert_eq!(hits.iter().map(|hit| hit.start).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_name_of_one_character_is_found_before_anything() {
        let text = "outside = [\"部\", \"沈阳\"]\nundecided = []\ncity = []\ncollege = []";
        let names = Names::of(&Roster::parse(text).unwrap());
        let starts = |text: &str| names.places(text).map(|m| m.start()).collect::<Vec<_>>();
        assert_eq!(starts("部长，部a部𠮷沈阳部"), [0, 9, 13, 20, 26]);
    }

    fn units(text: &str) -> Vec<String> {
        seen(text).into_iter().map(|(_, unit)| unit).collect()
    }

    proptest! {
        #[test]
        fn the_longest_name_is_found_at_each_place_from_the_left(text in "[大连沈阳铁西区市职业技术学院轻工在a]{0,24}") {
            let roster = Roster::default();
            let (mut expected, mut at) = (Vec::new(), 0);
            while at < text.len() {
                let here = all(&roster).into_keys().filter(|name| text[at..].starts_with(name.as_str()));
                let longest = here.max_by_key(String::len);
                let name = longest.clone().unwrap_or_else(|| text[at..].chars().take(1).collect());
                expected.extend(longest.map(|name| at..at + name.len()));
                at += name.len();
            }
            let names = Names::of(&roster);
            prop_assert_eq!(names.places(&text).map(|m| m.range()).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_name_inside_a_longer_name_is_not_found() {
        assert_eq!(units("大连职业技术学院"), ["大连职业技术学院"]);
        assert_eq!(units("沈阳航空职业技术学院"), ["沈阳航空职业技术学院"]);
        assert_eq!(units("辽宁金融职业学院"), ["辽宁金融职业学院"]);
        assert!(!units("马鞍山职业技术学院").contains(&"鞍山职业技术学院".to_owned()));
        assert_eq!(units("沈阳航空航天大学"), ["Outside"]);
    }

    #[test]
    fn schools_and_district_bureaus_lead_to_their_city() {
        assert_eq!(units("绥中县中等职业技术专业学校"), ["葫芦岛市教育局"]);
        assert_eq!(units("建平县职教中心"), ["朝阳市教育局"]);
        assert_eq!(units("喀左职教中心"), ["朝阳市教育局"]);
        assert_eq!(units("清河门区教育局"), ["阜新市教育局"]);
        assert_eq!(units("大连市轻工业学校"), ["大连市教育局"]);
    }

    #[test]
    fn tiexi_district_means_two_cities() {
        assert_eq!(units("铁西区职教中心"), ["沈阳市教育局|鞍山市教育局"]);
    }

    #[test]
    fn guests_and_places_are_told_from_authors() {
        let roster = Roster::default();
        let names = Names::of(&roster);
        let guest = |text: &str| names.find(text)[0].role == Role::Guest;
        assert!(guest("在辽宁机电职业技术学院举行启动仪式"));
        assert!(guest("邀请沈阳航空航天大学教授"));
        assert!(!guest("辽宁机电职业技术学院举行启动仪式"));
    }

    #[test]
    fn a_text_of_nothing_but_names_takes_no_time() {
        assert_eq!(units(&"沈阳市，".repeat(30_000)).len(), 30_000);
    }
}
