//! What a test expects to be sent.

use std::borrow::Cow;
use std::fmt;

use engine_request::{Method, OneOrMany};
use engine_source::{Map, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{EndpointRef, Literal};

/// What is sent, by endpoint, and in which order.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// The endpoints in the order in which they are asked.
    pub order: Option<Vec<EndpointRef>>,
    /// What is sent to each endpoint.
    pub endpoints: Map<RequestsExpectation>,
}

/// What is sent to an endpoint.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "expected requests", deny_unknown_fields)]
#[schemars(rename = "RequestsExpectation")]
pub struct RequestsExpectation {
    /// How many requests.
    pub count: Option<u64>,
    /// The query of at least one of them.
    pub query: Option<Literal>,
    /// The headers of at least one of them.
    pub headers: Option<Literal>,
    /// The body of at least one of them.
    #[serde(default, deserialize_with = "engine_request::given")]
    #[schemars(with = "Literal")]
    pub body: Option<Literal>,
    /// The last one.
    pub last: Option<RequestShape>,
    /// Every one of them, or a list of all in turn.
    pub all: Option<OneOrMany<RequestShape>>,
}

/// What a request has.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "expected request", deny_unknown_fields)]
#[schemars(rename = "RequestShape")]
pub struct RequestShape {
    /// Its method.
    pub method: Option<Method>,
    /// Its whole URL.
    pub url: Option<String>,
    /// The path of its URL.
    pub path: Option<String>,
    /// Its query.
    pub query: Option<Literal>,
    /// Its headers.
    pub headers: Option<Literal>,
    /// Its body.
    #[serde(default, deserialize_with = "engine_request::given")]
    #[schemars(with = "Literal")]
    pub body: Option<Literal>,
}

impl<'de> Deserialize<'de> for Requests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Requests;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Requests, A::Error> {
                let mut requests = Requests::default();
                while let Some(key) = map.next_key::<Spanned<std::sync::Arc<str>>>()? {
                    if &*key.value == "order" {
                        requests.order = map.next_value()?;
                    } else {
                        requests.endpoints.insert(key, map.next_value()?);
                    }
                }
                Ok(requests)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl Serialize for Requests {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(order) = &self.order {
            map.serialize_entry("order", order)?;
        }
        for (name, expectation) in &self.endpoints {
            map.serialize_entry(&name.value, expectation)?;
        }
        map.end()
    }
}

impl JsonSchema for Requests {
    fn schema_name() -> Cow<'static, str> {
        "Requests".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut order = generator.subschema_for::<Option<Vec<EndpointRef>>>();
        order.insert("description".to_owned(), "The endpoints in the order in which they are asked.".into());
        let endpoint = generator.subschema_for::<RequestsExpectation>();
        json_schema!({
            "type": "object",
            "description": "What is sent, by endpoint; `order` lists the endpoints in turn.",
            "properties": {"order": order},
            "additionalProperties": endpoint,
        })
    }
}
