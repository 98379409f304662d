//! Answers of endpoints in a test.

use engine_expr::Setting;
use engine_request::{Group, Status, Text, exclusive, groups_schema};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Literal;

const GROUPS: &[Group] = &[Group::at_most_one(&["json", "text", "file", "timeout"])];

/// An answer of an endpoint in a test.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "an answer", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "Answer", transform = groups_schema(GROUPS))]
pub struct Answer {
    /// Its status; 200 if not given.
    pub status: Option<Setting<Status>>,
    /// Its headers.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<String>>")]
    pub headers: Map<String>,
    /// Its body, as JSON.
    #[serde(default, deserialize_with = "engine_request::given")]
    #[schemars(with = "Literal")]
    pub json: Option<Literal>,
    /// Its body, as it is.
    pub text: Option<String>,
    /// The file that has its body; the path is relative to the spec.
    pub file: Option<Text>,
    /// True if no answer comes in time.
    pub timeout: Option<bool>,
}

exclusive!(Answer, "an answer", GROUPS);
