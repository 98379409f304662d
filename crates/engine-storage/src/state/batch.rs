//! One transaction for all that is asked of the database while it waits for the disk.

use engine_runtime::StateError;
use rusqlite::Connection;

use super::database::{Database, failed};

/// The transaction that is open.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Whether there is one, and whether it is on disk once it is committed.
    open: Option<bool>,
    /// Whether the connection waits for the disk when it commits.
    waits: bool,
    /// Why what was written in it is lost.
    lost: Option<StateError>,
}

impl Batch {
    /// Begins with a connection that waits for the disk.
    pub(super) fn new() -> Self {
        Self { open: None, waits: true, lost: None }
    }
}

impl Database {
    /// Does something that is kept as a whole or not at all. It counts once the batch is committed: then it is on disk where it is `durable`; else it
    /// outlives the process, not the machine.
    pub(super) fn write<T>(
        &mut self,
        durable: bool,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        if durable && self.batch.open == Some(false) {
            // What was written so far need not wait for the disk, and this has to.
            self.end_batch()?;
        }
        // The first need not be told from others that would stay: each page that is changed within a savepoint is copied.
        let is_first = self.batch.open.is_none();
        self.begin_batch(durable)?;
        if is_first {
            return work(&self.connection).inspect_err(|_| {
                self.batch.open = None;
                if !self.connection.is_autocommit() {
                    // Where even that fails, the next one to begin says so.
                    _ = run(&self.connection, "ROLLBACK");
                }
            });
        }
        run(&self.connection, "SAVEPOINT job")?;
        match work(&self.connection) {
            Ok(done) => {
                run(&self.connection, "RELEASE job")?;
                Ok(done)
            }
            Err(error) => {
                if self.connection.is_autocommit() {
                    // Some errors, as that of a full disk, end the transaction as a whole.
                    self.batch.open = None;
                    self.batch.lost = Some(failed(self.path(), &error));
                } else {
                    run(&self.connection, "ROLLBACK TO job")?;
                    run(&self.connection, "RELEASE job")?;
                }
                Err(error)
            }
        }
    }

    /// Tells whether more may come into the batch.
    pub(super) fn has_room(&self) -> bool {
        self.batch.lost.is_none()
    }

    /// Commits all that was written since the last time.
    ///
    /// # Errors
    ///
    /// Fails where any of it is lost; then all of it is.
    pub(super) fn commit(&mut self) -> Result<(), StateError> {
        let ended = self.end_batch();
        match self.batch.lost.take() {
            Some(lost) => Err(lost),
            None => ended.map_err(|error| failed(self.path(), &error)),
        }
    }

    /// Lets the log not grow too long: best once all who wait were told.
    pub(super) fn tend_log(&mut self) {
        self.log.tend(&self.connection);
    }

    fn begin_batch(&mut self, durable: bool) -> rusqlite::Result<()> {
        if self.batch.open.is_some() {
            return Ok(());
        }
        if self.batch.waits != durable {
            // With a write-ahead log NORMAL leaves out nothing but the waiting for the disk (https://sqlite.org/pragma.html#pragma_synchronous).
            self.connection.pragma_update(None, "synchronous", if durable { "FULL" } else { "NORMAL" })?;
            self.batch.waits = durable;
        }
        run(&self.connection, "BEGIN IMMEDIATE")?;
        self.batch.open = Some(durable);
        Ok(())
    }

    fn end_batch(&mut self) -> rusqlite::Result<()> {
        if self.batch.open.take().is_none() {
            return Ok(());
        }
        let committed = run(&self.connection, "COMMIT");
        if let Err(error) = &committed {
            self.batch.lost = Some(failed(self.path(), error));
            if !self.connection.is_autocommit() {
                // Where even that fails, the next one to begin says so.
                _ = run(&self.connection, "ROLLBACK");
            }
        }
        committed
    }
}

/// Runs a statement that gives nothing.
fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}
