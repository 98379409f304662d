//! The time and the dice of a test: nobody waits, and every run throws the same.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine_runtime::{BoxFuture, Clock, Stop};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// How often a run may wait before it counts as one without an end.
const MOST_WAITS: u32 = 200_000;

/// A clock that stands still but while all wait: then it is at once at the time that is waited for.
pub(crate) struct VirtualClock {
    /// When it started, and when the runtime's own clock, which is paused, was there.
    begun: Mutex<(Timestamp, Instant)>,
    dice: Mutex<u64>,
    waits: AtomicU32,
    /// How far it was set ahead, in milliseconds.
    ahead: AtomicI64,
    /// Ends a run that waits without end.
    stop: Stop,
}

impl VirtualClock {
    /// Starts it, within a runtime whose clock is paused.
    pub(crate) fn new(start: Timestamp, seed: u64, stop: Stop) -> Self {
        Self {
            begun: Mutex::new((start, Instant::now())),
            dice: Mutex::new(seed),
            waits: AtomicU32::new(0),
            ahead: AtomicI64::new(0),
            stop,
        }
    }

    /// Goes on within another runtime.
    pub(crate) fn go_on(&self, now: Timestamp) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = (now, Instant::now());
        self.ahead.store(0, Ordering::Relaxed);
    }

    /// Tells whether a run waited without end.
    pub(crate) fn is_endless(&self) -> bool {
        self.waits.load(Ordering::Relaxed) >= MOST_WAITS
    }

    /// Sets it ahead, or back.
    pub(crate) fn jump(&self, time: SignedDuration) {
        self.ahead.fetch_add(i64::try_from(time.as_millis()).unwrap_or(0), Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let (start, begun) = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = begun.elapsed();
        let ahead = SignedDuration::from_millis(self.ahead.load(Ordering::Relaxed));
        let now = start.saturating_add(elapsed).and_then(|now| now.saturating_add(ahead));
        now.unwrap_or(Timestamp::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "the runtime's clock is paused: nobody waits")]
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        if self.waits.fetch_add(1, Ordering::Relaxed) >= MOST_WAITS {
            self.stop.stop();
        }
        Box::pin(tokio::time::sleep(time))
    }

    fn uptime(&self) -> Duration {
        let (start, begun) = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let since = Duration::try_from(start.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default();
        since.saturating_add(begun.elapsed())
    }

    fn random(&self) -> u64 {
        next(&mut self.dice.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Throws dice that always fall the same: `SplitMix64`.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
