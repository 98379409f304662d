//! Settings in one line, as a person would say them.

use serde::Serialize;
use serde_json::Value as Json;

use super::fill::Fill;

/// Returns a setting as JSON, with what is known filled in and what was left out left out.
pub(super) fn json(setting: &impl Serialize, fill: &Fill) -> Json {
    let value = serde_json::to_value(setting).unwrap_or_default();
    fill.json(&without_nulls(value))
}

/// Returns the name of a kind, and its members: `cursor`, `next $.next, into query.cursor`.
pub(super) fn kind(tagged: &Json) -> (String, String) {
    match tagged.as_object().and_then(|members| members.iter().next()) {
        Some((kind, members)) => (kind.clone(), members_of(members)),
        None => (text(tagged), String::new()),
    }
}

/// Returns the members of an object, one after another: `next $.next, into query.cursor`.
pub(super) fn members_of(value: &Json) -> String {
    let Some(members) = value.as_object() else { return text(value) };
    let shown: Vec<String> = members.iter().map(|(name, value)| format!("{name} {}", text(value))).collect();
    shown.join(", ")
}

/// Returns a kind with its members in parentheses.
pub(super) fn tagged(value: &Json) -> String {
    match kind(value) {
        (kind, members) if members.is_empty() => kind,
        (kind, members) => format!("{kind} ({members})"),
    }
}

/// Returns a value as it is written in YAML, in one line.
pub(super) fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Json::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => {
            let members: Vec<String> = members.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        other => other.to_string(),
    }
}

fn without_nulls(value: Json) -> Json {
    match value {
        Json::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !is_nothing(value));
            Json::Object(members.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// Tells whether nothing is said: what is not given is null, and an empty map where it is one.
fn is_nothing(value: &Json) -> bool {
    value.is_null()
}
