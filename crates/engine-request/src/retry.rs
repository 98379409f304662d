//! When a request is sent again.

use std::time::Duration;

use engine_expr::{EvalError, Scope, Setting};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AnswerPlace, Period, RetryOn, RetryPolicy};

/// When a request is sent again, and how long to wait before.
///
/// With nothing written, connect errors, timeouts, 408, 425, 429, 500, 502, 503 and 504 are tried 5 times with exponential
/// backoff, within 10 minutes; a POST or PATCH only after a connect error or a 429, or where it has an idempotency key.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "retry", deny_unknown_fields)]
#[schemars(rename = "Retry")]
pub struct Retry {
    /// How often a request is sent at most, the first time included; 5 if not given.
    pub attempts: Option<Setting<u32>>,
    /// How long to wait between two attempts.
    pub backoff: Option<Backoff>,
    /// After what to send again; `[408, 425, 429, 500, 502, 503, 504, timeout, connect]` if not given.
    pub on: Option<Vec<Setting<RetryOn>>>,
    /// Where the answer says when to send again, such as `header.X-Reset-At`: seconds, an epoch or a date.
    ///
    /// `Retry-After`, `RateLimit`, `RateLimit-Reset`, `X-RateLimit-Reset` and their like are obeyed without it.
    pub wait_from: Option<AnswerPlace>,
    /// How long all attempts may take together, and how long an API may be down; `10m` if not given.
    pub max_elapsed: Option<Setting<Period>>,
}

/// How long to wait between two attempts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "backoff", deny_unknown_fields)]
#[schemars(rename = "Backoff")]
pub struct Backoff {
    /// The wait after the first attempt; `500ms` if not given.
    pub initial: Option<Setting<Period>>,
    /// The longest wait; `60s` if not given.
    pub max: Option<Setting<Period>>,
    /// By what the wait grows each time; 2 if not given.
    pub multiplier: Option<Setting<f64>>,
    /// Waits a random part of the time, so that many clients do not come back at once; true if not given.
    pub jitter: Option<Setting<bool>>,
}

impl Retry {
    /// Evaluates the settings.
    ///
    /// # Errors
    ///
    /// Fails where a template does, or gives what is no duration, number or the like.
    pub fn resolve(&self, scope: &Scope) -> Result<RetryPolicy, EvalError> {
        let none = Backoff::default();
        let backoff = self.backoff.as_ref().unwrap_or(&none);
        let period = |setting: &Option<Setting<Period>>, default| {
            setting.as_ref().map_or(Ok(default), |setting| setting.resolve(scope).map(Period::duration))
        };
        Ok(RetryPolicy {
            attempts: self.attempts.as_ref().map_or(Ok(5), |setting| setting.resolve(scope))?,
            initial: period(&backoff.initial, Duration::from_millis(500))?,
            max: period(&backoff.max, Duration::from_mins(1))?,
            multiplier: backoff.multiplier.as_ref().map_or(Ok(2.0), |setting| setting.resolve(scope))?,
            jitter: backoff.jitter.as_ref().map_or(Ok(true), |setting| setting.resolve(scope))?,
            on: self.on.as_ref().map(|on| on.iter().map(|one| one.resolve(scope)).collect()).transpose()?,
            wait_from: self.wait_from.clone(),
            max_elapsed: period(&self.max_elapsed, Duration::from_mins(10))?,
        })
    }
}
