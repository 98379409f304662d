//! Single characters.

use std::borrow::Cow;

use engine_source::Spanned;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A single ASCII character, such as what stands between two fields of CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Character(u8);

impl Character {
    /// Returns the character as a byte.
    pub fn byte(self) -> u8 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Character {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Spanned::<String>::deserialize(deserializer)?;
        match text.value.as_bytes() {
            [byte @ (b'\t' | b' '..=b'~')] => Ok(Self(*byte)),
            _ => Err(D::Error::custom(format!(
                "[invalid-value] `{}` is not a single character\nhelp: write one ASCII character: `\";\"`",
                text.value
            ))),
        }
    }
}

impl Serialize for Character {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_char(char::from(self.0))
    }
}

impl JsonSchema for Character {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Character".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^[\t -~]$"})
    }
}
