//! Makes a page say of itself whether it is the last, where a spec's `stop_when` looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine_expr::{Condition, Host, Scope, Segment, Value};

use crate::location::{Location, of_name, with};

/// What a condition sees beside the body.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The number of the page, from 1.
    pub(crate) number: usize,
    /// How many records it has.
    pub(crate) count: usize,
    /// How many pages there are.
    pub(crate) pages: usize,
    /// How many records there are.
    pub(crate) records: usize,
    /// Its last record.
    pub(crate) last: Option<Value>,
    /// The headers of the answer, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

/// Of how many members of the body values are tried.
const MOST: usize = 3;

/// Changes those members of a body that a condition looks at so that it is `wanted`; as little as possible.
///
/// The members at `kept` stay. Gives nothing where no change makes it so, or the condition can't be evaluated here.
pub(crate) fn settle(
    condition: &Condition,
    body: &Value,
    facts: &Facts,
    wanted: bool,
    kept: &[Location],
) -> Option<Value> {
    let mut flags: Vec<Location> = Vec::new();
    for location in condition.names().iter().filter_map(|name| of_name(name, body)) {
        if !location.is_empty() && !flags.contains(&location) && !kept.iter().any(|kept| overlap(kept, &location)) {
            flags.push(location);
        }
    }
    flags.truncate(MOST);
    try_values(condition, body, facts, wanted, &flags)
}

fn try_values(condition: &Condition, body: &Value, facts: &Facts, wanted: bool, flags: &[Location]) -> Option<Value> {
    let Some((flag, rest)) = flags.split_first() else {
        return (test(condition, body, facts) == Some(wanted)).then(|| body.clone());
    };
    if let Some(found) = try_values(condition, body, facts, wanted, rest) {
        return Some(found);
    }
    candidates(facts).into_iter().find_map(|value| try_values(condition, &with(body, flag, value), facts, wanted, rest))
}

/// Returns what APIs put where conditions look.
fn candidates(facts: &Facts) -> Vec<Value> {
    vec![
        true.into(),
        false.into(),
        facts.number.into(),
        facts.pages.into(),
        facts.records.into(),
        facts.count.into(),
        Value::Null,
        0_i64.into(),
        "".into(),
        "more".into(),
    ]
}

fn overlap(left: &[Segment], right: &[Segment]) -> bool {
    left.starts_with(right) || right.starts_with(left)
}

fn test(condition: &Condition, body: &Value, facts: &Facts) -> Option<bool> {
    let headers = facts.headers.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str())));
    let response = [("status", Value::from(200_i64)), ("headers", Value::object(headers)), ("body", body.clone())];
    let page = [("number", Value::from(facts.number)), ("count", Value::from(facts.count))];
    let mut names = vec![("response", Value::object(response)), ("page", Value::object(page))];
    names.extend(facts.last.clone().map(|last| ("last", last)));
    condition.test(&Scope::new(Arc::new(Clockwork::default())).with_all(names)).ok()
}

/// The outside of a mock: the time, and numbers one after another.
#[derive(Debug, Default)]
pub(crate) struct Clockwork(AtomicU64);

impl Host for Clockwork {
    #[expect(clippy::disallowed_methods, reason = "a mock stands outside, and has the time of its machine")]
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn random(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_source::Span;

    use super::*;

    fn check(condition: &str, body: &str, more: &str, last: &str) {
        let condition = Condition::new(condition, Span::default());
        let body = Value::from_json(body).unwrap();
        let settled = |number, wanted| {
            let facts = Facts { number, count: 2, pages: 2, records: 4, last: None, headers: Vec::new() };
            settle(&condition, &body, &facts, wanted, &[vec![Segment::Name("data".into())]]).map(|body| body.to_json())
        };
        assert_eq!(
            (settled(1, false).as_deref(), settled(2, true).as_deref()),
            (Some(more), Some(last)),
            "{condition:?}"
        );
    }

    #[test]
    fn finds_what_ends_a_read() {
        check("not response.body.has_more", r#"{"has_more":false}"#, r#"{"has_more":true}"#, r#"{"has_more":false}"#);
        check("response.body.last", "{}", r#"{"last":false}"#, r#"{"last":true}"#);
        check(
            "response.body.page >= response.body.pages",
            r#"{"page":1,"pages":1}"#,
            r#"{"page":1,"pages":2}"#,
            r#"{"page":1,"pages":1}"#,
        );
        check(
            "response.body.meta.next is none",
            r#"{"meta":{"next":null}}"#,
            r#"{"meta":{"next":true}}"#,
            r#"{"meta":{"next":null}}"#,
        );
        check("page.number == 2", "{}", "{}", "{}");
    }

    #[test]
    fn never_touches_the_records() {
        let condition = Condition::new("response.body.data | length == 0", Span::default());
        let body = Value::from_json(r#"{"data":[1]}"#).unwrap();
        let facts = Facts { number: 1, count: 1, pages: 1, records: 1, last: None, headers: Vec::new() };
        assert_eq!(settle(&condition, &body, &facts, true, &[vec![Segment::Name("data".into())]]), None);
    }
}
