//! The runs of a state and their journals, as SQL. Knows nothing of encryption.

use engine_runtime::{Lease, RunEntry, RunRecords, RunRequests, RunStatus, Standing, StateError};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::database::{Database, damaged, failed};

/// The columns of a run, in the order in which [`read`] takes them.
const COLUMNS: &str =
    "id, flow, spec, plan, given, status, started_at, ended_at, error, holder, held_until, cancelled, steps";

/// What a run was given, sealed.
pub(super) struct Given {
    pub(super) inputs: Vec<u8>,
    pub(super) trigger: Option<Vec<u8>>,
}

/// What becomes of a run, all of it sealed.
#[derive(Default)]
pub(super) struct Sealed {
    pub(super) chunk: Option<(i64, Vec<u8>)>,
    pub(super) snapshot: Option<(i64, Vec<u8>)>,
    /// Keys, pages and effects.
    pub(super) acks: Vec<(String, String, Option<Vec<u8>>)>,
    pub(super) delivered: Vec<String>,
    pub(super) records: Vec<RunRecords>,
    pub(super) requests: Option<RunRequests>,
    /// The names of kinds, keys, labels and values.
    pub(super) keep: Vec<(&'static str, String, String, Vec<u8>)>,
    pub(super) end: Option<(RunStatus, Option<String>)>,
    pub(super) steps: Option<String>,
    pub(super) durable: bool,
}

/// What was journaled of a run, sealed.
#[derive(Default)]
pub(super) struct Journaled {
    pub(super) snapshot: Option<(i64, Vec<u8>)>,
    pub(super) chunks: Vec<(i64, Vec<u8>)>,
    pub(super) acks: Vec<(String, String, Option<Vec<u8>>)>,
}

impl Database {
    /// Keeps a run that begins, and forgets those of its flow that are done and long past.
    pub(super) fn begin_run(&mut self, run: &RunEntry, given: &Given, mark: &str, keep: u32) -> Result<(), StateError> {
        let result = self.write(true, |connection| {
            connection.prepare_cached(
                "DELETE FROM runs WHERE flow = ?1 AND status IN ('ok', 'partial') AND id NOT IN
                 (SELECT id FROM runs WHERE flow = ?1 AND status IN ('ok', 'partial') ORDER BY started_at DESC, id DESC LIMIT ?2)
                 AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = runs.id AND events.ended_at IS NULL)",
            )?
            .execute(params![run.flow, keep])?;
            super::database::keep_mark(connection, mark)?;
            connection.prepare_cached(
                "INSERT INTO runs (id, flow, spec, plan, given, inputs, status, started_at, ended_at, error, holder, held_until, cancelled, started_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                    run.id,
                    run.flow,
                    run.spec,
                    run.plan,
                    run.given,
                    given.inputs,
                    run.status.as_str(),
                    run.started_at.as_microsecond(),
                    run.ended_at.map(Timestamp::as_microsecond),
                    run.error,
                    run.holder,
                    run.held_until.as_microsecond(),
                    run.is_cancelled,
                    given.trigger
            ])?;
            Ok(())
        });
        result.map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => {
                StateError::new(format!("there is a run `{}` already", run.id))
            }
            _ => failed(self.path(), &error),
        })
    }

    /// Takes a run over that nobody works on.
    pub(super) fn take_run(&mut self, id: &str, from: Option<&str>, lease: &Lease) -> Result<bool, StateError> {
        let taken = self.write(true, |connection| {
            connection.execute(
                "UPDATE runs SET holder = ?2, held_until = ?4, status = 'running', ended_at = NULL, error = NULL, cancelled = 0
                 WHERE id = ?1 AND (holder IS NULL OR holder = ?2 OR holder = ?5 OR held_until <= ?3)",
                params![id, lease.holder, lease.now.as_microsecond(), lease.until().as_microsecond(), from],
            )
        });
        taken.map(|count| count > 0).map_err(|error| failed(self.path(), &error))
    }

    /// Finds a run, with what it was given as it is sealed.
    pub(super) fn find_run(&mut self, id: &str) -> Result<Option<(RunEntry, Given)>, StateError> {
        let found = self
            .connection()
            .prepare_cached(&format!("SELECT {COLUMNS}, inputs, started_by FROM runs WHERE id = ?1"))
            .and_then(|mut statement| statement.query_row([id], |row| Ok((read(row)?, given(row)?))).optional());
        match found.map_err(|error| failed(self.path(), &error))? {
            Some((run, given)) => Ok(Some((run.map_err(|why| damaged(self.path(), &why))?, given))),
            None => Ok(None),
        }
    }

    /// Lists runs, the newest first.
    pub(super) fn list_runs(&mut self, flow: Option<&str>, most: u32) -> Result<Vec<RunEntry>, StateError> {
        let list = |connection: &Connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM runs WHERE ?1 IS NULL OR flow = ?1 ORDER BY started_at DESC, id DESC LIMIT ?2"
            ))?;
            let rows = statement.query_map(params![flow, most], read)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = list(self.connection()).map_err(|error| failed(self.path(), &error))?;
        rows.into_iter().map(|row| row.map_err(|why| damaged(self.path(), &why))).collect()
    }

    /// Returns what was journaled of a run.
    pub(super) fn run_log(&mut self, id: &str) -> Result<Journaled, StateError> {
        let log = |connection: &mut Connection| {
            // One view of all.
            let transaction = connection.savepoint()?;
            let snapshot = transaction
                .query_row("SELECT next, body FROM snapshots WHERE run = ?1", [id], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            let mut statement =
                transaction.prepare("SELECT number, body FROM journal WHERE run = ?1 ORDER BY number")?;
            let chunks = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            let mut statement =
                transaction.prepare("SELECT key, page, effect FROM acks WHERE run = ?1 ORDER BY key")?;
            let acks = statement
                .query_map([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<Result<_, _>>()?;
            Ok(Journaled { snapshot, chunks, acks })
        };
        log(self.connection()).map_err(|error: rusqlite::Error| failed(self.path(), &error))
    }

    /// Returns the records that a step has handed on.
    pub(super) fn run_records(&mut self, id: &str, step: &str) -> Result<Vec<RunRecords>, StateError> {
        let list = |connection: &Connection| {
            let mut statement =
                connection.prepare("SELECT number, body FROM records WHERE run = ?1 AND step = ?2 ORDER BY number")?;
            let rows = statement.query_map([id, step], |row| {
                Ok(RunRecords { step: step.to_owned(), number: row.get(0)?, body: row.get(1)?, is_last: false })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        list(self.connection()).map_err(|error| failed(self.path(), &error))
    }

    /// Returns what a run has asked.
    pub(super) fn run_requests(&mut self, id: &str) -> Result<Vec<RunRequests>, StateError> {
        let list = |connection: &Connection| {
            let mut statement =
                connection.prepare("SELECT number, body FROM requests WHERE run = ?1 ORDER BY number")?;
            let rows = statement
                .query_map([id], |row| Ok(RunRequests { number: row.get(0)?, body: row.get(1)?, forgotten: 0 }))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        list(self.connection()).map_err(|error| failed(self.path(), &error))
    }

    /// Keeps what becomes of a run, all or nothing.
    pub(super) fn commit_run(&mut self, id: &str, lease: &Lease, changes: &Sealed) -> Result<Standing, StateError> {
        let done = self.write(changes.durable, |connection| commit(connection, id, lease, changes));
        done.map_err(|error| failed(self.path(), &error))
    }

    /// Asks whoever works on a run to end it.
    pub(super) fn cancel_run(&mut self, id: &str) -> Result<bool, StateError> {
        let asked = self.write(true, |connection| {
            connection.execute("UPDATE runs SET cancelled = 1 WHERE id = ?1 AND holder IS NOT NULL", [id])
        });
        asked.map(|count| count > 0).map_err(|error| failed(self.path(), &error))
    }

    /// Forgets a run.
    pub(super) fn forget_run(&mut self, id: &str) -> Result<bool, StateError> {
        let removed = self.write(true, |connection| connection.execute("DELETE FROM runs WHERE id = ?1", [id]));
        removed.map(|count| count > 0).map_err(|error| failed(self.path(), &error))
    }
}

fn commit(connection: &Connection, id: &str, lease: &Lease, changes: &Sealed) -> rusqlite::Result<Standing> {
    let standing: Option<bool> = connection
        .prepare_cached("UPDATE runs SET held_until = ?3 WHERE id = ?1 AND holder = ?2 RETURNING cancelled")?
        .query_row(params![id, lease.holder, lease.until().as_microsecond()], |row| row.get(0))
        .optional()?;
    let Some(is_cancelled) = standing else { return Ok(Standing::Lost) };
    if let Some((number, body)) = &changes.chunk {
        connection
            .prepare_cached("INSERT INTO journal (run, number, body) VALUES (?1, ?2, ?3)")?
            .execute(params![id, number, body])?;
    }
    if let Some((next, body)) = &changes.snapshot {
        connection
            .prepare_cached("INSERT OR REPLACE INTO snapshots (run, next, body) VALUES (?1, ?2, ?3)")?
            .execute(params![id, next, body])?;
        connection.prepare_cached("DELETE FROM journal WHERE run = ?1 AND number < ?2")?.execute(params![id, next])?;
    }
    for (key, page, effect) in &changes.acks {
        connection
            .prepare_cached("INSERT OR REPLACE INTO acks (run, key, page, effect) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![id, key, page, effect])?;
    }
    for page in &changes.delivered {
        connection.prepare_cached("DELETE FROM acks WHERE run = ?1 AND page = ?2")?.execute([id, page])?;
    }
    for records in &changes.records {
        if records.is_last {
            connection
                .prepare_cached("DELETE FROM records WHERE run = ?1 AND step = ?2")?
                .execute([id, records.step.as_str()])?;
        }
        connection
            .prepare_cached("INSERT OR REPLACE INTO records (run, step, number, body) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![id, records.step, records.number, records.body])?;
    }
    if let Some(RunRequests { number, body, forgotten }) = &changes.requests {
        connection
            .prepare_cached("INSERT OR REPLACE INTO requests (run, number, body) VALUES (?1, ?2, ?3)")?
            .execute(params![id, number, body])?;
        connection
            .prepare_cached("DELETE FROM requests WHERE run = ?1 AND number <= ?2")?
            .execute(params![id, forgotten])?;
    }
    for (kind, key, label, value) in &changes.keep {
        super::database::keep(connection, kind, key, label, value, lease.now)?;
    }
    if let Some((status, error)) = &changes.end {
        connection
            .prepare_cached(
                "UPDATE runs SET status = ?2, error = ?3, ended_at = ?4, holder = NULL, steps = ?5 WHERE id = ?1",
            )?
            .execute(params![id, status.as_str(), error, lease.now.as_microsecond(), changes.steps])?;
        if status.is_done() {
            for table in ["journal", "snapshots", "acks", "records"] {
                connection.prepare_cached(&format!("DELETE FROM {table} WHERE run = ?1"))?.execute([id])?;
            }
            connection
                .prepare_cached("UPDATE runs SET inputs = x'', started_by = NULL WHERE id = ?1")?
                .execute([id])?;
        }
    }
    Ok(if is_cancelled { Standing::Cancelled } else { Standing::Held })
}

/// Reads what a run was given, from behind the run itself.
fn given(row: &Row<'_>) -> rusqlite::Result<Given> {
    Ok(Given { inputs: row.get(13)?, trigger: row.get(14)? })
}

/// Reads a run without what it was given; says what is wrong with it where it is none.
fn read(row: &Row<'_>) -> rusqlite::Result<Result<RunEntry, String>> {
    let time = |micros: i64| Timestamp::from_microsecond(micros).map_err(|_| format!("{micros} is not a time"));
    let status: String = row.get(5)?;
    let (started_at, ended_at, held_until): (i64, Option<i64>, i64) = (row.get(6)?, row.get(7)?, row.get(10)?);
    let entry = RunEntry {
        id: row.get(0)?,
        flow: row.get(1)?,
        spec: row.get(2)?,
        plan: row.get(3)?,
        given: row.get(4)?,
        inputs: Vec::new(),
        trigger: None,
        status: RunStatus::Running,
        started_at: Timestamp::MIN,
        ended_at: None,
        error: row.get(8)?,
        holder: row.get(9)?,
        held_until: Timestamp::MIN,
        is_cancelled: row.get(11)?,
        steps: row.get(12)?,
    };
    Ok((|| {
        Ok(RunEntry {
            status: RunStatus::parse(&status).ok_or_else(|| format!("`{status}` is not how a run stands"))?,
            started_at: time(started_at)?,
            ended_at: ended_at.map(time).transpose()?,
            held_until: time(held_until)?,
            ..entry
        })
    })())
}
