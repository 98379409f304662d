//! Waiting: for a time, a condition, or an event.

use std::borrow::Cow;

use engine_expr::{Condition, Setting, Template};
use engine_request::{Group, Period, Shape, exclusive, groups_schema};
use engine_source::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Verify;

const GROUPS: &[Group] = &[Group::exactly_one(&["until", "event"])];

/// What is waited for: a duration, `{until, every, timeout}`, or `{event, timeout}`. It sleeps on disk, holding no slot.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Wait {
    /// A time.
    Period(Setting<Period>),
    /// A condition or an event.
    For(Box<WaitFor>),
}

/// A condition or an event that is waited for.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a wait", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "WaitFor", transform = groups_schema(GROUPS))]
pub struct WaitFor {
    /// The condition that ends it.
    pub until: Option<Condition>,
    /// How often the condition is looked at; `10s` if not given.
    pub every: Option<Setting<Period>>,
    /// The event that ends it; `wait.url` is what to send to a human.
    pub event: Option<WaitEvent>,
    /// How long to wait at most, after which the item fails.
    pub timeout: Option<Setting<Period>>,
}

exclusive!(WaitFor, "a wait", GROUPS);

/// An event that is waited for.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "event", deny_unknown_fields)]
#[schemars(rename = "WaitEvent")]
pub struct WaitEvent {
    /// The path that it is sent to; one that nobody can guess if not given.
    pub path: Option<Template>,
    /// How its sender proves who it is.
    pub verify: Option<Verify>,
    /// Whether it is the one, over `trigger` and `item`.
    #[serde(rename = "where")]
    pub filter: Option<Condition>,
}

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::Map(_) => shape.read().map(Self::For),
            _ => shape.read().map(Self::Period),
        }
    }
}

impl JsonSchema for Wait {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Wait".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let period = generator.subschema_for::<Setting<Period>>();
        let long = generator.subschema_for::<WaitFor>();
        json_schema!({"anyOf": [period, long]})
    }
}
