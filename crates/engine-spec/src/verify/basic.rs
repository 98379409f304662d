//! Events with a user name and a password in the `Authorization` header.

use engine_expr::Template;
use engine_request::OneOrMany;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes events with a user name and a password in the `Authorization` header.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "basic verify", deny_unknown_fields)]
#[schemars(rename = "BasicVerify")]
pub struct BasicVerify {
    /// The user name and the password, with a colon between, or a list while one is rotated.
    pub secret: OneOrMany<Template>,
}
