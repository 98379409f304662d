//! A challenge and a digest (RFC 7616).

use std::sync::atomic::AtomicU32;

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

/// What a server asks for before it lets somebody in (RFC 7616 §3.3).
#[derive(Debug, Default)]
pub struct Challenge {
    /// How often its nonce was used.
    pub(crate) used: AtomicU32,
}

impl Challenge {
    /// Reads the values of the `WWW-Authenticate` headers of an answer; nothing where none of them is one that can be answered.
    pub fn parse<'h>(_headers: impl IntoIterator<Item = &'h str>) -> Option<Self> {
        None
    }
}
