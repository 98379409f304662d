//! The version of the language.

use std::borrow::Cow;

use engine_source::{Scalar, ScalarKind, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version of the language in which a spec is written: 1.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    span: Span,
}

impl Version {
    /// Returns where it is written.
    pub fn span(self) -> Span {
        self.span
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Scalar::deserialize(deserializer)?;
        match (scalar.kind, &*scalar.text) {
            (ScalarKind::Number, "1") => Ok(Self { span: scalar.span }),
            (ScalarKind::String, "1") => Err(D::Error::custom(
                "[wrong-type] a string where the number 1 is expected\nhelp: remove the quotes: `1`",
            )),
            (_, text) => Err(D::Error::custom(format!(
                "[unsupported-version] version `{text}` is not supported\nhelp: write `version: 1`"
            ))),
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(1)
    }
}

impl JsonSchema for Version {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"const": 1})
    }
}
