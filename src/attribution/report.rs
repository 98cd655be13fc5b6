//! How a mail splits into reports: which documents hold one, and whether the body does (rules.md, "Submissions of a mail").

use super::Sketch;
use super::normal::{is_letter, normal, stem, substance};
use super::signs::Signs;
use crate::message::{Content, File, LinkKind, Media, Nesting, Reading};
use std::sync::LazyLock;

/// Above this resemblance two documents of one mail are the same text (a docx and its pdf).
const SAME: f64 = 0.8;

/// A report to be: its text, and the files that go with it.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The document that holds it.
    pub document: Option<usize>,
    /// The forwarded mail that holds it.
    pub inner: Option<usize>,
    /// Its words.
    pub text: String,
    /// Its document, photos and videos.
    pub files: Vec<usize>,
    /// Media, or a correction of a detail, for a report that came in another mail.
    pub supplement: bool,
}

/// What a mail holds.
#[derive(Debug)]
pub enum Split {
    /// One or more reports.
    Drafts(Vec<Draft>),
    /// A document that would be the report, but cannot be read: why.
    Unreadable(String),
    /// No report, no media, nothing to read.
    Nothing,
}

impl Draft {
    /// Takes in the text and files of another.
    pub fn join(&mut self, other: Self) {
        self.text = format!("{}\n{}", self.text, other.text);
        self.files.extend(other.files);
    }
}

/// Splits a mail; `text` is the normal form of its body.
pub fn split(content: &Content, text: &str) -> Split {
    let documents = documents(content);
    if !documents.is_empty() {
        return Split::Drafts(with_documents(content, documents));
    }
    let media: Vec<usize> = (0..content.files.len())
        .filter(|n| is_media(&content.files[*n]))
        .collect();
    if is_correction(text) {
        return Split::Drafts(vec![Draft {
            text: content.text.clone(),
            supplement: true,
            files: media,
            ..Draft::default()
        }]);
    }
    if narrates(text) || tabulates(content, text) {
        return Split::Drafts(vec![Draft {
            text: content.text.clone(),
            files: media,
            ..Draft::default()
        }]);
    }
    if let Some(inner) = forwarded(content) {
        let text = content.inner[inner].text.clone();
        return Split::Drafts(vec![Draft {
            inner: Some(inner),
            text,
            files: media,
            ..Draft::default()
        }]);
    }
    if let Some(why) = unreadable(content) {
        return Split::Unreadable(why);
    }
    without_text(content, media)
}

/// Media alone, a title before an article's address, or a report in the subject alone.
fn without_text(content: &Content, media: Vec<usize>) -> Split {
    let draft = Draft {
        text: content.text.clone(),
        files: media,
        ..Draft::default()
    };
    let article = content
        .links
        .iter()
        .any(|link| link.kind == LinkKind::Article);
    if article || (subject_narrates(content) && substance(&content.text) < 12) {
        let text = if substance(&draft.text) < 12 {
            format!("{}\n{}", content.subject, draft.text)
        } else {
            draft.text.clone()
        };
        return Split::Drafts(vec![Draft { text, ..draft }]);
    }
    if draft.files.is_empty() {
        return Split::Nothing;
    }
    Split::Drafts(vec![Draft {
        supplement: true,
        ..draft
    }])
}

/// Documents that hold a report of their own, each text once.
fn documents(content: &Content) -> Vec<usize> {
    let mut kept: Vec<(usize, Sketch)> = Vec::new();
    for (n, file) in content.files.iter().enumerate() {
        if let Reading::Text(text) = &file.reading {
            let sketch = Sketch::of(text);
            let same = |(_, other): &(usize, Sketch)| sketch.resemblance(other) > SAME;
            if holds_report(file, text) && !kept.iter().any(same) {
                kept.push((n, sketch));
            }
        }
    }
    kept.into_iter().map(|(n, _)| n).collect()
}

fn holds_report(file: &File, text: &str) -> bool {
    const LISTS: [&str; 14] = [
        "照片说明",
        "图片说明",
        "照片清单",
        "照片目录",
        "名单",
        "联系人",
        "联络员",
        "通讯录",
        "回执",
        "报名",
        "登记",
        "一览表",
        "清单",
        "二维码",
    ];
    let name = normal(stem(&file.name));
    let list = LISTS.iter().any(|word| name.contains(word)) && !name.contains("统计");
    let sheet = is_sheet(file) && !name.contains("统计") && !normal(text).contains("统计");
    !list && !sheet && substance(text) >= 25
}

/// A spreadsheet, by its name's ending.
pub fn is_sheet(file: &File) -> bool {
    let name = file.name.to_lowercase();
    ["xls", "xlsx", "et", "csv"]
        .iter()
        .any(|ending| name.ends_with(&format!(".{ending}")))
}

/// Media go to the document that lies in the same folder of the archive, else to the first.
pub fn with_documents(content: &Content, documents: Vec<usize>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = documents.iter().map(|n| draft_of(content, *n)).collect();
    for (n, file) in content
        .files
        .iter()
        .enumerate()
        .filter(|(_, file)| is_media(file))
    {
        let beside = |draft: &&mut Draft| {
            let document = draft.document.map(|d| &content.files[d]);
            let pasted = file.archive.is_some() && file.archive == draft.document;
            let beside = |d: &File| {
                d.archive.is_some() && d.archive == file.archive && d.folder == file.folder
            };
            pasted || document.is_some_and(beside)
        };
        let owner = drafts.iter_mut().find(beside).map(|draft| draft.document);
        let owner = owner.unwrap_or(drafts[0].document);
        drafts
            .iter_mut()
            .filter(|draft| draft.document == owner)
            .for_each(|draft| draft.files.push(n));
    }
    drafts
}

fn draft_of(content: &Content, document: usize) -> Draft {
    let text = match &content.files[document].reading {
        Reading::Text(text) => text.clone(),
        _ => String::new(),
    };
    Draft {
        document: Some(document),
        text,
        files: vec![document],
        ..Draft::default()
    }
}

fn is_media(file: &File) -> bool {
    matches!(file.media, Media::Photo | Media::Video) && !file.decoration
}

/// The forwarded or attached mail that holds the report: the innermost that narrates is its author's.
fn forwarded(content: &Content) -> Option<usize> {
    let narrating = |n: &usize| {
        let inner = &content.inner[*n];
        inner.nesting != Nesting::Quoted && narrates(&normal(&inner.text))
    };
    (0..content.inner.len()).rev().find(narrating)
}

fn unreadable(content: &Content) -> Option<String> {
    let failed = content.files.iter().find_map(|file| match &file.reading {
        Reading::Failed(why) => Some(format!("附件“{}”无法读取：{why}", file.name)),
        _ => None,
    });
    let behind = || {
        let link = content
            .links
            .iter()
            .find(|link| link.kind == LinkKind::Files)?;
        Some(format!("材料在{}链接中，须人工下载", link.provider))
    };
    failed.or_else(behind)
}

/// Whether a text tells of an activity: long enough, with what happens at activities, and not made of questions.
pub fn narrates(text: &str) -> bool {
    const DEEDS: [&str; 54] = [
        "服务", "义务", "慰问", "演出", "维修", "展出", "授课", "实践", "宣传", "居民", "开展",
        "举办", "举行", "组织", "启动", "参加", "参观", "走进", "展示", "体验", "讲座", "比赛",
        "竞赛", "演示", "讲解", "培训", "表演", "展演", "演练", "直播", "座谈", "宣讲", "交流",
        "签约", "颁奖", "接待", "发放", "观摩", "队伍", "学生", "师生", "同学", "志愿", "开幕",
        "开讲", "亮相", "走上", "来到", "义诊", "技能", "专业", "实训", "家长", "市民",
    ];
    let (mut narrative, mut length) = (String::new(), 0);
    for sentence in sentences(text).filter(|s| !is_question(s)) {
        let courteous = is_courtesy(sentence);
        for clause in clauses(sentence).filter(|clause| !courteous || !is_courtesy(clause)) {
            length += substance(clause);
            narrative.push_str(clause);
        }
        // Long enough whatever follows.
        if length >= 120 {
            return true;
        }
    }
    let mut deeds = DEEDS.iter().filter(|deed| narrative.contains(*deed));
    match length {
        0..36 => false,
        36..70 => deeds.nth(1).is_some(),
        _ => deeds.next().is_some(),
    }
}

fn subject_narrates(content: &Content) -> bool {
    const DEEDS: [&str; 14] = [
        "开展", "举办", "举行", "组织", "启动", "走进", "开幕", "开讲", "亮相", "圆满", "开班",
        "成功", "走上", "绽放",
    ];
    let subject = normal(&content.subject);
    substance(&subject) >= 14 && DEEDS.iter().any(|deed| subject.contains(deed))
}

/// A statistics table typed into the body.
fn tabulates(content: &Content, text: &str) -> bool {
    if !normal(&content.subject).contains("统计") && !text.contains("统计表") {
        return false;
    }
    let digits = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|number| !number.is_empty())
        .count();
    let mut rows = content.text.lines().filter(|line| line.contains('\t'));
    let numbered = rows.any(|row| row.contains(|c: char| c.is_ascii_digit()));
    digits >= 3 && (numbered || text.contains("单位"))
}

/// One detail of an earlier report put right, the rest unchanged.
fn is_correction(text: &str) -> bool {
    const LONG: usize = 160;
    if text
        .chars()
        .filter(|c| is_letter(*c))
        .nth(LONG - 1)
        .is_some()
    {
        return false;
    }
    let change = ["应为", "更正为", "改为", "有误", "更正"]
        .iter()
        .any(|word| text.contains(word));
    let rest = [
        "其余",
        "其他内容",
        "帮忙改",
        "请更正",
        "请改",
        "请予更正",
        "帮改",
        "以此数",
    ]
    .iter()
    .any(|word| text.contains(word));
    change && rest
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['。', '！', '!', '？', '?', '\n', '；'])
}

/// 园长表示感谢 stands at the end of a sentence that tells of an activity.
fn clauses(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split_inclusive(['，', ','])
}

/// What stands in a sentence that asks, beside its mark.
static ASKS: LazyLock<Signs> = LazyLock::new(|| {
    Signs::of([
        "？",
        "请问",
        "请教",
        "是否",
        "吗",
        "能不能",
        "可不可以",
        "想咨询",
        "咨询一下",
        "咨询:",
        "向您咨询",
        "怎么报",
    ])
});

/// Whether a sentence asks.
pub fn is_question(sentence: &str) -> bool {
    (sentence.contains('?') || ASKS.stand_in(sentence)) && !sentence.contains('“')
}

static COURTESY: LazyLock<Signs> = LazyLock::new(|| {
    Signs::of([
        "请查收",
        "见附件",
        "附件",
        "请审阅",
        "您好",
        "你好",
        "谢谢",
        "感谢",
        "辛苦",
        "敬请",
        "祝好",
        "顺祝",
    ])
});

fn is_courtesy(sentence: &str) -> bool {
    COURTESY.stand_in(sentence) && sentence.chars().count() < 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_no_report() {
        assert!(!narrates(
            "处长您好，请问每日活动信息对格式有没有要求？照片是插在word里还是单独发？视频有大小限制吗？麻烦了！"
        ));
    }

    #[test]
    fn a_report_below_a_question_is_one() {
        let text = "请问昨天的信息收到了吗？\n5月26日，学校组织汽修专业学生为22台公交车作免费体检，更换雨刮器18副、灯泡31只，公交公司送来锦旗。";
        assert!(narrates(text));
    }

    #[test]
    fn a_corrected_number_is_a_supplement() {
        assert!(is_correction(
            "第二段“参赛选手180人”应为“参赛选手108人”，其余内容不变，请帮忙改一下。"
        ));
        assert!(!is_correction(
            "上午发的那篇数字多打了一个零，请用这个新的替换。"
        ));
    }

    #[test]
    fn a_sentence_without_end_takes_no_time() {
        assert!(narrates(&"组织学生，".repeat(100_000)));
    }
}
