//! Items gathered for a target.

use std::borrow::Cow;

use engine_expr::Setting;
use engine_request::{Period, Shape, Size};
use engine_source::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many items are gathered for the target: a number, `all`, or `{size, bytes, within}`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Batch {
    /// So many, or all.
    Size(BatchSize),
    /// Until the first of several limits.
    Limits(BatchLimits),
}

/// A number of items, or all of them.
#[derive(Clone, Debug)]
pub enum BatchSize {
    /// All items of the stream.
    All,
    /// So many.
    Count(Setting<u64>),
}

/// Limits of a batch, the first of which ends it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "batch", deny_unknown_fields)]
#[schemars(rename = "BatchLimits")]
pub struct BatchLimits {
    /// How many items; `all` if not given.
    pub size: Option<BatchSize>,
    /// How many bytes of JSON.
    pub bytes: Option<Setting<Size>>,
    /// How long to gather, from the first item on.
    pub within: Option<Setting<Period>>,
}

impl<'de> Deserialize<'de> for BatchSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        if shape.as_str() == Some("all") { Ok(Self::All) } else { shape.read().map(Self::Count) }
    }
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::Map(_) => shape.read().map(Self::Limits),
            _ => shape.read().map(Self::Size),
        }
    }
}

impl Serialize for BatchSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Count(count) => count.serialize(serializer),
        }
    }
}

impl JsonSchema for BatchSize {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "BatchSize".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let count = generator.subschema_for::<Setting<u64>>();
        json_schema!({"anyOf": [{"const": "all"}, count]})
    }
}

impl JsonSchema for Batch {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Batch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let size = generator.subschema_for::<BatchSize>();
        let limits = generator.subschema_for::<BatchLimits>();
        json_schema!({"anyOf": [size, limits]})
    }
}
