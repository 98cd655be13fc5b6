//! Short forms that clerks make of a college's name, by the way they are made: 铁岭师范高等专科学校 is 铁师专.

use crate::roster::{Roster, UnitKind};
use std::collections::BTreeMap;

/// Endings of full names and what becomes of them.
const ENDINGS: [(&str, &str); 4] = [
    ("职业技术学院", "职院"),
    ("职业学院", "职院"),
    ("师范高等专科学校", "师专"),
    ("高等专科学校", "高专"),
];

/// Short forms that only one college can have, and that are no name of any unit, with the index of that college.
pub fn abbreviations(roster: &Roster) -> BTreeMap<String, usize> {
    let mut owners: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let colleges = roster
        .units()
        .iter()
        .enumerate()
        .filter(|(_, unit)| unit.kind == UnitKind::College);
    for (index, unit) in colleges {
        for name in std::iter::once(&unit.name).chain(&unit.aliases) {
            for short in shortened(name) {
                let owners = owners.entry(short).or_default();
                if !owners.contains(&index) {
                    owners.push(index);
                }
            }
        }
    }
    let own = |(short, owners): (String, Vec<usize>)| match owners.as_slice() {
        [one] if roster.called(&short).is_none() => Some((short, *one)),
        _ => None,
    };
    owners.into_iter().filter_map(own).collect()
}

/// The place by its first character or whole, the trade likewise or left out where there is none, and the short ending.
fn shortened(name: &str) -> Vec<String> {
    let ending = ENDINGS
        .iter()
        .find_map(|(long, short)| Some((name.strip_suffix(long)?, *short)));
    let Some((stem, short)) = ending else {
        return Vec::new();
    };
    let chars: Vec<char> = stem.chars().collect();
    let (Some(first), true) = (chars.first(), chars.len() >= 2) else {
        return Vec::new();
    };
    let place: String = chars[..2].iter().collect();
    match chars.get(2) {
        None => vec![format!("{first}{short}")],
        Some(trade) => {
            let whole: String = chars[2..].iter().collect();
            vec![
                format!("{first}{trade}{short}"),
                format!("{place}{trade}{short}"),
                format!("{first}{whole}{short}"),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_made_as_clerks_make_them_and_left_out_where_two_colleges_share_one() {
        let roster = Roster::default();
        let all = abbreviations(&roster);
        let unit = |short: &str| {
            all.get(short)
                .map(|unit| roster.units()[*unit].name.as_str())
        };
        assert_eq!(unit("铁师专"), Some("铁岭师范高等专科学校"));
        assert_eq!(unit("盘职院"), Some("盘锦职业技术学院"));
        assert_eq!(unit("辽宁林职院"), Some("辽宁生态工程职业学院"));
        // 辽宁石化 and 辽河石油; 辽宁职业学院 and 辽阳职业技术学院.
        assert_eq!((unit("辽石职院"), unit("辽职院")), (None, None));
        assert_eq!(
            unit("大连职院"),
            None,
            "what the roster names itself is left to it"
        );
    }
}
