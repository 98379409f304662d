//! The serde Deserializer of a key.

use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::access::Parts;
use super::error::{DeError, Problem};
use super::value::De;
use super::words;
use crate::entry::Key;
use crate::finding::Finding;
use crate::resolve::{Parsed, is_number, parse_number};
use crate::similar;
use crate::spanned;

/// A key, to be read as typed data.
#[derive(Clone, Copy)]
pub(super) struct KeyDe<'a> {
    pub(super) key: &'a Key,
    /// The value of the key, which falls with it.
    pub(super) value: De<'a>,
}

impl KeyDe<'_> {
    /// Notes a failure at the key, unless that is done.
    pub(super) fn note(self, error: DeError) -> DeError {
        let Some(problem) = error.0 else { return DeError::noted() };
        let name = &self.key.text;
        let finding = match *problem {
            Problem::Custom { code, message, label, help, fix } => Finding::error(code, message)
                .label(self.key.span, label.unwrap_or_default())
                .help_if(help)
                .meant(self.key.span, fix),
            Problem::WrongType { expected } => {
                let expected = words::expected(&expected);
                Finding::error("wrong-type", format!("the key `{name}` where {expected} is expected"))
                    .label(self.key.span, format!("expected {expected}"))
            }
            Problem::Missing(field) => {
                Finding::error("missing-field", format!("missing field `{field}`")).label(self.key.span, "")
            }
        };
        self.value.fail(Some(finding))
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if !is_number(&self.key.text) {
            return Err(DeError::wrong_type(&visitor));
        }
        match parse_number(&self.key.text) {
            Parsed::Signed(value) => visitor.visit_i64(value),
            Parsed::Unsigned(value) => visitor.visit_u64(value),
            Parsed::Float(value) => visitor.visit_f64(value),
        }
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
            self.number(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for KeyDe<'_> {
    type Error = DeError;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_str(&self.key.text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, DeError> {
        match name {
            spanned::NAME => visitor.visit_seq(Parts::spanned(self.key.span, self)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let text = &*self.key.text;
        if !variants.contains(&text) {
            let noun = words::noun(name);
            let finding = Finding::error("unknown-variant", format!("unknown {noun} `{text}`"))
                .label(self.key.span, format!("not a {noun}"))
                .help_if(similar::suggest(text, variants.iter().copied()))
                .meant(self.key.span, similar::certain(text, variants.iter().copied()));
            return Err(self.value.fail(Some(finding)));
        }
        let text: StrDeserializer<'_, DeError> = text.into_deserializer();
        visitor.visit_enum(text)
    }

    forward_to_deserialize_any! {
        bool i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}
