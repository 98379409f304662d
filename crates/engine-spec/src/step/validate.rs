//! What must be true of an item.

use std::borrow::Cow;

use engine_expr::{Condition, Template};
use engine_request::{Shape, Text};
use engine_source::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Literal;

/// What must be true of an item; errors of `map` belong here too.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "validate", deny_unknown_fields)]
#[schemars(rename = "Validate")]
pub struct Validate {
    /// A JSON Schema, or the path of a file with one.
    pub schema: Option<JsonSchemaSource>,
    /// Conditions that must hold.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Vec<Rule>>")]
    pub rules: Vec<Rule>,
    /// What becomes of an item that is not valid; `fail` if not given.
    pub on_invalid: Option<OnInvalid>,
}

/// A condition that must hold, and what to say where it does not.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a rule", deny_unknown_fields)]
#[schemars(rename = "Rule")]
pub struct Rule {
    /// The condition.
    pub check: Condition,
    /// What to say; the condition if not given.
    pub message: Option<Template>,
}

/// What becomes of an item that is not valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "on_invalid", rename_all = "snake_case")]
#[schemars(rename = "OnInvalid")]
pub enum OnInvalid {
    /// The run fails.
    #[default]
    Fail,
    /// It is dropped, and counted.
    Skip,
    /// It is kept aside, to be looked at and sent again.
    DeadLetter,
}

/// A JSON Schema, or the path of a file with one, relative to the spec.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum JsonSchemaSource {
    /// The path of a file.
    File(Text),
    /// The schema: an object, true or false.
    Inline(Literal),
}

impl<'de> Deserialize<'de> for JsonSchemaSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::Map(_) | Kind::Bool(_) => shape.read().map(Self::Inline),
            _ => shape.read().map(Self::File),
        }
    }
}

impl JsonSchema for JsonSchemaSource {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "JsonSchemaSource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "string", "pattern": Text::PATTERN}, {"type": ["object", "boolean"]}]})
    }
}
