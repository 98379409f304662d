//! A record under way, and what travels with it.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytestring::ByteString;
use engine_expr::{JsonError, Value};
use engine_source::Span;

use crate::failure::Failure;
use crate::fields::Fields;
use crate::machine::PageId;
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
    /// The record as it came to the step that keeps it if it fails, where the step has changed it.
    pub(crate) taken: Option<Arc<Json>>,
    /// What of the record as it is now need not be looked for.
    pub(crate) located: Located,
}

/// Where parts of a record are, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(crate) enum Located {
    #[default]
    Nowhere,
    /// What the step's mapping wants of it, as long as it is as its page had it.
    Wanted(Row),
    /// Its members.
    Members(Fields),
}

/// Where items came from: one page of a read, or a list of the spec.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The endpoint or step, as `stream` names it.
    pub(crate) stream: Arc<str>,
    /// The exchange, as messages show it: `GET https://…, page 3`; or what was read of a sink: `table orders in sink store`.
    pub(crate) exchange: Option<String>,
    /// What tells the page from all others of the run, wherever it was asked for: a run that is taken up again may ask for it by another URL.
    pub(crate) page_key: Option<String>,
    /// The page as `response` shows it, where an expression of the step asks for it.
    pub(crate) response: Option<Value>,
    /// Whether members of the items tell each from all others, wherever it was read.
    pub(crate) is_keyed: bool,
    /// What gave the items, in the spec.
    pub(crate) place: Span,
    /// The item for which steps gave these, where that is not their parent.
    pub(crate) under: Option<Arc<Item>>,
    /// Whether the items are rows of a sink.
    pub(crate) is_row: bool,
    /// Whether the items are parts of their parent.
    pub(crate) is_part: bool,
    /// The items of which each is a batch.
    pub(crate) batch: Option<Arc<Vec<Item>>>,
    /// The address of the step in which they failed before as one batch: there they go together again.
    pub(crate) together: Option<Arc<str>>,
    /// The page that they came from, where it is journaled.
    pub(crate) page: Option<Arc<PageId>>,
    /// The cursor of the run before that the read went on from, as people read it.
    pub(crate) went_on_from: Option<Arc<str>>,
}

/// JSON text that is known to be well-formed.
#[derive(Clone, Debug)]
pub(crate) struct Json {
    text: ByteString,
    /// The value, where it is asked for again and again: of a parent, by each record below it.
    kept: OnceLock<Box<Value>>,
}

impl Json {
    /// Takes what was sliced from well-formed JSON.
    pub(crate) fn new(text: ByteString) -> Self {
        Self { text, kept: OnceLock::new() }
    }

    /// Copies what was sliced from well-formed JSON.
    pub(crate) fn copy(text: &str) -> Self {
        Self::new(text.into())
    }

    /// Takes what a mapping wrote.
    pub(crate) fn written(bytes: Vec<u8>) -> Self {
        Self::new(text_of(bytes))
    }

    /// Writes a value.
    pub(crate) fn of(value: &Value) -> Self {
        let mut out = Vec::with_capacity(64);
        value.write_json(&mut out);
        Self::new(text_of(out))
    }

    /// Returns the text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Reads it whole.
    pub(crate) fn value(&self) -> Result<Value, JsonError> {
        Value::from_json(self.text())
    }

    /// Reads it whole, and keeps the value.
    fn kept(&self) -> Result<&Value, JsonError> {
        if let Some(value) = self.kept.get() {
            return Ok(value);
        }
        let value = self.value()?;
        Ok(self.kept.get_or_init(|| Box::new(value)))
    }
}

/// Takes JSON that was written by us: it is made of texts, so it is one.
pub(crate) fn text_of(bytes: Vec<u8>) -> ByteString {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()).into()
}

/// What a step wants of the records of one page, found while the page was cut.
#[derive(Debug)]
pub(crate) struct Rows {
    text: ByteString,
    ranges: Vec<Range<usize>>,
    width: usize,
}

impl Rows {
    /// Joins a page and the ranges of each record's slots, one record after another.
    pub(crate) fn new(text: ByteString, ranges: Vec<Range<usize>>, width: usize) -> Self {
        Self { text, ranges, width }
    }
}

/// The row of one record.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    rows: Arc<Rows>,
    at: usize,
}

impl Row {
    /// Picks a record's row.
    pub(crate) fn new(rows: &Arc<Rows>, at: usize) -> Self {
        Self { rows: Arc::clone(rows), at }
    }

    /// Returns the text in a slot.
    pub(crate) fn get(&self, slot: usize) -> Option<&str> {
        let range = self.rows.ranges.get(self.at * self.rows.width + slot)?;
        if range.is_empty() { None } else { self.rows.text.get(range.clone()) }
    }
}

impl Item {
    /// Makes the item of a source.
    pub(crate) fn new(json: Json, parent: Option<Arc<Self>>, origin: Arc<Origin>, number: u64) -> Self {
        Self { current: json.clone(), original: json, parent, origin, number, taken: None, located: Located::Nowhere }
    }

    /// Returns the record as the sinks take it.
    pub(crate) fn record(&self) -> Record {
        match &self.located {
            Located::Members(fields) => Record::Fields(fields.clone()),
            Located::Nowhere | Located::Wanted(_) => Record::Raw(self.current.text.clone()),
        }
    }

    /// Returns the records that it stands for: those of a batch, else itself.
    pub(crate) fn members(&self) -> &[Self] {
        self.origin.batch.as_ref().map_or(std::slice::from_ref(self), |members| members.as_slice())
    }

    /// Returns the page that it came from, or the item that it is under: what was done for it is known with that page.
    pub(crate) fn page(&self) -> Option<&PageId> {
        let mut next = Some(self);
        while let Some(item) = next {
            if let Some(page) = &item.origin.page {
                return Some(page);
            }
            next = item.parent.as_deref().or(item.origin.under.as_deref());
        }
        None
    }

    /// Tells whether another came from the same page, or from none as this.
    pub(crate) fn is_of_page_of(&self, other: &Self) -> bool {
        let parent = |item: &Self| item.parent.as_ref().map(Arc::as_ptr);
        (Arc::ptr_eq(&self.origin, &other.origin) && parent(self) == parent(other)) || self.page() == other.page()
    }

    /// Says which record it is, as messages do.
    pub(crate) fn describe(&self) -> String {
        match (&self.origin.exchange, &self.parent) {
            (_, Some(parent)) if self.origin.is_part => format!("part {} of {}", self.number, parent.describe()),
            _ if self.origin.batch.is_some() => format!("batch {}", self.number),
            (Some(place), _) if self.origin.is_row => format!("row {} of {place}", self.number),
            (Some(exchange), _) => format!("record {} of {exchange}", self.number),
            (None, _) => format!("item {}", self.number),
        }
    }

    /// Returns the record as a value.
    pub(crate) fn value(&self) -> Result<Value, Failure> {
        self.current.value().map_err(|error| self.unreadable(&error))
    }

    /// Returns the items above this one, nearest first, as far as they are wanted.
    pub(crate) fn parents(&self, wanted: usize) -> Result<Vec<Value>, Failure> {
        let above = std::iter::successors(self.parent.as_deref(), |item| item.parent.as_deref());
        above.take(wanted).map(|item| item.current.kept().cloned().map_err(|error| item.unreadable(&error))).collect()
    }

    /// Says that the record cannot be read.
    pub(crate) fn unreadable(&self, error: &JsonError) -> Failure {
        Failure::new("invalid-record", format!("the record cannot be read: {error}"), self.origin.place)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn item(json: &str, parent: Option<Item>) -> Item {
        Item::new(Json::copy(json), parent.map(Arc::new), Arc::new(Origin::default()), 1)
    }

    #[test]
    fn a_parent_is_read_once_and_shows_what_it_is() {
        let child = item("{}", Some(item(r#"{"id": 2, "parent": "own"}"#, Some(item(r#"{"id": 1}"#, None)))));
        let found: Vec<String> = child.parents(8).unwrap().iter().map(Value::to_json).collect();
        assert_eq!(found, [r#"{"id":2,"parent":"own"}"#, r#"{"id":1}"#]);
        let (first, second) = (child.parents(1).unwrap(), child.parents(1).unwrap());
        let members =
            |values: &[Value]| values.first().and_then(|value| value.as_object().map(std::ptr::from_ref)).unwrap();
        assert_eq!(members(&first), members(&second));
    }

    #[test]
    fn a_record_that_is_nested_too_deep_is_no_null() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(item(&deep, None).value().unwrap_err().code, "invalid-record");
        assert_eq!(item("{}", Some(item(&deep, None))).parents(1).unwrap_err().code, "invalid-record");
    }
}
