//! The log of a database. What is in it is brought into the file beside whoever writes, who would wait for the disk twice more.
//!
//! It begins anew only once all of it is in the file, which never is so while others go on writing: so the last of it is brought there by who writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, OpenFlags};

/// How many pages the log has before they are brought into the file: 16 MB.
const LONG: u32 = 2000;

/// How many it has at most before whoever writes waits until they are.
const TOO_LONG: u32 = 8 * LONG;

/// The log of a database.
pub(super) struct Log {
    /// How many pages it has, as of the last commit.
    pages: Arc<AtomicU32>,
    helper: Option<Helper>,
    path: PathBuf,
}

/// Who brings pages into the file, on a thread of its own.
struct Helper {
    asked: Option<Sender<()>>,
    done: Receiver<()>,
    /// Whether it was asked, and who writes has not done the rest yet.
    is_asked: bool,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// Watches the log of a connection.
    pub(super) fn of(connection: &mut Connection, path: &Path) -> rusqlite::Result<Self> {
        let pages = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&pages);
        // It takes the place of what would bring them into the file within a commit.
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            seen.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { pages, helper: None, path: path.to_path_buf() })
    }

    /// Lets the log not grow too long, after a commit. What fails is tried again after the next: nothing is lost with a log that is long.
    pub(super) fn tend(&mut self, connection: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < LONG {
            return;
        }
        let helper = match &mut self.helper {
            Some(helper) => helper,
            none => match Helper::start(self.path.clone()) {
                Ok(helper) => none.insert(helper),
                Err(_) => return bring(connection),
            },
        };
        if !helper.is_asked {
            helper.ask();
            return;
        }
        // One that has broken off is done too.
        let is_at_it = pages < TOO_LONG && matches!(helper.done.try_recv(), Err(TryRecvError::Empty));
        if !is_at_it {
            if pages >= TOO_LONG {
                _ = helper.done.recv();
            }
            bring(connection);
            helper.is_asked = false;
        }
    }
}

impl Helper {
    fn start(path: PathBuf) -> std::io::Result<Self> {
        let (asked, questions) = mpsc::channel();
        let (tell, done) = mpsc::channel();
        let thread =
            thread::Builder::new().name("state log".to_owned()).spawn(move || help(&path, &questions, &tell))?;
        Ok(Self { asked: Some(asked), done, is_asked: false, thread: Some(thread) })
    }

    fn ask(&mut self) {
        // Where the thread has ended, `done` says so.
        self.is_asked = true;
        if let Some(asked) = &self.asked {
            _ = asked.send(());
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.asked = None;
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

fn help(path: &Path, questions: &Receiver<()>, tell: &Sender<()>) {
    let mut connection = None;
    while questions.recv().is_ok() {
        if connection.is_none() {
            connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).ok();
        }
        if let Some(connection) = &connection {
            bring(connection);
        }
        _ = tell.send(());
    }
}

/// Brings into the file what nobody reads in the log any more.
fn bring(connection: &Connection) {
    // Whoever can't have it now, for another does it or reads, tries again after the next commit.
    _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_log_begins_anew_while_others_go_on_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut connection = Connection::open(&path).unwrap();
        connection.query_row("PRAGMA journal_mode = wal", [], |_| Ok(())).unwrap();
        connection.execute_batch("PRAGMA synchronous = NORMAL; CREATE TABLE a (b BLOB)").unwrap();
        let mut log = Log::of(&mut connection, &path).unwrap();
        let mut most = 0;
        for _ in 0..12_000 {
            connection.execute("INSERT INTO a VALUES (zeroblob(3000))", []).unwrap();
            most = most.max(log.pages.load(Ordering::Relaxed));
            log.tend(&connection);
        }
        assert!((LONG..=TOO_LONG + 16).contains(&most), "{most}");
        drop((connection, log));
        let connection = Connection::open(&path).unwrap();
        let count: i64 = connection.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 12_000);
    }
}
