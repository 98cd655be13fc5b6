//! Corrections by staff: what they change at once, what they teach, and that they outlive judging and reading again.

mod support;

use baosong::attribution::{Change, FlagKind, Outcome};
use baosong::campaign::Moment;
use baosong::config::Config;
use baosong::daemon::Daemon;
use baosong::standing::Chain;
use baosong::store::{MailRow, SubmissionRow};
use base64::Engine;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::mail::may;
use tempfile::TempDir;

const DANDONG: &str = "丹东市教育局";
const RAIL: &str = "辽宁轨道交通职业学院";
const TALE: &str = "上午，学校在实训楼举办职业体验活动，三百多名初中生和家长走进车间，在老师指导下动手装配台灯、学做点心，现场气氛热烈。";
const LECTURE: &str = "下午，学校邀请全国劳动模范走上讲台，以自己三十年的钳工生涯为题给新生讲了一课，并当场演示了刮研技艺，同学们踊跃提问。";

struct House {
    dir: TempDir,
    daemon: Daemon,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let daemon = open(dir.path());
        Self { dir, daemon }
    }

    /// Imports a mail that arrived at `at`; gives its number.
    fn arrives(&mut self, mail: Vec<u8>, at: Moment) -> i64 {
        let path = self.dir.path().join("new.eml");
        let mut raw = format!("Received: from a by b; {}\r\n", at.to_rfc2822()).into_bytes();
        raw.extend(mail);
        std::fs::write(&path, raw).unwrap();
        assert_eq!(
            self.daemon.import(&[path]).unwrap().new,
            1,
            "the mail is new"
        );
        self.mails()
            .iter()
            .filter_map(|mail| mail.id)
            .max()
            .unwrap()
    }

    fn mails(&self) -> Vec<MailRow> {
        self.daemon.store.mails(None).unwrap()
    }

    fn submissions(&self, mail: i64) -> Vec<SubmissionRow> {
        self.daemon.store.submissions_of(mail).unwrap()
    }

    fn outcome(&self, mail: i64) -> Outcome {
        self.daemon
            .store
            .mail(mail)
            .unwrap()
            .unwrap()
            .outcome
            .unwrap()
    }

    /// `unit kind days` of each submission, or the outcome.
    fn said(&self, mail: i64) -> String {
        let one = |row: &SubmissionRow| {
            let days: Vec<String> = row
                .fact
                .days
                .iter()
                .map(|day| day.format("%-m.%-d").to_string())
                .collect();
            format!("{} {:?} {}", row.fact.unit, row.fact.kind, days.join("+"))
                .trim()
                .to_owned()
        };
        match self.outcome(mail) {
            Outcome::Reports => self
                .submissions(mail)
                .iter()
                .map(one)
                .collect::<Vec<_>>()
                .join(" | "),
            other => format!("{other:?}"),
        }
    }

    fn assign(&mut self, target: &str, unit: Option<&str>, days: Option<&str>) {
        let target = self.daemon.target(target).unwrap();
        let change = Change::Assign {
            unit: unit.map(str::to_owned),
            days: days.map(|days| self.daemon.days_called(days).unwrap()),
            kind: None,
        };
        self.daemon
            .assign(target, change, None, true, "office", may(30, 9, 0))
            .unwrap();
    }

    fn split(&mut self, target: &str) -> anyhow::Result<()> {
        let target = self.daemon.target(target)?;
        self.daemon.split(target, "office", may(30, 9, 0))
    }

    fn merge(&mut self, one: &str, other: &str) {
        let (one, other) = (
            self.daemon.target(one).unwrap(),
            self.daemon.target(other).unwrap(),
        );
        self.daemon
            .merge(one, other, "office", may(30, 9, 0))
            .unwrap();
    }

    fn revoke(&mut self, correction: i64) {
        self.daemon
            .revoke(correction, "office", may(30, 10, 0))
            .unwrap();
    }

    fn reports_of(&self, unit: &str) -> u32 {
        let standings = self.daemon.standings(may(31, 12, 0)).unwrap();
        standings
            .iter()
            .find(|standing| standing.unit == unit)
            .unwrap()
            .reports
    }

    fn lessons(&self) -> Vec<String> {
        let line = |lesson: &baosong::store::Lesson| {
            format!("{} {} {}", lesson.value, lesson.unit, lesson.holds)
        };
        self.daemon
            .store
            .lessons()
            .unwrap()
            .iter()
            .map(line)
            .collect()
    }

    /// Every row of every table, as text.
    fn dump(&self) -> String {
        let db = rusqlite::Connection::open(self.dir.path().join("data/baosong.db")).unwrap();
        let tables: Vec<String> = strings(
            &db,
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
        );
        let mut out = String::new();
        for table in tables {
            let columns = strings(
                &db,
                &format!("SELECT name FROM pragma_table_info('{table}')"),
            );
            let quoted = columns
                .iter()
                .map(|column| format!("quote({column})"))
                .collect::<Vec<_>>()
                .join(" || ',' || ");
            let mut rows = strings(&db, &format!("SELECT {quoted} FROM {table}"));
            rows.sort();
            out += &format!("{table}\n{}\n", rows.join("\n"));
        }
        out
    }
}

fn strings(db: &rusqlite::Connection, query: &str) -> Vec<String> {
    let mut statement = db.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn open(dir: &Path) -> Daemon {
    let mut daemon = Daemon::open(Config::default(), &dir.join("data")).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    daemon
}

/// A mail with text and files.
fn mail(id: &str, from: &str, subject: &str, text: &str, files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut mail = format!(
        "From: <{from}>\r\nSubject: {subject}\r\nMessage-ID: <{id}@example.cn>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
    );
    for (name, bytes) in files {
        let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
        mail += &format!(
            "--b\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
             Content-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n"
        );
    }
    mail += "--b--\r\n";
    mail.into_bytes()
}

fn plain(id: &str, from: &str, subject: &str, text: &str) -> Vec<u8> {
    mail(id, from, subject, text, &[])
}

/// A picture that no other seed gives, `side` pixels wide.
fn photo(seed: u32, side: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let cells: Vec<u8> = (0..64)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as u8
        })
        .collect();
    let picture = RgbImage::from_fn(side, side, |x, y| {
        let cell = cells[((y * 8 / side) * 8 + x * 8 / side) as usize];
        Rgb([cell, cell / 2 + 60, 255 - cell])
    });
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture)
        .write_to(&mut bytes, ImageFormat::Jpeg)
        .unwrap();
    bytes.into_inner()
}

#[test]
fn an_undecided_mail_is_taken_when_a_person_says_whose_it_is() {
    let mut house = House::new();
    let mail = house.arrives(
        plain("a", "x@qq.com", "活动情况", &format!("5月24日{TALE}")),
        may(25, 8, 0),
    );
    assert_eq!(house.said(mail), "Review");
    house.assign(&mail.to_string(), Some(DANDONG), None);
    assert_eq!(house.said(mail), "丹东市教育局 Daily 5.24");
    let row = &house.submissions(mail)[0];
    let staff = row
        .evidence
        .iter()
        .find(|evidence| evidence.rule == "staff")
        .unwrap();
    assert!(
        staff.seen.contains("office"),
        "the record says who: {}",
        staff.seen
    );
    let kept = &house.daemon.store.corrections().unwrap()[0];
    assert!(
        kept.before.contains("review"),
        "the verdict before is kept: {}",
        kept.before
    );
    house.revoke(kept.id);
    assert_eq!(house.said(mail), "Review");
    assert_eq!(
        house.daemon.store.corrections().unwrap().len(),
        1,
        "a correction is taken back, not deleted"
    );
}

#[test]
fn a_correction_teaches_the_address_to_later_and_earlier_mails_until_it_is_taken_back() {
    let mut house = House::new();
    let earlier = house.arrives(
        plain("a", "X@QQ.com", "活动情况", &format!("5月23日{TALE}")),
        may(24, 8, 0),
    );
    let mail = house.arrives(
        plain("b", "x@qq.com", "活动情况", &format!("5月24日{LECTURE}")),
        may(25, 8, 0),
    );
    house.assign(&mail.to_string(), Some(DANDONG), None);
    let later = house.arrives(plain("c", "x@qq.com", "活动情况", "5月25日，中职学生为社区老人义务理发、修理小家电，共服务二百多人次，受到居民欢迎，活动持续一天。"), may(26, 8, 0));
    assert_eq!(house.said(earlier), "丹东市教育局 Daily 5.23");
    assert_eq!(house.said(later), "丹东市教育局 Daily 5.25");
    assert_eq!(house.lessons(), ["x@qq.com 丹东市教育局 true"]);
    house.revoke(1);
    assert_eq!(
        (house.said(earlier), house.said(mail), house.said(later)),
        ("Review".into(), "Review".into(), "Review".into())
    );
    assert!(house.lessons().is_empty());
}

#[test]
fn a_taught_address_decides_nothing_against_what_a_mail_says() {
    let mut house = House::new();
    house
        .daemon
        .teach("x@qq.com", DANDONG, true, "office", may(23, 9, 0))
        .unwrap();
    let subject = format!("{RAIL}5月24日活动信息");
    let mail = house.arrives(
        plain("a", "x@qq.com", &subject, &format!("{TALE}\r\n{RAIL}")),
        may(25, 8, 0),
    );
    assert_eq!(house.said(mail), format!("{RAIL} Daily 5.24"));
}

#[test]
fn an_address_learnt_from_a_mail_can_be_forgotten_for_good() {
    let mut house = House::new();
    let named = format!("{DANDONG}5月23日活动信息");
    house.arrives(
        plain("a", "x@qq.com", &named, &format!("{TALE}\r\n{DANDONG}")),
        may(24, 8, 0),
    );
    let silent = house.arrives(
        plain("b", "x@qq.com", "活动情况", &format!("5月24日{LECTURE}")),
        may(25, 8, 0),
    );
    assert_eq!(house.said(silent), "丹东市教育局 Daily 5.24");
    house
        .daemon
        .teach("x@qq.com", DANDONG, false, "office", may(25, 9, 0))
        .unwrap();
    assert_eq!(house.said(silent), "Review");
    house.daemon.reprocess(None).unwrap();
    assert_eq!(house.said(silent), "Review");
}

#[test]
fn a_name_that_a_person_teaches_is_known_from_then_on() {
    let mut house = House::new();
    let text = format!("5月24日{TALE}\r\n鸭绿江职教联盟办公室");
    let mail = house.arrives(
        plain("a", "x@qq.com", "鸭绿江职教联盟活动信息", &text),
        may(25, 8, 0),
    );
    let second = house.arrives(
        plain("b", "y@sina.com", "鸭绿江职教联盟5月25日活动", LECTURE),
        may(26, 8, 0),
    );
    assert_eq!(
        (house.said(mail), house.said(second)),
        ("Review".into(), "Review".into())
    );
    let target = house.daemon.target(&mail.to_string()).unwrap();
    let change = Change::Assign {
        unit: Some(DANDONG.into()),
        days: None,
        kind: None,
    };
    house
        .daemon
        .assign(
            target,
            change,
            Some("鸭绿江职教联盟"),
            true,
            "office",
            may(26, 9, 0),
        )
        .unwrap();
    assert_eq!(house.said(second), "丹东市教育局 Daily 5.25");
    house.revoke(1);
    assert_eq!(house.said(second), "Review");
}

#[test]
fn a_name_that_means_something_else_is_not_learnt() {
    let mut house = House::new();
    for name in ["铁西区", "沈阳工学院", RAIL, "丹"] {
        assert!(
            house
                .daemon
                .teach(name, DANDONG, true, "office", may(24, 9, 0))
                .is_err(),
            "{name}"
        );
    }
    assert!(house.lessons().is_empty());
}

#[test]
fn a_mail_set_aside_by_a_person_counts_nothing_until_it_is_taken_up_again() {
    let mut house = House::new();
    let subject = format!("{DANDONG}5月24日活动信息");
    let mail = house.arrives(
        plain("a", "x@qq.com", &subject, &format!("{TALE}\r\n{DANDONG}")),
        may(25, 8, 0),
    );
    assert_eq!(house.reports_of(DANDONG), 1);
    let target = house.daemon.target(&mail.to_string()).unwrap();
    house
        .daemon
        .ignore(target, "office", may(25, 9, 0))
        .unwrap();
    assert_eq!(
        (house.outcome(mail), house.reports_of(DANDONG)),
        (Outcome::NotReport, 0)
    );
    house.assign(&mail.to_string(), Some(DANDONG), None);
    assert_eq!(house.reports_of(DANDONG), 1);
}

#[test]
fn noise_and_locked_files_become_reports_when_a_person_says_so() {
    let mut house = House::new();
    let question = house.arrives(
        plain("a", "x@qq.com", "请教", "请问照片有大小限制吗？"),
        may(25, 8, 0),
    );
    assert_eq!(house.outcome(question), Outcome::NotReport);
    house.assign(&question.to_string(), Some(DANDONG), Some("5-24"));
    assert_eq!(house.said(question), "丹东市教育局 Daily 5.24");
    let locked =
        std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/files/password.pdf"))
            .unwrap();
    let subject = format!("{RAIL}5月24日活动信息");
    let mail = house.arrives(
        mail(
            "b",
            "y@qq.com",
            &subject,
            "请查收。",
            &[("info.pdf", locked)],
        ),
        may(25, 8, 0),
    );
    assert_eq!(house.outcome(mail), Outcome::Review);
    house.assign(&mail.to_string(), Some(RAIL), Some("5月24日"));
    assert_eq!(house.said(mail), format!("{RAIL} Daily 5.24"));
    let files = house
        .daemon
        .store
        .files_of_submission(house.submissions(mail)[0].fact.id)
        .unwrap();
    assert_eq!(
        files.len(),
        1,
        "what cannot be read is kept with its report"
    );
}

#[test]
fn a_submission_of_several_is_corrected_by_itself() {
    let mut house = House::new();
    let files = [
        ("5.23.txt", format!("{DANDONG}\n5月23日{TALE}").into_bytes()),
        (
            "5.24.txt",
            format!("{DANDONG}\n5月24日{LECTURE}").into_bytes(),
        ),
    ];
    let files: Vec<(&str, Vec<u8>)> = files.into_iter().collect();
    let subject = format!("{DANDONG}活动信息");
    let mail = house.arrives(
        mail("a", "x@qq.com", &subject, "请查收附件。", &files),
        may(25, 8, 0),
    );
    assert_eq!(
        house.said(mail),
        "丹东市教育局 Daily 5.23 | 丹东市教育局 Daily 5.24"
    );
    house.assign(&format!("{mail}.2"), None, Some("5-25"));
    assert_eq!(
        house.said(mail),
        "丹东市教育局 Daily 5.23 | 丹东市教育局 Daily 5.25"
    );
    let target = house.daemon.target(&format!("{mail}.1")).unwrap();
    house
        .daemon
        .ignore(target, "office", may(26, 9, 0))
        .unwrap();
    assert_eq!(house.said(mail), "丹东市教育局 Daily 5.25");
    assert_eq!(
        house.submissions(mail)[0].ordinal,
        1,
        "its number stays what it was"
    );
    assert!(house.daemon.target(&format!("{mail}.1")).is_err());
}

#[test]
fn splitting_takes_a_covering_letter_that_is_a_report_for_one() {
    let mut house = House::new();
    let document = format!("{DANDONG}\n5月23日{TALE}").into_bytes();
    let body = format!("{DANDONG}\r\n5月24日{LECTURE}");
    let subject = format!("{DANDONG}活动信息");
    let mail = house.arrives(
        mail("a", "x@qq.com", &subject, &body, &[("5.23.txt", document)]),
        may(25, 8, 0),
    );
    assert_eq!(house.submissions(mail).len(), 1);
    house.split(&mail.to_string()).unwrap();
    assert_eq!(
        house.said(mail),
        "丹东市教育局 Daily 5.23 | 丹东市教育局 Daily 5.24"
    );
}

#[test]
fn splitting_one_text_cuts_it_at_its_dated_headings() {
    let mut house = House::new();
    let text = format!(
        "{DANDONG}活动信息两则\r\n一、5月23日职业体验\r\n{TALE}\r\n二、5月24日劳模讲座\r\n{LECTURE}"
    );
    let subject = format!("{DANDONG}活动信息");
    let mail = house.arrives(plain("a", "x@qq.com", &subject, &text), may(25, 8, 0));
    assert_eq!(
        house.submissions(mail).len(),
        1,
        "one text is one submission until a person says otherwise"
    );
    house.split(&mail.to_string()).unwrap();
    assert_eq!(
        house.said(mail),
        "丹东市教育局 Daily 5.23 | 丹东市教育局 Daily 5.24"
    );
    assert_eq!(house.reports_of(DANDONG), 2);
    let single = house.arrives(
        plain("b", "x@qq.com", &subject, &format!("5月25日{TALE}")),
        may(26, 8, 0),
    );
    assert!(
        house.split(&single.to_string()).is_err(),
        "there is nothing to take apart"
    );
}

#[test]
fn two_mails_that_are_one_report_count_once_when_merged_and_twice_when_split_again() {
    let mut house = House::new();
    let subject = format!("{DANDONG}5月24日活动信息");
    let first = house.arrives(
        plain("a", "x@qq.com", &subject, &format!("{TALE}\r\n{DANDONG}")),
        may(25, 8, 0),
    );
    let second = house.arrives(
        plain(
            "b",
            "x@qq.com",
            &subject,
            &format!("{LECTURE}\r\n{DANDONG}"),
        ),
        may(25, 9, 0),
    );
    assert_eq!(house.reports_of(DANDONG), 2);
    // The order in which they are named does not matter: the later is a version of the earlier.
    house.merge(&first.to_string(), &second.to_string());
    assert_eq!(house.reports_of(DANDONG), 1);
    assert_eq!(
        house.submissions(second)[0].fact.repeats,
        Some(house.submissions(first)[0].fact.id)
    );
    house.split(&format!("{second}.1")).unwrap();
    assert_eq!(house.reports_of(DANDONG), 2);
}

#[test]
fn two_texts_of_one_mail_are_joined_when_merged() {
    let mut house = House::new();
    let files = vec![
        ("1.txt", format!("{DANDONG}\n5月24日{TALE}").into_bytes()),
        ("2.txt", format!("{DANDONG}\n5月24日{LECTURE}").into_bytes()),
    ];
    let subject = format!("{DANDONG}活动信息");
    let mail = house.arrives(
        mail("a", "x@qq.com", &subject, "请查收附件。", &files),
        may(25, 8, 0),
    );
    house.merge(&format!("{mail}.1"), &format!("{mail}.2"));
    let rows = house.submissions(mail);
    assert_eq!(rows.len(), 1);
    assert!(rows[0].text.contains("台灯") && rows[0].text.contains("刮研"));
    assert_eq!(
        house
            .daemon
            .store
            .files_of_submission(rows[0].fact.id)
            .unwrap()
            .len(),
        2
    );
}

/// A house with something of everything: documents, photos, repeats, corrections, lessons, noise, a locked file.
fn furnished() -> (House, i64) {
    let mut house = House::new();
    let subject = format!("{DANDONG}5月24日活动信息");
    let document = format!("{DANDONG}\n5月24日{TALE}").into_bytes();
    let files = [("5.24.txt", document), ("1.jpg", photo(1, 640))];
    house.arrives(
        mail("a", "x@qq.com", &subject, "请查收附件。", &files),
        may(25, 8, 0),
    );
    house.arrives(
        mail(
            "b",
            "x@qq.com",
            &format!("{subject}（更正）"),
            "以此为准。",
            &files,
        ),
        may(25, 9, 0),
    );
    house.arrives(
        plain("c", "y@qq.com", "请教", "请问照片有大小限制吗？"),
        may(25, 10, 0),
    );
    let locked =
        std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/files/password.pdf"))
            .unwrap();
    house.arrives(
        mail(
            "d",
            "z@qq.com",
            "活动信息",
            "请查收。",
            &[("a.pdf", locked), ("2.jpg", photo(1, 320))],
        ),
        may(25, 11, 0),
    );
    let open = house.arrives(
        plain("e", "w@qq.com", "活动情况", &format!("5月25日{LECTURE}")),
        may(26, 8, 0),
    );
    house.assign(&open.to_string(), Some(RAIL), None);
    house.assign("4", Some(RAIL), Some("5-24"));
    (house, open)
}

#[test]
fn reading_and_judging_again_changes_no_byte_of_what_is_kept() {
    let (mut house, open) = furnished();
    let before = house.dump();
    assert!(before.contains("photo_bands") && before.contains("台灯") && before.len() > 5_000);
    assert_eq!(house.daemon.reprocess(None).unwrap(), 5);
    assert!(before == house.dump(), "all mails");
    for mail in 1..=open {
        house.daemon.reprocess(Some(mail)).unwrap();
        assert!(before == house.dump(), "mail {mail}");
    }
}

#[test]
fn corrections_survive_reading_again() {
    let (mut house, open) = furnished();
    // What a former program might have read wrong.
    let db = rusqlite::Connection::open(house.dir.path().join("data/baosong.db")).unwrap();
    let before = house.dump();
    db.execute_batch("UPDATE contents SET content = '{\"subject\":\"\",\"answers\":[],\"automatic\":[],\"text\":\"\",\"inner\":[],\"files\":[],\"links\":[],\"damage\":[]}'; UPDATE mails SET subject = '?'").unwrap();
    house.daemon.reprocess(None).unwrap();
    assert!(before == house.dump());
    assert_eq!(house.said(open), format!("{RAIL} Daily 5.25"));
}

#[test]
fn a_text_that_nearly_equals_another_unit_s_is_flagged_and_still_counts() {
    let mut house = House::new();
    let subject = |unit: &str| format!("{unit}5月24日活动信息");
    house.arrives(
        plain(
            "a",
            "x@qq.com",
            &subject(DANDONG),
            &format!("{TALE}{LECTURE}\r\n{DANDONG}"),
        ),
        may(25, 8, 0),
    );
    let copied = format!("{}{LECTURE}\r\n{RAIL}", TALE.replace("三百", "五百"));
    let copy = house.arrives(
        plain("b", "y@qq.com", &subject(RAIL), &copied),
        may(25, 9, 0),
    );
    let rows = house.submissions(copy);
    assert_eq!(
        (rows[0].flags[0].what, rows[0].flags[0].unit.as_str()),
        (FlagKind::TextOfOther, DANDONG)
    );
    assert_eq!(house.reports_of(RAIL), 1);
    let own = house.arrives(
        plain(
            "c",
            "z@qq.com",
            "辽宁金融职业学院5月24日活动信息",
            &format!("{LECTURE}点钞比赛同日举行，来自十个班级的选手参加。"),
        ),
        may(25, 9, 0),
    );
    assert!(
        house.submissions(own)[0].flags.len() <= 1,
        "half the words in common may be flagged, once"
    );
}

#[test]
fn a_photo_that_came_with_another_report_is_flagged_even_when_sent_smaller() {
    let mut house = House::new();
    let subject = |unit: &str, day: u32| format!("{unit}5月{day}日活动信息");
    let body = |text: &str, unit: &str| format!("{text}\r\n{unit}");
    house.arrives(
        mail(
            "a",
            "x@qq.com",
            &subject(DANDONG, 23),
            &body(TALE, DANDONG),
            &[("1.jpg", photo(1, 800))],
        ),
        may(24, 8, 0),
    );
    let files = [("new.jpg", photo(2, 800)), ("again.jpg", photo(1, 300))];
    let other = house.arrives(
        mail(
            "b",
            "x@qq.com",
            &subject(DANDONG, 24),
            &body(LECTURE, DANDONG),
            &files,
        ),
        may(25, 8, 0),
    );
    let flags = house.submissions(other)[0].flags.clone();
    assert_eq!(flags.len(), 1, "{flags:?}");
    assert_eq!(
        (flags[0].what, flags[0].seen.as_str()),
        (FlagKind::PhotoSeen, "again.jpg")
    );
    let corrected = house.arrives(
        mail(
            "c",
            "x@qq.com",
            &format!("{}（更正）", subject(DANDONG, 23)),
            &body(&TALE.replace("三百", "二百"), DANDONG),
            &[("1.jpg", photo(1, 800))],
        ),
        may(25, 9, 0),
    );
    let row = &house.submissions(corrected)[0];
    assert!(
        row.fact.repeats.is_some() && row.flags.is_empty(),
        "a later version rightly shows its photos again: {:?}",
        row.flags
    );
}

#[test]
fn versions_of_a_report_show_its_photos_again_though_the_first_came_last() {
    let mut house = House::new();
    let subject = format!("{DANDONG}5月23日活动信息");
    let mut version = |id: &str, number: &str, files: &[(&str, Vec<u8>)], at: Moment| {
        let text = format!("{}\r\n{DANDONG}", TALE.replace("三百", number));
        let mail = house.arrives(mail(id, "x@qq.com", &subject, &text, files), at);
        house.submissions(mail)[0].clone()
    };
    let photos = [("1.jpg", photo(1, 800))];
    version("b", "三百", &photos, may(24, 9, 0));
    let first = version("a", "二百", &[], may(24, 8, 0));
    let last = version("c", "四百", &photos, may(24, 10, 0));
    assert_eq!(last.fact.repeats, Some(first.fact.id));
    assert!(last.flags.is_empty(), "{:?}", last.flags);
}

#[test]
fn of_mails_of_one_second_the_one_kept_first_is_the_earlier_though_it_is_judged_last() {
    let mut house = House::new();
    let unnamed = house.arrives(plain("a", "x@qq.com", "信息", TALE), may(24, 9, 0));
    let text = format!("{}\r\n{DANDONG}", TALE.replace("三百", "二百"));
    let subject = format!("{DANDONG}活动信息");
    let named = house.arrives(plain("b", "y@qq.com", &subject, &text), may(24, 9, 0));
    assert_eq!(house.said(unnamed), "Review");
    house.assign("1", Some(DANDONG), None);
    let (first, later) = (
        house.submissions(unnamed).remove(0).fact,
        house.submissions(named).remove(0).fact,
    );
    assert!(later.id < first.id);
    assert_eq!(later.repeats, Some(first.id));
    let store = &house.daemon.store;
    let listed = store.entries(may(25, 9, 0)).unwrap();
    let mails: Vec<i64> = listed.iter().map(|entry| entry.mail).collect();
    assert_eq!(mails, [unnamed, named]);
    let facts = store.facts().unwrap();
    let reports = Chain::all(&facts);
    assert_eq!((reports.len(), reports[0].latest().mail), (1, named));
}

fn baosong(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_baosong"))
        .args([
            "--data",
            dir.join("data").to_str().unwrap(),
            "--at",
            "2022-05-30T09:00:00+08:00",
        ])
        .args(arguments)
        .env("BAOSONG_LOG", "error")
        .output()
        .unwrap()
}

fn printed(dir: &Path, arguments: &[&str]) -> String {
    let output = baosong(dir, arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_clerk_reviews_assigns_and_asks_why_by_the_command_line() {
    let mut house = House::new();
    house.arrives(
        plain(
            "a",
            "x@qq.com",
            "沈阳、大连活动情况",
            &format!("5月24日{TALE}"),
        ),
        may(25, 8, 0),
    );
    let House { dir, daemon } = house;
    drop(daemon);
    let open = printed(dir.path(), &["review"]);
    assert!(
        open.contains("沈阳市教育局") && open.contains("大连市教育局"),
        "{open}"
    );
    let line = printed(dir.path(), &["review", "--jsonl"]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["candidates"].as_array().unwrap().len(), 2);
    let said = printed(
        dir.path(),
        &[
            "assign",
            "<a@example.cn>",
            "--unit",
            "大连",
            "--by",
            "王处长",
        ],
    );
    assert!(said.contains("大连市教育局 每日活动情况 5.24"), "{said}");
    let why = printed(dir.path(), &["explain", "1"]);
    for word in ["人工认定", "王处长", "其他可能", "沈阳市教育局", "市名"] {
        assert!(why.contains(word), "{word} in {why}");
    }
    assert!(printed(dir.path(), &["corrections"]).contains("认定 大连市教育局"));
    assert!(printed(dir.path(), &["lessons"]).contains("x@qq.com  属于  大连市教育局"));
    assert!(printed(dir.path(), &["review"]).is_empty());
    let counted: serde_json::Value =
        serde_json::from_str(&printed(dir.path(), &["mails", "--jsonl"])).unwrap();
    assert_eq!(
        (&counted["id"], &counted["submissions"][0]["number"]),
        (&1.into(), &"1.1".into())
    );
    printed(dir.path(), &["reprocess", "--mail", "1"]);
    printed(dir.path(), &["revoke", "1"]);
    assert!(printed(dir.path(), &["review"]).contains("x@qq.com"));
}

#[test]
fn what_a_correction_cannot_mean_is_refused_with_a_reason() {
    let mut house = House::new();
    house.arrives(
        plain("a", "x@qq.com", "活动情况", &format!("5月24日{TALE}")),
        may(25, 8, 0),
    );
    let House { dir, daemon } = house;
    drop(daemon);
    for (arguments, word) in [
        (&["assign", "9", "--unit", "丹东"][..], "no mail 9"),
        (&["assign", "1.2", "--unit", "丹东"], "no such submission"),
        (&["assign", "1", "--unit", "某某学院"], "某某学院"),
        (&["assign", "1", "--day", "5-40"], "no day"),
        (&["assign", "1"], "--unit"),
        (&["merge", "1", "1"], "submission"),
        (&["revoke", "7"], "no correction 7"),
        (&["learn", "铁西区", "--unit", "沈阳"], "铁西区"),
    ] {
        let output = baosong(dir.path(), arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && told.contains(word),
            "{arguments:?}: {told}"
        );
    }
    assert!(printed(dir.path(), &["corrections"]).is_empty());
}

#[test]
fn a_correction_beside_a_running_daemon_is_kept_and_judged_with_its_next_pass() {
    let mut house = House::new();
    let mail = house.arrives(
        plain("a", "x@qq.com", "活动情况", &format!("5月24日{TALE}")),
        may(25, 8, 0),
    );
    let told = printed(house.dir.path(), &["assign", "1", "--unit", "丹东"]);
    assert!(told.contains("next pass"), "{told}");
    house.daemon.judge().unwrap();
    assert_eq!(house.said(mail), "丹东市教育局 Daily 5.24");
}
