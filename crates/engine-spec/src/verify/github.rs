//! Events with GitHub's `X-Hub-Signature-256` header.

use engine_expr::Template;
use engine_request::OneOrMany;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes events with GitHub's `X-Hub-Signature-256` header.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "github verify", deny_unknown_fields)]
#[schemars(rename = "GitHubVerify")]
pub struct GitHubVerify {
    /// The shared secret, or a list while one is rotated.
    pub secret: OneOrMany<Template>,
}
