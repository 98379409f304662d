//! A record under way, and what travels with it.

use std::sync::Arc;

use bytes::Bytes;
use engine_expr::{JsonError, Value};
use engine_source::Span;

use crate::record::Record;

/// A record under way through the steps.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The record as it is now, as JSON text.
    pub(crate) current: Json,
    /// The record as its source gave it.
    pub(crate) original: Json,
    /// The item under which it was read.
    pub(crate) parent: Option<Arc<Self>>,
    /// What it came from.
    pub(crate) origin: Arc<Origin>,
    /// Its number within what it came from, from 1 on.
    pub(crate) number: u64,
}

/// Where items came from: one page of a read, or a list of the spec.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// The endpoint or step, as `stream` names it.
    pub(crate) stream: Arc<str>,
    /// The exchange, as messages show it: `GET https://…, page 3`.
    pub(crate) exchange: Option<String>,
    /// The page as `response` shows it, where an expression of the step asks for it.
    pub(crate) response: Option<Value>,
    /// What gave the items, in the spec.
    pub(crate) place: Span,
}

/// JSON text that is known to be well-formed.
#[derive(Clone, Debug)]
pub(crate) struct Json(Bytes);

impl Json {
    /// Takes what was sliced from well-formed JSON, or written by us.
    pub(crate) fn trusted(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// Writes a value.
    pub(crate) fn of(value: &Value) -> Self {
        let mut out = Vec::with_capacity(64);
        value.write_json(&mut out);
        Self(out.into())
    }

    /// Returns the text.
    pub(crate) fn text(&self) -> &str {
        // It was sliced from text at the bounds of tokens, so this never falls back.
        std::str::from_utf8(&self.0).unwrap_or("null")
    }

    /// Returns a copy that does not keep the page alive that it was cut from.
    pub(crate) fn compact(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// Returns the bytes.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// Reads it whole.
    pub(crate) fn value(&self) -> Result<Value, JsonError> {
        Value::from_json(self.text())
    }

    /// Returns it as the sinks take it.
    pub(crate) fn record(&self) -> Record {
        Record::Raw(self.0.clone())
    }
}

impl Item {
    /// Makes the item of a source.
    pub(crate) fn new(json: Json, parent: Option<Arc<Self>>, origin: Arc<Origin>, number: u64) -> Self {
        Self { current: json.clone(), original: json, parent, origin, number }
    }

    /// Says which record it is, as messages do.
    pub(crate) fn describe(&self) -> String {
        match &self.origin.exchange {
            Some(exchange) => format!("record {} of {exchange}", self.number),
            None => format!("item {}", self.number),
        }
    }

    /// Returns the parent as templates see it: its record, with its own parent as a member.
    pub(crate) fn parent_value(&self) -> Option<Value> {
        let parent = self.parent.as_ref()?;
        let mut value = parent.current.value().unwrap_or_default();
        if let (Some(above), Value::Object(members)) = (parent.parent_value(), &mut value)
            && !members.contains("parent")
        {
            let mut with = (**members).clone();
            with.insert("parent", above);
            value = Value::Object(Arc::new(with));
        }
        Some(value)
    }
}
