//! A record as cells of a table.

use std::io;
use std::sync::Arc;

use engine_expr::Value;
use engine_runtime::Record;

/// The column of what is no object.
const VALUE: &str = "value";

/// The column that names the stream where there are several.
const STREAM: &str = "stream";

/// The members of a record with their texts, in order.
pub(super) struct Row(Vec<(Arc<str>, Cell)>);

/// One value as text.
pub(super) struct Cell {
    pub(super) text: String,
    /// Whether it is a number, which stands at the right of its column.
    pub(super) number: bool,
}

impl Row {
    /// Makes a row: scalars as they are, nothing for null, JSON for lists and objects.
    pub(super) fn new(stream: Option<&str>, record: &Record) -> io::Result<Self> {
        let value =
            record.to_value().map_err(|error| io::Error::other(format!("a record is not JSON: {}", error.message)))?;
        let mut cells = Vec::new();
        cells.extend(stream.map(|stream| (Arc::from(STREAM), Cell { text: stream.to_owned(), number: false })));
        match value.as_object() {
            Some(members) => cells.extend(members.iter().map(|(name, value)| (Arc::clone(name), Cell::new(value)))),
            None => cells.push((Arc::from(VALUE), Cell::new(&value))),
        }
        Ok(Self(cells))
    }

    /// Returns the names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().map(|(name, _)| name)
    }

    /// Returns a cell; `hint` is where it is likely to be.
    pub(super) fn get(&self, name: &str, hint: usize) -> Option<&Cell> {
        match self.0.get(hint) {
            Some((found, cell)) if **found == *name => Some(cell),
            _ => self.0.iter().find(|(found, _)| **found == *name).map(|(_, cell)| cell),
        }
    }
}

impl Cell {
    fn new(value: &Value) -> Self {
        let text = match value {
            Value::Null => String::new(),
            Value::Secret(_) => "***".to_owned(),
            other => other.text().map_or_else(|| other.to_json(), std::borrow::Cow::into_owned),
        };
        Self { text, number: matches!(value, Value::Number(_)) }
    }
}
