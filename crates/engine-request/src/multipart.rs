//! Fields of a `multipart/form-data` body.

use std::borrow::Cow;

use engine_expr::{Dynamic, Template};
use engine_source::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::shape::Shape;

/// A field of a `multipart/form-data` body: a value, or a file.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum MultipartField {
    /// A value; a list repeats the field, an object is sent as JSON.
    Value(Dynamic),
    /// The content of a file.
    File(MultipartFile),
    /// A text that is sent as a file.
    Content(MultipartContent),
    /// Several of these, each a field of the same name.
    Several(Vec<Self>),
}

/// The content of a file as a field.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "file of a multipart body", deny_unknown_fields)]
#[schemars(rename = "MultipartFile")]
pub struct MultipartFile {
    /// The path of the file, relative to the spec.
    pub file: Template,
    /// The name that the API is told; that of the file if not given.
    pub filename: Option<Template>,
    /// The media type; by the file's name if not given.
    pub content_type: Option<Template>,
}

/// A text that is sent as a file.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "content of a multipart body", deny_unknown_fields)]
#[schemars(rename = "MultipartContent")]
pub struct MultipartContent {
    /// The text; what is no text is written as JSON.
    pub content: Dynamic,
    /// The name that the API is told.
    pub filename: Option<Template>,
    /// The media type; by the name if not given.
    pub content_type: Option<Template>,
}

impl<'de> Deserialize<'de> for MultipartField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Shape::deserialize(deserializer)?;
        if node.has("file") {
            return node.read().map(Self::File);
        }
        if node.has("content") {
            return node.read().map(Self::Content);
        }
        if let Kind::Seq(items) = node.kind()
            && items.iter().any(|item| item.get("file").is_some() || item.get("content").is_some())
        {
            return node.read().map(Self::Several);
        }
        node.read().map(Self::Value)
    }
}

impl JsonSchema for MultipartField {
    fn schema_name() -> Cow<'static, str> {
        "MultipartField".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let file = generator.subschema_for::<MultipartFile>();
        let content = generator.subschema_for::<MultipartContent>();
        let value = generator.subschema_for::<Dynamic>();
        let several = generator.subschema_for::<Vec<Self>>();
        json_schema!({
            "description": "A value, `{file, filename, content_type}`, `{content, filename, content_type}`, or a list of these.",
            "if": {"type": "object", "required": ["file"]},
            "then": file,
            "else": {
                "if": {"type": "object", "required": ["content"]},
                "then": content,
                "else": {
                    "if": {"type": "array", "contains": {"type": "object", "anyOf": [{"required": ["file"]}, {"required": ["content"]}]}},
                    "then": several,
                    "else": value,
                },
            },
        })
    }
}
