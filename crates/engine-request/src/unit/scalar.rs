//! Units as settings: a literal, or a template that gives one.

use std::borrow::Cow;
use std::str::FromStr;

use engine_expr::{Scalar, Value};
use schemars::{Schema, json_schema};

use super::{Period, Rate, Size, Status, StatusPattern, Window};
use crate::RetryOn;

/// Reads a unit from a text, or from a number where its digits are one.
fn read<T: FromStr<Err = String>>(value: &Value, what: &str) -> Result<T, String> {
    match value {
        Value::String(text) => text.parse(),
        Value::Number(number) => number.to_string().parse(),
        other => Err(format!("[wrong-type] {what} is expected here, not {}", other.a_kind())),
    }
}

macro_rules! unit {
    ($type:ty, $name:literal, $what:literal, $description:literal) => {
        impl Scalar for $type {
            fn from_value(value: &Value) -> Result<Self, String> {
                read(value, $what)
            }

            fn scalar_schema() -> Schema {
                json_schema!({"type": "string", "pattern": Self::PATTERN, "description": $description})
            }

            fn scalar_name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

unit!(
    Period,
    "Duration",
    "a duration",
    "A duration: a number and one of the units `ms`, `s`, `m`, `h`, `d`, `w`, such as `30s`."
);
unit!(Window, "Window", "a duration", "A duration such as `30d`, or months or years: `1mo`, `1y`.");
unit!(
    Size,
    "Size",
    "a size",
    "A size: a number and one of the units `B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`, such as `10MB`."
);
unit!(Rate, "Rate", "a rate", "A rate: how many in what time, such as `100/10s`.");

macro_rules! statuses {
    ($type:ty, $name:literal, $what:literal, $description:literal) => {
        impl Scalar for $type {
            fn from_value(value: &Value) -> Result<Self, String> {
                read(value, $what)
            }

            fn scalar_schema() -> Schema {
                json_schema!({
                    "anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": Self::PATTERN}],
                    "description": $description,
                })
            }

            fn scalar_name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

statuses!(StatusPattern, "Status", "a status", "A status, a class or a span of statuses: `429`, `5xx`, `400-403`.");
statuses!(
    RetryOn,
    "RetryOn",
    "a status, `timeout` or `connect`",
    "After what to send again: a status such as `429` or `5xx`, `timeout`, or `connect`."
);

impl Scalar for Status {
    fn from_value(value: &Value) -> Result<Self, String> {
        read(value, "a status")
    }

    fn scalar_schema() -> Schema {
        json_schema!({"type": "integer", "minimum": 100, "maximum": 599, "description": "A status, such as `201`."})
    }

    fn scalar_name() -> Cow<'static, str> {
        "StatusCode".into()
    }
}
