//! How an API sends events, for triggers to take over.

use engine_expr::{Condition, Setting};
use engine_request::{Method, OneOrMany, Rate, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Verify;
use crate::trigger::{Challenge, Dedupe, EventPlace, Respond};

/// How an API sends events: what a trigger takes over that says `from: API.NAME`.
///
/// What the trigger says itself stands in the place of what is said here; its `verify` may leave out `type`, and then changes members.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a webhook of an api", deny_unknown_fields)]
#[schemars(rename = "ApiWebhook")]
pub struct ApiWebhook {
    /// What is sent and when, for people.
    pub description: Option<String>,
    /// The methods that are taken; `POST` if not given.
    pub method: Option<OneOrMany<Method>>,
    /// How the API proves that it is the sender.
    pub verify: Option<Verify>,
    /// Which events start a run, over `trigger`; others are answered and forgotten.
    #[serde(rename = "where")]
    pub filter: Option<Condition>,
    /// What tells that an event came before: a place in the event, or `{by, keep}`.
    pub dedupe: Option<Dedupe>,
    /// A place in the event; events with the same value run one after another.
    pub partition: Option<EventPlace>,
    /// What is answered; 200 with nothing if not given.
    pub respond: Option<Respond>,
    /// What is answered to a handshake: a place in the event whose value is sent back, where it has one; or `{from, header}`, for one that is sent back in a header.
    pub challenge: Option<Challenge>,
    /// How large the body of an event may be; `1MB` if not given.
    pub max_body: Option<Setting<Size>>,
    /// How many events are taken in what time, such as `100/1s`; more are answered 429. No limit if not given.
    pub rate: Option<Setting<Rate>>,
}
