//! Tests of a spec: what goes in, and what must come out.

mod answer;
mod event;
mod expectation;
mod requests;

use engine_request::{OneOrMany, Text};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use answer::Answer;
pub use event::Event;
pub use expectation::{Counts, Expectation, StepExpectation, TestStatus};
pub use requests::{RequestShape, Requests, RequestsExpectation};

use crate::Literal;

/// A test of the flow. It writes to no sink, waits for no clock, and sends no request.
///
/// Its data is taken as it is. Objects match by the members given.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a test", deny_unknown_fields)]
#[schemars(rename = "Test")]
pub struct Test {
    /// What is to be true, in a sentence.
    pub name: String,
    /// The inputs of the run.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Literal>>")]
    pub inputs: Map<Literal>,
    /// The event that starts the run, or a list of events, each of which starts one.
    pub event: Option<OneOrMany<Event>>,
    /// What time it is, such as `2025-03-01T00:00:00Z`.
    pub now: Option<Text>,
    /// The cursors that were saved before, by stream.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Literal>>")]
    pub state: Map<Literal>,
    /// What each endpoint answers: one answer, or a list of them in turn. A request that no answer is for fails.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<OneOrMany<Answer>>>")]
    pub mock: Map<OneOrMany<Answer>>,
    /// What must come out.
    pub expect: Option<Expectation>,
}
