//! What must come out of a test.

use engine_request::{OneOrMany, Text};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Requests;
use crate::Literal;

/// What must come out of a test. Objects match by the members given.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "expect", deny_unknown_fields)]
#[schemars(rename = "Expectation")]
pub struct Expectation {
    /// How the run ends.
    pub status: Option<TestStatus>,
    /// A part of the error's message.
    pub error: Option<String>,
    /// What is sent, by endpoint; `order` lists the endpoints in turn.
    pub requests: Option<Requests>,
    /// The records of the last step.
    pub records: Option<Vec<Literal>>,
    /// What each step hands on and counts.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<StepExpectation>>")]
    pub steps: Map<StepExpectation>,
    /// The rows that are written, by `SINK.TABLE`.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Vec<Literal>>>")]
    pub written: Map<Vec<Literal>>,
    /// How many items each step keeps aside.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<u64>>")]
    pub dead_letters: Map<u64>,
    /// The cursors that are saved, by stream.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Literal>>")]
    pub state: Map<Literal>,
    /// What each event over HTTP is answered, a status for each in their order, or one for all; 401 if it is not from whom it says. An event that is
    /// refused fails a test that does not say so.
    pub answered: Option<OneOrMany<u16>>,
    /// How long it waits, each time: durations such as `60s`.
    pub waits: Option<Vec<Text>>,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "status", rename_all = "snake_case")]
#[schemars(rename = "TestStatus")]
pub enum TestStatus {
    /// All went well.
    Ok,
    /// It failed.
    Failed,
    /// It is done, but some records were rejected or kept aside.
    Partial,
}

/// What a step hands on and counts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "step expectation", deny_unknown_fields)]
#[schemars(rename = "StepExpectation")]
pub struct StepExpectation {
    /// The items that it hands on.
    pub items: Option<Vec<Literal>>,
    /// What it counts.
    pub counts: Option<Counts>,
}

/// What a step counts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "counts", deny_unknown_fields)]
#[schemars(rename = "Counts")]
pub struct Counts {
    /// Items from its source.
    pub read: Option<u64>,
    /// Items that `where` dropped.
    pub dropped: Option<u64>,
    /// Items that were not valid.
    pub invalid: Option<u64>,
    /// Items that were given to the target.
    pub sent: Option<u64>,
    /// Items that failed.
    pub failed: Option<u64>,
    /// Items that were skipped.
    pub skipped: Option<u64>,
    /// Items that were kept aside.
    pub dead_lettered: Option<u64>,
    /// Items that were handed on.
    pub out: Option<u64>,
}
