//! Examples of answers.

use std::borrow::Cow;

use engine_request::{Shape, Text};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Literal;

/// An example of an answer: its body, or the path of a file with it, relative to the spec.
///
/// A text is a path if it looks like one: no spaces, and an extension at its end, such as `examples/orders.json`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Example {
    /// The path of a file.
    File(Text),
    /// The body.
    Body(Literal),
}

/// Returns whether a text looks like the path of a file.
fn is_path(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or(text);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    !text.contains(|c: char| c.is_whitespace() || "{}<>\"".contains(c))
        && extension.is_some_and(|it| (1..=6).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_alphanumeric()))
}

impl<'de> Deserialize<'de> for Example {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        if shape.as_str().is_some_and(is_path) {
            return shape.read().map(Self::File);
        }
        shape.read().map(Self::Body)
    }
}

impl JsonSchema for Example {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Example".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}
