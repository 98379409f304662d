//! Requests as they were sent.

use std::sync::Arc;

use bytes::Bytes;
use engine_expr::Value;
use engine_request::Payload;
use engine_runtime::Outgoing;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use url::Url;

/// A request that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Who was asked.
    pub(crate) asked: Arc<str>,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn of(outgoing: &Outgoing) -> Self {
        let body = match &outgoing.body {
            Payload::Bytes(bytes) => bytes.clone(),
            pieces @ Payload::Pieces(_) => pieces.as_bytes().unwrap_or_else(|| pieces.show().into_bytes().into()),
        };
        Self {
            asked: Arc::clone(&outgoing.asked),
            method: outgoing.method.clone(),
            url: outgoing.url.clone(),
            headers: outgoing.headers.clone(),
            body,
        }
    }

    /// Returns its query; a name that comes again has a list.
    pub(crate) fn query(&self) -> Value {
        pairs(self.url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())))
    }

    /// Returns its headers, their names in small letters.
    pub(crate) fn headers(&self) -> Value {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        pairs(self.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))))
    }

    /// Returns its body: a value where it is JSON or a form, a text if it is anything else, null without one.
    pub(crate) fn body(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("application/x-www-form-urlencoded") {
            return pairs(url::form_urlencoded::parse(&self.body).into_owned());
        }
        let text = String::from_utf8_lossy(&self.body);
        match Value::from_json(&text) {
            Ok(value) if !kind.starts_with("text/") => value,
            _ => text.into_owned().into(),
        }
    }

    /// Returns it as templates see it.
    pub(crate) fn to_value(&self) -> Value {
        Value::object([
            ("method", Value::from(self.method.as_str())),
            ("url", self.url.as_str().into()),
            ("path", self.url.path().into()),
            ("query", self.query()),
            ("headers", self.headers()),
            ("body", self.body()),
        ])
    }
}

fn pairs(all: impl Iterator<Item = (String, String)>) -> Value {
    let mut members: Vec<(String, Vec<Value>)> = Vec::new();
    for (name, value) in all {
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value.into()),
            None => members.push((name, vec![value.into()])),
        }
    }
    Value::object(members.into_iter().map(|(name, mut values)| match values.len() {
        1 => (name, values.remove(0)),
        _ => (name, Value::list(values)),
    }))
}
