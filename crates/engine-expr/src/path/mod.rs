//! `JSONPath` (RFC 9535), parsed once.
//!
//! `jsonpath-rust` parses; we check what it lets pass, and walk the values ourselves: singular paths as direct steps that borrow, the
//! others in the order that the RFC gives. Its own evaluation fails three cases of the published suite and builds a path text for
//! each hit.

mod check;
mod query;
mod raw;
mod regexp;

use std::fmt;
use std::sync::Arc;

use engine_source::{Scalar, ScalarKind, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use raw::{Slots, Wanted};

use crate::problem::Problem;
use crate::value::Value;
use query::Query;

/// One step of a singular path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A member of an object.
    Name(Arc<str>),
    /// An item of a list; a negative one counts from the end.
    Index(i64),
}

/// A `JSONPath`.
///
/// A singular path (`$.a.b[0]`) gives one value or none; any other path gives a list.
#[derive(Clone)]
pub struct JsonPath(Arc<Parsed>);

struct Parsed {
    text: String,
    span: Span,
    kind: Kind,
}

enum Kind {
    Singular(Vec<Segment>),
    Query(Query),
    Wrong(Vec<Problem>),
}

/// What a path found.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection<'a> {
    /// A singular path's value, if it is there.
    One(Option<&'a Value>),
    /// Any other path's values.
    Many(Vec<&'a Value>),
}

impl JsonPath {
    /// Parses a path; a wrong one keeps its [`problems`](Self::problems) and selects nothing.
    pub fn new(text: impl Into<String>, span: Span) -> Self {
        let text = text.into();
        let kind = match check::parse(&text) {
            Ok(query) => match query.singular() {
                Some(segments) => Kind::Singular(segments),
                None => Kind::Query(query),
            },
            Err(problem) => Kind::Wrong(vec![*problem]),
        };
        Self(Arc::new(Parsed { text, span, kind }))
    }

    /// Tells whether a text would be read as a path.
    pub fn is_path(text: &str) -> bool {
        text.starts_with('$')
    }

    /// Returns the path as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns the scalar that holds the path.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// Returns what is wrong with it.
    pub fn problems(&self) -> &[Problem] {
        match &self.0.kind {
            Kind::Wrong(problems) => problems,
            _ => &[],
        }
    }

    /// Returns the steps of a singular path.
    pub fn singular(&self) -> Option<&[Segment]> {
        match &self.0.kind {
            Kind::Singular(segments) => Some(segments),
            _ => None,
        }
    }

    /// Selects from a value.
    pub fn select<'a>(&self, value: &'a Value) -> Selection<'a> {
        match &self.0.kind {
            Kind::Singular(segments) => Selection::One(walk(value, segments)),
            Kind::Query(query) => Selection::Many(query.select(value)),
            Kind::Wrong(_) => Selection::One(None),
        }
    }

    /// Returns the value of a singular path, or the list of any other path's values.
    pub fn value(&self, value: &Value) -> Option<Value> {
        match self.select(value) {
            Selection::One(found) => found.cloned(),
            Selection::Many(found) => Some(Value::list(found.into_iter().cloned().collect())),
        }
    }

    /// Returns the values one by one: of a singular path to a list its items, of any other path what it finds.
    ///
    /// `None` where a singular path finds nothing; a value that is no list is given as the error.
    pub fn items<'a>(&self, value: &'a Value) -> Option<Result<Vec<&'a Value>, &'a Value>> {
        match self.select(value) {
            Selection::One(None) => None,
            Selection::One(Some(Value::List(list))) => Some(Ok(list.items().iter().collect())),
            Selection::One(Some(other)) => Some(Err(other)),
            // One wildcard at the end of a path to a list gives its items; so does a filter.
            Selection::Many(found) => Some(Ok(found)),
        }
    }
}

/// Follows the steps of a singular path.
pub fn walk<'a>(value: &'a Value, segments: &[Segment]) -> Option<&'a Value> {
    segments.iter().try_fold(value, |value, segment| match (segment, value) {
        (Segment::Name(name), Value::Object(members)) => members.get(name),
        (Segment::Index(index), Value::List(list)) => {
            let items = list.items();
            match usize::try_from(*index) {
                Ok(at) => items.get(at),
                Err(_) => {
                    items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?).and_then(|at| items.get(at))
                }
            }
        }
        _ => None,
    })
}

impl fmt::Debug for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl<'de> Deserialize<'de> for JsonPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Scalar::deserialize(deserializer)?;
        if scalar.kind != ScalarKind::String || !Self::is_path(&scalar.text) {
            return Err(serde::de::Error::custom(format!(
                "[wrong-type] `{}` is not a path\nhelp: a path starts with `$`: `$.{}`",
                scalar.text,
                scalar.text.trim_start_matches(['.', '/'])
            )));
        }
        Ok(Self::new(&*scalar.text, scalar.span))
    }
}

impl Serialize for JsonPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(crate::leaves::PATH, &self.0.text)
    }
}

impl JsonSchema for JsonPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "JsonPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^\\$",
            "description": "A JSONPath (RFC 9535), such as `$.items[0].id`. A singular path gives a value, any other path gives a list."
        })
    }
}
