//! The workbook beside the digest, read back as others read it.

mod support;

use baosong::config::Config;
use baosong::daemon::Daemon;
use baosong::outgoing::Attached;
use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use std::io::Cursor;
use std::path::Path;
use std::process::Command;
use support::mail::{may, plain, report};
use tempfile::TempDir;

/// Two reports, one of them with a subject that a spreadsheet would run, a mail for a person, and a table.
fn house() -> (Daemon, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mails = dir.path().join("mails");
    std::fs::create_dir(&mails).unwrap();
    let at = |raw: Vec<u8>, day: u32| {
        let received = may(day, 8, 0).to_rfc2822();
        [
            format!("Received: from mx by imap; {received}\r\n").into_bytes(),
            raw,
        ]
        .concat()
    };
    let table = "From: <c@example.cn>\r\nTo: <lnzjhdz@163.com>\r\nSubject: 丹东市情况统计表\r\nMessage-ID: <c@example.cn>\r\n\
         Date: Mon, 30 May 2022 08:00:00 +0800\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n<p>丹东市教育局2022年职业教育活动周情况统计表</p>\
         <table><tr><td rowspan=2>活动名称</td><td colspan=2>活动情况</td><td rowspan=2>报送份数</td></tr>\
         <tr><td>场次</td><td>人次</td></tr><tr><td>启动仪式</td><td>1</td><td>210</td><td>9</td></tr>\
         <tr><td>开放日</td><td>8</td><td>约300</td><td></td></tr></table>\r\n";
    let formula = String::from_utf8(report("a", "丹东市教育局", 23)).unwrap();
    let formula = formula.replace("Subject: ", "Subject: =HYPERLINK(\"http://x\",\"y\") ");
    let all = [
        at(formula.into_bytes(), 24),
        at(report("d", "大连市教育局", 24), 25),
        at(
            plain(
                "b",
                "活动信息",
                "昨日我校举办技能展示，三百名学生参加了活动周的比赛。",
            ),
            24,
        ),
        at(table.into(), 30),
    ];
    for (n, raw) in all.iter().enumerate() {
        std::fs::write(mails.join(format!("{n}.eml")), raw).unwrap();
    }
    let mut daemon = Daemon::open(Config::default(), &dir.path().join("data")).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    daemon.import(&[mails]).unwrap();
    (daemon, dir)
}

fn book(daemon: &Daemon) -> Attached {
    let letter = daemon.digest("office@example.cn", may(31, 10, 30)).unwrap();
    letter.files.into_iter().find(|file| !file.inline).unwrap()
}

fn sheet(bytes: &[u8], name: &str) -> Vec<Vec<Data>> {
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes.to_vec())).unwrap();
    let range = book.worksheet_range(name).unwrap();
    range.rows().map(<[Data]>::to_vec).collect()
}

#[test]
fn it_holds_the_named_sheets_with_real_dates_and_no_formula_of_others() {
    let (daemon, _dir) = house();
    let file = book(&daemon);
    assert_eq!(file.name, "baosong-2022-05-31.xlsx");
    let names = open_workbook_from_rs::<Xlsx<_>, _>(Cursor::new(file.bytes.clone()))
        .unwrap()
        .sheet_names();
    assert_eq!(names[..5], ["进度", "台账", "待核", "发件", "统计表汇总"]);
    assert_eq!(sheet(&file.bytes, "进度").len(), 67);
    let ledger = sheet(&file.bytes, "台账");
    assert_eq!(ledger.len(), 4);
    assert!(
        matches!(ledger[1][3], Data::DateTime(day) if day.as_datetime().unwrap().date() == may(23, 0, 0).date_naive())
    );
    assert!(matches!(ledger[1][7], Data::DateTime(_)));
    let subject = &ledger[1][17];
    assert!(
        matches!(subject, Data::String(text) if text.starts_with("=HYPERLINK")),
        "{subject:?}"
    );
    assert_eq!(sheet(&file.bytes, "待核").len(), 2);
}

#[test]
fn tables_of_units_are_summed_and_what_does_not_add_up_is_named() {
    let (daemon, _dir) = house();
    let rows = sheet(&book(&daemon).bytes, "统计表汇总");
    let words = |row: &[Data]| {
        row.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("|")
    };
    assert_eq!(
        words(&rows[0]),
        "单位|活动名称|活动情况·场次|活动情况·人次|报送份数"
    );
    assert_eq!(words(&rows[3]), "合计||9|210|9");
    let rest: Vec<String> = rows[4..].iter().map(|row| words(row)).collect();
    assert!(
        rest.iter().any(|row| row.contains("约300|不是数字")),
        "{rest:?}"
    );
    assert!(
        rest.iter().any(|row| row.contains("9|实收并计入1份")),
        "{rest:?}"
    );
    let digest = daemon.digest("office@example.cn", may(31, 10, 30)).unwrap();
    assert!(
        digest.text.contains("统计表需核对（2处）") && digest.text.contains("活动周总体情况"),
        "{}",
        digest.text
    );
}

#[test]
fn same_facts_give_the_same_bytes() {
    let (daemon, _dir) = house();
    assert!(book(&daemon).bytes == book(&daemon).bytes);
}

/// LibreOffice opens it, finds every sheet, and computes the sums anew.
#[test]
fn libreoffice_opens_it() {
    let (daemon, dir) = house();
    let path = dir.path().join("book.xlsx");
    std::fs::write(&path, book(&daemon).bytes).unwrap();
    let out = Command::new("soffice")
        .arg(format!(
            "-env:UserInstallation=file://{}",
            dir.path().join("profile").display()
        ))
        .args([
            "--headless",
            "--convert-to",
            "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1",
            "--outdir",
        ])
        .args([dir.path(), Path::new(&path)])
        .output()
        .expect("LibreOffice is installed by tests/run");
    assert!(out.status.success(), "{out:?}");
    let table = std::fs::read_to_string(dir.path().join("book-统计表汇总.csv")).unwrap();
    assert!(table.contains("合计,,9,210,9"), "{table}");
    assert!(dir.path().join("book-非报送.csv").exists());
}
