//! Parquet files.

use engine_expr::{Setting, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes records into Parquet files.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "parquet sink", deny_unknown_fields)]
#[schemars(rename = "ParquetSink")]
pub struct ParquetSink {
    /// The path of the file, relative to the spec; a template over the item makes a file per value.
    pub path: Template,
    /// How its columns are packed; `zstd` if not given.
    pub compression: Option<ParquetCompression>,
    /// How many rows are in a row group; 100,000 if not given, fewer where they are large.
    pub row_group: Option<Setting<u64>>,
}

/// How the columns of a Parquet file are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "compression", rename_all = "snake_case")]
#[schemars(rename = "ParquetCompression")]
pub enum ParquetCompression {
    /// Not at all.
    None,
    /// With Snappy.
    Snappy,
    /// With gzip (RFC 1952).
    Gzip,
    /// With Zstandard (RFC 8878).
    #[default]
    Zstd,
}
