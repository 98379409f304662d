//! Answers of endpoints in a test.

use std::borrow::Cow;

use engine_expr::{Setting, Template};
use engine_request::{Group, Shape, Status, Text, exclusive, groups_schema};
use engine_source::{Kind, Map};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MadeUp;
use crate::Literal;

const GROUPS: &[Group] = &[
    Group::at_most_one(&["json", "text", "file", "timeout", "pages"]),
    Group::at_most_one(&["torn", "timeout", "pages"]),
];

/// How an endpoint answers in a test: an answer, or `example` for that of the endpoint.
#[derive(Clone, Debug)]
pub enum Answering {
    /// The endpoint's `example`, page by page where it has pages.
    Example,
    /// An answer.
    Answer(Box<Answer>),
}

/// An answer of an endpoint in a test. Texts with `{{ }}` are templates over `request` and `inputs`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "an answer", deny_unknown_fields, remote = "Self")]
#[schemars(rename = "Answer", transform = groups_schema(GROUPS))]
pub struct Answer {
    /// Its status; 200 if not given.
    pub status: Option<Setting<Status>>,
    /// Its headers.
    #[serde(default, deserialize_with = "engine_request::nullable")]
    #[schemars(with = "Option<Map<MadeUp>>")]
    pub headers: Map<MadeUp>,
    /// Its body, as JSON; as the endpoint's `response` says where that is CSV, XML or lines.
    #[serde(default, deserialize_with = "engine_request::given")]
    #[schemars(with = "MadeUp")]
    pub json: Option<MadeUp>,
    /// Its body, as it is.
    pub text: Option<Template>,
    /// The file that has its body; the path is relative to the spec.
    pub file: Option<Text>,
    /// The records of all pages: each request gets the page that it asks for, in the way of the endpoint's pagination.
    pub pages: Option<Vec<Literal>>,
    /// How many records a page has; half of them if not given.
    pub size: Option<u64>,
    /// True if the connection breaks in the middle of the body.
    pub torn: Option<bool>,
    /// True if no answer comes in time.
    pub timeout: Option<bool>,
}

exclusive!(Answer, "an answer", GROUPS);

impl<'de> Deserialize<'de> for Answering {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The word for the endpoint's own answer.
        #[derive(Deserialize)]
        #[serde(rename = "an answer", rename_all = "snake_case")]
        enum Word {
            Example,
        }

        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::String(_) => shape.read::<Word, _>().map(|Word::Example| Self::Example),
            _ => shape.read().map(|answer| Self::Answer(Box::new(answer))),
        }
    }
}

impl Serialize for Answering {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Example => serializer.serialize_str("example"),
            Self::Answer(answer) => answer.serialize(serializer),
        }
    }
}

impl JsonSchema for Answering {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Answering".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let answer = generator.subschema_for::<Answer>();
        json_schema!({"anyOf": [{"const": "example", "description": "The endpoint's `example`."}, answer]})
    }
}
