//! Writes to sinks.

use std::borrow::Cow;

use engine_expr::{Setting, Template};
use engine_request::{Group, Key, Name, Shape, exclusive, groups_schema};
use engine_source::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

const GROUPS: &[Group] = &[Group::at_most_one(&["table", "path"])];

/// A write to a sink: the sink's name, or `{sink, table, …}`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Write {
    /// The sink alone.
    Sink(Name),
    /// The long form.
    Long(Box<WriteTo>),
}

/// A write to a sink.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a write", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "WriteTo", transform = groups_schema(GROUPS))]
pub struct WriteTo {
    /// The sink.
    pub sink: Name,
    /// The table; `{{ stream }}` if not given.
    pub table: Option<Template>,
    /// The path of the file, instead of the sink's.
    pub path: Option<Template>,
    /// The members that identify a record; those of the endpoint that it was read from if not given.
    pub key: Option<Key>,
    /// What becomes of rows that are there; `upsert` where there is a key, else `append`.
    pub mode: Option<WriteMode>,
    /// Whether the table may be made and widened; as the sink says if not given.
    pub create: Option<Setting<bool>>,
}

exclusive!(WriteTo, "a write", GROUPS);

/// What becomes of rows that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "mode", rename_all = "snake_case")]
#[schemars(rename = "WriteMode")]
pub enum WriteMode {
    /// A row with the same key is replaced.
    Upsert,
    /// Rows are added.
    Append,
    /// All rows are replaced, in one transaction, when the step ends.
    Replace,
}

impl Write {
    /// Returns the sink.
    pub fn sink(&self) -> &Name {
        match self {
            Self::Sink(name) => name,
            Self::Long(long) => &long.sink,
        }
    }

    /// Returns what else is said, if anything is.
    pub fn long(&self) -> Option<&WriteTo> {
        match self {
            Self::Sink(_) => None,
            Self::Long(long) => Some(long),
        }
    }
}

impl<'de> Deserialize<'de> for Write {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::Map(_) => shape.read().map(Self::Long),
            _ => shape.read().map(Self::Sink),
        }
    }
}

impl JsonSchema for Write {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Write".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let sink = generator.subschema_for::<Name>();
        let long = generator.subschema_for::<WriteTo>();
        json_schema!({"anyOf": [sink, long]})
    }
}
