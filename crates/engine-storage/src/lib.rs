//! Where records land: files of lines, of rows and of columns, tables of `SQLite` and of Postgres; and where is kept what the next run has to know.
//!
//! Knows records, columns and modes; knows neither specs nor templates nor where records come from.

mod cell;
mod csv_file;
mod handles;
mod identifier;
mod input;
mod json_cell;
mod jsonl_file;
mod kind;
mod open_files;
mod output;
mod packing;
mod parquet_file;
mod patience;
mod postgres;
mod query;
mod record_page;
mod refusal;
mod shared_file;
mod sqlite;
mod state;
mod tail;

use std::path::Path;
use std::sync::{Arc, Mutex};

use engine_runtime::{
    Extent, FileCompression, Held, Mode, RecordSink, SinkError, SinkKind, SinkQuery, SinkRows, SinkSpec, SinkTarget,
    Sinks,
};

use crate::csv_file::{CsvFile, CsvSource};
use crate::handles::Handles;
use crate::input::Input;
use crate::jsonl_file::{JsonlFile, JsonlSource};
use crate::open_files::OpenFiles;
use crate::output::Output;
use crate::parquet_file::{Budget, ParquetFile, ParquetSource};
use crate::postgres::{Lines, PostgresSource, PostgresTable, Readers};
use crate::sqlite::{Keeper, SqliteSource, SqliteTable};
pub use crate::state::{Forget, PostgresState, SqliteState, State, StateKey, open_state};

/// Opens the sinks of this machine: files of lines, of rows and of columns, `SQLite` databases, and Postgres.
///
/// Steps that write to one file at the same time share it: whatever a run writes goes through one storage.
#[derive(Debug, Default)]
pub struct Storage {
    files: OpenFiles,
    handles: Arc<Handles>,
    budget: Arc<Budget>,
    readers: Arc<Readers>,
    lines: Arc<Lines>,
    /// Databases are opened one after another: to change the journal of one, `SQLite` must have it for itself.
    opening: Mutex<()>,
    /// The databases that stay open, if any do.
    keeper: Option<Keeper>,
}

impl Storage {
    /// Makes a storage that has nothing open.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes one for a program that runs many flows: databases of `SQLite` stay open between them.
    pub fn serving() -> Self {
        Self { keeper: Some(Keeper::default()), ..Self::default() }
    }

    fn open_file(&self, target: &SinkTarget, path: &Path, compression: FileCompression) -> Result<Output, SinkError> {
        if target.mode == Mode::Replace {
            Output::replace(path, &self.handles, compression)
        } else {
            Output::append(path, &self.handles, compression)
        }
    }
}

impl Sinks for Storage {
    fn open(&self, sink: &SinkSpec, target: &SinkTarget) -> Result<Box<dyn RecordSink>, SinkError> {
        let path = || {
            let Some(path) = target.path.as_deref() else {
                return Err(
                    SinkError::new(format!("sink `{}` has no path", sink.name)).help("say where: `path: ./out/…`")
                );
            };
            make_folder(path)?;
            Ok(path)
        };
        match &sink.kind {
            SinkKind::Jsonl { compression } => {
                let path = path()?;
                refuse_key(sink, target)?;
                let make = || Ok(Box::new(JsonlFile::new(self.open_file(target, path, *compression)?)) as _);
                Ok(Box::new(self.files.open(path, sink, target, make)?))
            }
            SinkKind::Csv { delimiter, header, compression } => {
                let path = path()?;
                refuse_key(sink, target)?;
                let make = || {
                    let output = self.open_file(target, path, *compression)?;
                    Ok(Box::new(CsvFile::new(output, *delimiter, *header, &target.columns)?) as _)
                };
                Ok(Box::new(self.files.open(path, sink, target, make)?))
            }
            SinkKind::Parquet { compression, row_group } => {
                let path = path()?;
                refuse_key(sink, target)?;
                let make = || {
                    if target.mode == Mode::Append && path.exists() {
                        return Err(parquet_file::is_there(path));
                    }
                    // A file that is not whole is none, so it comes into its place at the end in either mode.
                    let output = Output::replace(path, &self.handles, FileCompression::None)?;
                    Ok(Box::new(ParquetFile::new(output, target, *compression, *row_group, &self.budget)?) as _)
                };
                Ok(Box::new(self.files.open(path, sink, target, make)?))
            }
            SinkKind::Sqlite { pragmas } => {
                let path = path()?;
                let _alone = self.opening.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let table = SqliteTable::open(path, sink, pragmas, target)?;
                // One that is used in a way of its own is left alone.
                if let Some(keeper) = self.keeper.as_ref().filter(|_| pragmas.is_empty()) {
                    keeper.hold(path)?;
                }
                Ok(Box::new(table))
            }
            SinkKind::Postgres { url, schema } => {
                Ok(Box::new(PostgresTable::open(url.expose(), schema.as_deref(), sink, target, &self.lines)?))
            }
        }
    }

    fn read(&self, sink: &SinkSpec, wanted: &SinkQuery) -> Result<Held, SinkError> {
        let path = || {
            wanted.path.as_deref().ok_or_else(|| {
                SinkError::new(format!("sink `{}` has no path", sink.name)).help("say where: `path: ./out/…`")
            })
        };
        let file = |compression| -> Result<Result<Input, Held>, SinkError> {
            let path = path()?;
            Ok(Input::open(path, compression)?.ok_or_else(|| Held::Nothing(input::missing(path))))
        };
        if !matches!(wanted.rows, SinkRows::All)
            && !matches!(sink.kind, SinkKind::Sqlite { .. } | SinkKind::Postgres { .. })
        {
            return Err(SinkError::new(format!("sink `{}` is a file, of which all is read", sink.name)));
        }
        Ok(match &sink.kind {
            SinkKind::Jsonl { compression } => match file(*compression)? {
                Ok(input) => Held::Records(Box::new(JsonlSource::new(input))),
                Err(nothing) => nothing,
            },
            SinkKind::Csv { delimiter, header, compression } => match file(*compression)? {
                Ok(input) => Held::Records(Box::new(CsvSource::new(input, *delimiter, *header))),
                Err(nothing) => nothing,
            },
            SinkKind::Parquet { .. } => match ParquetSource::open(path()?)? {
                Some(source) => Held::Records(Box::new(source)),
                None => Held::Nothing(input::missing(path()?)),
            },
            SinkKind::Sqlite { .. } => SqliteSource::open(path()?, &sink.name, wanted.rows.clone())?,
            SinkKind::Postgres { url, schema } => {
                PostgresSource::open(url.expose(), schema.as_deref(), &sink.name, &wanted.rows, &self.readers)?
            }
        })
    }

    fn recover(
        &self,
        sink: &SinkSpec,
        target: &SinkTarget,
        least: u64,
        pages: &[Extent],
    ) -> Result<Vec<bool>, SinkError> {
        match (&sink.kind, target.path.as_deref()) {
            (SinkKind::Jsonl { compression } | SinkKind::Csv { compression, .. }, Some(path)) => {
                tail::recover(path, *compression, least, pages)
            }
            _ => Ok(vec![true; pages.len()]),
        }
    }

    fn forget(&self, sink: &SinkSpec, target: &SinkTarget, run: &str) -> Result<(), SinkError> {
        match (&sink.kind, target.path.as_deref()) {
            (SinkKind::Sqlite { .. }, Some(path)) => match &self.keeper {
                Some(keeper) => keeper.forget(path, run),
                None => sqlite::forget(path, run),
            },
            (SinkKind::Postgres { url, schema }, _) => {
                postgres::forget(url.expose(), schema.as_deref(), run, self.keeper.is_some(), &self.lines)
            }
            _ => Ok(()),
        }
    }
}

fn refuse_key(sink: &SinkSpec, target: &SinkTarget) -> Result<(), SinkError> {
    if target.mode == Mode::Upsert {
        return Err(SinkError::new(format!(
            "sink `{}` writes a file, whose records can't be updated by key",
            sink.name
        ))
        .help("take `key` away, or write `mode: append` or `mode: replace`"));
    }
    Ok(())
}

fn make_folder(path: &Path) -> Result<(), SinkError> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => std::fs::create_dir_all(folder).map_err(|error| {
            let failed = SinkError::new(format!("can't make the folder `{}`: {error}", folder.display()));
            output::helped(failed, &error)
        }),
        None => Ok(()),
    }
}
