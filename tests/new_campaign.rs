//! Another year and another province: `new-campaign`, the example settings, and what is left of the year before.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn baosong(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_baosong"))
        .current_dir(dir)
        .args(arguments)
        .env("BAOSONG_LOG", "error")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn checked(dir: &Path, settings: &str, at: &str) -> String {
    let data = dir.join("data");
    let data = data.to_str().unwrap();
    let check = ["--config", settings, "--data", data, "--at", at];
    said(&baosong(
        dir,
        &[&check[..], &["check", "--lang", "en"]].concat(),
    ))
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The settings of Henan in a folder of their own, as /etc/baosong would be.
fn henan() -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    for name in ["baosong.toml", "campaign.toml", "units.toml"] {
        let text = fs::read_to_string(source("examples/settings/henan").join(name)).unwrap();
        let here = text.replace("/etc/baosong", dir.path().to_str().unwrap());
        fs::write(dir.path().join(name), here).unwrap();
    }
    let settings = dir.path().join("baosong.toml");
    let settings = settings.to_str().unwrap().to_owned();
    (dir, settings)
}

#[test]
fn the_settings_of_another_province_are_sound() {
    let (dir, settings) = henan();
    let told = checked(dir.path(), &settings, "2024-05-14T09:00:00+08:00");
    for word in [
        "2024年河南省职业教育活动周, 2024-05-12 to 2024-05-18",
        "2 of 18 units have no address",
        "60 names, none of two units",
    ] {
        assert!(told.contains(word), "{word}\n{told}");
    }
}

#[test]
fn a_report_of_another_province_is_attributed_there() {
    let (dir, settings) = henan();
    let mail = "Received: from a by b; Tue, 14 May 2024 08:00:00 +0800\r\nFrom: a@example.cn\r\n\
        Date: Tue, 14 May 2024 08:00:00 +0800\r\nSubject: 黄河水利职业技术学院5月13日活动情况\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\r\n\
        5月13日，黄河水利职业技术学院举办职业教育活动周启动仪式，三百余名师生参加，展示了实训成果。\r\n";
    fs::write(dir.path().join("a.eml"), mail).unwrap();
    let data = dir.path().join("data");
    let verb = ["--config", &settings, "--data", data.to_str().unwrap()];
    said(&baosong(
        dir.path(),
        &[&verb[..], &["import", "a.eml"]].concat(),
    ));
    let at = ["--at", "2024-05-14T14:00:00+08:00", "standing", "--json"];
    let all = said(&baosong(dir.path(), &[&verb[..], &at].concat()));
    let all: Value = serde_json::from_str(&all).unwrap();
    let units = all["units"].as_array().unwrap();
    let unit = units
        .iter()
        .find(|unit| unit["unit"] == "黄河水利职业技术学院")
        .unwrap();
    assert_eq!((&unit["reports"], &unit["quota"]), (&1.into(), &4.into()));
    assert_eq!(unit["days"]["2024-05-13"], "on_time");
}

#[test]
fn a_new_campaign_is_written_beside_the_present_one() {
    let (dir, settings) = henan();
    let verb = [
        "--config",
        &settings,
        "new-campaign",
        "2025",
        "--first-day",
        "2025-05-11",
    ];
    let told = said(&baosong(dir.path(), &verb));
    for word in [
        "活动周            2025-05-11（周日） 至 2025-05-17（周六）",
        "实施方案截止      2025-04-28（周一）",
        "2 个单位没有邮箱地址，收不到催报函，只能电话联系：南阳市教育局、许昌电气职业学院",
        "接下来",
    ] {
        assert!(told.contains(word), "{word}\n{told}");
    }
    assert!(!told.contains("星期与上届不同"), "{told}");
    let written = dir.path().join("campaign-2025.toml");
    let text = fs::read_to_string(&written).unwrap();
    assert!(
        text.contains("# Two working days before the holiday of May."),
        "{text}"
    );
    let old = fs::read_to_string(&settings).unwrap();
    let new = old.replace("campaign.toml", "campaign-2025.toml");
    fs::write(&settings, new).unwrap();
    let told = checked(dir.path(), &settings, "2025-05-12T09:00:00+08:00");
    assert!(
        told.contains("2025年河南省职业教育活动周, 2025-05-11 to 2025-05-17"),
        "{told}"
    );
}

#[test]
fn a_file_that_is_there_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("campaign-2023.toml"), "mine").unwrap();
    let refused = baosong(dir.path(), &["new-campaign", "2023"]);
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(error.contains("cannot write campaign-2023.toml"), "{error}");
    assert_eq!(
        fs::read_to_string(dir.path().join("campaign-2023.toml")).unwrap(),
        "mine"
    );
}

#[test]
fn a_guessed_first_day_and_dues_on_days_off_are_pointed_out() {
    let dir = tempfile::tempdir().unwrap();
    let guessed = said(&baosong(dir.path(), &["new-campaign", "2023"]));
    assert!(
        guessed.contains("2023-05-22（周一） 至 2023-05-28（周日）"),
        "{guessed}"
    );
    assert!(guessed.contains("并非当年通知所定"), "{guessed}");
    let verb = [
        "new-campaign",
        "2023",
        "--first-day",
        "2023-05-14",
        "--out",
        "told.toml",
    ];
    let told = said(&baosong(dir.path(), &verb));
    assert!(
        told.contains("2023-05-01（周一）  ※ 劳动节假期前后，请核对"),
        "{told}"
    );
    assert!(
        told.contains("2023-05-21（周日）  ※ 周末，请核对"),
        "{told}"
    );
    assert!(told.contains("星期与上届不同"), "{told}");
    assert!(dir.path().join("told.toml").exists());
}

#[test]
fn a_roster_that_contradicts_itself_is_refused_before_anything_is_written() {
    let (dir, settings) = henan();
    let units = dir.path().join("units.toml");
    let text = fs::read_to_string(&units).unwrap();
    fs::write(&units, text.replace("\"许昌电院\"", "\"许昌职院\"")).unwrap();
    let refused = baosong(dir.path(), &["--config", &settings, "new-campaign", "2025"]);
    assert_eq!(refused.status.code(), Some(2));
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(
        error.contains("许昌职业技术学院") && error.contains("许昌电气职业学院"),
        "{error}"
    );
    assert!(!dir.path().join("campaign-2025.toml").exists());
}

#[test]
fn what_came_for_the_last_year_is_not_owed_by_this_one() {
    let dir = tempfile::tempdir().unwrap();
    let campaign = source("examples/campaign");
    said(&baosong(
        dir.path(),
        &["--data", "data", "import", campaign.to_str().unwrap()],
    ));
    let delivered = |config: &[&str], at: &str| -> usize {
        let verb = [
            config,
            &["--data", "data", "--at", at, "standing", "--json"],
        ]
        .concat();
        let all: Value = serde_json::from_str(&said(&baosong(dir.path(), &verb))).unwrap();
        let units = all["units"].as_array().unwrap().iter();
        units
            .filter(|unit| unit["plan"] == "in" || unit["summary"] == "in")
            .count()
    };
    assert!(delivered(&[], "2022-05-31T12:00:00+08:00") > 0);
    said(&baosong(
        dir.path(),
        &["new-campaign", "2023", "--first-day", "2023-05-14"],
    ));
    fs::write(
        dir.path().join("2023.toml"),
        "campaign_file = \"campaign-2023.toml\"",
    )
    .unwrap();
    assert_eq!(
        delivered(&["--config", "2023.toml"], "2023-05-22T12:00:00+08:00"),
        0
    );
}

#[test]
fn the_manual_tells_of_every_verb() {
    let dir = tempfile::tempdir().unwrap();
    said(&baosong(dir.path(), &["manual", "out"]));
    let out = dir.path().join("out");
    let help = said(&baosong(dir.path(), &["help"]));
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let verbs = verbs.take_while(|line| !line.is_empty());
    let completions = fs::read_to_string(out.join("completions/baosong.fish")).unwrap();
    let verbs = verbs.filter(|line| !line.starts_with("   "));
    for verb in verbs.filter_map(|line| line.split_whitespace().next()) {
        assert!(completions.contains(&format!("-a \"{verb}\"")), "{verb}");
        if verb != "help" {
            let page = fs::read_to_string(out.join(format!("man/baosong-{verb}.1"))).unwrap();
            assert!(page.contains(".SH SYNOPSIS"), "{verb}");
        }
    }
    let main = fs::read_to_string(out.join("man/baosong.1")).unwrap();
    assert!(main.contains("/etc/baosong/units.toml"), "{main}");
    assert!(!out.join("man/baosong-manual.1").exists());
}
