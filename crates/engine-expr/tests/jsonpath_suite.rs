//! The published `JSONPath` compliance suite (RFC 9535), every case of it.

#![expect(clippy::disallowed_methods, reason = "a test reads where its suite is from the environment")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use engine_expr::{JsonPath, Selection, Value};
use engine_source::Span;

/// How many cases the suite has.
const CASES: usize = 703;

#[test]
#[expect(clippy::print_stderr, reason = "a skipped suite must be seen")]
fn passes_the_whole_suite() {
    let folder = std::env::var_os("ENGINE_SUITES")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/suites")), PathBuf::from);
    let file = folder.join("jsonpath/cts.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        assert!(std::env::var_os("CI").is_none(), "in CI the suite must be there: {}", file.display());
        eprintln!("skipped: the JSONPath suite is not at {}", file.display());
        return;
    };
    let suite = Value::from_json(&text).unwrap();
    let tests = suite.get("tests").and_then(Value::as_list).unwrap();
    let failed: Vec<String> = tests.iter().filter_map(|test| check(test).err()).collect();
    assert!(failed.is_empty(), "{} of {} fail:\n{}", failed.len(), tests.len(), failed.join("\n"));
    assert_eq!(tests.len(), CASES);
}

fn check(test: &Value) -> Result<(), String> {
    let text_of = |name: &str| test.get(name).and_then(Value::as_str).unwrap_or_default();
    let path = JsonPath::new(text_of("selector"), Span::default());
    let fail = |what: String| Err(format!("{}: `{}`: {what}", text_of("name"), text_of("selector")));
    if test.get("invalid_selector").and_then(Value::as_bool) == Some(true) {
        return if path.problems().is_empty() { fail("accepted".to_owned()) } else { Ok(()) };
    }
    if let Some(problem) = path.problems().first() {
        return fail(format!("refused: {}", problem.message));
    }
    let found: Vec<Value> = match path.select(test.get("document").unwrap()).unwrap() {
        Selection::One(value) => value.into_iter().cloned().collect(),
        Selection::Many(values) => values.into_iter().cloned().collect(),
    };
    let found = Value::list(found);
    let expected: Vec<&Value> = match test.get("results") {
        Some(results) => results.as_list().unwrap().iter().collect(),
        None => test.get("result").into_iter().collect(),
    };
    if expected.contains(&&found) { Ok(()) } else { fail(format!("found {found:?}, not {expected:?}")) }
}
