//! Judgement: the sample mails against their labels, and cases of our own for each rule of the notice.

mod support;

use baosong::attribution::{Earlier, Judge, Kind, Outcome, Past, Sketch, Verdict};
use baosong::campaign::{Campaign, Moment};
use baosong::config::Config;
use baosong::daemon::Daemon;
use baosong::message::{Address, Content, File, Inner, Media, Nesting, Reading};
use baosong::roster::Roster;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use support::mail::may;

/// A mail of which only what matters is said.
fn mail(subject: &str, text: &str) -> Content {
    Content {
        subject: subject.into(),
        text: text.into(),
        from: Some(Address {
            name: String::new(),
            address: "someone@qq.com".into(),
        }),
        ..Content::default()
    }
}

fn file(name: &str, media: Media, reading: Reading) -> File {
    File {
        name: name.into(),
        folder: String::new(),
        archive: None,
        media,
        sha256: name.into(),
        bytes: 30_000,
        taken_at: None,
        details: None,
        repaired: false,
        decoration: false,
        reading,
    }
}

trait With {
    fn document(self, name: &str, text: &str) -> Self;
    fn photo(self, name: &str) -> Self;
    fn from(self, name: &str, address: &str) -> Self;
}

impl With for Content {
    fn document(mut self, name: &str, text: &str) -> Self {
        self.files
            .push(file(name, Media::Document, Reading::Text(text.into())));
        self
    }

    fn photo(mut self, name: &str) -> Self {
        self.files.push(file(name, Media::Photo, Reading::None));
        self
    }

    fn from(mut self, name: &str, address: &str) -> Self {
        self.from = Some(Address {
            name: name.into(),
            address: address.into(),
        });
        self
    }
}

fn judge_with(content: &Content, arrived: Moment, past: &Past) -> Verdict {
    Judge::new(Roster::default(), Campaign::default())
        .judge(content, arrived, past)
        .unwrap()
}

fn judge(content: &Content, arrived: Moment) -> Verdict {
    judge_with(content, arrived, &Past::none())
}

/// `unit kind days`, one a submission, or the outcome.
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
        format!("{} {:?} {}", s.unit, s.kind, days.join("+"))
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

const TALE: &str = "学校在实训中心举办技能展示，三百多名师生、家长和市民参加，学生现场演示焊接、烹饪和护理操作，企业技师逐一点评。";

#[test]
fn the_unit_is_the_one_that_reports() {
    let cases = [
        (
            "大连职业技术学院5月24日活动信息",
            "",
            "大连职业技术学院 Daily 5.24",
        ),
        ("大连市5月24日活动信息", "", "大连市教育局 Daily 5.24"),
        (
            "沈阳航空职业技术学院5月24日",
            "",
            "沈阳航空职业技术学院 Daily 5.24",
        ),
        ("沈职院5月24日信息", "", "沈阳职业技术学院 Daily 5.24"),
        ("辽宁职业学院5月24日信息", "", "辽宁职业学院 Daily 5.24"),
        (
            "辽宁轻工职业学院5月24日信息",
            "",
            "辽宁轻工职业学院 Daily 5.24",
        ),
        (
            "鞍山职业技术学院5月24日信息",
            "",
            "鞍山职业技术学院 Daily 5.24",
        ),
        ("马鞍山职业技术学院5月24日信息", "", "Review"),
        ("绥中县职教中心5月24日活动", "", "葫芦岛市教育局 Daily 5.24"),
        ("喀左县职教中心5月24日活动", "", "朝阳市教育局 Daily 5.24"),
        (
            "瓦房店市中等职业技术专业学校5月24日活动",
            "",
            "大连市教育局 Daily 5.24",
        ),
        ("铁西区职教中心5月24日活动", "", "Review"),
        (
            "铁西区职教中心5月24日活动",
            "鞍山市铁西区职业教育中心办公室",
            "鞍山市教育局 Daily 5.24",
        ),
        ("沈抚示范区5月24日活动", "", "Review"),
        ("职教中心5月24日活动", "", "Review"),
        ("沈阳工学院5月24日活动信息", "", "Review"),
        ("抚顺市技师学院5月24日活动", "", "抚顺市教育局 Daily 5.24"),
        (
            "大连航运职业技术学校5月24日活动",
            "大连航运职业技术学校办公室",
            "大连市教育局 Daily 5.24",
        ),
        (
            "大连航运职业技术学校5月24日活动",
            "大连航运职业技术学院宣传部",
            "大连航运职业技术学院 Daily 5.24",
        ),
        (
            "沈阳市职业教育活动周启动仪式在沈阳职业技术学院举行（5月23日）",
            "沈阳市教育局职成处",
            "沈阳市教育局 Daily 5.23",
        ),
        (
            "５月２４日活动信息（辽宁　石化　职业技术学院）",
            "",
            "辽宁石化职业技术学院 Daily 5.24",
        ),
        (
            "原辽宁卫生职业技术学院5月24日信息",
            "辽宁医药职业学院宣传部",
            "辽宁医药职业学院 Daily 5.24",
        ),
        (
            "交专5月24日活动信息",
            "",
            "辽宁省交通高等专科学校 Daily 5.24",
        ),
        ("渤海船舶职业学院5月24日", "", "渤海船舶职业学院 Daily 5.24"),
        ("阜新高专5月24日动态", "", "阜新高等专科学校 Daily 5.24"),
        ("清河门区教育局5月24日活动", "", "阜新市教育局 Daily 5.24"),
        (
            "沈阳职业技术学院、辽宁金融职业学院5月24日联合活动",
            "",
            "Review",
        ),
    ];
    for (subject, signature, want) in cases {
        let text = format!("活动丰富多彩\n{TALE}\n{signature}");
        assert_eq!(
            said(&judge(&mail(subject, &text), may(25, 8, 0))),
            want,
            "{subject} {signature}"
        );
    }
}

#[test]
fn counties_and_districts_lead_to_their_city() {
    let counties = [
        ("沈阳市", "新民市 法库县 康平县 辽中区 于洪区 浑南区"),
        ("大连市", "庄河市 普兰店区 长海县 旅顺口区 甘井子区"),
        ("鞍山市", "海城市 岫岩县 台安县 岫岩满族自治县"),
        ("抚顺市", "清原县 新宾县 抚顺县 新宾满族自治县"),
        ("本溪市", "桓仁县 本溪满族自治县 溪湖区"),
        ("丹东市", "凤城市 东港市 宽甸县 振兴区"),
        ("锦州市", "黑山县 凌海市 义县 北镇市"),
        ("营口市", "大石桥市 盖州市 鲅鱼圈区"),
        ("阜新市", "彰武县 阜蒙县 阜新蒙古族自治县"),
        ("辽阳市", "灯塔市 辽阳县 弓长岭区"),
        ("盘锦市", "盘山县 大洼区 兴隆台区"),
        ("铁岭市", "昌图县 开原市 调兵山市 西丰县"),
        ("朝阳市", "北票市 凌源市 建平县 喀左县"),
        ("葫芦岛市", "兴城市 绥中县 建昌县 连山区 南票区"),
    ];
    for (city, counties) in counties {
        for county in counties.split(' ') {
            let subject = format!("{county}职业教育中心5月24日活动信息");
            let text = format!("技能点亮人生\n{TALE}\n{county}职业教育中心");
            let got = said(&judge(&mail(&subject, &text), may(25, 8, 0)));
            assert_eq!(got, format!("{city}教育局 Daily 5.24"), "{county}");
        }
    }
}

/// One place each names the unit, and nothing else does; `Review` where that is too little.
#[test]
fn a_unit_is_found_wherever_it_is_named() {
    let tale = format!("技能点亮人生\n{TALE}");
    let cases = [
        (
            mail("遼寧冶金職業技術學院5月24日活動信息", &tale),
            "辽宁冶金职业技术学院",
        ),
        (
            mail(
                "5月24日活动信息",
                &format!("遼寧冶金職業技術學院活動紀實\n{TALE}"),
            ),
            "辽宁冶金职业技术学院",
        ),
        (
            mail(
                "5月24日活动信息",
                &format!("{tale}\n辽宁冶金职业技术学院\n2022年5月25日"),
            ),
            "辽宁冶金职业技术学院",
        ),
        (
            mail(
                "5月24日活动信息",
                &format!("{tale}\n报送单位：辽宁冶金职业技术学院"),
            ),
            "辽宁冶金职业技术学院",
        ),
        (
            mail("5月24日活动信息", "").document("辽宁冶金职业技术学院5月24日.docx", &tale),
            "辽宁冶金职业技术学院",
        ),
        (
            mail("5月24日活动信息", "见附件")
                .document("信息.docx", &format!("辽宁冶金职业技术学院文件\n{tale}")),
            "辽宁冶金职业技术学院",
        ),
        (
            mail("5月24日活动信息", &tale).from("辽宁冶金职业技术学院", "a@qq.com"),
            "辽宁冶金职业技术学院",
        ),
        (
            mail("辽 宁 冶 金 职 业 技 术 学 院 5月24日", &tale),
            "辽宁冶金职业技术学院",
        ),
        (
            mail("辽冶职院5月24日活动信息", &format!("{tale}\n辽宁冶金职院")),
            "辽宁冶金职业技术学院",
        ),
        (
            mail(
                "辽宁冶金职业技木学院5月24日活动",
                &format!("{tale}\n辽宁冶金职院宣传部"),
            ),
            "辽宁冶金职业技术学院",
        ),
        (
            mail("锦州师范高等专科学校5月24日活动", &tale),
            "锦州师范高等专科学校",
        ),
        (
            mail("锦州市5月24日活动", &format!("{tale}\n锦州市教育局")),
            "锦州市教育局",
        ),
        (
            mail("铁岭卫生职业学院5月24日活动", &tale),
            "铁岭卫生职业学院",
        ),
        (
            mail("大连装备制造职业技术学院5月24日活动", &tale),
            "大连装备制造职业技术学院",
        ),
        (
            mail("辽宁装备制造职业技术学院5月24日活动", &tale),
            "辽宁装备制造职业技术学院",
        ),
        (
            mail("辽宁理工职业大学5月24日活动", &tale),
            "辽宁理工职业大学",
        ),
        (
            mail(
                "5月24日活动信息",
                &format!("{tale}\n5月24日，沈阳职业技术学院一行来校交流。\n辽宁冶金职业技术学院"),
            ),
            "辽宁冶金职业技术学院",
        ),
        (
            mail(
                "辽宁冶金职业技术学院与大连职业技术学院开展共建（5月24日）",
                &format!("{tale}\n辽宁冶金职业技术学院宣传部"),
            ),
            "辽宁冶金职业技术学院",
        ),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(mail, unit)| {
            let got = said(&judge(mail, may(25, 8, 0)));
            (got != format!("{unit} Daily 5.24"))
                .then(|| format!("{} / {}: {got}, not {unit}", mail.subject, mail.text))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let nobody = [
        mail("5月24日活动信息", &tale),
        mail("5月24日活动信息", &format!("{tale}\n辽宁省某职业学院")),
        mail("沈阳师范大学5月24日活动信息", &tale),
        mail("辽阳石化职业学校、辽阳职业技术学院5月24日联合活动", &tale),
    ];
    for mail in nobody {
        assert_eq!(
            said(&judge(&mail, may(25, 8, 0))),
            "Review",
            "{}",
            mail.subject
        );
    }
}

#[test]
fn guests_and_places_in_the_text_are_no_authors() {
    let cases = [
        (
            "5月24日，辽宁机电职业技术学院迎来丹东市教育局、东港市教育局组织的参观团，学生演示了机器人操作，三百名师生参加。",
            "辽宁机电职业技术学院",
        ),
        (
            "5月24日，丹东市教育局在辽宁机电职业技术学院举行活动周启动仪式，三百名师生参加，学生演示了机器人操作。\n丹东市教育局",
            "丹东市教育局",
        ),
        (
            "5月24日，辽宁工程职业学院邀请辽宁工程技术大学教授作讲座，铁岭市应急管理局派员观摩，三百名师生参加活动。",
            "辽宁工程职业学院",
        ),
    ];
    for (text, unit) in cases {
        let verdict = judge(
            &mail("活动周信息", &format!("技能点亮人生\n{text}")),
            may(25, 8, 0),
        );
        assert_eq!(said(&verdict), format!("{unit} Daily 5.24"), "{text}");
    }
}

#[test]
fn days_are_read_in_every_form_and_told_from_others() {
    let unit = "大连软件职业学院";
    let cases = [
        ("活动信息", "5月24日上午，", may(25, 8, 0), "5.24"),
        ("5.24活动信息", "", may(25, 8, 0), "5.24"),
        ("0524活动信息", "", may(25, 8, 0), "5.24"),
        ("二十四日活动", "", may(25, 8, 0), "5.24"),
        ("24、25日活动信息", "", may(26, 8, 0), "5.24+5.25"),
        ("5月24日至26日活动信息", "", may(27, 8, 0), "5.24+5.25+5.26"),
        ("活动信息", "昨天下午，", may(25, 8, 0), "5.24"),
        ("活动信息", "今天下午，", may(24, 18, 0), "5.24"),
        ("活动信息", "今天下午，", may(25, 0, 20), "5.24"),
        ("活动信息", "星期二上午，", may(25, 8, 0), "5.24"),
        ("活动周第二天", "", may(25, 8, 0), "5.24"),
        ("2021年5月24日活动信息", "", may(25, 8, 0), "5.24"),
        ("25日报送：活动信息", "5月24日，", may(25, 8, 0), "5.24"),
        (
            "活动信息",
            "自5月23日活动周启动以来，学校天天有活动。24日，",
            may(25, 8, 0),
            "5.24",
        ),
        (
            "活动信息（辽教办〔2022〕97号）",
            "5月24日，",
            may(25, 8, 0),
            "5.24",
        ),
        ("活动信息", "", may(25, 8, 0), "5.24"),
        ("活动信息", "", may(25, 11, 0), "5.25"),
        ("活动周预热：5月22日", "", may(22, 20, 0), "5.22"),
        ("迟报：5月24日活动信息", "今日补报，", may(27, 8, 0), "5.24"),
    ];
    for (subject, opening, arrived, want) in cases {
        let text = format!("技能点亮人生\n{opening}{TALE}明天还将举行讲座。\n{unit}宣传部");
        assert_eq!(
            said(&judge(&mail(subject, &text), arrived)),
            format!("{unit} Daily {want}"),
            "{subject} {opening}"
        );
    }
}

/// The whole text matters here: subject, text, arrival, and the days that a careful person would write down.
#[test]
fn days_are_told_from_every_other_date_in_a_report() {
    let unit = "大连软件职业学院";
    let text = |own: &str| format!("{own}{TALE}\n{unit}宣传部");
    let cases = [
        (
            "大连软件职业学院活动周信息",
            text("技能点亮人生\n本网讯（5月25日报道）5月24日上午，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("大连软件职业学院    2022年5月25日\n技能点亮人生\n5月24日，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周简报",
            text("活动周简报（第2期）2022年5月25日\n5月24日，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n5月24日，") + "\n2022年5月25日",
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n周二，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n本周二（24日），"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n5·24，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "20220524活动周信息",
            text("技能点亮人生\n"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "2022.5.24活动周信息",
            text("技能点亮人生\n"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "2022/05/24活动周信息",
            text("技能点亮人生\n"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "05-24活动周信息",
            text("技能点亮人生\n"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "五月二十四日活动周信息",
            text("技能点亮人生\n"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周第四日信息",
            text("技能点亮人生\n"),
            may(27, 8, 0),
            "5.26",
        ),
        (
            "活动周Day3信息",
            text("技能点亮人生\n"),
            may(26, 8, 0),
            "5.25",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n根据《通知》（辽教函〔2022〕128号）要求，5月24日，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n请于5月25日前报名。5月24日，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n活动周5月23日至29日举行。5月24日，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n5月26日学校将举行家长开放日。5月24日，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n学校自5月10日起筹备。5月24日，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n5月24日上午9:00至11:30，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "5月24日和5月25日活动信息",
            text("技能点亮人生\n"),
            may(26, 9, 0),
            "5.24+5.25",
        ),
        (
            "5月24-25日活动信息",
            text("技能点亮人生\n"),
            may(26, 9, 0),
            "5.24+5.25",
        ),
        (
            "5月24日—25日活动信息",
            text("技能点亮人生\n"),
            may(26, 9, 0),
            "5.24+5.25",
        ),
        (
            "5.24-5.26活动信息",
            text("技能点亮人生\n"),
            may(27, 9, 0),
            "5.24+5.25+5.26",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n5月23日、24日两天，"),
            may(25, 9, 0),
            "5.23+5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n前天下午，"),
            may(26, 9, 0),
            "5.24",
        ),
        (
            "补报前天的活动",
            text("技能点亮人生\n"),
            may(26, 9, 0),
            "5.24",
        ),
        (
            "昨日活动信息",
            text("技能点亮人生\n"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "今日活动信息",
            text("技能点亮人生\n"),
            may(24, 17, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n学校成立于1958年5月20日。5月24日，"),
            may(25, 9, 0),
            "5.24",
        ),
        (
            "活动周信息",
            text("技能点亮人生\n活动周开幕当日，"),
            may(24, 9, 0),
            "5.23",
        ),
        (
            "活动周首日信息",
            text("技能点亮人生\n"),
            may(24, 9, 0),
            "5.23",
        ),
        (
            "活动周最后一天信息",
            text("技能点亮人生\n"),
            may(30, 9, 0),
            "5.29",
        ),
        (
            "活动周收官日信息",
            text("技能点亮人生\n"),
            may(30, 9, 0),
            "5.29",
        ),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(subject, text, arrived, want)| {
            let got = said(&judge(&mail(subject, text), *arrived));
            let start: String = text.chars().take(40).collect();
            (got != format!("{unit} Daily {want}"))
                .then(|| format!("{subject} | {start}: {got}, not {want}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_day_that_rests_on_the_arrival_alone_says_so_and_never_leaves_the_week() {
    let text = format!("技能点亮人生\n{TALE}\n大连软件职业学院宣传部");
    let inside = judge(&mail("活动信息", &text), may(25, 8, 0));
    assert!(inside.submissions[0].day_inferred);
    assert_eq!(
        said(&judge(&mail("活动信息", &text), may(12, 11, 0))),
        "Review"
    );
    let named = judge(&mail("5月24日活动信息", &text), may(25, 8, 0));
    assert!(!named.submissions[0].day_inferred);
}

#[test]
fn kinds_are_told_by_name_and_title() {
    let unit = "辽宁金融职业学院";
    let plan = "为展示办学成果，制定本方案。一、时间：5月23日至29日。二、内容：启动仪式、技能展示、志愿服务。三、要求：各系部认真组织。";
    let cases = [
        ("活动周实施方案.docx", plan, "Plan"),
        (
            "活动周总结.docx",
            "一周以来，学院共开展活动24场，参与师生五千余人次，取得良好效果，现将情况总结如下。",
            "Summary",
        ),
        (
            "情况统计表.xlsx",
            "单位\t场次\t参与人次\n辽宁金融职业学院\t17\t5860\n合计\t17\t5860，填表人赵老师",
            "Statistics",
        ),
        (
            "典型案例.docx",
            "一、实施背景。过去课堂与岗位脱节。二、主要做法。共建活页工卡，教师下企业。三、成效。就业率提高。",
            "Case",
        ),
    ];
    for (name, text, kind) in cases {
        let content = mail("报送材料", &format!("请查收。{unit}")).document(name, text);
        assert_eq!(
            said(&judge(&content, may(25, 8, 0))),
            format!("{unit} {kind}"),
            "{name}"
        );
    }
}

#[test]
fn each_document_that_holds_a_report_is_one_submission() {
    let unit = "辽宁金融职业学院";
    let two = mail(&format!("{unit}24、25日信息"), "请查收")
        .document("5月24日点钞赛.docx", &format!("点钞赛\n{TALE}"))
        .document("5月25日讲座.docx", "理财讲座\n银行专家走进课堂，为二百名学生讲解反诈知识，现场发放手册，气氛热烈，大家踊跃提问。")
        .document("照片说明.docx", "图1 点钞赛现场；图2 选手领奖；图3 讲座现场；图4 师生合影留念；图5 颁奖仪式。")
        .photo("1.jpg");
    let verdict = judge(&two, may(26, 8, 0));
    assert_eq!(
        said(&verdict),
        format!("{unit} Daily 5.24 / {unit} Daily 5.25")
    );
    let twice = mail(&format!("{unit}5月24日信息"), "请查收")
        .document("信息.docx", &format!("点钞赛\n{TALE}"))
        .document("信息.txt", &format!("点钞赛\n{TALE}"));
    assert_eq!(judge(&twice, may(25, 8, 0)).submissions.len(), 1);
}

#[test]
fn photos_alone_are_a_supplement_and_count_nothing() {
    let content = mail("辽宁金融职业学院5月24日照片", "图2、图3")
        .photo("2.jpg")
        .photo("3.jpg");
    let verdict = judge(&content, may(25, 8, 0));
    assert_eq!(said(&verdict), "辽宁金融职业学院 Supplement 5.24");
    assert_eq!(verdict.submissions[0].files, [0, 1]);
}

#[test]
fn what_is_no_report_is_set_aside() {
    let cases = [
        (
            "自动回复：5月24日活动信息",
            "您好，我正在休假，将尽快回复您。",
        ),
        (
            "请教：日报格式",
            "老师好，请问照片有大小要求吗？视频要横版吗？沈阳市教育局 王老师",
        ),
        ("Re: 活动信息", "谢谢老师，辛苦了！"),
        (
            "活动周联系人",
            "我市联系人：王老师，请拉进QQ群。沈阳市教育局",
        ),
        (
            "展板制作8折",
            "我公司为沈阳职业技术学院制作过展板，优惠报价，280元起，加微信看样片，退订回T",
        ),
        (
            "邀请函：职业教育研讨会",
            "诚邀沈阳市教育局参会，会议时间5月24日，地点沈阳。",
        ),
        (
            "求职简历",
            "本人毕业于辽宁金融职业学院，应聘会计岗位，请查阅，谢谢。",
        ),
        (
            "致活动周组委会的感谢信",
            "5月25日我院活动得到简报刊发，谨表衷心感谢！辽宁农业职业技术学院",
        ),
    ];
    for (subject, text) in cases {
        assert_eq!(
            said(&judge(&mail(subject, text), may(25, 8, 0))),
            "NotReport",
            "{subject}"
        );
    }
}

#[test]
fn noise_comes_in_many_dresses() {
    let noise = [
        (
            "自动答复: 沈阳市教育局5月24日活动信息",
            "邮件已收到，祝工作顺利。",
        ),
        (
            "系统退信",
            "很抱歉，您的邮件未能送达，退信原因：收件人不存在。",
        ),
        ("撤回邮件：沈阳市教育局活动信息", "对方希望撤回邮件。"),
        ("已读：活动周总结", "您的邮件已于5月25日阅读。"),
        (
            "【中奖通知】恭喜您",
            "您已被抽中为幸运用户，请点击链接领取奖金，并提供银行卡号与验证码。",
        ),
        (
            "代开发票 13800000000",
            "本公司可代开各类发票，税点优惠，微信同号，联系张经理。",
        ),
        (
            "邮箱升级通知",
            "您的邮箱容量即将用尽，请点击下方链接登录验证账号密码，逾期邮箱将停用。",
        ),
        (
            "活动周宣传片拍摄报价",
            "我公司专业拍摄宣传片，承接职业院校活动，报价优惠，欢迎来电咨询，免费样片。",
        ),
        (
            "关于活动周材料报送的疑问",
            "您好，请问总结什么时候交？统计表有模板吗？",
        ),
        (
            "咨询",
            "请问视频大小有限制吗？沈阳市教育局 李老师 024-12345678",
        ),
        ("回复：收到", "收到，谢谢！"),
        ("Re: 提醒：请报送日报", "好的，收到，马上安排。"),
        (
            "联系人信息",
            "单位：辽宁金融职业学院 联系人：赵老师 电话：024-12345678 QQ：123456",
        ),
        (
            "申请入群",
            "辽宁金融职业学院 赵老师，申请加入活动周QQ群，请通过。",
        ),
    ];
    let wrong: Vec<String> = noise
        .iter()
        .map(|(subject, text)| (subject, said(&judge(&mail(subject, text), may(25, 8, 0)))))
        .filter(|(_, got)| got != "NotReport")
        .map(|(subject, got)| format!("{subject}: {got}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn kinds_are_told_in_many_words() {
    let unit = "辽宁金融职业学院";
    let cases = [
        (
            "关于报送活动周实施方案的函",
            "活动周实施方案\n为做好2022年职业教育活动周工作，特制定本方案。一、活动时间5月23日至29日。二、活动安排：启动仪式、技能展示。三、工作要求。",
            may(9, 9, 0),
            "Plan",
        ),
        (
            "活动周工作计划",
            "活动周工作计划\n我院将于5月23日至29日举办开放日、技能竞赛等活动，现将安排如下：一、组织领导。二、活动安排。",
            may(9, 9, 0),
            "Plan",
        ),
        (
            "活动周工作总结",
            "活动周工作总结\n2022年活动周期间，我院共开展活动12场，参与师生三千余人次。一、主要做法。二、成效。三、不足与打算。",
            may(30, 9, 0),
            "Summary",
        ),
        (
            "活动周总体情况报告",
            "活动周情况总结\n一周来，我院围绕主题开展了系列活动，举办启动仪式、技能竞赛、校园开放日等十二场，累计参与师生和市民三千余人次，各级媒体刊发报道九篇，现总结如下。",
            may(30, 9, 0),
            "Summary",
        ),
        (
            "典型案例报送",
            "校企共育工匠 典型案例\n一、背景。课堂与岗位脱节。二、做法。共建活页工卡。三、成效。学生技能明显提升，就业率提高到98%，企业技师常年驻校授课。四、经验与启示。校企同频，学生受益。",
            may(28, 9, 0),
            "Case",
        ),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(subject, text, arrived, want)| {
            let text = format!("{text}\n{unit}");
            let got = said(&judge(&mail(subject, &text), *arrived));
            (got != format!("{unit} {want}")).then(|| format!("{subject}: {got}, not {want}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_report_with_words_of_commerce_or_fraud_is_a_report() {
    let cases = [
        "5月24日，辽宁金融职业学院举办反诈讲座，民警提醒学生不泄露身份证号、银行卡号，不轻信领取补贴的短信，现场三百名师生参加。",
        "5月24日，辽宁金融职业学院举行校园招聘会，四十家企业带来优惠政策，一百名学生与客户经理签约，参加证书认证体验。",
    ];
    for text in cases {
        let content = mail(
            "辽宁金融职业学院5月24日校园招聘会和讲座",
            &format!("技能点亮人生\n{text}"),
        )
        .photo("1.jpg");
        assert_eq!(
            said(&judge(&content, may(25, 8, 0))),
            "辽宁金融职业学院 Daily 5.24",
            "{text}"
        );
    }
}

#[test]
fn a_summary_that_contains_the_table_is_both() {
    let text = "辽宁金融职业学院2022年职业教育活动周总结\n一周以来共开展活动24场，成效显著，现将情况总结如下。\n附：情况统计表\n场次\t人次\n24\t5860";
    let content = mail("辽宁金融职业学院总结", "请查收").document("总结.docx", text);
    assert_eq!(
        said(&judge(&content, may(30, 8, 0))),
        "辽宁金融职业学院 Summary / 辽宁金融职业学院 Statistics"
    );
}

#[test]
fn a_blank_mail_and_a_locked_document_are_for_a_person() {
    assert_eq!(said(&judge(&mail("", ""), may(25, 8, 0))), "Review");
    let mut locked = mail("辽宁金融职业学院5月24日信息", "见附件");
    locked.files.push(file(
        "信息.docx",
        Media::Document,
        Reading::Failed("加密".into()),
    ));
    let verdict = judge(&locked, may(25, 8, 0));
    assert_eq!(
        (verdict.outcome, verdict.candidates),
        (Outcome::Review, vec!["辽宁金融职业学院".to_owned()])
    );
    assert!(verdict.reason.contains("加密"));
}

#[test]
fn who_passes_a_mail_on_is_not_its_author() {
    let mut content = mail(
        "Fw: 沈职院5月26日信息（代转）",
        "托我代转，原文在下面。\n\n宋老师\n辽宁装备制造职业技术学院 宣传部",
    )
    .from("辽装宋老师", "song@163.com");
    content.inner.push(Inner {
        nesting: Nesting::Forwarded,
        from: Some(Address {
            name: "王".into(),
            address: "w@vtcsy.com".into(),
        }),
        date: Some(may(26, 21, 0)),
        subject: Some("信息".into()),
        text: format!("工匠讲堂开讲\n今天下午，{TALE}\n沈阳职业技术学院党委宣传部"),
    });
    let verdict = judge(&content, may(27, 8, 20));
    assert_eq!(said(&verdict), "沈阳职业技术学院 Daily 5.26");
    assert!(
        !verdict.plainly_named,
        "the forwarder's address is not taken for the author's"
    );
}

#[test]
fn a_known_address_decides_only_where_the_content_names_no_unit() {
    let silent = mail("活动情况", &format!("技能点亮人生\n昨天上午，{TALE}"));
    let known = |units: &[&str]| Past {
        named_by_sender: units.iter().map(|u| (*u).to_owned()).collect(),
        ..Past::none()
    };
    let one = judge_with(&silent, may(25, 8, 0), &known(&["铁岭卫生职业学院"]));
    assert_eq!(said(&one), "铁岭卫生职业学院 Daily 5.24");
    assert!(!one.plainly_named, "an address is not taught by itself");
    let two = judge_with(
        &silent,
        may(25, 8, 0),
        &known(&["抚顺职业技术学院", "抚顺师范高等专科学校"]),
    );
    assert_eq!((said(&two).as_str(), two.candidates.len()), ("Review", 2));
    let other = mail(
        "辽宁金融职业学院5月24日信息",
        &format!("技能点亮人生\n{TALE}"),
    );
    let named = judge_with(&other, may(25, 8, 0), &known(&["铁岭卫生职业学院"]));
    assert_eq!(said(&named), "辽宁金融职业学院 Daily 5.24");
}

#[test]
fn a_corrected_text_repeats_the_earlier_and_a_second_report_does_not() {
    let unit = "辽宁金融职业学院";
    let earlier = |text: &str, day: u32| Earlier {
        id: 7,
        unit: unit.into(),
        kind: Kind::Daily,
        days: vec![may(day, 0, 0).date_naive()],
        arrived: may(25, 8, 0),
        sketch: Sketch::of(text),
    };
    let first = format!("点钞赛\n{TALE}");
    let repeats = |subject: &str, text: &str, day: u32| {
        let of_unit = |_: &str| Ok(vec![earlier(&first, day)]);
        let past = Past {
            of_unit: &of_unit,
            ..Past::none()
        };
        judge_with(
            &mail(
                &format!("{unit}5月24日{subject}"),
                &format!("{text}\n{unit}"),
            ),
            may(25, 9, 0),
            &past,
        )
        .submissions[0]
            .repeats
    };
    assert_eq!(
        repeats("信息（更正）", &first.replace("三百", "二百"), 24),
        Some(7)
    );
    assert_eq!(repeats("信息（重发）", &first, 24), Some(7));
    let second = "讲座\n银行专家走进课堂，为二百名学生讲解反诈知识，现场发放手册，气氛热烈，大家踊跃提问，学生代表发言。";
    assert_eq!(repeats("信息二", second, 24), None);
    assert_eq!(
        repeats("信息", &first, 23),
        None,
        "the same words of another day are another report"
    );
}

#[test]
fn a_verdict_says_what_was_seen_and_where() {
    let verdict = judge(
        &mail(
            "辽宁金融职业学院5月24日信息",
            &format!("技能点亮人生\n{TALE}"),
        ),
        may(25, 8, 0),
    );
    let evidence = &verdict.submissions[0].evidence;
    let seen = |rule: &str, place: &str, seen: &str| {
        evidence
            .iter()
            .any(|e| e.rule == rule && e.place == place && e.seen == seen)
    };
    assert!(seen("full_name", "subject", "辽宁金融职业学院"));
    assert!(seen("full_date", "subject", "5月24日"));
}

/// Figures of the sample mails; `examples/campaign/labels.jsonl` says what a careful person makes of each.
#[test]
fn the_sample_mails_are_judged_as_a_careful_person_would() {
    let dir = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaign");
    let mut daemon = Daemon::open(Config::default(), dir.path()).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    daemon.import(std::slice::from_ref(&samples)).unwrap();
    let by_name: HashMap<String, _> = daemon
        .store
        .mails(None)
        .unwrap()
        .into_iter()
        .map(|mail| (mail.source.clone(), mail))
        .collect();
    let labels = std::fs::read_to_string(samples.join("labels.jsonl")).unwrap();
    let (mut exact, mut all, mut guessed, mut taken) = (0, 0, 0, 0);
    for label in labels
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
    {
        let mail = &by_name[&format!("{}.eml", label["id"].as_str().unwrap())];
        let rows = daemon.store.submissions_of(mail.id.unwrap()).unwrap();
        let mut got: Vec<String> = rows
            .iter()
            .map(|r| format!("{:?} {} {:?}", r.fact.kind, r.fact.unit, r.fact.days))
            .collect();
        let mut want: Vec<String> = label["reports"]
            .as_array()
            .unwrap()
            .iter()
            .map(wanted)
            .collect();
        got.sort();
        want.sort();
        let reports = mail.outcome == Some(Outcome::Reports);
        match label["outcome"].as_str().unwrap() {
            "reports" => {
                all += 1;
                exact += u32::from(reports && got == want);
            }
            "review" => guessed += u32::from(reports),
            _ => taken += u32::from(reports),
        }
    }
    assert_eq!(
        (guessed, taken),
        (0, 0),
        "guessed what a person should decide, took noise for reports"
    );
    assert!(
        exact + 1 >= all,
        "{exact} of {all} exactly right; only the PDF may be left to a person"
    );
}

fn wanted(report: &Value) -> String {
    let kind: Kind = serde_json::from_value(report["kind"].clone()).unwrap();
    let days: Vec<chrono::NaiveDate> = serde_json::from_value(report["days"].clone()).unwrap();
    format!("{kind:?} {} {days:?}", report["unit"].as_str().unwrap())
}
