//! The campaign pack: chosen reports as folders 单位/日期/标题 that a campaign office can pass on.

use super::Daemon;
use crate::campaign::Moment;
use crate::message::Media;
use crate::outgoing::{contact_sheet, document, ending, fact_in_words, unique};
use crate::standing::Chain;
use crate::store::{FileRow, SubmissionRow, hash, hash_file};
use anyhow::{Context, Result, ensure};
use chrono::NaiveDate;
use rust_xlsxwriter::{DocProperties, Format, Workbook};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Which reports go into a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The shortlist; of a report with later versions the latest.
    Starred,
    /// The latest version of every report.
    All,
}

/// Files of a pack with their hashes, by their paths below its folder, `/` between levels.
type Manifest = BTreeMap<String, String>;

impl Daemon {
    /// Writes the pack into `dir`, which must be new or empty: same facts, same bytes. Gives the number of reports.
    pub fn pack(&self, choice: Choice, dir: &Path, now: Moment) -> Result<usize> {
        let empty = std::fs::read_dir(dir).map_or(Ok(true), |mut all| {
            all.next()
                .map_or(Ok(true), |_| Ok::<_, anyhow::Error>(false))
        })?;
        ensure!(
            empty,
            "{} is not empty; name a new directory",
            dir.display()
        );
        let chosen = self.chosen(choice, now)?;
        let mut writing = Writing {
            dir,
            manifest: Manifest::new(),
        };
        let mut taken: HashMap<String, HashSet<String>> = HashMap::new();
        let mut index = Vec::new();
        for row in &chosen {
            let folder = folder(row, &mut taken);
            let files = self.store.files_of_submission(row.fact.id)?;
            self.write_report(row, &files, &folder, &mut writing)?;
            index.push((row, files, folder));
        }
        writing.write("index.xlsx", &index_of(&index, now)?)?;
        let lines: String = writing
            .manifest
            .iter()
            .map(|(path, sha256)| format!("{sha256}  {path}\n"))
            .collect();
        writing.write("SHA256SUMS", lines.as_bytes())?;
        Ok(chosen.len())
    }

    fn chosen(&self, choice: Choice, now: Moment) -> Result<Vec<SubmissionRow>> {
        let (facts, starred) = (self.facts()?, self.store.starred()?);
        let chains = Chain::all(facts.iter().filter(|fact| fact.arrived <= now));
        let mut chosen: Vec<_> = chains
            .iter()
            .filter(|chain| {
                choice == Choice::All
                    || chain
                        .versions()
                        .iter()
                        .any(|fact| starred.contains(&fact.id))
            })
            .map(Chain::latest)
            .collect();
        chosen.sort_by_key(|fact| {
            (
                &fact.unit,
                fact.days.clone(),
                fact.arrived,
                fact.mail,
                fact.id,
            )
        });
        let row = |fact: &&crate::store::Fact| {
            let rows = self.store.submissions_of(fact.mail)?;
            rows.into_iter()
                .find(|row| row.fact.id == fact.id)
                .context("a submission of its mail")
        };
        chosen.iter().map(row).collect()
    }

    fn write_report(
        &self,
        row: &SubmissionRow,
        files: &[FileRow],
        folder: &str,
        out: &mut Writing,
    ) -> Result<()> {
        let head = format!("{}\n{}\n\n", fact_in_words(&row.fact), row.title);
        let text = format!("{head}{}\n", row.text.trim()).replace('\n', "\r\n");
        // Windows' editors take a text without this mark for GBK.
        out.write(
            &format!("{folder}/正文.txt"),
            format!("\u{FEFF}{text}").as_bytes(),
        )?;
        out.write(
            &format!("{folder}/正文.docx"),
            &document(&row.title, &row.text)?,
        )?;
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let removed = self.store.removed()?;
        for file in files.iter().filter(|file| !removed.contains(&file.sha256)) {
            let what = match file.media {
                Media::Photo => "照片",
                Media::Video => "视频",
                Media::Document | Media::Archive | Media::Other => "附件",
            };
            let number = numbers.entry(what).or_default();
            *number += 1;
            let name = format!("{folder}/{what}{number:02}{}", ending(&file.name));
            out.copy(&name, &self.blobs.bring(&file.sha256)?, &file.sha256)?;
        }
        let looks = self.small_photos(row, files)?;
        if !looks.is_empty() {
            out.write(&format!("{folder}/照片一览.jpg"), &contact_sheet(&looks)?)?;
        }
        Ok(())
    }

    /// Small pictures of a report's photos, in their order; an empty one where there is none.
    fn small_photos(&self, row: &SubmissionRow, files: &[FileRow]) -> Result<Vec<Vec<u8>>> {
        let content = self.store.content(row.fact.mail)?.unwrap_or_default();
        let photos = files.iter().filter(|file| file.media == Media::Photo);
        let small = |file: &FileRow| {
            let details = content.files.get(file.position)?.details.as_ref()?;
            std::fs::read(self.blobs.path(details.thumbnail.as_ref()?)).ok()
        };
        Ok(photos.map(|file| small(file).unwrap_or_default()).collect())
    }
}

/// Where the pack is written, and what was.
struct Writing<'a> {
    dir: &'a Path,
    manifest: Manifest,
}

impl Writing<'_> {
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.place(name)?;
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        self.manifest.insert(name.to_owned(), hash(bytes));
        Ok(())
    }

    /// Copies a kept file; one that is damaged is found out here.
    fn copy(&mut self, name: &str, from: &Path, sha256: &str) -> Result<()> {
        let path = self.place(name)?;
        std::fs::copy(from, &path)
            .with_context(|| format!("cannot copy {} to {}", from.display(), path.display()))?;
        ensure!(
            hash_file(&path)? == sha256,
            "{} is damaged: its hash differs",
            from.display()
        );
        self.manifest.insert(name.to_owned(), sha256.to_owned());
        Ok(())
    }

    fn place(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot create {}", parent.display()))?;
        }
        Ok(path)
    }
}

/// 单位/日期/标题, each a safe name; two reports never share a folder.
fn folder(row: &SubmissionRow, taken: &mut HashMap<String, HashSet<String>>) -> String {
    let unit = crate::outgoing::safe(&row.fact.unit);
    let parent = format!("{unit}/{}", days(&row.fact.days, row.fact.kind.chinese()));
    let title = if row.title.is_empty() {
        row.fact.kind.chinese()
    } else {
        &row.title
    };
    let title = unique(title, taken.entry(parent.clone()).or_default());
    format!("{parent}/{title}")
}

fn days(days: &[NaiveDate], kind: &str) -> String {
    match days {
        [] => kind.to_owned(),
        [day] => day.to_string(),
        [first, .., last] => format!("{first}至{}", last.format("%m-%d")),
    }
}

/// The list of a pack, for Excel.
fn index_of(index: &[(&SubmissionRow, Vec<FileRow>, String)], now: Moment) -> Result<Vec<u8>> {
    const HEADS: [(&str, f64); 8] = [
        ("编号", 9.0),
        ("单位", 30.0),
        ("类别", 14.0),
        ("活动日期", 14.0),
        ("标题", 48.0),
        ("到达时间", 17.0),
        ("附件数", 9.0),
        ("目录", 60.0),
    ];
    let latest = index
        .iter()
        .map(|(row, ..)| row.fact.arrived)
        .max()
        .unwrap_or(now);
    let mut book = Workbook::new();
    book.set_properties(&DocProperties::new().set_creation_datetime(&latest.naive_utc()));
    let (head, day, time) = (
        Format::new().set_bold(),
        Format::new().set_num_format("yyyy-mm-dd"),
        Format::new().set_num_format("yyyy-mm-dd hh:mm"),
    );
    let sheet = book.add_worksheet();
    sheet.set_name("目录")?.set_freeze_panes(1, 0)?;
    for (column, (name, width)) in (0..).zip(HEADS) {
        sheet
            .set_column_width(column, width)?
            .write_string_with_format(0, column, name, &head)?;
    }
    for (n, (row, files, folder)) in (1..).zip(index) {
        sheet.write_string(n, 0, format!("{}.{}", row.fact.mail, row.ordinal + 1))?;
        sheet.write_string(n, 1, &row.fact.unit)?;
        sheet.write_string(n, 2, row.fact.kind.chinese())?;
        if let Some(first) = row.fact.days.first() {
            sheet.write_datetime_with_format(n, 3, first, &day)?;
        }
        sheet.write_string(n, 4, &row.title)?;
        sheet.write_datetime_with_format(n, 5, row.fact.arrived.naive_local(), &time)?;
        sheet.write_number(n, 6, files.len() as f64)?;
        sheet.write_string(n, 7, folder)?;
    }
    sheet.autofilter(0, 0, index.len().max(1) as u32, 7)?;
    Ok(book.save_to_buffer()?)
}
