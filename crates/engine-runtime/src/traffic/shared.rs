//! What all runs of a process share, so that together they keep to what an API allows.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine_request::Budget;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::breaker::Breaker;
use super::gate::Gate;

/// What all runs of a process share: what is left of rate limits, how many requests are in flight, which APIs are down.
#[derive(Default)]
pub struct Shared(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    budgets: HashMap<String, Arc<Mutex<Budget>>>,
    gates: HashMap<String, Arc<Gate>>,
    circuits: HashMap<String, Arc<Circuit>>,
    /// At how many all that is idle is dropped.
    full: usize,
}

/// Fewer than this are kept, idle or not.
const FEW: usize = 512;

/// The breaker of an API, and who waits for it.
#[derive(Default)]
pub(super) struct Circuit {
    breaker: Mutex<Breaker>,
    /// Told when a probe has come back.
    pub(super) changed: Notify,
}

impl Circuit {
    /// Returns the breaker.
    pub(super) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Returns what is left of a limit; `begin` makes it where it is not known yet.
    pub(super) fn budget(&self, key: &str, now: Timestamp, begin: impl FnOnce() -> Budget) -> Arc<Mutex<Budget>> {
        let mut kept = self.kept(now);
        if let Some(known) = kept.budgets.get(key) {
            return Arc::clone(known);
        }
        Arc::clone(kept.budgets.entry(key.to_owned()).or_insert_with(|| Arc::new(Mutex::new(begin()))))
    }

    /// Returns a gate.
    pub(super) fn gate(&self, key: &str, bound: Option<usize>, now: Timestamp) -> Arc<Gate> {
        let mut kept = self.kept(now);
        // Runs that bound it otherwise don't share it.
        let key = format!("{key}\n{bound:?}");
        Arc::clone(kept.gates.entry(key).or_insert_with(|| Arc::new(Gate::new(bound))))
    }

    /// Returns the circuit of an API.
    pub(super) fn circuit(&self, key: &str, now: Timestamp) -> Arc<Circuit> {
        Arc::clone(self.kept(now).circuits.entry(key.to_owned()).or_default())
    }

    fn kept(&self, now: Timestamp) -> MutexGuard<'_, Kept> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= kept.full.max(FEW) {
            kept.drop_idle(now);
            kept.full = kept.len() * 2;
        }
        kept
    }
}

impl Kept {
    fn len(&self) -> usize {
        self.budgets.len() + self.gates.len() + self.circuits.len()
    }

    /// Drops what nobody holds and what would begin anew as it is: so nothing is forgotten.
    fn drop_idle(&mut self, now: Timestamp) {
        let is_idle = |budget: &Mutex<Budget>| budget.lock().unwrap_or_else(PoisonError::into_inner).is_idle(now);
        self.budgets.retain(|_, budget| Arc::strong_count(budget) > 1 || !is_idle(budget));
        self.gates.retain(|_, gate| Arc::strong_count(gate) > 1 || !gate.is_idle());
        self.circuits.retain(|_, circuit| Arc::strong_count(circuit) > 1 || !circuit.breaker().is_idle());
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use super::*;

    #[test]
    fn keeps_what_is_not_idle() {
        let now: Timestamp = "2025-03-01T10:00:00Z".parse().unwrap();
        let shared = Shared::default();
        let paused = shared.budget("paused", now, Budget::of_answers);
        paused.lock().unwrap().pause(Duration::from_secs(10), now);
        drop(paused);
        let held = shared.budget("held", now, Budget::of_answers);
        for number in 0..FEW * 2 {
            shared.circuit(&number.to_string(), now);
        }
        let circuits = shared.0.lock().unwrap().circuits.len();
        assert!(circuits <= FEW * 2, "{circuits}");
        let again = shared.budget("paused", now, Budget::of_answers);
        assert!(!again.lock().unwrap().hold(1, now).refused.is_zero());
        assert!(Arc::ptr_eq(&held, &shared.budget("held", now, Budget::of_answers)));
    }
}
