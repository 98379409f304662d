//! A single value with the text in which it is written.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::resolve::{Parsed, is_number, parse_number};
use crate::span::Span;
use crate::spanned::next_span;

/// The name by which our Deserializer knows that a scalar is wanted.
pub(crate) const NAME: &str = "@scalar";

/// What a scalar is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum ScalarKind {
    /// Nothing, `~` or `null`; its text is `null`.
    Null,
    /// `true` or `false`, which are its texts.
    Bool,
    /// A number; its text has the digits of the file.
    Number,
    /// A string; its text is decoded.
    String,
}

/// A null, boolean, number or string, with its text and its place.
///
/// Numbers keep their digits: `19.90` stays `19.90`. Two of them are equal if kind and text are.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// What it is.
    pub kind: ScalarKind,
    /// Its text.
    pub text: Arc<str>,
    /// Its place.
    pub span: Span,
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.text == other.text
    }
}

impl Eq for Scalar {}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, ScalarVisitor)
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.kind {
            ScalarKind::Null => serializer.serialize_unit(),
            ScalarKind::Bool => serializer.serialize_bool(&*self.text == "true"),
            ScalarKind::String => serializer.serialize_str(&self.text),
            ScalarKind::Number if is_number(&self.text) => match parse_number(&self.text) {
                Parsed::Signed(value) => serializer.serialize_i64(value),
                Parsed::Unsigned(value) => serializer.serialize_u64(value),
                Parsed::Float(value) => serializer.serialize_f64(value),
            },
            ScalarKind::Number => serializer.serialize_str(&self.text),
        }
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["null", "boolean", "number", "string"]})
    }
}

struct ScalarVisitor;

impl ScalarVisitor {
    fn made(kind: ScalarKind, text: impl Into<Arc<str>>) -> Scalar {
        Scalar { kind, text: text.into(), span: Span::default() }
    }
}

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Scalar, A::Error> {
        let span = next_span(&mut parts)?;
        let kind = match parts.next_element::<u32>()? {
            Some(0) => ScalarKind::Null,
            Some(1) => ScalarKind::Bool,
            Some(2) => ScalarKind::Number,
            Some(3) => ScalarKind::String,
            _ => return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self)),
        };
        let text = parts.next_element()?.ok_or_else(|| A::Error::invalid_type(serde::de::Unexpected::Seq, &self))?;
        Ok(Scalar { kind, text, span })
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Self::made(ScalarKind::Null, "null"))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Self::made(ScalarKind::Bool, value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Self::made(ScalarKind::Number, value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Self::made(ScalarKind::Number, value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Self::made(ScalarKind::Number, value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Self::made(ScalarKind::String, value))
    }
}
