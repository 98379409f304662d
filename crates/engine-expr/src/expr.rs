//! A path, or a template that gives what a path would.

use std::borrow::Cow;

use engine_source::{Scalar, ScalarKind, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::path::JsonPath;
use crate::problem::{EvalError, Problem};
use crate::scope::Scope;
use crate::template::Template;
use crate::value::Value;

/// A path (`$.items`), or a template that gives such a value (`{{ response.body.items }}`).
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A path from the scope's root.
    Path(JsonPath),
    /// A template.
    Template(Template),
}

impl Expr {
    /// Returns its place.
    pub fn span(&self) -> Span {
        match self {
            Self::Path(path) => path.span(),
            Self::Template(template) => template.span(),
        }
    }

    /// Returns the text as it was written.
    pub fn text(&self) -> &str {
        match self {
            Self::Path(path) => path.text(),
            Self::Template(template) => template.text(),
        }
    }

    /// Returns what is wrong with it.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Path(path) => path.problems(),
            Self::Template(template) => template.problems(),
        }
    }

    /// Returns the path, if it is one.
    pub fn as_path(&self) -> Option<&JsonPath> {
        match self {
            Self::Path(path) => Some(path),
            Self::Template(_) => None,
        }
    }

    /// Evaluates it; `None` where nothing is found.
    ///
    /// # Errors
    ///
    /// Fails where the template does.
    pub fn evaluate(&self, scope: &Scope) -> Result<Option<Value>, EvalError> {
        match self {
            Self::Path(path) => scope.root().map_or(Ok(None), |root| path.value(root)),
            Self::Template(template) => template.render_optional(scope),
        }
    }
}

impl<'de> Deserialize<'de> for Expr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Scalar::deserialize(deserializer)?;
        let text = &*scalar.text;
        if scalar.kind == ScalarKind::String && JsonPath::is_path(text) {
            return Ok(Self::Path(JsonPath::new(text, scalar.span)));
        }
        if scalar.kind == ScalarKind::String && Template::is_template(text) {
            return Ok(Self::Template(Template::new(text, scalar.span)));
        }
        let name = text.trim_start_matches(['.', '/']);
        Err(serde::de::Error::custom(format!(
            "[wrong-type] `{text}` is neither a path nor a template\nhelp: a path starts with `$`: `$.{name}`"
        )))
    }
}

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Path(path) => path.serialize(serializer),
            Self::Template(template) => template.serialize(serializer),
        }
    }
}

impl JsonSchema for Expr {
    fn schema_name() -> Cow<'static, str> {
        "PathOrTemplate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^\$|\{\{|\{%",
            "description": "A path (`$.items`), or a template that gives such a value."
        })
    }
}
