//! Aligned columns, for reading on a terminal.

use std::io;
use std::sync::Arc;

use engine_runtime::Record;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Printer;
use super::row::{Cell, Row};

/// How many rows the columns are measured by.
const SAMPLE: usize = 100;

/// How wide a column may be.
const WIDEST: usize = 40;

/// How narrow a column is made so that more of them fit.
const NARROWEST: usize = 6;

/// What stands between two columns.
const GAP: usize = 2;

/// Prints a table. The first rows are held back until the columns can be measured; the others follow one by one.
pub(super) struct Table {
    width: Option<usize>,
    held: Vec<Row>,
    columns: Vec<Column>,
    /// Members that have no column: they do not fit, or came up too late.
    left_out: Vec<Arc<str>>,
    measured: bool,
}

struct Column {
    name: Arc<str>,
    width: usize,
    right: bool,
}

impl Table {
    pub(super) fn new(width: Option<usize>) -> Self {
        Self { width, held: Vec::new(), columns: Vec::new(), left_out: Vec::new(), measured: false }
    }

    /// Decides the columns by the rows that are there, and writes those.
    fn measure(&mut self, out: &mut Vec<u8>) {
        let rows = std::mem::take(&mut self.held);
        self.measured = true;
        for name in rows.iter().flat_map(Row::names) {
            if self.columns.iter().any(|column| column.name == *name) {
                continue;
            }
            let cells = || rows.iter().filter_map(|row| row.get(name, self.columns.len()));
            let right = cells().all(|cell| cell.number || cell.text.is_empty()) && cells().any(|cell| cell.number);
            let widest = cells().map(|cell| cell.text.width()).max().unwrap_or_default().max(name.width());
            self.columns.push(Column { name: Arc::clone(name), width: widest.clamp(1, WIDEST), right });
        }
        self.fit();
        if self.columns.is_empty() {
            return;
        }
        let line = |cells: Vec<String>, out: &mut Vec<u8>| {
            out.extend_from_slice(cells.join(&" ".repeat(GAP)).trim_end().as_bytes());
            out.push(b'\n');
        };
        line(self.columns.iter().map(|column| column.aligned(&column.name)).collect(), out);
        line(self.columns.iter().map(|column| "─".repeat(column.width)).collect(), out);
        for row in &rows {
            self.row(row, out);
        }
    }

    /// Narrows the widest columns until all fit, then takes the last ones away.
    fn fit(&mut self) {
        let Some(width) = self.width else { return };
        let total =
            |columns: &[Column]| columns.iter().map(|column| column.width + GAP).sum::<usize>().saturating_sub(GAP);
        while total(&self.columns) > width {
            let widest = self.columns.iter_mut().max_by_key(|column| column.width);
            if let Some(widest) = widest.filter(|widest| widest.width > NARROWEST) {
                widest.width -= 1;
            } else if self.columns.len() > 1 {
                self.left_out.extend(self.columns.pop().map(|column| column.name));
            } else {
                break;
            }
        }
        self.left_out.reverse();
    }

    fn row(&mut self, row: &Row, out: &mut Vec<u8>) {
        for name in row.names() {
            let known = self.columns.iter().any(|column| column.name == *name) || self.left_out.contains(name);
            if !known {
                self.left_out.push(Arc::clone(name));
            }
        }
        let cells: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| column.aligned(row.get(&column.name, at).map_or("", |Cell { text, .. }| text)))
            .collect();
        out.extend_from_slice(cells.join(&" ".repeat(GAP)).trim_end().as_bytes());
        out.push(b'\n');
    }
}

impl Column {
    /// Returns a text of just the width of the column, cut where it is longer.
    fn aligned(&self, text: &str) -> String {
        let mut shown = String::new();
        let mut width = 0;
        let whole = text.width() <= self.width && !text.chars().any(char::is_control);
        if whole {
            shown.push_str(text);
            width = text.width();
        } else {
            let long = text.width() > self.width;
            let room = self.width - usize::from(long);
            for character in text.chars() {
                // A line break or a code for the terminal would break the table.
                let character = if character.is_control() { ' ' } else { character };
                let more = character.width().unwrap_or_default();
                if width + more > room {
                    break;
                }
                width += more;
                shown.push(character);
            }
            if long {
                shown.push('…');
                width += 1;
            }
        }
        let gap = " ".repeat(self.width.saturating_sub(width));
        if self.right { format!("{gap}{shown}") } else { format!("{shown}{gap}") }
    }
}

impl Printer for Table {
    fn page(&mut self, stream: Option<&str>, records: &[Record], out: &mut Vec<u8>) -> io::Result<()> {
        for record in records {
            let row = Row::new(stream, record)?;
            if self.measured {
                self.row(&row, out);
                continue;
            }
            self.held.push(row);
            if self.held.len() == SAMPLE {
                self.measure(out);
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if !self.measured {
            self.measure(out);
        }
        if !self.left_out.is_empty() {
            let names: Vec<&str> = self.left_out.iter().map(|name| &**name).collect();
            out.extend_from_slice(format!("not shown: {}\n", names.join(", ")).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::OutputFormat;
    use super::super::tests::printed;

    #[test]
    fn aligns_texts_left_and_numbers_right() {
        let records: &[&str] = &[r#"{"id":7,"name":"Ida","total":"9.90"}"#, r#"{"id":1001,"name":"お客様\nx"}"#];
        assert_eq!(
            printed(OutputFormat::Table, None, &[(None, records)]),
            "  id  name      total\n────  ────────  ─────\n   7  Ida       9.90\n1001  お客様 x\n"
        );
    }

    #[test]
    fn cuts_what_is_too_long_and_says_what_does_not_fit() {
        let record = r#"{"a":"a long text that goes on","b":"another long text","c":"short","d":1}"#;
        assert_eq!(
            printed(OutputFormat::Table, Some(22), &[(None, &[record])]),
            "a       b       c\n──────  ──────  ─────\na lon…  anoth…  short\nnot shown: d\n"
        );
    }

    #[test]
    fn goes_on_with_the_columns_that_it_has() {
        let first: Vec<&str> = vec![r#"{"a":1}"#; 100];
        let text = printed(OutputFormat::Table, None, &[(None, &first), (None, &[r#"{"a":"late","b":2}"#])]);
        assert!(text.ends_with("\n1\n…\nnot shown: b\n"), "{text}");
        assert_eq!(printed(OutputFormat::Table, None, &[]), "");
    }
}
