//! Runs that someone starts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Runs when someone says `engine run`, or asks the API of `engine serve` to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "manual trigger", deny_unknown_fields)]
#[schemars(rename = "ManualTrigger")]
pub struct ManualTrigger {}
