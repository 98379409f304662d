//! Data of a test that may be made of the request.

use std::borrow::Cow;

use engine_expr::Dynamic;
use engine_request::Shape;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Data in which texts with `{{ }}` are templates, and nothing is a path.
#[derive(Clone, Debug)]
pub struct MadeUp(Dynamic);

impl MadeUp {
    /// Returns what it is made of.
    pub fn as_dynamic(&self) -> &Dynamic {
        &self.0
    }
}

impl<'de> Deserialize<'de> for MadeUp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Shape::deserialize(deserializer).map(|shape| Self(Dynamic::data_from_node(shape.node())))
    }
}

impl Serialize for MadeUp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for MadeUp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "MadeUp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}
