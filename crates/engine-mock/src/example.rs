//! The example of an endpoint, read.

use std::path::Path;

use bytes::Bytes;
use engine_expr::{Members, Value};
use engine_request::{Format, Response};
use engine_spec::Example;

use crate::reply::JSON;

/// What an example is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// One JSON value.
    Json(Value),
    /// A JSON value per line.
    Ndjson(Vec<Value>),
    /// Rows; they are served as they are.
    Csv(String),
    /// Anything else, with its content type.
    Other(&'static str, Bytes),
}

impl Content {
    /// Reads an example; a file of one is relative to the folder. The error is a text for people.
    pub(crate) fn read(example: &Example, response: &Response, folder: &Path) -> Result<Self, String> {
        match example {
            Example::Body(body) => Self::of_value(body.value(), response.format),
            Example::File(file) => {
                let path = folder.join(file.as_str());
                let failed =
                    |error: &dyn std::fmt::Display| format!("can't read the example `{}`: {error}", path.display());
                let bytes = std::fs::read(&path).map_err(|error| failed(&error))?;
                let format = response.format.or_else(|| of_extension(path.extension()?.to_str()?));
                match String::from_utf8(bytes) {
                    Ok(text) => Self::of_text(text, format).map_err(|error| failed(&error)),
                    Err(error) => Ok(Self::Other("application/octet-stream", error.into_bytes().into())),
                }
            }
        }
    }

    fn of_value(value: &Value, format: Option<Format>) -> Result<Self, String> {
        match (value, format) {
            (Value::String(text), Some(Format::Json)) => Ok(Self::Json(Value::String(text.clone()))),
            (Value::String(text), format) => Self::of_text(text.to_string(), format),
            (Value::List(list), Some(Format::Ndjson)) => Ok(Self::Ndjson(list.items().to_vec())),
            (Value::List(list), Some(Format::Csv)) => Ok(Self::Csv(rows(list.items()))),
            _ => Ok(Self::Json(value.clone())),
        }
    }

    fn of_text(text: String, format: Option<Format>) -> Result<Self, String> {
        let json = |text: &str| Value::from_json(text).map_err(|error| error.to_string());
        Ok(match format {
            Some(Format::Json) => Self::Json(json(&text)?),
            Some(Format::Ndjson) => {
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                Self::Ndjson(lines.map(json).collect::<Result<_, _>>()?)
            }
            Some(Format::Csv) => Self::Csv(text),
            Some(Format::Xml) => Self::Other("application/xml", text.into()),
            Some(Format::Binary) => Self::Other("application/octet-stream", text.into()),
            Some(Format::Text) => Self::Other("text/plain; charset=utf-8", text.into()),
            None => match json(&text) {
                Ok(value @ (Value::Object(_) | Value::List(_))) => Self::Json(value),
                _ => Self::Other("text/plain; charset=utf-8", text.into()),
            },
        })
    }

    /// Returns the content type, and the body as it is sent whole.
    pub(crate) fn to_body(&self) -> (&'static str, Bytes) {
        match self {
            Self::Json(value) => (JSON, value.to_json().into()),
            Self::Ndjson(lines) => ("application/x-ndjson", ndjson(lines).into()),
            Self::Csv(text) => ("text/csv; charset=utf-8", text.clone().into()),
            Self::Other(content_type, bytes) => (content_type, bytes.clone()),
        }
    }
}

/// Writes values, one per line.
pub(crate) fn ndjson(lines: &[Value]) -> String {
    lines.iter().map(|line| line.to_json() + "\n").collect()
}

fn of_extension(extension: &str) -> Option<Format> {
    Some(match extension.to_ascii_lowercase().as_str() {
        "json" => Format::Json,
        "ndjson" | "jsonl" => Format::Ndjson,
        "csv" => Format::Csv,
        "xml" => Format::Xml,
        "txt" => Format::Text,
        _ => return None,
    })
}

/// Writes objects as rows below the names of their members.
fn rows(items: &[Value]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in items.iter().filter_map(Value::as_object).flat_map(Members::names) {
        if !names.contains(&&**name) {
            names.push(name);
        }
    }
    let quoted = |field: &str| {
        let needs_quotes = field.contains(['"', ',', '\n', '\r']);
        if needs_quotes { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
    };
    let row = |fields: Vec<String>| fields.join(",") + "\n";
    let mut text = row(names.iter().map(|name| quoted(name)).collect());
    for item in items {
        let field = |name: &&str| match item.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(value) => quoted(&value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned)),
        };
        text += &row(names.iter().map(field).collect());
    }
    text
}
