//! Calls of endpoints.

use std::borrow::Cow;

use engine_expr::{Condition, Dynamic, Setting};
use engine_request::{Body, Period, QueryValue, Shape};
use engine_source::{Kind, Map};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::EndpointRef;

/// A call of an endpoint: its name, or `{endpoint, params, …}`.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The endpoint: `API.ENDPOINT`.
    pub endpoint: EndpointRef,
    /// What its params are.
    pub params: Map<Dynamic>,
    /// Values of the query, merged over the endpoint's by key.
    pub query: Map<QueryValue>,
    /// Headers, merged over the endpoint's by key.
    pub headers: Map<QueryValue>,
    /// What is sent, instead of the endpoint's body.
    pub body: Option<Body>,
    /// Calls again until it holds, over `response`.
    pub until: Option<Condition>,
    /// How long to wait between two calls; `10s` if not given.
    pub every: Option<Setting<Period>>,
    /// How long to call again at most; `1h` if not given.
    pub timeout: Option<Setting<Period>>,
}

/// The long form of a call.
#[derive(Deserialize, JsonSchema)]
#[serde(rename = "a call", deny_unknown_fields)]
#[schemars(rename = "Call")]
struct LongCall {
    /// The endpoint: `API.ENDPOINT`.
    endpoint: EndpointRef,
    /// What its params are.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<Dynamic>>")]
    params: Map<Dynamic>,
    /// Values of the query, merged over the endpoint's by key.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<QueryValue>>")]
    query: Map<QueryValue>,
    /// Headers, merged over the endpoint's by key.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<QueryValue>>")]
    headers: Map<QueryValue>,
    /// What is sent, instead of the endpoint's body.
    body: Option<Body>,
    /// Calls again until it holds, over `response`.
    until: Option<Condition>,
    /// How long to wait between two calls; `10s` if not given.
    every: Option<Setting<Period>>,
    /// How long to call again at most; `1h` if not given.
    timeout: Option<Setting<Period>>,
}

impl<'de> Deserialize<'de> for Call {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        if !matches!(shape.kind(), Kind::Map(_)) {
            return Ok(Self {
                endpoint: shape.read()?,
                params: Map::default(),
                query: Map::default(),
                headers: Map::default(),
                body: None,
                until: None,
                every: None,
                timeout: None,
            });
        }
        let LongCall { endpoint, params, query, headers, body, until, every, timeout } = shape.read()?;
        Ok(Self { endpoint, params, query, headers, body, until, every, timeout })
    }
}

impl JsonSchema for Call {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CallForms".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let endpoint = generator.subschema_for::<EndpointRef>();
        let long = generator.subschema_for::<LongCall>();
        json_schema!({"anyOf": [endpoint, long]})
    }
}
