//! The example of an endpoint, read.

use std::path::Path;

use bytes::Bytes;
use engine_expr::{Members, Value};
use engine_request::{CsvFormat, CsvHeader, Format, Response, write_xml};
use engine_source::Span;
use engine_spec::Example;

use crate::reply::JSON;

/// The content type of XML.
const XML: &str = "application/xml";

/// The content type of CSV.
const CSV: &str = "text/csv; charset=utf-8";

/// What an example is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// One JSON value.
    Json(Value),
    /// A JSON value per line.
    Ndjson(Vec<Value>),
    /// Objects that are sent as rows.
    Rows {
        items: Vec<Value>,
        /// The names of the columns, which a page without rows has too.
        names: Vec<String>,
        format: Option<CsvFormat>,
    },
    /// An object that is sent as XML.
    Xml(Value),
    /// Rows; they are served as they are.
    Csv(String),
    /// Anything else, with its content type.
    Other(&'static str, Bytes),
}

impl Content {
    /// Reads an example; a file of one is relative to the folder. The error is a text for people.
    pub(crate) fn read(example: &Example, response: &Response, folder: &Path) -> Result<Self, String> {
        match example {
            Example::Body(body) => Self::of_value(body.value(), response),
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

    /// Reads the value of an example.
    pub(crate) fn of_value(value: &Value, response: &Response) -> Result<Self, String> {
        match (value, response.format) {
            (Value::String(text), Some(Format::Json)) => Ok(Self::Json(Value::String(text.clone()))),
            (Value::String(text), format) => Self::of_text(text.to_string(), format),
            (Value::List(list), Some(Format::Ndjson)) => Ok(Self::Ndjson(list.items().to_vec())),
            (Value::List(list), Some(Format::Csv)) => {
                let names = columns(list.items(), response.csv.as_ref());
                Ok(Self::Rows { items: list.items().to_vec(), names, format: response.csv.clone() })
            }
            (Value::Object(_), Some(Format::Xml)) => {
                write_xml(value, Span::default()).map_err(|error| error.message)?;
                Ok(Self::Xml(value.clone()))
            }
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
            Some(Format::Xml) => Self::Other(XML, text.into()),
            Some(Format::Binary) => Self::Other("application/octet-stream", text.into()),
            Some(Format::Text) => Self::Other("text/plain; charset=utf-8", text.into()),
            None if text.trim_start().starts_with("<?xml") => Self::Other(XML, text.into()),
            None => match json(&text) {
                Ok(value @ (Value::Object(_) | Value::List(_))) => Self::Json(value),
                _ => Self::Other("text/plain; charset=utf-8", text.into()),
            },
        })
    }

    /// Returns its value, where it is made of one.
    pub(crate) fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Json(value) | Self::Xml(value) => value.clone(),
            Self::Ndjson(items) | Self::Rows { items, .. } => Value::list(items.clone()),
            Self::Csv(_) | Self::Other(..) => return None,
        })
    }

    /// Returns the same with another value.
    #[must_use]
    pub(crate) fn with_value(&self, value: Value) -> Self {
        let items = |value: &Value| value.as_list().unwrap_or_default().to_vec();
        match self {
            Self::Ndjson(_) => Self::Ndjson(items(&value)),
            Self::Rows { names, format, .. } => {
                Self::Rows { items: items(&value), names: names.clone(), format: format.clone() }
            }
            Self::Xml(_) => Self::Xml(value),
            Self::Json(_) | Self::Csv(_) | Self::Other(..) => Self::Json(value),
        }
    }

    /// Returns the content type, and the body as it is sent whole.
    pub(crate) fn to_body(&self) -> (&'static str, Bytes) {
        match self {
            Self::Json(value) => (JSON, value.to_json().into()),
            Self::Ndjson(lines) => ("application/x-ndjson", ndjson(lines).into()),
            Self::Rows { items, names, format } => (CSV, rows(items, names, format.as_ref()).into()),
            // What cannot be written was refused when it was read.
            Self::Xml(value) => (XML, write_xml(value, Span::default()).unwrap_or_default().into()),
            Self::Csv(text) => (CSV, text.clone().into()),
            Self::Other(content_type, bytes) => (content_type, bytes.clone()),
        }
    }
}

/// Writes values, one per line.
fn ndjson(lines: &[Value]) -> String {
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

/// Returns the names of the columns: those that the spec says, or those of all members.
fn columns(items: &[Value], format: Option<&CsvFormat>) -> Vec<String> {
    if let Some(CsvFormat { header: Some(CsvHeader::Names(names)), .. }) = format {
        return names.iter().map(ToString::to_string).collect();
    }
    let mut names: Vec<String> = Vec::new();
    for name in items.iter().filter_map(Value::as_object).flat_map(Members::names) {
        if !names.iter().any(|known| **known == **name) {
            names.push(name.to_string());
        }
    }
    names
}

/// Writes objects as rows below the names of their members, as the spec says that the API does.
fn rows(items: &[Value], names: &[String], format: Option<&CsvFormat>) -> String {
    let (mut delimiter, mut quote, mut has_header, mut skipped) = (',', '"', true, 0);
    if let Some(CsvFormat { delimiter: by, quote: around, header, skip }) = format {
        delimiter = by.map_or(delimiter, |by| char::from(by.byte()));
        quote = around.map_or(quote, |around| char::from(around.byte()));
        skipped = skip.as_ref().and_then(|skip| skip.as_value()).copied().unwrap_or_default();
        match header {
            Some(CsvHeader::Names(_)) => has_header = false,
            Some(CsvHeader::FirstRow(first)) => has_header = first.as_value().copied().unwrap_or(true),
            None => {}
        }
    }
    let quoted = |field: &str| {
        let needs_quotes = field.contains([quote, delimiter, '\n', '\r']);
        if needs_quotes {
            format!("{quote}{}{quote}", field.replace(quote, &format!("{quote}{quote}")))
        } else {
            field.to_owned()
        }
    };
    let row = |fields: Vec<String>| fields.join(delimiter.encode_utf8(&mut [0; 4])) + "\n";
    let mut text = "\n".repeat(usize::try_from(skipped).unwrap_or_default());
    if has_header {
        text += &row(names.iter().map(|name| quoted(name)).collect());
    }
    for item in items {
        let field = |name: &String| match item.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(value) => quoted(&value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned)),
        };
        text += &row(names.iter().map(field).collect());
    }
    text
}
