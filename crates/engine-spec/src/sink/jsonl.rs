//! Files with a JSON text per line.

use engine_expr::Template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes records into files, a JSON text per line.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "jsonl sink", deny_unknown_fields)]
#[schemars(rename = "JsonlSink")]
pub struct JsonlSink {
    /// The path of the file, relative to the spec; a template over the item makes a file per value.
    pub path: Template,
    /// How it is packed; `none` if not given.
    pub compression: Option<FileCompression>,
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "compression", rename_all = "snake_case")]
#[schemars(rename = "FileCompression")]
pub enum FileCompression {
    /// Not at all.
    #[default]
    None,
    /// With gzip (RFC 1952).
    Gzip,
    /// With Zstandard (RFC 8878).
    Zstd,
}
