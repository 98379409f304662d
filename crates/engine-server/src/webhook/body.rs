//! What the body of an event is: JSON, a form, XML or a text, as its content type says.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_expr::{Members, Scanner, Value};
use engine_request::{Content, charset_of_content_type, charset_of_xml};

/// The body of an event.
pub(super) struct EventBody<'b> {
    /// Its text; bytes that are no text are in base64.
    pub(super) raw: Cow<'b, str>,
    read: Read,
}

/// What a body is.
enum Read {
    /// JSON, which is read where somebody asks.
    Json,
    Value(Value),
    /// Why it is not what its content type says.
    Problem(String),
}

impl<'b> EventBody<'b> {
    /// Reads a body.
    pub(super) fn read(bytes: &'b [u8], content_type: Option<&str>) -> Self {
        let said = content_type.unwrap_or_default();
        let kind = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let content = Content::said_by(said);
        let charset = match content {
            Content::Xml(_) => charset_of_content_type(said).or_else(|| charset_of_xml(bytes)),
            // JSON is UTF-8, whatever is said of it (RFC 8259 §8.1).
            Content::Json | Content::Ndjson => None,
            _ => charset_of_content_type(said),
        };
        let (text, wrong) = match (std::str::from_utf8(bytes), charset) {
            (Ok(text), None) => (Some(Cow::Borrowed(text)), None),
            (_, Some(charset)) => {
                let (text, _, _) = charset.decode(bytes);
                (Some(text), None)
            }
            (Err(error), None) => (None, Some(engine_request::not_utf8(error.valid_up_to()))),
        };
        let Some(text) = text else {
            let value = match content {
                Content::Json | Content::Ndjson | Content::Xml(_) | Content::Csv(_) => {
                    Err(content.error(wrong.unwrap_or_default()).to_string())
                }
                _ => Ok(Value::Null),
            };
            return Self { raw: STANDARD.encode(bytes).into(), read: value.into() };
        };
        if matches!(content, Content::Json) && is_json(&text) {
            return Self { raw: text, read: Read::Json };
        }
        let value = if kind == "application/x-www-form-urlencoded" {
            Ok(form(&text))
        } else {
            content.value(text.as_bytes()).map_err(|error| error.to_string())
        };
        Self { raw: text, read: value.into() }
    }

    /// Returns what it is; null where it is not what its content type says.
    pub(super) fn value(&self) -> Value {
        match &self.read {
            Read::Json => Value::from_json(&self.raw).unwrap_or_default(),
            Read::Value(value) => value.clone(),
            Read::Problem(_) => Value::Null,
        }
    }

    /// Returns why it is not what its content type says, if it is not.
    pub(super) fn problem(&self) -> Option<&str> {
        match &self.read {
            Read::Problem(problem) => Some(problem),
            Read::Json | Read::Value(_) => None,
        }
    }
}

impl From<Result<Value, String>> for Read {
    fn from(value: Result<Value, String>) -> Self {
        value.map_or_else(Self::Problem, Self::Value)
    }
}

/// Tells whether a text is JSON.
fn is_json(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.skip().is_ok() && scanner.end().is_ok()
}

/// Reads a form: an object of texts, of lists of texts where a name is there more than once.
fn form(text: &str) -> Value {
    pairs(url::form_urlencoded::parse(text.as_bytes()).into_owned())
}

/// Makes an object of pairs.
pub(super) fn pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Value {
    let mut members = Members::new();
    let mut lists: Vec<(String, Vec<Value>)> = Vec::new();
    for (name, value) in pairs {
        let value = Value::from(value);
        if let Some((_, list)) = lists.iter_mut().find(|(known, _)| *known == name) {
            list.push(value);
        } else if let Some(first) = members.get(&name) {
            lists.push((name, vec![first.clone(), value]));
        } else {
            members.insert(name, value);
        }
    }
    for (name, list) in lists {
        members.insert(name, Value::list(list));
    }
    Value::Object(members.into())
}

#[cfg(test)]
mod tests {
    use super::EventBody;

    fn check(bytes: &[u8], content_type: &str, expected: &str) {
        let body = EventBody::read(bytes, Some(content_type).filter(|said| !said.is_empty()));
        let value = body.problem().map_or_else(|| body.value().to_json(), str::to_owned);
        assert_eq!(value, expected, "{content_type}");
    }

    #[test]
    fn is_what_its_type_says() {
        check(br#"{"id": 1.10}"#, "application/json", r#"{"id":1.10}"#);
        check(br#"{"id": 1}"#, "application/vnd.shop+json; charset=utf-8", r#"{"id":1}"#);
        check(br#"{"id": 1}"#, "", r#"{"id":1}"#);
        check(b"hello", "", r#""hello""#);
        check(b"a=1&b=x+y%26&a=2&c", "application/x-www-form-urlencoded", r#"{"a":["1","2"],"b":"x y&","c":""}"#);
        check(b"<o><id>1</id></o>", "text/xml", r#"{"o":{"id":"1"}}"#);
        check(b"caf\xe9", "text/plain; charset=iso-8859-1", r#""caf\u00e9""#.replace("\\u00e9", "é").as_str());
        check(b"", "application/json", "null");
        check(b"\xff\x00", "application/octet-stream", "null");
    }

    #[test]
    fn says_what_it_is_not() {
        check(b"{", "application/json", "is not JSON: the JSON ends too early at byte 1");
        check(b"{\"a\":\"\xff\"}", "application/json", "is not JSON: byte 6 is not UTF-8");
        check(
            b"{\"a\":\"\x00\"}",
            "application/json",
            "is not JSON: a control character must be escaped in a JSON string at byte 6",
        );
        let deep = "[".repeat(100_000);
        assert!(EventBody::read(deep.as_bytes(), Some("application/json")).problem().is_some());
    }

    #[test]
    fn keeps_bytes_that_are_no_text() {
        assert_eq!(EventBody::read(b"\xff\x00", None).raw, "/wA=");
    }
}
