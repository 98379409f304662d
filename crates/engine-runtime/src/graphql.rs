//! What an answer of GraphQL says of its own failure, whatever its status (GraphQL §7.1.2).

use std::fmt::Write;
use std::sync::OnceLock;

use engine_expr::{JsonPath, Scope, Value};
use engine_request::{Answer, Needs};
use engine_source::Span;

/// Returns what the `errors` of an answer say in one line; none where there are no such.
pub(crate) fn errors(answer: &Answer, scope: &Scope) -> Option<String> {
    static NEEDS: OnceLock<Needs> = OnceLock::new();
    let needs = NEEDS.get_or_init(|| {
        let mut needs = Needs::default();
        needs.add_path(&JsonPath::new("$.errors", Span::default()));
        needs
    });
    // Only a template could fail here, and there is none.
    let body = answer.root(None, needs, scope).ok()?;
    let errors = match body.get("errors")? {
        Value::Null => return None,
        Value::List(list) => list.items().to_vec(),
        other => vec![other.clone()],
    };
    let first = describe(errors.first()?);
    Some(match errors.len() {
        1 => first,
        count => format!("{first}, and {} more", count - 1),
    })
}

/// Says what one error says: `Field 'x' doesn't exist (at shop.orders[2], THROTTLED)`.
fn describe(error: &Value) -> String {
    let text = |value: &Value| value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned);
    let Some(message) = error.get("message") else { return text(error) };
    let mut place = String::new();
    for step in error.get("path").and_then(Value::as_list).unwrap_or_default() {
        match step {
            Value::Number(number) => _ = write!(place, "[{number}]"),
            name => {
                place.push_str(if place.is_empty() { "" } else { "." });
                place.push_str(&text(name));
            }
        }
    }
    let code = error.get("extensions").and_then(|more| more.get("code")).map(text);
    let more: Vec<_> = (!place.is_empty()).then(|| format!("at `{place}`")).into_iter().chain(code).collect();
    let message = text(message);
    if more.is_empty() { message } else { format!("{message} ({})", more.join(", ")) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use engine_expr::{Host, Scope};
    use engine_request::Answer;
    use http::HeaderMap;

    use super::errors;

    struct Nothing;

    impl Host for Nothing {
        fn now(&self) -> jiff::Timestamp {
            jiff::Timestamp::UNIX_EPOCH
        }

        fn random(&self) -> u64 {
            0
        }
    }

    fn check(body: &'static str, expected: Option<&str>) {
        let answer = Answer::new(200, HeaderMap::new(), "https://api.test/graphql".parse().unwrap(), body);
        assert_eq!(errors(&answer, &Scope::new(Arc::new(Nothing))).as_deref(), expected, "{body}");
    }

    #[test]
    fn finds_errors_beside_data() {
        check(r#"{"data": {"errors": [1]}}"#, None);
        check(r#"{"data": null, "errors": []}"#, None);
        check(r#"{"data": null, "errors": null}"#, None);
        check("[1]", None);
        check("oops", None);
        check(r#"{"errors": [{"message": "no"}]}"#, Some("no"));
        check(
            r#"{"data": {}, "errors": [{"message": "no", "path": ["a", 2, "b"], "extensions": {"code": "X"}}, {}]}"#,
            Some("no (at `a[2].b`, X), and 1 more"),
        );
        check(r#"{"errors": ["no", "never"]}"#, Some("no, and 1 more"));
        check(r#"{"errors": {"a": 1}}"#, Some(r#"{"a":1}"#));
        check(r#"{"errors": "no"}"#, Some("no"));
    }
}
