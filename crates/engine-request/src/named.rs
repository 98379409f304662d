//! Objects whose keys are names that others refer to.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use engine_source::Map;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Name;

/// An object in the order of the file, whose keys are names that others refer to.
#[derive(Clone, Debug)]
pub struct Named<V>(Map<V>);

impl<V> Named<V> {
    /// Returns the members.
    pub fn into_map(self) -> Map<V> {
        self.0
    }
}

impl<V> Deref for Named<V> {
    type Target = Map<V>;

    fn deref(&self) -> &Map<V> {
        &self.0
    }
}

impl<V> Default for Named<V> {
    fn default() -> Self {
        Self(Map::default())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Named<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Members<V> {
            type Value = Named<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Map::default();
                while let Some(name) = map.next_key::<Name>()? {
                    members.insert(name.into_spanned(), map.next_value()?);
                }
                Ok(Named(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

impl<V: Serialize> Serialize for Named<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<V: JsonSchema> JsonSchema for Named<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Map_of_{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": {"pattern": Name::PATTERN},
            "additionalProperties": generator.subschema_for::<V>(),
        })
    }
}
