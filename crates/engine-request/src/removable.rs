//! Things that an API says and an endpoint takes off.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::shape::Shape;

/// A thing, or `none`, which takes off what the API says.
#[derive(Clone, Debug)]
pub enum Removable<T> {
    /// The word `none`.
    None,
    /// The thing.
    Set(T),
}

impl<T> Removable<T> {
    /// Returns the thing, if it is not taken off.
    pub fn as_set(&self) -> Option<&T> {
        match self {
            Self::None => None,
            Self::Set(thing) => Some(thing),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Removable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Shape::deserialize(deserializer)?;
        if node.as_str() == Some("none") {
            return Ok(Self::None);
        }
        node.read().map(Self::Set)
    }
}

impl<T: Serialize> Serialize for Removable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Set(thing) => thing.serialize(serializer),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Removable<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Removable_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let thing = generator.subschema_for::<T>();
        json_schema!({"anyOf": [{"const": "none", "description": "Takes off what the API says."}, thing]})
    }
}
