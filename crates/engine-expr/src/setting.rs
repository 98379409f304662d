//! Numbers, booleans and scalars with units, each of which may also be a template.

use std::borrow::Cow;

use engine_source::{Scalar as Source, ScalarKind, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::problem::{EvalError, Problem};
use crate::scope::Scope;
use crate::template::{Template, literal_of};
use crate::value::{Number, Value};

/// A type that one scalar of a spec can hold.
pub trait Scalar: Sized {
    /// Reads a value: a literal of the spec, or what a template gave.
    ///
    /// # Errors
    ///
    /// The text says what is wrong; it may begin with `[code] ` and end with a line `help: …`.
    fn from_value(value: &Value) -> Result<Self, String>;

    /// Returns the JSON Schema of a literal.
    fn scalar_schema() -> Schema;

    /// Returns the name under which the JSON Schema is known.
    fn scalar_name() -> Cow<'static, str>;
}

/// A literal, or a template that gives one.
#[derive(Clone, Debug)]
pub struct Setting<T> {
    span: Span,
    kind: Kind<T>,
}

#[derive(Clone, Debug)]
enum Kind<T> {
    /// The value, and the literal that it was read from.
    Value(T, Value),
    Template(Template),
}

impl<T: PartialEq> PartialEq for Setting<T> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Value(left, _), Kind::Value(right, _)) => left == right,
            (Kind::Template(left), Kind::Template(right)) => left == right,
            _ => false,
        }
    }
}

impl<T> Setting<T> {
    /// Makes a setting that is known.
    pub fn value(value: T) -> Self {
        Self { span: Span::default(), kind: Kind::Value(value, Value::Null) }
    }

    /// Returns its place.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Returns the value, if it is no template.
    pub fn as_value(&self) -> Option<&T> {
        match &self.kind {
            Kind::Value(value, _) => Some(value),
            Kind::Template(_) => None,
        }
    }

    /// Returns the template, if it is one.
    pub fn as_template(&self) -> Option<&Template> {
        match &self.kind {
            Kind::Value(..) => None,
            Kind::Template(template) => Some(template),
        }
    }

    /// Returns what is wrong with the template.
    pub fn problems(&self) -> &[Problem] {
        self.as_template().map_or(&[], Template::problems)
    }
}

impl<T: Scalar + Clone> Setting<T> {
    /// Returns the value, evaluating a template.
    ///
    /// # Errors
    ///
    /// Fails where the template does, and where it gives something else than is needed here.
    pub fn resolve(&self, scope: &Scope) -> Result<T, EvalError> {
        let template = match &self.kind {
            Kind::Value(value, _) => return Ok(value.clone()),
            Kind::Template(template) => template,
        };
        let value = template.render(scope)?;
        T::from_value(&value).map_err(|text| {
            let text = text.split_once("] ").map_or(text.as_str(), |(_, rest)| rest);
            match text.split_once("\nhelp: ") {
                Some((message, help)) => EvalError::new(message, self.span).help(help),
                None => EvalError::new(text, self.span),
            }
        })
    }
}

impl<'de, T: Scalar> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Source::deserialize(deserializer)?;
        if scalar.kind == ScalarKind::String && Template::is_template(&scalar.text) {
            return Ok(Self { span: scalar.span, kind: Kind::Template(Template::new(&scalar.text, scalar.span)) });
        }
        let literal = literal_of(&scalar);
        // A literal keeps its type: the text "5" is no number. What a template gives may be a text.
        let fits = match scalar.kind {
            ScalarKind::String => T::from_value(&literal).and_then(|value| match T::scalar_type() {
                ScalarType::Text => Ok(value),
                ScalarType::Other => Err(expected::<T>(&literal)),
            }),
            _ => T::from_value(&literal),
        };
        match fits {
            Ok(value) => Ok(Self { span: scalar.span, kind: Kind::Value(value, literal) }),
            Err(text) => Err(serde::de::Error::custom(text)),
        }
    }
}

/// What a literal is in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScalarType {
    Text,
    Other,
}

trait Typed {
    fn scalar_type() -> ScalarType;
}

impl<T: Scalar> Typed for T {
    fn scalar_type() -> ScalarType {
        match T::scalar_schema().get("type").and_then(|it| it.as_str()) {
            Some("integer" | "number" | "boolean") => ScalarType::Other,
            _ => ScalarType::Text,
        }
    }
}

fn expected<T: Scalar>(found: &Value) -> String {
    let (wanted, help) = match T::scalar_schema().get("type").and_then(|it| it.as_str()) {
        Some("boolean") => ("`true` or `false`", "write `true` or `false` without quotes, or a template"),
        Some("integer") => ("a whole number", "write a whole number, or a template that gives one"),
        Some("number") => ("a number", "write a number, or a template that gives one"),
        _ => ("a text", "write a text, or a template that gives one"),
    };
    format!("[wrong-type] {wanted} is expected here, not {}\nhelp: {help}", found.a_kind())
}

impl<T> Serialize for Setting<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            Kind::Value(_, literal) => literal.serialize(serializer),
            Kind::Template(template) => template.serialize(serializer),
        }
    }
}

impl<T: Scalar> JsonSchema for Setting<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrTemplate", T::scalar_name()).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [T::scalar_schema(), { "type": "string", "pattern": r"\{\{|\{%" }] })
    }
}

impl Scalar for bool {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Bool(it) => Ok(*it),
            Value::String(text) if matches!(&**text, "true" | "false") => Ok(&**text == "true"),
            Value::String(text) if matches!(text.to_ascii_lowercase().as_str(), "yes" | "on" | "y") => {
                Err(format!("[wrong-type] `{text}` is a text in YAML 1.2\nhelp: write `true`\nfix: true"))
            }
            Value::String(text) if matches!(text.to_ascii_lowercase().as_str(), "no" | "off" | "n") => {
                Err(format!("[wrong-type] `{text}` is a text in YAML 1.2\nhelp: write `false`\nfix: false"))
            }
            other => Err(expected::<Self>(other)),
        }
    }

    fn scalar_schema() -> Schema {
        json_schema!({ "type": "boolean" })
    }

    fn scalar_name() -> Cow<'static, str> {
        "Boolean".into()
    }
}

macro_rules! integer {
    ($type:ty, $name:literal, $minimum:expr, $maximum:expr) => {
        impl Scalar for $type {
            fn from_value(value: &Value) -> Result<Self, String> {
                let number = match value {
                    Value::Number(number) => number.clone(),
                    Value::String(text) => Number::parse(text).ok_or_else(|| expected::<Self>(value))?,
                    other => return Err(expected::<Self>(other)),
                };
                number.as_i64().and_then(|int| Self::try_from(int).ok()).ok_or_else(|| {
                    let maximum = $maximum.to_string();
                    let bounds = if maximum == i64::MAX.to_string() {
                        format!("{} on", $minimum)
                    } else {
                        format!("{} to {maximum}", $minimum)
                    };
                    format!("[invalid-value] `{number}` is not a whole number from {bounds}\nhelp: write a whole number from {bounds}")
                })
            }

            fn scalar_schema() -> Schema {
                json_schema!({ "type": "integer", "minimum": $minimum, "maximum": $maximum })
            }

            fn scalar_name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

integer!(u32, "Count", 0, u32::MAX);
integer!(u64, "Integer", 0, i64::MAX);
integer!(i64, "SignedInteger", i64::MIN, i64::MAX);

impl Scalar for f64 {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Number(number) if number.as_f64().is_finite() => Ok(number.as_f64()),
            Value::String(text) => {
                Number::parse(text).map(|number| number.as_f64()).ok_or_else(|| expected::<Self>(value))
            }
            other => Err(expected::<Self>(other)),
        }
    }

    fn scalar_schema() -> Schema {
        json_schema!({ "type": "number" })
    }

    fn scalar_name() -> Cow<'static, str> {
        "Number".into()
    }
}

impl Scalar for String {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(text.as_ref().to_owned()),
            Value::Secret(secret) => Ok(secret.expose().to_owned()),
            other => other.text().map(Cow::into_owned).ok_or_else(|| expected::<Self>(other)),
        }
    }

    fn scalar_schema() -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }

    fn scalar_name() -> Cow<'static, str> {
        "Text".into()
    }
}
