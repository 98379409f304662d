//! What a step reads.

use std::borrow::Cow;

use engine_expr::{Dynamic, Setting, Template};
use engine_request::{Incremental, Name, Pagination, QueryValue, Removable, Shape};
use engine_source::{Kind, Map};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{EndpointPattern, EndpointRef};

/// What a step reads: an endpoint, a pattern, a list of such, the long form, or what a sink holds.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Read {
    /// An endpoint, or all of an API that need no params.
    Endpoint(EndpointPattern),
    /// Several, one after another.
    Many(Vec<EndpointPattern>),
    /// The long form.
    Long(Box<ReadEndpoint>),
    /// A table of a sink.
    Table(ReadTable),
    /// A query on a sink.
    Query(ReadQuery),
}

/// An endpoint to read, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a read", deny_unknown_fields)]
#[schemars(rename = "ReadEndpoint")]
pub struct ReadEndpoint {
    /// The endpoint: `API.ENDPOINT`.
    pub endpoint: EndpointRef,
    /// What its params are; under `for_each` they still see the outer `item`.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub params: Map<Dynamic>,
    /// Values of the query, merged over the endpoint's by key.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<QueryValue>>")]
    pub query: Map<QueryValue>,
    /// Headers, merged over the endpoint's by key.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<QueryValue>>")]
    pub headers: Map<QueryValue>,
    /// Members of the endpoint's `incremental` to override; `none` reads everything.
    pub incremental: Option<Removable<Incremental>>,
    /// How the pages follow each other, instead of what the endpoint says.
    pub paginate: Option<Removable<Pagination>>,
    /// How many records are read at most.
    pub limit: Option<Setting<u64>>,
}

/// A table of a sink to read.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a read of a table", deny_unknown_fields)]
#[schemars(rename = "ReadTable")]
pub struct ReadTable {
    /// The sink.
    pub sink: Name,
    /// The table.
    pub table: Template,
}

/// A query on a sink.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a read by a query", deny_unknown_fields)]
#[schemars(rename = "ReadQuery")]
pub struct ReadQuery {
    /// The sink.
    pub sink: Name,
    /// The query in the sink's language, with `:name` for params.
    pub query: engine_request::Text,
    /// The values that are bound to it.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub params: Map<Dynamic>,
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::Seq(_) => shape.read().map(Self::Many),
            Kind::Map(_) if shape.has("sink") && shape.has("query") => shape.read().map(Self::Query),
            Kind::Map(_) if shape.has("sink") => shape.read().map(Self::Table),
            Kind::Map(_) => shape.read().map(Self::Long),
            _ => shape.read().map(Self::Endpoint),
        }
    }
}

impl JsonSchema for Read {
    fn schema_name() -> Cow<'static, str> {
        "Read".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let endpoint = generator.subschema_for::<EndpointPattern>();
        let many = generator.subschema_for::<Vec<EndpointPattern>>();
        let long = generator.subschema_for::<ReadEndpoint>();
        let table = generator.subschema_for::<ReadTable>();
        let query = generator.subschema_for::<ReadQuery>();
        json_schema!({
            "description": "An endpoint (`API.ENDPOINT`), a list of them, a pattern (`API.*`), the long form, `{sink, table}` or `{sink, query, params}`.",
            "anyOf": [endpoint, many, long, table, query],
        })
    }
}
