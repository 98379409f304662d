//! Tables of a Postgres database.

use engine_expr::{Setting, Template};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes records into tables of a Postgres database, a page in one transaction.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "postgres sink", deny_unknown_fields)]
#[schemars(rename = "PostgresSink")]
pub struct PostgresSink {
    /// The URL of the database, such as `"{{ secrets.database_url }}"`.
    pub url: Template,
    /// The schema of the tables; that of the connection if not given.
    pub schema: Option<Template>,
    /// Whether tables may be made and widened; true if not given.
    pub create: Option<Setting<bool>>,
}
