//! Values of the query and of headers.

use std::borrow::Cow;

use engine_expr::{Dynamic, EvalError, Scope, Value};
use engine_source::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::shape::Shape;

/// A value of the query or a header.
///
/// A list repeats the key, null leaves it out; `{value, style}` says otherwise how a list or an object is written.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum QueryValue {
    /// A value.
    Plain(Dynamic),
    /// A value and how it is written.
    Styled(StyledValue),
}

/// A value and how it is written.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "styled value", deny_unknown_fields)]
#[schemars(rename = "StyledValue")]
pub struct StyledValue {
    /// The value.
    pub value: Dynamic,
    /// How a list or an object is written.
    pub style: Style,
}

/// How a list or an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "style", rename_all = "snake_case")]
#[schemars(rename = "Style")]
pub enum Style {
    /// `a=1,2,3`
    Comma,
    /// `a=1|2|3`
    Pipes,
    /// `a=1 2 3`
    Spaces,
    /// `a[]=1&a[]=2`
    Brackets,
    /// `a[b]=1&a[c]=2`
    DeepObject,
    /// As it is, without percent-encoding.
    Raw,
}

impl QueryValue {
    /// Returns the value as the spec has it.
    pub fn value(&self) -> &Dynamic {
        match self {
            Self::Plain(value) => value,
            Self::Styled(styled) => &styled.value,
        }
    }

    /// Returns how a list or an object is written.
    pub fn style(&self) -> Option<Style> {
        match self {
            Self::Plain(_) => None,
            Self::Styled(styled) => Some(styled.style),
        }
    }

    /// Returns the place of the value.
    pub fn span(&self) -> Span {
        self.value().span()
    }

    /// Evaluates the value; `None` where it is a path that finds nothing.
    ///
    /// # Errors
    ///
    /// Fails where a template does.
    pub fn evaluate(&self, scope: &Scope) -> Result<Option<Value>, EvalError> {
        self.value().evaluate(scope)
    }
}

impl<'de> Deserialize<'de> for QueryValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Shape::deserialize(deserializer)?;
        if node.has("style") {
            return node.read().map(Self::Styled);
        }
        node.read().map(Self::Plain)
    }
}

impl JsonSchema for QueryValue {
    fn schema_name() -> Cow<'static, str> {
        "QueryValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let plain = generator.subschema_for::<Dynamic>();
        let styled = generator.subschema_for::<StyledValue>();
        json_schema!({
            "description": "A value; a list repeats the key, null leaves it out.",
            "if": {"type": "object", "required": ["style"]},
            "then": styled,
            "else": plain,
        })
    }
}
