//! The program as its users see it: exit statuses, outputs, formats.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod place;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::place::{Outcome, Place};

/// A spec without a mistake.
const GOOD: &str = "version: 1
name: good
apis:
  shop:
    base_url: https://shop.example
    endpoints:
      list_orders: {request: GET /orders, records: $.orders}
";

/// Returns a spec with one unknown key.
fn misspelt() -> String {
    GOOD.replace("records:", "record:")
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn says_its_version() {
    let outcome = Place::with(&[]).engine(&["--version"]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (0, concat!("engine ", env!("CARGO_PKG_VERSION"), "\n")));
}

#[test]
fn refuses_what_it_does_not_know() {
    for arguments in [
        &["frobnicate"][..],
        &["validate"],
        &["validate", "x.yaml", "--format", "xml"],
        &["run", "x.yaml", "--resume", "1"],
    ] {
        let outcome = Place::with(&[]).engine(arguments);
        assert_eq!(outcome.status, 2, "{arguments:?}");
        assert!(
            outcome.stdout.is_empty() && outcome.stderr.starts_with("error: "),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn finds_nothing_wrong_in_good_specs() {
    let place = Place::with(&[
        ("specs/a.yaml", GOOD),
        ("specs/deep/b.yml", GOOD),
        ("specs/.c.yaml", "no: spec"),
        ("specs/d.txt", "no spec"),
    ]);
    let outcome = place.engine(&["validate", "specs"]);
    assert_eq!((outcome.status, outcome.stdout.as_str(), outcome.stderr.as_str()), (0, "", "2 specs are valid\n"));
    let outcome = place.engine(&["validate", "specs/**/*.yml", "--quiet"]);
    assert_eq!((outcome.status, outcome.stdout.as_str(), outcome.stderr.as_str()), (0, "", ""));
}

#[test]
fn shows_findings_in_order_on_stderr() {
    let place = Place::with(&[("b.yaml", &misspelt()), ("a.yaml", &misspelt()), ("c.yaml", GOOD)]);
    let outcome = place.engine(&["validate", ".", "--format", "concise"]);
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(outcome.status, 2);
    assert_eq!(outcome.stdout, "");
    assert_eq!(
        lines,
        [
            "a.yaml:7:43: error[unknown-field]: unknown field `record` in an endpoint",
            "b.yaml:7:43: error[unknown-field]: unknown field `record` in an endpoint",
            "2 errors in 3 files (2 can be fixed with `--fix`)"
        ]
    );
    let human = place.engine(&["validate", "a.yaml"]);
    assert!(
        human.stderr.starts_with("unknown-field\n\n  × unknown field `record` in an endpoint\n   ╭─[a.yaml:7:43]\n"),
        "{}",
        human.stderr
    );
    assert!(
        human.stderr.ends_with("  help: did you mean `records`?\n\n1 error in 1 file (1 can be fixed with `--fix`)\n"),
        "{}",
        human.stderr
    );
}

#[test]
fn reports_an_imported_file_once() {
    let importer = "version: 1\nimports: [shared.yaml]\n";
    let place = Place::with(&[("shared.yaml", &misspelt()), ("one.yaml", importer), ("two.yaml", importer)]);
    let outcome = place.engine(&["validate", ".", "--format", "concise"]);
    assert!(outcome.stderr.ends_with("\n1 error in 3 files (1 can be fixed with `--fix`)\n"), "{}", outcome.stderr);
}

#[test]
fn writes_findings_for_programs_to_stdout() {
    let place = Place::with(&[("a.yaml", &misspelt())]);
    for (format, start) in [
        ("json", "[\n{\"path\":\"a.yaml\",\"line\":7,"),
        ("sarif", "{\n  \"$schema\""),
        ("github", "::error file=a.yaml,line=7,"),
    ] {
        let outcome = place.engine(&["validate", "a.yaml", "--format", format]);
        assert_eq!(outcome.status, 2);
        assert!(outcome.stdout.starts_with(start), "{format}: {}", outcome.stdout);
        assert_eq!(outcome.stderr, "1 error in 1 file\n");
    }
    let outcome = Place::with(&[("a.yaml", GOOD)]).engine(&["validate", "a.yaml", "--format", "json"]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (0, "[]\n"));
}

#[test]
fn denies_warnings_when_told_to() {
    let place = Place::with(&[("a.yaml", &format!("{GOOD}secrets:\n  token: {{env: TOKEN}}\n"))]);
    let outcome = place.engine(&["validate", "a.yaml"]);
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.ends_with("1 warning in 1 file\n"), "{}", outcome.stderr);
    assert_eq!(place.engine(&["validate", "a.yaml", "--deny-warnings"]).status, 2);
}

#[test]
fn refuses_paths_without_specs() {
    let place = Place::with(&[("docs/readme.md", "")]);
    for (path, message) in [
        ("nowhere", "error: `nowhere` does not exist\n"),
        ("docs", "error: no specs in `docs`\n"),
        ("*.yaml", "error: no file matches `*.yaml`\n"),
    ] {
        let outcome = place.engine(&["validate", path]);
        assert_eq!(outcome.status, 2);
        assert!(outcome.stderr.starts_with(message), "{}", outcome.stderr);
    }
}

#[test]
fn colours_only_where_they_are_wanted() {
    let place = Place::with(&[("a.yaml", &misspelt())]);
    let is_coloured = |command: &mut Command| Outcome::from(command.output().unwrap()).stderr.contains('\u{1b}');
    assert!(!is_coloured(&mut place.command(&["validate", "a.yaml"])));
    assert!(is_coloured(&mut place.command(&["validate", "a.yaml", "--color", "always"])));
    assert!(is_coloured(place.command(&["--color=always", "validate", "a.yaml"]).env("NO_COLOR", "1")));
}

#[test]
fn prints_the_schema() {
    let outcome = Place::with(&[]).engine(&["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(outcome.status, 0);
    assert!(schema.get("$schema").is_some());
}

#[test]
fn the_schema_in_the_repository_is_current() {
    let outcome = Place::with(&[]).engine(&["schema"]);
    let kept = fs::read_to_string(root().join("schemas/spec.json")).unwrap();
    assert!(outcome.stdout == kept, "schemas/spec.json is not current: engine schema > schemas/spec.json");
}

#[test]
fn explains_a_finding() {
    let place = Place::with(&[]);
    let outcome = place.engine(&["explain", "unknown-field"]);
    assert_eq!(outcome.status, 0);
    assert!(
        outcome.stdout.starts_with("unknown-field\n\n") && outcome.stdout.contains("    version: 1\n"),
        "{}",
        outcome.stdout
    );
    assert_eq!(place.engine(&["explain", "error[unknown-field]:"]).stdout, outcome.stdout);
    let outcome = place.engine(&["explain", "unknown-feild"]);
    assert_eq!(
        (outcome.status, outcome.stderr.as_str()),
        (2, "error: no finding has the code `unknown-feild`\nhelp: did you mean `unknown-field`?\n")
    );
}

#[test]
fn explains_every_finding_that_it_lists() {
    let place = Place::with(&[]);
    let list = place.engine(&["explain"]).stdout;
    assert!(list.lines().count() > 60, "{list}");
    for line in list.lines() {
        let code = line.split(' ').next().unwrap();
        assert!(place.engine(&["explain", code]).stdout.starts_with(&format!("{code}\n\n")), "{code}");
    }
}

#[test]
fn ends_quietly_when_nobody_listens() {
    let place = Place::with(&[]);
    let mut child = place.command(&["schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.stderr, "");
}
