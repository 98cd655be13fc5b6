//! The workbook beside the digest: everything that a letter has no room for, for Excel, WPS and LibreOffice.
//!
//! Texts are written as strings and never as formulas, whatever they begin with.

use super::facts::{AsideLine, ChangeLine, LinkLine, MediaCounts, ReviewLine};
use super::spoken::{day_in_words, owed_in_words};
use super::token::without_code;
use super::words;
use crate::campaign::{CST, Campaign, Moment};
use crate::roster::UnitKind;
use crate::standing::{Cell, DayState, Owed, Standing, Statistics};
use crate::store::{Entry, LetterRow, LetterState};
use anyhow::Result;
use chrono::NaiveDate;
use rust_xlsxwriter::{
    Color, DocProperties, Format, FormatAlign, FormatBorder, Formula, Workbook, Worksheet,
    XlsxError,
};
use std::collections::{BTreeSet, HashMap};

/// A cell of Excel holds no more characters.
const MOST_CHARACTERS: usize = 32_000;

/// Everything that the workbook lists.
#[derive(Debug)]
pub struct Book<'a> {
    /// The calendar.
    pub campaign: &'a Campaign,
    /// When it is written: the only time in the file.
    pub now: Moment,
    /// Every unit, in the order of the roster.
    pub standings: &'a [Standing],
    /// Every submission, in order of arrival.
    pub entries: &'a [Entry],
    /// Of each submission (its id) with a daily due, whether it was on time.
    pub on_time: &'a HashMap<i64, Option<bool>>,
    /// Ids of the submissions that count toward the quota.
    pub counted: &'a BTreeSet<i64>,
    /// Ids of the shortlist.
    pub starred: &'a BTreeSet<i64>,
    /// Mails that a person must decide, then those that could not be read.
    pub review: Vec<&'a ReviewLine>,
    /// All letters.
    pub letters: &'a [LetterRow],
    /// The units' tables laid together.
    pub statistics: &'a Statistics,
    /// Links whose files have to be saved by hand.
    pub links: &'a [LinkLine],
    /// Mails that are no reports.
    pub set_aside: &'a [AsideLine],
    /// Corrections by staff.
    pub changes: &'a [ChangeLine],
}

/// The file's bytes: same facts, same bytes.
pub fn workbook(book: &Book<'_>) -> Result<Vec<u8>> {
    let mut file = Workbook::new();
    let properties = DocProperties::new().set_title(format!("{}报送情况", book.campaign.title));
    file.set_properties(&properties.set_creation_datetime(&book.now.naive_utc()));
    let styles = Styles::new();
    progress(&mut file, book, &styles)?;
    ledger(&mut file, book, &styles)?;
    review(&mut file, book, &styles)?;
    letters(&mut file, book, &styles)?;
    statistics(&mut file, book, &styles)?;
    links(&mut file, book, &styles)?;
    set_aside(&mut file, book, &styles)?;
    changes(&mut file, book, &styles)?;
    Ok(file.save_to_buffer()?)
}

struct Styles {
    head: Format,
    centre: Format,
    day: Format,
    moment: Format,
    number: Format,
    late: Format,
    missing: Format,
}

impl Styles {
    fn new() -> Self {
        let text = Format::new()
            .set_font_name("宋体")
            .set_font_size(11)
            .set_align(FormatAlign::Top);
        let centre = text.clone().set_align(FormatAlign::Center);
        Self {
            head: centre
                .clone()
                .set_bold()
                .set_text_wrap()
                .set_background_color(Color::RGB(0x00E6_ECF5))
                .set_border(FormatBorder::Thin),
            day: centre.clone().set_num_format("yyyy-mm-dd"),
            moment: centre.clone().set_num_format("yyyy-mm-dd hh:mm"),
            number: text.clone().set_num_format("#,##0.##"),
            late: centre.clone().set_background_color(Color::RGB(0x00FD_EEBA)),
            missing: centre.clone().set_background_color(Color::RGB(0x00FB_D9D5)),
            centre,
        }
    }

    fn of_day(&self, state: DayState) -> &Format {
        match state {
            DayState::Late => &self.late,
            DayState::Missing => &self.missing,
            DayState::OnTime | DayState::NotDue => &self.centre,
        }
    }

    fn of_owed(&self, owed: Owed) -> &Format {
        if owed == Owed::Missing {
            &self.missing
        } else {
            &self.centre
        }
    }
}

/// A sheet that is written row by row under its heads.
struct Sheet<'a> {
    sheet: &'a mut Worksheet,
    styles: &'a Styles,
    row: u32,
    column: u16,
}

impl<'a> Sheet<'a> {
    /// `heads` are names and widths; the first `fixed` columns stay in sight.
    fn new(
        file: &'a mut Workbook,
        name: &str,
        styles: &'a Styles,
        heads: &[(&str, f64)],
        fixed: u16,
    ) -> Result<Self, XlsxError> {
        let sheet = file.add_worksheet_with_constant_memory()?;
        sheet
            .set_name(name)?
            .set_freeze_panes(1, fixed)?
            .set_landscape();
        for (column, (head, width)) in (0..).zip(heads) {
            sheet.set_column_width(column, *width)?;
            sheet.write_string_with_format(0, column, cut(head), &styles.head)?;
        }
        Ok(Self {
            sheet,
            styles,
            row: 0,
            column: 0,
        })
    }

    fn next_row(&mut self) {
        self.row += 1;
        self.column = 0;
    }

    fn place(&mut self) -> (u32, u16) {
        self.column += 1;
        (self.row, self.column - 1)
    }

    fn styled(&mut self, text: &str, format: &Format) -> Result<(), XlsxError> {
        let (row, column) = self.place();
        if !text.is_empty() {
            self.sheet
                .write_string_with_format(row, column, cut(text), format)?;
        }
        Ok(())
    }

    /// In the workbook's own style, which costs least: most cells are texts.
    fn text(&mut self, text: &str) -> Result<(), XlsxError> {
        let (row, column) = self.place();
        if !text.is_empty() {
            self.sheet.write_string(row, column, cut(text))?;
        }
        Ok(())
    }

    fn centred(&mut self, text: &str) -> Result<(), XlsxError> {
        let styles = self.styles;
        self.styled(text, &styles.centre)
    }

    fn number(&mut self, number: impl Into<f64>) -> Result<(), XlsxError> {
        let (row, column) = self.place();
        self.sheet
            .write_number_with_format(row, column, number.into(), &self.styles.number)?;
        Ok(())
    }

    /// A number without fractions.
    fn count(&mut self, count: u32) -> Result<(), XlsxError> {
        let (row, column) = self.place();
        self.sheet.write_number(row, column, count)?;
        Ok(())
    }

    fn day(&mut self, day: Option<NaiveDate>) -> Result<(), XlsxError> {
        let (row, column) = self.place();
        if let Some(day) = day {
            self.sheet
                .write_datetime_with_format(row, column, day, &self.styles.day)?;
        }
        Ok(())
    }

    fn moment(&mut self, moment: Option<Moment>) -> Result<(), XlsxError> {
        let (row, column) = self.place();
        if let Some(moment) = moment {
            let local = moment.with_timezone(&CST).naive_local();
            self.sheet
                .write_datetime_with_format(row, column, local, &self.styles.moment)?;
        }
        Ok(())
    }

    /// Filters over all rows that were written.
    fn end(self, columns: usize) -> Result<(), XlsxError> {
        self.sheet
            .autofilter(0, 0, self.row.max(1), columns.saturating_sub(1) as u16)?;
        Ok(())
    }
}

/// Without control characters, which no XML holds, and no longer than a cell.
fn cut(text: &str) -> String {
    if text.len() < MOST_CHARACTERS && !text.contains(|c: char| c.is_control() && c != '\n') {
        return text.to_owned();
    }
    text.chars()
        .filter(|c| !c.is_control() || *c == '\n')
        .take(MOST_CHARACTERS)
        .collect()
}

fn progress(file: &mut Workbook, book: &Book, styles: &Styles) -> Result<()> {
    let days: Vec<String> = book.campaign.days().map(words::day).collect();
    let mut heads = vec![
        ("单位", 32.0),
        ("类别", 8.0),
        ("已报份数", 10.0),
        ("应报份数", 10.0),
        ("按时天数", 10.0),
        ("进度", 10.0),
    ];
    heads.extend(days.iter().map(|day| (day.as_str(), 10.0)));
    heads.extend([("实施方案", 10.0), ("总结", 10.0), ("情况统计表", 12.0)]);
    let mut sheet = Sheet::new(file, "进度", styles, &heads, 1)?;
    for standing in book.standings {
        sheet.next_row();
        sheet.text(&standing.unit)?;
        sheet.centred(match standing.kind {
            UnitKind::City => "市",
            UnitKind::College => "高职院校",
        })?;
        sheet.number(standing.reports)?;
        sheet.number(standing.quota)?;
        let on_time = standing
            .days
            .values()
            .filter(|state| **state == DayState::OnTime);
        sheet.number(on_time.count() as u32)?;
        sheet.centred(if standing.behind { "落后" } else { "正常" })?;
        for state in standing.days.values() {
            sheet.styled(day_in_words(*state), styles.of_day(*state))?;
        }
        for owed in [standing.plan, standing.summary, standing.statistics] {
            sheet.styled(owed_in_words(owed), styles.of_owed(owed))?;
        }
    }
    Ok(sheet.end(heads.len())?)
}

fn ledger(file: &mut Workbook, book: &Book, styles: &Styles) -> Result<()> {
    const HEADS: [(&str, f64); 18] = [
        ("编号", 9.0),
        ("单位", 30.0),
        ("类别", 14.0),
        ("活动日期", 12.0),
        ("至", 12.0),
        ("日期依据", 10.0),
        ("标题", 48.0),
        ("到达时间", 17.0),
        ("是否按时", 10.0),
        ("计入份数", 10.0),
        ("更新此前", 10.0),
        ("遴选", 7.0),
        ("照片", 7.0),
        ("视频", 7.0),
        ("文档", 7.0),
        ("附件名称", 40.0),
        ("发件人", 28.0),
        ("邮件主题", 40.0),
    ];
    let mut sheet = Sheet::new(file, "台账", styles, &HEADS, 2)?;
    let yes = |is: bool| if is { "是" } else { "" };
    for entry in book.entries {
        let media: MediaCounts = entry.files.iter().map(|(media, _)| *media).collect();
        let names: Vec<&str> = entry.files.iter().map(|(_, name)| name.as_str()).collect();
        let last = entry.days.last().copied().filter(|_| entry.days.len() > 1);
        sheet.next_row();
        sheet.text(&format!("{}.{}", entry.mail, entry.ordinal + 1))?;
        sheet.text(&entry.unit)?;
        sheet.text(entry.kind.chinese())?;
        sheet.day(entry.days.first().copied())?;
        sheet.day(last)?;
        sheet.text(if entry.day_inferred { "推定" } else { "" })?;
        sheet.text(&entry.title)?;
        sheet.moment(Some(entry.arrived))?;
        match book.on_time.get(&entry.id).copied().flatten() {
            Some(true) => sheet.text("按时")?,
            Some(false) => sheet.styled("迟报", &styles.late)?,
            None => sheet.text("")?,
        }
        sheet.text(yes(book.counted.contains(&entry.id)))?;
        sheet.text(yes(entry.repeats))?;
        sheet.text(if book.starred.contains(&entry.id) {
            "★"
        } else {
            ""
        })?;
        sheet.count(media.photos as u32)?;
        sheet.count(media.videos as u32)?;
        sheet.count(media.documents as u32)?;
        sheet.text(&names.join("、"))?;
        sheet.text(&entry.from)?;
        sheet.text(&entry.subject)?;
    }
    Ok(sheet.end(HEADS.len())?)
}

fn review(file: &mut Workbook, book: &Book, styles: &Styles) -> Result<()> {
    const HEADS: [(&str, f64); 7] = [
        ("邮件编号", 10.0),
        ("到达时间", 17.0),
        ("发件人", 28.0),
        ("邮件主题", 44.0),
        ("原因", 44.0),
        ("可能的单位", 40.0),
        ("附件名称", 40.0),
    ];
    let mut sheet = Sheet::new(file, "待核", styles, &HEADS, 1)?;
    for mail in &book.review {
        sheet.next_row();
        sheet.centred(
            &mail
                .number
                .map(|number| number.to_string())
                .unwrap_or_default(),
        )?;
        sheet.moment(Some(mail.arrived))?;
        sheet.text(&mail.from)?;
        sheet.text(&mail.subject)?;
        sheet.text(&mail.reason)?;
        sheet.text(&mail.candidates.join("、"))?;
        sheet.text(&mail.files.join("、"))?;
    }
    Ok(sheet.end(HEADS.len())?)
}

fn letters(file: &mut Workbook, book: &Book, styles: &Styles) -> Result<()> {
    const HEADS: [(&str, f64); 8] = [
        ("类别", 10.0),
        ("对象", 30.0),
        ("日期", 12.0),
        ("收件人", 28.0),
        ("主题", 48.0),
        ("状态", 12.0),
        ("时间", 17.0),
        ("答复", 44.0),
    ];
    let mut sheet = Sheet::new(file, "发件", styles, &HEADS, 2)?;
    for letter in book.letters {
        sheet.next_row();
        sheet.centred(rule_in_words(&letter.rule))?;
        sheet.text(&letter.about)?;
        sheet.day(Some(letter.day))?;
        sheet.text(&letter.recipient)?;
        // The token of one member of staff is nobody else's.
        sheet.text(without_code(&letter.subject))?;
        sheet.centred(state_in_words(letter.state))?;
        sheet.moment(Some(letter.changed_at))?;
        sheet.text(&letter.answer.replace(&letter.message_id, ""))?;
    }
    Ok(sheet.end(HEADS.len())?)
}

/// 日报, 提醒函, 回执 or 回复确认.
pub fn rule_in_words(rule: &str) -> &str {
    match rule {
        "digest" => "日报",
        "reminder" => "提醒函",
        "receipt" => "回执",
        "answer" => "回复确认",
        "alarm" => "告警",
        other => other,
    }
}

fn state_in_words(state: LetterState) -> &'static str {
    match state {
        LetterState::Queued => "待发",
        LetterState::Sending => "发送中",
        LetterState::Sent => "已发出",
        LetterState::Refused => "被拒收",
        LetterState::GivenUp => "多次未发出",
        LetterState::Bounced => "被退回",
        LetterState::Superseded => "已取消",
    }
}

/// The units' tables, the sums of their columns, and below them what does not add up.
fn statistics(file: &mut Workbook, book: &Book, styles: &Styles) -> Result<()> {
    let all = book.statistics;
    let mut heads = vec![("单位", 30.0)];
    heads.extend(all.columns.iter().map(|name| (name.as_str(), 16.0)));
    let mut sheet = Sheet::new(file, "统计表汇总", styles, &heads, 1)?;
    for row in &all.rows {
        sheet.next_row();
        sheet.text(&row.unit)?;
        for column in 0..all.columns.len() {
            match row.cells.get(&column) {
                Some(Cell::Number(number)) => sheet.number(*number)?,
                Some(Cell::Text(text)) => sheet.text(text)?,
                Some(Cell::Empty) | None => sheet.text("")?,
            }
        }
    }
    sheet
        .sheet
        .autofilter(0, 0, sheet.row.max(1), (heads.len() - 1) as u16)?;
    if !all.rows.is_empty() {
        let last = sheet.row + 1;
        sheet.next_row();
        sheet.styled("合计", &styles.head)?;
        for (column, sum) in (1..).zip(&all.sums) {
            let (row, at) = sheet.place();
            if let Some(sum) = sum {
                let letter = rust_xlsxwriter::utility::column_number_to_name(column);
                let formula = Formula::new(format!("=SUM({letter}2:{letter}{last})"))
                    .set_result(sum.to_string());
                sheet
                    .sheet
                    .write_formula_with_format(row, at, formula, &styles.number)?;
            }
        }
    }
    if !all.doubts.is_empty() {
        sheet.next_row();
        sheet.next_row();
        for head in ["需核对", "栏目", "所填", "问题"] {
            sheet.styled(head, &styles.head)?;
        }
    }
    for doubt in &all.doubts {
        sheet.next_row();
        for text in [&doubt.unit, &doubt.column, &doubt.cell, &doubt.why] {
            sheet.text(text)?;
        }
    }
    Ok(())
}

fn links(file: &mut Workbook, book: &Book, styles: &Styles) -> Result<()> {
    const HEADS: [(&str, f64); 4] = [
        ("单位", 30.0),
        ("服务", 18.0),
        ("到期时间", 17.0),
        ("链接", 80.0),
    ];
    let mut sheet = Sheet::new(file, "待下载链接", styles, &HEADS, 1)?;
    for link in book.links {
        sheet.next_row();
        sheet.text(&link.unit)?;
        sheet.text(&link.provider)?;
        sheet.moment(link.expires_at)?;
        sheet.text(&link.url)?;
    }
    Ok(sheet.end(HEADS.len())?)
}

fn set_aside(file: &mut Workbook, book: &Book, styles: &Styles) -> Result<()> {
    const HEADS: [(&str, f64); 3] = [("邮件主题", 48.0), ("发件人", 30.0), ("原因", 40.0)];
    let mut sheet = Sheet::new(file, "非报送", styles, &HEADS, 0)?;
    for mail in book.set_aside {
        sheet.next_row();
        sheet.text(&mail.subject)?;
        sheet.text(&mail.from)?;
        sheet.text(&mail.reason)?;
    }
    Ok(sheet.end(HEADS.len())?)
}

fn changes(file: &mut Workbook, book: &Book, styles: &Styles) -> Result<()> {
    const HEADS: [(&str, f64); 7] = [
        ("更正编号", 10.0),
        ("邮件", 10.0),
        ("邮件主题", 44.0),
        ("更正", 36.0),
        ("更正人", 28.0),
        ("时间", 17.0),
        ("是否撤销", 10.0),
    ];
    let mut sheet = Sheet::new(file, "更正", styles, &HEADS, 1)?;
    for change in book.changes {
        sheet.next_row();
        sheet.text(
            &change
                .number
                .map(|number| number.to_string())
                .unwrap_or_default(),
        )?;
        sheet.centred(&change.target)?;
        sheet.text(&change.subject)?;
        sheet.text(&change.change)?;
        sheet.text(&change.by)?;
        sheet.moment(Some(change.at))?;
        sheet.centred(if change.revoked { "已撤销" } else { "" })?;
    }
    Ok(sheet.end(HEADS.len())?)
}
