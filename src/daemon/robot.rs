//! The second way to tell of an alarm: a group robot, which needs neither mailbox nor database.

use crate::config::{self, Alarms};
use crate::outgoing::to_robot;
use crate::store::Alarm;
use anyhow::{Context, Result, ensure};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::time::Duration;

/// A robot that does not answer within this is told again with the next pass.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells the robot of the settings, where there is one. Its address holds its key, so errors do not show it.
pub async fn tell(settings: &Alarms, alarm: &Alarm) -> Result<()> {
    let Some(robot) = settings.robot else {
        return Ok(());
    };
    let url = config::secret(&settings.robot_url_file)?;
    let what = match settings.campaign.as_str() {
        "" => alarm.what.clone(),
        campaign => format!("【{campaign}】{}", alarm.what),
    };
    let alarm = Alarm {
        what,
        ..alarm.clone()
    };
    let body = to_robot(robot, &alarm);
    let post = tokio::task::spawn_blocking(move || post(url.expose_secret(), body));
    let answer = post.await.context("the post was cut off")?;
    let answer = answer.map_err(|error| match error {
        ureq::Error::StatusCode(code) => anyhow::anyhow!("HTTP {code}"),
        ureq::Error::Timeout(_) => anyhow::anyhow!("no answer in time"),
        _ => anyhow::anyhow!("no connection"),
    })?;
    taken(&answer)
}

fn post(url: &str, body: Value) -> Result<Value, ureq::Error> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent();
    let mut answer = agent.post(url).send_json(body)?;
    Ok(answer.body_mut().read_json().unwrap_or_default())
}

/// A robot refuses with 200 and a number in the body: `errcode` of WeCom and DingTalk, `code` of Feishu.
fn taken(answer: &Value) -> Result<()> {
    for key in ["errcode", "code"] {
        let code = answer[key].as_i64().unwrap_or_default();
        ensure!(code == 0, "the robot refuses with {key} {code}");
    }
    Ok(())
}
