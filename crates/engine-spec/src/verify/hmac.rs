//! Events with a signature that is described part by part.

use engine_expr::{Setting, Template};
use engine_request::auth::KeyEncoding;
use engine_request::{HashAlgorithm, OneOrMany, Period, Place, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::EventPlace;

/// Takes events with a signature that is described part by part (RFC 2104).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "hmac verify", deny_unknown_fields)]
#[schemars(rename = "HmacVerify")]
pub struct HmacVerify {
    /// The hash function; `sha256` if not given.
    pub algorithm: Option<HashAlgorithm>,
    /// The shared secret, or a list while one is rotated.
    pub secret: OneOrMany<Template>,
    /// How the secret is written; `text` if not given.
    pub key_encoding: Option<KeyEncoding>,
    /// What is signed, over `trigger`, and `ts` where the time is known; `trigger.body_raw` if not given.
    pub signed: Option<Template>,
    /// Where the signature is, such as `header.X-Signature`.
    #[serde(rename = "in")]
    pub place: Place,
    /// How it is written, such as `t={ts},v1={signature:hex}`; `{signature:hex}` if not given.
    pub format: Option<Text>,
    /// Where the time is that is signed with the event, such as `header.X-Timestamp`, if it is not in `format`.
    pub timestamp: Option<EventPlace>,
    /// How old its timestamp may be; `5m` if not given.
    pub tolerance: Option<Setting<Period>>,
}
