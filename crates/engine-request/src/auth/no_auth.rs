//! No proof.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Method;

/// Proves nothing. The same as `auth: none`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "none auth", deny_unknown_fields)]
#[schemars(rename = "NoAuth")]
pub struct NoAuth {
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}
