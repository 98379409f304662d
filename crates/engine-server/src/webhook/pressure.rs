//! When there is too much to do already: then nothing more is taken, before memory or the disk run full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use engine_runtime::{EventStatus, EventStore};
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many requests are looked at at once: with the largest body that is 1 GB at most.
const AT_ONCE: usize = 1024;
/// How many events may wait.
const MOST_WAITING: u64 = 1_000_000;
/// How often it is counted how many do, in milliseconds.
const EVERY: i64 = 2000;

/// How much there is to do.
pub(super) struct Pressure {
    room: Semaphore,
    waiting: AtomicU64,
    most: u64,
    counted_at: AtomicI64,
    is_counting: AtomicBool,
}

impl Default for Pressure {
    fn default() -> Self {
        Self::new(MOST_WAITING)
    }
}

impl Pressure {
    pub(super) fn new(most: u64) -> Self {
        Self {
            room: Semaphore::new(AT_ONCE),
            waiting: AtomicU64::new(0),
            most,
            counted_at: AtomicI64::new(i64::MIN),
            is_counting: AtomicBool::new(false),
        }
    }

    /// Takes room for a request; nothing where there is none.
    pub(super) fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.room.try_acquire().ok()
    }

    /// Tells whether the inbox is full, as far as was counted last.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.most
    }

    /// Counts what waits, if that was long ago; nobody waits for it.
    pub(super) fn count(self: &Arc<Self>, events: &Arc<dyn EventStore>, now: Timestamp) {
        let now = now.as_millisecond();
        let last = self.counted_at.load(Ordering::Relaxed);
        if now.saturating_sub(last) < EVERY || self.is_counting.swap(true, Ordering::Relaxed) {
            return;
        }
        self.counted_at.store(now, Ordering::Relaxed);
        let (pressure, events) = (Arc::clone(self), Arc::clone(events));
        tokio::spawn(async move {
            if let Ok(counts) = events.count_events().await {
                let waiting = counts.iter().filter(|count| count.status == EventStatus::Waiting);
                pressure.waiting.store(waiting.map(|count| count.count).sum(), Ordering::Relaxed);
            }
            pressure.is_counting.store(false, Ordering::Relaxed);
        });
    }
}
