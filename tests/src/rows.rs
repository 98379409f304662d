//! The records that a run prints, a line of JSON each.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::engine::Finished;

/// Returns what was printed.
pub fn rows(finished: &Finished) -> Vec<Value> {
    finished.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the records of one stream, where several were printed.
pub fn of<'r>(rows: &'r [Value], stream: &str) -> Vec<&'r Value> {
    let named = rows.iter().filter(|row| row.get("stream").and_then(Value::as_str) == Some(stream));
    named.map(|row| row.get("record").unwrap()).collect()
}

/// Counts the different values of a member.
pub fn different(rows: &[&Value], member: &str) -> usize {
    rows.iter().map(|row| row.get(member).unwrap().to_string()).collect::<BTreeSet<_>>().len()
}
