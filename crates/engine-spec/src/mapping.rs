//! Mappings: how a record is shaped.

use std::borrow::Cow;

use engine_source::Map;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Field;

/// How a record is shaped: an object of fields.
///
/// The field `"*"` takes an object, or a list of them, whose members go in first.
#[derive(Clone, Debug, Default)]
pub struct Mapping(Map<Field>);

impl Mapping {
    /// Returns the fields in the order of the file, `"*"` among them.
    pub fn fields(&self) -> &Map<Field> {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Mapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Mapping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for Mapping {
    fn schema_name() -> Cow<'static, str> {
        "Mapping".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let field = generator.subschema_for::<Field>();
        json_schema!({
            "type": "object",
            "additionalProperties": field,
            "description": "An object of fields. The field `\"*\"` takes an object, or a list of them, whose members go in first.",
        })
    }
}
