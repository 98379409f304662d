//! The time of a run that is answered from a recording: that of the recording, and without waiting.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_runtime::{BoxFuture, Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};

/// How long is really waited: long enough for whatever is at work to be done with it.
const WAIT: Duration = Duration::from_millis(20);

/// A clock that begins at a time and goes on as the clock of the machine does, but for waits: they are over at once, and the time jumps on.
#[derive(Clone, Debug)]
pub struct ReplayClock {
    begun: Timestamp,
    starts_at: Timestamp,
    skipped: Arc<Mutex<SignedDuration>>,
}

impl ReplayClock {
    /// Begins at a time.
    pub fn new(starts_at: Timestamp) -> Self {
        Self { begun: SystemClock.now(), starts_at, skipped: Arc::default() }
    }

    fn at(&self, skipped: SignedDuration) -> Timestamp {
        let passed = SystemClock.now().duration_since(self.begun);
        self.starts_at.saturating_add(passed.saturating_add(skipped)).unwrap_or(Timestamp::MAX)
    }
}

impl Clock for ReplayClock {
    fn now(&self) -> Timestamp {
        self.at(*self.skipped.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let until = self.now().saturating_add(time).unwrap_or(Timestamp::MAX);
        Box::pin(async move {
            SystemClock.sleep(time.min(WAIT)).await;
            let mut skipped = clock.skipped.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever waited at the same time has not waited twice as long.
            let left = until.duration_since(clock.at(*skipped)).max(SignedDuration::ZERO);
            *skipped = skipped.saturating_add(left);
        })
    }

    fn random(&self) -> u64 {
        SystemClock.random()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[tokio::test]
    async fn waits_at_the_same_time_are_not_added_up() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = ReplayClock::new(start);
        let hour = Duration::from_hours(1);
        tokio::join!(clock.sleep(hour), clock.sleep(hour), clock.sleep(2 * hour));
        let passed = clock.now().duration_since(start);
        assert!(passed >= SignedDuration::from_hours(2) && passed < SignedDuration::from_hours(3), "{passed:?}");
    }
}
