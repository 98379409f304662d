//! A signature over the request with a shared key.

use engine_expr::{Dynamic, Template};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{HashAlgorithm, Method, Place};

/// Signs every request with a shared key (RFC 2104).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "hmac auth", deny_unknown_fields)]
#[schemars(rename = "HmacAuth")]
pub struct HmacAuth {
    /// The hash function; `sha256` if not given.
    pub algorithm: Option<HashAlgorithm>,
    /// The shared key.
    pub key: Template,
    /// What is signed, over `request`: `method`, `path`, `query`, `headers`, `body`, `timestamp`, `nonce`.
    pub message: Template,
    /// How the signature is written; `hex` if not given.
    pub encoding: Option<SignatureEncoding>,
    /// Where the signature is sent, such as `header.X-Signature`.
    #[serde(rename = "in")]
    pub place: Place,
    /// Headers to send with it, over the same names and `signature`, such as `{X-Timestamp: "{{ request.timestamp }}"}`.
    #[serde(default, deserialize_with = "crate::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub headers: Map<Dynamic>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

/// How the bytes of a signature are written as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "encoding of the signature", rename_all = "snake_case")]
#[schemars(rename = "SignatureEncoding")]
pub enum SignatureEncoding {
    /// Two small hexadecimal digits for each byte.
    #[default]
    Hex,
    /// Base64 with padding (RFC 4648 §4).
    Base64,
}
