//! When a request is sent again.

use engine_expr::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AnswerPlace, Period, RetryOn};

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
    /// `Retry-After`, `RateLimit-Reset` and `X-RateLimit-Reset` are obeyed without it.
    pub wait_from: Option<AnswerPlace>,
    /// How long all attempts may take together; `10m` if not given.
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
