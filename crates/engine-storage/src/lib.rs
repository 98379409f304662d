//! Where records land: files of lines, files of rows, and tables of `SQLite`; and where is kept what the next run has to know.
//!
//! Knows records, columns and modes; knows neither specs nor templates nor where records come from.

mod cell;
mod csv_file;
mod jsonl_file;
mod open_files;
mod output;
mod shared_file;
mod sqlite;
mod state;

use std::path::Path;
use std::sync::Mutex;

use engine_runtime::{Mode, RecordSink, SinkError, SinkKind, SinkSpec, SinkTarget, Sinks};

use crate::csv_file::CsvFile;
use crate::jsonl_file::JsonlFile;
use crate::open_files::OpenFiles;
use crate::output::Output;
use crate::sqlite::SqliteTable;
pub use crate::state::{SqliteState, StateKey, open_state};

/// Opens the sinks of this machine: files of lines and of rows, and `SQLite` databases.
///
/// Steps that write to one file at the same time share it: whatever a run writes goes through one storage.
#[derive(Debug, Default)]
pub struct Storage {
    files: OpenFiles,
    /// Databases are opened one after another: to change the journal of one, `SQLite` must have it for itself.
    opening: Mutex<()>,
}

impl Storage {
    /// Makes a storage that has nothing open.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Sinks for Storage {
    fn open(&self, sink: &SinkSpec, target: &SinkTarget) -> Result<Box<dyn RecordSink>, SinkError> {
        let Some(path) = target.path.as_deref() else {
            return Err(SinkError::new(format!("sink `{}` has no path", sink.name)).help("say where: `path: ./out/…`"));
        };
        make_folder(path)?;
        match &sink.kind {
            SinkKind::Jsonl => {
                refuse_key(sink, target)?;
                let make = || Ok(Box::new(JsonlFile::new(open_file(target, path)?)) as _);
                Ok(Box::new(self.files.open(path, sink, target, make)?))
            }
            SinkKind::Csv { delimiter, header } => {
                refuse_key(sink, target)?;
                let make =
                    || Ok(Box::new(CsvFile::new(open_file(target, path)?, *delimiter, *header, &target.columns)?) as _);
                Ok(Box::new(self.files.open(path, sink, target, make)?))
            }
            SinkKind::Sqlite { pragmas } => {
                let _alone = self.opening.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                Ok(Box::new(SqliteTable::open(path, sink, pragmas, target)?))
            }
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

fn open_file(target: &SinkTarget, path: &Path) -> Result<Output, SinkError> {
    if target.mode == Mode::Replace { Output::replace(path) } else { Output::append(path) }
}

fn make_folder(path: &Path) -> Result<(), SinkError> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => std::fs::create_dir_all(folder)
            .map_err(|error| SinkError::new(format!("can't make the folder `{}`: {error}", folder.display()))),
        None => Ok(()),
    }
}
