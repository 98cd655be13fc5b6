//! Small fixed facts that the tests compose letters from.

use crate::attribution::Kind;
use crate::campaign::{Campaign, Moment, in_china};
use crate::message::{Link, LinkKind};
use crate::outgoing::*;
use crate::roster::{Roster, UnitKind};
use crate::standing::{Doubt, Standing, closing, owing, standings};
use crate::store::Fact;
use chrono::NaiveDate;

pub const STAFF: &str = "office@example.com";

pub fn at(month: u32, day: u32, hour: u32, minute: u32) -> Moment {
    let day = NaiveDate::from_ymd_opt(2022, month, day).unwrap();
    in_china(day.and_hms_opt(hour, minute, 0).unwrap())
}

/// Three units of each kind, so that a golden file can be read.
pub fn few() -> Roster {
    let all = Roster::default();
    let names = |kind| all.units().iter().filter(move |u| u.kind == kind).take(3);
    let table = |unit: &crate::roster::Unit, kind| {
        format!(
            "[[{kind}]]\nname = \"{}\"\ncity = \"{}\"\n",
            unit.name, unit.city
        )
    };
    let cities = names(UnitKind::City).map(|u| table(u, "city"));
    let colleges = names(UnitKind::College).map(|u| table(u, "college"));
    Roster::parse(&cities.chain(colleges).collect::<String>()).unwrap()
}

pub fn fact(id: i64, unit: &str, kind: Kind, day: Option<u32>, arrived: Moment) -> Fact {
    let day = day.and_then(|day| NaiveDate::from_ymd_opt(2022, 5, day));
    Fact {
        id,
        mail: id,
        unit: unit.into(),
        kind,
        days: day.into_iter().collect(),
        arrived,
        repeats: None,
    }
}

/// The first city delivers all, the first college half, the others little or nothing.
pub fn facts(roster: &Roster) -> Vec<Fact> {
    let unit = |n: usize| roster.units()[n].name.as_str();
    vec![
        fact(1, unit(0), Kind::Plan, None, at(5, 9, 15, 0)),
        fact(2, unit(1), Kind::Plan, None, at(5, 10, 17, 30)),
        fact(3, unit(3), Kind::Plan, None, at(5, 10, 9, 0)),
        fact(4, unit(0), Kind::Daily, Some(23), at(5, 24, 8, 12)),
        fact(5, unit(3), Kind::Daily, Some(23), at(5, 24, 10, 20)),
        fact(6, unit(0), Kind::Daily, Some(24), at(5, 25, 8, 30)),
        fact(7, unit(0), Kind::Case, None, at(5, 25, 8, 31)),
        fact(8, unit(4), Kind::Daily, Some(24), at(5, 25, 9, 1)),
        fact(12, unit(1), Kind::Daily, Some(25), at(5, 26, 9, 50)),
        fact(9, unit(0), Kind::Summary, None, at(5, 30, 9, 0)),
        fact(10, unit(0), Kind::Statistics, None, at(5, 30, 9, 0)),
        fact(11, unit(3), Kind::Summary, None, at(5, 30, 20, 0)),
    ]
}

pub fn report(number: i64, unit: &str, title: &str) -> ReportLine {
    ReportLine {
        number: number.to_string(),
        notes: Vec::new(),
        breaks: Vec::new(),
        pictures: Vec::new(),
        starred: false,
        unit: unit.into(),
        kind: Kind::Daily,
        days: vec![NaiveDate::from_ymd_opt(2022, 5, 24).unwrap()],
        arrived: at(5, 25, 8, 30),
        on_time: Some(true),
        title: title.into(),
        lines: vec![
            "5月24日，“技能让生活更美好”主题活动在市职教中心举行，300余名师生参加。".into(),
            "活动设专业展示、技能体验、校企签约三个环节。".into(),
        ],
        files: vec![
            "活动信息.docx".into(),
            "照片1.jpg".into(),
            "照片2.jpg".into(),
        ],
        media: MediaCounts {
            photos: 2,
            documents: 1,
            ..MediaCounts::default()
        },
        links: Vec::new(),
        repeats: false,
        day_inferred: false,
    }
}

/// A picture of one pixel.
pub fn picture(number: i64) -> Picture {
    Picture {
        name: format!("p{number}-1.jpg"),
        alt: "照片：照片1.jpg".into(),
        width: 120,
        bytes: vec![0xff, 0xd8, 0xff, 0xd9],
    }
}

/// Totals of the sample's facts, a summary that lacks something and a table that does not add up.
pub fn closed(standings: &[Standing], campaign: &Campaign) -> ClosingFacts {
    ClosingFacts {
        totals: closing(standings, &facts(&few()), campaign),
        photos: 86,
        videos: 4,
        lacking: vec![(standings[3].unit.clone(), vec!["存在问题", "照片"])],
        doubts: vec![Doubt {
            unit: standings[0].unit.clone(),
            column: "惠及人数".into(),
            cell: "约300".into(),
            why: "不是数字".into(),
        }],
    }
}

pub fn late_case(number: i64, unit: &str) -> ReportLine {
    ReportLine {
        on_time: Some(false),
        repeats: true,
        day_inferred: true,
        links: vec![Link {
            url: "https://mp.weixin.qq.com/s/abc?x=1&y=2".into(),
            provider: "微信公众号".into(),
            kind: LinkKind::Article,
            name: None,
            bytes: None,
            code: None,
            expires_at: None,
        }],
        notes: vec!["文字与丹东市教育局的“非遗进校园”（邮件12）相近".into()],
        ..report(number, unit, "“非遗进校园”公开课")
    }
}

pub fn review(number: i64) -> ReviewLine {
    ReviewLine {
        number: Some(number),
        subject: "职教活动周信息".into(),
        from: "teacher@example.com".into(),
        arrived: at(5, 25, 9, 40),
        reason: "正文与附件均未写明单位".into(),
        candidates: vec!["沈阳市教育局".into(), "鞍山市教育局".into()],
        files: vec!["活动简报.docx".into()],
    }
}

pub fn ledger() -> LedgerLine {
    LedgerLine {
        folder: "收件箱".into(),
        server: 15,
        reports: 10,
        not_report: 2,
        review: 2,
        unreadable: 1,
        unexplained: 0,
    }
}

pub fn quiet<'a>(
    campaign: &'a Campaign,
    standings: &'a [Standing],
    now: Moment,
) -> DigestFacts<'a> {
    DigestFacts {
        campaign,
        now,
        standings,
        before: &[],
        closing: None,
        news: Vec::new(),
        twice: Vec::new(),
        reports: Vec::new(),
        review: Vec::new(),
        unreadable: Vec::new(),
        set_aside: Vec::new(),
        letters: Vec::new(),
        telephone: Vec::new(),
        held: Vec::new(),
        links: Vec::new(),
        changes: Vec::new(),
        ledger: vec![ledger()],
        trouble: Vec::new(),
        last_poll: Some(now - chrono::TimeDelta::minutes(2)),
    }
}

pub fn busy<'a>(campaign: &'a Campaign, standings: &'a [Standing], now: Moment) -> DigestFacts<'a> {
    let unit = |n: usize| standings[n].unit.as_str();
    let letter = |n, sent, answer: &str| LetterLine {
        unit: unit(n).into(),
        sent,
        answer: answer.into(),
        at: at(5, 24, 11, 3),
    };
    let link = |n, expires_at| LinkLine {
        unit: unit(n).into(),
        provider: "网易超大附件".into(),
        url: "https://dl.example.com/f?id=1&k=2".into(),
        expires_at,
    };
    DigestFacts {
        news: vec![(Kind::Daily, false), (Kind::Daily, true)],
        twice: vec![TwiceLine {
            number: "8".into(),
            unit: unit(4).into(),
            notes: late_case(8, unit(4)).notes,
        }],
        reports: vec![
            ReportLine {
                pictures: vec![picture(6)],
                starred: true,
                ..report(6, unit(0), "技能展示进社区")
            },
            ReportLine {
                breaks: vec!["“照片1.jpg”长边640像素，小于1200像素".into()],
                ..late_case(8, unit(4))
            },
        ],
        review: vec![
            review(12),
            ReviewLine {
                subject: String::new(),
                ..review(13)
            },
        ],
        unreadable: vec![ReviewLine {
            reason: "附件已加密".into(),
            candidates: Vec::new(),
            ..review(14)
        }],
        set_aside: vec![AsideLine {
            subject: "自动回复：来信收到".into(),
            from: "auto@example.com".into(),
            reason: "自动回复".into(),
        }],
        letters: vec![letter(1, true, ""), letter(2, false, "发件服务器拒收")],
        telephone: vec![format!("{}（欠报送2份）", unit(2)), unit(5).into()],
        held: vec!["抚顺职业技术学院".into()],
        links: vec![link(0, None), link(4, Some(at(5, 27, 9, 0)))],
        changes: vec![ChangeLine {
            number: Some(1),
            target: "5".into(),
            subject: "活动信息".into(),
            change: "认定 鞍山市教育局 5.23".into(),
            by: STAFF.into(),
            at: at(5, 24, 14, 20),
            revoked: false,
        }],
        trouble: vec!["文件夹“病毒文件夹”无法打开".into()],
        ..quiet(campaign, standings, now)
    }
}

pub fn standings_at(now: Moment) -> Vec<Standing> {
    let roster = few();
    standings(&roster, &Campaign::default(), &facts(&roster), now)
}

pub fn reminder_at(unit: usize, now: Moment) -> Letter {
    let (roster, campaign) = (few(), Campaign::default());
    let standings = standings_at(now);
    let owing = owing(&standings[unit], &campaign, now);
    let facts = ReminderFacts {
        campaign: &campaign,
        unit: &roster.units()[unit],
        standing: &standings[unit],
        owing: &owing,
        now,
        mailbox_address: "lnzjhdz@163.com",
        contact: "张老师 024-00000000",
    };
    reminder(&Templates::default(), &facts, "unit@example.com").unwrap()
}

pub fn sender(name: &str) -> Sender<'_> {
    Sender {
        name,
        address: "lnzjhdz@163.com",
        reply_to: None,
    }
}
