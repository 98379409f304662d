//! The members of a record, one level deep: read from its text without a tree.

use std::borrow::Cow;

use engine_expr::{JsonError, Number, Scanner, Start, Value};
use engine_runtime::{Record, SinkError};

/// The value of one member. What is nested stays JSON text, and a number the text that was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Null,
    Bool(bool),
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    Json(Cow<'a, str>),
}

impl<'a> Cell<'a> {
    fn scan(scanner: &mut Scanner<'a>) -> Result<Self, JsonError> {
        Ok(match scanner.start()? {
            Start::Null => {
                scanner.skip()?;
                Self::Null
            }
            Start::Bool => Self::Bool(scanner.raw()?.starts_with('t')),
            Start::Number => Self::Number(Cow::Borrowed(scanner.number()?)),
            Start::String => Self::Text(scanner.string()?),
            Start::Object | Start::List => Self::Json(Cow::Borrowed(scanner.raw()?)),
        })
    }

    /// Reads the value of a field, which is known to be well-formed.
    pub(crate) fn of_field(json: &'a str) -> Result<Self, SinkError> {
        Ok(match json.as_bytes().first() {
            Some(b'"') => match json.get(1..json.len().saturating_sub(1)) {
                Some(inside) if memchr::memchr(b'\\', inside.as_bytes()).is_none() => Self::Text(inside.into()),
                _ => Self::Text(Scanner::new(json).string().map_err(|error| broken(&error))?),
            },
            Some(b'-' | b'0'..=b'9') => Self::Number(json.into()),
            Some(b'{' | b'[') => Self::Json(json.into()),
            _ => Self::scan(&mut Scanner::new(json)).map_err(|error| broken(&error))?,
        })
    }

    fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Number(Number::Float(it)) if !it.is_finite() => Self::Null,
            Value::Bool(it) => Self::Bool(*it),
            Value::Number(number) => Self::Number(Cow::Owned(number.to_string())),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Secret(secret) => Self::Text(Cow::Borrowed(secret.expose())),
            Value::List(_) | Value::Object(_) => Self::Json(Cow::Owned(value.to_json())),
        }
    }

    /// Shows the value in a message, cut where it is long.
    pub(crate) fn shown(&self) -> String {
        const LONGEST: usize = 60;
        let text = match self {
            Self::Null => "null",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Number(text) | Self::Text(text) | Self::Json(text) => text,
        };
        let mut shown: String = text.chars().take(LONGEST).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        if matches!(self, Self::Text(_)) { format!("\"{shown}\"") } else { shown }
    }
}

fn broken(error: &JsonError) -> SinkError {
    SinkError::new(format!("the record is not JSON: {error}"))
}

/// Goes over the members of a record, in order; a name may come twice.
///
/// # Errors
///
/// Fails where the record is no object or no JSON, or `member` fails.
pub(crate) fn each_member<'a>(
    record: &'a Record,
    mut member: impl FnMut(Cow<'a, str>, Cell<'a>) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    let no_object = |what: &str| {
        SinkError::new(format!("the record is {what}, and only an object has members that can be written into columns"))
            .help("make an object of it: `map: {value: $}`")
    };
    match record {
        Record::Value(Value::Object(members)) => {
            members.iter().try_for_each(|(name, value)| member(Cow::Borrowed(name), Cell::of(value)))
        }
        Record::Value(other) => Err(no_object(other.a_kind())),
        Record::Fields(fields) => {
            fields.members().try_for_each(|(name, value)| member(Cow::Borrowed(name), Cell::of_field(value)?))
        }
        Record::Raw(text) => {
            let mut scanner = Scanner::new(text);
            match scanner.start().map_err(|error| broken(&error))? {
                Start::Object => {}
                Start::List => return Err(no_object("a list")),
                Start::String => return Err(no_object("a string")),
                Start::Number => return Err(no_object("a number")),
                Start::Bool => return Err(no_object("a boolean")),
                Start::Null => return Err(no_object("null")),
            }
            let mut failed = None;
            let walked = scanner.object(|scanner, name| {
                let cell = Cell::scan(scanner)?;
                if failed.is_none() {
                    failed = member(name, cell).err();
                }
                Ok(())
            });
            match failed {
                Some(error) => Err(error),
                None => walked.and_then(|()| scanner.end()).map_err(|error| broken(&error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use engine_runtime::FieldPage;

    use super::*;

    fn members(record: &Record) -> Vec<(String, Cell<'_>)> {
        let mut found = Vec::new();
        each_member(record, |name, cell| {
            found.push((name.into_owned(), cell));
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn reads_the_same_from_a_text_as_from_a_value() {
        let text = r#"{"a":1.50,"b\n":"x\ty","c":null,"d":true,"e":{"f":[1,2.0]},"g":[]}"#;
        let raw = Record::Raw(bytestring::ByteString::from_static(text));
        let value = Record::Value(Value::from_json(text).unwrap());
        assert_eq!(members(&raw), members(&value));
        assert_eq!(members(&raw)[0].1, Cell::Number("1.50".into()));
        let written = |text: &str| {
            let names = members(&raw).iter().map(|(name, _)| Arc::from(&**name)).collect();
            let values = ["1.50", "\"x\\ty\"", "null", "true", "{\"f\":[1,2.0]}", "[]"].map(|value| {
                let at = text.find(&format!(":{value}")).unwrap() + 1;
                at..at + value.len()
            });
            let objects = std::iter::once(0..text.len()).collect();
            FieldPage { names, text: text.into(), objects, values: values.into() }.into_objects().next().unwrap()
        };
        assert_eq!(members(&raw), members(&Record::Fields(written(text))));
    }

    #[test]
    fn refuses_what_is_no_object() {
        for (text, expected) in
            [("[1]", "is a list"), ("5", "is a number"), ("{\"a\":}", "not JSON"), ("{} x", "not JSON")]
        {
            let record = Record::Raw(text.into());
            let error = each_member(&record, |_, _| Ok(())).unwrap_err();
            assert!(error.message.contains(expected), "{text}: {error}");
        }
    }
}
