//! Mail that is no report: machines, advertisements, questions, thanks, registrations.

use super::normal::{normal, substance};
use super::report::{Split, is_question, narrates};
use super::signs::Signs;
use crate::message::{Automatic, Content, File, Media, Reading};
use aho_corasick::AhoCorasick;
use std::borrow::Cow;
use std::sync::LazyLock;

/// How the subject of the letter begins by which `doctor` tries the way out and in again.
pub const SELF_TEST: &str = "报送系统自检信";

/// Why a mail is no report, in Chinese; `None` where it may be one.
#[derive(Debug)]
pub struct Noise {
    /// Whoever sent it.
    pub of_known: Option<String>,
    /// From an address that no earlier report came from.
    pub of_stranger: Option<String>,
}

/// `text` is the normal form of the body.
pub fn noise(content: &Content, text: &str, split: &Split) -> Noise {
    let subject = normal(&content.subject);
    let machine = by_machine(content, &subject);
    let of_known = machine
        .clone()
        .or_else(|| circular(&subject, content))
        .or_else(|| personal(&subject, text, content, split));
    let of_stranger = machine
        .or_else(|| advertisement(&subject, text, content))
        .or_else(|| of_known.clone());
    Noise {
        of_known,
        of_stranger,
    }
}

fn by_machine(content: &Content, subject: &str) -> Option<String> {
    const PREFIXES: [&str; 16] = [
        "自动回复",
        "自动答复",
        "automaticreply",
        "outofoffice",
        "撤回邮件",
        "[撤回邮件",
        "通知:[撤回邮件",
        "已读:",
        "回执(",
        "系统退信",
        "undeliver",
        "deliverystatus",
        "maildelivery",
        "failurenotice",
        "returnedmail",
        "来自qq.com的退信",
    ];
    let compact: String = subject.to_lowercase().split_whitespace().collect();
    if compact.starts_with(SELF_TEST) {
        return Some("本系统的自检信".into());
    }
    if PREFIXES.iter().any(|prefix| compact.starts_with(prefix)) || compact.contains("的自动回复")
    {
        return Some("自动回复或系统邮件".into());
    }
    content.automatic.first().map(|sign| {
        match sign {
            Automatic::Reply => "自动回复",
            Automatic::Bounce => "系统退信",
            Automatic::Receipt => "已读回执",
            Automatic::Bulk => "群发订阅邮件",
            Automatic::Calendar => "会议邀请",
        }
        .into()
    })
}

/// Words of commerce.
const COMMERCE: [&str; 23] = [
    "退订",
    "加微信",
    "报价",
    "合作满意",
    "一站式",
    "代写",
    "代发",
    "代开",
    "税点",
    "微信同号",
    "来电咨询",
    "元起",
    "热线",
    "我公司为",
    "公司为",
    "招生代理",
    "加盟",
    "免费试用",
    "享8折",
    "价8折",
    "取件码",
    "发票已开具",
    "客服热线",
];
/// And of phishing. A report of a lecture against fraud has some of them, and photos.
const PHISHING: [&str; 13] = [
    "身份证号",
    "银行卡",
    "扫描下方二维码",
    "逾期视为",
    "补贴",
    "领取",
    "完成认证",
    "点击领取",
    "中奖",
    "邮箱容量",
    "的容量",
    "账号密码",
    "将停用",
];

/// All of them, found in one go through a text.
static BAIT: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::new(COMMERCE.iter().chain(&PHISHING)).expect("the words are few and short")
});
/// Whether there are any, which is found out sooner, and of most texts says all.
static ANY_BAIT: LazyLock<Signs> = LazyLock::new(|| Signs::of(COMMERCE.iter().chain(&PHISHING)));

fn advertisement(subject: &str, text: &str, content: &Content) -> Option<String> {
    let documents = content.files.iter().filter_map(|file| match &file.reading {
        Reading::Text(text) => Some(Cow::Owned(normal(text))),
        _ => None,
    });
    let texts: Vec<Cow<str>> = [Cow::Borrowed(subject), Cow::Borrowed(text)]
        .into_iter()
        .chain(documents)
        .collect();
    let mut seen = [false; COMMERCE.len() + PHISHING.len()];
    for text in texts.iter().filter(|text| ANY_BAIT.stand_in(text)) {
        BAIT.find_overlapping_iter(text.as_ref())
            .for_each(|found| seen[found.pattern().as_usize()] = true);
    }
    let count = |words: &[bool]| words.iter().filter(|seen| **seen).count();
    let (commerce, phishing) = seen.split_at(COMMERCE.len());
    let bait = count(commerce) >= 2 || (count(phishing) >= 3 && !has_photos(content));
    let speaks_of_itself = || {
        let own = ["我校", "我院", "我市", "我中心", "我县", "我区"];
        texts
            .iter()
            .any(|text| own.iter().any(|word| text.contains(word)))
    };
    (bait && !speaks_of_itself()).then(|| "广告或可疑邮件".into())
}

fn has_photos(content: &Content) -> bool {
    // A picture pasted into a document is part of its dress; a bait shows a code to scan there.
    let pasted = |file: &File| {
        let holder = file.archive.and_then(|holder| content.files.get(holder));
        holder.is_some_and(|holder| holder.media == Media::Document)
    };
    content.files.iter().any(|file| {
        matches!(file.media, Media::Photo | Media::Video) && !file.decoration && !pasted(file)
    })
}

fn circular(subject: &str, content: &Content) -> Option<String> {
    const WORDS: [&str; 14] = [
        "邀请函",
        "邀请:",
        "诚邀",
        "招聘启事",
        "招聘信息",
        "招聘公告",
        "应聘",
        "求职",
        "简历",
        "会议通知",
        "培训通知",
        "征订",
        "征稿",
        "投稿邀请",
    ];
    (WORDS.iter().any(|word| subject.contains(word)) && !has_photos(content))
        .then(|| "通知、邀请或求职邮件".into())
}

/// Thanks, registrations, questions: what a person writes that is no report.
fn personal(subject: &str, text: &str, content: &Content, split: &Split) -> Option<String> {
    if subject.contains("感谢信") || subject.contains("表扬信") {
        return Some("感谢信".into());
    }
    let drafts = match split {
        Split::Drafts(drafts) => drafts.as_slice(),
        _ => &[],
    };
    if !drafts.is_empty() {
        return None;
    }
    let files: String = content
        .files
        .iter()
        .map(|file| normal(&file.name))
        .collect();
    let registers = [
        "联系人",
        "联络员",
        "通讯录",
        "QQ群",
        "微信群",
        "拉进",
        "报名",
        "登记表",
        "回执",
    ];
    if registers
        .iter()
        .any(|word| subject.contains(word) || files.contains(word) || text.contains(word))
        && !narrates(text)
    {
        return Some("联系人或入群登记".into());
    }
    if !content.files.iter().all(|file| file.decoration) {
        return None;
    }
    let asks = text
        .split_inclusive(['。', '?', '？', '\n'])
        .any(is_question)
        || is_question(subject);
    if asks {
        return Some("咨询问题".into());
    }
    let thanks = ["谢谢", "感谢", "收到", "辛苦", "知悉"]
        .iter()
        .any(|word| text.contains(word));
    (thanks && substance(text) > 0 && !promises(text)).then(|| "致谢或答复".into())
}

/// Speaks of something sent along: if it is missing, a person must look.
fn promises(text: &str) -> bool {
    const SENT: [&str; 7] = ["附件", "请查收", "报送", "补报", "上报", "链接", "网盘"];
    const LATER: [&str; 8] = [
        "尽快", "稍后", "马上", "随后", "抓紧", "按时", "及时", "明天",
    ];
    let has = |clause: &str, words: &[&str]| words.iter().any(|word| clause.contains(word));
    text.split(['，', ',', '。', '；', '!', '\n'])
        .any(|clause| has(clause, &SENT) && !has(clause, &LATER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_commerce_stands_in_one_text_and_not_across_two() {
        let ad = |subject: &str, text: &str| advertisement(subject, text, &Content::default());
        assert!(ad("代写报价", "退订").is_some());
        // 报价 would stand where the one ends and the other begins.
        assert_eq!(ad("本周工作日报", "价值引领，退订"), None);
    }
}
