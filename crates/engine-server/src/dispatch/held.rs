//! The events that this process holds, each with what stops its run.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine_runtime::Stop;

/// The events that this process holds.
#[derive(Default)]
pub(super) struct Held(Mutex<BTreeMap<String, Run>>);

struct Run {
    stop: Stop,
    /// What tells it from another attempt at the same event.
    number: u64,
    is_lost: bool,
}

impl Held {
    /// Takes note of an event, of the attempt of this number; returns what stops its run.
    pub(super) fn add(&self, id: &str, number: u64) -> Stop {
        let stop = Stop::new();
        self.runs().insert(id.to_owned(), Run { stop: stop.clone(), number, is_lost: false });
        stop
    }

    /// Lets go of an event, where it was not taken anew meanwhile.
    pub(super) fn remove(&self, id: &str, number: u64) {
        let mut runs = self.runs();
        if runs.get(id).is_some_and(|run| run.number == number) {
            runs.remove(id);
        }
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.runs().keys().cloned().collect()
    }

    /// Stops the run of an event that another process has taken meanwhile.
    pub(super) fn lose(&self, id: &str) {
        if let Some(run) = self.runs().get_mut(id) {
            run.is_lost = true;
            run.stop.stop();
        }
    }

    /// Tells whether another process has taken an event.
    pub(super) fn is_lost(&self, id: &str) -> bool {
        self.runs().get(id).is_none_or(|run| run.is_lost)
    }

    /// Stops all runs, at their next checkpoint.
    pub(super) fn stop_all(&self) {
        for run in self.runs().values() {
            run.stop.stop();
        }
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<String, Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
