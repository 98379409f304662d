//! Where records are written and read, as the executor sees it. Knows no kind of sink.
//!
//! The executor evaluates everything that a spec says about a sink, so that whoever writes records needs neither templates nor scopes.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use engine_expr::{Secret, Value};
use engine_spec::sink::{FileCompression, ParquetCompression};
use serde::{Deserialize, Serialize};

use crate::record::Record;

/// Opens sinks.
pub trait Sinks: Send + Sync {
    /// Opens one target of a sink; it is made if it does not exist.
    fn open(&self, sink: &SinkSpec, target: &SinkTarget) -> Result<Box<dyn RecordSink>, SinkError>;

    /// Begins to read what a sink holds.
    fn read(&self, sink: &SinkSpec, wanted: &SinkQuery) -> Result<Held, SinkError> {
        _ = wanted;
        Err(SinkError::new(format!("sink `{}` can't be read", sink.name)))
    }

    /// Finds which pages stand in a file that a run, which is gone on with, was about to write when it stopped; `least` is how long the
    /// file is at least. What is there of a page that broke off is cut away, as far as it is certain that nobody else has written it.
    fn recover(
        &self,
        sink: &SinkSpec,
        target: &SinkTarget,
        least: u64,
        pages: &[Extent],
    ) -> Result<Vec<bool>, SinkError> {
        _ = (sink, target, least);
        Ok(vec![true; pages.len()])
    }

    /// Forgets the [units](RecordSink::units) of a run that is done.
    fn forget(&self, sink: &SinkSpec, target: &SinkTarget, run: &str) -> Result<(), SinkError> {
        _ = (sink, target, run);
        Ok(())
    }
}

/// What a page of records is known by, for who goes on with a run and must not write them again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// The run.
    pub run: String,
    /// The step that writes.
    pub step: String,
    /// The page that the records came from.
    pub page: String,
    /// What its records are known by, eight bytes each.
    pub items: Vec<u8>,
}

/// A page among records that are written together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PagePart {
    /// How many of the records are its own.
    pub records: usize,
    /// What it is known by; nothing where it may be written again.
    pub units: Vec<Unit>,
}

/// Lays records out as a sink sends them, on whichever thread, while the sink still writes others.
pub trait Layout: Send + Sync {
    /// Lays a page out; nothing where that has to wait until it is written.
    fn lay_out(&self, records: &[Record]) -> Option<LaidOut>;
}

/// A page, laid out: only the sink knows how.
pub struct LaidOut(Box<dyn Any + Send>);

impl LaidOut {
    /// Takes what a sink has laid out.
    pub fn new(page: impl Any + Send) -> Self {
        Self(Box::new(page))
    }

    /// Returns what the sink has laid out, if it is of this kind.
    pub fn into_page<T: Any>(self) -> Option<Box<T>> {
        self.0.downcast().ok()
    }
}

impl fmt::Debug for LaidOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaidOut").finish_non_exhaustive()
    }
}

/// A page of a file, by which it is found there again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// How long the file was before it.
    pub at: u64,
    /// How many bytes it has.
    pub length: u64,
    /// What all of it comes to.
    pub checksum: u32,
    /// What its beginning comes to, up to each place where the writing may break off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<u32>,
    /// Whether it is known to have been written.
    #[serde(default)]
    pub stands: bool,
}

/// One open target: a table or a file. All methods block, and are called where they may.
///
/// A sink that is dropped without [`finish`](Self::finish) keeps the pages that it wrote, but for [`Mode::Replace`], which then leaves
/// what was there before, and for Parquet, which is a file only when it is whole.
pub trait RecordSink: Send {
    /// Writes a page of records, all or none.
    ///
    /// When this returns, a table has them for good, and a file of lines or rows has handed them to the operating system: they outlive
    /// the program, and the machine too after [`position`](Self::position) or [`finish`](Self::finish). With [`Mode::Replace`] and in
    /// Parquet files nobody sees them before `finish`.
    fn write(&mut self, records: &[Record]) -> Result<(), SinkError>;

    /// Writes a page of records to a file, after `intend` was told where it will stand: whoever goes on finds by that whether it was written.
    /// Where `intend` fails, nothing is written.
    fn write_intended(
        &mut self,
        records: &[Record],
        intend: &mut dyn FnMut(Extent) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        _ = intend;
        self.write(records)
    }

    /// Writes a page of records along with what it is known by: both or none. Tells whether it can; else nothing is written.
    fn write_units(&mut self, records: &[Record], units: &[Unit]) -> Result<bool, SinkError> {
        _ = (records, units);
        Ok(false)
    }

    /// Writes pages that have come together, in their order, each along with what it is known by. Where it fails, the pages before the one at
    /// fault are written, and none after it.
    fn write_pages(&mut self, records: &[Record], pages: &[PagePart]) -> Result<(), SinkError> {
        let mut rest = records;
        for PagePart { records, units } in pages {
            let (page, after) = rest.split_at_checked(*records).unwrap_or((rest, &[]));
            rest = after;
            if units.is_empty() || !self.write_units(page, units)? {
                self.write(page)?;
            }
        }
        Ok(())
    }

    /// Returns what lays records out for it, if that can be done while it writes others.
    fn layout(&self) -> Option<Arc<dyn Layout>> {
        None
    }

    /// Writes pages that have come together, as [`write_pages`](Self::write_pages) does, some of which its [`layout`](Self::layout) may have laid out.
    fn write_laid_out(
        &mut self,
        records: &[Record],
        pages: &[PagePart],
        laid_out: Vec<Option<LaidOut>>,
    ) -> Result<(), SinkError> {
        drop(laid_out);
        self.write_pages(records, pages)
    }

    /// Tells whether nothing was there when it was opened: no such table, no file or an empty one.
    fn is_new(&self) -> bool {
        false
    }

    /// Returns the units that a step of a run has written here.
    fn units(&mut self, run: &str, step: &str) -> Result<Vec<Unit>, SinkError> {
        _ = (run, step);
        Ok(Vec::new())
    }

    /// Brings all pages so far to the disk, and returns how long the file is with them.
    ///
    /// `None` where that says nothing: of a table; of a file that is replaced, and of Parquet, which begin anew.
    fn position(&mut self) -> Result<Option<u64>, SinkError> {
        Ok(None)
    }

    /// Ends the writing.
    fn finish(&mut self) -> Result<(), SinkError>;
}

/// What is asked of a sink.
#[derive(Clone, Debug)]
pub struct SinkQuery {
    /// The file of the sink, as of [`SinkTarget::path`].
    pub path: Option<PathBuf>,
    /// Which of its records.
    pub rows: SinkRows,
}

/// Which records of a sink are wanted.
#[derive(Clone, Debug)]
pub enum SinkRows {
    /// All of the file.
    All,
    /// All of a table, in an order that stays the same as long as nothing is written.
    Table(String),
    /// What a query gives, in the language of the database.
    Query {
        /// The query, with `:name` for params. It only reads.
        text: String,
        /// What is bound to them.
        params: Vec<(String, Value)>,
    },
}

/// What a sink holds of what was asked for.
pub enum Held {
    /// These records.
    Records(Box<dyn RecordSource>),
    /// Nothing: there is no such file or table. The error says so.
    Nothing(SinkError),
}

/// Records that are read as they were when the reading began, whatever is written meanwhile. All methods block, and are called where
/// they may.
pub trait RecordSource: Send {
    /// Returns the next records: about as many as one page of an API has, each one JSON value; none at the end.
    fn next_page(&mut self) -> Result<Vec<Record>, SinkError>;
}

/// A sink of the spec, with all its templates evaluated.
#[derive(Clone, Debug)]
pub struct SinkSpec {
    /// Its name in the spec.
    pub name: String,
    /// Whether tables, columns and files may be made.
    pub create: bool,
    /// Its kind, and what belongs to this kind only.
    pub kind: SinkKind,
}

/// The kinds of sinks that open a table or a file. What is printed is no matter of theirs.
#[derive(Clone, Debug)]
pub enum SinkKind {
    /// One JSON text per line.
    Jsonl {
        /// How it is packed: each page by itself.
        compression: FileCompression,
    },
    /// Rows of fields (RFC 4180).
    Csv {
        /// What stands between two fields.
        delimiter: u8,
        /// Whether the first row has the names.
        header: bool,
        /// How it is packed: each page by itself.
        compression: FileCompression,
    },
    /// Parquet.
    Parquet {
        /// How its columns are packed.
        compression: ParquetCompression,
        /// How many rows are in a row group, if memory allows.
        row_group: Option<u64>,
    },
    /// Tables of a `SQLite` file.
    Sqlite {
        /// `PRAGMA`s to set on the connection, in order.
        pragmas: Vec<(String, Value)>,
    },
    /// Tables of a Postgres database.
    Postgres {
        /// The URL of the database.
        url: Secret,
        /// The schema of the tables, if it is not that of the connection.
        schema: Option<String>,
    },
}

/// Where the records of one step go within a sink.
#[derive(Clone, Debug, Default)]
pub struct SinkTarget {
    /// The table, for sinks that have tables.
    pub table: Option<String>,
    /// The file of the sink: a database, or the file that is written. It is relative to the working directory, if at all.
    pub path: Option<PathBuf>,
    /// The members that identify a record; without one for [`Mode::Append`] and [`Mode::Replace`].
    pub key: Vec<String>,
    /// What becomes of the records that are there.
    pub mode: Mode,
    /// The columns that the mapping declares, in order; further members may come.
    pub columns: Vec<Column>,
}

/// What a write makes of the records that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Adds to them.
    #[default]
    Append,
    /// Updates those of the same key, and adds the others.
    Upsert,
    /// Puts the new records into their place when the step ends.
    Replace,
}

/// A column, or the member of a record that becomes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnType,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Texts.
    String,
    /// Whole numbers of 64 bits.
    Integer,
    /// Numbers, as binary floats.
    Number,
    /// Numbers with all their digits.
    Decimal,
    /// True or false.
    Boolean,
    /// Dates.
    Date,
    /// Points in time.
    Datetime,
    /// Lists and objects.
    Json,
    /// Whatever the first value is: no type was declared.
    Any,
}

impl ColumnType {
    /// Names the type as specs do.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Json => "json",
            Self::Any => "any",
        }
    }
}

/// Why records could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// What went wrong, with the table or file.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether the sink takes nothing more, whatever comes: what it had is not going to be in its place.
    pub is_final: bool,
}

impl SinkError {
    /// Makes an error without a help.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, is_final: false }
    }

    /// Says that the sink takes nothing more.
    #[must_use]
    pub fn finally(self) -> Self {
        Self { is_final: true, ..self }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
