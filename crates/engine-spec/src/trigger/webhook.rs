//! Runs that are started over HTTP.

use std::borrow::Cow;

use engine_expr::{Condition, Dynamic, Setting};
use engine_request::{Method, OneOrMany, Period, Rate, Shape, Size, Status, Text, Window};
use engine_source::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::EventPlace;
use crate::Verify;

/// Runs when it is called over HTTP; the event is on disk before it is answered.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "webhook trigger", deny_unknown_fields)]
#[schemars(rename = "WebhookTrigger")]
pub struct WebhookTrigger {
    /// The path that is called, such as `/shopify/orders`; `{name}` in it is `trigger.path.name`.
    pub path: Text,
    /// The webhook of an API that is taken over, such as `stripe.events`: how it is verified, and all else that is not said here.
    pub from: Option<Text>,
    /// The methods that are taken; `POST` if not given.
    pub method: Option<OneOrMany<Method>>,
    /// How the sender proves who it is.
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

/// What tells that an event came before: a place in the event, or `{by, keep}`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Dedupe {
    /// The place.
    By(EventPlace),
    /// The place, and how long its values are kept.
    Long(DedupeBy),
}

/// What is answered to a handshake: a place in the event whose value is sent back in the body, or `{from, header}`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Challenge {
    /// The place.
    Body(EventPlace),
    /// The place, and where its value is sent back.
    Into(ChallengeInto),
}

/// What is sent back in a header to a handshake.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "challenge", deny_unknown_fields)]
#[schemars(rename = "ChallengeInto")]
pub struct ChallengeInto {
    /// A place in the event whose value is sent back, where it has one.
    pub from: EventPlace,
    /// The header that it is sent back in, such as `X-Hook-Secret`; the body is empty.
    pub header: Text,
}

impl Challenge {
    /// Returns the place of what is sent back.
    pub fn from(&self) -> &EventPlace {
        match self {
            Self::Body(place) => place,
            Self::Into(long) => &long.from,
        }
    }
}

/// What tells that an event came before, and how long that is known.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "dedupe", deny_unknown_fields)]
#[schemars(rename = "DedupeBy")]
pub struct DedupeBy {
    /// A place in what was signed of the event, such as `$.id`.
    pub by: EventPlace,
    /// How long its values are kept; `30d` if not given.
    pub keep: Option<Setting<Window>>,
}

/// What is answered to an event.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "respond", deny_unknown_fields)]
#[schemars(rename = "Respond")]
pub struct Respond {
    /// The status; 200 if not given.
    pub status: Option<Setting<Status>>,
    /// The body: a text, or anything else as JSON.
    #[serde(default, deserialize_with = "engine_request::given")]
    #[schemars(with = "Dynamic")]
    pub body: Option<Dynamic>,
    /// When it is answered; `accepted` if not given.
    pub wait: Option<RespondWait>,
    /// How long the answer waits for the run, after which it is 202 and the run goes on; `30s` if not given.
    pub timeout: Option<Setting<Period>>,
}

/// When an event is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "wait", rename_all = "snake_case")]
#[schemars(rename = "RespondWait")]
pub enum RespondWait {
    /// Once it is on disk.
    #[default]
    Accepted,
    /// Once its run is done; `body` sees `steps`.
    Finished,
}

impl<'de> Deserialize<'de> for Dedupe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::Map(_) => shape.read().map(Self::Long),
            _ => shape.read().map(Self::By),
        }
    }
}

impl<'de> Deserialize<'de> for Challenge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::Map(_) => shape.read().map(Self::Into),
            _ => shape.read().map(Self::Body),
        }
    }
}

impl JsonSchema for Challenge {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Challenge".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let from = generator.subschema_for::<EventPlace>();
        let long = generator.subschema_for::<ChallengeInto>();
        json_schema!({"anyOf": [from, long]})
    }
}

impl JsonSchema for Dedupe {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Dedupe".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let by = generator.subschema_for::<EventPlace>();
        let long = generator.subschema_for::<DedupeBy>();
        json_schema!({"anyOf": [by, long]})
    }
}
