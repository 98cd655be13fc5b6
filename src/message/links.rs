//! Addresses worth keeping: large attachments, net disks, online documents, articles.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::behind_link::{self, Attributes, Behind};
use super::content::{Link, LinkKind};
use super::date::pattern;

const OPEN: char = '\u{F8F0}';
/// No report has more; a newsletter has.
const LINKS: usize = 100;
/// Addresses looked at, most of which lead nowhere of interest or have been seen.
const MENTIONS: usize = 3000;
const CLOSE: char = '\u{F8F1}';

/// The links of a page, each marked in the page's text where it stood, so that text and link are cut together.
#[derive(Default)]
pub struct Anchors {
    list: Vec<(String, Attributes)>,
}

impl Anchors {
    /// Keeps an address with what its element says of the file; returns the mark to leave in the text.
    pub fn mark(&mut self, url: String, attributes: Attributes) -> String {
        self.list.push((url, attributes));
        format!("{OPEN}{}{CLOSE}", self.list.len() - 1)
    }

    /// Adds what is worth keeping in this text to `links`, once each.
    pub fn collect(&self, text: &str, links: &mut Vec<Link>) {
        for found in MENTION.captures_iter(text).take(MENTIONS) {
            if links.len() >= LINKS {
                break;
            }
            let whole = found.get(0).map_or(0..0, |whole| whole.range());
            let (url, attributes) = match found
                .get(1)
                .and_then(|number| number.as_str().parse::<usize>().ok())
            {
                Some(number) => self.list.get(number).cloned().unwrap_or_default(),
                None => (
                    super::markup::entities(&found[0]).into_owned(),
                    Attributes::default(),
                ),
            };
            let around = Around {
                text,
                start: whole.start,
                end: whole.end,
            };
            if let Some(link) = link(
                url.trim_end_matches(['.', ',', ';', ')']),
                &attributes,
                &around,
            ) {
                add(link, links);
            }
        }
    }
}

/// The text without the marks of its links.
pub fn unmarked(text: &str) -> Cow<'_, str> {
    MARK.replace_all(text, "")
}

static MARK: LazyLock<Regex> = LazyLock::new(|| pattern("\u{F8F0}\\d*\u{F8F1}|[\u{F8F0}\u{F8F1}]"));
/// A mark, or an address typed into the text; full-width punctuation ends it.
static MENTION: LazyLock<Regex> = LazyLock::new(|| {
    pattern("\u{F8F0}(\\d+)\u{F8F1}|https?://[A-Za-z0-9._~:/?#@!$&'*+,;=%()\\[\\]-]+")
});
static NEAR_FILES: LazyLock<Regex> =
    LazyLock::new(|| pattern("到期|有效期|过期|提取码|超大附件|云附件|中转站|大附件|访问码"));
/// An article on a site of its own: a page with a number, not a home page.
static PAGE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[^/]+/.*\d.*\.s?html?$"));
static LOOKALIKE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[^/]*\.(163|126|qq)\.(com|net)(/|$)|^[^/]*(w3\.org|microsoft\.com)(/|$)|\.(gif|png|jpe?g|ico|css|js)(\?|$)",
    )
});

static PROVIDERS: LazyLock<Vec<(Regex, &'static str, LinkKind)>> = LazyLock::new(|| {
    let files = FILES
        .iter()
        .map(|&(source, name)| (source, name, LinkKind::Files));
    let articles = ARTICLES
        .iter()
        .map(|&(source, name)| (source, name, LinkKind::Article));
    files
        .chain(articles)
        .map(|(source, name, kind)| (pattern(&format!("(?i)^{source}")), name, kind))
        .collect()
});

/// Address patterns without scheme; where one host has several services, the path tells.
const FILES: [(&str, &str); 27] = [
    (
        r"(mail\.(163|126)\.com|mail\.yeah\.net)/large-attachment-download/",
        "网易超大附件",
    ),
    (r"fs\.163\.com/fs/display", "网易超大附件"),
    (
        r"dashi\.163\.com/html/cloud-attachment-download",
        "网易超大附件",
    ),
    (
        r"fs\.qiye\.163\.com/fs/display|edisk\.qiye\.163\.com/api/biz/attachment",
        "网易企业邮箱云附件",
    ),
    (
        r"mail\.qq\.com/cgi-bin/ftnExs_download|i?wx\.mail\.qq\.com/ftn/download|[^/]*\bftn\.qq\.com/",
        "QQ超大附件",
    ),
    (r"[^/]+/coremail/common/nfFile\.jsp", "Coremail超大附件"),
    (r"mail\.sina\.com\.cn/filecenter/", "新浪超大附件"),
    (r"(download\.)?cloud\.189\.cn/", "天翼云盘"),
    (r"(caiyun|yun|cloud)\.139\.com/", "移动云盘"),
    (r"pan\.baidu\.com/(s/|share/)", "百度网盘"),
    (r"(www\.)?(aliyundrive|alipan)\.com/s/", "阿里云盘"),
    (r"pan\.quark\.cn/", "夸克网盘"),
    (r"drive\.uc\.cn/", "UC网盘"),
    (r"pan\.xunlei\.com/", "迅雷云盘"),
    (r"(www\.)?(115|115cdn)\.com/s/", "115网盘"),
    (
        r"(www\.)?(123pan|123865|123684|123912|123592)\.com/s/",
        "123云盘",
    ),
    (r"[^/]*lanzou[a-z]*\.com/", "蓝奏云"),
    (r"[^/]*cowtransfer\.com/s/", "奶牛快传"),
    (r"(www\.)?wenshushu\.cn/", "文叔叔"),
    (r"share\.feijipan\.com/s/", "小飞机网盘"),
    (r"v2\.fangcloud\.com/(s|sharing)/", "亿方云"),
    (r"1drv\.ms/", "OneDrive"),
    (r"(www\.)?icloud\.com/attachment/", "苹果邮件投递"),
    (
        r"docs\.qq\.com/(sheet|doc|slide|form|smartsheet|pdf|aio)/",
        "腾讯文档",
    ),
    (r"doc\.weixin\.qq\.com/", "企业微信文档"),
    (r"[^/]+\.(feishu\.cn|larksuite\.com)/", "飞书文档"),
    (
        r"(www\.)?kdocs\.cn/|[^/]*\.wps\.cn/|share\.weiyun\.com/",
        "金山文档",
    ),
];

const ARTICLES: [(&str, &str); 14] = [
    (r"mp\.weixin\.qq\.com/", "微信公众号"),
    (
        r"(channels\.weixin\.qq\.com|weixin\.qq\.com/sph)",
        "微信视频号",
    ),
    (r"[^/]*meipian\d*\.cn/", "美篇"),
    (r"[^/]*xiumi\.(us|com|cn)/", "秀米"),
    (r"[^/]*135editor\.com/", "135编辑器"),
    (r"[^/]*(eqxiu|eqxiul)\.(com|cn)/", "易企秀"),
    (r"[^/]*toutiao\.com/[^/]", "今日头条"),
    (r"[^/]*douyin\.com/[^/]", "抖音"),
    (r"[^/]*kuaishou\.com/[^/]", "快手"),
    (r"[^/]*(bilibili\.com/[^/]|b23\.tv/)", "哔哩哔哩"),
    (r"[^/]*weibo\.(com|cn)/[^/]", "微博"),
    (r"(baijiahao|mbd)\.baidu\.com/", "百家号"),
    (r"(view\.inews|new|news)\.qq\.com/[^/]", "腾讯新闻"),
    (r"[^/]*sohu\.com/a/", "搜狐"),
];

struct Around<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl Around<'_> {
    /// What stands near the link, as two stretches: before and after.
    fn near(&self, characters: usize) -> (&str, &str) {
        let before = &self.text[..self.start];
        let from = before
            .char_indices()
            .rev()
            .nth(characters - 1)
            .map_or(0, |(at, _)| at);
        let after = &self.text[self.end..];
        let to = after
            .char_indices()
            .nth(characters)
            .map_or(after.len(), |(at, _)| at);
        (&before[from..], &after[..to])
    }
}

fn link(url: &str, attributes: &Attributes, around: &Around) -> Option<Link> {
    let (_, bare) = url.split_once("://")?;
    let known = PROVIDERS
        .iter()
        .find(|(pattern, ..)| pattern.is_match(bare))
        .map(|&(_, name, kind)| (name, kind));
    let (provider, kind) = known.or_else(|| unknown(bare, around))?;
    let (before, after) = around.near(120);
    let behind = match kind {
        // A transfer page's own address holds a key that is no code to type.
        LinkKind::Files => {
            let typed = !provider.ends_with("超大附件") || provider.starts_with("Coremail");
            behind_link::read(url, attributes, before, after, typed)
        }
        LinkKind::Article => Behind::default(),
    };
    Some(Link {
        url: url.to_string(),
        provider: provider.to_string(),
        kind,
        name: behind.name,
        bytes: behind.bytes,
        code: behind.code,
        expires_at: behind.expires_at,
    })
}

/// An unknown host is kept if the words around it promise files, or if it shows an article.
fn unknown(bare: &str, around: &Around) -> Option<(&'static str, LinkKind)> {
    if LOOKALIKE.is_match(bare) {
        return None;
    }
    let (before, after) = around.near(40);
    if NEAR_FILES.is_match(before) || NEAR_FILES.is_match(after) {
        return Some(("其他网盘", LinkKind::Files));
    }
    PAGE.is_match(bare)
        .then_some(("网页文章", LinkKind::Article))
}

fn add(link: Link, links: &mut Vec<Link>) {
    match links.iter_mut().find(|own| key(&own.url) == key(&link.url)) {
        Some(own) => {
            own.name = own.name.take().or(link.name);
            own.bytes = own.bytes.or(link.bytes);
            own.code = own.code.take().or(link.code);
            own.expires_at = own.expires_at.or(link.expires_at);
        }
        None => links.push(link),
    }
}

/// What two spellings of one link share: the part that names the file, else all behind the scheme.
fn key(url: &str) -> &str {
    let bare = url.split_once("://").map_or(url, |(_, bare)| bare);
    let value = ["?file=", "&file=", "&k=", "?key=", "&key=", "share_link="]
        .iter()
        .find_map(|mark| bare.split_once(mark));
    let key = value.map_or(bare, |(_, value)| value.split('&').next().unwrap_or(value));
    key.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(html: &str) -> Vec<Link> {
        let (mut anchors, mut links) = (Anchors::default(), Vec::new());
        let text = super::super::html::to_text(html, &mut anchors);
        anchors.collect(&text, &mut links);
        links
    }

    fn expiry(link: &Link) -> String {
        link.expires_at
            .map(|at| at.to_rfc3339())
            .unwrap_or_default()
    }

    #[test]
    fn a_large_attachment_of_netease_is_found_with_its_expiry() {
        let html = "<div id=\"divNeteaseBigAttach\">从网易163邮箱发来的超大附件<a download=\"x\" expiretime=\"1654056000000\" \
            href=\"https://mail.163.com/large-attachment-download/index.html?p=X&amp;file=abc\">视频.mp4</a>(80.96M, 2022年6月1日 12:00 到期)\
            <a class=\"bigattach-mailmaster-download\" href=\"https://u.163.com/zzz\">推荐客户端极速下载</a></div>";
        let links = found(html);
        assert_eq!(links.len(), 1);
        assert_eq!(links[0].provider, "网易超大附件");
        assert!(links[0].url.ends_with("?p=X&file=abc"));
        assert_eq!(expiry(&links[0]), "2022-06-01T12:00:00+08:00");
    }

    #[test]
    fn a_link_typed_into_plain_text_is_found_once() {
        let text = "a.mp4 (128.03M, 2022年6月27日 21:59 到期)进入下载页面：http://mail.qq.com/cgi-bin/ftnExs_download?t=exs_ftn_download&k=1&code=2\n\
                    再发一次：http://mail.qq.com/cgi-bin/ftnExs_download?t=exs_ftn_download&amp;k=1&amp;code=2";
        let mut links = Vec::new();
        Anchors::default().collect(text, &mut links);
        assert_eq!(links.len(), 1);
        assert_eq!(expiry(&links[0]), "2022-06-27T21:59:00+08:00");
    }

    #[test]
    fn articles_and_net_disks_are_told_apart_from_signatures() {
        let text = "链接：https://pan.baidu.com/s/1abc?pwd=xy12 提取码:xy12\n全文见https://mp.weixin.qq.com/s/AbC-1。\n\
                    美篇https://www.meipian.cn/4abc\n学校主页 http://www.school.edu.cn/\n新闻 http://www.school.edu.cn/info/1012/345.htm\n\
                    腾讯 https://docs.qq.com/sheet/DAb 图标 https://hermes.mail.163.com/mt/icon.gif";
        let mut links = Vec::new();
        Anchors::default().collect(text, &mut links);
        let providers: Vec<&str> = links.iter().map(|link| link.provider.as_str()).collect();
        assert_eq!(
            providers,
            ["百度网盘", "微信公众号", "美篇", "网页文章", "腾讯文档"]
        );
        assert_eq!(links[1].url, "https://mp.weixin.qq.com/s/AbC-1");
    }

    #[test]
    fn an_unknown_host_beside_a_password_is_kept() {
        let mut links = Vec::new();
        Anchors::default().collect("视频 https://disk.city.gov.cn/x/9 提取码 1234", &mut links);
        assert_eq!(links[0].provider, "其他网盘");
    }

    #[test]
    fn marks_leave_no_trace() {
        let mut anchors = Anchors::default();
        let text = super::super::html::to_text("<a href=http://a.cn/1>见附件</a>。", &mut anchors);
        assert_eq!(unmarked(&text), "见附件。");
    }
}
