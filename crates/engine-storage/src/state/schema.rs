//! The tables of a state, and how those of an older engine become those of this one.

use engine_runtime::StateError;
use rusqlite::{Connection, TransactionBehavior};

/// What marks a database as a state of ours, `engi` in ASCII (<https://sqlite.org/pragma.html#pragma_application_id>).
const APPLICATION: i32 = 0x656e_6769;

/// What brings the tables from each version to the next. A step is never changed once it was released: one more is added.
const STEPS: &[&str] = &["
    CREATE TABLE facts (
        name TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE kept (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        label TEXT NOT NULL,
        value BLOB NOT NULL,
        saved_at TEXT NOT NULL,
        PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE locks (
        name TEXT NOT NULL PRIMARY KEY,
        owner TEXT NOT NULL,
        until INTEGER NOT NULL -- microseconds since 1970
    ) STRICT, WITHOUT ROWID;
"];

/// Why a database is not one of ours.
pub(super) enum Unfit {
    /// The database itself failed.
    Sqlite(rusqlite::Error),
    /// It is something else.
    Other(StateError),
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Brings a database to this engine's version; an empty one gets all its tables.
pub(super) fn migrate(connection: &mut Connection, shown: &str) -> Result<(), Unfit> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if version(connection)? == known && application(connection)? == APPLICATION {
        return Ok(());
    }
    // Another process may do the same: who comes second finds it done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (version, application) = (version(&transaction)?, application(&transaction)?);
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if application != APPLICATION && (tables > 0 || version != 0 || application != 0) {
        return Err(Unfit::Other(
            StateError::new(format!("`{shown}` is a database of something else, not a state of the engine"))
                .help("name another file by `--state`"),
        ));
    }
    if version > known {
        return Err(Unfit::Other(
            StateError::new(format!(
                "the state in `{shown}` was made by a newer engine (version {version} of its tables, this one knows {known})"
            ))
            .help("use that engine, or another file by `--state`"),
        ));
    }
    for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn application(connection: &Connection) -> rusqlite::Result<i32> {
    connection.query_row("PRAGMA application_id", [], |row| row.get(0))
}
