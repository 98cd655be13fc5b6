//! Standing and digest of a nation: 2,000 units, 100,000 submissions with two files each.
//!
//! `cargo bench --bench digest`; it prints the most memory that the process held.

use baosong::campaign::{Moment, in_china};
use baosong::config::Config;
use baosong::daemon::Daemon;
use chrono::{NaiveDate, TimeDelta};
use divan::Bencher;
use rusqlite::{Connection, params};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use tempfile::TempDir;

const UNITS: i64 = 2_000;
const SUBMISSIONS: i64 = 100_000;

fn main() {
    if std::env::args().any(|arg| arg == "--bench") {
        nation();
    }
    divan::main();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!("{}", peak.unwrap_or("VmHWM unknown"));
}

fn at(day: u32, hour: u32) -> Moment {
    let day = NaiveDate::from_ymd_opt(2022, 5, day).unwrap();
    in_china(day.and_hms_opt(hour, 30, 0).unwrap())
}

fn unit(n: i64) -> String {
    format!("第{n}职业技术学院")
}

/// Settings and a filled data directory; the process removes it at its end.
fn nation() -> &'static (Config, PathBuf, TempDir) {
    static NATION: OnceLock<(Config, PathBuf, TempDir)> = OnceLock::new();
    NATION.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let units = dir.path().join("units.toml");
        let mut toml = String::from("city = []\n");
        for n in 0..UNITS {
            writeln!(
                toml,
                "[[college]]\nname = \"{}\"\ncity = \"沈阳市\"",
                unit(n)
            )
            .unwrap();
        }
        std::fs::write(&units, toml).unwrap();
        let config = Config {
            units_file: Some(units),
            ..Config::default()
        };
        let data = dir.path().join("data");
        drop(Daemon::open(config.clone(), &data).unwrap());
        fill(&mut Connection::open(data.join("baosong.db")).unwrap());
        (config, data, dir)
    })
}

/// Reports of seven days, most of them kept for days when the digest is written.
fn fill(connection: &mut Connection) {
    let transaction = connection.transaction().unwrap();
    let start = at(24, 0);
    let content = serde_json::to_string(&baosong::message::Content::default()).unwrap();
    for n in 0..SUBMISSIONS {
        let arrived = (start + TimeDelta::seconds(n * 6 * 86_400 / SUBMISSIONS)).timestamp();
        let day = 23 + n * 6 / SUBMISSIONS;
        transaction
            .prepare_cached(
                "INSERT INTO mails (id, sha256, bytes, source, received_at, message_id, sender, subject, outcome)
                 VALUES (?1, ?2, 20000, 'x', ?3, ?2, 'a@example.cn', ?4, 'reports')",
            )
            .unwrap()
            .execute(params![n + 1, format!("{n:064x}"), arrived, format!("{}活动信息", unit(n % UNITS))])
            .unwrap();
        transaction
            .prepare_cached("INSERT INTO contents (mail, content) VALUES (?1, ?2)")
            .unwrap()
            .execute(params![n + 1, content])
            .unwrap();
        transaction
            .prepare_cached(
                "INSERT INTO submissions (id, mail, ordinal, kind, unit, days, day_inferred, arrived, title, text, sketch, links, evidence)
                 VALUES (?1, ?1, 0, 'daily', ?2, ?3, 0, ?4, '技能展示进社区', ?5, x'', '[]', '[]')",
            )
            .unwrap()
            .execute(params![n + 1, unit(n % UNITS), format!("[\"2022-05-{day}\"]"), arrived, "活动情况。".repeat(120)])
            .unwrap();
        for file in 0..2 {
            transaction
                .prepare_cached(
                    "INSERT INTO files (mail, position, submission, name, media, sha256, bytes) VALUES (?1, ?2, ?1, ?3, 'photo', ?4, 9)",
                )
                .unwrap()
                .execute(params![n + 1, file, format!("照片{file}.jpg"), format!("{:064x}", n * 2 + file)])
                .unwrap();
        }
    }
    transaction.commit().unwrap();
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn standing_of_2000_units(bencher: Bencher) {
    let (config, data, _) = nation();
    let daemon = Daemon::look(config.clone(), data).unwrap();
    bencher.bench_local(|| daemon.standings(at(30, 10)).unwrap());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn standing_and_digest_of_2000_units(bencher: Bencher) {
    let (config, data, _) = nation();
    let daemon = Daemon::look(config.clone(), data).unwrap();
    bencher.bench_local(|| {
        daemon.standings(at(30, 10)).unwrap();
        daemon.digest("office@example.cn", at(30, 10)).unwrap()
    });
}
