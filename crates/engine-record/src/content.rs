//! The body of a request or an answer, as it is kept: a value where it is JSON, fields where it is a form, a text, or bytes.

use std::sync::Arc;

use engine_expr::{Members, Value};
use engine_runtime::Spool;
use url::form_urlencoded;

use crate::cleaned::Cleaner;
use crate::spelling::Spelling;
use crate::yaml;

/// What a body is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// There is none.
    Nothing,
    /// A JSON document.
    Json(Value, Spelling),
    /// The fields of a form.
    Form(Vec<(String, String)>),
    /// A text.
    Text(String),
    /// Bytes, or a text that is too long to be read beside the rest.
    Bytes(Vec<u8>, Ending),
    /// A body on disk, as it came.
    Spool(Arc<Spool>, Ending),
    /// A file beside the recording, by its name there, and its length.
    File(String, u64),
    /// Not kept, and why.
    Withheld(String),
}

/// What the name of a file ends in.
pub(crate) type Ending = &'static str;

/// Why nothing is kept of the answer to a login.
pub(crate) const LOGIN: &str = "what a login gives is not kept";

impl Content {
    /// Makes one of bytes, without secrets; what is longer than `most` is left as bytes.
    pub(crate) fn of(bytes: &[u8], content_type: &str, most: usize, cleaner: Cleaner<'_>) -> Self {
        if bytes.is_empty() {
            return Self::Nothing;
        }
        let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains(is_unprintable));
        let Some(text) = text.filter(|text| text.len() <= most) else {
            return Self::of_bytes(bytes, content_type, cleaner);
        };
        if let Some(value) = json(text) {
            let value = cleaner.value(&value);
            // A secret that is itself a piece of JSON stands in no text of it.
            if !cleaner.0.finds(&value.to_json()) {
                return Self::Json(value, Spelling::of(text));
            }
        } else if is_form(content_type) {
            let fields = form_urlencoded::parse(text.as_bytes());
            return Self::Form(fields.map(|(name, value)| (cleaner.text(&name), cleaner.text(&value))).collect());
        }
        Self::Text(cleaner.text(text))
    }

    fn of_bytes(bytes: &[u8], content_type: &str, cleaner: Cleaner<'_>) -> Self {
        let kept = cleaner.0.redact_bytes(bytes);
        // An encoding of two bytes for a letter hides a secret from who looks for it byte by byte.
        let without_zeros: Vec<u8> = kept.iter().copied().filter(|byte| *byte != 0).collect();
        if without_zeros.len() < kept.len() && cleaner.0.finds(&String::from_utf8_lossy(&without_zeros)) {
            return Self::Withheld("a secret is in it".to_owned());
        }
        Self::Bytes(kept, ending(content_type, bytes))
    }

    /// Takes secrets out that became known later; files have to be seen to apart.
    pub(crate) fn cleaned(&self, cleaner: Cleaner<'_>) -> Self {
        let fields = |fields: &[(String, String)]| {
            fields.iter().map(|(name, value)| (cleaner.text(name), cleaner.text(value))).collect()
        };
        match self {
            Self::Json(value, spelling) => Self::Json(cleaner.value(value), *spelling),
            Self::Form(known) => Self::Form(fields(known)),
            Self::Text(text) => Self::Text(cleaner.text(text)),
            Self::Bytes(bytes, ending) => Self::Bytes(cleaner.0.redact_bytes(bytes), ending),
            other => other.clone(),
        }
    }

    /// Writes it for YAML.
    pub(crate) fn to_value(&self) -> Option<Value> {
        Some(match self {
            Self::Nothing | Self::Bytes(..) | Self::Spool(..) => return None,
            Self::Json(value, spelling) => {
                let spelled = spelling.to_value().map(|spelling| ("spelled", spelling));
                Value::object(std::iter::once(("json", value.clone())).chain(spelled).collect::<Vec<_>>())
            }
            Self::Form(fields) => Value::object([("form", form(fields))]),
            Self::Text(text) => Value::object([("text", Value::from(text.as_str()))]),
            Self::File(name, length) => {
                Value::object([("file", Value::from(name.as_str())), ("bytes", Value::from(*length))])
            }
            Self::Withheld(why) => Value::object([("withheld", Value::from(why.as_str()))]),
        })
    }

    /// Reads what [`to_value`](Self::to_value) wrote; fails with what is wrong with it.
    pub(crate) fn from_value(value: Option<&Value>) -> Result<Self, String> {
        let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(Self::Nothing) };
        let text = |value: &Value| value.text().map(std::borrow::Cow::into_owned);
        if let Some(json) = value.get("json") {
            return Ok(Self::Json(json.clone(), Spelling::from_value(value.get("spelled"))));
        }
        if let Some(text) = value.get("text").and_then(text) {
            return Ok(Self::Text(text));
        }
        if let Some(fields) = value.get("form").and_then(Value::as_object) {
            return Ok(Self::Form(fields_of(fields)));
        }
        if let Some(name) = value.get("file").and_then(text) {
            let length = value.get("bytes").and_then(Value::as_i64).and_then(|length| u64::try_from(length).ok());
            return Ok(Self::File(name, length.unwrap_or_default()));
        }
        match value.get("withheld").and_then(text) {
            Some(why) => Ok(Self::Withheld(why)),
            None => Err("a body has one of `json`, `form`, `text`, `file` and `withheld`".to_owned()),
        }
    }

    /// Returns it as it goes over the wire, where it is not in a file.
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        Some(match self {
            Self::Nothing | Self::Withheld(_) => Vec::new(),
            Self::Json(value, spelling) => spelling.write(value).into_bytes(),
            Self::Form(fields) => {
                form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
            }
            Self::Text(text) => text.clone().into_bytes(),
            Self::Bytes(bytes, _) => bytes.clone(),
            Self::Spool(..) | Self::File(..) => return None,
        })
    }
}

/// Returns the JSON document that a text is, if YAML can hold all of it.
fn json(text: &str) -> Option<Value> {
    text.trim_start().starts_with(['{', '[']).then_some(())?;
    let value = Value::from_json(text).ok().filter(yaml::can_hold)?;
    // Of two members of one name only one would be kept.
    (members(text) == count(&value)).then_some(value)
}

/// Counts the members that a JSON text has, each of which has one colon outside of texts.
fn members(text: &str) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b':' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

fn count(value: &Value) -> usize {
    match value {
        Value::List(list) => list.items().iter().map(count).sum(),
        Value::Object(members) => members.iter().map(|(_, value)| 1 + count(value)).sum(),
        _ => 0,
    }
}

/// Writes fields as an object; those of one name become a list.
fn form(fields: &[(String, String)]) -> Value {
    let mut members = Members::new();
    for (name, value) in fields {
        let value = Value::from(value.as_str());
        let value = match members.get(name) {
            Some(Value::List(list)) => Value::list(list.items().iter().cloned().chain([value]).collect()),
            Some(one) => Value::list(vec![one.clone(), value]),
            None => value,
        };
        members.insert(name.as_str(), value);
    }
    Value::Object(Arc::new(members))
}

/// Reads what [`form`] wrote; headers are written so too.
pub(crate) fn fields_of(members: &Members) -> Vec<(String, String)> {
    let text = |value: &Value| value.text().unwrap_or_default().into_owned();
    let mut fields = Vec::new();
    for (name, value) in members.iter() {
        match value {
            Value::List(list) => fields.extend(list.items().iter().map(|item| (name.to_string(), text(item)))),
            one => fields.push((name.to_string(), text(one))),
        }
    }
    fields
}

/// Writes headers as an object; those of one name become a list.
pub(crate) fn headers_value(headers: &[(String, String)]) -> Value {
    form(headers)
}

fn is_form(content_type: &str) -> bool {
    content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

/// Tells whether a character belongs to bytes that only look like a text.
fn is_unprintable(char: char) -> bool {
    char.is_ascii_control() && !matches!(char, '\n' | '\r' | '\t')
}

/// Returns what the name of a file ends in that has this body.
pub(crate) fn ending(content_type: &str, bytes: &[u8]) -> Ending {
    const BY_TYPE: [(&str, Ending); 12] = [
        ("ndjson", "jsonl"),
        ("jsonl", "jsonl"),
        ("json", "json"),
        ("html", "html"),
        ("xml", "xml"),
        ("csv", "csv"),
        ("pdf", "pdf"),
        ("gzip", "gz"),
        ("zip", "zip"),
        ("png", "png"),
        ("jpeg", "jpg"),
        ("text/", "txt"),
    ];
    let content_type = content_type.to_ascii_lowercase();
    let known = BY_TYPE.iter().find(|(part, _)| content_type.contains(part)).map(|(_, ending)| *ending);
    known.unwrap_or_else(|| if bytes.contains(&0) || std::str::from_utf8(bytes).is_err() { "bin" } else { "txt" })
}

#[cfg(test)]
mod tests {
    use engine_expr::Secret;
    use engine_request::Redactor;

    use super::*;

    fn check(bytes: &[u8], content_type: &str) -> String {
        let redactor = Redactor::new([Secret::new("s3cr+t"), Secret::new("{\"k\":\"pem\"}")]);
        let content = Content::of(bytes, content_type, 100, Cleaner(&redactor));
        match (&content, content.to_value()) {
            (Content::Bytes(bytes, ending), _) => format!("{} .{ending}", String::from_utf8_lossy(bytes)),
            (_, value) => value.map(|value| value.to_json()).unwrap_or_default(),
        }
    }

    #[test]
    fn keeps_a_value_where_there_is_one() {
        let json = "application/json";
        assert_eq!(check(b"", json), "");
        assert_eq!(check(br#"{"a":[1.50,"x s3cr+t"]}"#, json), r#"{"json":{"a":[1.50,"x ***"]}}"#);
        assert_eq!(check(br#"{"a": 1}"#, json), r#"{"json":{"a":1},"spelled":{"after_colon":true}}"#);
        assert_eq!(check(br#"{"a": 1, "a": 2}"#, json), r#"{"text":"{\"a\": 1, \"a\": 2}"}"#);
        assert_eq!(check(br#"{"a": "#, json), r#"{"text":"{\"a\": "}"#);
        assert_eq!(check(br#"{"a": {"k":"pem"}}"#, json), r#"{"text":"{\"a\": ***}"}"#);
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        assert_eq!(check(b"a=1&b=s3cr%2Bt&a=2", form), r#"{"form":{"a":["1","2"],"b":"***"}}"#);
        assert_eq!(check(b"<a>\n s3cr+t</a>", "text/xml"), r#"{"text":"<a>\n ***</a>"}"#);
    }

    #[test]
    fn keeps_bytes_beside() {
        let long = format!("{} s3cr+t", "x".repeat(100));
        assert_eq!(check(long.as_bytes(), "text/csv"), format!("{} *** .csv", "x".repeat(100)));
        assert_eq!(check(b"\x00\x01 s3cr+t", ""), "\0\u{1} *** .bin");
        let wide: Vec<u8> = "s3cr+t".bytes().flat_map(|byte| [byte, 0]).collect();
        assert_eq!(check(&wide, "text/plain"), r#"{"withheld":"a secret is in it"}"#);
    }
}
