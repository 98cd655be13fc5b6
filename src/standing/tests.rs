//! Facts about standings, and what must hold whatever arrives.

use super::*;
use crate::attribution::Kind;
use crate::campaign::{Campaign, Moment, in_china};
use crate::roster::Roster;
use crate::store::Fact;
use chrono::{Days, NaiveDate};
use proptest::prelude::*;

const CITY: &str = "丹东市教育局";
const COLLEGE: &str = "辽宁机电职业技术学院";

fn may(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2022, 5, 1).unwrap() + Days::new(u64::from(day) - 1)
}

fn at(day: u32, hour: u32, minute: u32) -> Moment {
    in_china(may(day).and_hms_opt(hour, minute, 0).unwrap())
}

fn fact(id: i64, unit: &str, kind: Kind, days: &[u32], arrived: Moment) -> Fact {
    let days = days.iter().map(|day| may(*day)).collect();
    Fact {
        id,
        mail: id,
        unit: unit.into(),
        kind,
        days,
        arrived,
        repeats: None,
    }
}

fn daily(id: i64, day: u32, arrived: Moment) -> Fact {
    fact(id, CITY, Kind::Daily, &[day], arrived)
}

fn of(unit: &str, facts: &[Fact], now: Moment) -> Standing {
    let all = standings(&Roster::default(), &Campaign::default(), facts, now);
    all.into_iter()
        .find(|standing| standing.unit == unit)
        .unwrap()
}

fn city(facts: &[Fact], now: Moment) -> Standing {
    of(CITY, facts, now)
}

#[test]
fn a_report_at_ten_is_on_time_and_a_minute_later_is_late() {
    let standing = city(
        &[daily(1, 23, at(24, 10, 0)), daily(2, 24, at(25, 10, 1))],
        at(25, 11, 0),
    );
    assert_eq!(standing.days[&may(23)], DayState::OnTime);
    assert_eq!(standing.days[&may(24)], DayState::Late);
    assert_eq!(standing.days[&may(25)], DayState::NotDue);
    assert_eq!(standing.reports, 2);
}

#[test]
fn a_report_of_three_days_counts_once_and_marks_each() {
    let report = fact(1, CITY, Kind::Daily, &[27, 28, 29], at(30, 9, 28));
    let standing = city(&[report], at(30, 12, 0));
    assert_eq!(standing.reports, 1);
    assert!(
        [27, 28, 29]
            .iter()
            .all(|day| standing.days[&may(*day)] == DayState::OnTime)
    );
}

#[test]
fn a_repeat_counts_once_and_the_earlier_arrival_decides() {
    let late = Fact {
        repeats: Some(1),
        ..daily(2, 23, at(24, 11, 30))
    };
    let later = Fact {
        repeats: Some(1),
        ..daily(3, 23, at(25, 11, 30))
    };
    let standing = city(&[daily(1, 23, at(24, 8, 10)), late, later], at(26, 0, 0));
    assert_eq!(
        (standing.reports, standing.days[&may(23)]),
        (1, DayState::OnTime)
    );
}

#[test]
fn reports_count_from_the_first_activity_day_to_the_summary_s_due() {
    let facts = [
        daily(1, 22, at(22, 20, 0)),
        daily(2, 29, at(30, 23, 59)),
        daily(3, 27, at(31, 9, 10)),
    ];
    let standing = city(&facts, at(31, 12, 0));
    assert_eq!(standing.reports, 1);
    assert_eq!(standing.days[&may(27)], DayState::Late);
}

#[test]
fn a_case_counts_and_a_supplement_does_not() {
    let facts = [
        fact(1, CITY, Kind::Case, &[], at(25, 9, 0)),
        fact(2, CITY, Kind::Supplement, &[24], at(25, 9, 0)),
    ];
    let standing = city(&facts, at(25, 12, 0));
    assert_eq!(
        (standing.reports, standing.days[&may(24)]),
        (1, DayState::Missing)
    );
}

#[test]
fn the_pace_is_the_quota_by_days_past_rounded_down() {
    let pace = |now| (city(&[], now).pace, of(COLLEGE, &[], now).pace);
    assert_eq!(pace(at(24, 10, 0)), (0, 0));
    assert_eq!(pace(at(26, 10, 1)), (1, 0));
    assert_eq!(pace(at(27, 10, 1)), (1, 1));
    assert_eq!(pace(at(30, 10, 1)), (3, 2));
    assert!(city(&[], at(26, 10, 1)).behind || city(&[], at(26, 10, 1)).plan == Owed::Missing);
}

#[test]
fn a_plan_is_missing_only_after_its_day() {
    assert_eq!(city(&[], at(10, 23, 59)).plan, Owed::NotDue);
    assert_eq!(city(&[], at(11, 0, 0)).plan, Owed::Missing);
    let late = fact(1, CITY, Kind::Plan, &[], at(11, 0, 6));
    assert_eq!(city(&[late], at(12, 0, 0)).plan, Owed::In);
}

#[test]
fn reminders_of_the_plan_go_out_on_the_days_that_the_campaign_lists() {
    let campaign = Campaign::default();
    let due = |now| owing(&city(&[], now), &campaign, now).plan;
    let days: Vec<u32> = (1..=20).filter(|day| due(at(*day, 11, 0))).collect();
    assert_eq!(days, [7, 9, 11, 13]);
}

#[test]
fn a_unit_that_has_delivered_owes_nothing() {
    let campaign = Campaign::default();
    let now = at(31, 11, 0);
    let owed = owing(&city(&[], now), &campaign, now);
    assert!(owed.summary && owed.statistics && owed.reports == 0);
    let facts = [
        fact(1, CITY, Kind::Summary, &[], at(30, 9, 0)),
        fact(2, CITY, Kind::Statistics, &[], at(30, 9, 0)),
    ];
    assert!(owing(&city(&facts, now), &campaign, now).is_empty());
}

#[test]
fn mail_that_has_not_arrived_yet_changes_nothing() {
    assert_eq!(
        city(&[daily(1, 23, at(24, 8, 0))], at(24, 7, 59)),
        city(&[], at(24, 7, 59))
    );
}

#[test]
fn a_moved_daily_due_changes_only_what_is_on_time() {
    let facts = [daily(1, 23, at(24, 11, 0)), daily(2, 25, at(26, 8, 0))];
    let moved = Campaign {
        daily_due: chrono::NaiveTime::from_hms_opt(12, 0, 0).unwrap(),
        ..Campaign::default()
    };
    let now = at(31, 12, 0);
    let before = standings(&Roster::default(), &Campaign::default(), &facts, now);
    let mut after = standings(&Roster::default(), &moved, &facts, now);
    let danyang = after
        .iter_mut()
        .find(|standing| standing.unit == CITY)
        .unwrap();
    assert_eq!(
        danyang.days.insert(may(23), DayState::Late),
        Some(DayState::OnTime)
    );
    assert_eq!(before, after);
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let kinds = prop::sample::select(vec![
        Kind::Daily,
        Kind::Case,
        Kind::Plan,
        Kind::Summary,
        Kind::Statistics,
        Kind::Supplement,
    ]);
    let unit = prop::sample::select(vec![CITY, COLLEGE]);
    (
        kinds,
        unit,
        20_u32..32,
        20_u32..33,
        0_u32..24,
        prop::option::of(0_i64..12),
    )
        .prop_map(|(kind, unit, day, arrived, hour, repeats)| Fact {
            repeats,
            ..fact(0, unit, kind, &[day], at(arrived, hour, 0))
        })
}

fn any_facts() -> impl Strategy<Value = Vec<Fact>> {
    let numbered = |facts: Vec<Fact>| {
        facts
            .into_iter()
            .enumerate()
            .map(|(id, fact)| Fact {
                id: id as i64,
                ..fact
            })
            .collect()
    };
    prop::collection::vec(any_fact(), 0..12).prop_map(numbered)
}

proptest! {
    #[test]
    fn the_order_of_facts_does_not_matter(facts in any_facts(), seed in any::<u64>()) {
        let mut shuffled = facts.clone();
        let turn = if facts.is_empty() { 0 } else { (seed as usize) % facts.len() };
        shuffled.rotate_left(turn);
        if seed % 2 == 0 { shuffled.reverse(); }
        prop_assert_eq!(city(&facts, at(31, 12, 0)), city(&shuffled, at(31, 12, 0)));
    }

    #[test]
    fn a_further_mail_never_lowers_a_count(facts in any_facts(), further in any_fact()) {
        let now = at(31, 12, 0);
        let mut more = facts.clone();
        more.push(Fact { id: 99, repeats: None, ..further });
        for unit in [CITY, COLLEGE] {
            let (before, after) = (of(unit, &facts, now), of(unit, &more, now));
            prop_assert!(after.reports >= before.reports);
            prop_assert!(!(before.plan == Owed::In && after.plan != Owed::In));
        }
    }

    #[test]
    fn a_moved_plan_due_changes_only_the_plan(facts in any_facts(), due in 1_u32..22, now in 1_u32..40) {
        let now = at(now, 12, 0);
        let mut moved = Campaign::default();
        moved.plan.due = may(due);
        let before = standings(&Roster::default(), &Campaign::default(), &facts, now);
        let after = standings(&Roster::default(), &moved, &facts, now);
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(before.reports, after.reports);
            prop_assert_eq!(&before.days, &after.days);
            prop_assert_eq!((before.summary, before.statistics, before.pace), (after.summary, after.statistics, after.pace));
        }
    }
}
