//! A challenge and a digest (RFC 7616).

use engine_expr::Template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Method;

/// Answers the server's challenge with a digest of a user name and a password (RFC 7616).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "digest auth", deny_unknown_fields)]
#[schemars(rename = "DigestAuth")]
pub struct DigestAuth {
    /// The user name.
    pub username: Template,
    /// The password.
    pub password: Template,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}
