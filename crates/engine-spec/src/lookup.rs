//! Values that are looked up.

use std::borrow::Cow;
use std::sync::Arc;

use engine_expr::{Dynamic, Expr};
use engine_request::{Name, Shape};
use engine_source::{Kind, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where the value of a field is looked up: in an object by its members, or in a list by a key. It is loaded once.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a lookup", deny_unknown_fields)]
#[schemars(rename = "Lookup")]
pub struct Lookup {
    /// An object, a template that gives an object or a list, or the records of a step: `steps.ID`.
    #[serde(rename = "in")]
    pub source: LookupSource,
    /// What is compared with the value, over an element of the list, such as `$.id`.
    pub key: Option<Expr>,
    /// What is taken, over that element, such as `$.name`; the whole element if not given.
    pub value: Option<Expr>,
    /// The value of what is not found; it is an error if not given.
    #[serde(default, deserialize_with = "engine_request::given")]
    #[schemars(with = "Dynamic")]
    pub default: Option<Dynamic>,
}

/// What a value is looked up in.
#[derive(Clone, Debug)]
pub enum LookupSource {
    /// An object or a list.
    Value(Dynamic),
    /// A path or a template that gives an object or a list.
    From(Expr),
    /// The records of a step: `steps.ID`.
    Step(Name),
}

impl<'de> Deserialize<'de> for LookupSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        if matches!(shape.kind(), Kind::Map(_) | Kind::Seq(_)) {
            return shape.read().map(Self::Value);
        }
        let text: Spanned<Arc<str>> = shape.read()?;
        if text.starts_with('$') || text.contains("{{") || text.contains("{%") {
            return shape.read().map(Self::From);
        }
        match text.strip_prefix("steps.").filter(|id| Name::is_name(id)) {
            Some(id) => Name::new(Spanned::new(id.into(), text.span)).map(Self::Step).map_err(D::Error::custom),
            None => Err(D::Error::custom(format!(
                "[invalid-value] `{}` is nothing to look up in\nhelp: write an object, `steps.ID`, or a template that gives an object",
                text.value
            ))),
        }
    }
}

impl Serialize for LookupSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::From(from) => from.serialize(serializer),
            Self::Step(id) => serializer.collect_str(&format_args!("steps.{id}")),
        }
    }
}

impl JsonSchema for LookupSource {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "LookupSource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {"type": ["object", "array"]},
                {"type": "string", "pattern": r"^(\$[\s\S]*|steps\.[A-Za-z_][A-Za-z0-9_]*|[\s\S]*\{[{%][\s\S]*)$"},
            ],
        })
    }
}
