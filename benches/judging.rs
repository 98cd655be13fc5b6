//! Judging alone, on one core: mails a second, with the roster of Liaoning and with a made-up one of 3,000 units.
//!
//! `cargo bench --bench judging`; the bound is 5,000 mails a second, and twice the cost for 3,000 units.

use baosong::attribution::{Judge, Outcome, Past};
use baosong::campaign::{Campaign, in_china};
use baosong::message::{Address, Content};
use baosong::roster::Roster;
use chrono::NaiveDate;
use divan::Bencher;
use divan::counter::ItemsCount;
use std::fmt::Write;

const MAILS: usize = 1_000;

const DEEDS: [&str; 8] = [
    "学校在实训楼举办职业体验活动，三百多名初中生和家长走进车间，在老师指导下动手装配台灯、学做点心",
    "邀请全国劳动模范走上讲台，以自己三十年的钳工生涯为题给新生讲了一课，并当场演示了刮研技艺",
    "组织护理专业师生到社区为老人测量血压、讲解急救知识，现场发放健康手册二百余份",
    "举行技能大赛展演，选手们演示了数控加工、无人机巡检和工业机器人编程，观众频频喝彩",
    "与三家合作企业签订订单班培养协议，共建产业学院，企业向优秀学生颁发了奖学金",
    "开放校史馆和实训基地，市民代表参观了汽车检测、烹饪、茶艺等十二个专业的教学成果",
    "开展“大国工匠进校园”宣讲，毕业生代表讲述了自己从学徒到技师的成长经历",
    "召开校企合作座谈会，来自行业协会的专家就人才培养方案提出了意见和建议",
];

/// Mails of about 500 characters, from units of `roster` in turn.
fn mails(roster: &Roster) -> Vec<Content> {
    let units = roster.units();
    (0..MAILS)
        .map(|n| {
            let unit = &units[n * 7 % units.len()].name;
            let day = 23 + n % 7;
            let mut text = format!("{unit}职业教育活动周信息\n5月{day}日上午，");
            let mut at = n;
            while text.chars().count() < 480 {
                write!(
                    text,
                    "{}，共{}人参加。",
                    DEEDS[at % DEEDS.len()],
                    20 + n % 500
                )
                .unwrap();
                at += 3;
            }
            write!(text, "\n{unit}\n2022年5月{day}日").unwrap();
            Content {
                subject: format!("{unit}5月{day}日活动信息"),
                from: Some(Address {
                    name: String::new(),
                    address: format!("clerk{n}@qq.com"),
                }),
                text,
                ..Content::default()
            }
        })
        .collect()
}

/// 3,000 units: 300 invented cities, nine colleges each.
fn nation() -> Roster {
    const FIRST: &str = "安宝昌德丰甘广海汉合和衡华淮吉江金景静";
    const SECOND: &str = "州阳城山江川平宁原泉林岭化昌安远";
    const TRADES: [&str; 9] = [
        "铁道", "机电", "卫生", "农业", "财经", "艺术", "信息", "建筑", "旅游",
    ];
    let names = FIRST
        .chars()
        .flat_map(|a| SECOND.chars().map(move |b| format!("{a}{b}")));
    let mut toml = String::new();
    let mut colleges = String::new();
    for (n, city) in names.enumerate().take(300) {
        writeln!(toml, "[[city]]\nname = \"{city}市教育局\"\ncity = \"{city}市\"\nshort_names = [\"{city}\"]\ndistricts = [\"第{n}区\"]").unwrap();
        for trade in TRADES {
            writeln!(colleges, "[[college]]\nname = \"{city}{trade}职业技术学院\"\ncity = \"{city}市\"\naliases = [\"{city}{trade}职院\"]").unwrap();
        }
    }
    Roster::parse(&(toml + &colleges)).expect("the made-up roster is sound")
}

fn judging(bencher: Bencher, roster: Roster) {
    let mails = mails(&roster);
    let judge = Judge::new(roster, Campaign::default());
    let arrived = NaiveDate::from_ymd_opt(2022, 5, 30)
        .and_then(|day| day.and_hms_opt(9, 0, 0))
        .map(in_china)
        .unwrap();
    let reports = mails.iter().filter(|mail| {
        judge.judge(mail, arrived, &Past::none()).unwrap().outcome == Outcome::Reports
    });
    assert_eq!(
        reports.count(),
        MAILS,
        "every mail of the bench is a report"
    );
    bencher.counter(ItemsCount::new(MAILS)).bench_local(|| {
        for mail in &mails {
            divan::black_box(judge.judge(mail, arrived, &Past::none()).unwrap());
        }
    });
}

#[divan::bench]
fn liaoning_66_units(bencher: Bencher) {
    judging(bencher, Roster::default());
}

#[divan::bench]
fn nation_3000_units(bencher: Bencher) {
    let nation = nation();
    assert_eq!(nation.units().len(), 3_000);
    judging(bencher, nation);
}

fn main() {
    divan::main();
}
