//! Waiting for other processes that have the same `SQLite` file, where the database itself does not.
//!
//! Two that switch a new file to a write-ahead log at once stand in each other's way: either would have to let go for the other to go
//! on, so one is told at once that the file is busy, whatever time it gave (<https://sqlite.org/c3ref/busy_handler.html>).

use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

/// How long one try waits.
const TRY: Duration = Duration::from_millis(40);

/// How long it rests between two tries; those who meet again do not rest equally long, for a try takes what it takes.
const REST: Duration = Duration::from_millis(10);

/// Makes a connection ready, as often as it takes while another process is in the way, then leaves it with this much patience.
pub(crate) fn set_up<E: Busy>(
    connection: &mut Connection,
    patience: Duration,
    mut ready: impl FnMut(&mut Connection) -> Result<(), E>,
) -> Result<(), E> {
    connection.busy_timeout(TRY)?;
    let mut left = patience;
    loop {
        match ready(connection) {
            Err(error) if error.is_busy() && !left.is_zero() => {
                thread::sleep(REST);
                left = left.saturating_sub(TRY + REST);
            }
            Err(error) => return Err(error),
            Ok(()) => return Ok(connection.busy_timeout(patience)?),
        }
    }
}

/// An error that may be over in a moment.
pub(crate) trait Busy: From<rusqlite::Error> {
    /// Tells whether another process is in the way.
    fn is_busy(&self) -> bool;
}

impl Busy for rusqlite::Error {
    fn is_busy(&self) -> bool {
        matches!(self.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn many_make_one_file_at_once() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("new.db");
            let barrier = std::sync::Barrier::new(8);
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        let mut connection = Connection::open(&path).unwrap();
                        barrier.wait();
                        set_up(&mut connection, Duration::from_secs(20), |connection| {
                            connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
                        })
                        .unwrap();
                        connection.execute_batch("CREATE TABLE IF NOT EXISTS t (a)").unwrap();
                    });
                }
            });
        }
    }
}
