//! How connections are secured.

use engine_expr::Template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How connections to the API are secured. Paths are relative to the spec; files are in PEM form.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "tls", deny_unknown_fields)]
#[schemars(rename = "Tls")]
pub struct Tls {
    /// The file of the authority that is trusted in addition to the public ones.
    pub ca: Option<Template>,
    /// The file of the client's certificate.
    pub cert: Option<Template>,
    /// The file of the client's private key.
    pub key: Option<Template>,
}
