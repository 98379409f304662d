//! Parquet files: records by columns, in groups of rows.

mod column;
mod decimal;
mod source;
mod texts;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine_runtime::{Mode, ParquetCompression, Record, RecordSink, SinkError, SinkTarget};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use self::column::Column;
pub(crate) use self::source::ParquetSource;
use crate::cell::each_member;
use crate::output::Output;
use crate::shared_file::PageFile;

/// How many rows are in a row group where the spec does not say.
const ROW_GROUP: usize = 100_000;

/// How many bytes of rows may wait in memory for their row groups to be full, in all files of a storage together.
const BUDGET: usize = 128 * 1024 * 1024;

/// How many bytes of rows may wait for one file.
const MOST: usize = 64 * 1024 * 1024;

/// What the files of a storage may hold in memory.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    files: AtomicUsize,
}

impl Budget {
    fn share(&self) -> usize {
        (BUDGET / self.files.load(Ordering::Relaxed).max(1)).min(MOST)
    }
}

/// A file of columns.
///
/// Its columns are those declared, and the further members of the records of the first row group; the values of those decide about the type of
/// a column that declares none. Later nothing about them changes.
#[derive(Debug)]
pub(crate) struct ParquetFile {
    state: State,
    mode: Mode,
    properties: WriterPropertiesPtr,
    columns: Vec<Column>,
    /// Where each column is, by its name.
    positions: HashMap<Arc<str>, usize>,
    /// How many rows wait.
    waiting: usize,
    /// How many rows were written.
    rows: u64,
    row_group: usize,
    budget: Arc<Budget>,
}

/// How far a file is.
#[derive(Debug)]
enum State {
    /// What its columns are is still open.
    Open(Output),
    Written(Box<SerializedFileWriter<Output>>),
    Finished,
}

/// Says that a file can't be added to.
pub(crate) fn is_there(path: &Path) -> SinkError {
    SinkError::new(format!("`{}` is there, and nothing can be added to a Parquet file", path.display()))
        .help("write `mode: replace`, or give each run a file of its own: `path: ./out/{{ run.id }}.parquet`")
}

impl ParquetFile {
    /// Makes a sink of a file that comes into its place when it is finished.
    ///
    /// # Errors
    ///
    /// Fails where a row group has no rows.
    pub(crate) fn new(
        output: Output,
        target: &SinkTarget,
        compression: ParquetCompression,
        row_group: Option<u64>,
        budget: &Arc<Budget>,
    ) -> Result<Self, SinkError> {
        if row_group == Some(0) {
            return Err(
                SinkError::new("a `row_group` of 0 rows holds no record").help("write 1 or more, or leave it out")
            );
        }
        let columns: Vec<Column> = target.columns.iter().map(|it| Column::declared(&it.name, it.kind)).collect();
        let compression = match compression {
            ParquetCompression::None => Compression::UNCOMPRESSED,
            ParquetCompression::Snappy => Compression::SNAPPY,
            ParquetCompression::Gzip => Compression::GZIP(parquet::basic::GzipLevel::default()),
            ParquetCompression::Zstd => {
                let level = ZstdLevel::try_new(zstd::DEFAULT_COMPRESSION_LEVEL).unwrap_or_default();
                Compression::ZSTD(level)
            }
        };
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_created_by(format!("engine version {}", env!("CARGO_PKG_VERSION")))
            .build();
        budget.files.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            state: State::Open(output),
            mode: target.mode,
            properties: Arc::new(properties),
            positions: columns.iter().enumerate().map(|(at, column)| (Arc::clone(column.name()), at)).collect(),
            columns,
            waiting: 0,
            rows: 0,
            row_group: row_group.map_or(ROW_GROUP, |rows| usize::try_from(rows).unwrap_or(usize::MAX)),
            budget: Arc::clone(budget),
        })
    }

    fn path(&self) -> String {
        match &self.state {
            State::Open(output) => output.path().display().to_string(),
            State::Written(writer) => writer.inner().path().display().to_string(),
            State::Finished => String::new(),
        }
    }

    /// Takes the rows of a page, all or none.
    fn take(&mut self, records: &[Record]) -> Result<(), SinkError> {
        let (rows, columns) = (self.waiting, self.columns.len());
        for (record, number) in records.iter().zip(self.rows + rows as u64 + 1..) {
            if let Err(error) = self.row(record) {
                self.cut(rows, columns);
                return Err(SinkError { message: format!("row {number}: {}", error.message), ..error });
            }
        }
        Ok(())
    }

    fn row(&mut self, record: &Record) -> Result<(), SinkError> {
        let rows = self.waiting;
        // Members come mostly in the order of the columns.
        let mut next = 0;
        each_member(record, |name, cell| {
            let at = match self.columns.get(next) {
                Some(column) if **column.name() == *name => next,
                _ => match self.positions.get(&*name) {
                    Some(at) => *at,
                    None => self.add(&name)?,
                },
            };
            next = at + 1;
            self.columns[at].push(rows, &cell)
        })?;
        self.waiting += 1;
        for column in &mut self.columns {
            column.fill(self.waiting);
        }
        Ok(())
    }

    /// Adds a column that was null so far.
    fn add(&mut self, name: &str) -> Result<usize, SinkError> {
        if let State::Open(_) = self.state {
            let mut column = Column::found(name);
            column.fill(self.waiting);
            let at = self.columns.len();
            self.positions.insert(Arc::clone(column.name()), at);
            self.columns.push(column);
            return Ok(at);
        }
        let columns: Vec<String> = self.columns.iter().map(|column| format!("`{}`", column.name())).collect();
        Err(SinkError::new(format!("`{}` has no column `{name}`: its columns are {}", self.path(), columns.join(", ")))
            .help(format!("the columns are those of `map`, and what the first row group has: name `{name}` in `map`, with its `type`")))
    }

    /// Takes back what a page has added.
    fn cut(&mut self, rows: usize, columns: usize) {
        for column in self.columns.drain(columns..) {
            self.positions.remove(column.name());
        }
        self.waiting = rows;
        for column in &mut self.columns {
            column.cut(rows);
        }
    }

    fn size(&self) -> usize {
        self.columns.iter().map(Column::size).sum()
    }

    /// Decides what the columns are, if it is open, and returns what writes them.
    fn writer(&mut self) -> Result<&mut SerializedFileWriter<Output>, SinkError> {
        if let State::Open(output) = &self.state {
            let path = output.path().display().to_string();
            for column in &mut self.columns {
                column.settle()?;
            }
            let fields: Vec<TypePtr> = self
                .columns
                .iter()
                .map(|column| column.field().map(Arc::new))
                .collect::<Result<_, _>>()
                .map_err(|error| failed(&path, &error))?;
            let schema = schema(fields).map_err(|error| failed(&path, &error))?;
            self.begin(schema)?;
        }
        match &mut self.state {
            State::Written(writer) => Ok(writer),
            State::Open(_) | State::Finished => Err(SinkError::new("the step has finished its file, and writes to it")),
        }
    }

    fn begin(&mut self, schema: TypePtr) -> Result<(), SinkError> {
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Open(output) => {
                let path = output.path().display().to_string();
                let writer = SerializedFileWriter::new(output, schema, Arc::clone(&self.properties))
                    .map_err(|error| failed(&path, &error).finally())?;
                self.state = State::Written(Box::new(writer));
            }
            other => self.state = other,
        }
        Ok(())
    }

    /// Writes the first rows that wait as a row group.
    fn flush(&mut self, rows: usize) -> Result<(), SinkError> {
        self.writer()?;
        let State::Written(writer) = &mut self.state else { return Ok(()) };
        let columns = &mut self.columns;
        let mut write = || -> Result<(), ParquetError> {
            let mut group = writer.next_row_group()?;
            for column in columns.iter_mut() {
                if let Some(mut out) = group.next_column()? {
                    column.write(&mut out, rows)?;
                    out.close()?;
                }
            }
            group.close()?;
            Ok(())
        };
        // A row group that was begun can't be taken back.
        write().map_err(|error| failed(&self.path(), &error).finally())?;
        self.waiting -= rows;
        self.rows += rows as u64;
        Ok(())
    }

    /// Returns the columns of the file that is there, for one that gets no rows and knows none itself.
    fn old_schema(&self) -> Option<TypePtr> {
        let State::Open(output) = &self.state else { return None };
        let reader = SerializedFileReader::new(std::fs::File::open(output.path()).ok()?).ok()?;
        Some(reader.metadata().file_metadata().schema_descr().root_schema_ptr())
    }
}

fn schema(fields: Vec<TypePtr>) -> Result<TypePtr, ParquetError> {
    Ok(Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?))
}

fn failed(path: &str, error: &ParquetError) -> SinkError {
    let message = match error {
        ParquetError::External(error) => error.to_string(),
        ParquetError::General(message) => message.clone(),
        other => other.to_string(),
    };
    SinkError::new(format!("can't write `{path}`: {message}"))
}

impl RecordSink for ParquetFile {
    fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        self.take(records)?;
        while self.waiting >= self.row_group {
            self.flush(self.row_group)?;
        }
        if self.waiting > 0 && self.size() >= self.budget.share() {
            self.flush(self.waiting)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        if self.waiting > 0 {
            self.flush(self.waiting)?;
        }
        if self.columns.is_empty() && self.rows == 0 {
            // A file without columns is none for most readers.
            match self.old_schema() {
                Some(schema) => self.begin(schema)?,
                None => self.state = State::Finished,
            }
        } else {
            self.writer()?;
        }
        let path = self.path();
        let State::Written(writer) = std::mem::replace(&mut self.state, State::Finished) else { return Ok(()) };
        let mut output = writer.into_inner().map_err(|error| failed(&path, &error))?;
        if self.mode == Mode::Append && output.path().exists() {
            return Err(is_there(output.path()));
        }
        output.finish()
    }
}

impl PageFile for ParquetFile {
    fn sync(&mut self) -> Result<(), SinkError> {
        // The file is there when it is whole; that is when the last of its writers has finished.
        Ok(())
    }
}

impl Drop for ParquetFile {
    fn drop(&mut self) {
        self.budget.files.fetch_sub(1, Ordering::Relaxed);
    }
}
