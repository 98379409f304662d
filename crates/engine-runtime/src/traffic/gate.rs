//! How many requests are in flight at once: never more than the spec says, fewer for a while after the API had enough.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets so many through at once, in the order in which they came.
pub(super) struct Gate {
    places: Arc<Semaphore>,
    size: Mutex<Size>,
}

/// A place behind the gate, given back when it is dropped.
pub(super) struct Place {
    gate: Arc<Gate>,
    permit: Option<OwnedSemaphorePermit>,
    round: u64,
}

/// How many places there are: halved by a refusal, one more after as many successes as there are places.
#[derive(Debug)]
struct Size {
    bound: usize,
    limit: usize,
    taken: usize,
    /// Places that are given up as soon as they come back.
    owed: usize,
    /// How often it was halved: what was in flight then says nothing about the new size.
    round: u64,
    successes: usize,
}

impl Gate {
    /// Makes one with so many places, or without a bound.
    pub(super) fn new(bound: Option<usize>) -> Self {
        let bound = bound.unwrap_or(Semaphore::MAX_PERMITS).clamp(1, Semaphore::MAX_PERMITS);
        let size = Size { bound, limit: bound, taken: 0, owed: 0, round: 0, successes: 0 };
        Self { places: Arc::new(Semaphore::new(bound)), size: Mutex::new(size) }
    }

    /// Waits for a place.
    pub(super) async fn enter(self: &Arc<Self>) -> Place {
        // It is never closed, so there is always a place to come.
        let permit = Arc::clone(&self.places).acquire_owned().await.ok();
        let mut size = self.size();
        size.taken += 1;
        Place { gate: Arc::clone(self), permit, round: size.round }
    }

    /// Tells whether it is as it was in the beginning.
    pub(super) fn is_idle(&self) -> bool {
        let size = self.size();
        size.taken == 0 && size.limit == size.bound
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Takes note that the request went well.
    pub(super) fn succeeded(&self) {
        let mut size = self.gate.size();
        if size.succeeded(self.round) {
            if size.owed > 0 {
                size.owed -= 1;
            } else {
                self.gate.places.add_permits(1);
            }
        }
    }

    /// Takes note that the API had too many requests at once; returns how many places there are now, if fewer.
    pub(super) fn refused(&self) -> Option<usize> {
        let mut size = self.gate.size();
        let fewer = size.refused(self.round);
        let gone = self.gate.places.forget_permits(fewer);
        size.owed += fewer - gone;
        (fewer > 0).then_some(size.limit)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut size = self.gate.size();
        size.taken -= 1;
        if size.owed > 0
            && let Some(permit) = self.permit.take()
        {
            size.owed -= 1;
            permit.forget();
        }
    }
}

impl Size {
    /// Tells whether there is one place more.
    fn succeeded(&mut self, round: u64) -> bool {
        if round != self.round || self.limit >= self.bound {
            return false;
        }
        self.successes += 1;
        if self.successes < self.limit {
            return false;
        }
        self.successes = 0;
        self.limit += 1;
        true
    }

    /// Returns how many places there are less.
    fn refused(&mut self, round: u64) -> usize {
        // The answers of one burst all say the same.
        if round != self.round {
            return 0;
        }
        self.round += 1;
        self.successes = 0;
        let target = (self.limit.min(self.taken) / 2).max(1);
        let fewer = self.limit.saturating_sub(target);
        self.limit = target;
        fewer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    async fn enter(gate: &Arc<Gate>, count: usize) -> Vec<Place> {
        let mut places = Vec::new();
        for _ in 0..count {
            places.push(gate.enter().await);
        }
        places
    }

    fn limit(gate: &Gate) -> usize {
        gate.size().limit
    }

    fn is_full(gate: &Gate) -> bool {
        gate.places.available_permits() == 0
    }

    #[tokio::test]
    async fn is_halved_once_by_a_burst_and_never_below_one() {
        let gate = Arc::new(Gate::new(Some(16)));
        for expected in [8, 4, 2, 1, 1] {
            let places = enter(&gate, limit(&gate)).await;
            assert!(is_full(&gate));
            for place in &places {
                place.refused();
            }
            assert_eq!(limit(&gate), expected);
            drop(places);
            assert_eq!(gate.places.available_permits(), expected);
        }
        assert!(!gate.is_idle());
    }

    #[tokio::test]
    async fn climbs_by_one_after_as_many_successes_as_there_are_places_and_never_above_its_bound() {
        let gate = Arc::new(Gate::new(Some(5)));
        enter(&gate, 4).await.iter().for_each(|place| _ = place.refused());
        assert_eq!(limit(&gate), 2);
        let mut sizes = Vec::new();
        for _ in 0..20 {
            gate.enter().await.succeeded();
            sizes.push(limit(&gate));
        }
        assert_eq!(sizes, [2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5]);
        assert_eq!(gate.places.available_permits(), 5);
        assert!(gate.is_idle());
    }

    #[tokio::test]
    async fn what_was_in_flight_before_a_refusal_does_not_make_it_climb() {
        let gate = Arc::new(Gate::new(Some(8)));
        let places = enter(&gate, 8).await;
        places[0].refused();
        places.iter().for_each(Place::succeeded);
        assert_eq!(limit(&gate), 4);
    }

    #[tokio::test]
    async fn without_a_bound_it_is_halved_from_what_is_in_flight() {
        let gate = Arc::new(Gate::new(None));
        let places = enter(&gate, 12).await;
        assert_eq!(places[3].refused(), Some(6));
        assert_eq!(limit(&gate), 6);
        // Those that are in flight are let finish; nobody comes in before half of them have.
        drop(places.into_iter().take(6).collect::<Vec<_>>());
        assert_eq!(gate.places.available_permits(), 6);
    }

    #[tokio::test]
    async fn a_place_that_is_owed_is_not_given_to_the_next() {
        let gate = Arc::new(Gate::new(Some(4)));
        let mut places = enter(&gate, 4).await;
        places[0].refused();
        drop(places.pop());
        assert!(is_full(&gate));
        drop(places.pop());
        assert!(is_full(&gate));
        drop(places.pop());
        assert_eq!(gate.places.available_permits(), 1);
        drop(places);
        assert_eq!((gate.places.available_permits(), limit(&gate)), (2, 2));
    }

    #[tokio::test]
    async fn lets_in_by_turns() {
        let gate = Arc::new(Gate::new(Some(1)));
        let first = gate.enter().await;
        let came = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<_> = (0..10)
            .map(|number| {
                let (gate, came) = (Arc::clone(&gate), Arc::clone(&came));
                tokio::spawn(async move {
                    let _place = gate.enter().await;
                    assert_eq!(came.fetch_add(1, Ordering::Relaxed), number);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        drop(first);
        for one in waiting {
            assert!(one.await.is_ok());
        }
    }
}
