//! Sessions of databases, which all runs of a process share: who writes has one for as long as a transaction lasts.
//!
//! Each is driven by whoever has it, so that rows are laid out beside the connection that carries them, and knows what was prepared and made in
//! it. A pool whose connections live on one runtime would have them all on one thread.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::failure::Trouble;
use super::line::Line;
use super::session::Session;

/// How many sessions of one database are shared at most.
const MOST: usize = 16;

/// How long a session waits to be used again before it is closed.
const REST: Duration = Duration::from_mins(1);

/// The sessions that are open and shared.
pub(crate) struct Lines(Arc<Shared>);

struct Shared {
    most: usize,
    rest: Duration,
    state: Mutex<State>,
    /// Rung when a session may be taken.
    freed: Condvar,
    /// Rung when nobody will take one any more.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// Those that nobody has; the one that was used last is the last.
    idle: Vec<Idle>,
    /// How many sessions of each database are shared, whether somebody has them or not.
    open: HashMap<String, usize>,
    /// Whether there is a thread that closes what is idle for long.
    is_watched: bool,
}

struct Idle {
    url: String,
    /// The table that it was used for.
    table: String,
    since: Instant,
    line: Line,
}

/// A session that somebody has. Where it is dropped, it is closed: nobody knows what it was about.
pub(super) struct Lent {
    lines: Arc<Lines>,
    url: String,
    /// None only while this is dropped, or given back.
    line: Option<Line>,
    /// Whether it is one of those that are shared.
    is_shared: bool,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new(MOST, REST)
    }
}

impl Lines {
    fn new(most: usize, rest: Duration) -> Self {
        let (state, freed, ended) = (Mutex::default(), Condvar::new(), Condvar::new());
        Self(Arc::new(Shared { most, rest, state, freed, ended }))
    }

    /// Takes a session for one transaction, best the one that was used for the same table; where too many are taken, waits for one.
    ///
    /// Nobody may take another while they have one: of two who do so, each could wait for the other.
    pub(super) fn take(self: &Arc<Self>, url: &str, table: &str) -> Result<Lent, Trouble> {
        let mut state = self.0.lock();
        let line = loop {
            if let Some(line) = state.take(url, table) {
                break Some(line);
            }
            let open = state.open.entry(url.to_owned()).or_default();
            if *open < self.0.most {
                *open += 1;
                break None;
            }
            state = self.0.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        drop(state);
        let mut lent = Lent { lines: Arc::clone(self), url: url.to_owned(), line, is_shared: true };
        if lent.line.is_none() {
            lent.line = Some(Line::new()?);
        }
        Ok(lent)
    }

    /// Takes a session for more than one transaction: it does not count, so that nobody waits for who has it.
    pub(super) fn take_own(self: &Arc<Self>, url: &str, table: &str) -> Result<Lent, Trouble> {
        let mut state = self.0.lock();
        let idle = state.take(url, table);
        if idle.is_some() {
            state.close(url);
            self.0.freed.notify_all();
        }
        drop(state);
        let line = idle.map_or_else(Line::new, Ok)?;
        Ok(Lent { lines: Arc::clone(self), url: url.to_owned(), line: Some(line), is_shared: false })
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.0.lock().idle.clear();
        self.0.ended.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes what is idle for long, for as long as anything is idle.
    fn watch(&self) {
        let mut state = self.lock();
        while let Some(oldest) = state.idle.first() {
            let left = self.rest.saturating_sub(oldest.since.elapsed());
            if !left.is_zero() {
                state = self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let Idle { url, line, .. } = state.idle.remove(0);
            state.close(&url);
            self.freed.notify_all();
            drop(state);
            line.close();
            state = self.lock();
        }
        state.is_watched = false;
    }
}

impl State {
    fn take(&mut self, url: &str, table: &str) -> Option<Line> {
        let is_of = |idle: &Idle| idle.url == url;
        let same = self.idle.iter().rposition(|idle| is_of(idle) && idle.table == table);
        let at = same.or_else(|| self.idle.iter().rposition(is_of))?;
        Some(self.idle.remove(at).line)
    }

    /// Takes note that a session is shared no longer.
    fn close(&mut self, url: &str) {
        if let Some(open) = self.open.get_mut(url) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.open.remove(url);
            }
        }
    }
}

impl Lent {
    /// Does something with the session, which it may make and may lose.
    pub(super) fn run<T, E: From<Trouble>>(
        &mut self,
        work: impl AsyncFnOnce(&mut Option<Session>) -> Result<T, E>,
    ) -> Result<T, E> {
        match &mut self.line {
            Some(line) => line.run(work),
            None => Err(Trouble::new("the connection is closed").into()),
        }
    }

    /// Lets others have the session, which is in no transaction and has nothing that they would see.
    #[expect(
        clippy::disallowed_methods,
        reason = "no run waits for its clock here: a connection is closed that nobody uses"
    )]
    pub(super) fn give_back(mut self, table: &str) {
        let Some(line) = self.line.take().filter(Line::is_connected) else { return };
        let shared = Arc::clone(&self.lines.0);
        let mut state = shared.lock();
        let open = state.open.entry(self.url.clone()).or_default();
        if !self.is_shared {
            if *open >= shared.most {
                drop(state);
                return;
            }
            *open += 1;
        }
        // What it counts for is the session from here on.
        self.is_shared = false;
        let (url, table) = (self.url.clone(), table.to_owned());
        state.idle.push(Idle { url, table, since: Instant::now(), line });
        shared.freed.notify_all();
        if !state.is_watched {
            let watching = Arc::clone(&shared);
            let watch = thread::Builder::new().name("sessions".to_owned()).spawn(move || watching.watch());
            // Where there is no thread, idle ones stay open.
            state.is_watched = watch.is_ok();
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Others may take one more only when this one is gone.
        drop(self.line.take());
        if self.is_shared {
            self.lines.0.lock().close(&self.url);
            self.lines.0.freed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_tests::Postgres;

    use super::super::{Address, Connection, Failure};
    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    /// Connects where nobody has yet; returns the number of the server's process.
    fn process(lent: &mut Lent) -> i32 {
        let address = Address::parse(&lent.url).unwrap();
        let found = lent.run(async |session| {
            let session = match session {
                Some(session) => session,
                none => none.insert(Session::new(Connection::open(&address).await?)),
            };
            Ok::<i32, Failure>(session.client().query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?)
        });
        found.unwrap()
    }

    #[test]
    fn each_has_a_session_of_their_own_and_waits_where_too_many_are_taken() {
        let Some(server) = Postgres::shared() else { return };
        let url = server.database().url();
        let lines = Arc::new(Lines::new(2, LONG));
        let (mut one, mut two) = (lines.take(&url, "a").unwrap(), lines.take(&url, "b").unwrap());
        let (first, second) = (process(&mut one), process(&mut two));
        assert_ne!(first, second);
        // Whoever has one for long is not counted, and of another database there are others.
        let mut own = lines.take_own(&url, "a").unwrap();
        assert!(![first, second].contains(&process(&mut own)));
        lines.take(&server.database().url(), "a").unwrap();
        let third = thread::scope(|scope| {
            let third = scope.spawn(|| process(&mut lines.take(&url, "a").unwrap()));
            thread::sleep(Duration::from_millis(100));
            assert!(!third.is_finished());
            one.give_back("a");
            third.join().unwrap()
        });
        assert_eq!(third, first);
        // It was dropped, not given back: so it is not used again, and there is room for another.
        let mut fourth = lines.take(&url, "a").unwrap();
        assert!(![first, second].contains(&process(&mut fourth)));
    }

    #[test]
    fn one_that_was_used_for_the_same_table_comes_first() {
        let Some(server) = Postgres::shared() else { return };
        let url = server.database().url();
        let lines = Arc::new(Lines::new(3, LONG));
        let mut lent = ["a", "b", "c"].map(|table| (table, lines.take(&url, table).unwrap()));
        let processes = lent.each_mut().map(|(_, lent)| process(lent));
        for (table, lent) in lent {
            lent.give_back(table);
        }
        for at in [1, 0, 2] {
            let table = ["a", "b", "c"][at];
            let mut lent = lines.take(&url, table).unwrap();
            assert_eq!(process(&mut lent), processes[at]);
            lent.give_back(table);
        }
        assert_eq!(process(&mut lines.take(&url, "d").unwrap()), processes[2]);
    }

    #[test]
    fn one_that_is_idle_for_long_is_closed() {
        let Some(server) = Postgres::shared() else { return };
        let database = server.database();
        let lines = Arc::new(Lines::new(2, Duration::from_millis(30)));
        for _ in 0..2 {
            let mut lent = lines.take(&database.url(), "a").unwrap();
            process(&mut lent);
            lent.give_back("a");
            let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'engine'";
            while database.query(open) != "0" {
                thread::sleep(Duration::from_millis(10));
            }
        }
        assert!(lines.0.lock().open.is_empty());
    }
}
