//! An alarm, and its end: a short letter, and a message to a group robot.

use super::{Key, Letter, Rule, Templates, words};
use crate::campaign::Moment;
use crate::config::Robot;
use crate::store::Alarm;
use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
struct View<'a> {
    subject: &'a str,
    what: &'a str,
    since: String,
    cleared: Option<String>,
    campaign: &'a str,
    written: String,
}

/// The letter that tells a member of staff of an alarm as it stands.
pub fn alarm(
    templates: &Templates,
    campaign: &str,
    alarm: &Alarm,
    to: &str,
    now: Moment,
) -> Result<Letter> {
    let subject = headline(alarm, &words::cut(&alarm.what, 40));
    let view = View {
        subject: &subject,
        what: &alarm.what,
        since: words::moment(alarm.since),
        cleared: alarm.cleared.map(words::moment),
        campaign,
        written: words::moment(now),
    };
    let (html, text) = templates.render("alarm", &view)?;
    Ok(Letter {
        key: Key {
            rule: Rule::Alarm,
            about: about(alarm, to),
            day: words::today(alarm.cleared.unwrap_or(alarm.since)),
        },
        to: to.to_owned(),
        answers: None,
        subject,
        html,
        text,
        files: Vec::new(),
    })
}

/// What makes the letter the same letter: the alarm's number, its beginning or its end, and the recipient.
pub fn about(alarm: &Alarm, to: &str) -> String {
    let end = if alarm.cleared.is_some() {
        "over"
    } else {
        "open"
    };
    format!("{} {end} {to}", alarm.id)
}

/// 报送系统告警：磁盘空间不足.
fn headline(alarm: &Alarm, what: &str) -> String {
    let kind = if alarm.cleared.is_some() {
        "恢复正常"
    } else {
        "告警"
    };
    format!("报送系统{kind}：{what}")
}

/// The body of a POST to a group robot, as its maker asks for it.
pub fn to_robot(robot: Robot, alarm: &Alarm) -> Value {
    let end = alarm
        .cleared
        .map(|at| format!("，{}恢复", words::moment(at)))
        .unwrap_or_default();
    let text = format!(
        "{}（{}起{end}）",
        headline(alarm, &alarm.what),
        words::moment(alarm.since)
    );
    match robot {
        Robot::Wecom | Robot::Dingtalk => json!({"msgtype": "text", "text": {"content": text}}),
        Robot::Feishu => json!({"msg_type": "text", "content": {"text": text}}),
    }
}
