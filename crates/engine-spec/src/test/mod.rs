//! Tests of a spec: what goes in, and what must come out.

mod answer;
mod event;
mod expectation;
mod file;
mod made_up;
mod mock;
mod requests;

use engine_request::{OneOrMany, Text};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use answer::{Answer, Answering};
pub use event::Event;
pub use expectation::{Counts, Expectation, StepExpectation, TestStatus};
pub use file::TestFile;
pub use made_up::MadeUp;
pub use mock::Mock;
pub use requests::{RequestShape, Requests, RequestsExpectation};

use crate::{Literal, Step};

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
    /// The secrets of the run; those that are not given are made up.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<String>>")]
    pub secrets: Map<String>,
    /// The event that starts the run, or a list of events, each of which starts one.
    pub event: Option<OneOrMany<Event>>,
    /// What time it is, such as `2025-03-01T00:00:00Z`, which moves on only while the run waits; `2030-01-01T00:00:00Z` if not given.
    pub now: Option<Text>,
    /// The cursors that were saved before, by stream.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Literal>>")]
    pub state: Map<Literal>,
    /// The rows that sinks hold before, by `SINK.TABLE`, or by `SINK` for what a query or a file of it gives.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Vec<Literal>>>")]
    pub rows: Map<Vec<Literal>>,
    /// What each endpoint answers: one answer each time, or a list of them in turn. A request that no answer is for fails.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Mock>")]
    pub mock: Mock,
    /// Steps that are run instead of the spec's own, as in a spec that only has APIs.
    ///
    /// Then there are no `on_failure` and no `finally` either.
    #[serde(default, skip_serializing, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<Step>>")]
    pub steps: Vec<Step>,
    /// What must come out.
    pub expect: Option<Expectation>,
}
