//! Which files are open, so that steps that write to one at the same time share it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, Weak};

use engine_runtime::{Column, FileCompression, Mode, SinkError, SinkKind, SinkSpec, SinkTarget};

use crate::shared_file::{FileWriter, PageFile, SharedFile};

/// The files that are open.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Each by its canonical path.
    files: HashMap<PathBuf, OpenFile>,
    /// How many of them there may be before those are forgotten that nobody writes to any more.
    bound: usize,
}

/// An open file, and how the first of its writers opened it.
#[derive(Debug)]
struct OpenFile {
    sink: SinkSpec,
    target: SinkTarget,
    file: Weak<SharedFile>,
}

impl OpenFiles {
    /// Joins the writers of a file that is open, or opens it by `make`.
    ///
    /// # Errors
    ///
    /// Fails where the file is open and its writers want another format, mode or other columns, or `make` fails.
    pub(crate) fn open(
        &self,
        path: &Path,
        sink: &SinkSpec,
        target: &SinkTarget,
        make: impl FnOnce() -> Result<Box<dyn PageFile>, SinkError>,
    ) -> Result<FileWriter, SinkError> {
        let place = canonical(path)
            .map_err(|error| SinkError::new(format!("can't find the folder of `{}`: {error}", path.display())))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = known.files.get(&place)
            && let Some(writer) = FileWriter::join(&open.file, || open.agree(path, sink, target))?
        {
            return Ok(writer);
        }
        let is_new = path.metadata().map_or(true, |file| file.len() == 0);
        let writer = FileWriter::new(make()?, is_new);
        if known.files.len() >= known.bound {
            known.files.retain(|_, open| open.file.strong_count() > 0);
            known.bound = known.files.len() * 2 + 16;
        }
        known.files.insert(place, OpenFile { sink: sink.clone(), target: target.clone(), file: writer.found_at() });
        Ok(writer)
    }
}

impl OpenFile {
    /// Requires that one more step writes to the file as the first one does.
    fn agree(&self, path: &Path, sink: &SinkSpec, target: &SinkTarget) -> Result<(), SinkError> {
        let clash = |how: &str, first: &str, second: &str| {
            SinkError::new(format!(
                "two steps write to `{}` at the same time {how}: one {first} (sink `{}`), the other {second} (sink `{}`)",
                path.display(),
                self.sink.name,
                sink.name
            ))
        };
        if self.target.mode == Mode::Replace || target.mode == Mode::Replace {
            return Err(clash("and need it for themselves", does(self.target.mode), does(target.mode))
                .help("write `mode: append` in both steps, or give each its own `path`"));
        }
        let packed = |first: FileCompression, second: FileCompression| {
            clash("packed in different ways", says(first), says(second))
                .help("write both through one sink, or give each step its own `path`")
        };
        match (&self.sink.kind, &sink.kind) {
            (
                SinkKind::Csv { delimiter, header, compression },
                SinkKind::Csv { delimiter: other_delimiter, header: other_header, compression: other_compression },
            ) => {
                if compression != other_compression {
                    return Err(packed(*compression, *other_compression));
                }
                if delimiter != other_delimiter || header != other_header {
                    let (first, second) = (layout(*delimiter, *header), layout(*other_delimiter, *other_header));
                    return Err(clash("with different layouts", &first, &second)
                        .help("write both through one sink, or give each step its own `path`"));
                }
                if names(&self.target.columns) != names(&target.columns) {
                    let (first, second) = (shown(&self.target.columns), shown(&target.columns));
                    return Err(clash("with different columns", &first, &second)
                        .help("name the same columns in the `map` of both steps, or give each its own `path`"));
                }
                Ok(())
            }
            (SinkKind::Jsonl { compression }, SinkKind::Jsonl { compression: other }) if compression != other => {
                Err(packed(*compression, *other))
            }
            (
                SinkKind::Parquet { compression, row_group },
                SinkKind::Parquet { compression: other_compression, row_group: other_row_group },
            ) => {
                if (compression, row_group) != (other_compression, other_row_group) {
                    return Err(clash("with different settings", "says one", "says another")
                        .help("write both through one sink, or give each step its own `path`"));
                }
                if kinds(&self.target.columns) != kinds(&target.columns) {
                    let (first, second) = (shown(&self.target.columns), shown(&target.columns));
                    return Err(clash("with different columns", &first, &second)
                        .help("name the same columns with the same types in the `map` of both steps, or give each its own `path`"));
                }
                Ok(())
            }
            (first, second) if std::mem::discriminant(first) == std::mem::discriminant(second) => Ok(()),
            (first, second) => Err(clash("in different formats", format_of(first), format_of(second))
                .help("give each step its own `path`")),
        }
    }
}

/// Finds the one path of a file, which need not exist; its folder must.
fn canonical(path: &Path) -> io::Result<PathBuf> {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Err(error), Some(folder), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            Ok(folder.canonicalize()?.join(name))
        }
        (found, ..) => found,
    }
}

/// Returns the names of columns in alphabetical order: a record's members find theirs in any.
fn names(columns: &[Column]) -> Vec<&str> {
    let mut names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// Returns the columns with their types, in alphabetical order.
fn kinds(columns: &[Column]) -> Vec<(&str, &str)> {
    let mut kinds: Vec<(&str, &str)> =
        columns.iter().map(|column| (column.name.as_str(), column.kind.name())).collect();
    kinds.sort_unstable();
    kinds
}

fn shown(columns: &[Column]) -> String {
    if columns.is_empty() {
        return "has those of its first record".to_owned();
    }
    let names: Vec<String> = columns.iter().map(|column| format!("`{}`", column.name)).collect();
    format!("has {}", names.join(", "))
}

fn layout(delimiter: u8, header: bool) -> String {
    let header = if header { "a header" } else { "no header" };
    format!("has `{}` between fields and {header}", delimiter.escape_ascii())
}

fn says(compression: FileCompression) -> &'static str {
    match compression {
        FileCompression::None => "does not pack",
        FileCompression::Gzip => "packs with gzip",
        FileCompression::Zstd => "packs with zstd",
    }
}

fn does(mode: Mode) -> &'static str {
    if mode == Mode::Replace { "replaces it" } else { "appends" }
}

fn format_of(kind: &SinkKind) -> &'static str {
    match kind {
        SinkKind::Jsonl { .. } => "writes jsonl",
        SinkKind::Csv { .. } => "writes csv",
        SinkKind::Parquet { .. } => "writes parquet",
        SinkKind::Sqlite { .. } => "writes sqlite",
        SinkKind::Postgres { .. } => "writes postgres",
    }
}
