//! What the sender typed, and the mails that are quoted or passed on below it.

use std::sync::LazyLock;

use regex::Regex;

use super::content::{Inner, Nesting};
use super::date::pattern;
use super::quote_head::{Cluster, VERB, attributed, cluster};
use super::text;

/// Deeper quotes are kept as the text of the last.
const DEPTH: usize = 20;
/// More mails than a thread has; what follows stays text.
const MAILS: usize = 200;

/// One of these is in each line that `FORWARDED`, `ORIGINAL` or `VERB` knows: most texts have none, which one look tells.
static MARKS: LazyLock<Regex> = LazyLock::new(|| {
    pattern("(?i)转发|原始|原邮件|邮件原件|回复的|写道|来信|forward|original|wrote")
});
static FORWARDED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[\s>*\-—_=·]*(以下是)?(被?转发(的)?(邮件|消息)(信息|原文|内容)?|开始转发的邮件|forwarded (message|mail)( follows)?|begin forwarded message)[\s\-—_=:：*]*$",
    )
});
static ORIGINAL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[\s>*\-—_=]*(原始(邮件|信件|消息)|原邮件|邮件原件|回复的原?邮件|original message)[\s\-—_=:：*]*$",
    )
});
static DATED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\d{4}\s*[-/年.]\s*\d{1,2}|\d{1,2}:\d{2}|(?i)\b(19|20)\d{2}\b"));
static OPENS_ATTRIBUTION: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^\s*(在|于|at\b|on\b)"));
static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)^\s*(转发|轉發|fwd?|回复|答复|回覆|re|aw)\s*(\[\d+\])?\s*[:：]")
});
/// Lines that mail programs add by themselves, whole lines only.
static TAGLINE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\s*((发自|来自|从)\s*(我的|我)?\s*.{0,16}(iphone|ipad|手机|邮箱大师|网易邮箱|qq邮箱|客户端|foxmail|安卓|android)\s*.{0,6}(发送)?|sent from (my )?.{0,30}|发自.{0,4}outlook.{0,12})\s*$",
    )
});

/// A text taken apart.
pub struct Split {
    /// What stands outside of every quote.
    pub own: String,
    /// The mails in it, outermost first.
    pub inner: Vec<Inner>,
}

/// Parts a text from the mails in it. The subject's prefix tells an answer from a forward where the marks do not.
pub fn split(body: &str, subject: &str) -> Split {
    let lines: Vec<&str> = text::each_line(body).collect();
    let mut inner = Vec::new();
    let marked = MARKS.is_match(body);
    let own = split_lines(&lines, marked, subject, 0, &mut inner);
    Split { own, inner }
}

/// `marked`: whether there may be a mark in them.
fn split_lines(
    lines: &[&str],
    marked: bool,
    subject: &str,
    depth: usize,
    inner: &mut Vec<Inner>,
) -> String {
    let mut own: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let opening = if depth < DEPTH && inner.len() < MAILS {
            opening(&lines[at..], marked, &own, subject)
        } else {
            None
        };
        let Some(opening) = opening else {
            own.push(lines[at]);
            at += 1;
            continue;
        };
        let start = at + opening.length;
        let arrowed = lines[start..]
            .iter()
            .take_while(|line| line.trim().is_empty() || is_arrowed(line))
            .count();
        let end = if opening.arrows {
            start + arrowed
        } else {
            lines.len()
        };
        let stripped: Vec<&str> = lines[start..end]
            .iter()
            .map(|line| {
                if opening.arrows {
                    without_arrow(line)
                } else {
                    line
                }
            })
            .collect();
        push_inner(opening, &stripped, marked, subject, depth, inner);
        at = end;
    }
    own.retain(|line| !is_tagline(line));
    text::lines(&own.join("\n"))
}

fn is_tagline(line: &str) -> bool {
    // The last is the long s, which counts as the same letter.
    let begins = line
        .trim_start()
        .starts_with(['发', '来', '从', 's', 'S', 'ſ']);
    begins && TAGLINE.is_match(line)
}

/// The inner mail takes its place before those inside it.
fn push_inner(
    opening: Opening,
    lines: &[&str],
    marked: bool,
    subject: &str,
    depth: usize,
    inner: &mut Vec<Inner>,
) {
    let Cluster {
        from,
        date,
        subject: own_subject,
        ..
    } = opening.cluster;
    let subject = own_subject.clone().unwrap_or_else(|| subject.to_string());
    let place = inner.len();
    inner.push(Inner {
        nesting: opening.nesting,
        from,
        date,
        subject: own_subject,
        text: String::new(),
    });
    let text = split_lines(lines, marked, &subject, depth + 1, inner);
    // Arrows around a whole mail with its own head are no mail of their own.
    if text.is_empty() && opening.length == 0 && inner.len() > place + 1 {
        inner.remove(place);
    } else {
        inner[place].text = text;
    }
}

/// The head of an inner mail.
struct Opening {
    nesting: Nesting,
    cluster: Cluster,
    /// How many lines the head takes.
    length: usize,
    /// Whether the mail is the `>` lines that follow, rather than all that follows.
    arrows: bool,
}

fn opening(lines: &[&str], marked: bool, own: &[&str], subject: &str) -> Option<Opening> {
    let first = lines[0];
    if is_arrowed(first) && !first.trim_start_matches(['>', ' ']).is_empty() {
        return Some(Opening {
            nesting: Nesting::Quoted,
            cluster: Cluster::default(),
            length: 0,
            arrows: true,
        });
    }
    let first_marked = marked && MARKS.is_match(first);
    let forwarded = first_marked && FORWARDED.is_match(first);
    if forwarded || first_marked && ORIGINAL.is_match(first) {
        let cluster = cluster(&lines[1..]).filter(|cluster| cluster.fields > 0);
        let dashed = first.trim().starts_with(['-', '—', '=', '_']);
        if cluster.is_none() && !dashed {
            return None;
        }
        let cluster = cluster.unwrap_or_default();
        let nesting = if forwarded {
            Nesting::Forwarded
        } else {
            guess(own, subject)
        };
        return Some(Opening {
            nesting,
            length: 1 + cluster.length,
            cluster,
            arrows: false,
        });
    }
    attribution(lines, marked, subject).or_else(|| {
        let cluster =
            cluster(lines).filter(|cluster| cluster.fields >= 3 && cluster.from.is_some())?;
        Some(Opening {
            nesting: guess(own, subject),
            length: cluster.length,
            cluster,
            arrows: false,
        })
    })
}

/// Answer or forward, where nothing but the subject and the sender's own words can tell.
fn guess(own: &[&str], subject: &str) -> Nesting {
    match prefix(subject) {
        Some(nesting) => nesting,
        None if own
            .iter()
            .map(|line| line.trim().chars().count())
            .sum::<usize>()
            < 60 =>
        {
            Nesting::Forwarded
        }
        None => Nesting::Quoted,
    }
}

/// Whether a subject says that the mail was passed on (Fw, 转发).
pub fn is_forward(subject: &str) -> bool {
    prefix(subject) == Some(Nesting::Forwarded)
}

fn prefix(subject: &str) -> Option<Nesting> {
    let word = PREFIX.captures(subject)?[1].to_lowercase();
    Some(
        if word.starts_with("fw") || word.starts_with(['转', '轉']) {
            Nesting::Forwarded
        } else {
            Nesting::Quoted
        },
    )
}

fn is_arrowed(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

fn without_arrow(line: &str) -> &str {
    let line = line.trim_start();
    let bare = line.strip_prefix('>').unwrap_or(line);
    bare.strip_prefix(' ').unwrap_or(bare)
}

/// `在 2022-05-23 10:00:00，"张三" <a@b> 写道：`, on one line or two. A line that says so in a report names no date.
fn attribution(lines: &[&str], marked: bool, subject: &str) -> Option<Opening> {
    if !marked {
        return None;
    }
    let (line, length) = if VERB.is_match(lines[0]) {
        (lines[0].to_string(), 1)
    } else if OPENS_ATTRIBUTION.is_match(lines[0]) && lines.len() > 1 && VERB.is_match(lines[1]) {
        (format!("{} {}", lines[0], lines[1]), 2)
    } else {
        return None;
    };
    let certain = DATED.is_match(&line)
        && (line.contains('@') || OPENS_ATTRIBUTION.is_match(&line) || line.contains('于'));
    if !certain || line.chars().count() > 300 {
        return None;
    }
    let next = lines[length..].iter().find(|line| !line.trim().is_empty());
    let nesting = if prefix(subject) == Some(Nesting::Forwarded) {
        Nesting::Forwarded
    } else {
        Nesting::Quoted
    };
    Some(Opening {
        nesting,
        cluster: attributed(&line),
        length,
        arrows: next.is_some_and(|line| is_arrowed(line)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(split: &Split) -> Vec<(Nesting, &str, &str)> {
        split
            .inner
            .iter()
            .map(|inner| {
                (
                    inner.nesting,
                    inner.from.as_ref().map_or("", |from| from.name.as_str()),
                    inner.text.as_str(),
                )
            })
            .collect()
    }

    #[test]
    fn an_answer_above_an_attributed_quote_is_the_senders_own() {
        let body = "已收到。\n\n发自我的iPhone\n\n在 2022-05-23 10:00:00，\"省职成处\" <lnzjhdz@163.com> 写道：\n\n请于今日报送。\n";
        let split = split(body, "回复：通知");
        assert_eq!(split.own, "已收到。");
        assert_eq!(
            kinds(&split),
            [(Nesting::Quoted, "省职成处", "请于今日报送。")]
        );
        assert_eq!(
            split.inner[0].date.unwrap().to_rfc3339(),
            "2022-05-23T10:00:00+08:00"
        );
    }

    #[test]
    fn every_mark_by_which_a_mail_opens_is_seen() {
        let marks = [
            "---- 转发邮件信息 ----",
            "以下是被转发的邮件:",
            "开始转发的邮件：",
            "----- Forwarded Message -----",
            "Begin forwarded message:",
            "原始邮件",
            "-----原邮件-----",
            "邮件原件",
            "回复的原邮件",
            "回复的邮件",
            "-------- Original Message --------",
            "在 2022年5月23日，张三 写道：",
            "2022-05-23 张三 <a@b.cn> 来信：",
            "On 23 May 2022, a@b.cn WROTE:",
        ];
        for mark in marks {
            let body = format!("请查收\n{mark}\n发件人: a@b.cn\n主题: 日报\n今日开幕。");
            let split = split(&body, "日报");
            assert_eq!(
                (split.own.as_str(), split.inner.len()),
                ("请查收", 1),
                "{mark}"
            );
        }
    }

    #[test]
    fn a_forward_in_a_forward_comes_after_it() {
        let body = "请查收\n-------- 转发邮件信息 --------\n发件人：\"李四\" <l@b.cn>\n发送日期：2022-05-24 09:00:00\n收件人：c@d.cn\n主题：转发：日报\n\n见下\n\n\
            ------------------ 原始邮件 ------------------\n发件人: \"王五\" <w@b.cn>;\n发送时间: 2022年5月23日(星期一) 晚上8:15\n收件人: \"李四\"<l@b.cn>;\n主题: 日报\n\n今日开幕。";
        let split = split(body, "Fw: 日报");
        assert_eq!(split.own, "请查收");
        assert_eq!(
            kinds(&split),
            [
                (Nesting::Forwarded, "李四", "见下"),
                (Nesting::Forwarded, "王五", "今日开幕。")
            ]
        );
        assert_eq!(
            split.inner[1].date.unwrap().to_rfc3339(),
            "2022-05-23T20:15:00+08:00"
        );
        assert_eq!(split.inner[1].subject.as_deref(), Some("日报"));
    }

    #[test]
    fn the_subject_tells_what_a_bare_cluster_is() {
        let body = "好的\n\n发件人： 王五\n发送时间： 2022-05-23 20:15\n收件人： a@b.cn; \n c@d.cn\n主题： 日报\n正文";
        assert_eq!(split(body, "答复: 日报").inner[0].nesting, Nesting::Quoted);
        assert_eq!(
            split(body, "转发: 日报").inner[0].nesting,
            Nesting::Forwarded
        );
        assert_eq!(split(body, "转发: 日报").inner[0].text, "正文");
    }

    #[test]
    fn answers_between_arrowed_lines_are_the_senders_own() {
        let body = "On Mon, 23 May 2022 10:00:00 +0800, 张三 <a@b.cn> wrote:\n> 几份？\n> > 更早的话\n两份。\n> 何时？\n今天。";
        let split = split(body, "Re: x");
        assert_eq!(split.own, "两份。\n今天。");
        assert_eq!(
            kinds(&split),
            [
                (Nesting::Quoted, "张三", "几份？"),
                (Nesting::Quoted, "", "更早的话"),
                (Nesting::Quoted, "", "何时？")
            ]
        );
    }

    #[test]
    fn a_report_that_only_sounds_like_a_mail_is_not_cut() {
        for body in [
            "他在日记中写道：\n今天我学会了焊接。",
            "时间：5月23日\n地点：操场\n主题：技能展示\n内容丰富。",
            "主题：人人出彩\n时间：2022年5月\n发件",
        ] {
            let split = split(body, "日报");
            assert_eq!(split.own, body);
            assert!(split.inner.is_empty());
        }
    }

    #[test]
    fn arrows_around_a_whole_mail_make_one_mail() {
        let body = "好的\n> 在 2022年5月30日，16:40，活动周 <l@163.com> 写道：\n> 已收录。";
        let split = split(body, "Re: x");
        assert_eq!(kinds(&split), [(Nesting::Quoted, "活动周", "已收录。")]);
    }

    #[test]
    fn a_head_drawn_as_a_table_is_read() {
        for body in [
            "好\n---- 回复的原邮件 ----\n发件人\t张三<a@b.cn>\n发送日期\t2022年05月23日 14:10\n收件人\tc@d.cn\n主题\t通知\n请报送。",
            "好\n---- 回复的原邮件 ----\n| 发件人 | 张三<a@b.cn> |\n|---|---|\n| 发送日期 | 2022年05月23日 14:10 |\n| 主题 | 通知 |\n请报送。",
        ] {
            let split = split(body, "回复：通知");
            assert_eq!(kinds(&split), [(Nesting::Quoted, "张三", "请报送。")]);
            assert_eq!(split.inner[0].subject.as_deref(), Some("通知"));
            assert_eq!(
                split.inner[0].date.unwrap().to_rfc3339(),
                "2022-05-23T14:10:00+08:00"
            );
        }
    }

    #[test]
    fn endless_arrows_end() {
        let body = format!("{} a", ">".repeat(100_000));
        assert!(split(&body, "").inner.len() <= DEPTH);
    }
}
