//! What examples tell of answers where their schemas say nothing.

use serde_json::{Map, Value, json};

/// How deep examples are looked into.
const DEPTH: usize = 3;

/// Adds to the schemas of answers what only their examples show.
pub(super) fn complete(root: &mut Value) {
    let Some(paths) = root.get_mut("paths").and_then(Value::as_object_mut) else { return };
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(|item| item.values_mut());
    let responses = operations.filter_map(|operation| operation.get_mut("responses")?.as_object_mut());
    for response in responses.flat_map(|responses| responses.iter_mut().filter(|(status, _)| status.starts_with('2'))) {
        let (_, response) = response;
        // Swagger 2.0 has one schema, and examples by media type.
        if let Some(example) = response.get("examples").and_then(|it| it.get("application/json")).cloned() {
            add(response, &example);
        }
        for media in
            response.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten().map(|(_, media)| media)
        {
            let example = media
                .get("example")
                .or_else(|| media.get("examples")?.as_object()?.values().next()?.get("value"))
                .cloned();
            if let Some(example) = example {
                add(media, &example);
            }
        }
    }
}

/// Adds what an example shows to the schema of something; what is defined elsewhere stays as it is.
fn add(to: &mut Value, example: &Value) {
    let Some(shown) = schema(example, DEPTH) else { return };
    let Some(object) = to.as_object_mut() else { return };
    let known = object.entry("schema").or_insert_with(|| json!({}));
    let is_silent = !["$ref", "items", "allOf", "oneOf", "anyOf"].iter().any(|key| known.get(*key).is_some());
    let Some(known) = known.as_object_mut().filter(|_| is_silent) else { return };
    let Some(properties) = shown.get("properties").and_then(Value::as_object) else {
        if !known.contains_key("properties") {
            known.extend(shown.as_object().cloned().unwrap_or_default());
        }
        return;
    };
    let own = known.entry("properties").or_insert_with(|| json!({}));
    let Some(own) = own.as_object_mut() else { return };
    for (name, schema) in properties {
        own.entry(name.clone()).or_insert_with(|| schema.clone());
    }
    known.entry("type").or_insert_with(|| json!("object"));
}

fn schema(example: &Value, depth: usize) -> Option<Value> {
    let kind = match example {
        Value::Null => return None,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(items) => {
            let items = items.first().filter(|_| depth > 0).and_then(|item| schema(item, depth - 1));
            return Some(
                items.map_or_else(|| json!({"type": "array"}), |items| json!({"type": "array", "items": items})),
            );
        }
        Value::Object(members) => {
            let shown = |(name, value): (&String, &Value)| Some((name.clone(), schema(value, depth.checked_sub(1)?)?));
            let properties: Map<String, Value> = members.iter().filter_map(shown).collect();
            return Some(json!({"type": "object", "properties": properties}));
        }
    };
    Some(json!({"type": kind}))
}
