//! Files with rows of fields.

use engine_expr::{Setting, Template};
use engine_request::Character;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FileCompression;

/// Writes records into files as rows of fields (RFC 4180).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "csv sink", deny_unknown_fields)]
#[schemars(rename = "CsvSink")]
pub struct CsvSink {
    /// The path of the file, relative to the spec; a template over the item makes a file per value.
    pub path: Template,
    /// How it is packed; `none` if not given.
    pub compression: Option<FileCompression>,
    /// What stands between two fields; `,` if not given.
    pub delimiter: Option<Character>,
    /// Whether the first row has the names; true if not given.
    pub header: Option<Setting<bool>>,
}
