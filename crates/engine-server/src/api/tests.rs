//! What the document says there is, and what there is.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use serde_json::Value;

use super::openapi::DOCUMENT;
use super::table;

#[test]
fn the_document_has_every_route_and_no_other() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            described.insert(format!("{method} {path}"));
            for member in ["operationId", "summary", "responses"] {
                assert!(operation.get(member).is_some(), "{method} {path} has no {member}");
            }
        }
    }
    let routed: BTreeSet<String> = table()
        .iter()
        .flat_map(|(path, methods, _)| methods.iter().map(move |method| format!("{method} {path}")))
        .collect();
    assert_eq!(described, routed);
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        if let Some(reference) = value.get("$ref") {
            let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values()),
            _ => {}
        }
    }
}
