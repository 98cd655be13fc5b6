//! The campaign file of another year, made from one that is there: dates moved, comments kept.

use super::Campaign;
use anyhow::{Context, Result, ensure};
use chrono::{Datelike, NaiveDate, TimeDelta};
use toml_edit::{Datetime, DocumentMut, Item, Table, Value};

/// A campaign file for another year.
pub struct Next {
    /// The file, with the comments of the old one.
    pub text: String,
    /// What it says.
    pub campaign: Campaign,
    /// Days by which every date was moved.
    pub moved: i64,
}

/// Moves every date of the campaign file `text` by as many days as its first activity day moves: to `first_day`, or else
/// to the day of `year` that is nearest the same date and falls on the same weekday. The title tells the new year; the
/// number of the notice, which nobody can know yet, is left empty.
///
/// # Errors
/// When `text` is no campaign file, `first_day` is not of `year`, or a day is beyond what a calendar holds.
pub fn next(text: &str, year: i32, first_day: Option<NaiveDate>) -> Result<Next> {
    let old = Campaign::parse(text)?;
    let first_day = match first_day {
        Some(day) => day,
        None => same_weekday(old.first_day, year).context("no such year")?,
    };
    ensure!(
        first_day.year() == year,
        "the first activity day {first_day} is not of {year}"
    );
    let by = first_day - old.first_day;
    let mut document: DocumentMut = text.parse().context("not a campaign file")?;
    move_dates(document.as_table_mut(), by)?;
    let old_year = old.first_day.year().to_string();
    let title = old.title.replace(&old_year, &year.to_string());
    set(&mut document, "title", &title);
    set(&mut document, "notice", "");
    let text = format!(
        "# 由《{}》的校历文件生成，各日期移动{}天。日期以当年通知为准，请逐项核对，并填写通知文号（notice）。\n{document}",
        old.title,
        by.num_days()
    );
    Ok(Next {
        campaign: Campaign::parse(&text)?,
        moved: by.num_days(),
        text,
    })
}

/// The day of `year` with the weekday of `day` that is nearest to its month and day.
fn same_weekday(day: NaiveDate, year: i32) -> Option<NaiveDate> {
    let anniversary = day
        .with_year(year)
        .or_else(|| NaiveDate::from_ymd_opt(year, 2, 28))?;
    (-3..=3)
        .map(|days| anniversary + TimeDelta::days(days))
        .find(|near| near.weekday() == day.weekday())
}

fn move_dates(table: &mut Table, by: TimeDelta) -> Result<()> {
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(inner) => move_dates(inner, by)?,
            Item::Value(value) => move_date(value, by)?,
            _ => {}
        }
    }
    Ok(())
}

fn move_date(value: &mut Value, by: TimeDelta) -> Result<()> {
    let Some(date) = value.as_datetime() else {
        return Ok(());
    };
    let day: NaiveDate = date.to_string().parse()?;
    let moved = day.checked_add_signed(by).context("no such day")?;
    replace(value, moved.to_string().parse::<Datetime>()?.into());
    Ok(())
}

fn set(document: &mut DocumentMut, key: &str, text: &str) {
    if let Some(value) = document.get_mut(key).and_then(Item::as_value_mut) {
        replace(value, text.into());
    }
}

/// What stands around the value stays: the comment behind it.
fn replace(value: &mut Value, new: Value) {
    let around = value.decor().clone();
    *value = new;
    *value.decor_mut() = around;
}

#[cfg(test)]
mod tests {
    use super::super::BUILT_IN;
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn without_a_first_day_the_same_weekday_nearest_is_taken() {
        let next = next(BUILT_IN, 2023, None).unwrap();
        assert_eq!(next.campaign.first_day, day("2023-05-22"));
        assert_eq!(next.moved, 364);
        for year in 1970..2100 {
            let near = same_weekday(day("2024-02-29"), year).unwrap();
            assert_eq!(near.weekday(), chrono::Weekday::Thu);
            assert_eq!(near.year(), year);
        }
    }

    #[test]
    fn every_date_moves_by_the_same_days() {
        let moved = next(BUILT_IN, 2023, Some(day("2023-05-14"))).unwrap();
        let campaign = moved.campaign;
        assert_eq!(campaign.last_day, day("2023-05-20"));
        assert_eq!(campaign.plan.due, day("2023-05-01"));
        assert_eq!(campaign.summary.due, day("2023-05-21"));
        assert_eq!(campaign.quota.city, 3);
        assert_eq!(moved.moved, 356);
    }

    #[test]
    fn comments_and_all_else_stay() {
        let text = next(BUILT_IN, 2023, None).unwrap().text;
        let bare = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| {
                !["title", "notice", "first_day", "last_day", "due ="]
                    .iter()
                    .any(|key| line.starts_with(key))
            });
            lines.map(str::to_owned).collect()
        };
        assert_eq!(bare(&text)[1..], bare(BUILT_IN));
        assert!(text.contains("title = \"2023年职业教育活动周\"\nnotice = \"\"\n"));
    }

    #[test]
    fn a_comment_behind_a_date_stays() {
        let noted = BUILT_IN.replace("2022-05-30", "2022-05-30 # 周一");
        let text = next(&noted, 2023, None).unwrap().text;
        assert!(text.contains("due = 2023-05-29 # 周一"), "{text}");
    }

    #[test]
    fn a_first_day_of_another_year_is_refused() {
        assert!(next(BUILT_IN, 2023, Some(day("2024-05-12"))).is_err());
    }
}
