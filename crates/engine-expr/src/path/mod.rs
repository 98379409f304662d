//! `JSONPath` (RFC 9535), parsed once.
//!
//! `jsonpath-rust` parses; we check what it lets pass, and walk the values ourselves: singular paths as direct steps that borrow, the
//! others in the order that the RFC gives. Its own evaluation fails three cases of the published suite and builds a path text for
//! each hit.

mod check;
mod outline;
mod query;
mod raw;
mod regexp;

use std::fmt;
use std::sync::Arc;

use engine_source::{Scalar, ScalarKind, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use outline::Outline;
pub use raw::{Slots, Wanted};

use crate::problem::{EvalError, Problem};
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
    ///
    /// # Errors
    ///
    /// Fails where a path that is not singular would visit more than a million values.
    pub fn select<'a>(&self, value: &'a Value) -> Result<Selection<'a>, EvalError> {
        Ok(match &self.0.kind {
            Kind::Singular(segments) => Selection::One(walk(value, segments)),
            Kind::Query(query) => Selection::Many(query.select(value).map_err(|_| self.exhausted())?),
            Kind::Wrong(_) => Selection::One(None),
        })
    }

    /// Returns the value of a singular path, or the list of any other path's values.
    ///
    /// # Errors
    ///
    /// As [`select`](Self::select).
    pub fn value(&self, value: &Value) -> Result<Option<Value>, EvalError> {
        Ok(match self.select(value)? {
            Selection::One(found) => found.cloned(),
            Selection::Many(found) => Some(Value::list(found.into_iter().cloned().collect())),
        })
    }

    /// Returns the values one by one: of a singular path to a list its items, of any other path what it finds.
    ///
    /// `None` where a singular path finds nothing, and where a path would visit too many values; a value that is no list is given as
    /// the error.
    pub fn items<'a>(&self, value: &'a Value) -> Option<Result<Vec<&'a Value>, &'a Value>> {
        match self.select(value).ok()? {
            Selection::One(None) => None,
            Selection::One(Some(Value::List(list))) => Some(Ok(list.items().iter().collect())),
            Selection::One(Some(other)) => Some(Err(other)),
            // One wildcard at the end of a path to a list gives its items; so does a filter.
            Selection::Many(found) => Some(Ok(found)),
        }
    }

    fn exhausted(&self) -> EvalError {
        EvalError::new(format!("the path `{}` visits more than 1,000,000 values", self.0.text), self.0.span)
            .help("name the members on the way instead of `..`, and filter once")
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_path_that_visits_too_much_is_an_error() {
        let numbers = |count: u32| Value::list((0..count).map(Value::from).collect());
        let check = |path: &str, value: &Value, expected: Result<usize, &str>| {
            let found = JsonPath::new(path, Span::default()).select(value).map(|found| match found {
                Selection::Many(found) => found.len(),
                Selection::One(found) => found.into_iter().count(),
            });
            let found = found.map_err(|error| error.message);
            assert_eq!(found.as_ref().map_err(String::as_str), expected.as_ref().map_err(|text| *text), "{path}");
        };
        check("$[*]", &numbers(400_000), Ok(400_000));
        check("$[::2]", &numbers(400_000), Ok(200_000));
        for path in ["$[?count($[*]) > 0]", "$[?$[?@ == 1]]", "$[?value($..x) == 1]", "$[?!$[-1::-1]]"] {
            let message = format!("the path `{path}` visits more than 1,000,000 values");
            check(path, &numbers(5000), Err(&message));
        }
        let mut nested = numbers(1);
        for _ in 0..20 {
            nested = Value::list(vec![nested.clone(), nested]);
        }
        check("$..[0]", &nested, Err("the path `$..[0]` visits more than 1,000,000 values"));
        let path = format!("${}", "[*,*,*]".repeat(20));
        let one = (0..20).fold(Value::from(1_u32), |inner, _| Value::list(vec![inner]));
        check(&path, &one, Err(&format!("the path `{path}` visits more than 1,000,000 values")));
        assert!(JsonPath::new("$..[0]", Span::default()).value(&numbers(3)).unwrap().is_some());
    }
}
