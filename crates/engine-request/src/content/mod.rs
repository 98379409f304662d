//! What the body of an answer is, and how it becomes a value. Knows nothing of bytes: texts are decoded before they come here.

mod csv;
mod xml;
mod xml_lists;
mod xml_members;

use std::borrow::Cow;
use std::sync::Arc;

use engine_expr::{EvalError, Scanner, Scope, Value};

pub use csv::{CsvError, CsvReader, CsvRules, CsvStep};
pub use xml_lists::{ElementStep, XmlLists};

use crate::{Format, Response};

/// What the body of an answer is.
#[derive(Clone, Debug, Default)]
pub enum Content {
    /// Nobody says: JSON if it is, else a text.
    #[default]
    Unsaid,
    /// The answer says that it is a text: JSON only if it is an object or a list.
    TextUnlessJson,
    /// JSON.
    Json,
    /// A JSON text per line.
    Ndjson,
    /// Rows.
    Csv(Arc<CsvRules>),
    /// An XML document.
    Xml(Arc<XmlLists>),
    /// A text.
    Text,
    /// Bytes.
    Binary,
}

/// Why a body is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not {format}: {message}")]
pub struct ContentError {
    /// What it should be: `JSON`.
    pub format: &'static str,
    /// What is wrong with it, and where.
    pub message: String,
}

impl Format {
    /// Returns what a content type says; nothing where it says too little.
    ///
    /// `text/plain`, `text/html` and `application/octet-stream` are given by too many for what is JSON to be believed.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let kind: Cow<'_, str> = if kind.bytes().any(|byte| byte.is_ascii_uppercase()) {
            kind.to_ascii_lowercase().into()
        } else {
            kind.into()
        };
        // First what is by far the most frequent.
        if &*kind == "application/json" {
            return Some(Self::Json);
        }
        if ["ndjson", "jsonl", "json-lines", "jsonlines", "json-seq"].iter().any(|lines| kind.contains(lines)) {
            return Some(Self::Ndjson);
        }
        if kind.contains("json") {
            return Some(Self::Json);
        }
        match &*kind {
            "text/csv" | "application/csv" | "text/x-csv" | "text/tab-separated-values" => Some(Self::Csv),
            "application/xml" | "text/xml" => Some(Self::Xml),
            "application/xhtml+xml" => None,
            _ if kind.ends_with("+xml") => Some(Self::Xml),
            _ => None,
        }
    }

    /// Returns how messages name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Ndjson => "NDJSON",
            Self::Csv => "CSV",
            Self::Xml => "XML",
            Self::Text => "text",
            Self::Binary => "bytes",
        }
    }
}

impl Content {
    /// Finds out what a body is: what the spec says, else what the content type says.
    ///
    /// # Errors
    ///
    /// Fails where a template of the CSV settings does.
    pub fn of(response: &Response, content_type: Option<&str>, scope: &Scope) -> Result<Self, EvalError> {
        let said = content_type.unwrap_or_default();
        Ok(match (response.format, Self::said_by(said)) {
            (Some(Format::Csv), _) | (None, Self::Csv(_)) => {
                Self::Csv(Arc::new(CsvRules::new(response.csv.as_ref(), content_type, scope)?))
            }
            (Some(Format::Xml), _) | (None, Self::Xml(_)) => {
                let mut lists = XmlLists::default();
                let named = response.xml.iter().flat_map(|xml| &xml.lists);
                named.for_each(|name| lists.add_name(name));
                Self::Xml(Arc::new(lists))
            }
            (None, said) => said,
            (Some(Format::Json), _) => Self::Json,
            (Some(Format::Ndjson), _) => Self::Ndjson,
            (Some(Format::Text), _) => Self::Text,
            (Some(Format::Binary), _) => Self::Binary,
        })
    }

    /// Returns what a content type says.
    pub fn said_by(content_type: &str) -> Self {
        match Format::of_content_type(content_type) {
            Some(Format::Json) => Self::Json,
            Some(Format::Ndjson) => Self::Ndjson,
            Some(Format::Csv) => Self::Csv(Arc::new(CsvRules::said_by(content_type))),
            Some(Format::Xml) => Self::Xml(Arc::default()),
            Some(Format::Text) => Self::Text,
            Some(Format::Binary) => Self::Binary,
            None => {
                let is_text = content_type.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("text/"));
                if is_text || content_type.contains("xml") { Self::TextUnlessJson } else { Self::Unsaid }
            }
        }
    }

    /// Makes these elements lists too, where it is XML.
    #[must_use]
    pub fn with_lists(self, asked: &XmlLists) -> Self {
        match self {
            Self::Xml(said) => Self::Xml(Arc::new(XmlLists::clone(&said).and(asked))),
            other => other,
        }
    }

    /// Returns what the spec or the answer says that it is.
    pub fn format(&self) -> Option<Format> {
        Some(match self {
            Self::Unsaid | Self::TextUnlessJson => return None,
            Self::Json => Format::Json,
            Self::Ndjson => Format::Ndjson,
            Self::Csv(_) => Format::Csv,
            Self::Xml(_) => Format::Xml,
            Self::Text => Format::Text,
            Self::Binary => Format::Binary,
        })
    }

    /// Returns whether it is read as JSON text as it stands.
    pub fn is_json(&self) -> bool {
        matches!(self, Self::Json | Self::Unsaid | Self::TextUnlessJson)
    }

    /// Makes the value of a body: rows are a list of objects, lines a list. An empty body is null, and so is one of bytes.
    ///
    /// # Errors
    ///
    /// Fails where the body is not what it should be.
    pub fn value(&self, body: &[u8]) -> Result<Value, ContentError> {
        if matches!(self, Self::Binary) {
            return Ok(Value::Null);
        }
        let whole = std::str::from_utf8(body).map_err(|error| self.error(not_utf8(error.valid_up_to())))?;
        let text = without_mark(whole);
        if text.trim().is_empty() {
            return Ok(if matches!(self, Self::Text) && !text.is_empty() { text.into() } else { Value::Null });
        }
        let json = || Value::from_json(text);
        match self {
            Self::Json => json().map_err(|error| self.error(error.to_string())),
            Self::Unsaid => Ok(json().unwrap_or_else(|_| whole.into())),
            Self::TextUnlessJson => {
                let may_be = text.trim_start().starts_with(['{', '[']);
                Ok(may_be.then(json).and_then(Result::ok).unwrap_or_else(|| whole.into()))
            }
            Self::Ndjson => {
                let mut values = Vec::new();
                for (line, text) in lines(text) {
                    let value = Value::from_json(text);
                    values.push(value.map_err(|error| self.error(format!("line {line}: {error}")))?);
                }
                Ok(Value::list(values))
            }
            Self::Csv(rules) => {
                let json = self.to_json(text, rules)?;
                Value::from_json(&json).map_err(|error| self.error(error.to_string()))
            }
            Self::Xml(lists) => {
                let json = xml::to_json(text, lists).map_err(|error| self.error(error))?;
                Value::from_json(&json).map_err(|error| self.error(error.message))
            }
            Self::Text | Self::Binary => Ok(text.into()),
        }
    }

    /// Writes a body as JSON text, where it is none as it stands: rows and lines are a list, XML is an object of its root.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    pub fn json(&self, text: &str) -> Result<Option<String>, ContentError> {
        match self {
            Self::Csv(rules) => self.to_json(text, rules).map(Some),
            Self::Xml(lists) => xml::to_json(without_mark(text), lists).map(Some).map_err(|error| self.error(error)),
            Self::Ndjson | Self::Text => self.value(text.as_bytes()).map(|value| Some(value.to_json())),
            Self::Json | Self::Unsaid | Self::TextUnlessJson | Self::Binary => Ok(None),
        }
    }

    fn to_json(&self, text: &str, rules: &CsvRules) -> Result<String, ContentError> {
        csv::to_json(text, rules).map_err(|error| self.error(error.to_string()))
    }

    /// Says what is wrong with a body.
    pub fn error(&self, message: impl Into<String>) -> ContentError {
        let format = match self {
            Self::Unsaid | Self::TextUnlessJson => "text",
            other => other.format().map_or("text", Format::name),
        };
        ContentError { format, message: message.into() }
    }
}

/// Says at which byte a body is not UTF-8.
pub fn not_utf8(at: usize) -> String {
    format!("byte {at} is not UTF-8")
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Returns the lines that are not empty, with their numbers from 1. The mark that RFC 7464 puts before a record is left out.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n').enumerate().map(|(at, line)| (at + 1, trim_line(line))).filter(|(_, line)| !line.is_empty())
}

/// Takes off a line what does not belong to its record.
pub fn trim_line(line: &str) -> &str {
    line.trim_matches(|char: char| char.is_ascii_whitespace() || char == '\u{1e}')
}

/// Checks that a text is one JSON value.
///
/// # Errors
///
/// Tells where it is not.
pub fn check_json(text: &str) -> Result<(), engine_expr::JsonError> {
    let mut scanner = Scanner::new(text);
    scanner.skip()?;
    scanner.end()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn knows_content_types() {
        let cases = [
            ("application/json", Some(Format::Json)),
            ("Application/Problem+JSON; charset=utf-8", Some(Format::Json)),
            ("application/x-ndjson", Some(Format::Ndjson)),
            ("application/jsonl", Some(Format::Ndjson)),
            ("text/csv; header=present", Some(Format::Csv)),
            ("text/tab-separated-values", Some(Format::Csv)),
            ("text/xml;charset=iso-8859-1", Some(Format::Xml)),
            ("application/atom+xml", Some(Format::Xml)),
            ("application/xhtml+xml", None),
            ("text/html", None),
            ("text/plain", None),
            ("application/octet-stream", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Format::of_content_type(text), expected, "{text}");
        }
    }

    #[test]
    fn makes_values() {
        let csv = Content::Csv(Arc::new(CsvRules::default()));
        let cases = [
            (&Content::Unsaid, "hello", "\"hello\""),
            (&Content::Unsaid, "12", "12"),
            (&Content::TextUnlessJson, "12", "\"12\""),
            (&Content::TextUnlessJson, "{\"a\": 1}", "{\"a\":1}"),
            (&Content::Text, "{\"a\": 1}", "\"{\\\"a\\\": 1}\""),
            (&Content::Text, " ", "\" \""),
            (&Content::Text, "", "null"),
            (&Content::Ndjson, "{\"a\": 1}\n\n\u{1e}2\r\n", "[{\"a\":1},2]"),
            (&csv, "a,b\n1,\n", "[{\"a\":\"1\",\"b\":\"\"}]"),
            (&Content::Xml(Arc::default()), "<a><b>1</b></a>", "{\"a\":{\"b\":\"1\"}}"),
            (&Content::Binary, "x", "null"),
            (&Content::Json, "\u{feff}{}", "{}"),
        ];
        for (content, body, expected) in cases {
            assert_eq!(content.value(body.as_bytes()).unwrap().to_json(), expected, "{body}");
        }
        let errors: [(&Content, &[u8], &str); 4] = [
            (&Content::Json, b"{", "is not JSON: the JSON ends too early at byte 1"),
            (&Content::Ndjson, b"1\n\n{", "is not NDJSON: line 3: the JSON ends too early at byte 1"),
            (&csv, b"a,b\n1", "is not CSV: line 2 has 1 field, and there are 2 columns"),
            (&Content::Unsaid, b"abc\xFF", "is not text: byte 3 is not UTF-8"),
        ];
        for (content, body, expected) in errors {
            assert_eq!(content.value(body).unwrap_err().to_string(), expected);
        }
    }
}
