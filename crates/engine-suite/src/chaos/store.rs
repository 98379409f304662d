//! A state at which the process dies.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_runtime::{
    BoxFuture, Entry, Kind, Lease, RunChanges, RunEntry, RunLog, RunRecords, RunRequests, RunStore, Standing,
    StateError, StateStore,
};
use jiff::Timestamp;
use tokio::sync::Notify;

/// When the process dies.
#[derive(Default)]
pub(super) struct Crash {
    commits: AtomicUsize,
    /// At which write, and whether that is still done.
    at: Mutex<Option<(usize, bool)>>,
    notify: Notify,
    is_dead: AtomicBool,
}

impl Crash {
    /// Lets the process die at a write of the journal.
    pub(super) fn arm(&self, at: usize, is_kept: bool) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, is_kept));
    }

    /// Lets it live.
    pub(super) fn disarm(&self) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Begins another life.
    pub(super) fn revive(&self) {
        self.is_dead.store(false, Ordering::Relaxed);
    }

    /// Tells whether the process is dead: what still runs of it does nothing any more.
    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// Returns how often the journal was written so far.
    pub(super) fn commits(&self) -> usize {
        self.commits.load(Ordering::Relaxed)
    }

    /// Waits until the process dies.
    pub(super) async fn happens(&self) {
        self.notify.notified().await;
    }

    /// Counts a write; tells whether the process dies at it, and whether it is still done.
    fn count(&self) -> Option<bool> {
        let commits = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        match *at {
            Some((write, is_kept)) if commits >= write => {
                *at = None;
                Some(is_kept)
            }
            _ => None,
        }
    }
}

/// A state that is kept while processes die.
pub(super) struct CrashStore {
    inner: Arc<dyn StateStore>,
    crash: Arc<Crash>,
}

impl CrashStore {
    pub(super) fn new(inner: Arc<dyn StateStore>, crash: Arc<Crash>) -> Self {
        Self { inner, crash }
    }
}

impl RunStore for CrashStore {
    fn begin_run<'a>(&'a self, run: &'a RunEntry) -> BoxFuture<'a, Result<(), StateError>> {
        self.inner.begin_run(run)
    }

    fn take_run<'a>(
        &'a self,
        run: &'a str,
        from: Option<&'a str>,
        lease: &'a Lease,
    ) -> BoxFuture<'a, Result<bool, StateError>> {
        self.inner.take_run(run, from, lease)
    }

    fn find_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Option<RunEntry>, StateError>> {
        self.inner.find_run(run)
    }

    fn list_runs<'a>(&'a self, flow: Option<&'a str>, most: u32) -> BoxFuture<'a, Result<Vec<RunEntry>, StateError>> {
        self.inner.list_runs(flow, most)
    }

    fn run_log<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<RunLog, StateError>> {
        self.inner.run_log(run)
    }

    fn run_records<'a>(&'a self, run: &'a str, step: &'a str) -> BoxFuture<'a, Result<Vec<RunRecords>, StateError>> {
        self.inner.run_records(run, step)
    }

    fn run_requests<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Vec<RunRequests>, StateError>> {
        self.inner.run_requests(run)
    }

    fn commit_run<'a>(
        &'a self,
        run: &'a str,
        lease: &'a Lease,
        changes: RunChanges,
    ) -> BoxFuture<'a, Result<Standing, StateError>> {
        Box::pin(async move {
            let dead = || Err(StateError::new("the process is dead"));
            if self.crash.is_dead() {
                return dead();
            }
            let dies = self.crash.count();
            if dies != Some(false) {
                let done = self.inner.commit_run(run, lease, changes).await;
                if dies.is_none() {
                    return done;
                }
            }
            self.crash.is_dead.store(true, Ordering::Relaxed);
            self.crash.notify.notify_one();
            dead()
        })
    }

    fn cancel_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        self.inner.cancel_run(run)
    }

    fn forget_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        self.inner.forget_run(run)
    }
}

impl StateStore for CrashStore {
    fn load<'a>(&'a self, kind: Kind, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StateError>> {
        self.inner.load(kind, key)
    }

    fn save<'a>(
        &'a self,
        kind: Kind,
        key: &'a str,
        label: &'a str,
        value: &'a [u8],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        self.inner.save(kind, key, label, value, now)
    }

    fn remove<'a>(&'a self, kind: Kind, key: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        self.inner.remove(kind, key)
    }

    fn list(&self, kind: Kind) -> BoxFuture<'_, Result<Vec<Entry>, StateError>> {
        self.inner.list(kind)
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        lease: Duration,
    ) -> BoxFuture<'a, Result<bool, StateError>> {
        self.inner.lock(name, owner, now, lease)
    }

    fn unlock<'a>(&'a self, name: &'a str, owner: &'a str) -> BoxFuture<'a, Result<(), StateError>> {
        self.inner.unlock(name, owner)
    }

    fn fingerprint(&self, parts: &[&str]) -> Result<String, StateError> {
        self.inner.fingerprint(parts)
    }
}
