//! What identifies a record.

use std::borrow::Cow;
use std::sync::Arc;

use engine_expr::JsonPath;
use engine_source::{Span, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::shape::Shape;
use crate::{OneOrMany, Text};

/// The members that identify a record: a name, or a list of them.
pub type Key = OneOrMany<KeyMember>;

/// A member that identifies a record: its name, or a path to it.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum KeyMember {
    /// A member of the record itself.
    Name(Text),
    /// A path such as `$.node.id`.
    Path(JsonPath),
}

impl KeyMember {
    /// Returns where it is written.
    pub fn span(&self) -> Span {
        match self {
            Self::Name(name) => name.span(),
            Self::Path(path) => path.span(),
        }
    }
}

impl<'de> Deserialize<'de> for KeyMember {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Shape::deserialize(deserializer)?;
        let text: Spanned<Arc<str>> = node.read()?;
        if text.starts_with('$') { node.read().map(Self::Path) } else { node.read().map(Self::Name) }
    }
}

impl JsonSchema for KeyMember {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "KeyMember".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let path = generator.subschema_for::<JsonPath>();
        let name = generator.subschema_for::<Text>();
        json_schema!({"anyOf": [path, name]})
    }
}
