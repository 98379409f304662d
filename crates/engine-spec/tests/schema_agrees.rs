//! The JSON Schema accepts exactly what the model accepts.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod corpus;

use std::collections::{BTreeSet, HashSet};

use engine_source::{AnyNode, Findings};
use engine_spec::{Spec, read, schema};
use serde::Deserialize;
use serde_json::{Value, json};

/// Returns whether the model takes a document.
fn model(document: &Value) -> Result<(), String> {
    let node = AnyNode::deserialize(document).unwrap().0;
    let mut findings = Findings::default();
    let spec = read::<Spec>(&node, &mut findings);
    let errors: Vec<_> =
        findings.iter().filter(|it| it.is_error()).map(|it| format!("{}: {}", it.code, it.message)).collect();
    if errors.is_empty() {
        assert!(spec.is_some(), "nothing is said about {document}");
        return Ok(());
    }
    Err(errors.join("; "))
}

/// Lists the places of a document.
fn places(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| places(item, &format!("{pointer}/{at}"), found));
        }
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        _ => {}
    }
}

/// Makes all documents that differ from this one in one thing.
///
/// What another document had at the same place is not changed again.
fn mutations(document: &Value, seen: &mut HashSet<(String, String)>) -> Vec<Value> {
    let mut pointers = Vec::new();
    places(document, "", &mut pointers);
    let mut all = Vec::new();
    for pointer in &pointers {
        let value = document.pointer(pointer).unwrap();
        let place = pointer
            .split('/')
            .map(|name| if name.parse::<usize>().is_ok() { "0" } else { name })
            .collect::<Vec<_>>()
            .join("/");
        let form = match value {
            Value::Object(members) => members.keys().map(String::as_str).collect::<Vec<_>>().join(" "),
            Value::Array(_) => "a list".to_owned(),
            Value::String(_) => "a string".to_owned(),
            other => other.to_string(),
        };
        if !seen.insert((place, form)) {
            continue;
        }
        let mut with = |new: Value| {
            let mut other = document.clone();
            *other.pointer_mut(pointer).unwrap() = new;
            all.push(other);
        };
        for new in [
            json!(null),
            json!(true),
            json!(7),
            json!(-1),
            json!(1.5),
            json!(429),
            json!([]),
            json!({}),
            json!(""),
            json!("zzz"),
            json!("a b"),
            json!("none"),
            json!("all"),
            json!("$.a"),
            json!("{{ a }}"),
            json!("x {{"),
            json!("a.b"),
            json!("a.*"),
            json!("steps.a"),
            json!("5m"),
            json!("1mo"),
            json!("1h30m"),
            json!("10MB"),
            json!("10/1s"),
            json!("5xx"),
            json!("header.X"),
            json!("query.a"),
            json!("body.a[0]"),
            json!("url"),
            json!("GET /a/{b}"),
            json!("GET /{a"),
            json!("$"),
            json!("true"),
            json!(["zzz"]),
            json!([null]),
            json!([7]),
            json!(["a.b"]),
            json!([{}]),
            json!({"zzz": 1}),
            json!({"type": "zzz"}),
            json!({"type": "none"}),
            json!({"type": "page"}),
            json!({"value": 1}),
            json!({"value": 1, "style": "comma"}),
            json!({"from": "$.a"}),
            json!({"from": "$.a", "to": 1}),
            json!({"each": "$.a", "map": "$.b"}),
            json!({"sink": "a"}),
            json!({"sink": "a", "table": "b"}),
            json!({"until": "a"}),
            json!({"status": 200}),
            json!({"json": 1, "text": "a"}),
            json!({"a-b": 1}),
            json!({"env": "A"}),
            json!({"env": "A", "file": "b"}),
        ] {
            with(new);
        }
        match value {
            Value::Object(members) => {
                for name in members.keys() {
                    let mut fewer = members.clone();
                    fewer.remove(name);
                    with(Value::Object(fewer));
                    let mut renamed = members.clone();
                    let moved = renamed.remove(name).unwrap();
                    renamed.insert(format!("{name}s"), moved);
                    with(Value::Object(renamed));
                }
                for (name, new) in [
                    ("zzz", json!(1)),
                    ("x-a", json!(1)),
                    ("type", json!("cursor")),
                    ("methods", json!(["POST"])),
                    ("read", json!("a.b")),
                    ("fail", json!("a")),
                    ("log", json!(null)),
                    ("case", json!("a")),
                    ("default", json!(true)),
                    ("from", json!("$.a")),
                    ("table", json!("a")),
                    ("steps", json!([])),
                    ("every", json!("5m")),
                    ("file", json!("a")),
                    ("when", json!(true)),
                    ("order", json!(["a.b"])),
                ] {
                    let mut more = members.clone();
                    more.insert(name.to_owned(), new);
                    with(Value::Object(more));
                }
            }
            Value::Array(items) => {
                let mut more = items.clone();
                more.push(json!("zzz"));
                with(Value::Array(more));
            }
            Value::String(text) => {
                with(json!(format!("{text}x")));
                with(json!(text.to_uppercase()));
            }
            Value::Number(_) => with(json!(value.to_string())),
            _ => {}
        }
    }
    all
}

/// Compares the verdicts over some documents; says where they differ.
fn compare(documents: &[(String, Value)]) -> BTreeSet<String> {
    let validator = jsonschema::validator_for(schema().as_value()).unwrap();
    let mut differences = BTreeSet::new();
    for (name, document) in documents {
        match (model(document), validator.is_valid(document)) {
            (Ok(()), false) => {
                let error = validator.iter_errors(document).next().unwrap();
                differences.insert(format!(
                    "only the model takes, {name}: {} at {}: {error}",
                    error.instance(),
                    error.instance_path()
                ));
            }
            (Err(said), true) => {
                differences.insert(format!("only the schema takes, {name}: {said}"));
            }
            _ => {}
        }
    }
    differences
}

#[test]
fn schema_accepts_what_the_model_accepts() {
    let mut documents = Vec::new();
    let mut seen = HashSet::new();
    for (name, text) in corpus::folder("tests/specs/valid") {
        let Ok(tree) = corpus::tree(&name, &text) else { continue };
        let document = serde_json::to_value(tree).unwrap();
        documents.extend(mutations(&document, &mut seen).into_iter().map(|other| (name.clone(), other)));
        documents.push((name, document));
    }
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let differences: BTreeSet<String> = std::thread::scope(|scope| {
        let parts: Vec<_> =
            documents.chunks(documents.len().div_ceil(workers)).map(|part| scope.spawn(|| compare(part))).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    let shown: Vec<String> = differences.iter().take(60).map(|it| it.chars().take(300).collect()).collect();
    assert!(differences.is_empty(), "{} differences in {} documents: {shown:#?}", differences.len(), documents.len());
}
