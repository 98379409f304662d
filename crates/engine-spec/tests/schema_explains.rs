//! The JSON Schema explains every key to an editor.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use engine_spec::{schema, schema_json};
use serde_json::Value;

/// Lists the members that no description is for.
fn silent(value: &Value, place: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(properties) = members.get("properties").and_then(Value::as_object) {
                for (name, property) in properties {
                    let explained = property.get("description").is_some()
                        || property.get("const").is_some()
                        || property.get("not").is_some();
                    if !explained {
                        found.push(format!("{place}.{name}"));
                    }
                }
            }
            for (name, member) in members {
                silent(member, &format!("{place}/{name}"), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| silent(item, &format!("{place}/{at}"), found));
        }
        _ => {}
    }
}

#[test]
fn every_member_has_a_description() {
    let mut found = Vec::new();
    silent(schema().as_value(), "", &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_text_is_of_draft_2020_12_and_ends_its_line() {
    let text = schema_json();
    assert!(text.ends_with("}\n"));
    let schema: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(schema.get("$schema"), Some(&Value::from("https://json-schema.org/draft/2020-12/schema")));
    assert_eq!(schema.get("title"), Some(&Value::from("Integration spec")));
    assert!(schema.get("$id").is_none());
    jsonschema::draft202012::meta::validate(&schema).unwrap();
}
