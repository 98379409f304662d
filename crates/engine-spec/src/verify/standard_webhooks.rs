//! Events with the `webhook-signature` header of Standard Webhooks.

use engine_expr::{Setting, Template};
use engine_request::{OneOrMany, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes events with the `webhook-signature` header of Standard Webhooks.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "standard_webhooks verify", deny_unknown_fields)]
#[schemars(rename = "StandardWebhooksVerify")]
pub struct StandardWebhooksVerify {
    /// The shared secret, or a list while one is rotated.
    pub secret: OneOrMany<Template>,
    /// How old its timestamp may be; `5m` if not given.
    pub tolerance: Option<Setting<Period>>,
}
