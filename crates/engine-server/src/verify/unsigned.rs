//! An event that is about to be signed: for tests of a trigger.

use std::sync::Arc;

use engine_expr::{Members, Value};
use jiff::Timestamp;

/// An event that is about to be signed.
#[derive(Clone, Debug)]
pub struct Unsigned {
    /// An id that the sender gives to it.
    pub id: String,
    /// When it is sent.
    pub now: Timestamp,
    /// The names and values of its headers.
    pub headers: Vec<(String, String)>,
    /// The parameters of its query.
    pub query: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// What `trigger` is in the trigger that it is sent to.
    pub event: Value,
}

impl Unsigned {
    /// Returns the time as most senders write it: seconds since 1970.
    pub(super) fn seconds(&self) -> String {
        self.now.as_second().to_string()
    }

    /// Puts a header in the place of those of the same name.
    pub(super) fn set_header(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        let mut event = self.event.as_object().cloned().unwrap_or_else(Members::new);
        let mut headers = event.get("headers").and_then(Value::as_object).cloned().unwrap_or_else(Members::new);
        for name in [name.to_owned(), name.to_ascii_lowercase()] {
            headers.insert(name, Value::from(value.as_str()));
        }
        event.insert("headers", Value::Object(Arc::new(headers)));
        self.event = Value::Object(Arc::new(event));
        self.headers.push((name.to_owned(), value));
    }

    /// Tells whether there is a header.
    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}
