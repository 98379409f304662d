//! Names that others refer to.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use engine_source::{Span, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name that others refer to: letters, digits and underscores, not beginning with a digit.
#[derive(Clone, Debug)]
pub struct Name(Spanned<Arc<str>>);

impl Name {
    /// The regular expression that [`Name::check`] agrees with.
    pub const PATTERN: &'static str = "^[A-Za-z_][A-Za-z0-9_]*$";

    /// Makes a name of a text that [is one](Self::is_name).
    pub fn new(text: Spanned<Arc<str>>) -> Result<Self, String> {
        Self::check(&text.value)?;
        Ok(Self(text))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0.value
    }

    /// Returns its place.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// Returns the text with its place.
    pub fn into_spanned(self) -> Spanned<Arc<str>> {
        self.0
    }

    /// Returns whether a text is a name.
    pub fn is_name(text: &str) -> bool {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    }

    /// Returns the error about a text that is no name.
    pub fn check(text: &str) -> Result<(), String> {
        if Self::is_name(text) {
            return Ok(());
        }
        let mut better: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if better.starts_with(|c: char| c.is_ascii_digit()) {
            better.insert(0, '_');
        }
        let help = if better.contains(|c: char| c != '_') {
            format!("write `{better}`: letters, digits and underscores, not beginning with a digit")
        } else {
            "use letters, digits and underscores, not beginning with a digit".to_owned()
        };
        Err(format!("[invalid-name] `{text}` is not a name\nhelp: {help}"))
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Spanned::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl JsonSchema for Name {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": Self::PATTERN})
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn knows_names() {
        for name in ["a", "_", "list_orders", "V2", "_1"] {
            assert!(Name::is_name(name), "{name}");
        }
        for (text, better) in [("list-orders", "list_orders"), ("2nd", "_2nd"), ("a b", "a_b"), ("a.b", "a_b")] {
            assert!(Name::check(text).is_err_and(|error| error.contains(&format!("`{better}`"))), "{text}");
        }
        for text in ["", "é", "-"] {
            assert!(Name::check(text).is_err(), "{text}");
        }
    }
}
