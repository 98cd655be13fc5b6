//! Staff answer the digest, and what they write is done; whoever else writes so is not obeyed.

mod support;

use baosong::attribution::Outcome;
use baosong::config::{Config, Tls};
use baosong::daemon::Daemon;
use baosong::message::{self, Content};
use chrono::{DateTime, FixedOffset};
use support::mail::{may, plain, report};
use support::standin::Standin;
use tempfile::TempDir;

const USER: &str = "lnzjhdz@163.com";
const CODE: &str = "ABCDEFGHIJKLMNOP";
const OFFICE: &str = "office@example.cn";
const BOSS: &str = "boss@example.cn";

struct House {
    server: Standin,
    daemon: Daemon,
    _dir: TempDir,
}

struct Nobody;

impl message::Host for Nobody {
    fn run(&mut self, _: message::Tool) -> Result<Vec<u8>, String> {
        Err("none".into())
    }
}

async fn house() -> House {
    let (server, dir) = (
        Standin::start(USER, CODE).await,
        tempfile::tempdir().unwrap(),
    );
    let code = dir.path().join("code");
    std::fs::write(&code, CODE).unwrap();
    let mut config = Config::default();
    config.mailbox.host = "127.0.0.1".into();
    config.mailbox.port = server.imap_port();
    config.mailbox.tls = Tls::None;
    config.mailbox.password_file = code.clone();
    // The machine that runs the tests may be as full as it likes.
    config.alarms.least_free_megabytes = 0;
    config.outgoing.host = "127.0.0.1".into();
    config.outgoing.port = server.smtp_port();
    config.outgoing.tls = Tls::None;
    config.outgoing.password_file = code;
    config.outgoing.letters_a_minute = 100;
    config.outgoing.reminders = false;
    config.staff.digest_to = vec![OFFICE.into(), BOSS.into()];
    let mut daemon = Daemon::open(config, &dir.path().join("data")).unwrap();
    daemon.read_in(env!("CARGO_BIN_EXE_baosong").into());
    House {
        server,
        daemon,
        _dir: dir,
    }
}

/// With the reports 1 (丹东市) and 2 (a course of nobody knows whom), and the digest of 24 May sent.
async fn on_the_first_morning() -> House {
    let mut house = house().await;
    house
        .server
        .deliver("INBOX", &report("a", "丹东市教育局", 23), may(24, 8, 0));
    house.server.deliver(
        "INBOX",
        &plain(
            "b",
            "活动信息",
            "昨日我校举办技能展示，三百名学生参加了活动周的比赛。",
        ),
        may(24, 8, 5),
    );
    house.pass(may(24, 10, 30)).await;
    assert_eq!(house.outcome(2), Some(Outcome::Review));
    house
}

impl House {
    async fn pass(&mut self, now: DateTime<FixedOffset>) {
        self.daemon.pass(now).await.unwrap();
    }

    fn letters_to(&self, to: &str) -> Vec<Content> {
        let accepted = self
            .server
            .accepted()
            .into_iter()
            .filter(|letter| letter.to[0] == to);
        accepted
            .map(|letter| message::read(&letter.data, &mut Nobody))
            .collect()
    }

    fn outcome(&self, mail: i64) -> Option<Outcome> {
        self.daemon.store.mail(mail).unwrap().unwrap().outcome
    }

    fn corrections(&self) -> usize {
        self.daemon.store.corrections().unwrap().len()
    }

    /// Delivers an answer of `from` to the first digest that went to `to`.
    fn answer(&self, from: &str, to: &str, text: &str, at: DateTime<FixedOffset>) -> Vec<u8> {
        let digest = &self.letters_to(to)[0];
        let raw = mail(
            from,
            &format!("回复：{}", digest.subject),
            digest.message_id.as_deref(),
            text,
            at,
        );
        self.server.deliver("INBOX", &raw, at);
        raw
    }
}

fn mail(
    from: &str,
    subject: &str,
    answers: Option<&str>,
    text: &str,
    at: DateTime<FixedOffset>,
) -> Vec<u8> {
    let answers = answers
        .map(|id| format!("In-Reply-To: <{id}>\r\n"))
        .unwrap_or_default();
    let id = at.timestamp();
    format!(
        "From: <{from}>\r\nTo: <{USER}>\r\nSubject: {subject}\r\nMessage-ID: <{id}.{from}>\r\n{answers}Date: {}\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         {text}\r\n\r\n------------------ 原始邮件 ------------------\r\n发件人: \"辽宁省职业教育活动周\" <{USER}>;\r\n\
         发送时间: 2022年5月24日(星期二) 上午10:30\r\n收件人: \"office\" <{OFFICE}>;\r\n主题: 职教活动周日报\r\n\r\n1 不是报送\r\n",
        at.to_rfc2822()
    )
    .into_bytes()
}

#[tokio::test]
async fn an_answer_corrects_and_is_confirmed_once() {
    let mut house = on_the_first_morning().await;
    let text = "您好：\r\n２ 归 铁岭市 ５－２３\r\n1 荐\r\n停 大连市\r\n查 沈阳市\r\n9 不是报送\r\n把那个改一下\r\n谢谢";
    house.answer(OFFICE, OFFICE, text, may(24, 11, 0));
    house.pass(may(24, 11, 5)).await;
    let rows = house.daemon.store.submissions_of(2).unwrap();
    assert_eq!(rows[0].fact.unit, "铁岭市教育局");
    assert_eq!(rows[0].fact.days, [may(23, 0, 0).date_naive()]);
    assert_eq!(
        house.outcome(1),
        Some(Outcome::Reports),
        "the quoted text is no instruction"
    );
    assert_eq!(house.daemon.store.starred().unwrap().len(), 1);
    assert_eq!(house.daemon.store.pauses().unwrap(), ["大连市教育局"]);
    let correction = house.daemon.store.corrections().unwrap().remove(0);
    assert_eq!(correction.by, OFFICE);
    assert_eq!(house.outcome(3), Some(Outcome::NotReport));
    let letters = house.letters_to(OFFICE);
    assert_eq!(letters.len(), 2);
    assert!(
        letters[1].subject.contains("4条已执行，2条未执行"),
        "{}",
        letters[1].subject
    );
    for words in [
        "铁岭市教育局",
        "更正#1",
        "没有编号为9",
        "未能理解",
        "沈阳市教育局：",
        "已暂停对大连市教育局的提醒",
    ] {
        assert!(
            letters[1].text.contains(words),
            "{words} in {}",
            letters[1].text
        );
    }
    house.pass(may(24, 11, 10)).await;
    assert_eq!(house.letters_to(OFFICE).len(), 2);
    assert_eq!(house.letters_to(BOSS).len(), 1);
}

#[tokio::test]
async fn a_correction_stands_in_the_next_digest() {
    let mut house = on_the_first_morning().await;
    house.answer(
        OFFICE,
        OFFICE,
        "2 铁岭市 5-23\n停 大连市\n1 荐",
        may(24, 11, 0),
    );
    house.pass(may(24, 11, 5)).await;
    house.pass(may(25, 10, 30)).await;
    let digest = house.letters_to(BOSS).pop().unwrap();
    assert!(
        [
            "更正记录（3项）",
            "暂停对大连市教育局的提醒",
            "列入遴选名单"
        ]
        .iter()
        .all(|words| digest.text.contains(words))
            && digest.text.contains("认定 铁岭市教育局"),
        "{}",
        digest.text
    );
}

#[tokio::test]
async fn the_token_in_the_subject_serves_where_the_message_id_was_rewritten() {
    let mut house = on_the_first_morning().await;
    let subject = house.letters_to(OFFICE)[0].subject.clone();
    let raw = mail(
        OFFICE,
        &format!("Re: {subject}"),
        Some("tencent_1@qq.com"),
        "1 不是报送",
        may(24, 11, 0),
    );
    house.server.deliver("INBOX", &raw, may(24, 11, 0));
    house.pass(may(24, 11, 5)).await;
    assert_eq!(house.outcome(1), Some(Outcome::NotReport));
}

#[tokio::test]
async fn only_the_address_that_the_letter_went_to_is_obeyed() {
    let mut house = on_the_first_morning().await;
    house.answer("stranger@example.cn", OFFICE, "1 不是报送", may(24, 11, 0));
    house.answer(BOSS, OFFICE, "1 不是报送", may(24, 11, 1));
    let without = mail(
        OFFICE,
        "回复：职教活动周日报",
        None,
        "1 不是报送",
        may(24, 11, 2),
    );
    house.server.deliver("INBOX", &without, may(24, 11, 2));
    let guessed = mail(
        OFFICE,
        "回复：日报 [0123-4567-89AB]",
        None,
        "1 不是报送",
        may(24, 11, 3),
    );
    house.server.deliver("INBOX", &guessed, may(24, 11, 3));
    house.pass(may(24, 11, 5)).await;
    assert_eq!(house.outcome(1), Some(Outcome::Reports));
    assert_eq!(house.corrections(), 0);
    assert_eq!(house.server.accepted().len(), 2, "nobody is answered");
}

#[tokio::test]
async fn a_mail_with_two_senders_or_from_a_machine_is_not_obeyed() {
    let mut house = on_the_first_morning().await;
    let digest = house.letters_to(OFFICE).remove(0);
    let subject = format!("回复：{}", digest.subject);
    let good = mail(
        OFFICE,
        &subject,
        digest.message_id.as_deref(),
        "1 不是报送",
        may(24, 11, 0),
    );
    let with = |line: &str| [line.as_bytes(), good.as_slice()].concat();
    house.server.deliver(
        "INBOX",
        &with("From: <stranger@example.cn>\r\n"),
        may(24, 11, 0),
    );
    house.server.deliver(
        "INBOX",
        &with("Auto-Submitted: auto-replied\r\n"),
        may(24, 11, 0),
    );
    house.pass(may(24, 11, 5)).await;
    assert_eq!(house.corrections(), 0);
}

#[tokio::test]
async fn an_answer_after_a_fortnight_or_passed_on_is_not_obeyed() {
    let mut house = on_the_first_morning().await;
    house.answer(
        OFFICE,
        OFFICE,
        "1 不是报送",
        may(24, 10, 30) + chrono::TimeDelta::days(15),
    );
    let digest = house.letters_to(OFFICE).remove(0);
    let passed_on = mail(
        OFFICE,
        &format!("转发：{}", digest.subject),
        digest.message_id.as_deref(),
        "1 不是报送",
        may(24, 11, 0),
    );
    house.server.deliver("INBOX", &passed_on, may(24, 11, 0));
    house.pass(may(31, 11, 5)).await;
    assert_eq!(house.corrections(), 0);
}

#[tokio::test]
async fn a_copy_of_an_answer_is_not_obeyed_again() {
    let mut house = on_the_first_morning().await;
    let raw = house.answer(OFFICE, OFFICE, "1 不是报送", may(24, 11, 0));
    house.pass(may(24, 11, 5)).await;
    house
        .daemon
        .revoke(1, "boss@example.cn", may(24, 11, 6))
        .unwrap();
    let letters = house.server.accepted().len();
    let again = [
        b"Received: from mx by imap; Tue, 24 May 2022 12:00:00 +0800\r\n".as_slice(),
        &raw,
    ]
    .concat();
    house.server.deliver("INBOX", &again, may(24, 12, 0));
    let text = String::from_utf8(raw).unwrap();
    let renamed = text.replace("Message-ID: <", "Message-ID: <x");
    house
        .server
        .deliver("INBOX", renamed.as_bytes(), may(24, 12, 1));
    house.pass(may(24, 12, 5)).await;
    assert_eq!(house.outcome(1), Some(Outcome::Reports));
    assert_eq!(house.server.accepted().len(), letters);
}

#[tokio::test]
async fn reading_again_keeps_what_staff_answered() {
    let mut house = on_the_first_morning().await;
    house.answer(OFFICE, OFFICE, "2 铁岭市 5-23", may(24, 11, 0));
    house.pass(may(24, 11, 5)).await;
    house.daemon.reprocess(None).unwrap();
    assert_eq!(house.outcome(3), Some(Outcome::NotReport));
    assert_eq!(
        house.daemon.store.submissions_of(2).unwrap()[0].fact.unit,
        "铁岭市教育局"
    );
    house.pass(may(24, 11, 10)).await;
    assert_eq!(house.corrections(), 1);
}

#[tokio::test]
async fn thanks_alone_get_no_answer() {
    let mut house = on_the_first_morning().await;
    house.answer(OFFICE, OFFICE, "收到，谢谢！", may(24, 11, 0));
    house.pass(may(24, 11, 5)).await;
    assert_eq!(house.outcome(3), Some(Outcome::NotReport));
    assert_eq!(house.letters_to(OFFICE).len(), 1);
}

#[tokio::test]
async fn no_letter_shows_the_token_of_another() {
    let mut house = on_the_first_morning().await;
    let of_office = house.letters_to(OFFICE).remove(0);
    let (_, code) = of_office.subject.rsplit_once(" [").unwrap();
    let id = of_office.message_id.unwrap();
    house.pass(may(25, 10, 30)).await;
    let letter = house.daemon.digest(BOSS, may(25, 10, 30)).unwrap();
    let book = letter.files.iter().find(|file| !file.inline).unwrap();
    let mut parts = zip::ZipArchive::new(std::io::Cursor::new(&book.bytes)).unwrap();
    let names: Vec<String> = parts
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    let mut all = letter.html + &letter.text;
    for name in names {
        all += &std::io::read_to_string(parts.by_name(&name).unwrap()).unwrap();
    }
    assert!(all.contains("回复确认") || all.contains("日报"));
    assert!(!all.contains(code.trim_end_matches(']')) && !all.contains(&id[..32]));
}

/// What the programs of the office put around an answer: only what the person typed is read.
#[test]
fn only_what_was_typed_above_the_quote_is_an_instruction() {
    use baosong::campaign::Campaign;
    use baosong::outgoing::{Command, commands};
    use baosong::roster::Roster;
    let digest = "<table><tr><td>如确为沈阳市教育局所报，请回复：<strong>9 沈阳市教育局</strong></td></tr></table>";
    let typed = "<div>12 铁岭市 5-24</div><div>13&nbsp;不是报送</div>";
    let bodies = [
        format!(
            "{typed}<div><br></div><div style=\"font-size:12px\"><div>------------------&nbsp;原始邮件&nbsp;------------------</div><div><b>发件人:</b> \"报送\" &lt;{USER}&gt;;</div><div><b>发送时间:</b>&nbsp;2022年5月24日(星期二) 上午10:30</div><div><b>主题:</b>&nbsp;日报</div></div>{digest}"
        ),
        format!(
            "<div style=\"line-height:1.7\">{typed}<br/><br/></div><div id=\"divNeteaseMailCard\"></div><br/><pre>在 2022-05-24 10:30:00，\"报送\" &lt;{USER}&gt; 写道：</pre><blockquote id=\"isReplyContent\" style=\"margin:0\">{digest}</blockquote>"
        ),
        format!(
            "<html><body lang=ZH-CN><div class=WordSection1><p class=MsoNormal>12 铁岭市 5-24<o:p></o:p></p><p class=MsoNormal>13 不是报送<o:p></o:p></p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p class=MsoNormal><b>发件人:</b> 报送 &lt;{USER}&gt; <br><b>发送时间:</b> 2022年5月24日 10:30<br><b>收件人:</b> office<br><b>主题:</b> 日报</p></div></div>{digest}</div></body></html>"
        ),
        format!(
            "{typed}<br><div class=\"gmail_quote\"><div dir=\"ltr\">报送 &lt;{USER}&gt; 于2022年5月24日周二 10:30写道：<br></div><blockquote class=\"gmail_quote\">{digest}</blockquote></div>"
        ),
        format!(
            "{typed}<div><br></div><div>发自我的iPhone</div><div><br><blockquote type=\"cite\">在 2022年5月24日，10:30，报送 &lt;{USER}&gt; 写道：<br><br></blockquote></div><blockquote type=\"cite\">{digest}</blockquote>"
        ),
        format!(
            "{typed}<div>&nbsp;</div><hr style=\"width: 210px; height: 1px;\" align=\"left\"><div><span>张三</span></div><blockquote><div>&nbsp;</div><div style=\"border-top:solid #B5C4DF 1.0pt\"><div><b>发件人：</b> 报送</div><div><b>发送时间：</b> 2022-05-24 10:30</div><div><b>收件人：</b> office</div><div><b>主题：</b> 日报</div></div>{digest}</blockquote>"
        ),
    ];
    for body in bodies {
        let raw = format!(
            "From: <{OFFICE}>\r\nTo: <{USER}>\r\nSubject: 回复：日报\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n{body}"
        );
        let text = message::read(raw.as_bytes(), &mut Nobody).text;
        let said = commands(&text, &Roster::default(), &Campaign::default());
        let asked: Vec<Command> = said
            .iter()
            .filter_map(|(_, asked)| asked.clone().ok())
            .flatten()
            .collect();
        let targets: Vec<&str> = asked
            .iter()
            .filter_map(|command| match command {
                Command::Assign { target, .. } | Command::Ignore { target } => {
                    Some(target.as_str())
                }
                _ => None,
            })
            .collect();
        assert_eq!(targets, ["12", "13"], "{body}\n{text}\n{said:?}");
    }
}
