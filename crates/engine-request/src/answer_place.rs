//! Places in an answer: where something is taken from.

use std::borrow::Cow;
use std::sync::Arc;

use engine_expr::{EvalError, JsonPath, Scope, Template, Value};
use engine_source::{Span, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::place::is_token;
use crate::shape::Shape;
use crate::{Answer, Needs};

/// A place in an answer: a path over its body, `header.NAME`, `cookie.NAME`, or a template over `response`.
#[derive(Clone, Debug)]
pub enum AnswerPlace {
    /// A path over the body.
    Path(JsonPath),
    /// A header.
    Header(Spanned<Arc<str>>),
    /// A cookie.
    Cookie(Spanned<Arc<str>>),
    /// A template over `response`.
    Template(Template),
}

impl AnswerPlace {
    /// The regular expression that its deserialization agrees with.
    pub const PATTERN: &'static str =
        r"^(\$[\s\S]*|(header|cookie)\.[!#$%&'*+.^_`|~0-9A-Za-z-]+|[\s\S]*\{[{%][\s\S]*)$";

    /// Returns where it is written.
    pub fn span(&self) -> Span {
        match self {
            Self::Path(path) => path.span(),
            Self::Header(name) | Self::Cookie(name) => name.span,
            Self::Template(template) => template.span(),
        }
    }

    /// Returns it as it is written.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Path(path) => path.text().into(),
            Self::Header(name) => format!("header.{}", name.value).into(),
            Self::Cookie(name) => format!("cookie.{}", name.value).into(),
            Self::Template(template) => template.text().into(),
        }
    }

    /// Takes the value out of an answer; `None` where it is missing.
    ///
    /// Paths start at the body. Templates see the scope, and the answer as `response`.
    ///
    /// # Errors
    ///
    /// Fails where the template does.
    pub fn take(&self, answer: &Answer, scope: &Scope) -> Result<Option<Value>, EvalError> {
        match self {
            Self::Path(path) => path.value(answer.value()),
            Self::Header(name) => Ok(answer.header(&name.value).map(Value::from)),
            Self::Cookie(name) => Ok(answer.cookie(&name.value).map(Value::from)),
            Self::Template(template) if scope.get("response").is_some() => template.render_optional(scope),
            Self::Template(template) => {
                let mut needs = Needs::default();
                needs.add_template(template);
                template.render_optional(&scope.with("response", answer.to_value(&needs)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for AnswerPlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Shape::deserialize(deserializer)?;
        let text: Spanned<Arc<str>> = node.read()?;
        if text.starts_with('$') {
            return node.read().map(Self::Path);
        }
        if text.contains("{{") || text.contains("{%") {
            return node.read().map(Self::Template);
        }
        match text.split_once('.') {
            Some(("header", name)) if is_token(name) => Ok(Self::Header(Spanned::new(name.into(), text.span))),
            Some(("cookie", name)) if is_token(name) => Ok(Self::Cookie(Spanned::new(name.into(), text.span))),
            parts => {
                let help = match parts {
                    Some(("headers", name)) if is_token(name) => format!("write `header.{name}`"),
                    Some(("response", _)) => format!("write `\"{{{{ {} }}}}\"`", text.value),
                    _ if is_token(&text) => {
                        format!("write `$.{text}` for a member of the body, or `header.NAME`", text = text.value)
                    }
                    _ => "write a path `$.…`, `header.NAME`, `cookie.NAME`, or a template over `response`".to_owned(),
                };
                Err(D::Error::custom(format!(
                    "[invalid-place] `{}` is not a place in an answer\nhelp: {help}",
                    text.value
                )))
            }
        }
    }
}

impl Serialize for AnswerPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Path(path) => path.serialize(serializer),
            Self::Header(name) => serializer.collect_str(&format_args!("header.{}", name.value)),
            Self::Cookie(name) => serializer.collect_str(&format_args!("cookie.{}", name.value)),
            Self::Template(template) => template.serialize(serializer),
        }
    }
}

impl JsonSchema for AnswerPlace {
    fn schema_name() -> Cow<'static, str> {
        "AnswerPlace".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": Self::PATTERN,
            "description": "A place in an answer: a path over its body, `header.NAME`, `cookie.NAME`, or a template over `response`.",
        })
    }
}
