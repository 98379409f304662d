//! Runs of other specs' flows.

use engine_expr::Dynamic;
use engine_request::Text;
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A run of another spec's flow, whose last records are handed on.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "flow", deny_unknown_fields)]
#[schemars(rename = "Flow")]
pub struct Flow {
    /// The path of the spec, relative to this one.
    pub spec: Text,
    /// Its inputs.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub inputs: Map<Dynamic>,
}
