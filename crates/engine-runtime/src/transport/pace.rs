//! How long an exchange may take: it has to come on.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::TransportError;

/// How many times the wait for a byte the whole may take, however slowly it comes.
const WHOLE: u32 = 10;
/// The bytes per second that a body may always take beyond that: a large one is not given up while it comes at this rate.
const FLOOR: u64 = 32 * 1024;

/// The time of one exchange.
#[derive(Debug)]
pub(super) struct Pace {
    /// How long nothing may come.
    quiet: Duration,
    began: Instant,
    /// How many bytes were moved, in both directions.
    moved: AtomicU64,
    /// Milliseconds from the beginning to the last piece that was sent.
    sent_at: AtomicU64,
}

impl Pace {
    /// Begins now.
    pub(super) fn new(quiet: Duration) -> Self {
        Self { quiet, began: Instant::now(), moved: AtomicU64::new(0), sent_at: AtomicU64::new(0) }
    }

    /// Returns how long nothing may come.
    pub(super) fn quiet(&self) -> Duration {
        self.quiet
    }

    /// Says that bytes came.
    pub(super) fn received(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Says that bytes were sent.
    pub(super) fn sent(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
        let at = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.sent_at.store(at, Ordering::Relaxed);
    }

    /// Returns when the whole has to be there.
    fn end(&self) -> Instant {
        let by_bytes = Duration::from_secs(self.moved.load(Ordering::Relaxed) / FLOOR);
        let whole = self.quiet.saturating_mul(WHOLE).saturating_add(by_bytes);
        // What is beyond all time has no end.
        self.began.checked_add(whole).unwrap_or(self.began + Duration::from_hours(24 * 365))
    }

    fn late(&self, now: Instant) -> TransportError {
        if now >= self.end() { TransportError::Timeout(now - self.began) } else { TransportError::Timeout(self.quiet) }
    }

    /// Waits for what comes next.
    pub(super) async fn next<T>(&self, next: impl Future<Output = T>) -> Result<T, TransportError> {
        let now = Instant::now();
        let until = now.checked_add(self.quiet).map_or(self.end(), |quiet| quiet.min(self.end()));
        timeout_at(until, next).await.map_err(|_| self.late(until))
    }

    /// Waits for the answer, for which the time begins anew with each piece that is sent.
    pub(super) async fn answer<T>(&self, answer: impl Future<Output = T>) -> Result<T, TransportError> {
        let mut answer = std::pin::pin!(answer);
        loop {
            let sent_at = self.sent_at.load(Ordering::Relaxed);
            let quiet = (self.began + Duration::from_millis(sent_at)).checked_add(self.quiet);
            let until = quiet.map_or(self.end(), |quiet| quiet.min(self.end()));
            match timeout_at(until, &mut answer).await {
                Ok(answer) => return Ok(answer),
                Err(_) if until < self.end() && self.sent_at.load(Ordering::Relaxed) != sent_at => {}
                Err(_) => return Err(self.late(until)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn pace() -> Pace {
        Pace::new(Duration::from_millis(40))
    }

    /// Time passes as the runtime's own: what is tested is how it is counted.
    async fn pass(milliseconds: u64) {
        _ = tokio::time::timeout(Duration::from_millis(milliseconds), std::future::pending::<()>()).await;
    }

    #[tokio::test]
    async fn gives_up_when_nothing_comes() {
        let error = pace().next(std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(error, TransportError::Timeout(Duration::from_millis(40)));
        let error = pace().answer(std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(error, TransportError::Timeout(Duration::from_millis(40)));
    }

    #[tokio::test]
    async fn gives_up_what_trickles() {
        let pace = pace();
        let mut pieces = 0;
        let error = loop {
            match pace.next(pass(10)).await {
                Ok(()) => pace.received(1),
                Err(error) => break error,
            }
            pieces += 1;
        };
        assert!((20..=40).contains(&pieces), "{pieces}");
        assert_eq!(error, TransportError::Timeout(Duration::from_millis(400)));
    }

    #[tokio::test]
    async fn goes_on_with_what_comes_fast_enough() {
        let pace = pace();
        for _ in 0..60 {
            pace.next(pass(10)).await.unwrap();
            pace.received(2048);
        }
        assert!(pace.began.elapsed() > Duration::from_millis(600));
    }

    #[tokio::test]
    async fn waits_for_an_answer_while_something_is_sent() {
        let pace = pace();
        let sending = async {
            for _ in 0..10 {
                pass(15).await;
                pace.sent(1);
            }
        };
        pace.answer(sending).await.unwrap();
    }
}
