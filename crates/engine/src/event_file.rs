//! An event that is read from a file: what `trigger` is in the run that it starts.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use engine_expr::{Members, Value};
use engine_source::{Findings, Kind, Node, Sources, Tree};

use crate::failure::Failure;
use crate::inputs;
use crate::report::Report;

/// What an event may have.
const MEMBERS: [&str; 7] = ["type", "body", "body_raw", "headers", "query", "path", "time"];

/// Reads an event in YAML, of which JSON is a part: an object with `body` or `body_raw` and other members of an event; anything else is a body alone.
///
/// # Errors
///
/// Fails where the file can't be read, or has nothing that an event could be.
pub(crate) fn read(path: &Path) -> Result<Value, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", path.display())))?;
    let mut sources = Sources::new();
    let mut findings = Findings::new();
    let id = sources.add(path.to_string_lossy(), text.clone());
    let tree = Tree::parse(&sources, id, &mut findings);
    match tree.as_ref().map(|tree| &tree.root) {
        Some(root) if !findings.has_errors() => Ok(event(root, &text)),
        _ => Err(Failure::Findings(Report::of(path, findings, &Arc::new(sources)))),
    }
}

fn event(root: &Node, text: &str) -> Value {
    let is_event = matches!(root.kind(), Kind::Map(_))
        && root.entries().iter().all(|entry| MEMBERS.contains(&&*entry.key.text))
        && root.entries().iter().any(|entry| matches!(&*entry.key.text, "body" | "body_raw"));
    let value = inputs::value(root);
    let mut members = match value {
        Value::Object(members) if is_event => (*members).clone(),
        body => {
            let mut members = Members::new();
            members.insert("body", body);
            members.insert("body_raw", Value::from(text));
            members
        }
    };
    if members.get("body_raw").is_none() {
        let raw = match members.get("body") {
            Some(Value::String(text)) => Value::String(Arc::clone(text)),
            Some(body) => Value::from(body.to_json()),
            None => Value::Null,
        };
        members.insert("body_raw", raw);
    }
    if members.get("body").is_none() {
        let raw = members.get("body_raw").cloned().unwrap_or_default();
        let parsed = raw.text().and_then(|text| Value::from_json(&text).ok());
        members.insert("body", parsed.unwrap_or(raw));
    }
    if members.get("type").is_none() {
        members.insert("type", Value::from("webhook"));
    }
    Value::Object(Arc::new(members))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn check(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.yaml");
        fs::write(&path, text).unwrap();
        read(&path).unwrap().to_json()
    }

    #[test]
    fn an_event_is_what_has_a_body_and_nothing_else_that_is_unknown() {
        for (text, expected) in [
            ("body: {id: 1.10}", r#"{"body":{"id":1.10},"body_raw":"{\"id\":1.10}","type":"webhook"}"#),
            (
                "{type: schedule, body: null, time: '2026-01-01T00:00:00Z'}",
                r#"{"type":"schedule","body":null,"time":"2026-01-01T00:00:00Z","body_raw":"null"}"#,
            ),
            (
                "headers: {X-Id: a}\nbody_raw: '{\"a\": 1}'",
                r#"{"headers":{"X-Id":"a"},"body_raw":"{\"a\": 1}","body":{"a":1},"type":"webhook"}"#,
            ),
            ("body_raw: a=1", r#"{"body_raw":"a=1","body":"a=1","type":"webhook"}"#),
        ] {
            assert_eq!(check(text), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_a_body() {
        for (text, body) in [
            ("{\"type\": \"order.created\"}", r#"{"type":"order.created"}"#),
            ("{\"body\": 1, \"id\": 2}", r#"{"body":1,"id":2}"#),
            ("[1, 2]", "[1,2]"),
            ("hello", "\"hello\""),
        ] {
            let raw = Value::from(text).to_json();
            assert_eq!(check(text), format!(r#"{{"body":{body},"body_raw":{raw},"type":"webhook"}}"#));
        }
    }
}
