//! The calendar and the quotas of one activity week, as `config/campaign.toml` states them (rules.md, "The campaign").

mod next;

pub use next::{Next, next};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use regex::Regex;
use serde::{Deserialize, Deserializer};

/// The campaign file of 2022.
pub const BUILT_IN: &str = include_str!("../config/campaign.toml");

/// Mails that arrive so long before the first activity day may be the campaign's already.
const HERALDS: TimeDelta = TimeDelta::days(182);

/// A moment in China Standard Time.
pub type Moment = DateTime<FixedOffset>;

/// China Standard Time, +08:00 all year.
pub const CST: FixedOffset = FixedOffset::east_opt(8 * 3600).unwrap();

/// `local` read as China Standard Time.
pub fn in_china(local: NaiveDateTime) -> Moment {
    local
        .and_local_timezone(CST)
        .single()
        .expect("a fixed offset has one instant for each local time")
}

/// What units owe, and until when.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// 2022年职业教育活动周.
    pub title: String,
    /// Number of the department's notice.
    pub notice: String,
    /// First activity day.
    #[serde(deserialize_with = "toml_date")]
    pub first_day: NaiveDate,
    /// Last activity day, included.
    #[serde(deserialize_with = "toml_date")]
    pub last_day: NaiveDate,
    /// Time of the next day until which a day's report is on time.
    #[serde(deserialize_with = "clock_time")]
    pub daily_due: NaiveTime,
    /// Reports owed for the week.
    pub quota: Quota,
    /// The plan's due.
    pub plan: Due,
    /// The due of summary and statistics table; the end of the counting window too.
    pub summary: Due,
    /// When letters leave.
    pub letters: LetterTimes,
    /// File formats that the department asks for; what a report breaks of them is told and costs nothing.
    #[serde(default)]
    pub format: Format,
}

/// What files should be like. What is not stated is not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Format {
    /// Endings of documents, such as `docx`.
    pub text_files: Vec<String>,
    /// A regular expression that the names of attached files match.
    #[serde(deserialize_with = "pattern")]
    pub file_name: Option<Regex>,
    /// Endings of photos.
    pub photo_types: Vec<String>,
    /// Of the longer side.
    pub photo_least_pixels: u32,
    /// Of 1,048,576 bytes.
    pub photo_most_megabytes: Option<u32>,
    /// Endings of videos.
    pub video_types: Vec<String>,
    /// Length of a video.
    pub video_most_seconds: Option<u64>,
    /// Characters of the text, white space not counted.
    pub text_least_characters: usize,
}

fn pattern<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Regex>, D::Error> {
    let text = String::deserialize(input)?;
    Regex::new(&text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

/// Reports (份) that a unit owes for the whole week.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Quota {
    pub city: u32,
    pub college: u32,
}

/// Something owed once, by the end of a day.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Due {
    /// Still on time on this day.
    #[serde(deserialize_with = "toml_date")]
    pub due: NaiveDate,
    /// Days from `due` on which units that have not delivered are reminded; negative before it.
    pub remind: Vec<i64>,
}

/// The times of day at which letters leave.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct LetterTimes {
    #[serde(deserialize_with = "clock_time")]
    pub digest_at: NaiveTime,
    #[serde(deserialize_with = "clock_time")]
    pub remind_at: NaiveTime,
}

impl Default for Campaign {
    /// The week of 2022.
    fn default() -> Self {
        Self::parse(BUILT_IN).expect("the built-in campaign is tested")
    }
}

impl Campaign {
    /// Reads a campaign file. Errors name the key and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        let campaign: Self = toml::from_str(text).context("not a campaign file")?;
        let c = &campaign;
        ensure!(c.first_day <= c.last_day, "first_day is after last_day");
        ensure!(c.plan.due < c.first_day, "plan.due is not before first_day");
        ensure!(
            c.summary.due > c.last_day,
            "summary.due is not after last_day"
        );
        Ok(campaign)
    }

    /// What arrived before this moment is of a past campaign: half a year before the first activity day.
    pub fn begins(&self) -> Moment {
        in_china(self.first_day.and_time(NaiveTime::MIN)) - HERALDS
    }

    /// The activity days in order.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let last = self.last_day;
        self.first_day
            .iter_days()
            .take_while(move |day| *day <= last)
    }

    /// Number of activity days.
    pub fn length(&self) -> u32 {
        self.days().count() as u32
    }

    /// Whether `day` lies in the activity week.
    pub fn contains(&self, day: NaiveDate) -> bool {
        (self.first_day..=self.last_day).contains(&day)
    }

    /// Until when the report of `day` is on time: the next day's 10:00.
    pub fn due_of(&self, day: NaiveDate) -> Moment {
        in_china((day + Days::new(1)).and_time(self.daily_due))
    }

    /// Whether a report that arrived then counts toward the quota (rules.md, "Kinds").
    pub fn counts_at(&self, arrived: Moment) -> bool {
        let day = arrived.with_timezone(&CST).date_naive();
        (self.first_day..=self.summary.due).contains(&day)
    }

    /// Activity days whose due was past at `now`.
    pub fn days_past(&self, now: Moment) -> u32 {
        self.days().filter(|day| self.due_of(*day) < now).count() as u32
    }

    /// The day that lies as the `n`th of the week (from 1), where there is one.
    pub fn nth_day(&self, n: u32) -> Option<NaiveDate> {
        self.days().nth(n.checked_sub(1)? as usize)
    }

    /// Whether staff get a digest on `day`.
    pub fn digest_on(&self, day: NaiveDate) -> bool {
        let next = Days::new(1);
        (self.first_day..=self.last_day + next).contains(&day)
            || day == self.plan.due + next
            || day == self.summary.due + next
    }
}

impl Due {
    /// The first moment that is late.
    pub fn end(&self) -> Moment {
        in_china((self.due + Days::new(1)).and_time(NaiveTime::MIN))
    }

    /// The last day on which those who have not delivered are reminded.
    pub fn last_reminder(&self) -> NaiveDate {
        let days = self.remind.iter().max().copied().unwrap_or_default();
        self.due + TimeDelta::days(days)
    }

    /// Whether those who have not delivered are reminded on `day`.
    pub fn reminds_on(&self, day: NaiveDate) -> bool {
        self.remind.contains(&(day - self.due).num_days())
    }
}

fn toml_date<'de, D: Deserializer<'de>>(input: D) -> Result<NaiveDate, D::Error> {
    let date = toml::value::Datetime::deserialize(input)?;
    date.to_string()
        .parse()
        .map_err(|_| serde::de::Error::custom("expected a day such as 2022-05-23"))
}

/// A time of day such as "10:30".
pub fn clock_time<'de, D: Deserializer<'de>>(input: D) -> Result<NaiveTime, D::Error> {
    let text = String::deserialize(input)?;
    NaiveTime::parse_from_str(&text, "%H:%M")
        .map_err(|_| serde::de::Error::custom("expected a time of day such as \"10:30\""))
}
