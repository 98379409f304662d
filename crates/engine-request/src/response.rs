//! How an answer is read.

use std::ops::RangeInclusive;

use engine_expr::{Expr, Setting, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Character, CsvHeader, Size, Text};

/// How an answer is read.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "response", deny_unknown_fields)]
#[schemars(rename = "Response")]
pub struct Response {
    /// What the body is; by its content type if not given, and JSON where that says nothing.
    pub format: Option<Format>,
    /// How the body is packed, beside what HTTP itself unpacks; `auto` if not given.
    pub compression: Option<Packing>,
    /// The character encoding, such as `iso-8859-1`; by a byte order mark or the content type if not given, and UTF-8 where those say nothing.
    pub encoding: Option<Text>,
    /// How CSV is written.
    pub csv: Option<CsvFormat>,
    /// How XML is read.
    pub xml: Option<XmlFormat>,
    /// The file that a binary body is written to, such as `./out/{{ params.id }}.pdf`.
    pub to: Option<Template>,
    /// A path to what is taken as the body, such as `$.data`.
    pub body: Option<Expr>,
    /// How large the body may be, unpacked, such as `5GB`; if not given `1GB`, and less for what is taken as a whole.
    pub max_size: Option<Setting<Size>>,
    /// How many headers an answer may have; 100 if not given.
    pub max_headers: Option<Setting<u32>>,
    /// How large the headers of an answer may be together, such as `1MB`; `400KiB` if not given.
    pub max_header_size: Option<Setting<Size>>,
}

impl Response {
    /// How many headers a spec may allow.
    pub const HEADERS: RangeInclusive<u32> = 1..=10_000;
    /// How many bytes of headers a spec may allow.
    pub const HEADER_SIZES: RangeInclusive<u64> = 1_000..=16_000_000;
}

/// What a body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "format", rename_all = "snake_case")]
#[schemars(rename = "Format")]
pub enum Format {
    /// One JSON text.
    #[default]
    Json,
    /// A JSON text per line.
    Ndjson,
    /// Rows of fields (RFC 4180).
    Csv,
    /// An XML document.
    Xml,
    /// A text.
    Text,
    /// Bytes, which are written to a file: `to`.
    Binary,
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "compression", rename_all = "snake_case")]
#[schemars(rename = "Packing")]
pub enum Packing {
    /// As its first bytes say.
    #[default]
    Auto,
    /// With gzip (RFC 1952).
    Gzip,
    /// As the only file of a ZIP archive.
    Zip,
    /// Not at all.
    None,
}

/// How CSV is written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "csv format", deny_unknown_fields)]
#[schemars(rename = "CsvFormat")]
pub struct CsvFormat {
    /// What stands between two fields; `,` if not given.
    pub delimiter: Option<Character>,
    /// What stands around a field; `"` if not given.
    pub quote: Option<Character>,
    /// True if the first row has the names, or the names themselves; true if not given.
    pub header: Option<CsvHeader>,
    /// How many lines to pass over before the first row; 0 if not given.
    pub skip: Option<Setting<u64>>,
}

/// How XML is read.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "xml format", deny_unknown_fields)]
#[schemars(rename = "XmlFormat")]
pub struct XmlFormat {
    /// The elements that are lists even where there is one, by their names as they are written; those that a path takes as lists are anyway.
    pub lists: Vec<Text>,
}
