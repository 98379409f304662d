//! Events with Slack's `X-Slack-Signature` header.

use engine_expr::{Setting, Template};
use engine_request::{OneOrMany, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes events with Slack's `X-Slack-Signature` header.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "slack verify", deny_unknown_fields)]
#[schemars(rename = "SlackVerify")]
pub struct SlackVerify {
    /// The shared secret, or a list while one is rotated.
    pub secret: OneOrMany<Template>,
    /// How old its timestamp may be; `5m` if not given.
    pub tolerance: Option<Setting<Period>>,
}
