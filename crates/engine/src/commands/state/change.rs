//! `engine state set` and `engine state reset`.

use engine_runtime::{Clock, Kind, StateStore, SystemClock};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde_json::Value;

use super::kept::{all, find};
use crate::arguments::{StateReset, StateSet};
use crate::failure::Failure;
use crate::report::counted;
use crate::status::Status;
use crate::terminal::print;

/// Puts another value into the place of one that is kept.
pub(super) async fn set(state: &dyn StateStore, arguments: &StateSet) -> Result<Status, Failure> {
    let kept = all(state).await?;
    let one = find(&kept, &arguments.id)?;
    if one.kind != Kind::Cursor {
        return Err(Failure::usage("only a cursor can be set").help(
            "a validator stands for one answer of the API: `engine state reset` forgets it, and the next run asks anew",
        ));
    }
    let value = like(&one.value(), &arguments.value)?;
    let (key, label) = (&one.entry.key, &one.entry.label);
    let text = value.to_string();
    state.save(one.kind, key, label, text.as_bytes(), SystemClock.now()).await.map_err(Failure::from)?;
    print(format!("{label}: {value}, was {}\n", one.value()))?;
    Ok(Status::Done)
}

/// Reads a value as one of the kind that was kept: nobody wants to write quotes within quotes.
fn like(old: &Value, text: &str) -> Result<Value, Failure> {
    let parsed = serde_json::from_str::<Value>(text).ok();
    let value = match (old, parsed) {
        (Value::String(_), Some(Value::String(text))) => Value::String(text),
        (Value::String(_), _) => Value::from(text),
        (_, Some(parsed)) => parsed,
        (_, None) => Value::from(text),
    };
    if is_time(old) && !is_time(&value) {
        // A read that can't take its cursor for a time would not begin.
        return Err(Failure::usage(format!("the cursor is {old}, and `{text}` is no date or time"))
            .help("give one as it is there, or forget the cursor: `engine state reset`"));
    }
    let is_whole = |value: &Value| value.is_i64() || value.is_u64();
    if is_whole(old) && !is_whole(&value) && value.is_number() {
        return Err(Failure::usage(format!("the cursor is {old}, and `{text}` is no whole number"))
            .help("give a whole number, or forget the cursor: `engine state reset`"));
    }
    if std::mem::discriminant(old) == std::mem::discriminant(&value) {
        return Ok(value);
    }
    Err(Failure::usage(format!("the cursor is {old}, and `{text}` is of another kind"))
        .help("give a value of the same kind, or forget the cursor: `engine state reset`"))
}

/// Tells whether a value is a text of a date or a time (RFC 3339, ISO 8601).
fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        // Digits alone may be a number that is a text.
        let is_any =
            || text.parse::<Timestamp>().is_ok() || text.parse::<DateTime>().is_ok() || text.parse::<Date>().is_ok();
        text.contains('-') && is_any()
    })
}

/// Forgets what is kept.
pub(super) async fn reset(state: &dyn StateStore, arguments: &StateReset) -> Result<Status, Failure> {
    let kept = all(state).await?;
    let mut wanted = Vec::new();
    for id in &arguments.ids {
        wanted.push(find(&kept, id)?);
    }
    wanted.extend(
        kept.iter().filter(|one| arguments.all || arguments.flow.as_deref().is_some_and(|flow| flow == one.flow())),
    );
    if let Some(flow) = arguments.flow.as_deref().filter(|_| wanted.is_empty()) {
        return Err(Failure::usage(format!("nothing is kept of a flow `{flow}`"))
            .help("`engine state list` shows what is kept"));
    }
    let mut count = 0;
    for one in wanted {
        count += usize::from(state.remove(one.kind, &one.entry.key).await.map_err(Failure::from)?);
    }
    print(format!("{} forgotten\n", counted(count, "value")))?;
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::like;

    #[test]
    fn takes_a_value_of_the_kind_that_was_there() {
        let check = |old, text, expected| assert_eq!(like(&old, text).unwrap(), expected);
        check(json!("2026-01-01"), "2025-01-01", json!("2025-01-01"));
        check(json!("2026-01-01T00:00:00Z"), "2025-01-01T02:00:00+02:00", json!("2025-01-01T02:00:00+02:00"));
        assert!(like(&json!("2026-01-01T00:00:00Z"), "tomorrow").is_err());
        check(json!("2026"), "2025", json!("2025"));
        check(json!("a"), "\"b\"", json!("b"));
        check(json!(7), "5", json!(5));
        check(json!({"a": 1}), r#"{"a": 2}"#, json!({"a": 2}));
        assert!(like(&json!(7), "yesterday").is_err());
        assert!(like(&json!(7), "7.5").is_err());
        check(json!(7.5), "8", json!(8));
        assert!(like(&json!({"a": 1}), "5").is_err());
    }
}
