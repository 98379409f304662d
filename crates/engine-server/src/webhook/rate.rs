//! How many events a trigger takes in what time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine_request::Rate;
use jiff::Timestamp;

/// What is left of the rates of all triggers; it outlives a reload.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    left: f64,
    at: Timestamp,
}

impl Rates {
    /// Takes one event of a rate.
    ///
    /// # Errors
    ///
    /// Says how long it takes until the next one is taken.
    pub(super) fn take(&self, trigger: &str, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        let most = f64::from(rate.count().get());
        let per_second = most / rate.period().as_secs_f64();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Bucket { rate, left: most, at: now };
        if !buckets.contains_key(trigger) {
            buckets.insert(trigger.to_owned(), new());
        }
        let Some(bucket) = buckets.get_mut(trigger) else { return Ok(()) };
        if bucket.rate != rate {
            *bucket = new();
        }
        let passed = Duration::try_from(now.duration_since(bucket.at)).unwrap_or_default();
        bucket.left = (bucket.left + passed.as_secs_f64() * per_second).min(most);
        bucket.at = bucket.at.max(now);
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64(((1.0 - bucket.left) / per_second).clamp(0.0, 86_400.0)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use jiff::Timestamp;

    use super::Rates;

    #[test]
    fn so_many_come_through_and_then_one_after_the_other() {
        let rates = Rates::default();
        let rate = "2/10s".parse().unwrap();
        let take = |second: i64| rates.take("a", rate, Timestamp::from_second(second).unwrap());
        assert_eq!(take(100), Ok(()));
        assert_eq!(take(100), Ok(()));
        assert_eq!(take(100), Err(Duration::from_secs(5)));
        assert_eq!(take(104), Err(Duration::from_secs(1)));
        assert_eq!(take(105), Ok(()));
        assert_eq!(take(90), Err(Duration::from_secs(5)), "a clock that goes back gives nothing");
        assert_eq!(rates.take("b", rate, Timestamp::from_second(100).unwrap()), Ok(()));
        assert_eq!(take(200), Ok(()));
        assert_eq!(take(200), Ok(()));
        assert!(take(200).is_err());
    }
}
