//! The order of evidence for a unit, in one table: where a name stands, how it is written, what else is known.
//!
//! A name weighs its place's weight times its naming's percent. docs/evidence.md is this table in words; a test
//! holds the two together.

/// Where something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Subject of the mail that brought the text.
    Subject,
    /// Last lines of the report: 落款.
    Signature,
    /// First lines of the report: letterhead and title.
    Title,
    /// Name of the document, of its folders and its archive.
    FileName,
    /// Last lines of the covering letter.
    CoverSignature,
    /// Display name of the sender.
    Sender,
    /// The covering letter.
    Cover,
    /// First sentence of the report.
    FirstSentence,
    /// Subject of an answer: words of the mail that is answered.
    AnsweredSubject,
    /// Quoted mails below.
    Quoted,
    /// Who only passed the mail on.
    Forwarder,
    /// Anywhere else in the report.
    Mention,
}

/// How a name was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Naming {
    /// Official name.
    FullName,
    /// Abbreviation, variant or former name that no other shares.
    Alias,
    /// A school or bureau of one of the city's districts, or of the city.
    School,
    /// A school whose name is a college's but for 学校 in place of 学院.
    SchoolForCollege,
    /// A short form that is common language too.
    ShortName,
    /// The city, with 市.
    City,
    /// Official name or alias but for one character; counts only beside other evidence for the unit.
    Slip,
    /// A district or county alone.
    District,
    /// The city without 市, where a unit is likely to stand.
    BareCity,
}

/// What speaks for a unit besides names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Circumstance {
    /// The mail answers a letter that went to the unit.
    Answers,
    /// units.toml or staff say that the address is the unit's.
    GivenAddress,
    /// Earlier mails from the address plainly named the unit.
    KnownSender,
    /// The domain of the address.
    Domain,
}

use Circumstance::{Answers, Domain, GivenAddress, KnownSender};

/// Weight of a full name at each place; 100 decides alone, 20 is the least that decides at all.
pub const PLACES: [(Place, &str, &str, u32); 12] = [
    (Place::Subject, "subject", "主题", 100),
    (Place::Signature, "signature", "落款", 95),
    (Place::Title, "title", "标题、版头", 90),
    (Place::FileName, "file_name", "文件名", 75),
    (
        Place::CoverSignature,
        "cover_signature",
        "正文（说明）落款",
        75,
    ),
    (Place::Sender, "sender", "发件人名称", 60),
    (Place::Cover, "cover", "正文（说明）", 60),
    (Place::FirstSentence, "first_sentence", "首句", 55),
    (Place::AnsweredSubject, "answered_subject", "回复的主题", 45),
    (Place::Quoted, "quoted", "引用的来信", 30),
    (Place::Forwarder, "forwarder", "转发人", 12),
    (Place::Mention, "mention", "文中提及", 8),
];

/// Percent of the place's weight that each way of naming carries.
pub const NAMINGS: [(Naming, &str, &str, u32); 9] = [
    (Naming::FullName, "full_name", "全称", 100),
    (Naming::Alias, "alias", "简称、曾用名、别名", 95),
    (Naming::School, "school_of_city", "所辖学校、区县教育局", 90),
    (
        Naming::SchoolForCollege,
        "school_named_like_college",
        "与高职院校同名的学校",
        85,
    ),
    (Naming::ShortName, "short_name", "短称", 70),
    (Naming::City, "city_name", "市名", 60),
    (Naming::Slip, "one_character_slip", "名称错一字", 60),
    (Naming::District, "district", "区县名", 50),
    (Naming::BareCity, "bare_city", "市名（无“市”字）", 45),
];

/// Weight of what is known besides names. It decides only where the words of the mail are silent.
pub const CIRCUMSTANCES: [(Circumstance, &str, &str, u32); 4] = [
    (Answers, "answers_our_letter", "回复我方致该单位的信", 60),
    (GivenAddress, "given_address", "名册或人工认定的邮箱", 42),
    (KnownSender, "known_sender", "该邮箱以往写明此单位", 40),
    (Domain, "domain", "邮箱域名", 35),
];

/// What a guest, a partner or a venue in the text weighs, in percent of an author.
pub const GUEST: u32 = 30;
/// The least weight that decides.
pub const LEAST: u32 = 20;
/// A runner-up with more than this percent of the best makes it a question.
pub const RIVAL: u32 = 60;
/// From this weight on, the words of the mail named the unit plainly: they go before any circumstance, and the
/// sender's address is remembered for it.
pub const PLAIN: u32 = 45;

type Row<T> = (T, &'static str, &'static str, u32);

fn row<T: Copy + PartialEq>(table: &[Row<T>], of: T) -> Row<T> {
    *table
        .iter()
        .find(|(key, ..)| *key == of)
        .expect("every variant has a row")
}

impl Place {
    /// Of a full name here.
    pub fn weight(self) -> u32 {
        row(&PLACES, self).3
    }

    /// For the record.
    pub fn name(self) -> &'static str {
        row(&PLACES, self).1
    }
}

impl Naming {
    /// Of the place's weight.
    pub fn percent(self) -> u32 {
        row(&NAMINGS, self).3
    }

    /// For the record.
    pub fn rule(self) -> &'static str {
        row(&NAMINGS, self).1
    }
}

impl Circumstance {
    /// Added to what names weigh.
    pub fn weight(self) -> u32 {
        row(&CIRCUMSTANCES, self).3
    }

    /// For the record.
    pub fn rule(self) -> &'static str {
        row(&CIRCUMSTANCES, self).1
    }
}

/// The Chinese word for a rule or place of the record; itself where there is none.
pub fn chinese(name: &str) -> &str {
    const OTHERS: [(&str, &str); 24] = [
        ("staff", "人工认定"),
        ("correction", "更正记录"),
        ("full_date", "月日俱全"),
        ("day_of_month", "仅写几日"),
        ("picture_time", "拍摄时间"),
        ("date_of_writing", "成文日期"),
        ("arrival", "到达时间"),
        ("earlier_report", "此前报送"),
        ("yesterday", "昨日"),
        ("today", "今日"),
        ("day_before_yesterday", "前日"),
        ("day_of_week", "星期、第几天"),
        ("named", "写明"),
        ("default", "未写明，按活动情况"),
        ("wording", "行文"),
        ("spreadsheet", "表格文件"),
        ("media_without_text", "有图无文"),
        ("in_reply_to", "信头"),
        ("from", "发件地址"),
        ("files", "照片、视频"),
        ("text", "正文"),
        ("server", "服务器"),
        ("mailbox", "邮箱"),
        ("mail", "整封邮件"),
    ];
    let places = PLACES.iter().map(|(_, name, word, _)| (*name, *word));
    let namings = NAMINGS.iter().map(|(_, name, word, _)| (*name, *word));
    let circumstances = CIRCUMSTANCES
        .iter()
        .map(|(_, name, word, _)| (*name, *word));
    let mut all = places.chain(namings).chain(circumstances).chain(OTHERS);
    all.find(|(known, _)| *known == name)
        .map_or(name, |(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn table<T>(head: &str, rows: &[Row<T>]) -> String {
        let mut out = format!("| {head} | 中文 | weight |\n| --- | --- | --- |\n");
        for (_, name, word, weight) in rows {
            writeln!(out, "| `{name}` | {word} | {weight} |").unwrap();
        }
        out
    }

    /// Refreshed with BAOSONG_GOLDEN=refresh.
    #[test]
    fn the_document_shows_the_table_of_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/evidence.md");
        let document = std::fs::read_to_string(path).unwrap();
        let (before, rest) = document.split_once("<!-- table -->\n").unwrap();
        let (_, after) = rest.split_once("<!-- end -->\n").unwrap();
        let tables = [
            table("where a name stands", &PLACES),
            table("how it is written (percent of the place)", &NAMINGS),
            table("what is known besides", &CIRCUMSTANCES),
        ];
        let wanted = format!(
            "{before}<!-- table -->\n{}<!-- end -->\n{after}",
            tables.join("\n")
        );
        if std::env::var("BAOSONG_GOLDEN").as_deref() == Ok("refresh") {
            std::fs::write(path, &wanted).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), wanted);
    }

    #[test]
    fn each_table_stands_in_the_order_of_strength() {
        assert!(PLACES.is_sorted_by_key(|row| std::cmp::Reverse(row.3)));
        assert!(NAMINGS.is_sorted_by_key(|row| std::cmp::Reverse(row.3)));
        assert!(CIRCUMSTANCES.is_sorted_by_key(|row| std::cmp::Reverse(row.3)));
    }
}
