//! Says in a few words what a schema takes. Knows JSON Schema, not what specs mean.

use serde_json::{Map, Value};

/// Definitions with this at their end take a template too, which is said once for all of them.
const OR_TEMPLATE: &str = "OrTemplate";

/// Units that the page of the language explains.
const UNITS: &[&str] = &["duration", "rate", "size", "status", "window"];

/// Returns the name of a definition that a schema refers to.
pub(super) fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// Returns whether a definition has no section of its own, because its name says all.
pub(super) fn is_plain(name: &str) -> bool {
    name.ends_with(OR_TEMPLATE)
}

/// Returns what a value of this schema is, as Markdown.
pub(super) fn words(schema: &Value) -> String {
    let mut found = Vec::new();
    gather(schema, &mut found);
    found.join(" or ")
}

/// Returns what a value of this schema is, where it is neither an object of known members nor said by its type alone.
pub(super) fn taken(schema: &Value) -> Option<String> {
    if members(schema).is_some() || !forms(schema).is_empty() {
        return None;
    }
    let mut found = Vec::new();
    if schema.get("if").is_some() {
        branches(schema, &mut found);
    } else if schema.get("anyOf").is_some() || schema.get("additionalProperties").is_some_and(Value::is_object) {
        gather(schema, &mut found);
    }
    (!found.is_empty()).then(|| found.join(" or "))
}

/// Gathers what the branches of a condition refer to.
fn branches(schema: &Value, found: &mut Vec<String>) {
    for branch in ["then", "else"].iter().filter_map(|key| schema.get(key)) {
        if reference(branch).is_some() {
            gather(branch, found);
        }
        branches(branch, found);
    }
}

/// Returns the values that are written out, such as those of `enum`.
pub(super) fn constant(schema: &Value) -> Option<String> {
    schema.get("const").map(|value| match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    })
}

/// Returns the forms that a schema may have, each an object of its own or a single value.
pub(super) fn forms(schema: &Value) -> &[Value] {
    schema.get("oneOf").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns the members of an object.
pub(super) fn members(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// Returns the sets of members of which an object has exactly one.
pub(super) fn choices(schema: &Value) -> Vec<Vec<&str>> {
    let all = schema.get("allOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let sets = all.iter().map(|part| forms(part).iter().filter_map(|form| required(form).first().copied()).collect());
    sets.filter(|set: &Vec<&str>| set.len() > 1).collect()
}

/// Returns the members that an object must have.
pub(super) fn required(schema: &Value) -> Vec<&str> {
    let names = schema.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    names.iter().filter_map(Value::as_str).collect()
}

fn gather(schema: &Value, found: &mut Vec<String>) {
    let add = |words: String, found: &mut Vec<String>| {
        if !found.contains(&words) {
            found.push(words);
        }
    };
    if let Some(name) = reference(schema) {
        return add(named(name), found);
    }
    if let Some(constant) = constant(schema) {
        return add(constant, found);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        for value in values {
            add(format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)), found);
        }
        return;
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(parts) = schema.get(key).and_then(Value::as_array) {
            for part in parts.iter().filter(|part| !is_null(part)) {
                gather(part, found);
            }
            return;
        }
    }
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
        _ => return add("any value".to_owned(), found),
    };
    for kind in kinds {
        add(of_kind(kind, schema), found);
    }
}

fn of_kind(kind: &str, schema: &Value) -> String {
    match kind {
        "array" => match schema.get("items") {
            Some(items) => match words(items) {
                several if several.contains(" or ") => format!("list of ({several})"),
                one => format!("list of {one}"),
            },
            None => "list".to_owned(),
        },
        "object" => match schema.get("additionalProperties") {
            Some(values) if values.is_object() => format!("by name: {}", words(values)),
            _ => "object".to_owned(),
        },
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        other => other.to_owned(),
    }
}

fn named(name: &str) -> String {
    let Some(stem) = name.strip_suffix(OR_TEMPLATE) else {
        return format!("[{name}](#{})", name.to_lowercase());
    };
    let words = spaced(stem);
    match words.split(' ').next().filter(|first| UNITS.contains(first)) {
        Some(_) => format!("[{words}](language.md#units)"),
        None => words,
    }
}

/// Writes `StatusCode` as `status code`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "null")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn says(schema: &Value, expected: &str) {
        assert_eq!(words(schema), expected);
    }

    #[test]
    fn names_what_a_member_takes() {
        says(&json!({"type": ["string", "null"]}), "text");
        says(&json!({"anyOf": [{"$ref": "#/$defs/Auth"}, {"type": "null"}]}), "[Auth](#auth)");
        says(&json!({"$ref": "#/$defs/DurationOrTemplate"}), "[duration](language.md#units)");
        says(&json!({"$ref": "#/$defs/BooleanOrTemplate"}), "boolean");
        says(&json!({"type": "array", "items": {"$ref": "#/$defs/Step"}}), "list of [Step](#step)");
        says(&json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/Api"}}), "by name: [Api](#api)");
        says(&json!({"anyOf": [{"const": "all"}, {"type": "integer"}]}), "`all` or whole number");
        says(&json!({"description": "anything"}), "any value");
    }

    #[test]
    fn what_is_no_object_says_what_it_is() {
        let object = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        assert_eq!(taken(&object), None);
        assert_eq!(taken(&json!({"type": "string"})), None);
        let branches = json!({"if": {"type": "object"}, "then": {"if": {}, "then": {"$ref": "#/$defs/A"}, "else": {"$ref": "#/$defs/B"}}});
        assert_eq!(taken(&branches).as_deref(), Some("[A](#a) or [B](#b)"));
    }

    #[test]
    fn a_choice_is_what_one_of_must_be_there() {
        let schema = json!({"allOf": [{"oneOf": [{"required": ["env"]}, {"required": ["file"]}]}]});
        assert_eq!(choices(&schema), [["env", "file"]]);
    }
}
