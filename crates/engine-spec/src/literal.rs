//! Data that is taken as it is: no paths, no templates.

use std::borrow::Cow;
use std::sync::Arc;

use engine_expr::{Members, Number, Value};
use engine_request::Shape;
use engine_source::{Kind, Node, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Data that is taken as it is: what looks like a path or a template in it is none.
#[derive(Clone, Debug)]
pub struct Literal {
    value: Value,
    span: Span,
}

impl Literal {
    /// Returns the data.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns its place.
    pub fn span(&self) -> Span {
        self.span
    }
}

/// Makes a value of a node; numbers keep their digits.
fn value(node: &Node) -> Value {
    match node.kind() {
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Number(text) => match engine_expr::Dynamic::from_node(node).as_literal() {
            Some(value) => value.clone(),
            None => Number::parse(text).map_or(Value::Null, Value::Number),
        },
        Kind::String(text) => Value::String(Arc::clone(text)),
        Kind::Seq(items) => Value::list(items.iter().map(value).collect()),
        Kind::Map(entries) => {
            let members = entries.iter().map(|entry| (Arc::clone(&entry.key.text), value(&entry.value)));
            Value::Object(Arc::new(members.collect::<Members>()))
        }
    }
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        Ok(Self { value: value(shape.node()), span: shape.node().span() })
    }
}

impl Serialize for Literal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl JsonSchema for Literal {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Literal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}
