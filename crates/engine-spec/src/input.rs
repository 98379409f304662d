//! What a run or an endpoint is given.

use engine_expr::{Dynamic, Setting};
use engine_request::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Literal;

/// A value that a run is given: by `--input name=value`, `--inputs file.yaml`, or the environment, in this order.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "an input", deny_unknown_fields)]
#[schemars(rename = "Input")]
pub struct Input {
    /// What kind of value it is.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// The value if none is given.
    #[serde(default, deserialize_with = "engine_request::given")]
    #[schemars(with = "Dynamic")]
    pub default: Option<Dynamic>,
    /// Whether it must be given; false if not said.
    pub required: Option<Setting<bool>>,
    /// The values that it may have.
    #[serde(rename = "enum")]
    pub values: Option<Vec<Literal>>,
    /// A regular expression that its text must match.
    pub pattern: Option<Text>,
    /// The variable of the environment that it is taken from.
    pub env: Option<Text>,
    /// What it is, for people.
    pub description: Option<String>,
}

/// A parameter of an endpoint: what a call or a read gives it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a param", deny_unknown_fields)]
#[schemars(rename = "Param")]
pub struct Param {
    /// What kind of value it is.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// The value if none is given.
    #[serde(default, deserialize_with = "engine_request::given")]
    #[schemars(with = "Dynamic")]
    pub default: Option<Dynamic>,
    /// Whether it must be given; false if not said.
    pub required: Option<Setting<bool>>,
    /// The values that it may have.
    #[serde(rename = "enum")]
    pub values: Option<Vec<Literal>>,
    /// A regular expression that its text must match.
    pub pattern: Option<Text>,
    /// What it is, for people.
    pub description: Option<String>,
}

/// What kind of value an input or a param is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "type", rename_all = "snake_case")]
#[schemars(rename = "InputType")]
pub enum InputType {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A number whose digits are kept, such as an amount of money.
    Decimal,
    /// True or false.
    Boolean,
    /// A day, such as `2025-01-31`.
    Date,
    /// A moment, such as `2025-01-31T10:00:00Z`.
    Datetime,
    /// A length of time, such as `15m`.
    Duration,
    /// A list.
    List,
    /// An object.
    Object,
}

impl InputType {
    /// Returns its name in a spec.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Duration => "duration",
            Self::List => "list",
            Self::Object => "object",
        }
    }
}
