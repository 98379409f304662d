//! Files with rows of fields (RFC 4180).

use std::borrow::Cow;

use csv::{ReaderBuilder, Terminator, WriterBuilder};
use engine_request::{CsvReader, CsvRules, CsvStep};
use engine_runtime::{Column, Extent, Record, RecordSink, RecordSource, SinkError};

use crate::cell::{Cell, each_member};
use crate::input::{Input, LONGEST, too_long};
use crate::output::{Intend, Output};
use crate::record_page::{RecordPage, Size};
use crate::shared_file::PageFile;

/// A file with rows of fields.
///
/// Its columns are those of the file that is there, else those declared and the further members of the first record. A member that has
/// no column is an error; one that is missing is an empty field.
#[derive(Debug)]
pub(crate) struct CsvFile {
    output: Output,
    delimiter: u8,
    columns: Vec<String>,
    /// Whether the first record may still add columns.
    growing: bool,
    /// Whether the names are still to be written.
    header: bool,
    /// Whether the names are those of a file that was there before.
    given: bool,
    rows: u64,
}

impl CsvFile {
    /// Makes a sink of a file.
    ///
    /// # Errors
    ///
    /// Fails where the file has other columns than those declared.
    pub(crate) fn new(output: Output, delimiter: u8, header: bool, declared: &[Column]) -> Result<Self, SinkError> {
        let mut file = Self {
            columns: declared.iter().map(|column| column.name.clone()).collect(),
            growing: true,
            header,
            given: false,
            delimiter,
            output,
            rows: 0,
        };
        if header && !file.output.is_empty() {
            let there = file.header_of_file()?;
            file.given = true;
            if let Some(missing) = file.columns.iter().find(|name| !there.contains(name)) {
                return Err(file.no_column(missing, &there));
            }
            file.columns = there;
            file.growing = false;
            file.header = false;
        }
        Ok(file)
    }

    fn header_of_file(&self) -> Result<Vec<String>, SinkError> {
        let path = self.output.path();
        let unreadable =
            |error: &dyn std::fmt::Display| SinkError::new(format!("can't read `{}`: {error}", path.display()));
        let file = self.output.read().map_err(|error| unreadable(&error))?;
        let mut reader = ReaderBuilder::new().delimiter(self.delimiter).has_headers(true).from_reader(file);
        let header = reader.headers().map_err(|error| unreadable(&error))?;
        Ok(header.iter().map(str::to_owned).collect())
    }

    fn no_column(&self, name: &str, columns: &[String]) -> SinkError {
        let columns = columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        SinkError::new(format!("`{}` has no column `{name}`: its columns are {columns}", self.output.path().display()))
            .help(if self.given {
                format!("the header is there already: take `{name}` out of `map`, or write to another file")
            } else {
                format!("the header has what `map` names and what the first record has: name `{name}` in `map` too")
            })
    }

    fn add(&mut self, records: &[Record], intend: Option<Intend<'_>>) -> Result<(), SinkError> {
        if records.is_empty() {
            return Ok(());
        }
        let page = self.page(records)?;
        self.output.write(&page, intend)?;
        self.header = false;
        self.growing = false;
        self.rows += records.len() as u64;
        Ok(())
    }

    fn page(&mut self, records: &[Record]) -> Result<Vec<u8>, SinkError> {
        let mut writer =
            WriterBuilder::new().delimiter(self.delimiter).terminator(Terminator::Any(b'\n')).from_writer(Vec::new());
        let broken = |error: csv::Error| SinkError::new(format!("can't write a row: {error}"));
        if let Some(first) = records.first()
            && self.growing
        {
            each_member(first, |name, _| {
                if !self.columns.iter().any(|known| *known == name) {
                    self.columns.push(name.into_owned());
                }
                Ok(())
            })?;
            if self.columns.is_empty() {
                return Err(SinkError::new("the first record has no members to make columns of"));
            }
        }
        if self.header && !self.columns.is_empty() {
            writer.write_record(&self.columns).map_err(broken)?;
        }
        let mut fields: Vec<Cow<'_, str>> = Vec::new();
        for (record, number) in records.iter().zip(self.rows + 1..) {
            fields.clear();
            fields.resize(self.columns.len(), Cow::Borrowed(""));
            // Members come mostly in the order of the columns.
            let mut next = 0;
            each_member(record, |name, cell| {
                let at = match self.columns.get(next) {
                    Some(column) if *column == name => next,
                    _ => self
                        .columns
                        .iter()
                        .position(|column| *column == name)
                        .ok_or_else(|| self.no_column(&name, &self.columns))?,
                };
                next = at + 1;
                fields[at] = field(cell);
                Ok(())
            })
            .map_err(|error| SinkError { message: format!("row {number}: {}", error.message), ..error })?;
            writer.write_record(fields.iter().map(|field| field.as_bytes())).map_err(broken)?;
        }
        writer.into_inner().map_err(|error| SinkError::new(format!("can't write a row: {error}")))
    }
}

fn field(cell: Cell<'_>) -> Cow<'_, str> {
    match cell {
        Cell::Null => Cow::Borrowed(""),
        Cell::Bool(true) => Cow::Borrowed("true"),
        Cell::Bool(false) => Cow::Borrowed("false"),
        Cell::Number(text) | Cell::Text(text) | Cell::Json(text) => text,
    }
}

impl RecordSink for CsvFile {
    fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        self.add(records, None)
    }

    fn write_intended(
        &mut self,
        records: &[Record],
        intend: &mut dyn FnMut(Extent) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        self.add(records, Some(intend))
    }

    fn position(&mut self) -> Result<Option<u64>, SinkError> {
        self.output.position()
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        // A file of no rows still says what its columns are.
        let header = self.page(&[])?;
        self.output.write(&header, None)?;
        self.header = false;
        self.output.finish()
    }
}

impl PageFile for CsvFile {
    fn sync(&mut self) -> Result<(), SinkError> {
        self.output.sync()
    }
}

/// The rows of a file that is read.
pub(crate) struct CsvSource {
    input: Input,
    reader: CsvReader,
    /// What was read of the file, from the next row on.
    text: String,
    /// The beginning of a character, the rest of which is still to come.
    tail: Vec<u8>,
    is_all: bool,
    /// What the page before took.
    size: Size,
}

impl CsvSource {
    pub(crate) fn new(input: Input, delimiter: u8, header: bool) -> Self {
        let reader = CsvReader::new(&CsvRules::of_file(delimiter, header));
        Self { input, reader, text: String::new(), tail: Vec::new(), is_all: false, size: Size::default() }
    }

    /// Reads more of the file.
    fn more(&mut self) -> Result<(), SinkError> {
        if self.text.len() > LONGEST {
            return Err(too_long(self.input.path()));
        }
        let is_first = self.text.is_empty() && self.tail.is_empty() && self.reader.line() == 1;
        // At least as much again: a row that goes on is looked through from its beginning.
        let wanted = self.text.len().max(1);
        let mut read = 0;
        while read < wanted && !self.is_all {
            let some = self.input.some(&mut self.tail)?;
            self.is_all = some == 0;
            read += some;
        }
        let (text, whole) = match std::str::from_utf8(&self.tail) {
            Ok(text) => (text, self.tail.len()),
            Err(error) if error.error_len().is_none() && !self.is_all => {
                let whole = error.valid_up_to();
                let text = self.tail.get(..whole).and_then(|bytes| std::str::from_utf8(bytes).ok());
                (text.unwrap_or_default(), whole)
            }
            Err(_) => {
                let path = self.input.path().display();
                let text = format!("`{path}` is not UTF-8, at or after line {}", self.reader.line());
                return Err(SinkError::new(text).help("check the `compression` of the sink, or convert the file"));
            }
        };
        self.text.push_str(if is_first { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text });
        self.tail.drain(..whole);
        Ok(())
    }
}

impl RecordSource for CsvSource {
    fn next_page(&mut self) -> Result<Vec<Record>, SinkError> {
        let mut page = RecordPage::like(self.size);
        let mut at = 0;
        while !page.is_full() {
            let rest = self.text.get(at..).unwrap_or_default();
            if rest.is_empty() && self.is_all {
                break;
            }
            let step = if rest.is_empty() {
                Ok(CsvStep::More)
            } else {
                let (text, values) = page.fields();
                self.reader.read(rest, self.is_all, text, values)
            };
            match step {
                Ok(CsvStep::Record(read)) => {
                    page.end();
                    at += read;
                }
                Ok(CsvStep::Passed(read)) => at += read,
                Ok(CsvStep::More) => {
                    self.text.drain(..std::mem::take(&mut at));
                    self.more()?;
                }
                Err(error) => return Err(SinkError::new(format!("`{}`: {error}", self.input.path().display()))),
            }
        }
        self.text.drain(..at);
        self.size = page.size();
        page.into_fields(self.reader.names().cloned().unwrap_or_default())
    }
}
