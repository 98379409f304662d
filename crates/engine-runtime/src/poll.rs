//! Asking again and again until an answer is the one that is waited for: when to ask next, and when to give up. Sends nothing itself.

use std::time::Duration;

use engine_expr::{EvalError, Scope};
use engine_plan::Until;
use engine_request::{Needs, asked_wait};
use jiff::Timestamp;

use crate::exchange::Exchanged;
use crate::failure::Failure;
use crate::page::excerpt;

/// How long to wait between two calls, if the spec does not say.
const EVERY: Duration = Duration::from_secs(10);
/// How long to call again at most, if the spec does not say.
const TIMEOUT: Duration = Duration::from_hours(1);

/// A call that is repeated until a condition holds.
pub(crate) struct Poll<'p> {
    until: &'p Until,
    needs: Needs,
    every: Duration,
    timeout: Duration,
    started: Timestamp,
    /// How many answers came.
    answers: u64,
    /// Whether all answers are the same, so that waiting for another one is in vain.
    is_mocked: bool,
}

impl<'p> Poll<'p> {
    /// Begins with the first call.
    pub(crate) fn new(until: &'p Until, scope: &Scope, now: Timestamp, is_mocked: bool) -> Result<Self, EvalError> {
        let mut needs = Needs::default();
        needs.add_condition(&until.condition);
        let every = match &until.every {
            Some(every) => {
                let time = every.resolve(scope)?.duration();
                if time.is_zero() {
                    let error = EvalError::new("`every` is no time at all", every.span());
                    return Err(error.help("wait a while between two calls: `every: 5s`"));
                }
                time
            }
            None => EVERY,
        };
        let timeout = match &until.timeout {
            Some(timeout) => timeout.resolve(scope)?.duration(),
            None => TIMEOUT,
        };
        Ok(Self { until, needs, every, timeout, started: now, answers: 0, is_mocked })
    }

    /// Returns how many answers came so far.
    pub(crate) fn answers(&self) -> u64 {
        self.answers
    }

    /// Takes an answer: nothing where it is the one, else how long to wait before the next call.
    ///
    /// An answer may say itself how long (`Retry-After`); what is left of the time is waited for in any case, and then asked once more.
    pub(crate) fn take(
        &mut self,
        exchanged: &Exchanged,
        scope: &Scope,
        now: Timestamp,
    ) -> Result<Option<Duration>, Failure> {
        self.answers += 1;
        let mut scope = scope.with("response", exchanged.answer.to_value(&self.needs));
        if self.needs.has("request") {
            scope = scope.with("request", exchanged.request.to_value());
        }
        let status = exchanged.answer.status;
        let asked = format!("{} {}", exchanged.request.method, exchanged.request.shown_url);
        let holds = self.until.condition.test(&scope);
        if holds.map_err(|error| exchanged.told(error.into(), &format!("{asked} after status {status}")))? {
            return Ok(None);
        }
        let passed = Duration::try_from(now.duration_since(self.started)).unwrap_or_default();
        let left = self.timeout.saturating_sub(passed);
        let asks = asked_wait(&exchanged.answer, now);
        // An API that says `0` does not mean to be asked without a pause.
        let wait = asks.unwrap_or_default().max(self.every.min(left));
        if left.is_zero() || wait > left || self.is_mocked {
            return Err(self.given_up(exchanged, asks));
        }
        Ok(Some(wait))
    }

    fn given_up(&self, exchanged: &Exchanged, asks: Option<Duration>) -> Failure {
        let answers = if self.answers == 1 { "1 answer".to_owned() } else { format!("{} answers", self.answers) };
        let why = match asks {
            _ if self.is_mocked => "does not hold for the answer of the mock".to_owned(),
            Some(wait) if !wait.is_zero() => {
                format!("did not hold, and the API asks to wait {}, which is longer than is left", shown(wait))
            }
            _ => format!("did not hold within {} ({answers})", shown(self.timeout)),
        };
        let body = excerpt(&exchanged.answer.body);
        let text = format!("`until` {why}; the last answer was {} {body}", exchanged.answer.status);
        let asked = format!("{} {}", exchanged.request.method, exchanged.request.shown_url);
        let failure = Failure::new("timeout", text.trim_end(), self.until.condition.span());
        exchanged.told(failure, &asked).help(if self.is_mocked {
            "write an `example` of the answer that is waited for"
        } else {
            "give it more time with `timeout` beside `until`, or check what the condition asks for"
        })
    }
}

/// Writes a time as a spec does.
fn shown(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    }
}
