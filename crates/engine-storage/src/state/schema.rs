//! The tables of a state, and how those of an older engine become those of this one.

use engine_runtime::StateError;
use rusqlite::{Connection, TransactionBehavior};

use crate::patience::Busy;

/// What marks a database as a state of ours, `engi` in ASCII (<https://sqlite.org/pragma.html#pragma_application_id>).
const APPLICATION: i32 = 0x656e_6769;

/// What brings the tables from each version to the next. A step is never changed once it was released: one more is added.
const STEPS: &[&str] = &[
    "
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
",
    "
    CREATE TABLE runs (
        id TEXT NOT NULL PRIMARY KEY,
        flow TEXT NOT NULL,
        spec TEXT NOT NULL,
        plan TEXT NOT NULL,
        given TEXT NOT NULL,
        inputs BLOB NOT NULL, -- sealed
        status TEXT NOT NULL,
        started_at INTEGER NOT NULL, -- microseconds since 1970, as all times here
        ended_at INTEGER,
        error TEXT,
        holder TEXT,
        held_until INTEGER NOT NULL,
        cancelled INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX runs_of_flows ON runs (flow, started_at);
    CREATE TABLE journal (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        number INTEGER NOT NULL,
        body BLOB NOT NULL, -- sealed
        PRIMARY KEY (run, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE snapshots (
        run TEXT NOT NULL PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
        next INTEGER NOT NULL, -- the first chunk of the journal that is not in it
        body BLOB NOT NULL -- sealed
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE acks (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        key TEXT NOT NULL,
        page TEXT NOT NULL,
        effect BLOB, -- sealed; null where it was intended and no answer is known
        PRIMARY KEY (run, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX acks_of_pages ON acks (run, page);
    CREATE TABLE records (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        step TEXT NOT NULL,
        number INTEGER NOT NULL,
        body BLOB NOT NULL, -- sealed
        PRIMARY KEY (run, step, number)
    ) STRICT, WITHOUT ROWID;
",
    "
    ALTER TABLE runs ADD COLUMN started_by BLOB; -- sealed
",
    "
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        flow TEXT NOT NULL,
        came_by TEXT NOT NULL,
        kind TEXT NOT NULL,
        part TEXT, -- what its partition is known by
        ready INTEGER NOT NULL, -- whether none of its partition is before it
        received_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL, -- of one that is held, when its lease is over
        status TEXT NOT NULL,
        failures INTEGER NOT NULL,
        error TEXT,
        holder TEXT,
        ended_at INTEGER,
        content BLOB NOT NULL -- sealed
    ) STRICT;
    CREATE INDEX events_due ON events (flow, due_at) WHERE ended_at IS NULL AND ready = 1;
    CREATE INDEX events_of_parts ON events (flow, part) WHERE ended_at IS NULL AND part IS NOT NULL;
    CREATE INDEX events_open ON events (kind, flow, status, received_at) WHERE ended_at IS NULL;
    CREATE INDEX events_ended ON events (status, ended_at) WHERE ended_at IS NOT NULL;
    CREATE INDEX events_held ON events (holder) WHERE holder IS NOT NULL;
    CREATE TABLE event_keys (
        key TEXT NOT NULL PRIMARY KEY,
        event TEXT NOT NULL,
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX event_keys_over ON event_keys (until);
",
    "
    CREATE TABLE requests (
        run TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
        number INTEGER NOT NULL, -- that of the last of them
        body BLOB NOT NULL, -- sealed
        PRIMARY KEY (run, number)
    ) STRICT, WITHOUT ROWID;
",
    "
    ALTER TABLE runs ADD COLUMN steps TEXT; -- what became of each, as JSON
",
    "
    DROP INDEX events_due;
    DROP INDEX events_open;
    -- Has all that is asked of events that have not ended, `ended_at` too: else each is looked up in the table for it.
    CREATE INDEX events_not_ended ON events (flow, status, ready, due_at, received_at, ended_at) WHERE ended_at IS NULL;
    CREATE INDEX events_of_schedules ON events (flow) WHERE ended_at IS NULL AND kind = 'schedule';
",
];

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

impl Busy for Unfit {
    fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(error) if error.is_busy())
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
