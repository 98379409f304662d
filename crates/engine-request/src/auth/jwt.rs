//! A JSON Web Token that is signed here (RFC 7519).

use engine_expr::{Dynamic, Setting, Template};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Method, Period, Place};

/// Sends a JSON Web Token that is signed here (RFC 7519).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "jwt auth", deny_unknown_fields)]
#[schemars(rename = "JwtAuth")]
pub struct JwtAuth {
    /// How it is signed.
    pub algorithm: JwtAlgorithm,
    /// The key: the shared one, or the private one in PEM form.
    pub key: Template,
    /// What it claims; `iat` and `exp` are added.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub claims: Map<Dynamic>,
    /// Members of its header, such as `kid`; `alg` and `typ` are added.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub header: Map<Dynamic>,
    /// How long one is valid; `5m` if not given.
    pub lifetime: Option<Setting<Period>>,
    /// Where it is sent; after `Bearer` in `header.Authorization` if not given.
    #[serde(rename = "in")]
    pub place: Option<Place>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

/// How a JSON Web Token is signed (RFC 7518 §3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "algorithm")]
#[schemars(rename = "JwtAlgorithm")]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// HMAC with SHA-384.
    #[serde(rename = "HS384")]
    Hs384,
    /// HMAC with SHA-512.
    #[serde(rename = "HS512")]
    Hs512,
    /// RSA (PKCS #1 v1.5) with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSA (PKCS #1 v1.5) with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSA (PKCS #1 v1.5) with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// ECDSA on P-521 with SHA-512.
    #[serde(rename = "ES512")]
    Es512,
    /// RSA (PSS) with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSA (PSS) with SHA-384.
    #[serde(rename = "PS384")]
    Ps384,
    /// RSA (PSS) with SHA-512.
    #[serde(rename = "PS512")]
    Ps512,
    /// Ed25519 or Ed448.
    #[serde(rename = "EdDSA")]
    EdDsa,
}
