//! Places in an event.

use std::borrow::Cow;
use std::sync::Arc;

use engine_expr::{JsonPath, Template};
use engine_request::Shape;
use engine_source::Spanned;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A place in an event: a path over its body, `header.NAME`, `query.NAME`, `path.NAME`, or a template over `trigger`.
#[derive(Clone, Debug)]
pub enum EventPlace {
    /// A path over the body.
    Path(JsonPath),
    /// A header.
    Header(Spanned<Arc<str>>),
    /// A parameter of the query.
    Query(Spanned<Arc<str>>),
    /// A `{name}` of the trigger's path.
    PathParam(Spanned<Arc<str>>),
    /// A template over `trigger`.
    Template(Template),
}

const PATTERN: &str = r"^(\$[\s\S]*|(header|query|path)\.[^\s{}]+|[\s\S]*\{[{%][\s\S]*)$";

impl<'de> Deserialize<'de> for EventPlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        let text: Spanned<Arc<str>> = shape.read()?;
        if text.starts_with('$') {
            return shape.read().map(Self::Path);
        }
        if text.contains("{{") || text.contains("{%") {
            return shape.read().map(Self::Template);
        }
        let is_name = |name: &str| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "{}".contains(c));
        match text.value.split_once('.') {
            Some(("header", name)) if is_name(name) => Ok(Self::Header(Spanned::new(name.into(), text.span))),
            Some(("query", name)) if is_name(name) => Ok(Self::Query(Spanned::new(name.into(), text.span))),
            Some(("path", name)) if is_name(name) => Ok(Self::PathParam(Spanned::new(name.into(), text.span))),
            _ => Err(D::Error::custom(format!(
                "[invalid-place] `{}` is not a place in an event\nhelp: write a path `$.…`, `header.NAME`, `query.NAME`, `path.NAME`, or a template over `trigger`",
                text.value
            ))),
        }
    }
}

impl Serialize for EventPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Path(path) => path.serialize(serializer),
            Self::Header(name) => serializer.collect_str(&format_args!("header.{}", name.value)),
            Self::Query(name) => serializer.collect_str(&format_args!("query.{}", name.value)),
            Self::PathParam(name) => serializer.collect_str(&format_args!("path.{}", name.value)),
            Self::Template(template) => template.serialize(serializer),
        }
    }
}

impl JsonSchema for EventPlace {
    fn schema_name() -> Cow<'static, str> {
        "EventPlace".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": PATTERN,
            "description": "A place in an event: a path over its body, `header.NAME`, `query.NAME`, `path.NAME`, or a template over `trigger`.",
        })
    }
}
