//! Where the records are in a body.

use std::borrow::Cow;

use engine_expr::Expr;
use engine_source::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::shape::Shape;

/// Where the records are in the body of an answer: a path such as `$.items`, or `{from, missing}`.
///
/// A path to one list means its members.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Records {
    /// A path; a body without that member is an error.
    At(Expr),
    /// A path, and what a body without that member means.
    Long(RecordsFrom),
}

/// Where the records are, and what a body without them means.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "records", deny_unknown_fields)]
#[schemars(rename = "RecordsFrom")]
pub struct RecordsFrom {
    /// The path of the records, such as `$.items`.
    pub from: Expr,
    /// What a body without that member means; `error` if not given.
    pub missing: Option<MissingRecords>,
}

/// What a body without records means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "missing", rename_all = "snake_case")]
#[schemars(rename = "MissingRecords")]
pub enum MissingRecords {
    /// An error that names the members there are.
    #[default]
    Error,
    /// An empty page.
    Empty,
}

impl Records {
    /// Returns the path of the records.
    pub fn from(&self) -> &Expr {
        match self {
            Self::At(path) => path,
            Self::Long(long) => &long.from,
        }
    }

    /// Returns what a body without records means.
    pub fn missing(&self) -> MissingRecords {
        match self {
            Self::At(_) => MissingRecords::default(),
            Self::Long(long) => long.missing.unwrap_or_default(),
        }
    }
}

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Shape::deserialize(deserializer)?;
        match node.kind() {
            Kind::Map(_) => node.read().map(Self::Long),
            _ => node.read().map(Self::At),
        }
    }
}

impl JsonSchema for Records {
    fn schema_name() -> Cow<'static, str> {
        "Records".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let at = generator.subschema_for::<Expr>();
        let long = generator.subschema_for::<RecordsFrom>();
        json_schema!({
            "description": "Where the records are in the body of an answer: a path such as `$.items`, or `{from, missing}`.",
            "anyOf": [at, long],
        })
    }
}
