//! Whether and when a request is sent again: a decision about one attempt, without a clock of its own.

use std::time::Duration;

use engine_expr::{EvalError, Scope};
use jiff::Timestamp;

use crate::wait::{asked_wait, wait_of};
use crate::{Answer, AnswerPlace, Method, Period, RetryOn, StatusPattern};

/// A [`Retry`] whose settings are known.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    pub(crate) attempts: u32,
    pub(crate) initial: Duration,
    pub(crate) max: Duration,
    pub(crate) multiplier: f64,
    pub(crate) jitter: bool,
    /// What the spec says; the defaults know methods too.
    pub(crate) on: Option<Vec<RetryOn>>,
    pub(crate) wait_from: Option<AnswerPlace>,
    pub(crate) max_elapsed: Duration,
}

/// An attempt that did not succeed.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// How long all attempts so far took, and the waits between them; not what it waited for its turn.
    pub elapsed: Duration,
    /// The method of the request.
    pub method: Method,
    /// Whether the request carries an idempotency key.
    pub has_key: bool,
}

/// What an attempt ended with.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// An answer.
    Answer(&'a Answer),
    /// No connection could be made, so that nothing was sent.
    Connect,
    /// The connection broke after something was sent: nobody knows whether it was done.
    Broken,
    /// No answer came in time: nobody knows whether it was done.
    Timeout,
}

/// What to do after an attempt that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send again after this wait.
    After(Duration),
    /// It is over.
    GiveUp(GiveUp),
}

/// Why a request is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// Such an outcome is not retried.
    NotRetried,
    /// It might be done twice: the method changes something and there is no idempotency key.
    MightRepeat,
    /// So many attempts were made.
    Attempts(u32),
    /// The next wait would go beyond `max_elapsed`.
    TooLong {
        /// The wait.
        wait: Duration,
        /// What all attempts may take together.
        max_elapsed: Duration,
    },
}

/// The statuses that are retried with nothing written.
const STATUSES: [u16; 7] = [408, 425, 429, 500, 502, 503, 504];

impl RetryPolicy {
    /// Returns how long all attempts may take together, and how long an API may be away.
    pub fn max_elapsed(&self) -> Duration {
        self.max_elapsed
    }

    /// Returns after what to send again, where the spec says so.
    pub fn on(&self) -> Option<&[RetryOn]> {
        self.on.as_deref()
    }

    /// Decides about an attempt that did not succeed. `random` is any number, for the jitter.
    ///
    /// # Errors
    ///
    /// Fails where the template of `wait_from` does.
    pub fn decide(
        &self,
        attempt: &Attempt,
        outcome: Outcome<'_>,
        scope: &Scope,
        now: Timestamp,
        random: u64,
    ) -> Result<Decision, EvalError> {
        if let Some(reason) = self.refusal(attempt, outcome) {
            return Ok(Decision::GiveUp(reason));
        }
        self.after(attempt, outcome, None, scope, now, random)
    }

    /// Decides about an attempt that an error rule says to retry: whatever the method and outcome.
    ///
    /// # Errors
    ///
    /// Fails where the template of `wait_from` does.
    pub fn again(
        &self,
        attempt: &Attempt,
        outcome: Outcome<'_>,
        wait: Option<Duration>,
        scope: &Scope,
        now: Timestamp,
        random: u64,
    ) -> Result<Decision, EvalError> {
        self.after(attempt, outcome, wait, scope, now, random)
    }

    /// Returns why such an outcome is not retried.
    fn refusal(&self, attempt: &Attempt, outcome: Outcome<'_>) -> Option<GiveUp> {
        let is_on = |on: &RetryOn| match (on, outcome) {
            (RetryOn::Status(pattern), Outcome::Answer(answer)) => pattern.matches(answer.status),
            (RetryOn::Timeout, Outcome::Timeout) => true,
            (RetryOn::Connect, Outcome::Connect | Outcome::Broken) => true,
            _ => false,
        };
        if let Some(on) = &self.on {
            // What was written for this very outcome is obeyed, except where a broken connection hides behind `connect`.
            let hidden = matches!(outcome, Outcome::Broken) && !may_repeat(attempt);
            return match (on.iter().any(is_on), hidden) {
                (false, _) => Some(GiveUp::NotRetried),
                (true, true) => Some(GiveUp::MightRepeat),
                (true, false) => None,
            };
        }
        let statuses = STATUSES.map(|status| RetryOn::Status(StatusPattern::one(status)));
        if !statuses.iter().chain(&[RetryOn::Timeout, RetryOn::Connect]).any(is_on) {
            return Some(GiveUp::NotRetried);
        }
        let was_not_done = match outcome {
            Outcome::Connect => true,
            Outcome::Answer(answer) => answer.status == 429,
            Outcome::Broken | Outcome::Timeout => false,
        };
        (!was_not_done && !may_repeat(attempt)).then_some(GiveUp::MightRepeat)
    }

    fn after(
        &self,
        attempt: &Attempt,
        outcome: Outcome<'_>,
        wait: Option<Duration>,
        scope: &Scope,
        now: Timestamp,
        random: u64,
    ) -> Result<Decision, EvalError> {
        if attempt.number >= self.attempts {
            return Ok(Decision::GiveUp(GiveUp::Attempts(attempt.number)));
        }
        let wait = match (wait, outcome) {
            (Some(wait), _) => wait,
            // A time that has passed says nothing: sending at once, attempt after attempt, would not help.
            (None, Outcome::Answer(answer)) => {
                let asked = self.asked(answer, scope, now)?.filter(|wait| !wait.is_zero());
                asked.unwrap_or_else(|| self.backoff(attempt.number, random))
            }
            (None, _) => self.backoff(attempt.number, random),
        };
        Ok(if attempt.elapsed.saturating_add(wait) > self.max_elapsed {
            Decision::GiveUp(GiveUp::TooLong { wait, max_elapsed: self.max_elapsed })
        } else {
            Decision::After(wait)
        })
    }

    /// Returns how long an answer asks to wait: where `wait_from` says, or in the headers that everybody knows.
    ///
    /// # Errors
    ///
    /// Fails where the template of `wait_from` does.
    pub fn asked(&self, answer: &Answer, scope: &Scope, now: Timestamp) -> Result<Option<Duration>, EvalError> {
        if let Some(place) = &self.wait_from
            && let Some(wait) = place.take(answer, scope)?.and_then(|value| wait_of(&value, now))
        {
            return Ok(Some(wait));
        }
        Ok(asked_wait(answer, now))
    }

    /// Returns how long to wait if the answer does not say.
    fn backoff(&self, attempt: u32, random: u64) -> Duration {
        let power = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let factor = self.multiplier.max(0.0).powi(power);
        let longest = Duration::try_from_secs_f64(self.initial.as_secs_f64() * factor)
            .map_or(self.max, |wait| wait.min(self.max));
        if !self.jitter {
            return longest;
        }
        // 32 bits of it are enough for a part of a minute.
        let part = f64::from(u32::try_from(random >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        longest.mul_f64(part)
    }
}

impl GiveUp {
    /// Says in a sentence why it is over; nothing where no attempt was expected.
    pub fn reason(self) -> Option<String> {
        let shown = |length: Duration| {
            Period::new(Duration::from_secs(length.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)))
        };
        match self {
            Self::NotRetried => None,
            Self::MightRepeat => Some("it was not sent again, since it might be done twice".to_owned()),
            Self::Attempts(1) => None,
            Self::Attempts(number) => Some(format!("it was sent {number} times")),
            Self::TooLong { wait, max_elapsed } => Some(format!(
                "the next attempt would have to wait {}, and all may take {} together",
                shown(wait),
                Period::new(max_elapsed)
            )),
        }
    }

    /// Says what to do about it.
    pub fn help(self) -> Option<&'static str> {
        match self {
            Self::NotRetried => None,
            Self::MightRepeat => Some(
                "add `idempotency: {in: header.Idempotency-Key}` if the API knows such keys, or an `errors` rule with `action: retry`",
            ),
            Self::Attempts(_) => Some("raise `attempts` of `retry` if the API needs longer"),
            Self::TooLong { .. } => Some("raise `max_elapsed` of `retry` to wait that long"),
        }
    }
}

/// Returns whether sending the request again can do no harm.
fn may_repeat(attempt: &Attempt) -> bool {
    attempt.has_key || attempt.method.is_idempotent()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use super::{Attempt, Decision, GiveUp, Outcome};
    use crate::answer::tests::answer;
    use crate::draft::tests::{read, scope};
    use crate::{Method, Retry};

    const HALF: u64 = u64::MAX / 2;

    fn decide(yaml: &str, method: Method, number: u32, outcome: &str) -> String {
        let retry: Retry = read(yaml);
        let policy = retry.resolve(&scope("{}")).unwrap();
        let now = "2025-03-01T10:00:00Z".parse().unwrap();
        let (outcome, has_key) = outcome.strip_suffix(" key").map_or((outcome, false), |outcome| (outcome, true));
        let attempt = Attempt { number, elapsed: Duration::from_secs(10), method, has_key };
        let received;
        let outcome = match outcome {
            "connect" => Outcome::Connect,
            "broken" => Outcome::Broken,
            "timeout" => Outcome::Timeout,
            text => {
                received = answer(text);
                Outcome::Answer(&received)
            }
        };
        match policy.decide(&attempt, outcome, &scope("{}"), now, HALF).unwrap() {
            Decision::After(wait) => format!("{wait:.2?}"),
            Decision::GiveUp(GiveUp::NotRetried) => "no".to_owned(),
            Decision::GiveUp(GiveUp::MightRepeat) => "twice".to_owned(),
            Decision::GiveUp(GiveUp::Attempts(number)) => format!("{number} attempts"),
            Decision::GiveUp(GiveUp::TooLong { wait, max_elapsed }) => format!("{wait:?} > {max_elapsed:?}"),
        }
    }

    #[test]
    fn the_defaults_know_statuses() {
        for status in ["408", "425", "429", "500", "502", "503", "504", "connect", "broken", "timeout"] {
            assert_eq!(decide("{}", Method::Get, 1, status), "250.00ms", "{status}");
        }
        for status in ["400", "401", "403", "404", "409", "422", "501", "505", "301", "200"] {
            assert_eq!(decide("{}", Method::Get, 1, status), "no", "{status}");
        }
    }

    #[test]
    fn what_changes_something_is_not_done_twice() {
        for method in [Method::Post, Method::Patch, Method::Merge] {
            for outcome in ["500", "503", "timeout", "broken", "408", "425"] {
                assert_eq!(decide("{}", method, 1, outcome), "twice", "{method} {outcome}");
                assert_eq!(decide("{}", method, 1, &format!("{outcome} key")), "250.00ms", "{method} {outcome}");
            }
            for outcome in ["429", "connect"] {
                assert_eq!(decide("{}", method, 1, outcome), "250.00ms", "{method} {outcome}");
            }
        }
        for method in [Method::Put, Method::Delete, Method::Get, Method::Query] {
            assert_eq!(decide("{}", method, 1, "timeout"), "250.00ms", "{method}");
        }
    }

    #[test]
    fn what_is_written_is_obeyed() {
        let yaml = "{on: [5xx, timeout, connect]}";
        assert_eq!(decide(yaml, Method::Get, 1, "501"), "250.00ms");
        assert_eq!(decide(yaml, Method::Get, 1, "429"), "no");
        assert_eq!(decide(yaml, Method::Post, 1, "501"), "250.00ms");
        assert_eq!(decide(yaml, Method::Post, 1, "timeout"), "250.00ms");
        assert_eq!(decide(yaml, Method::Post, 1, "broken"), "twice");
        assert_eq!(decide("{on: []}", Method::Get, 1, "503"), "no");
    }

    #[test]
    fn waits_longer_each_time() {
        let waits: Vec<String> = (1..=5).map(|number| decide("{}", Method::Get, number, "503")).collect();
        assert_eq!(waits, ["250.00ms", "500.00ms", "1.00s", "2.00s", "5 attempts"]);
        let yaml = "{attempts: 100, backoff: {initial: 1s, max: 5s, multiplier: 3, jitter: false}}";
        let waits: Vec<String> = [1, 2, 3, 99].map(|number| decide(yaml, Method::Get, number, "503")).to_vec();
        assert_eq!(waits, ["1.00s", "3.00s", "5.00s", "5.00s"]);
        assert_eq!(decide("{attempts: 1}", Method::Get, 1, "503"), "1 attempts");
    }

    #[test]
    fn obeys_what_the_answer_says() {
        let cases = [
            (
                "503
Retry-After: 7",
                "7.00s",
            ),
            (
                "429
Retry-After: Sat, 01 Mar 2025 10:01:00 GMT",
                "60.00s",
            ),
            (
                "429
Retry-After: 1740823230",
                "30.00s",
            ),
            (
                "429
Retry-After: soon",
                "250.00ms",
            ),
            (
                "429
X-RateLimit-Reset: 1740823230",
                "30.00s",
            ),
            (
                "429
X-RateLimit-Reset: 30",
                "30.00s",
            ),
            (
                "429
RateLimit-Reset: 5
X-RateLimit-Reset: 30",
                "5.00s",
            ),
            (
                "429
Retry-After: 3
X-RateLimit-Reset: 30",
                "3.00s",
            ),
            (
                "503
X-RateLimit-Remaining: 4999
X-RateLimit-Reset: 30",
                "250.00ms",
            ),
            (
                "503
X-RateLimit-Remaining: 0
X-RateLimit-Reset: 30",
                "30.00s",
            ),
            (
                "429
Retry-After: 3600",
                "3600s > 600s",
            ),
            (
                "429
Retry-After: 99999999999999999999",
                "250.00ms",
            ),
            (
                "429
Retry-After: 900000000",
                "900000000s > 600s",
            ),
            (
                "429
Retry-After: -5",
                "250.00ms",
            ),
            (
                "429
Retry-After: NaN",
                "250.00ms",
            ),
            (
                "429
Retry-After: 1.5",
                "1.50s",
            ),
            (
                "429
Retry-After-Ms: 1500",
                "1.50s",
            ),
            (
                "429
RateLimit: \"default\";r=0;t=9",
                "9.00s",
            ),
            (
                "429
RateLimit: limit=10, remaining=0, reset=8",
                "8.00s",
            ),
            (
                "429
RateLimit: \"hour\";r=0;t=7, \"day\";r=90;t=50000",
                "7.00s",
            ),
            (
                "503
RateLimit: \"hour\";r=3;t=7",
                "250.00ms",
            ),
        ];
        for (answer, expected) in cases {
            assert_eq!(decide("{}", Method::Get, 1, answer), expected, "{answer}");
        }
        let yaml = "{wait_from: header.X-Reset-At, max_elapsed: 2h}";
        assert_eq!(
            decide(
                yaml,
                Method::Get,
                1,
                "429
X-Reset-At: 1740826800
Retry-After: 1"
            ),
            "3600.00s"
        );
        assert_eq!(
            decide(
                yaml,
                Method::Get,
                1,
                "429
Retry-After: 1"
            ),
            "1.00s"
        );
        assert_eq!(
            decide(
                "{wait_from: $.retry_in}",
                Method::Get,
                1,
                "429

{\"retry_in\": 4}"
            ),
            "4.00s"
        );
    }
}
