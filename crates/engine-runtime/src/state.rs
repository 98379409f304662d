//! What is kept between runs: tokens, validators, cursors. Knows neither where nor how.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::world::BoxFuture;

/// What is kept between runs, and shared by all processes that use the same store.
pub trait StateStore: Send + Sync {
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
