//! Pages whose next request is computed from the answer.

use std::borrow::Cow;

use engine_expr::{Condition, Dynamic, Expr, Setting};
use engine_source::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::shape::Shape;
use crate::{Keyed, Place};

/// Computes what the next request sends from the answer, until every value is missing.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "custom pagination", deny_unknown_fields)]
#[schemars(rename = "CustomPagination")]
pub struct CustomPagination {
    /// What the next request sends: a map of places to values, or a path to an object that is merged into the query.
    ///
    /// The values see `response`, `page` and `last`; missing, null, false and `""` mean that there is no next page.
    pub next: CustomNext,
    /// Ends the reading after the page on which it holds, such as `page.count < 100`.
    pub stop_when: Option<Condition>,
    /// Begins anew from the largest cursor value after so many records, for APIs with a depth limit.
    pub restart_after: Option<Setting<u64>>,
    /// Guards against an endless read: reaching so many pages is an error. To read less, use `limit`.
    pub max_pages: Option<Setting<u64>>,
}

/// What the next request of a custom pagination sends.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum CustomNext {
    /// Values, each with the place where it is sent.
    Places(Keyed<Place, Dynamic>),
    /// An object that is merged into the query, such as `MediaWiki`'s `$.continue`.
    Query(Expr),
}

impl<'de> Deserialize<'de> for CustomNext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Shape::deserialize(deserializer)?;
        match node.kind() {
            Kind::Map(_) => node.read().map(Self::Places),
            _ => node.read().map(Self::Query),
        }
    }
}

impl JsonSchema for CustomNext {
    fn schema_name() -> Cow<'static, str> {
        "CustomNext".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let query = generator.subschema_for::<Expr>();
        let places = generator.subschema_for::<Keyed<Place, Dynamic>>();
        json_schema!({"anyOf": [query, places]})
    }
}
