//! Which redirects are followed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which redirects are followed, ten in a row at most; another origin gets no credentials. What changes something is sent again only by 307 and
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
