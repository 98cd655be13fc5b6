//! What staff decided about a mail: kept apart from what was judged, and laid over it each time.

use super::{About, Evidence, Kind};
use crate::campaign::Moment;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One decision, of a whole mail or of one of its submissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A report; what is not said is judged as before.
    Assign {
        /// Official name.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        unit: Option<String>,
        /// Activity days, ascending; an empty list says that it has none.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        days: Option<Vec<NaiveDate>>,
        /// What it is.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        kind: Option<Kind>,
    },
    /// No report.
    Ignore,
    /// Of a mail: each text is a submission of its own. Of a submission: it repeats none.
    Split,
    /// Of a submission: one with another, of the same mail or of an earlier one.
    Merge {
        /// SHA-256 of the mail that carries the other.
        mail: String,
        /// Its place there.
        ordinal: usize,
    },
}

impl Change {
    /// 认定 铁岭市教育局 5.24.
    pub fn chinese(&self) -> String {
        match self {
            Self::Assign { unit, days, kind } => {
                let days = days.as_ref().map(|days| {
                    let days: Vec<String> = days
                        .iter()
                        .map(|day| day.format("%-m.%-d").to_string())
                        .collect();
                    if days.is_empty() {
                        "无日期".into()
                    } else {
                        days.join("、")
                    }
                });
                let said = [unit.clone(), days, kind.map(|kind| kind.chinese().into())];
                format!(
                    "认定 {}",
                    said.into_iter().flatten().collect::<Vec<_>>().join(" ")
                )
            }
            Self::Ignore => "非报送".into(),
            Self::Split => "拆分".into(),
            Self::Merge { .. } => "合并".into(),
        }
    }
}

/// A decision with its place and its maker.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// The submission's place in its mail; `None` for the whole mail.
    pub ordinal: Option<usize>,
    /// What was decided.
    pub change: Change,
    /// Of a merge with another mail: the id of the other submission, where there is one.
    pub merged_with: Option<i64>,
    /// Who.
    pub by: String,
    /// When.
    pub at: Moment,
}

/// All decisions about one mail together; a later one overrides an earlier.
#[derive(Debug, Clone, Default)]
pub struct Rulings {
    whole: Ruled,
    parts: BTreeMap<usize, Ruled>,
    /// Each text is a submission of its own.
    pub split: bool,
}

/// What is decided about one submission.
#[derive(Debug, Clone, Default)]
pub struct Ruled {
    /// It is none.
    pub ignored: bool,
    /// Official name.
    pub unit: Option<String>,
    /// Activity days.
    pub days: Option<Vec<NaiveDate>>,
    /// What it is.
    pub kind: Option<Kind>,
    /// `Some(None)`: it repeats no other.
    pub repeats: Option<Option<i64>>,
    /// Joined with the text at this place of the same mail.
    pub joins: Option<usize>,
    said: String,
}

impl Rulings {
    /// Lays the decisions about the mail of hash `mail` over each other, in the order they were made.
    pub fn of(mail: &str, rulings: Vec<Ruling>) -> Self {
        let mut all = Self::default();
        for ruling in rulings {
            all.lay(mail, ruling);
        }
        all
    }

    fn lay(&mut self, mail: &str, ruling: Ruling) {
        if ruling.change == Change::Split && ruling.ordinal.is_none() {
            // The places of submissions are others from here on.
            self.parts.clear();
            self.split = true;
        }
        let ruled = match ruling.ordinal {
            Some(ordinal) => self.parts.entry(ordinal).or_default(),
            None => {
                let parts = self.parts.values_mut();
                parts.for_each(|part| part.give_way(&ruling.change));
                &mut self.whole
            }
        };
        ruled.lay(mail, &ruling);
    }

    /// Whether staff said that the whole mail is no report.
    pub fn ignores_mail(&self) -> bool {
        self.whole.ignored
    }

    /// Whether staff said of the mail, or of a part of it, that it is a report.
    pub fn claims_report(&self) -> bool {
        let assigned = |ruled: &Ruled| ruled.assigns() && !ruled.ignored;
        assigned(&self.whole) || self.parts.values().any(assigned)
    }

    /// What holds for the submission at this place.
    pub fn at(&self, ordinal: usize) -> Ruled {
        let mut ruled = self.whole.clone();
        if let Some(part) = self.parts.get(&ordinal) {
            ruled.override_by(part.clone());
        }
        ruled
    }
}

impl Ruled {
    fn lay(&mut self, mail: &str, ruling: &Ruling) {
        match &ruling.change {
            Change::Assign { unit, days, kind } => {
                self.ignored = false;
                self.unit = unit.clone().or(self.unit.take());
                self.days = days.clone().or(self.days.take());
                self.kind = kind.or(self.kind);
            }
            Change::Ignore => self.ignored = true,
            Change::Split if ruling.ordinal.is_some() => {
                (self.repeats, self.joins) = (Some(None), None);
            }
            Change::Split => {}
            Change::Merge {
                mail: other,
                ordinal,
            } if other == mail => self.joins = Some(*ordinal),
            Change::Merge { .. } => self.repeats = ruling.merged_with.map(Some),
        }
        self.said = format!("{} {}", ruling.by, ruling.at.format("%-m.%-d %H:%M"));
    }

    /// A later decision about the whole mail overrides what it speaks of.
    fn give_way(&mut self, change: &Change) {
        match change {
            Change::Assign { unit, days, kind } => {
                self.ignored = false;
                self.unit.take_if(|_| unit.is_some());
                self.days.take_if(|_| days.is_some());
                self.kind.take_if(|_| kind.is_some());
            }
            Change::Ignore | Change::Split | Change::Merge { .. } => {}
        }
    }

    fn override_by(&mut self, part: Self) {
        self.ignored |= part.ignored;
        self.unit = part.unit.or(self.unit.take());
        self.days = part.days.or(self.days.take());
        self.kind = part.kind.or(self.kind.take());
        self.repeats = part.repeats.or(self.repeats.take());
        self.joins = part.joins.or(self.joins.take());
        if !part.said.is_empty() {
            self.said = part.said;
        }
    }

    fn assigns(&self) -> bool {
        self.unit.is_some() || self.days.is_some() || self.kind.is_some()
    }

    /// For the record: who decided, and when.
    pub fn evidence(&self, about: About) -> Evidence {
        Evidence {
            about,
            rule: "staff".into(),
            place: "correction".into(),
            seen: self.said.clone(),
            weight: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::CST;
    use chrono::TimeZone;

    fn ruling(ordinal: Option<usize>, change: Change) -> Ruling {
        Ruling {
            ordinal,
            change,
            merged_with: None,
            by: "office".into(),
            at: CST.with_ymd_and_hms(2022, 5, 24, 9, 0, 0).unwrap(),
        }
    }

    fn unit(name: &str) -> Change {
        Change::Assign {
            unit: Some(name.into()),
            days: None,
            kind: None,
        }
    }

    #[test]
    fn a_later_decision_overrides_an_earlier_one_and_leaves_what_it_does_not_name() {
        let day = NaiveDate::from_ymd_opt(2022, 5, 24).unwrap();
        let dated = Change::Assign {
            unit: None,
            days: Some(vec![day]),
            kind: None,
        };
        let all = Rulings::of(
            "m",
            vec![
                ruling(None, unit("甲")),
                ruling(None, dated),
                ruling(None, unit("乙")),
            ],
        );
        let ruled = all.at(0);
        assert_eq!(
            (ruled.unit.as_deref(), ruled.days),
            (Some("乙"), Some(vec![day]))
        );
    }

    #[test]
    fn what_is_said_of_a_part_goes_before_what_was_said_of_the_mail_and_gives_way_to_what_is_said_later()
     {
        let (mail, part) = (ruling(None, unit("甲")), ruling(Some(1), unit("乙")));
        let all = Rulings::of("m", vec![mail.clone(), part.clone()]);
        assert_eq!(
            (all.at(0).unit.as_deref(), all.at(1).unit.as_deref()),
            (Some("甲"), Some("乙"))
        );
        assert_eq!(
            Rulings::of("m", vec![part, mail]).at(1).unit.as_deref(),
            Some("甲")
        );
    }

    #[test]
    fn a_mail_that_was_set_aside_is_taken_up_again_by_assigning_it() {
        let all = Rulings::of(
            "m",
            vec![ruling(None, Change::Ignore), ruling(None, unit("甲"))],
        );
        assert!(!all.ignores_mail() && all.claims_report());
    }

    #[test]
    fn splitting_a_mail_forgets_decisions_about_its_former_parts() {
        let all = Rulings::of(
            "m",
            vec![ruling(Some(0), unit("甲")), ruling(None, Change::Split)],
        );
        assert!(all.split && all.at(0).unit.is_none());
    }
}
