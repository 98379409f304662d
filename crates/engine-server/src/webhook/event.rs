//! What `trigger` is for an event that came over HTTP.

use engine_expr::{Members, Value};
use http::{HeaderMap, header};
use jiff::Timestamp;

use super::Hook;
use super::body::{EventBody, pairs};

/// An event that came over HTTP.
pub(super) struct Came<'r> {
    pub(super) headers: &'r HeaderMap,
    pub(super) names: &'r [(String, String)],
    pub(super) query: &'r [(String, String)],
    pub(super) body: &'r [u8],
    pub(super) now: Timestamp,
}

/// Headers that prove who asks: no run needs them, and none shows them by mistake.
const HIDDEN: [header::HeaderName; 3] = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE];

/// What `trigger` is.
pub(super) struct Event {
    members: Members,
    headers: Members,
    /// Why the body is not what its content type says, if it is not.
    pub(super) problem: Option<String>,
}

impl Event {
    pub(super) fn new(came: &Came<'_>) -> Self {
        let mut headers = Members::with_capacity(came.headers.len());
        for name in came.headers.keys().filter(|name| !HIDDEN.contains(name)) {
            let values = came.headers.get_all(name).iter();
            let text = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join(", ");
            headers.insert(name.as_str(), Value::from(text));
        }
        let content_type = came.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let body = EventBody::read(came.body, content_type);
        let (value, problem) = match body.value {
            Ok(value) => (value, None),
            Err(problem) => (Value::Null, Some(problem)),
        };
        let mut members = Members::with_capacity(7);
        members.insert("type", Value::from("webhook"));
        members.insert("body", value);
        members.insert("body_raw", Value::from(body.raw));
        members.insert("query", pairs(came.query.iter().cloned()));
        let names = came.names.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str())));
        members.insert("path", Value::object(names));
        members.insert("time", Value::from(came.now.to_string()));
        Self { members, headers, problem }
    }

    /// Returns it for the templates of a trigger, with its headers in their letters.
    pub(super) fn for_templates(&self, hook: &Hook) -> Value {
        let mut headers = self.headers.clone();
        for (name, value) in self.headers.iter() {
            for spelled in hook.needs.spellings(name) {
                headers.insert(&*spelled, value.clone());
            }
        }
        self.with_headers(headers)
    }

    /// Returns it as it is kept: with the names of its headers in small letters.
    pub(super) fn kept(self) -> Vec<u8> {
        let headers = self.headers.clone();
        self.with_headers(headers).to_json().into_bytes()
    }

    fn with_headers(&self, headers: Members) -> Value {
        let mut members = self.members.clone();
        members.insert("headers", Value::Object(headers.into()));
        Value::Object(members.into())
    }
}
