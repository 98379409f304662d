//! One record on its way from a source to a target.

use bytestring::ByteString;
use engine_expr::{JsonError, Scanner, Value};

use crate::fields::Fields;

/// A record: its JSON as it was sliced from a page or written by a mapping, or a value.
///
/// Most records are only passed on, so they stay text until something needs their members.
#[derive(Clone, Debug)]
pub enum Record {
    /// One JSON value, blanks and line breaks between its tokens as the source wrote them.
    Raw(ByteString),
    /// A value.
    Value(Value),
    /// An object of which it is known where the values of its members are.
    Fields(Fields),
}

impl Record {
    /// Returns the record as a value.
    ///
    /// # Errors
    ///
    /// Fails where the text is not one JSON value.
    pub fn to_value(&self) -> Result<Value, JsonError> {
        match self {
            Self::Raw(text) => Value::from_json(text),
            Self::Value(value) => Ok(value.clone()),
            Self::Fields(fields) => Value::from_json(fields.text()),
        }
    }

    /// Appends the record as JSON that holds no line break.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let text = match self {
            Self::Raw(text) => text,
            Self::Fields(fields) => fields.text(),
            Self::Value(value) => return value.write_json(out),
        };
        // A line break within a string is escaped, so one in the text stands between two tokens.
        if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some() {
            write_compact(text, out);
        } else {
            out.extend_from_slice(text.as_bytes());
        }
    }
}

impl From<Value> for Record {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// Copies JSON without the blanks between its tokens.
fn write_compact(text: &str, out: &mut Vec<u8>) {
    let json = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        let end = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'"' => {
                let rest = text.get(at..).unwrap_or_default();
                let mut scanner = Scanner::new(rest);
                // A text that is cut within a string is copied as it is: whoever reads it says what is wrong.
                scanner.string_range().map_or(json.len(), |_| at + scanner.at())
            }
            _ => at + 1,
        };
        out.extend_from_slice(json.get(at..end).unwrap_or_default());
        at = end;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn written(json: &'static str) -> String {
        let mut out = Vec::new();
        Record::Raw(ByteString::from_static(json)).write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_a_record_of_several_lines_on_one() {
        assert_eq!(
            written("{\r\n  \"a b\": \"x \\\" \\n y\",\n\t\"n\": [1.50,\n null]\n}"),
            r#"{"a b":"x \" \n y","n":[1.50,null]}"#
        );
    }

    #[test]
    fn passes_a_record_of_one_line_on_as_it_is() {
        assert_eq!(written(r#"{"a": 1.50, "b": "é"}"#), r#"{"a": 1.50, "b": "é"}"#);
    }

    #[test]
    fn says_where_a_record_is_no_json() {
        assert_eq!(Record::Raw(ByteString::from_static("{\"a\":?}")).to_value().unwrap_err().at, 5);
        assert!(Record::Raw(ByteString::from_static("{\"a\":")).to_value().is_err());
    }
}
