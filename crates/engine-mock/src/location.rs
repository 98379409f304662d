//! Places within a JSON value, and values with something else there.

use std::sync::Arc;

use engine_expr::{Expr, JsonPath, Members, NameUse, Segment, Selection, Value};
use engine_request::BodyStep;

/// The steps from the top of a body to a value that need not be there.
pub(crate) type Location = Vec<Segment>;

/// Returns the step of a path that a step of a place is.
pub(crate) fn segment(step: &BodyStep) -> Segment {
    match step {
        BodyStep::Member(name) => Segment::Name(Arc::clone(name)),
        BodyStep::Element(index) => Segment::Index(i64::try_from(*index).unwrap_or(i64::MAX)),
    }
}

/// Finds where a path leads to; of a path that finds several values, where it finds the first.
pub(crate) fn of_path(path: &JsonPath, value: &Value) -> Option<Location> {
    match path.singular() {
        Some(segments) => Some(segments.to_vec()),
        None => match path.select(value).ok()? {
            Selection::One(found) => locate(value, found?),
            Selection::Many(found) => locate(value, found.first()?),
        },
    }
}

/// Finds what a path leads to, or what a template takes from `response.body`.
///
/// A path starts at `unwrapped`, a place in the body; a template at its top.
pub(crate) fn of_expr(expr: &Expr, body: &Value, unwrapped: &[Segment]) -> Option<Location> {
    match expr {
        Expr::Path(path) => {
            let top = engine_expr::walk(body, unwrapped).unwrap_or(&Value::Null);
            Some([unwrapped.to_vec(), of_path(path, top)?].concat())
        }
        Expr::Template(template) => template.names().iter().find_map(|name| of_name(name, body)),
    }
}

/// Finds what `response.body.a.b` means, if it is that.
pub(crate) fn of_name(name: &NameUse, body: &Value) -> Option<Location> {
    let [response, member, path @ ..] = name.path.as_slice() else { return None };
    if &**response != "response" || &**member != "body" {
        return None;
    }
    let mut location = Location::new();
    let mut value = Some(body);
    for part in path {
        let segment = match (value, part.parse()) {
            (Some(Value::List(_)), Ok(index)) => Segment::Index(index),
            _ => Segment::Name(Arc::clone(part)),
        };
        value = value.and_then(|value| engine_expr::walk(value, std::slice::from_ref(&segment)));
        location.push(segment);
    }
    Some(location)
}

/// Finds the list whose items a path selects: of `$.edges[*].node` that is `edges`.
///
/// Gives nothing where the records are no items of one list.
pub(crate) fn of_list(expr: &Expr, body: &Value, unwrapped: &[Segment]) -> Option<Location> {
    let is_list = |location: &Location| matches!(engine_expr::walk(body, location), Some(Value::List(_)));
    let Expr::Path(path) = expr else { return of_expr(expr, body, unwrapped).filter(is_list) };
    if path.singular().is_some() {
        return of_expr(expr, body, unwrapped).filter(is_list);
    }
    let top = engine_expr::walk(body, unwrapped)?;
    let Ok(Selection::Many(found)) = path.select(top) else { return None };
    let first = locate(top, found.first()?)?;
    let last = locate(top, found.last()?)?;
    // The list is where the first and the last record part ways.
    let shared = first.iter().zip(&last).take_while(|(left, right)| left == right).count();
    let end = match first.get(shared) {
        Some(Segment::Index(_)) => shared,
        // One record only: the nearest list above it.
        _ => first.iter().rposition(|segment| matches!(segment, Segment::Index(_)))?,
    };
    let location = [unwrapped, first.get(..end)?].concat();
    Some(location).filter(is_list)
}

/// Finds where within a value one of its parts is.
fn locate(value: &Value, part: &Value) -> Option<Location> {
    if std::ptr::eq(value, part) {
        return Some(Location::new());
    }
    let below = |segment: Segment, value: &Value| {
        let mut location = locate(value, part)?;
        location.insert(0, segment);
        Some(location)
    };
    match value {
        Value::Object(members) => {
            members.iter().find_map(|(name, value)| below(Segment::Name(Arc::clone(name)), value))
        }
        Value::List(list) => (0..).zip(list.items()).find_map(|(index, value)| below(Segment::Index(index), value)),
        _ => None,
    }
}

/// Returns the value with another one at a place; objects on the way to it are made.
pub(crate) fn with(value: &Value, location: &[Segment], new: Value) -> Value {
    let Some((segment, rest)) = location.split_first() else { return new };
    match (segment, value) {
        (Segment::Name(name), Value::Object(members)) => {
            let mut members = Members::clone(members);
            let inner = with(members.get(name).unwrap_or(&Value::Null), rest, new);
            members.insert(Arc::clone(name), inner);
            Value::Object(Arc::new(members))
        }
        (Segment::Name(name), Value::Null) => Value::object([(Arc::clone(name), with(&Value::Null, rest, new))]),
        (Segment::Index(index), Value::List(list)) => {
            let mut items = list.items().to_vec();
            let at = usize::try_from(*index)
                .ok()
                .or_else(|| items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?));
            if let Some(item) = at.and_then(|at| items.get_mut(at)) {
                *item = with(item, rest, new);
            }
            Value::list(items)
        }
        // There is something else where the place would be; it stays.
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_source::Span;

    use super::*;

    fn list(path: &str, body: &str) -> Option<String> {
        let body = Value::from_json(body).unwrap();
        let location = of_list(&Expr::Path(JsonPath::new(path, Span::default())), &body, &[])?;
        Some(with(&body, &location, "HERE".into()).to_json())
    }

    #[test]
    fn finds_the_list_that_the_records_are_in() {
        assert_eq!(list("$.a", r#"{"a":[1,2]}"#).unwrap(), r#"{"a":"HERE"}"#);
        assert_eq!(list("$", "[1,2]").unwrap(), "\"HERE\"");
        assert_eq!(list("$.a[*]", r#"{"a":[1]}"#).unwrap(), r#"{"a":"HERE"}"#);
        assert_eq!(
            list("$.d.edges[*].node", r#"{"d":{"edges":[{"node":1},{"node":2}]}}"#).unwrap(),
            r#"{"d":{"edges":"HERE"}}"#
        );
        assert_eq!(list("$.edges[*].node", r#"{"edges":[{"node":{"x":[1]}}]}"#).unwrap(), r#"{"edges":"HERE"}"#);
        assert_eq!(list("$.a", r#"{"a":{"b":1}}"#), None);
        assert_eq!(list("$.a.*", r#"{"a":{"b":1,"c":2}}"#), None);
    }

    #[test]
    fn puts_values_where_there_was_nothing() {
        let name = |name: &str| Segment::Name(name.into());
        let put = |value: &str, location: &[Segment]| {
            with(&Value::from_json(value).unwrap(), location, 1_i64.into()).to_json()
        };
        assert_eq!(put(r#"{"a":2}"#, &[name("b"), name("c")]), r#"{"a":2,"b":{"c":1}}"#);
        assert_eq!(put(r#"{"a":[{"b":0},5]}"#, &[name("a"), Segment::Index(0), name("b")]), r#"{"a":[{"b":1},5]}"#);
        assert_eq!(put(r#"{"a":[0,5]}"#, &[name("a"), Segment::Index(-1)]), r#"{"a":[0,1]}"#);
        assert_eq!(put(r#"{"a":"text"}"#, &[name("a"), name("b")]), r#"{"a":"text"}"#);
    }
}
