//! A 情况统计表 as its unit wrote it: columns under one or several rows of heads, and what its cells say.

use regex::Regex;
use std::sync::LazyLock;

/// A table, whatever the depth of its heads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Heads from top to bottom joined by `·`, white space dropped.
    pub columns: Vec<String>,
    /// As wide as `columns`. Rows that only sum up others are left out.
    pub rows: Vec<Vec<Cell>>,
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing, or a dash.
    Empty,
    /// A number, its measure (人, 场, 万元) dropped.
    Number(f64),
    /// Anything else, as written.
    Text(String),
}

impl Table {
    /// The largest table in a text whose rows are lines and whose cells are parted by tabs.
    pub fn read(text: &str) -> Option<Self> {
        let mut blocks: Vec<Vec<Vec<&str>>> = vec![Vec::new()];
        for line in text.lines() {
            let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
            match blocks.last_mut() {
                Some(block) if cells.len() > 1 => block.push(cells),
                Some(block) if !block.is_empty() => blocks.push(Vec::new()),
                _ => {}
            }
        }
        let size = |block: &Vec<Vec<&str>>| block.iter().map(Vec::len).sum::<usize>();
        let block = blocks.into_iter().max_by_key(size)?;
        Self::of(&block)
    }

    fn of(rows: &[Vec<&str>]) -> Option<Self> {
        let first = rows.iter().position(|row| holds_data(row))?;
        let width = rows.iter().map(Vec::len).max()?;
        let columns = heads(&rows[..first], width);
        let named = columns.iter().any(|name| !name.is_empty());
        let data = rows[first..].iter().filter(|row| !sums_up(row));
        let rows: Vec<Vec<Cell>> = data
            .map(|row| {
                (0..width)
                    .map(|n| Cell::read(row.get(n).copied().unwrap_or("")))
                    .collect()
            })
            .collect();
        (named && !rows.is_empty()).then_some(Self { columns, rows })
    }

    /// Whether a column counts something: its head is no label, and a cell of it is a number.
    pub fn is_counted(&self, column: usize) -> bool {
        let label = ["序号", "编号", "电话", "日期", "时间", "邮编"]
            .iter()
            .any(|word| self.columns[column].contains(word));
        !label
            && self
                .rows
                .iter()
                .any(|row| matches!(row[column], Cell::Number(_)))
    }
}

impl Cell {
    fn read(text: &str) -> Self {
        static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^(-?\d+(?:,\d{3})*(?:\.\d+)?)\s*(?:人次|人|场次|场|次|篇|个|万元|元|名|项|家|所|份|条|件|期|节|天|余|小时|平方米|张|部|支|户|批|%)?$").expect("a constant")
        });
        let text = crate::attribution::normal(text);
        let text = text.trim();
        if text.is_empty() || ["-", "--", "—", "——", "/", "无", "\\"].contains(&text) {
            return Self::Empty;
        }
        let number = NUMBER
            .captures(text)
            .and_then(|found| found[1].replace(',', "").parse().ok());
        number.map_or_else(|| Self::Text(text.to_owned()), Self::Number)
    }
}

/// A row below the heads: it has a number behind its first cell.
fn holds_data(row: &[&str]) -> bool {
    row.iter()
        .skip(1)
        .any(|cell| matches!(Cell::read(cell), Cell::Number(_)))
}

/// 合计, 小计 and the like.
fn sums_up(row: &[&str]) -> bool {
    let label = row.iter().find(|cell| !cell.is_empty());
    label.is_some_and(|label| {
        let label: String = label.split_whitespace().collect();
        ["合计", "总计", "小计", "共计", "累计"]
            .iter()
            .any(|word| label.starts_with(word))
    })
}

/// A head that reaches over several columns stands above each of them that has a head of its own below.
fn heads(rows: &[Vec<&str>], width: usize) -> Vec<String> {
    let mut names: Vec<Vec<String>> = vec![Vec::new(); width];
    for (level, row) in rows.iter().enumerate() {
        let mut over = String::new();
        for (n, parts) in names.iter_mut().enumerate() {
            let own: String = row
                .get(n)
                .copied()
                .unwrap_or("")
                .split_whitespace()
                .collect();
            let below = rows[level + 1..]
                .iter()
                .any(|row| row.get(n).is_some_and(|cell| !cell.is_empty()));
            if !own.is_empty() {
                over.clone_from(&own);
                parts.push(own);
            } else if below && !over.is_empty() && parts.len() == level {
                parts.push(over.clone());
            } else {
                over.clear();
            }
        }
    }
    names.into_iter().map(|parts| parts.join("·")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Cell::{Empty, Number, Text};

    fn columns(text: &str) -> Vec<String> {
        Table::read(text).unwrap().columns
    }

    #[test]
    fn one_two_and_three_rows_of_heads_are_read() {
        assert_eq!(
            columns("丹东市情况统计表\n活动名称\t场次\t惠及人数\n启动仪式\t1\t210\n"),
            ["活动名称", "场次", "惠及人数"]
        );
        let two = "单位\t活动情况\t\t媒体报道（篇）\n\t场次\t人次\n一中\t1\t20\t3\n";
        assert_eq!(
            columns(two),
            ["单位", "活动情况·场次", "活动情况·人次", "媒体报道（篇）"]
        );
        let three = "单位\t线上线下活动\t\t\t投入\n\t线下\t\t线上\n\t场次\t人次\t场次\n一中\t1\t20\t3\t9.5\n";
        assert_eq!(
            columns(three),
            [
                "单位",
                "线上线下活动·线下·场次",
                "线上线下活动·线下·人次",
                "线上线下活动·线上·场次",
                "投入"
            ]
        );
    }

    #[test]
    fn cells_are_numbers_with_or_without_a_measure_and_sums_are_left_out() {
        let table = Table::read(
            "校\t人次\t经费\n一中\t1,930人次\t12.6万元\n二中\t约300\t/\n合 计\t2230\t12.6\n",
        )
        .unwrap();
        assert_eq!(
            table.rows,
            [
                vec![Text("一中".into()), Number(1930.0), Number(12.6)],
                vec![Text("二中".into()), Text("约300".into()), Empty]
            ]
        );
        assert!(table.is_counted(1) && !table.is_counted(0));
    }

    #[test]
    fn a_text_without_a_table_is_none() {
        assert_eq!(Table::read("活动开展24场。\n共3000人。"), None);
        assert_eq!(Table::read(""), None);
    }

    proptest::proptest! {
        #[test]
        fn every_row_is_as_wide_as_the_heads(text in "[校人次0-9合计\t\n ,约]{0,80}") {
            if let Some(table) = Table::read(&text) {
                proptest::prop_assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
            }
        }
    }
}
