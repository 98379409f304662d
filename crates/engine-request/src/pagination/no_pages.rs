//! A list in one page.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Reads one page. The same as `paginate: none`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "none pagination", deny_unknown_fields)]
#[schemars(rename = "NoPagination")]
pub struct NoPagination {}
