//! How a step shapes its items.

use std::borrow::Cow;

use engine_request::{Name, Shape};
use engine_source::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Mapping;

/// How a step shapes its items: the name of a mapping, or a mapping.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum MapUse {
    /// One of `mappings`.
    Named(Name),
    /// A mapping.
    Inline(Mapping),
}

impl<'de> Deserialize<'de> for MapUse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::String(_) => shape.read().map(Self::Named),
            _ => shape.read().map(Self::Inline),
        }
    }
}

impl JsonSchema for MapUse {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "MapUse".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Name>();
        let mapping = generator.subschema_for::<Mapping>();
        json_schema!({"anyOf": [name, mapping]})
    }
}
