//! How connections are secured.

use engine_expr::Template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How connections to the API are secured: the paths of files in PEM form, relative to the spec, or their content, as from a secret.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "tls", deny_unknown_fields)]
#[schemars(rename = "Tls")]
pub struct Tls {
    /// The file of the authority that is trusted in addition to the public ones.
    pub ca: Option<Template>,
    /// The file of the client's certificate, with those that lead to its authority after it.
    pub cert: Option<Template>,
    /// The file of the client's private key, which is not encrypted; it may also be in the file of `cert`.
    pub key: Option<Template>,
}
