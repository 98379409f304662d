//! What is kept between runs: tokens, validators, cursors. Knows neither where nor how.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::inbox::{
    EventCount, EventFilter, EventKind, EventStore, MemoryInbox, NewEvent, Outcome, Put, StoredEvent, Wanted,
};
use crate::journal::{Lease, MemoryRuns, RunChanges, RunEntry, RunLog, RunRecords, RunRequests, RunStore, Standing};
use crate::world::BoxFuture;

/// What is kept between runs, and shared by all processes that use the same store.
pub trait StateStore: RunStore {
    /// Returns what is kept of a kind under a key.
    fn load<'a>(&'a self, kind: Kind, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StateError>>;

    /// Keeps something: once this returns, it is on disk. `label` says in words what it is.
    fn save<'a>(
        &'a self,
        kind: Kind,
        key: &'a str,
        label: &'a str,
        value: &'a [u8],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StateError>>;

    /// Keeps something no longer; tells whether it was there.
    fn remove<'a>(&'a self, kind: Kind, key: &'a str) -> BoxFuture<'a, Result<bool, StateError>>;

    /// Lists all that is kept of a kind, by its label, then by its key.
    fn list(&self, kind: Kind) -> BoxFuture<'_, Result<Vec<Entry>, StateError>>;

    /// Takes a lock that one owner of all processes has at a time, if it is free or the time of its owner is over.
    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        lease: Duration,
    ) -> BoxFuture<'a, Result<bool, StateError>>;

    /// Gives a lock back.
    fn unlock<'a>(&'a self, name: &'a str, owner: &'a str) -> BoxFuture<'a, Result<(), StateError>>;

    /// Makes a key of texts that may be secret: nobody can find them out from it, and only this store makes the same one.
    ///
    /// # Errors
    ///
    /// Fails where the store can't be opened.
    fn fingerprint(&self, parts: &[&str]) -> Result<String, StateError>;
}

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Tokens of APIs, encrypted.
    Token,
    /// What tells an API which version of an answer is known (RFC 9110 §8.8).
    Validator,
    /// How far reads came.
    Cursor,
    /// Records that were put aside because they failed, encrypted.
    DeadLetter,
    /// Until when the schedules of a flow were served, where it makes up for what it misses.
    Tick,
    /// Events for which runs wait, encrypted.
    Arrival,
    /// Which runs wait for events.
    Waiting,
}

/// Something that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// What it is, in words.
    pub label: String,
    /// What is kept.
    pub value: Vec<u8>,
    /// When it was kept.
    pub saved_at: Timestamp,
}

/// Why the state can't be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StateError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl StateError {
    /// Says what is wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// Says what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// A state that ends with the process: for mocked runs and tests.
#[derive(Debug, Default)]
pub struct MemoryState {
    kept: Mutex<HashMap<(Kind, String), Entry>>,
    locks: Mutex<HashMap<String, (String, Timestamp)>>,
    runs: Mutex<MemoryRuns>,
    inbox: Mutex<MemoryInbox>,
}

impl MemoryState {
    fn with_runs<'a, T: Send + 'a>(
        &self,
        ask: impl FnOnce(&mut MemoryRuns) -> T,
    ) -> BoxFuture<'a, Result<T, StateError>> {
        let answer = ask(&mut self.runs.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn with_inbox<'a, T: Send + 'a>(
        &self,
        ask: impl FnOnce(&mut MemoryInbox) -> T,
    ) -> BoxFuture<'a, Result<T, StateError>> {
        let answer = ask(&mut self.inbox.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(std::future::ready(Ok(answer)))
    }
}

impl EventStore for MemoryState {
    fn put_events(&self, events: Vec<NewEvent>) -> BoxFuture<'_, Result<Vec<Put>, StateError>> {
        self.with_inbox(|inbox| inbox.put(events))
    }

    fn take_events(&self, wanted: Wanted) -> BoxFuture<'_, Result<Vec<StoredEvent>, StateError>> {
        self.with_inbox(|inbox| inbox.take(&wanted))
    }

    fn renew_events(&self, ids: Vec<String>, lease: Lease) -> BoxFuture<'_, Result<Vec<Standing>, StateError>> {
        self.with_inbox(|inbox| inbox.renew(&ids, &lease))
    }

    fn settle_event<'a>(
        &'a self,
        id: &'a str,
        lease: Lease,
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<bool, StateError>> {
        self.with_inbox(|inbox| inbox.settle(id, &lease, outcome))
    }

    fn find_event<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<StoredEvent>, StateError>> {
        self.with_inbox(|inbox| inbox.find(id))
    }

    fn list_events(&self, filter: EventFilter) -> BoxFuture<'_, Result<Vec<StoredEvent>, StateError>> {
        self.with_inbox(|inbox| inbox.list(&filter))
    }

    fn replay_event<'a>(
        &'a self,
        id: &'a str,
        new_id: &'a str,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Option<String>, StateError>> {
        self.with_inbox(|inbox| inbox.replay(id, new_id, now))
    }

    fn open_flows(&self, kind: EventKind) -> BoxFuture<'_, Result<Vec<String>, StateError>> {
        self.with_inbox(|inbox| inbox.open_flows(kind))
    }

    fn count_events(&self) -> BoxFuture<'_, Result<Vec<EventCount>, StateError>> {
        self.with_inbox(|inbox| inbox.count())
    }

    fn forget_events(&self, before: Timestamp, now: Timestamp) -> BoxFuture<'_, Result<u64, StateError>> {
        self.with_inbox(|inbox| inbox.forget(before, now))
    }

    fn drop_event<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        self.with_inbox(|inbox| inbox.drop_free(id))
    }

    fn event_holders(&self) -> BoxFuture<'_, Result<Vec<String>, StateError>> {
        self.with_inbox(|inbox| inbox.holders())
    }

    fn orphan_events<'a>(&'a self, holder: &'a str, now: Timestamp) -> BoxFuture<'a, Result<u64, StateError>> {
        self.with_inbox(|inbox| inbox.orphan(holder, now))
    }

    fn wake_event<'a>(&'a self, id: &'a str, now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        self.with_inbox(|inbox| inbox.wake(id, now))
    }

    fn revive_event<'a>(&'a self, id: &'a str, now: Timestamp) -> BoxFuture<'a, Result<bool, StateError>> {
        self.with_inbox(|inbox| inbox.revive(id, now))
    }
}

impl RunStore for MemoryState {
    fn begin_run<'a>(&'a self, run: &'a RunEntry) -> BoxFuture<'a, Result<(), StateError>> {
        let begun = self.runs.lock().unwrap_or_else(PoisonError::into_inner).begin(run);
        Box::pin(std::future::ready(begun))
    }

    fn take_run<'a>(
        &'a self,
        run: &'a str,
        from: Option<&'a str>,
        lease: &'a Lease,
    ) -> BoxFuture<'a, Result<bool, StateError>> {
        self.with_runs(|runs| runs.take(run, from, lease))
    }

    fn find_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Option<RunEntry>, StateError>> {
        self.with_runs(|runs| runs.find(run))
    }

    fn list_runs<'a>(&'a self, flow: Option<&'a str>, most: u32) -> BoxFuture<'a, Result<Vec<RunEntry>, StateError>> {
        self.with_runs(|runs| runs.list(flow, most))
    }

    fn run_log<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<RunLog, StateError>> {
        self.with_runs(|runs| runs.log(run))
    }

    fn run_records<'a>(&'a self, run: &'a str, step: &'a str) -> BoxFuture<'a, Result<Vec<RunRecords>, StateError>> {
        self.with_runs(|runs| runs.records(run, step))
    }

    fn run_requests<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<Vec<RunRequests>, StateError>> {
        self.with_runs(|runs| runs.requests(run))
    }

    fn commit_run<'a>(
        &'a self,
        run: &'a str,
        lease: &'a Lease,
        changes: RunChanges,
    ) -> BoxFuture<'a, Result<Standing, StateError>> {
        let standing = self.runs.lock().unwrap_or_else(PoisonError::into_inner).commit(run, lease, &changes);
        if standing != Standing::Lost {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            for keep in changes.keep {
                let entry = Entry { key: keep.key.clone(), label: keep.label, value: keep.value, saved_at: lease.now };
                kept.insert((keep.kind, keep.key), entry);
            }
        }
        Box::pin(std::future::ready(Ok(standing)))
    }

    fn cancel_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        self.with_runs(|runs| runs.cancel(run))
    }

    fn forget_run<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        self.with_runs(|runs| runs.forget(run))
    }
}

impl StateStore for MemoryState {
    fn load<'a>(&'a self, kind: Kind, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StateError>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let value = kept.get(&(kind, key.to_owned())).map(|entry| entry.value.clone());
        Box::pin(std::future::ready(Ok(value)))
    }

    fn save<'a>(
        &'a self,
        kind: Kind,
        key: &'a str,
        label: &'a str,
        value: &'a [u8],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        let entry = Entry { key: key.to_owned(), label: label.to_owned(), value: value.to_vec(), saved_at: now };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert((kind, key.to_owned()), entry);
        Box::pin(std::future::ready(Ok(())))
    }

    fn remove<'a>(&'a self, kind: Kind, key: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        let found = self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&(kind, key.to_owned())).is_some();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn list(&self, kind: Kind) -> BoxFuture<'_, Result<Vec<Entry>, StateError>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries: Vec<_> =
            kept.iter().filter(|((known, _), _)| *known == kind).map(|(_, entry)| entry.clone()).collect();
        entries.sort_by(|left, right| (&left.label, &left.key).cmp(&(&right.label, &right.key)));
        Box::pin(std::future::ready(Ok(entries)))
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        lease: Duration,
    ) -> BoxFuture<'a, Result<bool, StateError>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = locks.get(name).is_none_or(|(holder, until)| holder == owner || *until <= now);
        if is_free {
            locks.insert(name.to_owned(), (owner.to_owned(), now.saturating_add(lease).unwrap_or(Timestamp::MAX)));
        }
        Box::pin(std::future::ready(Ok(is_free)))
    }

    fn unlock<'a>(&'a self, name: &'a str, owner: &'a str) -> BoxFuture<'a, Result<(), StateError>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if locks.get(name).is_some_and(|(holder, _)| holder == owner) {
            locks.remove(name);
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn fingerprint(&self, parts: &[&str]) -> Result<String, StateError> {
        Ok(engine_request::derive_key(parts.iter().map(|part| part.as_bytes())))
    }
}
