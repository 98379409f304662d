//! Where two values differ, and how that is shown.

use std::fmt::Write as _;

use engine_expr::{Segment, Value};

/// How much of a value is shown in a line.
const LONGEST: usize = 160;

/// A place where something else is than was expected.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// Where, from the top of the value.
    pub(crate) path: Vec<Segment>,
    /// What is there; nothing if nothing is.
    pub(crate) actual: Option<Value>,
}

/// Finds where a value is not what is expected: objects have the members given and any others, lists have as many items, numbers are the same
/// by value.
pub(crate) fn differences(expected: &Value, actual: Option<&Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(expected, actual, &mut Vec::new(), &mut found);
    found
}

fn compare(expected: &Value, actual: Option<&Value>, path: &mut Vec<Segment>, found: &mut Vec<Difference>) {
    match (expected, actual) {
        // What is expected to be null may as well be missing.
        (Value::Null, None | Some(Value::Null)) => {}
        (Value::Object(members), Some(actual @ Value::Object(_))) => {
            for (name, value) in members.iter() {
                path.push(Segment::Name(name.clone()));
                compare(value, actual.get(name), path, found);
                path.pop();
            }
        }
        (Value::List(items), Some(Value::List(others))) if items.items().len() == others.items().len() => {
            for (index, (item, other)) in (0..).zip(items.items().iter().zip(others.items())) {
                path.push(Segment::Index(index));
                compare(item, Some(other), path, found);
                path.pop();
            }
        }
        (expected, Some(actual)) if is_same(expected, actual) => {}
        (_, actual) => found.push(Difference { path: path.clone(), actual: actual.cloned() }),
    }
}

fn is_same(expected: &Value, actual: &Value) -> bool {
    match (expected, actual) {
        (Value::String(text), Value::Secret(secret)) => **text == *secret.expose(),
        _ => expected == actual,
    }
}

/// Writes all scalars in a value as texts, as they stand in queries and headers.
pub(crate) fn as_texts(value: &Value) -> Value {
    match value {
        Value::Number(_) | Value::Bool(_) => value.text().map_or(Value::Null, |text| text.as_ref().into()),
        Value::List(list) => Value::list(list.items().iter().map(as_texts).collect()),
        Value::Object(members) => Value::object(members.iter().map(|(name, value)| (name.clone(), as_texts(value)))),
        other => other.clone(),
    }
}

/// Draws what differs: `-` stands before what is expected, `+` before what is, `…` for what is as it should be.
pub(crate) fn drawn(expected: &Value, actual: Option<&Value>) -> String {
    let mut out = String::new();
    draw(expected, actual, "", 0, &mut out);
    out
}

fn draw(expected: &Value, actual: Option<&Value>, name: &str, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match (expected, actual) {
        (Value::Object(members), Some(actual @ Value::Object(all))) => {
            open(name, &indent, out);
            let depth = if name.is_empty() { depth } else { depth + 1 };
            let mut is_shortened = all.names().any(|name| members.get(name).is_none());
            for (name, value) in members.iter() {
                let other = actual.get(name);
                if differences(value, other).is_empty() {
                    is_shortened = true;
                } else {
                    draw(value, other, name, depth, out);
                }
            }
            rest(is_shortened, depth, out);
        }
        (Value::List(items), Some(Value::List(others))) => {
            open(name, &indent, out);
            let depth = if name.is_empty() { depth } else { depth + 1 };
            let (items, others) = (items.items(), others.items());
            let mut is_shortened = false;
            for index in 0..items.len().max(others.len()) {
                let label = format!("[{index}]");
                match (items.get(index), others.get(index)) {
                    (Some(item), Some(other)) if differences(item, Some(other)).is_empty() => is_shortened = true,
                    (Some(item), Some(other)) => draw(item, Some(other), &label, depth, out),
                    (Some(item), None) => line('-', &label, &short(item), depth, out),
                    (None, Some(other)) => line('+', &label, &short(other), depth, out),
                    (None, None) => {}
                }
            }
            rest(is_shortened, depth, out);
        }
        (expected, actual) => {
            line('-', name, &short(expected), depth, out);
            line('+', name, &actual.map_or_else(|| "nothing".to_owned(), short), depth, out);
        }
    }
}

fn open(name: &str, indent: &str, out: &mut String) {
    if !name.is_empty() {
        _ = writeln!(out, "  {indent}{name}:");
    }
}

fn rest(is_shortened: bool, depth: usize, out: &mut String) {
    if is_shortened {
        _ = writeln!(out, "  {}…", "  ".repeat(depth));
    }
}

fn line(mark: char, name: &str, value: &str, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
    _ = writeln!(out, "{mark} {indent}{name}{value}");
}

/// Writes a value in one line, cut where it is long.
pub(crate) fn short(value: &Value) -> String {
    let text = match value {
        Value::Secret(_) => "***".to_owned(),
        other => other.to_json(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn check(expected: &str, actual: &str, shown: &str) {
        let (expected, actual) = (Value::from_json(expected).unwrap(), Value::from_json(actual).unwrap());
        assert_eq!(drawn(&expected, Some(&actual)), shown, "{expected:?} {actual:?}");
        assert_eq!(differences(&expected, Some(&actual)).is_empty(), !shown.contains(['-', '+']));
    }

    #[test]
    fn members_that_are_not_given_do_not_matter() {
        check(r#"{"a": 1}"#, r#"{"a": 1.0, "b": 2}"#, "  …\n");
        check(r#"{"a": null}"#, r#"{"b": 2}"#, "  …\n");
        check(r#"{"a": 0.10}"#, r#"{"a": 0.1}"#, "  …\n");
    }

    #[test]
    fn shows_only_what_differs() {
        check(
            r#"{"a": 1, "b": {"c": "x", "d": 1}}"#,
            r#"{"a": 1, "b": {"c": "y", "d": 1}}"#,
            "  b:\n-   c: \"x\"\n+   c: \"y\"\n    …\n  …\n",
        );
        check("[1, 2]", "[1, 3, 4]", "- [1]: 2\n+ [1]: 3\n+ [2]: 4\n  …\n");
        check(r#"{"a": 1}"#, r#"{"a": "1"}"#, "- a: 1\n+ a: \"1\"\n");
        check(r#"{"a": 1}"#, "{}", "- a: 1\n+ a: nothing\n");
    }

    #[test]
    fn decimals_are_exact() {
        let (one, other) = (Value::from_json("0.1").unwrap(), Value::from_json("0.10000000000000000001").unwrap());
        assert_eq!(differences(&one, Some(&other)).len(), 1);
    }
}
