//! What started a run, as the spec sees it.

use std::sync::Arc;

use engine_expr::{Members, Value};
use engine_plan::Plan;
use jiff::Timestamp;

/// Makes the name `trigger` of what a run was given: with a type and a time, and its headers in the letters in which the spec writes them.
pub(crate) fn trigger(plan: &Plan, given: Option<&Value>, started: Timestamp) -> Value {
    let mut members = match given {
        Some(Value::Object(members)) => (**members).clone(),
        _ => Members::new(),
    };
    if members.get("type").is_none() {
        members.insert("type", Value::from("manual"));
    }
    if members.get("time").is_none() {
        members.insert("time", Value::from(started.to_string()));
    }
    if let Some(Value::Object(headers)) = members.get("headers") {
        let headers = spelled(plan, headers);
        members.insert("headers", Value::Object(Arc::new(headers)));
    }
    Value::Object(Arc::new(members))
}

/// Returns headers under their names in small letters, and in those in which the files of a plan write them (RFC 9110 §5.1).
fn spelled(plan: &Plan, headers: &Members) -> Members {
    let mut spelled = Members::with_capacity(headers.len());
    for (name, value) in headers.iter() {
        let name = name.to_ascii_lowercase();
        let letters = |byte: &u8| byte.to_ascii_lowercase();
        for (_, file) in plan.sources.iter().filter(|_| !name.is_empty()) {
            let text = file.text();
            for (start, window) in text.as_bytes().windows(name.len()).enumerate() {
                // Most windows differ in their first byte.
                if window.first().map(letters) == name.as_bytes().first().copied()
                    && window.eq_ignore_ascii_case(name.as_bytes())
                    && let Some(other) = text.get(start..start + name.len())
                {
                    spelled.insert(other, value.clone());
                }
            }
        }
        spelled.insert(name, value.clone());
    }
    spelled
}
