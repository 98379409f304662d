//! Events with a token in the `Authorization` header.

use engine_expr::Template;
use engine_request::OneOrMany;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes events with a token in the `Authorization` header.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "bearer verify", deny_unknown_fields)]
#[schemars(rename = "BearerVerify")]
pub struct BearerVerify {
    /// The token, or a list while one is rotated.
    pub secret: OneOrMany<Template>,
}
