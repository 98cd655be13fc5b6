//! HTML to text in one pass, however deep and broken: a table row is one line, its cells parted by tabs.

use std::collections::BTreeMap;

use super::behind_link::Attributes;
use super::links::Anchors;
use super::markup::{after_element, attribute, entities, is_hidden, split_tag};

/// More than any person types; the rest is not read.
pub const LIMIT: usize = 2 << 20;
const TABLE_DEPTH: usize = 20;
/// Columns or rows that one cell may take.
const WIDEST_SPAN: usize = 50;
/// Cells of a row beyond these take one place each.
const COLUMNS: usize = 1000;

/// The visible text. Where a link stood, its mark is left and its address put into `anchors`.
pub fn to_text(html: &str, anchors: &mut Anchors) -> String {
    let mut page = Page::new(anchors);
    let mut rest = &html[..html.floor_char_boundary(LIMIT)];
    while let Some(open) = rest.find('<') {
        page.text(&rest[..open]);
        rest = page.markup(&rest[open..]);
    }
    page.text(rest);
    page.finish()
}

/// The charset that a page names for itself in its first lines.
pub fn charset(page: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&page[..page.len().min(2048)]).to_ascii_lowercase();
    let (_, value) = head.split_once("charset=")?;
    let label: String = value
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    (!label.is_empty()).then_some(label)
}

struct Page<'a> {
    anchors: &'a mut Anchors,
    /// The page's own text, then that of each open table cell.
    out: Vec<String>,
    tables: Vec<Table>,
    /// Tables beyond the limit that are open.
    deeper: usize,
    /// The element that hides what is in it, and how many of its name are open.
    hidden: Option<(String, usize)>,
    link: Option<String>,
    /// Elements without text that have no end any more.
    unclosed: Vec<String>,
    /// White space that waits for what follows: whether it held the end of a line.
    blank: Option<bool>,
}

#[derive(Default)]
struct Table {
    cells: Vec<String>,
    in_cell: bool,
    /// Columns and rows that the open cell takes.
    span: (usize, usize),
    /// Columns that a cell of a row above reaches down into, and for how many rows more.
    held: BTreeMap<usize, usize>,
    /// A table around tables only lays out the page.
    layout: bool,
}

impl Table {
    /// A cell stands in each column and row that it takes; its words in the first.
    fn push(&mut self, cell: String) {
        self.fill_held();
        let first = self.cells.len();
        let (columns, rows) = if first < COLUMNS { self.span } else { (1, 1) };
        self.cells.push(cell);
        self.cells.resize(first + columns, String::new());
        if rows > 1 {
            self.held
                .extend((first..first + columns).map(|column| (column, rows - 1)));
        }
    }

    fn fill_held(&mut self) {
        while let Some(rows) = self.held.get_mut(&self.cells.len()) {
            *rows -= 1;
            if *rows == 0 {
                self.held.remove(&self.cells.len());
            }
            self.cells.push(String::new());
        }
    }
}

impl<'a> Page<'a> {
    fn new(anchors: &'a mut Anchors) -> Self {
        let out = vec![String::new()];
        Self {
            anchors,
            out,
            tables: Vec::new(),
            deeper: 0,
            hidden: None,
            link: None,
            unclosed: Vec::new(),
            blank: None,
        }
    }

    fn buffer(&mut self) -> &mut String {
        let last = self.out.len() - 1;
        &mut self.out[last]
    }

    fn text(&mut self, raw: &str) {
        if self.hidden.is_some() {
            return;
        }
        for c in entities(raw).chars() {
            match c {
                ' ' | '\t' | '\r' | '\n' => {
                    self.blank = Some(self.blank == Some(true) || c == '\n')
                }
                _ => self.visible(if c == '\u{A0}' { ' ' } else { c }),
            }
        }
    }

    /// White space is one blank; between two Chinese characters a line end is none at all.
    fn visible(&mut self, c: char) {
        let broken = self.blank.take();
        let buffer = self.buffer();
        let before = buffer.chars().next_back();
        let wide = !c.is_ascii() && before.is_some_and(|before| !before.is_ascii());
        if broken.is_some_and(|line_end| !(line_end && wide))
            && before.is_some_and(|before| before != '\n')
        {
            buffer.push(' ');
        }
        buffer.push(c);
    }

    /// Takes the markup at the head of `rest`, and returns what follows it.
    fn markup<'t>(&mut self, rest: &'t str) -> &'t str {
        if let Some(comment) = rest.strip_prefix("<!--") {
            return comment.find("-->").map_or("", |end| &comment[end + 3..]);
        }
        if !rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) {
            self.text("&lt;");
            return &rest[1..];
        }
        let (tag, after) = split_tag(&rest[1..]);
        let (name, attributes) =
            tag.split_at(tag.find(|c: char| c.is_whitespace()).unwrap_or(tag.len()));
        let name = name.trim_end_matches('/').to_ascii_lowercase();
        if matches!(name.as_str(), "script" | "style" | "title") {
            return self.after_silent(name, after);
        }
        if !self.hides(&name, attributes) {
            self.tag(&name, attributes);
        }
        after
    }

    /// An unclosed script hides nothing, and is searched for its end only once.
    fn after_silent<'t>(&mut self, name: String, after: &'t str) -> &'t str {
        if self.unclosed.contains(&name) {
            return after;
        }
        after_element(&name, after).unwrap_or_else(|| {
            self.unclosed.push(name);
            after
        })
    }

    fn hides(&mut self, name: &str, attributes: &str) -> bool {
        match &mut self.hidden {
            Some((own, open)) => {
                match name.strip_prefix('/') {
                    Some(closed) if closed == own => *open -= 1,
                    // A paragraph is closed by the next one (HTML section 13.1.2.4).
                    None if name == own && matches!(name, "p" | "li" | "td" | "tr") => *open = 0,
                    None if name == own => *open += 1,
                    _ => {}
                }
                let closed = *open == 0;
                if closed {
                    self.hidden = None;
                }
                !closed || name.starts_with('/')
            }
            None if is_hidden(attributes)
                && !matches!(name, "img" | "br" | "hr" | "input" | "meta" | "body") =>
            {
                self.hidden = Some((name.to_string(), 1));
                true
            }
            None => false,
        }
    }

    fn tag(&mut self, name: &str, attributes: &str) {
        match name {
            "br" => self.end_line(true),
            "table" => self.open_table(),
            "/table" => self.close_table(),
            "tr" | "/tr" => self.end_row(),
            "td" | "th" => self.open_cell(attributes),
            "/td" | "/th" => self.close_cell(),
            "a" => self.open_link(attributes),
            "/a" => self.close_link(),
            _ if is_block(name.trim_start_matches('/')) => self.end_line(false),
            _ => {}
        }
    }

    fn end_line(&mut self, always: bool) {
        self.blank = None;
        let buffer = self.buffer();
        if always || !(buffer.is_empty() || buffer.ends_with('\n')) {
            buffer.push('\n');
        }
    }

    fn open_link(&mut self, attributes: &str) {
        self.close_link();
        let address = ["href", "download"]
            .into_iter()
            .filter_map(|name| attribute(attributes, name));
        let address = address
            .map(|url| url.trim().to_string())
            .find(|url| url.starts_with("http"));
        let any = |names: [&str; 2]| {
            names
                .into_iter()
                .find_map(|name| attribute(attributes, name))
        };
        let said = Attributes {
            name: any(["filename", "data-filename"]).map(|name| name.trim().to_string()),
            bytes: any(["filesize", "data-size"]).and_then(|bytes| bytes.trim().parse().ok()),
            expires: attribute(attributes, "expiretime").and_then(|ms| ms.trim().parse().ok()),
        };
        self.link = address.map(|url| self.anchors.mark(url, said));
    }

    fn close_link(&mut self) {
        if let Some(mark) = self.link.take() {
            self.buffer().push_str(&mark);
        }
    }

    fn open_table(&mut self) {
        if self.tables.len() >= TABLE_DEPTH {
            self.deeper += 1;
            return;
        }
        self.end_line(false);
        if let Some(outer) = self.tables.last_mut() {
            outer.layout = true;
        }
        self.tables.push(Table::default());
    }

    fn close_table(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        self.end_row();
        self.tables.pop();
        self.end_line(false);
    }

    fn open_cell(&mut self, attributes: &str) {
        self.close_cell();
        let span = |name| {
            let value = attribute(attributes, name).and_then(|value| value.trim().parse().ok());
            value.unwrap_or(1).clamp(1, WIDEST_SPAN)
        };
        let span = (span("colspan"), span("rowspan"));
        if self.deeper == 0
            && let Some(table) = self.tables.last_mut()
        {
            table.in_cell = true;
            table.span = span;
            self.out.push(String::new());
        }
    }

    fn close_cell(&mut self) {
        self.blank = None;
        if self.deeper == 0 && self.tables.last().is_some_and(|table| table.in_cell) {
            self.close_link();
            let cell = self.out.pop().unwrap_or_default();
            if let Some(table) = self.tables.last_mut() {
                table.in_cell = false;
                table.push(cell);
            }
        }
    }

    fn end_row(&mut self) {
        self.close_cell();
        if self.deeper > 0 {
            return self.end_line(false);
        }
        let Some(table) = self.tables.last_mut() else {
            return self.end_line(false);
        };
        if !table.cells.is_empty() {
            table.fill_held();
        }
        let row = row(
            &std::mem::take(&mut table.cells),
            std::mem::take(&mut table.layout),
        );
        self.end_line(false);
        if !row.trim().is_empty() {
            self.buffer().push_str(&row);
            self.end_line(false);
        }
    }

    fn finish(mut self) -> String {
        self.deeper = 0;
        while !self.tables.is_empty() {
            self.close_table();
        }
        self.close_link();
        self.out.swap_remove(0)
    }
}

/// A row of data is one line; a cell that fills its row alone keeps its own lines.
fn row(cells: &[String], layout: bool) -> String {
    let filled: Vec<&String> = cells
        .iter()
        .filter(|cell| !cell.trim().is_empty())
        .collect();
    match filled.as_slice() {
        [only] if cells.len() == 1 || only.trim().contains('\n') => only.trim_end().to_string(),
        several if layout => several
            .iter()
            .map(|cell| cell.trim_end())
            .collect::<Vec<_>>()
            .join("\n"),
        _ => {
            let flat = cells
                .iter()
                .map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" "));
            flat.collect::<Vec<_>>().join("\t").trim_end().to_string()
        }
    }
}

fn is_block(name: &str) -> bool {
    const BLOCKS: &str = " p div h1 h2 h3 h4 h5 h6 li ul ol dl dt dd blockquote section article header footer pre hr form \
                          center caption fieldset address main nav aside option ";
    BLOCKS.contains(&format!(" {name} "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> String {
        to_text(html, &mut Anchors::default())
            .trim_end()
            .to_string()
    }

    #[test]
    fn a_table_row_is_one_line() {
        let html = "<p>表</p><table><tr><td>学校\n</td><td><p>人数</p></td></tr>\
                    <tr><td>一中</td><td></td><td><div>12</div><div>人</div></td></tr></table>完";
        assert_eq!(read(html), "表\n学校\t人数\n一中\t\t12 人\n完");
    }

    #[test]
    fn a_table_that_lays_out_the_page_keeps_its_lines() {
        assert_eq!(
            read("<table><tr><td><p>一</p><p>二</p></td></tr></table>"),
            "一\n二"
        );
        let nested = "<table><tr><td>菜单</td><td><table><tr><td>a</td><td>b</td></tr></table>下</td></tr></table>";
        assert_eq!(read(nested), "菜单\na\tb\n下");
        assert_eq!(read("<table><tr><td>a<td>b<tr><td>c"), "a\tb\nc");
        let headed = "<table><tr><td colspan=3>题</td></tr><tr><td rowspan=2>单位</td><td colspan=2>活动</td></tr>\
                      <tr><td>场次</td><td>人次</td></tr><tr><td>一中</td><td>1</td><td>20</td></tr></table>";
        assert_eq!(read(headed), "题\n单位\t活动\n\t场次\t人次\n一中\t1\t20");
    }

    #[test]
    fn what_is_hidden_is_not_read() {
        assert_eq!(
            read("<style>p{}</style>a<div style=\"display: none\">b<div>c</div></div>d"),
            "a\nd".replace('\n', "")
        );
        assert_eq!(read("a<p style='display:none'>b<p>c"), "a\nc");
        assert_eq!(
            read("<!--[if mso]>x<![endif]-->a<![if !vml]>b<script>1<2</script>c"),
            "abc"
        );
    }

    #[test]
    fn entities_and_blanks_read_as_shown() {
        assert_eq!(
            read("a &amp; b&nbsp;&nbsp;c &#x65E5;&#25253; 1 < 2 &unknown; AT&T"),
            "a & b  c 日报 1 < 2 &unknown; AT&T"
        );
        assert_eq!(read("活动\r\n 周 开幕\nweek one"), "活动周 开幕 week one");
    }

    #[test]
    fn a_quoted_bracket_does_not_end_a_tag() {
        assert_eq!(read("<p title=\"a>b\">c</p>"), "c");
        assert_eq!(read("<p title=it's>c</p>d"), "c\nd");
    }

    #[test]
    fn depth_costs_no_time_and_no_stack() {
        let deep = "<div><table><tr><td>".repeat(50_000);
        assert_eq!(read(&format!("{deep}日报")), "日报");
    }

    #[test]
    fn a_page_names_its_charset() {
        assert_eq!(
            charset(b"<META http-equiv=x content=\"text/html; charset=GB2312\">").as_deref(),
            Some("gb2312")
        );
        assert_eq!(charset(b"<meta charset='gbk'>").as_deref(), Some("gbk"));
        assert_eq!(charset(b"<p>"), None);
    }
}
