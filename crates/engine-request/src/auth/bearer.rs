//! A token in the `Authorization` header (RFC 6750).

use engine_expr::Template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Method;

/// Sends a token in the `Authorization` header (RFC 6750).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "bearer auth", deny_unknown_fields)]
#[schemars(rename = "BearerAuth")]
pub struct BearerAuth {
    /// The token, such as `"{{ secrets.token }}"`.
    pub token: Template,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}
