//! Events with Stripe's `Stripe-Signature` header.

use engine_expr::{Setting, Template};
use engine_request::{OneOrMany, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes events with Stripe's `Stripe-Signature` header.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "stripe verify", deny_unknown_fields)]
#[schemars(rename = "StripeVerify")]
pub struct StripeVerify {
    /// The shared secret, or a list while one is rotated.
    pub secret: OneOrMany<Template>,
    /// How old its timestamp may be; `5m` if not given.
    pub tolerance: Option<Setting<Period>>,
}
