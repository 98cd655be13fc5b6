//! Which day a report tells of, in the order of evidence of rules.md, "Days".

use super::date::{Dates, arabic, dates, opens};
use super::relative::relative_day;
use super::report::Draft;
use super::strength::Place;
use super::words::Said;
use super::zone::Zone;
use super::{About, Evidence};
use crate::campaign::{CST, Campaign, Moment};
use crate::message::Content;
use chrono::{Days, NaiveDate, TimeDelta};

/// The days found, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Ascending.
    pub days: Vec<NaiveDate>,
    /// From pictures or arrival alone.
    pub inferred: bool,
    /// By which rule, where, from what words.
    pub evidence: Evidence,
}

/// Everything that days are judged by.
pub struct Clues<'a> {
    /// The mail.
    pub content: &'a Content,
    /// The report in it.
    pub draft: &'a Draft,
    /// What it says.
    pub said: &'a Said,
    /// By the server's clock.
    pub arrived: Moment,
    /// The calendar.
    pub campaign: &'a Campaign,
}

/// The days that a zone names.
#[derive(Debug, Clone)]
pub struct Dated {
    place: Place,
    /// Its words, with numbers in Arabic digits; empty where it names no day.
    text: String,
    dates: Vec<Dates>,
}

/// The days that each zone names.
pub fn dated(zones: &[Zone], campaign: &Campaign) -> Vec<Dated> {
    let read = |zone: &Zone| {
        let (place, text) = (zone.place, arabic(&zone.text));
        let compact = place == Place::FileName || place == Place::Subject;
        let dates = dates(&text, campaign, compact);
        let text = if dates.is_empty() { "".into() } else { text };
        Dated {
            place,
            text: text.into_owned(),
            dates,
        }
    };
    zones.iter().map(read).collect()
}

/// The day that words name, full dates first; `Err` holds a doubt in Chinese.
pub fn in_words(clues: &Clues) -> Result<Option<Found>, String> {
    let zones = &clues.said.dated;
    if let Some(found) = headline(clues, zones)? {
        return Ok(Some(found));
    }
    let found = narrative(clues, zones, true)
        .or_else(|| bare_headline(clues, zones))
        .or_else(|| narrative(clues, zones, false));
    Ok(found.or_else(|| relative(clues)))
}

/// The day of the pictures, else that of writing, else that of the arrival; `None` where that is no activity day.
pub fn inferred(clues: &Clues) -> Option<Found> {
    pictures(clues)
        .or_else(|| written(clues))
        .or_else(|| arrival(clues))
}

/// The day of the pictures alone.
pub fn pictures(clues: &Clues) -> Option<Found> {
    let taken = clues
        .draft
        .files
        .iter()
        .filter_map(|n| clues.content.files.get(*n)?.taken_at);
    let recent = |day: &NaiveDate| {
        let age = (clues.arrived.date_naive() - *day).num_days();
        (0..=7).contains(&age) && clues.campaign.contains(*day)
    };
    let mut days: Vec<NaiveDate> = taken
        .map(|at| at.with_timezone(&CST).date_naive())
        .filter(recent)
        .collect();
    days.sort();
    days.dedup();
    (days.len() == 1).then(|| found(days, true, "picture_time", "files", ""))
}

/// Full dates in subject, file name and title. Two that differ are settled by the text, or are a doubt.
fn headline(clues: &Clues, zones: &[Dated]) -> Result<Option<Found>, String> {
    let own = [Place::FileName, Place::Title]
        .iter()
        .find_map(|place| in_zone(clues, zones, *place, true));
    let subject = in_zone(clues, zones, Place::Subject, true)
        .or_else(|| in_zone(clues, zones, Place::AnsweredSubject, true));
    match (subject, own) {
        (Some(subject), Some(own)) if subject.days != own.days => {
            let told = narrative(clues, zones, true);
            let agrees = |found: &Found| told.as_ref().is_some_and(|told| told.days == found.days);
            let within = own.days.iter().all(|day| subject.days.contains(day));
            if agrees(&own) || within && !agrees(&subject) {
                Ok(Some(own))
            } else if agrees(&subject)
                || told.is_none() && subject.days.iter().all(|day| own.days.contains(day))
            {
                Ok(Some(subject))
            } else {
                told.map(Some)
                    .ok_or_else(|| "主题与附件所写日期不一致".to_owned())
            }
        }
        (subject, own) => Ok(own.or(subject)),
    }
}

fn bare_headline(clues: &Clues, zones: &[Dated]) -> Option<Found> {
    let places = [
        Place::FileName,
        Place::Title,
        Place::Subject,
        Place::AnsweredSubject,
        Place::Cover,
    ];
    places
        .iter()
        .find_map(|place| in_zone(clues, zones, *place, false))
}

/// The days that a short zone names: full dates, or those without a month too.
fn in_zone(clues: &Clues, zones: &[Dated], place: Place, full: bool) -> Option<Found> {
    let mut days = Vec::new();
    let mut seen = String::new();
    for zone in zones.iter().filter(|zone| zone.place == place) {
        for dates in &zone.dates {
            if (dates.full || !full)
                && !is_sending(&zone.text, dates)
                && is_past(dates, clues)
                && !is_writing(&zone.text, dates, place)
            {
                seen.push_str(&zone.text[dates.start..dates.end]);
                days.extend(&dates.days);
            }
        }
    }
    days.sort();
    days.dedup();
    let rule = if full { "full_date" } else { "day_of_month" };
    (!days.is_empty()).then(|| found(days, false, rule, place.name(), &seen))
}

/// The days that the report's text tells of: those that open a sentence, else the first.
fn narrative(clues: &Clues, zones: &[Dated], full: bool) -> Option<Found> {
    let mut all = Vec::new();
    for place in [Place::FirstSentence, Place::Mention] {
        for zone in zones.iter().filter(|zone| zone.place == place) {
            let text = &zone.text;
            let told = zone.dates.iter().filter(|dates| {
                is_past(dates, clues)
                    && is_told(text, dates)
                    && !is_whole_week(dates, clues.campaign)
            });
            all.extend(told.map(|dates| (opens(text, dates), dates)));
        }
    }
    if full && !all.iter().any(|(_, dates)| dates.full) {
        return None;
    }
    let within = |dates: &Dates| dates.days.iter().any(|day| clues.campaign.contains(*day));
    if all.iter().any(|(_, dates)| within(dates)) {
        all.retain(|(_, dates)| within(dates));
    }
    let opening: Vec<&Dates> = all
        .iter()
        .filter(|(opens, _)| *opens)
        .map(|(_, dates)| *dates)
        .collect();
    let chosen = if opening.is_empty() {
        all.first().map(|(_, dates)| *dates).into_iter().collect()
    } else {
        opening
    };
    let mut days: Vec<NaiveDate> = chosen.iter().flat_map(|dates| dates.days.clone()).collect();
    days.sort();
    days.dedup();
    let rule = if full { "full_date" } else { "day_of_month" };
    (!days.is_empty()).then(|| found(days, false, rule, "text", ""))
}

/// 昨日, 今天, 周三, 第二天, counted from the sender's date.
fn relative(clues: &Clues) -> Option<Found> {
    let places = [
        Place::Title,
        Place::FirstSentence,
        Place::Subject,
        Place::Mention,
        Place::FileName,
        Place::Cover,
        Place::CoverSignature,
    ];
    let base = sending_time(clues);
    places.iter().find_map(|place| {
        let mut zones = clues.said.zones.iter().filter(|zone| zone.place == *place);
        zones.find_map(|zone| {
            let (day, rule, word) = relative_day(&zone.text, base, clues.campaign)?;
            (day <= base.date_naive()).then(|| found(vec![day], false, rule, place.name(), word))
        })
    })
}

/// The sender's Date where it lies within two days of the arrival, else the arrival; of a forwarded text, its own.
fn sending_time(clues: &Clues) -> Moment {
    let inner = clues.draft.inner.and_then(|n| clues.content.inner[n].date);
    if let Some(date) = inner {
        return date.with_timezone(&CST);
    }
    let near = |date: &Moment| (*date - clues.arrived).abs() <= TimeDelta::days(2);
    clues
        .content
        .date
        .filter(near)
        .unwrap_or(clues.arrived)
        .with_timezone(&CST)
}

/// The date under the signature, else that of issue in the letterhead: the day of writing.
fn written(clues: &Clues) -> Option<Found> {
    let zone = |place| clues.said.zones.iter().find(|zone| zone.place == place);
    [(Place::Signature, "signature"), (Place::Title, "title")]
        .into_iter()
        .find_map(|(place, name)| {
            let text = arabic(&zone(place)?.text);
            let of_writing = |d: &Dates| place == Place::Signature || is_writing(&text, d, place);
            let dates = dates(&text, clues.campaign, false)
                .into_iter()
                .find(|d| d.full && is_past(d, clues) && of_writing(d))?;
            let week = dates.days.iter().all(|day| clues.campaign.contains(*day));
            let seen = &text[dates.start..dates.end];
            (week && dates.days.len() == 1)
                .then(|| found(dates.days.clone(), true, "date_of_writing", name, seen))
        })
}

/// Before 10:00 the day before, after it that day itself; no day outside the week.
fn arrival(clues: &Clues) -> Option<Found> {
    let arrived = clues.arrived.with_timezone(&CST);
    let today = arrived.date_naive();
    let day = if arrived.time() < clues.campaign.daily_due {
        today - Days::new(1)
    } else {
        today
    };
    clues
        .campaign
        .contains(day)
        .then(|| found(vec![day], true, "arrival", "server", ""))
}

/// 24日报送: the day of sending.
fn is_sending(text: &str, dates: &Dates) -> bool {
    ["报送", "上报", "补报", "发送", "报:", "发的", "发:"]
        .iter()
        .any(|word| text[dates.end..].starts_with(word))
}

/// A date alone on a line of the letterhead, or behind who issues it and as what number, is the day of issue.
fn is_writing(text: &str, dates: &Dates, place: Place) -> bool {
    if place != Place::Title {
        return false;
    }
    let line_start = text[..dates.start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[dates.end..]
        .find('\n')
        .map_or(text.len(), |at| dates.end + at);
    let (line, date) = (&text[line_start..line_end], &text[dates.start..dates.end]);
    let before = text[line_start..dates.start].trim_end();
    let issued = date.contains('年')
        && text[dates.end..line_end].trim().is_empty()
        && [
            "学院",
            "学校",
            "教育局",
            "办公室",
            "中心",
            "委员会",
            "期",
            "编",
        ]
        .iter()
        .any(|end| before.trim_end_matches([')', '）']).ends_with(end));
    line.chars().count() <= date.chars().count() + 2 || issued
}

fn is_past(dates: &Dates, clues: &Clues) -> bool {
    let today = clues.arrived.with_timezone(&CST).date_naive();
    dates
        .days
        .iter()
        .all(|day| *day <= today && (today - *day).num_days() < 40)
}

fn is_whole_week(dates: &Dates, campaign: &Campaign) -> bool {
    dates.days.first() == Some(&campaign.first_day) && dates.days.last() == Some(&campaign.last_day)
}

/// Not 自5月23日…以来, nor 27日还将.
fn is_told(text: &str, dates: &Dates) -> bool {
    let after: String = text[dates.end..].chars().take(14).collect();
    let clause = after
        .split(['，', ',', '。', '；'])
        .next()
        .unwrap_or_default();
    let since = text[..dates.start].ends_with(['自', '从', '截', '于'])
        && (clause.contains("以来") || clause.starts_with('起'));
    let until = text[..dates.start].ends_with("截至")
        || text[..dates.start].ends_with("截止")
        || clause.starts_with(['前']);
    let coming = ["将", "拟", "计划", "预计"]
        .iter()
        .any(|word| clause.contains(word));
    !(since || until || coming)
}

fn found(days: Vec<NaiveDate>, inferred: bool, rule: &str, place: &str, seen: &str) -> Found {
    let evidence = Evidence {
        about: About::Day,
        rule: rule.into(),
        place: place.into(),
        seen: seen.into(),
        weight: 0,
    };
    Found {
        days,
        inferred,
        evidence,
    }
}
