//! What came with an event or a record, without secrets.

use engine_expr::{Members, Value};

use crate::flows::Flow;

/// What stands for a secret.
const HIDDEN: &str = "***";

/// Headers of events whose values are shown: any other may prove who sent it, now or once.
const HARMLESS: [&str; 5] = ["accept", "content-length", "content-type", "host", "user-agent"];

/// Returns a value without the secrets of a flow.
pub(super) fn without_secrets(value: &Value, flow: &Flow) -> Value {
    let redactor = &flow.given.redactor;
    match value {
        Value::Secret(_) => Value::from(HIDDEN),
        Value::String(text) if redactor.finds(text) => Value::from(redactor.redact(text)),
        Value::Number(_) if redactor.finds(&value.to_json()) => Value::from(HIDDEN),
        Value::List(list) => Value::list(list.items().iter().map(|item| without_secrets(item, flow)).collect()),
        Value::Object(members) => {
            let shown = |name: &str| redactor.redact(name);
            Value::object(members.iter().map(|(name, value)| (shown(name), without_secrets(value, flow))))
        }
        other => other.clone(),
    }
}

/// Returns what `trigger` is in a run without secrets: also without those that the flow had once.
pub(super) fn trigger(value: &Value, flow: &Flow) -> Value {
    let mut value = without_secrets(value, flow);
    let Value::Object(members) = &mut value else { return value };
    let mut shown = Members::clone(members);
    if let Some(headers) = shown.get("headers").and_then(Value::as_object) {
        let headers = headers.iter().map(|(name, value)| {
            let is_harmless = HARMLESS.iter().any(|harmless| harmless.eq_ignore_ascii_case(name));
            (name.clone(), if is_harmless { value.clone() } else { Value::from(HIDDEN) })
        });
        let headers = Value::object(headers);
        shown.insert("headers", headers);
    }
    Value::Object(shown.into())
}
