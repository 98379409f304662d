//! What is left of a rate limit: a token bucket or a window, told the time by who asks.

use std::collections::VecDeque;
use std::time::Duration;

use engine_expr::{EvalError, Scope, Value};
use jiff::Timestamp;

use crate::wait::{until, wait_of};
use crate::{Answer, AnswerPlace, RateLimit};

/// What is left of a limit: shared by all requests that it is about.
///
/// Without `burst` there are never more requests in any span of the period than the rate says. With it there is a bucket
/// that holds `burst` and fills at the rate. What answers say about `remaining` and `reset` holds in addition.
#[derive(Clone, Debug)]
pub struct Budget {
    kind: Kind,
    cost: u32,
    remaining: Option<AnswerPlace>,
    reset: Option<AnswerPlace>,
    /// What the API said is left, until when.
    said: Option<Said>,
    /// Nothing is sent before.
    paused: Option<Timestamp>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Only the answers say what is left.
    Answers,
    /// At most so many in any span of this length.
    Window { count: u32, period: Duration, sent: VecDeque<(Timestamp, u32)> },
    /// A bucket that holds tokens and fills up.
    Bucket { size: f64, per_second: f64, tokens: f64, at: Option<Timestamp> },
}

#[derive(Clone, Copy, Debug)]
struct Said {
    left: u64,
    until: Timestamp,
}

/// How many times a window remembers at most; what is sent in between counts as sent at the end.
const MOMENTS: u32 = 1024;

impl RateLimit {
    /// Begins with all of it left.
    ///
    /// # Errors
    ///
    /// Fails where a template does, or gives what is no rate or number.
    pub fn budget(&self, scope: &Scope) -> Result<Budget, EvalError> {
        let rate = self.rate.as_ref().map(|rate| rate.resolve(scope)).transpose()?;
        let burst = self.burst.as_ref().map(|burst| burst.resolve(scope)).transpose()?;
        let kind = match (rate, burst) {
            (None, _) => Kind::Answers,
            (Some(rate), None) => {
                Kind::Window { count: rate.count().get(), period: rate.period(), sent: VecDeque::new() }
            }
            (Some(rate), Some(burst)) => {
                let size = f64::from(burst.max(1));
                let per_second = f64::from(rate.count().get()) / rate.period().as_secs_f64();
                Kind::Bucket { size, per_second, tokens: size, at: None }
            }
        };
        Ok(Budget {
            kind,
            cost: self.cost.as_ref().map_or(Ok(1), |cost| cost.resolve(scope))?,
            remaining: self.remaining.clone(),
            reset: self.reset.clone(),
            said: None,
            paused: None,
        })
    }
}

impl Budget {
    /// Returns how long the next request must wait; zero if it may be sent now.
    pub fn wait(&mut self, now: Timestamp) -> Duration {
        let mut wait = self.paused.map(|then| until(then, now)).unwrap_or_default();
        if let Some(said) = self.said {
            let left = until(said.until, now);
            if left.is_zero() {
                self.said = None;
            } else if said.left < u64::from(self.cost) {
                wait = wait.max(left);
            }
        }
        wait.max(self.kind.wait(self.cost, now))
    }

    /// Takes what a request costs, which is being sent now.
    pub fn take(&mut self, now: Timestamp) {
        if let Some(said) = &mut self.said {
            said.left = said.left.saturating_sub(u64::from(self.cost));
        }
        self.kind.take(self.cost, now);
    }

    /// Learns from an answer what is left, so that the API need not refuse.
    ///
    /// # Errors
    ///
    /// Fails where a template of `remaining` or `reset` does.
    pub fn learn(&mut self, answer: &Answer, scope: &Scope, now: Timestamp) -> Result<(), EvalError> {
        let Some(place) = &self.remaining else { return Ok(()) };
        let left = match place.take(answer, scope)? {
            Some(Value::Number(number)) => number.as_i64(),
            // Several limits may be told at once: the first one is the nearest.
            Some(Value::String(text)) => text.split([',', ';', '/']).next().and_then(|text| text.trim().parse().ok()),
            _ => None,
        };
        let Some(left) = left.map(|left| u64::try_from(left).unwrap_or_default()) else { return Ok(()) };
        let reset = self.reset.as_ref().map(|place| place.take(answer, scope)).transpose()?.flatten();
        let reset = reset.and_then(|value| wait_of(&value, now)).or_else(|| self.kind.period());
        let Some(then) = reset.and_then(|wait| now.checked_add(wait).ok()) else { return Ok(()) };
        self.said = match self.said {
            // Answers overtake each other: of one window the smallest number is the newest.
            Some(said) if then.duration_since(said.until).abs() <= jiff::SignedDuration::from_secs(1) => {
                Some(Said { left: left.min(said.left), until: said.until.max(then) })
            }
            Some(said) if then < said.until => Some(said),
            _ => Some(Said { left, until: then }),
        };
        Ok(())
    }

    /// Sends nothing for a while: the API refused a request and said for how long.
    pub fn pause(&mut self, wait: Duration, now: Timestamp) {
        if let Ok(then) = now.checked_add(wait) {
            self.paused = Some(self.paused.map_or(then, |paused| paused.max(then)));
        }
    }
}

impl Kind {
    fn wait(&mut self, cost: u32, now: Timestamp) -> Duration {
        match self {
            Self::Answers => Duration::ZERO,
            Self::Window { count, period, sent } => {
                while sent.front().is_some_and(|(at, _)| age(*at, now) >= *period) {
                    sent.pop_front();
                }
                // A request that costs more than there ever is waits for all of it.
                let free = count.saturating_sub(cost.min(*count));
                let mut taken: u32 = sent.iter().map(|(_, cost)| *cost).fold(0, u32::saturating_add);
                let mut wait = Duration::ZERO;
                for (at, cost) in sent.iter() {
                    if taken <= free {
                        break;
                    }
                    taken = taken.saturating_sub(*cost);
                    wait = period.saturating_sub(age(*at, now));
                }
                wait
            }
            Self::Bucket { size, per_second, tokens, at } => {
                if let Some(before) = at.filter(|before| *before < now) {
                    *tokens = (*tokens + age(before, now).as_secs_f64() * *per_second).min(*size);
                }
                *at = Some(now);
                let missing = f64::from(cost).min(*size) - *tokens;
                // A thousandth of a token is the rounding of a clock.
                if missing <= 0.001 {
                    Duration::ZERO
                } else {
                    Duration::try_from_secs_f64(missing / *per_second).unwrap_or(Duration::MAX)
                }
            }
        }
    }

    fn take(&mut self, cost: u32, now: Timestamp) {
        match self {
            Self::Answers => {}
            Self::Window { count, period, sent } => {
                let cost = cost.min(*count);
                match sent.back_mut() {
                    Some((at, taken)) if age(*at, now) < *period / MOMENTS => {
                        *at = (*at).max(now);
                        *taken = taken.saturating_add(cost);
                    }
                    _ => sent.push_back((now, cost)),
                }
            }
            Self::Bucket { size, tokens, .. } => *tokens -= f64::from(cost).min(*size),
        }
    }

    fn period(&self) -> Option<Duration> {
        match self {
            Self::Window { period, .. } => Some(*period),
            Self::Answers | Self::Bucket { .. } => None,
        }
    }
}

/// Returns how long ago it is; a clock that was set back makes it now.
fn age(then: Timestamp, now: Timestamp) -> Duration {
    until(now, then)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use jiff::Timestamp;

    use super::Budget;
    use crate::RateLimit;
    use crate::answer::tests::answer;
    use crate::draft::tests::{read, scope};

    fn budget(yaml: &str) -> Budget {
        read::<RateLimit>(yaml).budget(&scope("{}")).unwrap()
    }

    fn at(seconds: f64) -> Timestamp {
        let start: Timestamp = "2025-03-01T10:00:00Z".parse().unwrap();
        start.checked_add(Duration::from_secs_f64(seconds)).unwrap()
    }

    /// Sends as fast as the budget lets it, and returns when each request was sent.
    fn sent(budget: &mut Budget, requests: usize) -> Vec<f64> {
        let mut now = at(0.0);
        let mut times = Vec::new();
        while times.len() < requests {
            let wait = budget.wait(now);
            now = now.checked_add(wait).unwrap();
            if wait.is_zero() {
                budget.take(now);
                times.push(now.duration_since(at(0.0)).as_secs_f64());
            }
        }
        times
    }

    #[test]
    fn never_sends_more_in_any_period_than_the_rate_says() {
        let times = sent(&mut budget("{rate: 10/5s}"), 45);
        assert_eq!(times.iter().filter(|time| **time < 5.0).count(), 10);
        for start in &times {
            assert!(times.iter().filter(|time| *time >= start && **time < start + 5.0).count() <= 10);
        }
        assert_eq!(times.last().map(|last| last.floor()), Some(20.0));
    }

    #[test]
    fn a_bucket_lets_a_burst_through_and_then_the_rate() {
        let times = sent(&mut budget("{rate: 2/1s, burst: 4}"), 8);
        assert_eq!(times, [0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.5, 2.0]);
        let mut full = budget("{rate: 2/1s, burst: 4}");
        sent(&mut full, 4);
        assert_eq!(full.wait(at(100.0)), Duration::ZERO);
        (0..4).for_each(|_| full.take(at(100.0)));
        assert_eq!(full.wait(at(100.0)), Duration::from_millis(500));
    }

    #[test]
    fn a_request_may_cost_more_than_one() {
        assert_eq!(sent(&mut budget("{rate: 10/1s, cost: 5}"), 4), [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(sent(&mut budget("{rate: 10/1s, cost: 50}"), 3), [0.0, 1.0, 2.0]);
        assert_eq!(sent(&mut budget("{rate: 10/1s, burst: 10, cost: 50}"), 3), [0.0, 1.0, 2.0]);
    }

    #[test]
    fn slows_down_before_the_api_refuses() {
        let mut budget = budget("{remaining: header.X-Left, reset: header.X-Reset}");
        assert_eq!(budget.wait(at(0.0)), Duration::ZERO);
        let learn =
            |budget: &mut Budget, text: &str, now: f64| budget.learn(&answer(text), &scope("{}"), at(now)).unwrap();
        learn(&mut budget, "200\nX-Left: 2\nX-Reset: 60", 0.0);
        budget.take(at(1.0));
        assert_eq!(budget.wait(at(1.0)), Duration::ZERO);
        budget.take(at(1.0));
        assert_eq!(budget.wait(at(1.0)), Duration::from_secs(59));
        // An answer that was overtaken changes nothing.
        learn(&mut budget, "200\nX-Left: 1\nX-Reset: 59", 1.0);
        assert_eq!(budget.wait(at(1.0)), Duration::from_secs(59));
        assert_eq!(budget.wait(at(60.0)), Duration::ZERO);
        learn(&mut budget, "200\nX-Left: 0\nX-Reset: 1740823380", 60.0);
        assert_eq!(budget.wait(at(60.0)), Duration::from_mins(2));
        learn(&mut budget, "200", 200.0);
        assert_eq!(budget.wait(at(200.0)), Duration::ZERO);
    }

    #[test]
    fn pauses_when_the_api_says_so() {
        let mut budget = budget("{rate: 10/1s}");
        budget.pause(Duration::from_secs(30), at(0.0));
        budget.pause(Duration::from_secs(5), at(1.0));
        assert_eq!(budget.wait(at(10.0)), Duration::from_secs(20));
        assert_eq!(budget.wait(at(30.0)), Duration::ZERO);
    }
}
