//! A signature as OAuth 1.0 asks for (RFC 5849).

use engine_expr::Template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Method;

/// Signs every request as OAuth 1.0 asks for (RFC 5849).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "oauth1 auth", deny_unknown_fields)]
#[schemars(rename = "OAuth1Auth")]
pub struct OAuth1Auth {
    /// The name of the application at the API.
    pub consumer_key: Template,
    /// The secret of the application; with `RSA-SHA1` its private key in PEM form.
    pub consumer_secret: Template,
    /// The token of the user.
    pub token: Option<Template>,
    /// The secret of the token.
    pub token_secret: Option<Template>,
    /// How the signature is made; `HMAC-SHA1` if not given.
    pub signature_method: Option<OAuth1Method>,
    /// The realm in the `Authorization` header.
    pub realm: Option<Template>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

/// How an OAuth 1.0 signature is made (RFC 5849 §3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "signature method")]
#[schemars(rename = "OAuth1Method")]
pub enum OAuth1Method {
    /// With SHA-1 and the shared secrets.
    #[default]
    #[serde(rename = "HMAC-SHA1")]
    HmacSha1,
    /// With SHA-256 and the shared secrets.
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
    /// With SHA-1 and a private key.
    #[serde(rename = "RSA-SHA1")]
    RsaSha1,
    /// The secrets themselves.
    #[serde(rename = "PLAINTEXT")]
    Plaintext,
}
