//! The published YAML test suite: what must fail fails, and what has a JSON reading has that reading.
#![expect(clippy::disallowed_methods, reason = "a test reads where its suite is from the environment")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic and tell why it was skipped")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine_source::{Findings, Node, Sources, Tree};
use serde::Deserialize;
use serde_json::Value;

/// The cases whose reading is not the suite's, each with its reason.
const DEVIATIONS: &[(&str, &str)] = &[];

#[derive(Deserialize)]
struct Case {
    id: String,
    yaml: String,
    json: Option<String>,
    #[serde(default)]
    fail: bool,
}

fn cases() -> Option<Vec<Case>> {
    let shared = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/suites");
    let suites = std::env::var_os("ENGINE_SUITES").map_or_else(shared, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(suites.join("yaml/cases.json")) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "the YAML suite is missing");
        eprintln!("skipped: the YAML suite is not here (set ENGINE_SUITES to its folder)");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// Reads a text as YAML does: the values of its documents, or nothing where something is wrong.
fn read(text: &str) -> Option<Vec<Node>> {
    let mut sources = Sources::new();
    let id = sources.add("case.yaml", text);
    let mut findings = Findings::new();
    let documents = Tree::parse_documents(&sources, id, &mut findings)?;
    (!findings.has_errors()).then(|| documents.into_iter().map(|tree| tree.root).collect())
}

fn json(text: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(text).into_iter().map(Result::unwrap).collect()
}

/// Compares numbers by value: the suite writes `0x3A` as 58.
fn same(ours: &Value, suite: &Value) -> bool {
    match (ours, suite) {
        (Value::Number(ours), Value::Number(suite)) => ours.as_f64() == suite.as_f64(),
        (Value::Array(ours), Value::Array(suite)) => {
            ours.len() == suite.len() && ours.iter().zip(suite).all(|(ours, suite)| same(ours, suite))
        }
        (Value::Object(ours), Value::Object(suite)) => {
            ours.len() == suite.len()
                && ours.iter().all(|(key, value)| suite.get(key).is_some_and(|other| same(value, other)))
        }
        _ => ours == suite,
    }
}

#[test]
fn what_must_fail_fails() {
    let Some(cases) = cases() else { return };
    let wrong: Vec<_> = cases.iter().filter(|case| case.fail).collect();
    assert_eq!(wrong.len(), 94);
    let accepted: Vec<_> = wrong.iter().filter(|case| read(&case.yaml).is_some()).map(|case| &case.id).collect();
    assert!(accepted.is_empty(), "read without an error: {accepted:?}");
}

#[test]
fn what_has_a_json_reading_has_that_reading() {
    let Some(cases) = cases() else { return };
    let known: BTreeMap<_, _> = DEVIATIONS.iter().copied().collect();
    let mut count = 0;
    let mut wrong = Vec::new();
    for case in &cases {
        let Some(expected) = &case.json else { continue };
        count += 1;
        // A few have a reading up to where they must fail.
        if case.fail {
            continue;
        }
        let ours: Option<Vec<Value>> =
            read(&case.yaml).map(|nodes| nodes.iter().map(|node| serde_json::to_value(node).unwrap()).collect());
        let expected = json(expected);
        let good = ours.as_ref().is_some_and(|ours| {
            ours.len() == expected.len() && ours.iter().zip(&expected).all(|(ours, suite)| same(ours, suite))
        });
        match (good, known.contains_key(case.id.as_str())) {
            (true, true) => wrong.push(format!("{} is listed but passes", case.id)),
            (false, false) => wrong.push(format!("{}: {:?}\n  is {ours:?}\n  not {expected:?}", case.id, case.yaml)),
            _ => {}
        }
    }
    assert_eq!(count, 282);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
