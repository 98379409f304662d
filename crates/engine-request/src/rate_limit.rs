//! How fast requests may follow each other.

use engine_expr::Setting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AnswerPlace, OneOrMany, Rate, Removable, Text};

/// How fast requests may follow each other: one limit, a list of limits that all hold, or `none`.
pub type RateLimits = Removable<OneOrMany<RateLimit>>;

/// How fast requests may follow each other.
///
/// It is shared by all that talks to the API in this process. Headers such as `RateLimit` and `X-RateLimit-Remaining` slow it
/// down too, without a line in the spec.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "rate limit", deny_unknown_fields)]
#[schemars(rename = "RateLimit")]
pub struct RateLimit {
    /// How many requests in what time, such as `100/10s`.
    pub rate: Option<Setting<Rate>>,
    /// How many requests may come at once after a pause; the number of the rate if not given.
    pub burst: Option<Setting<u32>>,
    /// Where the answer says how many requests are left, such as `header.X-Quota-Left`; the usual headers are known without it.
    pub remaining: Option<AnswerPlace>,
    /// Where the answer says when there are more again, such as `header.X-RateLimit-Reset`.
    pub reset: Option<AnswerPlace>,
    /// The name of the bucket: endpoints of one group share it, and one of them says its rate.
    pub group: Option<Text>,
    /// Who shares the limit; `api` if not given.
    pub share: Option<Share>,
    /// How many requests one request counts as, params may say it; 1 if not given.
    pub cost: Option<Setting<u32>>,
}

/// Who shares a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "share", rename_all = "snake_case")]
#[schemars(rename = "Share")]
pub enum Share {
    /// All that talks to the API.
    #[default]
    Api,
    /// All that uses the same credential.
    Credential,
}
