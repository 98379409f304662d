//! Tables in a database file of `SQLite`.

use engine_expr::{Dynamic, Setting, Template};
use engine_source::Map;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes records into tables in a database file of `SQLite`, a page in one transaction.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "sqlite sink", deny_unknown_fields)]
#[schemars(rename = "SqliteSink")]
pub struct SqliteSink {
    /// The path of the file, relative to the spec; it is made if it is not there.
    pub path: Template,
    /// Settings of the database, such as `{journal_mode: wal}`.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub pragmas: Map<Dynamic>,
    /// Whether tables may be made and widened; true if not given.
    pub create: Option<Setting<bool>>,
}
