//! What is refused of an operator's templates, and when.

use super::sample::*;
use crate::campaign::Campaign;
use crate::outgoing::*;
use crate::standing::owing;

fn with(name: &str, source: &str) -> anyhow::Result<Templates> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(name), source).unwrap();
    Templates::open(Some(directory.path()))
}

#[test]
fn one_with_an_unknown_variable_is_refused_by_name_and_line() {
    let error = format!("{:#}", with("digest.txt", "\n{{ headlime }}").unwrap_err());
    assert!(
        error.contains("digest.txt, line 2") && error.contains("headlime"),
        "{error}"
    );
}

#[test]
fn one_that_does_not_parse_is_refused_by_file_and_line() {
    let error = format!(
        "{:#}",
        with("reminder.html", "{{ unit }}\n{% if %}").unwrap_err()
    );
    assert!(error.contains("reminder.html, line 2"), "{error}");
}

#[test]
fn an_unknown_attribute_is_refused_when_the_letter_is_written() {
    let templates = with(
        "reminder.txt",
        "{% for i in items %}{{ i.nmae }}{% endfor %}",
    )
    .unwrap();
    let (roster, campaign) = (few(), Campaign::default());
    let now = at(5, 9, 11, 0);
    let standings = standings_at(now);
    let owing = owing(&standings[2], &campaign, now);
    let facts = ReminderFacts {
        campaign: &campaign,
        unit: &roster.units()[2],
        standing: &standings[2],
        owing: &owing,
        now,
        mailbox_address: "lnzjhdz@163.com",
        contact: "",
    };
    let error = reminder(&templates, &facts, "unit@example.com")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("reminder.txt, line 1") && error.contains("i.nmae"),
        "{error}"
    );
}

#[test]
fn one_of_the_operators_replaces_the_built_in_one_alone() {
    let templates = with("digest.txt", "{{ subject }}").unwrap();
    let now = at(5, 25, 10, 30);
    let (campaign, standings) = (Campaign::default(), standings_at(now));
    let letter = digest(&templates, &quiet(&campaign, &standings, now), STAFF).unwrap();
    assert_eq!(letter.text, letter.subject);
    assert!(letter.html.contains("各单位报送情况"));
}
