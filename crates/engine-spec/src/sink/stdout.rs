//! The output of the program.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Prints records to the output of the program.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "stdout sink", deny_unknown_fields)]
#[schemars(rename = "StdoutSink")]
pub struct StdoutSink {
    /// How they are printed; `jsonl` if not given.
    pub format: Option<StdoutFormat>,
}

/// How records are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "format", rename_all = "snake_case")]
#[schemars(rename = "StdoutFormat")]
pub enum StdoutFormat {
    /// A JSON text per line.
    #[default]
    Jsonl,
    /// One JSON list.
    Json,
    /// Rows of fields (RFC 4180).
    Csv,
    /// A table for people.
    Table,
}
