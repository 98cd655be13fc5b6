//! All units' 情况统计表 laid together: one column a head, a sum below each, and what does not add up.

use super::table::{Cell, Table};
use std::collections::BTreeMap;

/// The tables of all units as one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statistics {
    /// Heads in the order in which they were first seen.
    pub columns: Vec<String>,
    /// One a row of a unit's table.
    pub rows: Vec<Row>,
    /// Sum of each column that counts something.
    pub sums: Vec<Option<f64>>,
    /// What staff should look at.
    pub doubts: Vec<Doubt>,
}

/// A row of a unit's table under the common heads.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Official name.
    pub unit: String,
    /// Column to what stands there; columns that the unit's table lacks are missing.
    pub cells: BTreeMap<usize, Cell>,
}

/// A cell that is no number, or disagrees with what arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Official name.
    pub unit: String,
    /// Head of the column.
    pub column: String,
    /// As written.
    pub cell: String,
    /// Why, in Chinese.
    pub why: String,
}

/// Lays tables together. `tables` are a unit's official name, the reports that were counted of it, and its table.
pub fn lay_together(tables: &[(String, u32, Table)]) -> Statistics {
    let mut all = Statistics::default();
    for (unit, counted, table) in tables {
        let places: Vec<usize> = table.columns.iter().map(|name| all.column(name)).collect();
        for row in &table.rows {
            let cells = places.iter().copied().zip(row.iter().cloned()).collect();
            all.rows.push(Row {
                unit: unit.clone(),
                cells,
            });
        }
        all.doubts.extend(no_numbers(unit, table));
        all.doubts.extend(disagreement(unit, *counted, table));
    }
    all.sums = (0..all.columns.len())
        .map(|column| all.sum(column))
        .collect();
    all
}

impl Statistics {
    fn column(&mut self, name: &str) -> usize {
        let known = self
            .columns
            .iter()
            .position(|known| plain(known) == plain(name));
        known.unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        })
    }

    fn sum(&self, column: usize) -> Option<f64> {
        if is_label(&self.columns[column]) {
            return None;
        }
        let numbers = self
            .rows
            .iter()
            .filter_map(|row| match row.cells.get(&column) {
                Some(Cell::Number(number)) => Some(*number),
                _ => None,
            });
        let numbers: Vec<f64> = numbers.collect();
        (!numbers.is_empty()).then(|| numbers.iter().sum())
    }
}

/// A head without what differs between units that mean the same.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !"（）()：:*".contains(*c))
        .collect()
}

/// Columns whose numbers are not summed.
fn is_label(name: &str) -> bool {
    name.is_empty()
        || ["序号", "编号", "电话", "日期", "时间", "邮编"]
            .iter()
            .any(|word| name.contains(word))
}

fn no_numbers<'a>(unit: &'a str, table: &'a Table) -> impl Iterator<Item = Doubt> + 'a {
    let counted = (0..table.columns.len())
        .filter(|column| table.is_counted(*column) || counts_by_name(&table.columns[*column]));
    counted.flat_map(move |column| {
        table.rows.iter().filter_map(move |row| match &row[column] {
            Cell::Text(text) => Some(Doubt {
                unit: unit.to_owned(),
                column: table.columns[column].clone(),
                cell: text.clone(),
                why: "不是数字".into(),
            }),
            _ => None,
        })
    })
}

/// A head that ends in a measure counts, also where no cell below is a number.
fn counts_by_name(name: &str) -> bool {
    let name = name.trim_end_matches(['）', ')']);
    [
        "人数", "人次", "场次", "次数", "数量", "篇数", "份数", "篇", "场", "万元",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

/// The number of reports that the table states, where it is not the number that arrived.
fn disagreement(unit: &str, counted: u32, table: &Table) -> Option<Doubt> {
    let states_reports = |name: &String| {
        let of_reports = ["报送", "上报"].iter().any(|word| name.contains(word));
        let counts = ["份", "条", "篇", "数"]
            .iter()
            .any(|word| name.contains(word));
        of_reports
            && counts
            && !["媒体", "平台", "宣传"]
                .iter()
                .any(|word| name.contains(word))
    };
    let column = table.columns.iter().position(states_reports)?;
    let stated: Vec<f64> = table
        .rows
        .iter()
        .filter_map(|row| match row[column] {
            Cell::Number(number) => Some(number),
            _ => None,
        })
        .collect();
    let sum: f64 = stated.iter().sum();
    (!stated.is_empty() && sum != f64::from(counted)).then(|| Doubt {
        unit: unit.to_owned(),
        column: table.columns[column].clone(),
        cell: sum.to_string(),
        why: format!("实收并计入{counted}份"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        Table::read(text).unwrap()
    }

    #[test]
    fn tables_of_different_heads_are_laid_together_and_summed() {
        let all = lay_together(&[
            (
                "甲".into(),
                3,
                table("活动名称\t场次\t惠及人数\n仪式\t1\t210\n开放日\t8\t1930\n"),
            ),
            (
                "乙".into(),
                2,
                table("单位\t场 次\t惠及（人数）\t报送份数\n乙校\t2\t约300\t5\n"),
            ),
        ]);
        assert_eq!(
            all.columns,
            ["活动名称", "场次", "惠及人数", "单位", "报送份数"]
        );
        assert_eq!(all.rows.len(), 3);
        assert_eq!(all.sums, [None, Some(11.0), Some(2140.0), None, Some(5.0)]);
        let doubts: Vec<_> = all
            .doubts
            .iter()
            .map(|d| (d.unit.as_str(), d.cell.as_str(), d.why.as_str()))
            .collect();
        assert_eq!(
            doubts,
            [("乙", "约300", "不是数字"), ("乙", "5", "实收并计入2份")]
        );
    }

    #[test]
    fn what_agrees_is_not_doubted() {
        let all = lay_together(&[(
            "甲".into(),
            3,
            table("单位\t报送信息条数\t媒体报道篇数\n甲校\t3\t9\n"),
        )]);
        assert!(all.doubts.is_empty(), "{:?}", all.doubts);
    }
}
