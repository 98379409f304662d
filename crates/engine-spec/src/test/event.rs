//! Events that start a run in a test.

use engine_request::{Method, Text};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Literal;

/// An event that starts a run in a test: what `trigger` is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "an event", deny_unknown_fields)]
#[schemars(rename = "Event")]
pub struct Event {
    /// The kind of trigger: `webhook`, `schedule` or `manual`; the spec's first trigger if not given. `wait`: it starts nothing, and is for a step that waits for an event.
    #[serde(rename = "type")]
    pub kind: Option<Text>,
    /// The method of the request.
    pub method: Option<Method>,
    /// Its body, as JSON.
    #[serde(default, deserialize_with = "engine_request::given")]
    #[schemars(with = "Literal")]
    pub body: Option<Literal>,
    /// Its body, as it is.
    pub body_raw: Option<String>,
    /// Whether it is signed as its sender does, by what the trigger says in `verify`; true if not given. Headers of its own with which a sender signs
    /// are left as they are.
    pub signed: Option<bool>,
    /// Its headers.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<String>>")]
    pub headers: Map<String>,
    /// The parameters of its query.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<String>>")]
    pub query: Map<String>,
    /// The names in its path.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<String>>")]
    pub path: Map<String>,
    /// When it came.
    pub time: Option<Text>,
}
