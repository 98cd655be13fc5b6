//! Golden letters, and what must hold of every letter.

mod sample;
mod sending;
mod templates;

use super::*;
use crate::attribution::Kind;
use crate::campaign::Campaign;
use crate::message::{Link, LinkKind};
use crate::roster::Roster;
use crate::standing::standings;
use crate::store::{Fact, FileRow, SubmissionRow};
use chrono::Days;
use sample::*;
use std::path::Path;

/// Compares with `tests/golden/NAME.{html,txt}`, or rewrites them where `BAOSONG_GOLDEN=refresh`.
fn assert_golden(name: &str, letter: &Letter) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let text = format!("{}\n\n{}", letter.subject, letter.text);
    for (kind, now) in [("html", &letter.html), ("txt", &text)] {
        let path = folder.join(format!("{name}.{kind}"));
        let now = format!("{}\n", now.replace("\r\n", "\n").trim_end());
        if std::env::var("BAOSONG_GOLDEN").is_ok_and(|word| word == "refresh") {
            std::fs::write(&path, now).unwrap();
            continue;
        }
        let golden = std::fs::read_to_string(&path)
            .unwrap()
            .replace("\r\n", "\n");
        assert_eq!(
            golden,
            now,
            "{} differs; BAOSONG_GOLDEN=refresh rewrites it",
            path.display()
        );
    }
}

fn digest_of(facts: &DigestFacts) -> Letter {
    digest(&Templates::default(), facts, STAFF).unwrap()
}

#[test]
fn the_digest_of_a_day_in_the_week() {
    let now = at(5, 25, 10, 30);
    let (campaign, standings) = (Campaign::default(), standings_at(now));
    let before = standings_at(at(5, 24, 10, 30));
    let facts = DigestFacts {
        before: &before,
        ..busy(&campaign, &standings, now)
    };
    assert_golden("digest_week", &digest_of(&facts));
}

#[test]
fn the_digest_after_the_plans_due() {
    let now = at(5, 11, 10, 30);
    let (campaign, standings) = (Campaign::default(), standings_at(now));
    assert_golden(
        "digest_plan",
        &digest_of(&quiet(&campaign, &standings, now)),
    );
}

#[test]
fn the_digest_after_the_summarys_due() {
    let now = at(5, 31, 10, 30);
    let (campaign, standings) = (Campaign::default(), standings_at(now));
    let facts = DigestFacts {
        closing: Some(closed(&standings, &campaign)),
        ..quiet(&campaign, &standings, now)
    };
    assert_golden("digest_summary", &digest_of(&facts));
}

#[test]
fn reminders_of_plan_reports_and_summary() {
    assert_golden("reminder_plan", &reminder_at(2, at(5, 9, 11, 0)));
    assert_golden("reminder_reports", &reminder_at(1, at(5, 28, 11, 0)));
    assert_golden("reminder_summary", &reminder_at(2, at(5, 31, 11, 0)));
    assert_golden("reminder_last", &reminder_at(2, at(6, 1, 11, 0)));
}

#[test]
fn on_the_first_morning_no_day_is_due_and_the_digest_tells_of_the_plans() {
    let now = at(5, 23, 10, 30);
    let (campaign, standings) = (Campaign::default(), standings_at(now));
    let subject = digest_of(&quiet(&campaign, &standings, now)).subject;
    assert_eq!(
        subject,
        "职教活动周日报 5月23日：活动周今日开始，实施方案6家中3家已报，缺3家"
    );
}

#[test]
fn the_last_day_of_the_week_is_told_of_on_the_day_after() {
    let now = at(5, 30, 10, 30);
    let (campaign, standings) = (Campaign::default(), standings_at(now));
    let subject = digest_of(&quiet(&campaign, &standings, now)).subject;
    assert!(subject.contains("5月29日"), "{subject}");
}

#[test]
fn a_hostile_title_is_escaped() {
    let now = at(5, 25, 10, 30);
    let (campaign, standings) = (Campaign::default(), standings_at(now));
    let mut facts = quiet(&campaign, &standings, now);
    facts.reports = vec![report(1, "某单位", "<script>alert(1)</script>")];
    facts.links = vec![LinkLine {
        unit: "某单位".into(),
        provider: "\"><img src=x>".into(),
        url: "javascript:alert(1)".into(),
        expires_at: None,
    }];
    let html = digest_of(&facts).html;
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"));
    assert!(!html.contains("<img") && !html.contains("href=\"javascript"));
}

#[test]
fn a_digest_of_66_units_and_60_reports_stays_under_100_kilobytes() {
    let now = at(5, 31, 10, 30);
    let (campaign, roster) = (Campaign::default(), Roster::default());
    let standings = standings(&roster, &campaign, &[], now);
    let mut facts = busy(&campaign, &standings, now);
    let long = |n| ReportLine {
        title: "题".repeat(300),
        lines: vec!["\"文'".repeat(200); 3],
        files: vec!["照片".repeat(100); 30],
        ..late_case(n, &roster.units()[n as usize].name)
    };
    facts.reports = (0..60).map(long).collect();
    facts.news = vec![(Kind::Daily, false); 60];
    facts.review = (0..60).map(review).collect();
    let letter = digest_of(&facts);
    assert!(letter.html.len() < 100_000, "{} bytes", letter.html.len());
    assert!(letter.html.contains("新到报送（60份）") && letter.html.contains("份未列出"));
    let last = roster.units().last().unwrap();
    assert!(letter.html.contains(&last.name) && letter.text.contains(&last.name));
}

#[test]
fn pictures_are_attached_for_the_reports_that_are_shown_and_no_others() {
    let now = at(5, 25, 10, 30);
    let (campaign, standings) = (Campaign::default(), standings_at(now));
    let mut facts = quiet(&campaign, &standings, now);
    let with_picture = |n: i64| ReportLine {
        pictures: vec![picture(n)],
        ..report(n, "某单位", &"题".repeat(900))
    };
    facts.reports = (0..300).map(with_picture).collect();
    let letter = digest_of(&facts);
    let shown = letter.html.matches("src=\"cid:").count();
    assert!(shown > 0 && shown < 300);
    assert_eq!(letter.files.len(), shown);
    let raw = mail(&letter, &sender("报送"), "x@example.cn", now).unwrap();
    let raw = String::from_utf8(raw).unwrap();
    assert!(raw.contains("multipart/related") && raw.contains("Content-ID: <p0-1.jpg>"));
}

#[test]
fn of_a_thousand_units_those_behind_are_shown_and_the_letter_stays_small() {
    let now = at(5, 28, 10, 30);
    let campaign = Campaign::default();
    let unit = |n| format!("[[college]]\nname = \"第{n}职业技术学院\"\ncity = \"沈阳市\"\n");
    let roster = Roster::parse(&format!(
        "city = []\n{}",
        (0..1000).map(unit).collect::<String>()
    ))
    .unwrap();
    let standings = standings(&roster, &campaign, &[], now);
    let letter = digest_of(&busy(&campaign, &standings, now));
    assert!(letter.html.len() < 100_000, "{}", letter.html.len());
    assert!(
        letter.html.contains("等1000家，见表") && letter.html.contains("家未列出，见附件“进度”")
    );
}

#[test]
fn what_changed_since_the_last_digest_is_marked() {
    let now = at(5, 25, 10, 30);
    let (campaign, standings) = (Campaign::default(), standings_at(now));
    let before = standings_at(at(5, 24, 10, 30));
    let facts = DigestFacts {
        before: &before,
        ..quiet(&campaign, &standings, now)
    };
    let text = digest_of(&facts).text;
    assert!(
        text.contains("23日✓ 24日✓+ 25日－") && text.contains("份+"),
        "{text}"
    );
    let later = standings_at(at(5, 31, 10, 30));
    let facts = DigestFacts {
        before: &before,
        ..quiet(&campaign, &later, at(5, 31, 10, 30))
    };
    let text = digest_of(&facts).text;
    assert!(text.contains("【较上期】新增落后"), "{text}");
}

/// WCAG 2.2, 1.4.3: text at 4.5 to 1 on what it stands on.
#[test]
fn colours_are_told_apart() {
    fn light(hex: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    }
    let contrast = |one: &str, other: &str| {
        let (one, other) = (light(one) + 0.05, light(other) + 0.05);
        one.max(other) / one.min(other)
    };
    let colours =
        regex::Regex::new(r##"(bgcolor="|background-color:|[^-]color:)#([0-9a-f]{6})"##).unwrap();
    let (mut texts, mut grounds) = (Vec::new(), vec!["ffffff".to_owned()]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/templates");
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for found in colours.captures_iter(&source) {
            let list = if found[1].starts_with('b') {
                &mut grounds
            } else {
                &mut texts
            };
            list.push(found[2].to_owned());
        }
    }
    assert!(texts.len() > 10 && grounds.len() > 5);
    for text in &texts {
        for ground in ["ffffff", "f3f6fb"] {
            assert!(contrast(text, ground) >= 4.5, "#{text} on #{ground}");
        }
    }
    for ground in &grounds {
        assert!(contrast("222222", ground) >= 4.5, "#222222 on #{ground}");
    }
}

#[test]
fn an_alarm_says_since_when_and_its_end_until_when() {
    let now = at(5, 24, 9, 5);
    let mut found = crate::store::Alarm {
        id: 1,
        name: "credentials".into(),
        what: "收信服务器拒绝登录，请检查邮箱授权码".into(),
        since: at(5, 24, 9, 0),
        cleared: None,
    };
    let letter = |found: &crate::store::Alarm| {
        let title = "2022年职业教育活动周";
        alarm(&Templates::default(), title, found, STAFF, now).unwrap()
    };
    let open = letter(&found);
    assert_golden("alarm", &open);
    found.cleared = Some(at(5, 24, 9, 40));
    let over = letter(&found);
    assert_golden("alarm_over", &over);
    assert_ne!(open.key, over.key);
}

#[test]
fn an_answer_says_what_was_done_and_what_was_not() {
    let now = at(5, 24, 11, 5);
    let line = |said: &str, done: bool, words: &[&str]| Done {
        said: said.into(),
        done,
        words: words.iter().map(|words| (*words).to_owned()).collect(),
        changed: done,
    };
    let standing = standings_at(now).remove(0);
    let shown = standing_lines(&standing, &Campaign::default());
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    let lines = [
        line(
            "12 铁岭市 5-24",
            true,
            &["邮件12：现为铁岭市教育局 每日活动情况 5月24日（更正#1）"],
        ),
        line("查 沈阳市", true, &shown),
        line(
            "把那个改一下",
            false,
            &["未能理解：请以邮件编号开头，如“12 铁岭市 5-24”"],
        ),
    ];
    let facts = AnswerFacts {
        campaign: "2022年职业教育活动周",
        mail: 30,
        message_id: Some("a@example.com"),
        arrived: at(5, 24, 11, 0),
        lines: &lines,
    };
    assert_golden(
        "answer",
        &answer(&Templates::default(), &facts, STAFF, now).unwrap(),
    );
}

#[test]
fn subjects_of_reminders_differ_by_unit_and_by_day() {
    let one = reminder_at(2, at(5, 31, 11, 0));
    let other_unit = reminder_at(1, at(5, 31, 11, 0));
    let other_day = reminder_at(2, at(6, 1, 11, 0));
    assert_ne!(one.subject, other_unit.subject);
    assert_ne!(one.subject, other_day.subject);
    assert_ne!(one.key, other_day.key);
}

#[test]
fn a_rule_reads_back_from_its_own_name() {
    for rule in [
        Rule::Digest,
        Rule::Reminder,
        Rule::Receipt,
        Rule::Answer,
        Rule::Alarm,
    ] {
        assert_eq!(rule.as_str().parse::<Rule>().unwrap(), rule);
        assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
    }
    assert!("other".parse::<Rule>().is_err());
}

#[test]
fn the_days_left_are_counted_across_the_due() {
    let days_later = |days| reminder_at(2, at(5, 7, 11, 0) + Days::new(days)).text;
    assert!(days_later(0).contains("截止日期为5月10日，还有3天。"));
    assert!(days_later(2).contains("截止日期为5月10日，明日截止。"));
    assert!(days_later(4).contains("截止日期为5月10日，已逾期1天。"));
}

#[test]
fn a_receipt_names_what_was_noted_and_what_is_missing() {
    let now = at(5, 25, 8, 35);
    let fact = |kind, days: &[u32]| Fact {
        id: 1,
        mail: 12,
        unit: "沈阳市教育局".into(),
        kind,
        days: days
            .iter()
            .map(|day| at(5, *day, 0, 0).date_naive())
            .collect(),
        arrived: at(5, 25, 8, 30),
        repeats: None,
    };
    let row = |fact, title: &str, links: &[LinkLine]| SubmissionRow {
        fact,
        ordinal: 0,
        repeats_message: None,
        day_inferred: false,
        title: title.into(),
        text: String::new(),
        links: links
            .iter()
            .map(|line| Link {
                url: line.url.clone(),
                provider: line.provider.clone(),
                kind: LinkKind::Files,
                name: None,
                bytes: None,
                code: None,
                expires_at: line.expires_at,
            })
            .collect(),
        evidence: Vec::new(),
        flags: Vec::new(),
    };
    let file = |name: &str, bytes| FileRow {
        position: 0,
        name: name.into(),
        media: crate::message::Media::Document,
        sha256: String::new(),
        bytes,
        taken_at: None,
    };
    let rows = [
        row(
            fact(Kind::Daily, &[24]),
            "技能展示进社区",
            &[LinkLine {
                unit: String::new(),
                provider: "网易超大附件".into(),
                url: "https://x.example/f".into(),
                expires_at: Some(at(5, 27, 9, 0)),
            }],
        ),
        row(fact(Kind::Plan, &[]), "沈阳市实施方案", &[]),
    ];
    let facts = ReceiptFacts {
        campaign: "2022年职业教育活动周",
        mail: 12,
        message_id: Some("a@example.cn"),
        subject: "沈阳市5月24日活动信息\r\nBcc: x@y.cn",
        arrived: at(5, 25, 8, 30),
        reports: vec![
            Received {
                row: &rows[0],
                files: vec![file("活动信息.docx", 24_100)],
                of_quota: Some((2, 3)),
                breaks: vec!["“1.jpg”长边640像素，小于1200像素".into()],
            },
            Received {
                row: &rows[1],
                files: vec![file("方案.docx", 2_200_000)],
                of_quota: None,
                breaks: Vec::new(),
            },
        ],
        contact: "张老师 024-00000000",
    };
    let letter = receipt(&Templates::default(), &facts, "unit@example.com", now).unwrap();
    assert!(!letter.subject.contains('\n'), "{}", letter.subject);
    assert_golden("receipt", &letter);
}
