//! What a step reads.

use std::borrow::Cow;

use engine_expr::{Dynamic, Setting, Template};
use engine_request::{
    Group, Incremental, Name, Pagination, QueryValue, Removable, Shape, Text, exclusive, groups_schema,
};
use engine_source::{Kind, Map};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{EndpointPattern, EndpointRef};

const GROUPS: &[Group] = &[Group::at_most_one(&["table", "query", "path"])];

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
    /// What a sink holds.
    Sink(Box<ReadSink>),
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

/// What a sink holds, to read.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a read of a sink", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "ReadSink", transform = groups_schema(GROUPS))]
pub struct ReadSink {
    /// The sink: a database or a file.
    pub sink: Name,
    /// The table of a database.
    pub table: Option<Template>,
    /// A query of a database, in its own language, with `:name` for params.
    pub query: Option<Text>,
    /// The values that are bound to the query.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    pub params: Map<Dynamic>,
    /// The path of a file, instead of the sink's.
    pub path: Option<Template>,
}

exclusive!(ReadSink, "a read of a sink", GROUPS);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::Seq(_) => shape.read().map(Self::Many),
            Kind::Map(_) if shape.has("sink") => shape.read().map(Self::Sink),
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
        let sink = generator.subschema_for::<ReadSink>();
        json_schema!({
            "description": "An endpoint (`API.ENDPOINT`), a list of them, a pattern (`API.*`), the long form, or what a sink holds: `{sink, table}`, `{sink, query, params}` or `{sink, path}`.",
            "anyOf": [endpoint, many, long, sink],
        })
    }
}
