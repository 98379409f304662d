//! For what a step happens.

use std::borrow::Cow;
use std::sync::Arc;

use engine_expr::{Dynamic, Expr};
use engine_request::{Name, Named, Shape};
use engine_source::{Kind, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// For what a step happens: a step's id, a list, a path or a template that gives a list, or a map of lists.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum ForEach {
    /// The stream of a step.
    Step(Name),
    /// A path or a template that gives a list.
    From(Expr),
    /// A list.
    List(Dynamic),
    /// Every combination of several lists, as `item.NAME`.
    Product(Named<Dynamic>),
}

impl<'de> Deserialize<'de> for ForEach {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::Seq(_) => return shape.read().map(Self::List),
            Kind::Map(_) => return shape.read().map(Self::Product),
            _ => {}
        }
        let text: Spanned<Arc<str>> = shape.read()?;
        if text.starts_with('$') || text.contains("{{") || text.contains("{%") {
            return shape.read().map(Self::From);
        }
        shape.read().map(Self::Step)
    }
}

impl JsonSchema for ForEach {
    fn schema_name() -> Cow<'static, str> {
        "ForEach".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let from = generator.subschema_for::<Expr>();
        let product = generator.subschema_for::<Named<Dynamic>>();
        json_schema!({
            "description": "A step's id, a list, a path or a template that gives a list, or a map of lists (every combination, as `item.NAME`).",
            "anyOf": [{"type": "string", "pattern": Name::PATTERN}, from, {"type": "array"}, product],
        })
    }
}
