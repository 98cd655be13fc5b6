//! The reports that a digest shows: words, notes, small pictures.

use super::Daemon;
use crate::attribution::{Flag, FlagKind, Kind};
use crate::campaign::Moment;
use crate::message::{Content, Media};
use crate::outgoing::{MOST_REPORTS, MediaCounts, Picture, ReportLine, TwiceLine};
use crate::standing::breaks;
use crate::store::{FileRow, SubmissionRow};
use anyhow::Result;
use std::collections::HashMap;

/// Of all small pictures in one digest: larger mails are slow on a telephone.
const PICTURE_BYTES: usize = 900_000;
/// Pictures of one report.
const PICTURES: usize = 3;
/// As shown, pixels.
const PICTURE_WIDTH: u32 = 120;

impl Daemon {
    pub(super) fn report_lines(
        &self,
        on_time: &HashMap<i64, Option<bool>>,
        since: Moment,
        now: Moment,
    ) -> Result<Vec<ReportLine>> {
        let starred = self.store.starred()?;
        let rows = self.store.first_submissions(since, now, MOST_REPORTS)?;
        let mut lines = Vec::with_capacity(rows.len());
        let mut looks = Vec::new();
        for row in rows {
            let files = self.store.files_of_submission(row.fact.id)?;
            let content = self.store.content(row.fact.mail)?.unwrap_or_default();
            looks.push(looks_of(&content, &files));
            let mut line = report_line(
                &row,
                &files,
                self.number(&row)?,
                self.notes(&row)?,
                on_time.get(&row.fact.id).copied().flatten(),
            );
            line.breaks = self.breaks_of(&content, &row, &files);
            line.starred = starred.contains(&row.fact.id);
            lines.push(line);
        }
        self.add_pictures(&mut lines, &looks);
        Ok(lines)
    }

    /// The first picture of every report before the second of any, as far as the room goes.
    fn add_pictures(&self, lines: &mut [ReportLine], looks: &[Vec<(String, String)>]) {
        let mut left = PICTURE_BYTES;
        for n in 0..PICTURES {
            for (line, looks) in lines.iter_mut().zip(looks) {
                let Some((alt, sha256)) = looks.get(n) else {
                    continue;
                };
                let Ok(bytes) = std::fs::read(self.blobs.path(sha256)) else {
                    continue;
                };
                if bytes.len() <= left {
                    left -= bytes.len();
                    line.pictures.push(Picture {
                        name: format!("p{}-{}.jpg", line.number, n + 1),
                        alt: alt.clone(),
                        width: PICTURE_WIDTH,
                        bytes,
                    });
                }
            }
        }
    }

    /// What a submission breaks of the stated formats.
    pub(super) fn breaks(&self, row: &SubmissionRow, files: &[FileRow]) -> Result<Vec<String>> {
        let content = self.store.content(row.fact.mail)?.unwrap_or_default();
        Ok(self.breaks_of(&content, row, files))
    }

    fn breaks_of(&self, content: &Content, row: &SubmissionRow, files: &[FileRow]) -> Vec<String> {
        let own: Vec<_> = files
            .iter()
            .filter_map(|file| content.files.get(file.position))
            .collect();
        let is_text = row.fact.kind != Kind::Supplement && row.fact.kind != Kind::Statistics;
        let text = if is_text { row.text.as_str() } else { "" };
        let mut format = self.campaign.format.clone();
        if !is_text {
            format.text_least_characters = 0;
        }
        breaks(&format, text, &own)
    }

    /// Submissions whose words or photos came before.
    pub(super) fn twice_lines(&self, since: Moment, now: Moment) -> Result<Vec<TwiceLine>> {
        let rows = self.store.flagged(since, now)?;
        let line = |row: &SubmissionRow| {
            Ok(TwiceLine {
                number: self.number(row)?,
                unit: row.fact.unit.clone(),
                notes: self.notes(row)?,
            })
        };
        rows.iter().map(line).collect()
    }

    /// As corrections name it: the mail's number, and its place there where the mail has several.
    fn number(&self, row: &SubmissionRow) -> Result<String> {
        let alone = self.store.submissions_of(row.fact.mail)?.len() == 1;
        let place = if alone {
            String::new()
        } else {
            format!(".{}", row.ordinal + 1)
        };
        Ok(format!("{}{place}", row.fact.mail))
    }

    /// What is odd about a submission, in words.
    fn notes(&self, row: &SubmissionRow) -> Result<Vec<String>> {
        let note = |flag: &Flag| {
            let place = self.store.place_of(flag.submission)?;
            let mail = place
                .map(|(mail, _)| format!("（邮件{mail}）"))
                .unwrap_or_default();
            Ok(match flag.what {
                FlagKind::TextOfOther => format!("文字与{}的“{}”{mail}相近", flag.unit, flag.seen),
                FlagKind::PhotoSeen => {
                    format!("“{}”已见于{}的另一份报送{mail}", flag.seen, flag.unit)
                }
            })
        };
        row.flags.iter().map(note).collect()
    }
}

fn report_line(
    row: &SubmissionRow,
    files: &[FileRow],
    number: String,
    notes: Vec<String>,
    on_time: Option<bool>,
) -> ReportLine {
    ReportLine {
        number,
        notes,
        unit: row.fact.unit.clone(),
        kind: row.fact.kind,
        days: row.fact.days.clone(),
        day_inferred: row.day_inferred,
        arrived: row.fact.arrived,
        on_time,
        repeats: row.fact.repeats.is_some(),
        title: row.title.clone(),
        lines: first_lines(row),
        files: files.iter().map(|file| file.name.clone()).collect(),
        media: files.iter().map(|file| file.media).collect::<MediaCounts>(),
        links: row.links.clone(),
        breaks: Vec::new(),
        pictures: Vec::new(),
        starred: false,
    }
}

/// Words for who sees no pictures, and the hash of the small picture, of the first photos and videos.
fn looks_of(content: &Content, files: &[FileRow]) -> Vec<(String, String)> {
    let looks = files.iter().filter_map(|file| {
        let what = match file.media {
            Media::Photo => "照片",
            Media::Video => "视频",
            _ => return None,
        };
        let details = content.files.get(file.position)?.details.as_ref()?;
        Some((format!("{what}：{}", file.name), details.thumbnail.clone()?))
    });
    looks.take(PICTURES).collect()
}

/// Up to three lines of the text below its title.
fn first_lines(row: &SubmissionRow) -> Vec<String> {
    let lines = row
        .text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && *line != row.title);
    lines
        .take(3)
        .map(|line| line.chars().take(100).collect())
        .collect()
}
