//! Letters as golden files: `BAOSONG_GOLDEN=refresh cargo test --test letters` writes them anew.

use baosong::attribution::Kind;
use baosong::campaign::{Campaign, Moment, in_china};
use baosong::outgoing::{
    AsideLine, DigestFacts, LedgerLine, Letter, LetterLine, LinkLine, ReminderFacts, ReportLine,
    ReviewLine, Templates, digest, reminder,
};
use baosong::roster::Roster;
use baosong::standing::{Standing, owing, standings};
use baosong::store::Fact;
use chrono::NaiveDate;
use std::path::Path;

const CITY: &str = "丹东市教育局";
const COLLEGE: &str = "辽宁机电职业技术学院";

fn may(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2022, 5, day).unwrap()
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

fn facts() -> Vec<Fact> {
    vec![
        fact(1, CITY, Kind::Plan, &[], at(9, 13, 26)),
        fact(2, COLLEGE, Kind::Plan, &[], at(10, 9, 0)),
        fact(3, CITY, Kind::Daily, &[23], at(24, 8, 10)),
        fact(4, COLLEGE, Kind::Daily, &[23], at(24, 11, 0)),
        fact(5, CITY, Kind::Summary, &[], at(30, 16, 40)),
        fact(6, CITY, Kind::Statistics, &[], at(30, 16, 40)),
    ]
}

fn report_line(number: i64, title: &str) -> ReportLine {
    ReportLine {
        number,
        unit: CITY.into(),
        kind: Kind::Daily,
        days: vec![may(23)],
        day_inferred: number % 2 == 0,
        arrived: at(24, 8, 10),
        on_time: Some(true),
        repeats: false,
        title: title.into(),
        lines: vec![
            "5月23日上午9时，启动仪式在报告厅举行。".into(),
            "惠及市民约300人。".into(),
        ],
        files: vec!["启动.docx".into(), "启动.jpg".into()],
        photos: 1,
        videos: 0,
        links: 0,
    }
}

fn review_line() -> ReviewLine {
    ReviewLine {
        number: 23,
        subject: "活动周信息".into(),
        from: "xcb@fvti.com".into(),
        arrived: at(24, 9, 41),
        reason: "抚顺职业技术学院与抚顺师范高等专科学校难以区分".into(),
        candidates: vec!["抚顺职业技术学院".into(), "抚顺师范高等专科学校".into()],
        files: vec!["学习会.jpg".into()],
    }
}

fn digest_facts<'a>(
    campaign: &'a Campaign,
    standings: &'a [Standing],
    now: Moment,
) -> DigestFacts<'a> {
    DigestFacts {
        campaign,
        now,
        standings,
        reports: vec![
            report_line(3, "丹东市职业教育活动周启动仪式成功举办"),
            report_line(4, "<script>alert(1)</script>"),
        ],
        review: vec![review_line()],
        unreadable: vec![],
        set_aside: vec![AsideLine {
            subject: "自动回复：通知".into(),
            from: "a@example.cn".into(),
            reason: "自动回复".into(),
        }],
        letters: vec![LetterLine {
            unit: COLLEGE.into(),
            sent: true,
            answer: "250".into(),
            at: at(23, 11, 0),
        }],
        telephone: vec!["朝阳市教育局".into()],
        held: vec!["抚顺职业技术学院".into()],
        links: vec![LinkLine {
            unit: CITY.into(),
            provider: "网易超大附件".into(),
            url: "https://mail.163.com/large-attachment-download/index.html?file=x&y=1".into(),
            expires_at: Some(at(31, 0, 49)),
        }],
        ledger: vec![LedgerLine {
            folder: "INBOX".into(),
            server: 6,
            reports: 4,
            not_report: 1,
            review: 1,
            unreadable: 0,
            unexplained: 0,
        }],
        trouble: vec![],
        last_poll: Some(now),
    }
}

fn digest_at(now: Moment) -> Letter {
    let (roster, campaign) = (Roster::default(), Campaign::default());
    let standings = standings(&roster, &campaign, &facts(), now);
    digest(
        &Templates::open(None).unwrap(),
        &digest_facts(&campaign, &standings, now),
        "office@example.cn",
    )
    .unwrap()
}

fn reminder_at(unit: &str, now: Moment) -> Letter {
    let (roster, campaign) = (Roster::default(), Campaign::default());
    let all = standings(&roster, &campaign, &facts(), now);
    let standing = all.iter().find(|standing| standing.unit == unit).unwrap();
    let facts = ReminderFacts {
        campaign: &campaign,
        unit: roster.unit(unit).unwrap(),
        standing,
        owing: &owing(standing, &campaign, now),
        now,
        mailbox_address: "lnzjhdz@163.com",
        contact: "张老师 024-12345678",
    };
    reminder(&Templates::open(None).unwrap(), &facts, "unit@example.cn").unwrap()
}

/// Compares with the golden files; the subject stands above the plain text.
fn golden(name: &str, letter: &Letter) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let text = format!("{}\n\n{}", letter.subject, letter.text);
    for (ending, now) in [("html", &letter.html), ("txt", &text)] {
        let path = dir.join(format!("{name}.{ending}"));
        if std::env::var("BAOSONG_GOLDEN").is_ok_and(|value| value == "refresh") {
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(&path, now).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            golden == *now,
            "{} differs; look at it, then refresh with BAOSONG_GOLDEN=refresh",
            path.display()
        );
    }
}

#[test]
fn the_digest_of_a_day_in_the_week() {
    golden("digest_week", &digest_at(at(24, 10, 30)));
}

#[test]
fn the_digest_of_the_day_after_the_plans_due() {
    golden("digest_plan", &digest_at(at(11, 10, 30)));
}

#[test]
fn the_digest_of_the_day_after_the_summary_s_due() {
    golden("digest_summary", &digest_at(at(31, 10, 30)));
}

#[test]
fn the_reminder_of_a_plan_that_is_due_soon() {
    golden("reminder_plan", &reminder_at("大连市教育局", at(7, 11, 0)));
}

#[test]
fn the_reminder_of_reports_in_the_week() {
    golden(
        "reminder_reports",
        &reminder_at("大连市教育局", at(28, 11, 0)),
    );
}

#[test]
fn the_reminder_on_the_summary_s_last_day() {
    golden("reminder_summary", &reminder_at(COLLEGE, at(30, 11, 0)));
}

#[test]
fn what_a_unit_wrote_is_escaped() {
    let letter = digest_at(at(24, 10, 30));
    assert!(!letter.html.contains("<script>") && letter.html.contains("&lt;script&gt;"));
}

#[test]
fn letters_of_two_units_or_two_days_differ_in_their_subject() {
    let subjects = [
        reminder_at("大连市教育局", at(28, 11, 0)).subject,
        reminder_at("大连市教育局", at(29, 11, 0)).subject,
        reminder_at("沈阳市教育局", at(29, 11, 0)).subject,
    ];
    assert!(subjects[0] != subjects[1] && subjects[1] != subjects[2]);
}

#[test]
fn a_digest_of_a_full_day_is_under_100_kb_and_counts_what_it_leaves_out() {
    let (roster, campaign) = (Roster::default(), Campaign::default());
    let now = at(24, 10, 30);
    let standings = standings(&roster, &campaign, &facts(), now);
    let mut facts = digest_facts(&campaign, &standings, now);
    facts.reports = (0..100)
        .map(|n| report_line(n, "职业教育活动周启动仪式成功举办，三百余名师生和市民参加"))
        .collect();
    let letter = digest(&Templates::open(None).unwrap(), &facts, "office@example.cn").unwrap();
    assert!(letter.html.len() < 100_000, "{} bytes", letter.html.len());
    assert!(letter.html.contains("另有60件未列出"));
}

#[test]
fn letters_use_nothing_from_outside() {
    for letter in [
        digest_at(at(24, 10, 30)),
        reminder_at(COLLEGE, at(30, 11, 0)),
    ] {
        for word in ["src=", "<link", "<style", "url(", "href="] {
            assert!(!letter.html.contains(word), "{word}");
        }
    }
}
