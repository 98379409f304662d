//! Which redirects are followed.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which redirects are followed; another origin gets no credentials. What changes something is sent again only by 307 and
/// 308, to the same origin; after 303 the result is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "redirects", rename_all = "snake_case")]
#[schemars(rename = "Redirects")]
pub enum Redirects {
    /// Those to the hosts of the API and to `allow_hosts`.
    #[default]
    Follow,
    /// Those to the same origin.
    SameOrigin,
    /// No redirect: its answer is taken as it is.
    None,
}

impl Redirects {
    /// How many in a row are followed, if the spec does not say.
    pub const MAX: u32 = 10;
    /// How many in a row a spec may allow.
    pub const COUNTS: RangeInclusive<u32> = 1..=1000;
}
