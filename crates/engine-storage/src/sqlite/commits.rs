//! What a run has written to a database, kept there in the same transaction as the rows: who goes on with the run knows it from that.
//!
//! The table is gone when no run needs it.

use engine_runtime::{SinkError, Unit};
use rusqlite::{Connection, OptionalExtension};

/// The table, which runs of all flows share.
const TABLE: &str = "_engine_commits";

const MAKE: &str = "CREATE TABLE IF NOT EXISTS main._engine_commits (
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    page TEXT NOT NULL,
    items BLOB NOT NULL,
    at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)";

/// For how long the units of a run are kept that nobody goes on with.
const KEPT: &str = "-90 days";

/// Keeps units, within the transaction that writes their rows.
pub(super) fn keep(connection: &Connection, units: &[Unit]) -> rusqlite::Result<()> {
    if !is_there(connection)? {
        connection.execute_batch(MAKE)?;
    }
    let mut statement = connection
        .prepare_cached("INSERT INTO main._engine_commits (run, step, page, items) VALUES (?1, ?2, ?3, ?4)")?;
    for unit in units {
        statement.execute((&unit.run, &unit.step, &unit.page, &unit.items))?;
    }
    Ok(())
}

/// Returns the units of a step.
pub(super) fn of_step(connection: &Connection, run: &str, step: &str) -> rusqlite::Result<Vec<Unit>> {
    if !is_there(connection)? {
        return Ok(Vec::new());
    }
    let mut statement = connection
        .prepare("SELECT page, items FROM main._engine_commits WHERE run = ?1 AND step = ?2 ORDER BY rowid")?;
    let units = statement.query_map([run, step], |row| {
        Ok(Unit { run: run.to_owned(), step: step.to_owned(), page: row.get(0)?, items: row.get(1)? })
    })?;
    units.collect()
}

/// Forgets the units of a run, and those that are old; the table goes with the last of them, where it is to.
pub(super) fn forget(connection: &mut Connection, run: &str, whole: bool) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if is_there(&transaction)? {
        transaction
            .prepare_cached("DELETE FROM main._engine_commits WHERE run = ?1 OR at < datetime('now', ?2)")?
            .execute([run, KEPT])?;
        let is_left = || {
            let sql = "SELECT EXISTS (SELECT 1 FROM main._engine_commits)";
            transaction.query_row(sql, [], |row| row.get::<_, bool>(0))
        };
        if whole && !is_left()? {
            transaction.execute_batch("DROP TABLE main._engine_commits")?;
        }
    }
    transaction.commit()
}

fn is_there(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?1")?;
    Ok(statement.query_row([TABLE], |_| Ok(())).optional()?.is_some())
}

/// Says that units could not be kept.
pub(super) fn failed(error: &rusqlite::Error) -> SinkError {
    let message = format!("table `{TABLE}`, in which a run keeps what it has written: {error}");
    super::helped(SinkError::new(message), error)
}
