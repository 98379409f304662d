//! Events with a JSON Web Token.

use engine_expr::{Setting, Template};
use engine_request::auth::{JwtAlgorithm, KeyEncoding};
use engine_request::{Group, OneOrMany, Period, Place, Text, exclusive, groups_schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const GROUPS: &[Group] = &[Group::exactly_one(&["key", "jwks_url"])];

/// Takes events with a JSON Web Token (RFC 7519) that is signed and not over.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "jwt verify", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "JwtVerify", transform = groups_schema(GROUPS))]
pub struct JwtVerify {
    /// How it may be signed, such as `RS256`, or a list; a token with any other algorithm is refused.
    pub algorithms: OneOrMany<JwtAlgorithm>,
    /// The key: the shared one, or the public one in PEM form or as a JSON Web Key; or a list while one is rotated.
    pub key: Option<OneOrMany<Template>>,
    /// How a shared key is written; `text` if not given.
    pub key_encoding: Option<KeyEncoding>,
    /// Where the sender publishes its public keys, such as `https://example.com/.well-known/jwks.json`.
    pub jwks_url: Option<Template>,
    /// Who may have made it (`iss`), or a list; anybody with the key if not given.
    pub issuer: Option<OneOrMany<Template>>,
    /// Whom it has to be for (`aud`), or a list of which one is enough; anybody if not given.
    pub audience: Option<OneOrMany<Template>>,
    /// Where it is; `header.Authorization` if not given.
    #[serde(rename = "in")]
    pub place: Option<Place>,
    /// What stands before it; `Bearer` in `header.Authorization` if not given.
    pub prefix: Option<Text>,
    /// The claim that has the SHA-256 of the body in hex or base64, such as `request_body_sha256`; the body is not looked at if not given.
    pub body_hash: Option<Text>,
    /// By how much clocks may differ; `1m` if not given.
    pub tolerance: Option<Setting<Period>>,
}

exclusive!(JwtVerify, "jwt verify", GROUPS, without "type");
