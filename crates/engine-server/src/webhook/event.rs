//! What `trigger` is for an event that came over HTTP.
//!
//! It is kept without `body` where that can be read anew from `body_raw`: half of what is sealed and written then.

use std::sync::Arc;

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

const TYPE: &str = "type";
const WEBHOOK: &str = "webhook";
const BODY: &str = "body";
const RAW: &str = "body_raw";
const HEADERS: &str = "headers";

/// What `trigger` is.
pub(super) struct Event {
    members: Members,
    headers: Members,
    /// Why the body is not what its content type says, if it is not.
    pub(super) problem: Option<String>,
    /// Whether `body` can be read anew from `body_raw` and the headers.
    is_readable: bool,
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
        let is_readable = body.raw.as_bytes() == came.body
            && content_type == headers.get(header::CONTENT_TYPE.as_str()).and_then(Value::as_str);
        let (value, problem) = match body.value {
            Ok(value) => (value, None),
            Err(problem) => (Value::Null, Some(problem)),
        };
        let mut members = Members::with_capacity(7);
        members.insert(TYPE, Value::from(WEBHOOK));
        members.insert(BODY, value);
        members.insert(RAW, Value::from(body.raw));
        members.insert("query", pairs(came.query.iter().cloned()));
        let names = came.names.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str())));
        members.insert("path", Value::object(names));
        members.insert("time", Value::from(came.now.to_string()));
        Self { members, headers, problem, is_readable }
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
        let Self { mut members, headers, is_readable, .. } = self;
        if is_readable {
            members.remove(BODY);
        }
        members.insert(HEADERS, Value::Object(headers.into()));
        Value::Object(members.into()).to_json().into_bytes()
    }

    /// Returns it with the names of its headers in small letters.
    pub(super) fn plain(&self) -> Value {
        self.with_headers(self.headers.clone())
    }

    fn with_headers(&self, headers: Members) -> Value {
        let mut members = self.members.clone();
        members.insert(HEADERS, Value::Object(headers.into()));
        Value::Object(members.into())
    }
}

/// Reads what `trigger` is from what was kept of an event of whatever kind; nothing where that is no JSON.
pub fn trigger_of(kept: &[u8]) -> Option<Value> {
    let value = Value::from_json(std::str::from_utf8(kept).ok()?).ok()?;
    let member = |name| value.get(name).and_then(Value::as_str);
    let Some(raw) = member(RAW).filter(|_| member(TYPE) == Some(WEBHOOK) && value.get(BODY).is_none()) else {
        return Some(value);
    };
    let content_type = value.get(HEADERS).and_then(|headers| headers.get(header::CONTENT_TYPE.as_str()));
    let body = EventBody::read(raw.as_bytes(), content_type.and_then(Value::as_str));
    let mut members = Members::with_capacity(7);
    for (name, value) in value.as_object()?.iter() {
        if &**name == RAW {
            members.insert(BODY, body.value.clone().unwrap_or_default());
        }
        members.insert(Arc::clone(name), value.clone());
    }
    Some(Value::Object(members.into()))
}
