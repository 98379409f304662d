//! Names of endpoints, as steps write them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use engine_request::Name;
use engine_source::{Span, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of an endpoint: `API.ENDPOINT`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndpointRef {
    /// The name of the API.
    pub api: Arc<str>,
    /// The name of the endpoint in it.
    pub endpoint: Arc<str>,
    /// Where it is written.
    pub span: Span,
}

/// The name of an endpoint, or all endpoints of an API that can be read without params: `API.*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EndpointPattern {
    /// One endpoint.
    One(EndpointRef),
    /// All endpoints of the API of this name.
    All(Spanned<Arc<str>>),
}

impl EndpointRef {
    /// The regular expression that its deserialization agrees with.
    pub const PATTERN: &'static str = r"^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$";
}

impl EndpointPattern {
    /// The regular expression that its deserialization agrees with.
    pub const PATTERN: &'static str = r"^[A-Za-z_][A-Za-z0-9_]*\.([A-Za-z_][A-Za-z0-9_]*|\*)$";

    /// Returns where it is written.
    pub fn span(&self) -> Span {
        match self {
            Self::One(endpoint) => endpoint.span,
            Self::All(api) => api.span,
        }
    }
}

impl fmt::Display for EndpointRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.api, self.endpoint)
    }
}

fn parse(text: Spanned<Arc<str>>) -> Result<EndpointPattern, String> {
    match text.value.split_once('.') {
        Some((api, "*")) if Name::is_name(api) => {
            Ok(EndpointPattern::All(text.map(|text| text.trim_end_matches(".*").into())))
        }
        Some((api, endpoint)) if Name::is_name(api) && Name::is_name(endpoint) => {
            Ok(EndpointPattern::One(EndpointRef { api: api.into(), endpoint: endpoint.into(), span: text.span }))
        }
        _ => Err(format!("[invalid-value] `{}` does not name an endpoint\nhelp: write `API.ENDPOINT`", text.value)),
    }
}

impl<'de> Deserialize<'de> for EndpointRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match parse(Spanned::deserialize(deserializer)?).map_err(D::Error::custom)? {
            EndpointPattern::One(endpoint) => Ok(endpoint),
            EndpointPattern::All(api) => Err(D::Error::custom(format!(
                "[invalid-value] `{api}.*` names several endpoints, where one is wanted\nhelp: write `{api}.ENDPOINT`",
                api = api.value
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for EndpointPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(Spanned::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for EndpointRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for EndpointPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(endpoint) => endpoint.serialize(serializer),
            Self::All(api) => serializer.collect_str(&format_args!("{}.*", api.value)),
        }
    }
}

impl JsonSchema for EndpointRef {
    fn schema_name() -> Cow<'static, str> {
        "EndpointRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": Self::PATTERN, "description": "The name of an endpoint: `API.ENDPOINT`."})
    }
}

impl JsonSchema for EndpointPattern {
    fn schema_name() -> Cow<'static, str> {
        "EndpointPattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": Self::PATTERN,
            "description": "The name of an endpoint, `API.ENDPOINT`, or all endpoints of an API that can be read without params, `API.*`.",
        })
    }
}
