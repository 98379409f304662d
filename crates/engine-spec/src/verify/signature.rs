//! Events that are signed with a private key, and known by the public one.

use engine_expr::{Setting, Template};
use engine_request::auth::SignatureAlgorithm;
use engine_request::{OneOrMany, Period, Place, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::EventPlace;

/// Takes events that are signed with a private key, and known by the public one.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "signature verify", deny_unknown_fields)]
#[schemars(rename = "SignatureVerify")]
pub struct SignatureVerify {
    /// How it is signed, such as `ed25519`.
    pub algorithm: SignatureAlgorithm,
    /// The public key (PEM, a JSON Web Key, or base64 or hex), or a list while one is rotated.
    pub key: OneOrMany<Template>,
    /// What is signed, over `trigger`, and `ts` where the time is known; `trigger.body_raw` if not given.
    pub signed: Option<Template>,
    /// Where the signature is, such as `header.X-Signature`.
    #[serde(rename = "in")]
    pub place: Place,
    /// How it is written, such as `{signature:hex}`; `{signature:base64}` if not given.
    pub format: Option<Text>,
    /// Where the time is that is signed with the event, such as `header.X-Timestamp`, if it is not in `format`.
    pub timestamp: Option<EventPlace>,
    /// How old its timestamp may be; `5m` if not given.
    pub tolerance: Option<Setting<Period>>,
}
