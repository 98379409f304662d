//! A user name and a password (RFC 7617).

use engine_expr::Template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Method;

/// Sends a user name and a password in the `Authorization` header (RFC 7617).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "basic auth", deny_unknown_fields)]
#[schemars(rename = "BasicAuth")]
pub struct BasicAuth {
    /// The user name.
    pub username: Template,
    /// The password; empty if not given.
    pub password: Option<Template>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}
