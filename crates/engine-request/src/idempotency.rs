//! Keys by which an API knows a request that it has already had.

use engine_expr::Template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Place;

/// Sends a key with every request that is the same on every attempt, so that the API does it once.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "idempotency", deny_unknown_fields)]
#[schemars(rename = "Idempotency")]
pub struct Idempotency {
    /// Where the key is sent, such as `header.Idempotency-Key`.
    #[serde(rename = "in")]
    pub place: Place,
    /// The key; derived from the run, the step and the record if not given.
    pub key: Option<Template>,
}
