//! Texts that are taken as they are.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use engine_source::{Span, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is taken as it is and not empty, where a template can't be: one in it is an error rather than ignored.
#[derive(Clone, Debug)]
pub struct Text(Spanned<Arc<str>>);

impl Text {
    /// The regular expression that its deserialization agrees with.
    pub const PATTERN: &'static str = r"^(?![\s\S]*\{[{%])[\s\S]";

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0.value
    }

    /// Returns its place.
    pub fn span(&self) -> Span {
        self.0.span
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Spanned::<Arc<str>>::deserialize(deserializer)?;
        if text.value.is_empty() {
            return Err(D::Error::custom(
                "[invalid-value] the text is empty\nhelp: write a text, or take the key away",
            ));
        }
        if text.value.contains("{{") || text.value.contains("{%") {
            return Err(D::Error::custom("[invalid-value] a template is not taken here\nhelp: write the text itself"));
        }
        Ok(Self(text))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": Self::PATTERN})
    }
}
