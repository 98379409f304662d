//! What `trigger` is for an event that came over HTTP.
//!
//! It is kept without `body` where that can be read anew from `body_raw`: half of what is sealed and written then.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

use engine_expr::{Members, Value, write_string};
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
const QUERY: &str = "query";
const PATH: &str = "path";
const TIME: &str = "time";
const HEADERS: &str = "headers";

/// What `trigger` is. It is a value only where a template asks: most events are only kept.
pub(super) struct Event<'r> {
    came: &'r Came<'r>,
    body: EventBody<'r>,
    /// Whether `body` can be read anew from `body_raw` and the headers.
    is_readable: bool,
}

impl<'r> Event<'r> {
    pub(super) fn new(came: &'r Came<'r>) -> Self {
        let said = came.headers.get(header::CONTENT_TYPE);
        let content_type = said.and_then(|value| value.to_str().ok());
        let body = EventBody::read(came.body, content_type);
        let is_plain = said.is_none() || content_type.is_some();
        let is_alone = came.headers.get_all(header::CONTENT_TYPE).iter().nth(1).is_none();
        let is_readable = body.raw.as_bytes() == came.body && is_plain && is_alone;
        Self { came, body, is_readable }
    }

    /// Why the body is not what its content type says, if it is not.
    pub(super) fn problem(&self) -> Option<&str> {
        self.body.problem()
    }

    /// Returns it for the templates of a trigger, with its headers in their letters.
    pub(super) fn for_templates(&self, hook: &Hook) -> Value {
        let mut headers = self.headers();
        for (name, value) in self.headers().iter() {
            for spelled in hook.needs.spellings(name) {
                headers.insert(&*spelled, value.clone());
            }
        }
        self.with_headers(headers)
    }

    /// Returns it with the names of its headers in small letters.
    pub(super) fn plain(&self) -> Value {
        self.with_headers(self.headers())
    }

    fn headers(&self) -> Members {
        let mut headers = Members::with_capacity(self.came.headers.len());
        for (name, value) in headers_of(self.came.headers) {
            headers.insert(name, Value::from(&*value));
        }
        headers
    }

    fn with_headers(&self, headers: Members) -> Value {
        let mut members = Members::with_capacity(7);
        members.insert(TYPE, Value::from(WEBHOOK));
        members.insert(BODY, self.body.value());
        members.insert(RAW, Value::from(&*self.body.raw));
        members.insert(QUERY, self.query());
        members.insert(PATH, self.path());
        members.insert(TIME, Value::from(self.came.now.to_string()));
        members.insert(HEADERS, Value::Object(headers.into()));
        Value::Object(members.into())
    }

    fn query(&self) -> Value {
        pairs(self.came.query.iter().cloned())
    }

    fn path(&self) -> Value {
        Value::object(self.came.names.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str()))))
    }

    /// Writes it as it is kept: with the names of its headers in small letters.
    pub(super) fn kept(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.raw.len() + self.body.raw.len() / 8 + 512);
        out.push(b'{');
        write_member(TYPE, &mut out);
        write_string(WEBHOOK, &mut out);
        if !self.is_readable {
            out.push(b',');
            write_member(BODY, &mut out);
            self.body.value().write_json(&mut out);
        }
        out.push(b',');
        write_member(RAW, &mut out);
        write_string(&self.body.raw, &mut out);
        let (query, names) = (self.came.query, self.came.names);
        for (name, value) in
            [(QUERY, (!query.is_empty()).then(|| self.query())), (PATH, (!names.is_empty()).then(|| self.path()))]
        {
            out.push(b',');
            write_member(name, &mut out);
            match value {
                Some(value) => value.write_json(&mut out),
                None => out.extend_from_slice(b"{}"),
            }
        }
        out.push(b',');
        write_member(TIME, &mut out);
        // Bytes take all that is written to them, and no time has anything in it to escape.
        _ = write!(out, "\"{}\"", self.came.now);
        out.push(b',');
        write_member(HEADERS, &mut out);
        out.push(b'{');
        for (at, (name, value)) in headers_of(self.came.headers).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_member(name, &mut out);
            write_string(&value, &mut out);
        }
        out.extend_from_slice(b"}}");
        out
    }
}

fn write_member(name: &str, out: &mut Vec<u8>) {
    write_string(name, out);
    out.push(b':');
}

/// Lists the headers that are shown; one that came several times has all its values, with commas between.
fn headers_of(headers: &HeaderMap) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    headers.keys().filter(|name| !HIDDEN.contains(name)).map(|name| {
        let mut values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let mut text = values.next().unwrap_or_default();
        for value in values {
            text = format!("{text}, {value}").into();
        }
        (name.as_str(), text)
    })
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
            members.insert(BODY, body.value());
        }
        members.insert(Arc::clone(name), value.clone());
    }
    Some(Value::Object(members.into()))
}
