//! When there is too much to do already: then nothing more is taken, before memory or the disk run full.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine_runtime::{EventStatus, EventStore};
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many requests are looked at at once: with the largest body that is 1 GB at most.
const AT_ONCE: usize = 1024;
/// How often it is counted how many events wait, in milliseconds.
const EVERY: i64 = 2000;
/// How often at most where it seems that too many do.
const SOONEST: i64 = 100;

/// How much there is to do.
pub(super) struct Pressure {
    room: Semaphore,
    /// How many events of each flow wait: those that were counted last, and those that were kept here since.
    waiting: Mutex<HashMap<String, u64>>,
    /// How many of one flow may.
    most: u64,
    counted_at: AtomicI64,
    is_counting: AtomicBool,
}

impl Pressure {
    pub(super) fn new(most: u64) -> Self {
        Self {
            room: Semaphore::new(AT_ONCE),
            waiting: Mutex::default(),
            most,
            counted_at: AtomicI64::new(i64::MIN),
            is_counting: AtomicBool::new(false),
        }
    }

    /// Takes room for a request; nothing where there is none.
    pub(super) fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.room.try_acquire().ok()
    }

    /// Tells whether as many events of a flow seem to wait as may: those of others are taken on.
    fn is_full(&self, flow: &str) -> bool {
        self.waiting().get(flow).is_some_and(|waiting| *waiting >= self.most)
    }

    /// Takes note that an event of a flow was kept.
    pub(super) fn kept(&self, flow: &str) {
        let mut waiting = self.waiting();
        match waiting.get_mut(flow) {
            Some(count) => *count += 1,
            None => _ = waiting.insert(flow.to_owned(), 1),
        }
    }

    /// Counts what waits, if that was long ago; nobody waits for it.
    pub(super) fn count(self: &Arc<Self>, events: &Arc<dyn EventStore>, now: Timestamp) {
        if self.begin(now, EVERY) {
            let (pressure, events) = (Arc::clone(self), Arc::clone(events));
            tokio::spawn(async move { pressure.counted(&events).await });
        }
    }

    /// Tells whether as many events of a flow wait as may, and counts them for it: those that were kept since may have run meanwhile.
    pub(super) async fn is_really_full(&self, flow: &str, events: &Arc<dyn EventStore>, now: Timestamp) -> bool {
        if self.is_full(flow) && self.begin(now, SOONEST) {
            Box::pin(self.counted(events)).await;
        }
        self.is_full(flow)
    }

    /// Tells whether it is to be counted now: it was not for so many milliseconds, and nobody does.
    fn begin(&self, now: Timestamp, after: i64) -> bool {
        let now = now.as_millisecond();
        let last = self.counted_at.load(Ordering::Relaxed);
        if now.saturating_sub(last) < after || self.is_counting.swap(true, Ordering::Relaxed) {
            return false;
        }
        self.counted_at.store(now, Ordering::Relaxed);
        true
    }

    async fn counted(&self, events: &Arc<dyn EventStore>) {
        if let Ok(counts) = events.count_events().await {
            let mut waiting = HashMap::new();
            for count in counts.into_iter().filter(|count| count.status == EventStatus::Waiting) {
                *waiting.entry(count.flow).or_default() += count.count;
            }
            *self.waiting() = waiting;
        }
        self.is_counting.store(false, Ordering::Relaxed);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
