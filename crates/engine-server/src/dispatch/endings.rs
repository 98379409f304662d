//! Who waits for the ends of events, and is told of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine_expr::Value;
use engine_runtime::Status;
use tokio::sync::broadcast;

/// Tells who waits how events have ended that are run by this process.
#[derive(Debug, Default)]
pub struct Endings(Mutex<HashMap<String, broadcast::Sender<Finished>>>);

/// How an event has ended. It is not tried again.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How its last run ended.
    pub status: Status,
    /// What `steps` is at the end of that run; null where it did not come so far.
    pub steps: Value,
    /// Why it failed.
    pub error: Option<String>,
}

/// Waits for the end of an event; whoever drops it waits no more.
#[derive(Debug)]
pub struct Watch<'e> {
    endings: &'e Endings,
    id: String,
    receiver: broadcast::Receiver<Finished>,
}

impl Endings {
    /// Begins to wait for the end of an event, best before it is put into the inbox.
    pub fn watch(&self, id: &str) -> Watch<'_> {
        let mut watched = self.watched();
        let sender = watched.entry(id.to_owned()).or_insert_with(|| broadcast::channel(1).0);
        Watch { endings: self, id: id.to_owned(), receiver: sender.subscribe() }
    }

    /// Tells whether somebody waits for the end of an event.
    pub(super) fn is_watched(&self, id: &str) -> bool {
        self.watched().contains_key(id)
    }

    /// Tells who waits how an event has ended.
    pub(super) fn tell(&self, id: &str, finished: Finished) {
        if let Some(sender) = self.watched().remove(id) {
            // Whoever gave up waiting need not be told.
            _ = sender.send(finished);
        }
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<String, broadcast::Sender<Finished>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch<'_> {
    /// Waits until the event has ended. It never does where another process runs it: let the inbox be looked at too.
    pub async fn ended(&mut self) -> Finished {
        match self.receiver.recv().await {
            Ok(finished) => finished,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(entry) = self.endings.watched().entry(self.id.clone())
            && entry.get().receiver_count() <= 1
        {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_are_told_and_nothing_is_left() {
        let endings = Endings::default();
        let (mut one, mut two, other) = (endings.watch("a"), endings.watch("a"), endings.watch("b"));
        assert!(endings.is_watched("a") && endings.is_watched("b"));
        drop(other);
        assert!(!endings.is_watched("b"));
        let finished = Finished { status: Status::Ok, steps: Value::Null, error: None };
        endings.tell("a", finished);
        assert_eq!((one.ended().await.status, two.ended().await.status), (Status::Ok, Status::Ok));
        assert!(!endings.is_watched("a"));
    }
}
