//! Where the names of CSV columns come from.

use std::borrow::Cow;

use engine_expr::Setting;
use engine_source::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Text;
use crate::shape::Shape;

/// Where the names of CSV columns come from: true for the first row, or the names themselves.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum CsvHeader {
    /// Whether the first row has the names; the columns are `column_1`, `column_2`, … if not.
    FirstRow(Setting<bool>),
    /// The names.
    Names(Vec<Text>),
}

impl<'de> Deserialize<'de> for CsvHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Shape::deserialize(deserializer)?;
        match node.kind() {
            Kind::Seq(_) => node.read().map(Self::Names),
            _ => node.read().map(Self::FirstRow),
        }
    }
}

impl JsonSchema for CsvHeader {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CsvHeader".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let row = generator.subschema_for::<Setting<bool>>();
        let names = generator.subschema_for::<Vec<Text>>();
        json_schema!({"anyOf": [row, names]})
    }
}
