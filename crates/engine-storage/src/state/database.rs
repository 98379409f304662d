//! The database of a state: one connection, and what is asked of it. Knows nothing of encryption.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_runtime::{Entry, StateError};
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::batch::Batch;
use super::log::Log;
use super::schema::{self, Unfit};
use crate::patience;

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(10);

/// The size of a page of a new database, in bytes: some events, each of which is written as a whole.
const PAGE: u32 = 8192;

/// How much of a database a connection keeps in memory: in KiB where it is negative, which is how `SQLite` wants it.
const CACHE: i32 = -512;

/// How many statements are kept prepared: all that there are.
const STATEMENTS: usize = 128;

/// The name of the fact that tells with which key the tokens are encrypted.
const MARK: &str = "key";

/// An open database.
pub(super) struct Database {
    // Before the connection, which is to be the last that ends.
    pub(super) log: Log,
    pub(super) connection: Connection,
    pub(super) batch: Batch,
    path: PathBuf,
}

impl Database {
    /// Opens a database, and makes it where it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, StateError> {
        make_file(path).map_err(|error| {
            StateError::new(format!("the state `{}` can't be made: {error}", path.display()))
                .help("check the rights of the folder, or name another file by `--state`")
        })?;
        let mut connection = Connection::open(path).map_err(|error| failed(path, &error))?;
        match patience::set_up(&mut connection, BUSY, |connection| prepare(connection, path)) {
            Ok(()) => {}
            Err(Unfit::Sqlite(error)) => return Err(failed(path, &error)),
            Err(Unfit::Other(error)) => return Err(error),
        }
        let log = Log::of(&mut connection, path).map_err(|error| failed(path, &error))?;
        Ok(Self { log, connection, batch: Batch::new(), path: path.to_path_buf() })
    }

    /// Returns what is kept of a kind under a key, with its label.
    pub(super) fn load(&mut self, kind: &str, key: &str) -> Result<Option<(Vec<u8>, String)>, StateError> {
        self.connection
            .prepare_cached("SELECT value, label FROM kept WHERE kind = ?1 AND key = ?2")
            .and_then(|mut statement| statement.query_row([kind, key], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .map_err(|error| failed(&self.path, &error))
    }

    /// Keeps something; `mark` tells with which key it is encrypted, if it is.
    pub(super) fn save(&mut self, kind: &str, entry: &Entry, mark: Option<&str>) -> Result<(), StateError> {
        let saved = self.write(true, |connection| {
            if let Some(mark) = mark {
                keep_mark(connection, mark)?;
            }
            keep(connection, kind, &entry.key, &entry.label, &entry.value, entry.saved_at)
        });
        saved.map_err(|error| failed(&self.path, &error))
    }

    /// Keeps something no longer.
    pub(super) fn remove(&mut self, kind: &str, key: &str) -> Result<bool, StateError> {
        let removed = self
            .write(true, |connection| connection.execute("DELETE FROM kept WHERE kind = ?1 AND key = ?2", [kind, key]));
        removed.map(|count| count > 0).map_err(|error| failed(&self.path, &error))
    }

    /// Forgets all of a kind; where the key that it was encrypted with is lost, also all else that was encrypted with it.
    pub(super) fn forget(&mut self, kind: &str, sealed: &[&str], is_lost: bool) -> Result<usize, StateError> {
        let forgotten = self.write(true, |connection| {
            let removed = connection.execute("DELETE FROM kept WHERE kind = ?1", [kind])?;
            if is_lost {
                for kind in sealed {
                    connection.execute("DELETE FROM kept WHERE kind = ?1", [kind])?;
                }
                connection.execute_batch("DELETE FROM runs; DELETE FROM events; DELETE FROM event_keys")?;
                connection.execute("DELETE FROM facts WHERE name = ?1", [MARK])?;
            }
            Ok(removed)
        });
        forgotten.map_err(|error| failed(&self.path, &error))
    }

    /// Lists what is kept of a kind, by label.
    pub(super) fn list(&mut self, kind: &str) -> Result<Vec<Entry>, StateError> {
        let list = || {
            let mut statement = self
                .connection
                .prepare_cached("SELECT key, label, value, saved_at FROM kept WHERE kind = ?1 ORDER BY label, key")?;
            let rows = statement.query_map([kind], |row| {
                let entry =
                    Entry { key: row.get(0)?, label: row.get(1)?, value: row.get(2)?, saved_at: Timestamp::MIN };
                Ok((entry, row.get::<_, String>(3)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = list().map_err(|error| failed(&self.path, &error))?;
        let timed = |(entry, saved_at): (Entry, String)| match saved_at.parse() {
            Ok(saved_at) => Ok(Entry { saved_at, ..entry }),
            Err(_) => Err(damaged(&self.path, &format!("`{saved_at}` is not a time"))),
        };
        rows.into_iter().map(timed).collect()
    }

    /// Returns the mark of the key with which the tokens are encrypted, if there ever was one.
    pub(super) fn mark(&mut self) -> Result<Option<String>, StateError> {
        self.connection
            .prepare_cached("SELECT value FROM facts WHERE name = ?1")
            .and_then(|mut statement| statement.query_row([MARK], |row| row.get(0)).optional())
            .map_err(|error| failed(&self.path, &error))
    }

    /// Takes a lock that is free, one's own, or over.
    pub(super) fn lock(
        &mut self,
        name: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StateError> {
        let locked = self.write(true, |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO locks (name, owner, until) VALUES (?1, ?2, ?4)
                     ON CONFLICT DO UPDATE SET owner = excluded.owner, until = excluded.until
                     WHERE owner = excluded.owner OR until <= ?3",
                )?
                .execute(params![name, owner, now.as_microsecond(), until.as_microsecond()])
        });
        locked.map(|count| count > 0).map_err(|error| failed(&self.path, &error))
    }

    /// Gives a lock back.
    pub(super) fn unlock(&mut self, name: &str, owner: &str) -> Result<(), StateError> {
        let removed = self.write(true, |connection| {
            connection.execute("DELETE FROM locks WHERE name = ?1 AND owner = ?2", [name, owner])
        });
        removed.map(|_| ()).map_err(|error| failed(&self.path, &error))
    }

    /// Returns the connection.
    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Returns where the database is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Changes how the database behaves, so that a test can break it.
    #[cfg(test)]
    pub(super) fn set(&mut self, pragma: &str) {
        self.connection.execute_batch(&format!("PRAGMA {pragma}")).expect("a pragma that is known");
    }
}

/// Takes note of the key that is used, if none was used before.
pub(super) fn keep_mark(connection: &Connection, mark: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute([MARK, mark])
        .map(|_| ())
}

/// Keeps something, within a transaction.
pub(super) fn keep(
    connection: &Connection,
    kind: &str,
    key: &str,
    label: &str,
    value: &[u8],
    saved_at: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO kept (kind, key, label, value, saved_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET label = excluded.label, value = excluded.value, saved_at = excluded.saved_at",
        )?
        .execute(params![kind, key, label, value, saved_at.to_string()])
        .map(|_| ())
}

/// Makes a connection ready to use.
fn prepare(connection: &mut Connection, path: &Path) -> Result<(), Unfit> {
    // What is not a database is found out here, before anything is changed.
    let _: i64 = connection.query_row("PRAGMA schema_version", [], |row| row.get(0))?;
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode != "wal" && !connection.is_readonly("main")? {
        // One that is there keeps its own.
        connection.pragma_update(None, "page_size", PAGE)?;
        let _: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Most of what is written is never read again, or soon.
    connection.pragma_update(None, "cache_size", CACHE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // What belongs to a run goes with it.
    connection.pragma_update(None, "foreign_keys", true)?;
    schema::migrate(connection, &path.display().to_string())
}

/// Makes the file, for its owner alone, before `SQLite` would make it for all; the files beside it get the rights of this one.
fn make_file(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        super::make_folder(folder)?;
    }
    match new_file(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(|_| ()),
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Says that the file is not what it was.
pub(super) fn damaged(path: &Path, why: &str) -> StateError {
    StateError::new(format!("the state `{}` is damaged: {why}", path.display())).help(
        "bring back a copy of it; or move the file away: tokens are asked for anew, and reads begin from their `start`",
    )
}

/// Says what the database said.
pub(super) fn failed(path: &Path, error: &rusqlite::Error) -> StateError {
    let shown = path.display();
    let why = match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => damaged(path, &why),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StateError::new(format!("the state `{shown}` can't be written: {why}"))
                .help("check the rights of the file and of its folder, or name another file by `--state`")
        }
        Some(ErrorCode::CannotOpen) => StateError::new(format!("the state `{shown}` can't be opened: {why}"))
            .help("check that it is a file, and the rights of it and of its folder"),
        Some(ErrorCode::DiskFull) => StateError::new(format!("there is no room for the state `{shown}`: {why}"))
            .help("make room on the disk, then run again: nothing that was kept before is lost"),
        Some(ErrorCode::SystemIoFailure) => {
            StateError::new(format!("the state `{shown}` can't be read or written: {why}"))
                .help("see whether the disk has room and works, then run again: nothing that was kept before is lost")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StateError::new(format!("another process has held the state `{shown}` for {} seconds", BUSY.as_secs()))
                .help("end it, or try again later")
        }
        _ => StateError::new(format!("the state `{shown}` failed: {why}")),
    }
}
