//! What must be true of an answer.

use engine_expr::Setting;
use engine_request::{OneOrMany, StatusPattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{JsonSchemaSource, Rule};

/// What must be true of the answer of a call; otherwise the item fails.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "expect", deny_unknown_fields)]
#[schemars(rename = "Expect")]
pub struct Expect {
    /// The statuses that it may have, such as `2xx`, or a list of such.
    pub status: Option<OneOrMany<Setting<StatusPattern>>>,
    /// A JSON Schema of its body, or the path of a file with one.
    pub schema: Option<JsonSchemaSource>,
    /// Conditions over `response` that must hold.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<Rule>>")]
    pub rules: Vec<Rule>,
}
