//! What staff write into an answer to a digest: one instruction a line, in the words of an office.

use crate::attribution::{Kind, normal};
use crate::campaign::Campaign;
use crate::roster::Roster;
use chrono::{Datelike, NaiveDate};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Lines of one answer that are looked at.
const MOST_LINES: usize = 200;

/// One instruction. Numbers are as the digest prints them: `12` a mail, `12.2` its second submission.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Command {
    /// Whose report it is, of which days and kind; what is not said stays.
    Assign {
        target: String,
        unit: Option<String>,
        days: Option<Vec<NaiveDate>>,
        kind: Option<Kind>,
    },
    /// 不是报送.
    Ignore { target: String },
    /// 荐, or no more.
    Star { target: String, starred: bool },
    /// 已下载: the files behind its links were saved.
    Opened { target: String },
    /// 拆分.
    Split { target: String },
    /// 合并.
    Merge { one: String, other: String },
    /// 停: no reminders to a unit; to none at all where it is empty.
    Pause { unit: String },
    /// 恢复.
    Resume { unit: String },
    /// 查: how a unit stands.
    Show { unit: String },
    /// 撤销: takes a correction back.
    Revoke { correction: i64 },
}

/// A line of an answer, as written, and what it asks for or why that is not clear (in Chinese).
pub type Said = (String, Result<Vec<Command>, String>);

/// Reads the words that a person wrote above the quoted text; greetings and signatures are passed over.
pub fn commands(text: &str, roster: &Roster, campaign: &Campaign) -> Vec<Said> {
    let words = Words { roster, campaign };
    let lines = text.lines().map(str::trim);
    let before_signature = lines.take_while(|line| !is_signature(line));
    before_signature
        .flat_map(|line| line.split(['；', ';', '。']))
        .map(|line| (line.trim().to_owned(), normal(line).trim().to_owned()))
        .filter(|(_, line)| !line.is_empty() && !is_courtesy(line))
        .take(MOST_LINES)
        .map(|(said, line)| {
            let asked = words.read(&line);
            (said, asked)
        })
        .collect()
}

fn is_signature(line: &str) -> bool {
    let dashes = line.len() >= 2 && line.chars().all(|c| "-—_=*".contains(c));
    dashes
        || ["发自", "来自我的", "Sent from"]
            .iter()
            .any(|mark| line.starts_with(mark))
}

/// Words without an instruction in them, a telephone number or an address among them.
fn is_courtesy(line: &str) -> bool {
    static COURTESY: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^(?:(?:各位|老师|领导|同志|同事|你|您|大家|好的?|早上|上午|中午|下午|收到|已阅|已收|知道了|了|明白|非常|十分|多?谢谢?|感谢|辛苦了?|麻烦了?|请?按以下(?:更正|处理|修改)|更正如下|如下|请|以上|此致|敬礼|ok|OK)[,.!~:，、]*)+$|@|\d{3,4}-\d{7,8}|1[3-9]\d{9}",
        )
        .expect("a constant")
    });
    COURTESY.is_match(line)
}

struct Words<'a> {
    roster: &'a Roster,
    campaign: &'a Campaign,
}

const NOT_CLEAR: &str = "未能理解";

impl Words<'_> {
    fn read(&self, line: &str) -> Result<Vec<Command>, String> {
        if let Some(of_unit) = self.of_a_unit(line) {
            return of_unit;
        }
        let (numbers, rest) = head(line);
        if numbers.is_empty() {
            return Err(format!("{NOT_CLEAR}：请以邮件编号开头，如“12 铁岭市 5-24”"));
        }
        if line.ends_with(['?', '吗', '么']) {
            return Err("这像是一个问题，未作更正".into());
        }
        self.of_reports(&numbers, rest)
    }

    /// 停, 恢复, 查 and 撤销, and a question after a unit.
    fn of_a_unit(&self, line: &str) -> Option<Result<Vec<Command>, String>> {
        static REVOKE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(?:撤销|撤回|取消)(?:更正|修改)?(?:第|#|No\.?)?\s*(\d+)\s*(?:号|条|项)?(?:更正|修改)?$").expect("a constant")
        });
        static SPARE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(?:请|先)?(?:(停止?发?|暂停|别再?催|勿再?催|不(?:要|用|必)?再?催)|(恢复|继续(?:提醒|催)|重新(?:提醒|催))|(查询?|查一下|查看|看看|看一下))(.*)$").expect("a constant")
        });
        static QUESTION: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(\D+?)(?:的)?(?:情况|报了|报送了?|交了|来了|报齐了?|怎么样|如何)*(?:吗|么|没有?|了没有?|怎么样|如何)?\?*$").expect("a constant")
        });
        if let Some(found) = REVOKE.captures(line) {
            let correction = found[1].parse().unwrap_or(i64::MAX);
            return Some(Ok(vec![Command::Revoke { correction }]));
        }
        if let Some(found) = SPARE.captures(line) {
            let make: fn(String) -> Command = if found.get(1).is_some() {
                |unit| Command::Pause { unit }
            } else if found.get(2).is_some() {
                |unit| Command::Resume { unit }
            } else {
                |unit| Command::Show { unit }
            };
            let may_be_all = found.get(3).is_none();
            return Some(
                self.units(&found[4], may_be_all)
                    .map(|units| units.into_iter().map(make).collect()),
            );
        }
        let asks = line.ends_with(['?', '吗', '么', '没', '何'])
            || line.ends_with("没有")
            || line.ends_with("怎么样");
        let found = QUESTION.captures(line).filter(|_| asks)?;
        let units = self.units(&found[1], false).ok()?;
        Some(Ok(units
            .into_iter()
            .map(|unit| Command::Show { unit })
            .collect()))
    }

    /// Every unit of a list; the empty name for all of them.
    fn units(&self, words: &str, may_be_all: bool) -> Result<Vec<String>, String> {
        static AROUND: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(?:一下|给|对|向|[\s:：])+|(?:的|提醒|催报|催|发|函|报送|情况|了|吧|[\s,，.!])+$").expect("a constant")
        });
        let words = AROUND.replace_all(words.trim(), "");
        if may_be_all && ["全部", "所有", "全部单位", "所有单位", "各单位"].contains(&&*words)
        {
            return Ok(vec![String::new()]);
        }
        if words.is_empty() {
            return Err(format!("{NOT_CLEAR}：请写明单位，如“停 大连市”"));
        }
        let names = words.split(['、', ',', '和', '及']).map(str::trim);
        names
            .map(|name| {
                let unit = self.roster.called(name).map(|unit| unit.name.clone());
                unit.ok_or_else(|| format!("名册中没有“{name}”"))
            })
            .collect()
    }

    fn of_reports(&self, numbers: &[String], rest: &str) -> Result<Vec<Command>, String> {
        static IGNORE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(?:都|均|这封|这个|应该?|也)*(?:不是(?:报送|报告|材料|活动|信息|$)|非报送|不算|不报|无关|忽略|作废|广告|垃圾|不要(?:了)?$|删(?:掉|除|了)?$)").expect("a constant")
        });
        static STAR: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(?:都|均|可以?|请)*(取消|不(?:再|用)?)?(?:推?荐|入选|遴选|选用|加星|好稿|★|星标?)(?:了|用|一下|遴选)*$").expect("a constant")
        });
        static OPENED: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(
                r"^(?:都|均|附件|链接|文件)*(?:已|下)(?:经)?(?:下载|打开|保存|存|下好|载|好)+了?$",
            )
            .expect("a constant")
        });
        static SPLIT: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(?:请|应)*(?:拆分?|分)(?:开|成.*|为.*)?$").expect("a constant")
        });
        static MERGE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(?:请|应|都)*(?:合并|重复|重发|同一份|是同一份|是一份|一样)了?$")
                .expect("a constant")
        });
        static MERGE_WITH: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(?:应|请)*(?:合并到|合并|并入|并到|重复|同|等同于?|是)\s*(?:第|#)?(\d+(?:\.\d+)?)\s*(?:号|封|件)?(?:的)?(?:重复|重发|合并|一样|相同)?$").expect("a constant")
        });
        let each =
            |make: &dyn Fn(String) -> Command| Ok(numbers.iter().cloned().map(make).collect());
        if IGNORE.is_match(rest) {
            return each(&|target| Command::Ignore { target });
        }
        if let Some(found) = STAR.captures(rest) {
            let starred = found.get(1).is_none();
            return each(&|target| Command::Star { target, starred });
        }
        if OPENED.is_match(rest) {
            return each(&|target| Command::Opened { target });
        }
        if SPLIT.is_match(rest) {
            return each(&|target| Command::Split { target });
        }
        if let ([one, other], true) = (numbers, MERGE.is_match(rest)) {
            return Ok(vec![Command::Merge {
                one: one.clone(),
                other: other.clone(),
            }]);
        }
        if let (Some(found), [one]) = (MERGE_WITH.captures(rest), numbers) {
            return Ok(vec![Command::Merge {
                one: one.clone(),
                other: found[1].to_owned(),
            }]);
        }
        let (unit, days, kind) = self.assignment(rest)?;
        each(&|target| Command::Assign {
            target,
            unit: unit.clone(),
            days: days.clone(),
            kind,
        })
    }

    fn assignment(&self, rest: &str) -> Result<Assigned, String> {
        static DENIED: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(
                r"^(?:不是|不属于|并非|非)[^,，是归]*[,，]?\s*(?:而是|而|应为|应该是|应归|是|归)",
            )
            .expect("a constant")
        });
        static FILLER: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"报送的|报的|这封|这份|这个|当天|那天|单位|日期|时间|材料|邮件|活动|所报|归到?|属于?|应[该当]?|改[为成到]?|记[到入为]|计入|挪到|算作?|是|为|给|到|的|了|吧|把|请|麻烦|教育局|[\s,，、。:：!！()（）.]").expect("a constant")
        });
        let rest = DENIED.replace(rest, "");
        if rest.starts_with("不是") || rest.starts_with("不属") {
            return Err("请写明是哪个单位的，如“12 归 铁岭市”".into());
        }
        let (rest, days) = self.days(&rest)?;
        let (rest, kind) = kind(&rest);
        let (rest, unit) = self.unit(&rest)?;
        let left = FILLER.replace_all(&rest, "");
        if !left.is_empty() {
            return Err(format!("{NOT_CLEAR}“{left}”"));
        }
        if unit.is_none() && days.is_none() && kind.is_none() {
            return Err("未写明要怎样更正".into());
        }
        Ok((unit, days, kind))
    }

    /// The one unit that the words name, and the words without it.
    fn unit(&self, words: &str) -> Result<(String, Option<String>), String> {
        let units = self.roster.units().iter();
        let own = units.flat_map(|unit| unit.names().map(move |name| (name, unit.name.as_str())));
        let districts = self.roster.districts();
        let of_city = districts
            .iter()
            .filter(|(_, units)| units.len() == 1)
            .map(|(name, units)| (*name, units[0]));
        let mut found: Vec<(&str, &str)> = own
            .chain(of_city)
            .filter(|(name, _)| words.contains(name))
            .collect();
        let longest = |name: &str| {
            found
                .iter()
                .all(|(other, _)| *other == name || !other.contains(name))
        };
        let keep: BTreeSet<(&str, &str)> = found
            .iter()
            .filter(|(name, _)| longest(name))
            .copied()
            .collect();
        found.retain(|one| keep.contains(one));
        let units: BTreeSet<&str> = keep.iter().map(|(_, unit)| *unit).collect();
        match units.len() {
            0 => Ok((words.to_owned(), None)),
            1 => {
                let left = keep
                    .iter()
                    .fold(words.to_owned(), |left, (name, _)| left.replace(name, ""));
                Ok((left, units.first().map(|unit| (*unit).to_owned())))
            }
            _ => Err(format!(
                "写了不止一个单位：{}",
                units.into_iter().collect::<Vec<_>>().join("、")
            )),
        }
    }

    /// The days that the words name, and the words without them.
    fn days(&self, words: &str) -> Result<(String, Option<Vec<NaiveDate>>), String> {
        static DATE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"(?:(\d{4})\s*[-年/.])?\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?((?:\s*(?:[、,和及至到~]|-)\s*\d{1,2}\s*[日号]?)*)").expect("a constant")
        });
        static MORE: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"([、,和及至到~-])\s*(\d{1,2})").expect("a constant"));
        static NONE: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"无日期|没有日期|不计日期").expect("a constant"));
        static LONE: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"(\d{1,2})[日号]").expect("a constant"));
        if NONE.is_match(words) {
            return Ok((NONE.replace_all(words, "").into_owned(), Some(Vec::new())));
        }
        let this_year = self.campaign.first_day.year();
        let no_day = |said: &str| format!("“{}”不是日期", said.trim());
        let mut days = BTreeSet::new();
        for found in DATE.captures_iter(words) {
            let year = found
                .get(1)
                .map_or(this_year, |year| year.as_str().parse().unwrap_or(this_year));
            let month = found[2].parse().unwrap_or(0);
            let day = |n: &str| {
                NaiveDate::from_ymd_opt(year, month, n.parse().unwrap_or(0))
                    .ok_or_else(|| no_day(&found[0]))
            };
            let mut last = day(&found[3])?;
            days.insert(last);
            for more in MORE.captures_iter(&found[4]) {
                let next = day(&more[2])?;
                let range = ["至", "到", "~", "-"].contains(&&more[1]);
                days.extend(
                    last.iter_days()
                        .take_while(|day| range && *day < next)
                        .take(31),
                );
                days.insert(next);
                last = next;
            }
        }
        if days.is_empty() {
            for found in LONE.captures_iter(words) {
                let day = self
                    .campaign
                    .days()
                    .find(|day| day.day().to_string() == found[1]);
                days.insert(day.ok_or_else(|| no_day(&found[0]))?);
            }
            let left = LONE.replace_all(words, " ").into_owned();
            return Ok((
                left,
                Some(days.into_iter().collect()).filter(|days: &Vec<_>| !days.is_empty()),
            ));
        }
        Ok((
            DATE.replace_all(words, " ").into_owned(),
            Some(days.into_iter().collect()),
        ))
    }
}

type Assigned = (Option<String>, Option<Vec<NaiveDate>>, Option<Kind>);

fn kind(words: &str) -> (String, Option<Kind>) {
    const KINDS: [(&str, Kind); 12] = [
        ("实施方案", Kind::Plan),
        ("工作方案", Kind::Plan),
        ("方案", Kind::Plan),
        ("情况统计表", Kind::Statistics),
        ("统计表", Kind::Statistics),
        ("总结", Kind::Summary),
        ("典型案例", Kind::Case),
        ("案例", Kind::Case),
        ("活动信息", Kind::Daily),
        ("每日活动情况", Kind::Daily),
        ("日报", Kind::Daily),
        ("补充材料", Kind::Supplement),
    ];
    let found = KINDS.iter().find(|(word, _)| words.contains(word));
    match found {
        Some((word, kind)) => (words.replacen(word, "", 1), Some(*kind)),
        None => (words.to_owned(), None),
    }
}

/// The numbers that a line begins with, and what follows them; a date is no number.
fn head(line: &str) -> (Vec<String>, &str) {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[\s、,，和与跟及]*(?:第|邮件|编号|序号|#|No\.?)*\s*(\d+(?:\.\d+)?)\s*(?:号|封|件|条|份)?").expect("a constant")
    });
    static DATE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[\s、,，和与跟及]*(?:\d{4}年|\d+\s*[-/月~至]\s*\d|\d+日)")
            .expect("a constant")
    });
    let mut numbers = Vec::new();
    let mut rest = line;
    while let Some(found) = NUMBER.captures(rest).filter(|_| !DATE.is_match(rest)) {
        let joined =
            numbers.is_empty() || rest.starts_with(['、', ',', '，', '和', '与', '跟', '及']);
        if !joined {
            break;
        }
        numbers.push(found[1].to_owned());
        rest = &rest[found[0].len()..];
    }
    (
        numbers,
        rest.trim_start_matches([' ', ':', '：', ',', '，', '、', '.', '。', '-', '—'])
            .trim_end(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Vec<Command>, String> {
        let mut said = commands(line, &Roster::default(), &Campaign::default());
        assert_eq!(said.len(), 1, "{line}: {said:?}");
        said.remove(0).1
    }

    fn assign(target: &str, unit: &str, days: &[u32]) -> Command {
        let days: Vec<_> = days
            .iter()
            .map(|day| NaiveDate::from_ymd_opt(2022, 5, *day).unwrap())
            .collect();
        Command::Assign {
            target: target.into(),
            unit: Some(unit.to_owned()).filter(|unit| !unit.is_empty()),
            days: Some(days).filter(|days| !days.is_empty()),
            kind: None,
        }
    }

    #[test]
    fn a_report_is_given_to_a_unit_and_a_day_in_many_wordings() {
        let tieling = "铁岭市教育局";
        let table: &[(&str, &[u32])] = &[
            ("12 铁岭市 5-24", &[24]),
            ("１２　铁岭市　５－２４", &[24]),
            ("12，铁岭市，5月24日", &[24]),
            ("12：归铁岭市教育局，5.24", &[24]),
            ("第12封是铁岭的，5月24号的活动", &[24]),
            ("12号邮件应该是铁岭市报的", &[]),
            ("12 5/24 铁岭", &[24]),
            ("12、铁岭市教育局2022-05-24", &[24]),
            ("#12 改为 铁岭市 5月23、24日", &[23, 24]),
            ("12 铁岭市 5月23日至25日", &[23, 24, 25]),
            ("12 铁岭市 24日", &[24]),
            ("12 不是抚顺市的，是铁岭市的", &[]),
            ("邮件12 属于 铁岭县", &[]),
        ];
        for (line, days) in table {
            assert_eq!(asked(line), Ok(vec![assign("12", tieling, days)]), "{line}");
        }
        assert_eq!(asked("12.2 5-24"), Ok(vec![assign("12.2", "", &[24])]));
        assert_eq!(
            asked("14 归 辽宁职业学院"),
            Ok(vec![assign("14", "辽宁职业学院", &[])])
        );
    }

    #[test]
    fn the_other_instructions_are_known_by_many_words() {
        let ignore = |n: &str| Command::Ignore { target: n.into() };
        for line in [
            "13 不是报送",
            "13不是报送",
            "13，非报送",
            "13 不算",
            "13号不是",
            "13 广告",
            "13 不是报送，是铁岭市的会议通知",
        ] {
            assert_eq!(asked(line), Ok(vec![ignore("13")]), "{line}");
        }
        assert_eq!(
            asked("12、13 都不是报送"),
            Ok(vec![ignore("12"), ignore("13")])
        );
        let star = |starred| {
            Ok(vec![Command::Star {
                target: "15".into(),
                starred,
            }])
        };
        for line in ["15 荐", "15荐", "15 推荐", "15，推荐遴选", "15 ★"] {
            assert_eq!(asked(line), star(true), "{line}");
        }
        assert_eq!(asked("15 取消推荐"), star(false));
        assert_eq!(asked("15 不荐"), star(false));
        for line in [
            "停 大连市",
            "暂停大连市的提醒",
            "别催大连",
            "不要再催大连市了",
            "停发大连市",
        ] {
            assert_eq!(
                asked(line),
                Ok(vec![Command::Pause {
                    unit: "大连市教育局".into()
                }]),
                "{line}"
            );
        }
        assert_eq!(
            asked("停 全部"),
            Ok(vec![Command::Pause {
                unit: String::new()
            }])
        );
        assert_eq!(asked("恢复 大连市、鞍山市").unwrap().len(), 2);
        for line in [
            "查 沈阳市",
            "查沈阳",
            "查一下沈阳市的情况",
            "沈阳报了吗？",
            "沈阳市报了没有",
        ] {
            assert_eq!(
                asked(line),
                Ok(vec![Command::Show {
                    unit: "沈阳市教育局".into()
                }]),
                "{line}"
            );
        }
        assert_eq!(
            asked("撤销 #3"),
            Ok(vec![Command::Revoke { correction: 3 }])
        );
        assert_eq!(
            asked("16 已下载"),
            Ok(vec![Command::Opened {
                target: "16".into()
            }])
        );
        assert_eq!(
            asked("16 拆分"),
            Ok(vec![Command::Split {
                target: "16".into()
            }])
        );
        let merge = Ok(vec![Command::Merge {
            one: "17".into(),
            other: "16.2".into(),
        }]);
        for line in [
            "17 合并 16.2",
            "17 和 16.2 重复",
            "17 是 16.2 的重发",
            "17 同 16.2",
        ] {
            assert_eq!(asked(line), merge, "{line}");
        }
    }

    #[test]
    fn what_is_doubtful_is_refused_with_a_reason() {
        for line in [
            "12 铁岭市和抚顺市",
            "12 这个要问一下铁岭市",
            "12 是铁岭市的吗？",
            "12 不是铁岭市",
            "12 铁岭市，13 不是报送",
            "12 铁岭市 5-32",
            "12 火星市",
            "12",
            "停",
            "停 火星市",
            "5-24 铁岭市",
            "铁岭那封是抚顺的",
            "13 不是铁岭市 5-24",
        ] {
            assert!(asked(line).is_err(), "{line}: {:?}", asked(line));
        }
    }

    #[test]
    fn greetings_and_signatures_are_passed_over() {
        let text = "您好！\n12 铁岭市 5-24；13 不是报送\n谢谢，辛苦了！\n张三 024-86891234\n--\n14 不是报送\n";
        let said = commands(text, &Roster::default(), &Campaign::default());
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said.iter().all(|(_, asked)| asked.is_ok()));
        assert!(commands("收到，谢谢。", &Roster::default(), &Campaign::default()).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_words_make_it_fail(text in "[0-9、，.\\-月日号不是归停查铁岭市荐 \n?合并撤销]{0,60}") {
            commands(&text, &Roster::default(), &Campaign::default());
        }
    }
}
