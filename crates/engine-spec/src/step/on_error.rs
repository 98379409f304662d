//! What becomes of an item that fails.

use std::borrow::Cow;

use engine_request::{Retry, Shape};
use engine_source::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::Step;

/// What becomes of an item that fails: `fail`, `skip`, `dead_letter`, or `{action, retry, steps}`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum OnError {
    /// What is done.
    Action(ItemAction),
    /// What is done, after what.
    Long(Box<ErrorHandling>),
}

/// What is done about an item that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "action", rename_all = "snake_case")]
#[schemars(rename = "ItemAction")]
pub enum ItemAction {
    /// The run fails, once the items in flight are done.
    #[default]
    Fail,
    /// It is dropped, and counted.
    Skip,
    /// It is kept aside, to be looked at and sent again.
    DeadLetter,
}

/// What is done about an item that fails, and what comes before.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "on_error", deny_unknown_fields)]
#[schemars(rename = "ErrorHandling")]
pub struct ErrorHandling {
    /// What is done; `fail` if not given.
    pub action: Option<ItemAction>,
    /// How the whole item is tried again first.
    pub retry: Option<Retry>,
    /// Steps that undo what was done; they see `item` and `error`: `kind`, `status`, `message`, `step`.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<Step>>")]
    pub steps: Vec<Step>,
}

impl OnError {
    /// Returns what is done.
    pub fn action(&self) -> ItemAction {
        match self {
            Self::Action(action) => *action,
            Self::Long(long) => long.action.unwrap_or_default(),
        }
    }

    /// Returns what is said at length, if anything is.
    pub fn long(&self) -> Option<&ErrorHandling> {
        match self {
            Self::Action(_) => None,
            Self::Long(long) => Some(long),
        }
    }
}

impl<'de> Deserialize<'de> for OnError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::Map(_) => shape.read().map(Self::Long),
            _ => shape.read().map(Self::Action),
        }
    }
}

impl JsonSchema for OnError {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "OnError".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let action = generator.subschema_for::<ItemAction>();
        let long = generator.subschema_for::<ErrorHandling>();
        json_schema!({"anyOf": [action, long]})
    }
}
