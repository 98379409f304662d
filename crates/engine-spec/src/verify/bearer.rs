//! Events with a token, in the `Authorization` header or elsewhere.

use engine_expr::Template;
use engine_request::{OneOrMany, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Takes events with a token: after `Bearer` in the `Authorization` header, or by itself in another place.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "bearer verify", deny_unknown_fields)]
#[schemars(rename = "BearerVerify")]
pub struct BearerVerify {
    /// The token, or a list while one is rotated.
    pub secret: OneOrMany<Template>,
    /// Where the token stands by itself, such as `header.X-Gitlab-Token` or `body.value[0].clientState`; `Authorization: Bearer TOKEN` if not given.
    #[serde(rename = "in")]
    pub place: Option<Place>,
}
