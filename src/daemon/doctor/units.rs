//! The roster: who cannot be written to, and which names decide nothing.

use super::finding::{both, some_of};
use super::{Finding, Item, Words};
use crate::attribution::Clash;
use crate::roster::Roster;

/// Units without an address.
pub fn addresses(roster: &Roster) -> Finding {
    let all = roster.units().len();
    let lacking: Vec<String> = roster
        .without_address()
        .into_iter()
        .map(str::to_owned)
        .collect();
    if lacking.is_empty() {
        return Finding::ok(
            Item::Addresses,
            both!("{all}个单位都有邮箱", "{all} units, each with an address"),
        );
    }
    let (count, some) = (lacking.len(), some_of(&lacking));
    let (zh, en) = (some.zh, some.en);
    Finding::warning(
        Item::Addresses,
        both!(
            "{all}个单位中{count}个没有邮箱，只能电话提醒：{zh}",
            "{count} of {all} units have no address and will be telephoned: {en}"
        ),
        both!(
            "在units_file所指名册（由config/units.toml复制）中填写这些单位的addresses",
            "give them addresses in the roster that units_file names (a copy of config/units.toml)"
        ),
    )
}

/// Names that lead to several units or to none. A district of several cities, and names one character apart, are in the
/// nature of things, and told only.
pub fn names(roster: &Roster, clashes: &[Clash]) -> Finding {
    let faults: Vec<Words> = clashes.iter().filter_map(fault).collect();
    if !faults.is_empty() {
        let (zh, en) = joined(faults);
        return Finding::warning(
            Item::Names,
            both!("{zh}", "{en}"),
            both!(
                "在名册中改正：一个名称只归一个单位，用半角、简体，中间不留空格",
                "correct the roster: a name is one unit's alone, in half width and simplified characters, without spaces"
            ),
        );
    }
    let count: usize = roster.units().iter().map(|unit| unit.names().count()).sum();
    let mut told = vec![both!(
        "{count}个名称互不冲突",
        "{count} names, none of two units"
    )];
    told.extend(clashes.iter().filter_map(district));
    told.extend(alike(clashes));
    let (zh, en) = joined(told);
    Finding::ok(Item::Names, both!("{zh}", "{en}"))
}

fn joined(all: Vec<Words>) -> (String, String) {
    let (zh, en): (Vec<_>, Vec<_>) = all.into_iter().map(|words| (words.zh, words.en)).unzip();
    (zh.join("；"), en.join("; "))
}

fn fault(clash: &Clash) -> Option<Words> {
    match clash {
        Clash::Shared { name, owners } => {
            let (zh, en) = (owners.join("、"), owners.join(", "));
            Some(both!("“{name}”同时指{zh}", "\"{name}\" means all of {en}"))
        }
        Clash::NeverFound { name, normal, unit } => Some(both!(
            "{unit}的“{name}”在邮件中认不出，应写作“{normal}”",
            "\"{name}\" of {unit} is never found in a mail: write \"{normal}\""
        )),
        Clash::District { .. } | Clash::Alike { .. } => None,
    }
}

fn district(clash: &Clash) -> Option<Words> {
    let Clash::District { name, units } = clash else {
        return None;
    };
    let (zh, en) = (units.join("、"), units.join(", "));
    Some(both!(
        "{name}在{zh}都有，单凭它不作认定",
        "{name} is in several cities and decides nothing alone: {en}"
    ))
}

fn alike(clashes: &[Clash]) -> Option<Words> {
    let pairs = clashes.iter().filter_map(|clash| match clash {
        Clash::Alike { one, other } => Some(format!("{one}/{other}")),
        _ => None,
    });
    let pairs: Vec<String> = pairs.collect();
    let (count, some) = (pairs.len(), some_of(&pairs));
    let (zh, en) = (some.zh, some.en);
    (count > 0).then(|| {
        both!(
            "{count}对单位有只差一字的名称，写错一字即成对方：{zh}",
            "{count} pairs of units have names one character apart: {en}"
        )
    })
}
