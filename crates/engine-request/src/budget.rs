//! What is left of a rate limit: a token bucket or a window, and what answers said, told the time by who asks.

use std::collections::VecDeque;
use std::time::Duration;

use engine_expr::{EvalError, Scope, Value};
use jiff::Timestamp;

use crate::quota::{MOST, count_of, field_of};
use crate::wait::{until, wait_of};
use crate::{Answer, Quota, RateLimit};

/// What is left of a limit: shared by all requests that it is about.
///
/// Without `burst` there are never more requests in any span of the period than the rate says. With it there is a bucket
/// that holds `burst` and fills at the rate. What answers say is left holds in addition: once nothing is, requests wait
/// until there is more; the last tenth of it (the last ten, where the whole is not known) is spread over the time until
/// then, with at most a second between two requests, so that answers can tell in time if others draw from the same limit.
#[derive(Clone, Debug)]
pub struct Budget {
    kind: Kind,
    /// What answers said is left, by the names of the limits.
    said: Vec<Said>,
    /// All that was taken so far.
    taken: u64,
    /// When something was taken last.
    last: Option<Timestamp>,
    /// Nothing is sent before: the API refused.
    paused: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// Only the answers say what is left.
    Answers,
    /// At most so many in any span of this length.
    Window { count: u32, period: Duration, sent: VecDeque<(Timestamp, u32)> },
    /// A bucket that holds tokens and fills up.
    Bucket { size: f64, per_second: f64, tokens: f64, at: Option<Timestamp> },
}

#[derive(Clone, Debug)]
struct Said {
    name: String,
    limit: Option<u64>,
    left: u64,
    until: Timestamp,
    /// What was taken when the request was sent whose answer said so.
    mark: u64,
}

/// How long a request waits, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// For the rate of the spec.
    pub rate: Duration,
    /// Since answers said that little or nothing is left.
    pub said: Duration,
    /// Since the API refused a request and said for how long.
    pub refused: Duration,
}

/// How many times a window remembers at most; what is sent in between counts as sent at the end.
const MOMENTS: u32 = 1024;

/// How many are few, where it is not known how many there are in all.
const FEW: u64 = 10;

/// How long two requests are kept apart at most while there are few left.
const APART: Duration = Duration::from_secs(1);

/// By how much the ends of one and the same window differ as answers tell them: most tell whole seconds.
const SAME_WINDOW: Duration = Duration::from_millis(1500);

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
        Ok(Budget { kind, ..Budget::of_answers() })
    }

    /// Returns how many requests one request counts as.
    ///
    /// # Errors
    ///
    /// Fails where the template does, or gives no number.
    pub fn cost(&self, scope: &Scope) -> Result<u32, EvalError> {
        self.cost.as_ref().map_or(Ok(1), |cost| cost.resolve(scope))
    }

    /// Returns what an answer says is left, in the places that `remaining` and `reset` name; `None` where they name none.
    ///
    /// # Errors
    ///
    /// Fails where a template of them does.
    pub fn quotas(&self, answer: &Answer, scope: &Scope, now: Timestamp) -> Result<Option<Vec<Quota>>, EvalError> {
        let Some(place) = &self.remaining else { return Ok(None) };
        let left = match place.take(answer, scope)? {
            Some(Value::Number(number)) => count_of(&number.to_string()),
            Some(Value::String(text)) => {
                // Such places may hold the standard's own field.
                let left = count_of(text.split('/').next().unwrap_or_default());
                if left.is_none() && self.reset.is_none() {
                    return Ok(Some(field_of(&text)));
                }
                left
            }
            _ => None,
        };
        let reset = self.reset.as_ref().map(|place| place.take(answer, scope)).transpose()?.flatten();
        let reset = reset.and_then(|value| wait_of(&value, crate::wait::told_at(answer, now)));
        Ok(Some(vec![Quota { name: place.text().into_owned(), limit: None, left, reset }]))
    }
}

impl Budget {
    /// Begins one without a rate of its own: only answers say what is left.
    pub fn of_answers() -> Self {
        Self { kind: Kind::Answers, said: Vec::new(), taken: 0, last: None, paused: None }
    }

    /// Returns how long the next request must wait, which costs so much.
    pub fn hold(&mut self, cost: u32, now: Timestamp) -> Hold {
        self.said.retain(|said| said.until > now);
        self.paused = self.paused.filter(|then| *then > now);
        let since = self.last.map(|last| age(last, now));
        Hold {
            rate: self.kind.wait(cost, now),
            said: self.said.iter().map(|said| said.wait(cost, since, now)).max().unwrap_or_default(),
            refused: self.paused.map(|then| until(then, now)).unwrap_or_default(),
        }
    }

    /// Takes what a request costs, which is being sent now; returns the mark by which its answer is known.
    pub fn take(&mut self, cost: u32, now: Timestamp) -> u64 {
        for said in &mut self.said {
            said.left = said.left.saturating_sub(u64::from(cost));
        }
        self.kind.take(cost, now);
        self.taken = self.taken.saturating_add(u64::from(cost));
        self.last = Some(now);
        self.taken
    }

    /// Learns what the answer to the request with this mark said is left.
    pub fn learn(&mut self, quotas: &[Quota], mark: u64, now: Timestamp) {
        // What was sent after it is not in what it says.
        let since = self.taken.saturating_sub(mark);
        for quota in quotas {
            let reset = quota.reset.or_else(|| self.kind.period());
            let (Some(left), Some(until)) = (quota.left, reset.and_then(|wait| now.checked_add(wait).ok())) else {
                continue;
            };
            let left = left.saturating_sub(since);
            match self.said.iter_mut().find(|said| said.name == quota.name) {
                // An answer that was overtaken may only lower what is left, and of the same window.
                Some(said) if mark < said.mark => {
                    if until.duration_since(said.until).unsigned_abs() <= SAME_WINDOW {
                        said.left = said.left.min(left);
                    }
                }
                Some(said) => {
                    *said = Said { name: std::mem::take(&mut said.name), limit: quota.limit, left, until, mark }
                }
                None => {
                    if self.said.len() >= MOST {
                        self.said.remove(0);
                    }
                    self.said.push(Said { name: quota.name.clone(), limit: quota.limit, left, until, mark });
                }
            }
        }
    }

    /// Sends nothing for a while: the API refused a request and said for how long.
    pub fn pause(&mut self, wait: Duration, now: Timestamp) {
        let then = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        self.paused = Some(self.paused.map_or(then, |paused| paused.max(then)));
    }

    /// Tells whether it is as it was in the beginning: nothing is lost where it is begun anew.
    pub fn is_idle(&mut self, now: Timestamp) -> bool {
        // Asking brings it up to date.
        self.hold(1, now);
        let is_full = match &self.kind {
            Kind::Answers => true,
            Kind::Window { sent, .. } => sent.is_empty(),
            Kind::Bucket { size, tokens, .. } => tokens >= size,
        };
        is_full && self.said.is_empty() && self.paused.is_none()
    }
}

impl Said {
    fn wait(&self, cost: u32, since: Option<Duration>, now: Timestamp) -> Duration {
        let time = until(self.until, now);
        let cost = u64::from(cost);
        if self.left < cost {
            return time;
        }
        let few = self.limit.map_or(FEW, |limit| (limit / 10).max(1));
        if cost == 0 || self.left > few {
            return Duration::ZERO;
        }
        let parts = u32::try_from(self.left / cost + 1).unwrap_or(u32::MAX);
        (time / parts).min(APART).saturating_sub(since.unwrap_or(Duration::MAX))
    }
}

impl Hold {
    /// Returns how long it takes until all lets the request go.
    pub fn longest(&self) -> Duration {
        self.rate.max(self.said).max(self.refused)
    }

    /// Joins what several limits say.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            rate: self.rate.max(other.rate),
            said: self.said.max(other.said),
            refused: self.refused.max(other.refused),
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
            Self::Bucket { size, tokens, at, .. } => {
                at.get_or_insert(now);
                *tokens -= f64::from(cost).min(*size);
            }
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
    #![expect(clippy::float_cmp, reason = "the times are whole milliseconds")]

    use std::time::Duration;

    use jiff::Timestamp;

    use super::Budget;
    use crate::answer::tests::answer;
    use crate::draft::tests::{read, scope};
    use crate::{RateLimit, quotas};

    fn budget(yaml: &str) -> Budget {
        read::<RateLimit>(yaml).budget(&scope("{}")).unwrap()
    }

    fn at(seconds: f64) -> Timestamp {
        let start: Timestamp = "2025-03-01T10:00:00Z".parse().unwrap();
        start.checked_add(Duration::from_secs_f64(seconds)).unwrap()
    }

    fn wait(budget: &mut Budget, now: f64) -> f64 {
        (budget.hold(1, at(now)).longest().as_secs_f64() * 1000.0).round() / 1000.0
    }

    /// Sends as fast as the budget lets it, and returns when each request was sent.
    fn sent(yaml: &str, requests: usize) -> Vec<f64> {
        let limit: RateLimit = read(yaml);
        let (mut budget, cost) = (limit.budget(&scope("{}")).unwrap(), limit.cost(&scope("{}")).unwrap());
        let mut now = at(0.0);
        let mut times = Vec::new();
        while times.len() < requests {
            let wait = budget.hold(cost, now).longest();
            now = now.checked_add(wait).unwrap();
            if wait.is_zero() {
                budget.take(cost, now);
                times.push(now.duration_since(at(0.0)).as_secs_f64());
            }
        }
        times
    }

    #[test]
    fn never_sends_more_in_any_period_than_the_rate_says() {
        let times = sent("{rate: 10/5s}", 45);
        assert_eq!(times.iter().filter(|time| **time < 5.0).count(), 10);
        for start in &times {
            assert!(times.iter().filter(|time| *time >= start && **time < start + 5.0).count() <= 10);
        }
        assert_eq!(times.last().map(|last| last.floor()), Some(20.0));
    }

    #[test]
    fn a_bucket_lets_a_burst_through_and_then_the_rate() {
        assert_eq!(sent("{rate: 2/1s, burst: 4}", 8), [0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.5, 2.0]);
        let mut full = budget("{rate: 2/1s, burst: 4}");
        (0..4).for_each(|_| _ = full.take(1, at(0.0)));
        assert_eq!(wait(&mut full, 100.0), 0.0);
        (0..4).for_each(|_| _ = full.take(1, at(100.0)));
        assert_eq!(wait(&mut full, 100.0), 0.5);
        assert!(!full.is_idle(at(101.0)));
        assert!(full.is_idle(at(102.0)));
    }

    #[test]
    fn a_request_may_cost_more_than_one() {
        assert_eq!(sent("{rate: 10/1s, cost: 5}", 4), [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(sent("{rate: 10/1s, cost: 50}", 3), [0.0, 1.0, 2.0]);
        assert_eq!(sent("{rate: 10/1s, burst: 10, cost: 50}", 3), [0.0, 1.0, 2.0]);
        assert_eq!(sent("{rate: 1/1s, cost: 0}", 3), [0.0, 0.0, 0.0]);
    }

    #[test]
    fn slows_down_before_the_api_refuses() {
        let limit: RateLimit = read("{remaining: header.X-Left, reset: header.X-Reset}");
        let mut budget = limit.budget(&scope("{}")).unwrap();
        let learn = |budget: &mut Budget, text: &str, mark: u64, now: f64| {
            let quotas = limit.quotas(&answer(text), &scope("{}"), at(now)).unwrap().unwrap();
            budget.learn(&quotas, mark, at(now));
        };
        assert_eq!(wait(&mut budget, 0.0), 0.0);
        let mark = budget.take(1, at(0.0));
        learn(&mut budget, "200\nX-Left: 2\nX-Reset: 60", mark, 0.0);
        // There are few left: not all at once.
        assert_eq!(wait(&mut budget, 0.25), 0.75);
        let first = budget.take(1, at(1.0));
        let second = budget.take(1, at(2.0));
        assert_eq!(wait(&mut budget, 2.0), 58.0);
        learn(&mut budget, "200\nX-Left: 0\nX-Reset: 58", second, 2.0);
        // An answer that was overtaken does not make it more.
        learn(&mut budget, "200\nX-Left: 1\nX-Reset: 58", first, 2.0);
        assert_eq!(wait(&mut budget, 2.0), 58.0);
        assert_eq!(wait(&mut budget, 60.0), 0.0);
        let mark = budget.take(1, at(60.0));
        learn(&mut budget, "200\nX-Left: 0\nX-Reset: 1740823380", mark, 60.0);
        assert_eq!(budget.hold(1, at(60.0)).said, Duration::from_mins(2));
        learn(&mut budget, "200", mark, 200.0);
        assert_eq!(wait(&mut budget, 200.0), 0.0);
        assert!(budget.is_idle(at(200.0)));
    }

    #[test]
    fn what_was_sent_meanwhile_is_not_left() {
        let mut budget = Budget::of_answers();
        let marks: Vec<u64> = (0..4).map(|_| budget.take(1, at(0.0))).collect();
        let left =
            |left: u64| quotas(&answer(&format!("200\nX-RateLimit-Remaining: {left}\nX-RateLimit-Reset: 60")), at(1.0));
        budget.learn(&left(3), marks[0], at(1.0));
        assert_eq!(wait(&mut budget, 1.0), 60.0);
        // The newest answer says that there is more than was thought.
        budget.learn(&left(500), marks[3], at(1.0));
        assert_eq!(wait(&mut budget, 1.0), 0.0);
        budget.learn(&left(2), marks[1], at(1.0));
        assert_eq!(wait(&mut budget, 1.0), 60.0);
    }

    #[test]
    fn the_last_tenth_is_spread_over_the_time_that_is_left() {
        let mut budget = Budget::of_answers();
        let said = |left: u64, reset: u64| {
            let headers = format!("X-RateLimit-Limit: 100\nX-RateLimit-Remaining: {left}\nX-RateLimit-Reset: {reset}");
            quotas(&answer(&format!("200\n{headers}")), at(0.0))
        };
        let mark = budget.take(1, at(0.0));
        budget.learn(&said(11, 600), mark, at(0.0));
        assert_eq!(wait(&mut budget, 0.0), 0.0);
        budget.learn(&said(9, 600), mark, at(0.0));
        assert_eq!(wait(&mut budget, 0.0), 1.0);
        budget.learn(&said(9, 5), mark, at(0.0));
        assert_eq!(wait(&mut budget, 0.0), 0.5);
        assert_eq!(wait(&mut budget, 1.0), 0.0);
        // Few that last for a while are not held back.
        assert_eq!(budget.hold(0, at(0.0)).longest(), Duration::ZERO);
    }

    #[test]
    fn knows_several_limits_but_not_endlessly_many() {
        let mut budget = Budget::of_answers();
        let mark = budget.take(1, at(0.0));
        let field = "200\nRateLimit: \"burst\";r=0;t=1, \"day\";r=90;t=80000";
        budget.learn(&quotas(&answer(field), at(0.0)), mark, at(0.0));
        assert_eq!(wait(&mut budget, 0.0), 1.0);
        assert_eq!(wait(&mut budget, 1.0), 0.0);
        for number in 0..1000 {
            let field = format!("200\nRateLimit: \"n{number}\";r=0;t=999999999999999");
            budget.learn(&quotas(&answer(&field), at(1.0)), mark, at(1.0));
            let field = format!("200\nRateLimit: \"n{number}\";r=0;t=10");
            budget.learn(&quotas(&answer(&field), at(1.0)), mark, at(1.0));
        }
        assert!(budget.said.len() <= super::MOST);
        assert_eq!(wait(&mut budget, 1.0), 10.0);
    }

    #[test]
    fn a_place_may_hold_the_standards_field() {
        let limit: RateLimit = read("{remaining: header.X-Quota}");
        let found = limit.quotas(&answer("200\nX-Quota: \"a\";r=1;t=2"), &scope("{}"), at(0.0)).unwrap().unwrap();
        assert_eq!(
            found.iter().map(|quota| (quota.left, quota.reset)).collect::<Vec<_>>(),
            [(Some(1), Some(Duration::from_secs(2)))]
        );
        assert_eq!(read::<RateLimit>("{rate: 1/1s}").quotas(&answer("200"), &scope("{}"), at(0.0)).unwrap(), None);
    }

    #[test]
    fn pauses_when_the_api_says_so() {
        let mut budget = budget("{rate: 10/1s}");
        budget.pause(Duration::from_secs(30), at(0.0));
        budget.pause(Duration::from_secs(5), at(1.0));
        assert_eq!(budget.hold(1, at(10.0)).refused, Duration::from_secs(20));
        assert_eq!(wait(&mut budget, 30.0), 0.0);
        budget.pause(Duration::MAX, at(30.0));
        assert!(budget.hold(1, at(30.0)).refused > Duration::from_hours(24 * 365));
    }
}
