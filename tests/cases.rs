//! Mails of our own for every rule of judgement, in tests/cases, a line of wanted outcome above each.

mod support;

use baosong::attribution::{Judge, Outcome, Past, Verdict};
use baosong::campaign::Campaign;
use baosong::message::{Address, Content, File, Media, Reading};
use baosong::roster::Roster;
use support::mail::may;

fn file(name: &str, text: &str) -> File {
    let photo = name.ends_with(".jpg");
    File {
        name: name.into(),
        folder: String::new(),
        archive: None,
        media: if photo { Media::Photo } else { Media::Document },
        sha256: name.into(),
        bytes: 30_000,
        taken_at: None,
        details: None,
        repaired: false,
        decoration: false,
        reading: if photo {
            Reading::None
        } else {
            Reading::Text(text.into())
        },
    }
}

/// What is wanted, and what the judge says, where they differ.
fn difference(judge: &Judge, case: &str) -> Option<String> {
    let (head, text) = case.split_once('\n').unwrap_or((case, ""));
    let fields: Vec<&str> = head.split(" | ").collect();
    let (day, hour) = fields[1].split_once(' ').unwrap();
    let field = |n: usize| fields.get(n).copied().unwrap_or_default().to_owned();
    let text = format!("\n{text}");
    let mut pieces = text.split("\n--");
    let content = Content {
        subject: field(2),
        from: Some(Address {
            name: field(3),
            address: fields
                .get(4)
                .copied()
                .unwrap_or("someone@qq.com")
                .to_owned(),
        }),
        text: pieces.next().unwrap_or_default().trim().to_owned(),
        files: pieces
            .map(|piece| piece.split_once('\n').unwrap_or((piece, "")))
            .map(|(name, text)| file(name, text))
            .collect(),
        ..Content::default()
    };
    let arrived = may(day.parse().unwrap(), hour.parse().unwrap(), 0);
    let said = said(&judge.judge(&content, arrived, &Past::none()).unwrap());
    (said != fields[0]).then(|| format!("{}: {said}, not {}", fields[2], fields[0]))
}

fn said(verdict: &Verdict) -> String {
    if verdict.outcome != Outcome::Reports {
        return format!("{:?}", verdict.outcome);
    }
    let one = |s: &baosong::attribution::Submission| {
        let days: Vec<String> = s
            .days
            .iter()
            .map(|day| day.format("%-m.%-d").to_string())
            .collect();
        let mark = if s.day_inferred { "?" } else { "" };
        format!("{} {:?} {}{mark}", s.unit, s.kind, days.join("+"))
            .trim()
            .to_owned()
    };
    verdict
        .submissions
        .iter()
        .map(one)
        .collect::<Vec<_>>()
        .join(" / ")
}

#[test]
fn every_case_is_judged_as_a_careful_clerk_would() {
    let judge = Judge::new(Roster::default(), Campaign::default());
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "txt") {
            let text = std::fs::read_to_string(&path).unwrap();
            let cases: Vec<&str> = text.split("\n===\n").map(str::trim).collect();
            count += cases.len();
            wrong.extend(
                cases
                    .into_iter()
                    .filter_map(|case| difference(&judge, case)),
            );
        }
    }
    assert!(count > 60, "only {count} cases were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
