//! What the log was told already: a state that lasts is told once a day, not with each poll.

use crate::attribution::{About, Outcome, Verdict};
use crate::campaign::{CST, Moment};
use crate::store::Unjudged;
use anyhow::Result;
use chrono::NaiveDate;
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};
use tracing::{debug, info};

/// The lines of one day.
#[derive(Debug, Default)]
pub struct Said {
    day: Option<NaiveDate>,
    lines: HashSet<(String, String)>,
}

impl Said {
    /// Whether it was not told yet on the day of `now` that this is so of `what`; it counts as told from then on.
    pub fn is_news(&mut self, what: &str, is: &str, now: Moment) -> bool {
        let day = now.with_timezone(&CST).date_naive();
        if self.day != Some(day) {
            self.lines.clear();
            self.day = Some(day);
        }
        self.lines.insert((what.to_owned(), is.to_owned()))
    }
}

/// Tells what became of a mail, once: judged again with the same end it is no news. No word of the mail is told.
pub fn judged(mail: &Unjudged, verdict: &Verdict) -> Result<()> {
    if !mail.is_news(verdict)? {
        debug!(mail = mail.id, "judged again, to the same end");
        return Ok(());
    }
    let all = &verdict.submissions;
    let units: BTreeSet<&str> = all.iter().map(|one| one.unit.as_str()).collect();
    let kinds: BTreeSet<String> = all.iter().map(|one| name(one.kind)).collect();
    let days: BTreeSet<NaiveDate> = all.iter().flat_map(|one| one.days.clone()).collect();
    let is_report = verdict.outcome == Outcome::Reports;
    info!(
        mail = mail.id,
        outcome = name(verdict.outcome),
        units = list(units),
        kinds = list(kinds),
        days = list(days),
        rule = rule(verdict),
        candidates = list(verdict.candidates.iter().filter(|_| !is_report)),
        reason = (!is_report).then(|| without_quotes(&verdict.reason)),
        "judged"
    );
    Ok(())
}

/// The heaviest rule by which the first submission's unit was known.
fn rule(verdict: &Verdict) -> Option<&str> {
    let evidence = &verdict.submissions.first()?.evidence;
    let of_unit = evidence.iter().filter(|one| one.about == About::Unit);
    of_unit
        .max_by_key(|one| one.weight)
        .map(|one| one.rule.as_str())
}

/// `None` where there is nothing to list.
fn list<T: ToString>(all: impl IntoIterator<Item = T>) -> Option<String> {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

/// As `mails --jsonl` writes it.
fn name(value: impl Serialize) -> String {
    let text = serde_json::to_string(&value).unwrap_or_default();
    text.trim_matches('"').to_owned()
}

/// A reason quotes a mail's own words, and the names of its files, between these marks.
fn without_quotes(reason: &str) -> String {
    let mut out = String::new();
    let mut rest = reason;
    while let Some((before, quote)) = rest.split_once('“') {
        out = out + before + "“…”";
        rest = quote.split_once('”').map_or("", |(_, after)| after);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::in_china;
    use chrono::TimeDelta;

    #[test]
    fn a_reason_is_told_without_what_it_quotes() {
        for (reason, told) in [
            ("“某某学院”不在报送单位名册内", "“…”不在报送单位名册内"),
            (
                "附件“a.docx”无法读取：密码；附件“b”无法读取",
                "附件“…”无法读取：密码；附件“…”无法读取",
            ),
            ("无法判断活动日期", "无法判断活动日期"),
            ("“未完", "“…”"),
        ] {
            assert_eq!(without_quotes(reason), told);
        }
    }

    #[test]
    fn what_lasts_is_told_once_a_day() {
        let day = NaiveDate::from_ymd_opt(2022, 5, 24).unwrap();
        let now = in_china(day.and_hms_opt(10, 30, 0).unwrap());
        let mut said = Said::default();
        assert!(said.is_news("丹东市教育局", "held", now));
        assert!(!said.is_news("丹东市教育局", "held", now + TimeDelta::minutes(3)));
        assert!(said.is_news("丹东市教育局", "paused", now));
        assert!(said.is_news("丹东市教育局", "held", now + TimeDelta::days(1)));
    }
}
