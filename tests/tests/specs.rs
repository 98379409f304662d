//! Every finding as users see it: specs with one mistake each beside what is said about them, and specs without any.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine_tests::{Engine, Expected, files_below, root};

/// Codes of findings that only a run can raise: `tests/run` shows them.
const RUNNING: &[&str] = &[
    "api-unavailable",
    "auth-failed",
    "body-too-large",
    "connection",
    "contract-mismatch",
    "graphql-errors",
    "host-not-allowed",
    "http-status",
    "in-doubt",
    "internal-error",
    "interrupted",
    "invalid-body",
    "invalid-input",
    "invalid-record",
    "login-needed",
    "mapping-required",
    "mapping-type",
    "needs-server",
    "missing-input",
    "missing-secret",
    "not-json",
    "output-failed",
    "pagination-loop",
    "run-not-resumable",
    "serve-clash",
    "sink-failed",
    "sink-unreadable",
    "state-failed",
    "step-failed",
    "template-failed",
    "test-failed",
    "timeout",
    "too-many-pages",
    "unexpected-shape",
    "unmocked-request",
];

/// Codes of findings that need a document to hold a spec against: `tests/contract` shows them.
const HOLDING: &[&str] = &[
    "contract-answer",
    "contract-auth",
    "contract-example",
    "contract-operation",
    "contract-request",
    "deprecated-operation",
    "undocumented-param",
];

/// Codes of files that are no fit content of a repository; a test makes them.
const MADE: &[&str] = &["too-large"];

/// A finding as `--format json` gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    code: String,
    severity: String,
}

fn validate(spec: &Path, format: &str) -> (Option<i32>, String) {
    let finished = Engine::new(["validate", "--quiet", "--color", "never", "--format", format]).argument(spec).finish();
    let text = if format == "human" { finished.stderr() } else { finished.stdout() };
    (finished.status, text)
}

fn findings(spec: &Path) -> (Option<i32>, Vec<Found>) {
    let (status, text) = validate(spec, "json");
    let report: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", spec.display()));
    let list =
        report.as_array().cloned().or_else(|| report.get("findings").and_then(|it| it.as_array()).cloned()).unwrap();
    let text = |value: &serde_json::Value, name: &str| {
        value.get(name).and_then(|it| it.as_str()).unwrap_or_default().to_owned()
    };
    let found = list.iter().map(|it| Found { code: text(it, "code"), severity: text(it, "severity") }).collect();
    (status, found)
}

/// Returns the wrong specs; those in folders named `parts` are imported by others.
fn wrong_specs() -> Vec<PathBuf> {
    files_below("tests/specs/invalid", "yaml").into_iter().filter(|path| !is_part(path)).collect()
}

fn is_part(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "parts")
}

fn code_of(spec: &Path) -> String {
    spec.components().nth(3).unwrap().as_os_str().to_string_lossy().into_owned()
}

/// Checks all, and fails with all that is wrong.
fn check_each(specs: &[PathBuf], check: impl Fn(&Path) -> Vec<String> + Sync) {
    assert!(!specs.is_empty(), "there are specs");
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut faults: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let mut faults = Vec::new();
            while let Some(spec) = specs.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                faults.extend(check(spec).into_iter().map(|fault| format!("{}: {fault}", spec.display())));
            }
            faults
        };
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    faults.sort();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_mistake_is_found_once_under_its_code() {
    let specs = wrong_specs();
    assert!(specs.len() >= 120, "{} wrong specs", specs.len());
    check_each(&specs, |spec| {
        let (status, found) = findings(spec);
        let codes: Vec<&str> = found.iter().map(|it| it.code.as_str()).collect();
        let mut faults = Vec::new();
        if codes != [code_of(spec)] {
            faults.push(format!("found {codes:?}"));
        }
        let wrong = found.iter().any(|it| it.severity == "error");
        if status != Some(if wrong { 2 } else { 0 }) {
            faults.push(format!("the exit status is {status:?}"));
        }
        faults
    });
}

#[test]
fn every_mistake_is_shown_as_expected() {
    check_each(&wrong_specs(), |spec| {
        let (_, text) = validate(spec, "human");
        Expected::at(root().join(spec).with_extension("stderr")).check(&text).err().into_iter().collect()
    });
}

#[test]
fn no_expected_text_is_without_its_spec() {
    for path in files_below("tests/specs/invalid", "stderr") {
        assert!(root().join(&path).with_extension("yaml").exists(), "{}", path.display());
    }
}

#[test]
fn a_spec_without_a_mistake_is_valid() {
    let mut specs = files_below("tests/specs/valid", "yaml");
    specs.retain(|path| !is_part(path));
    check_each(&specs, |spec| {
        let found = findings(spec).1;
        let codes: Vec<String> = found.into_iter().map(|it| it.code).collect();
        if codes.is_empty() { Vec::new() } else { vec![format!("found {codes:?}")] }
    });
}

#[test]
fn the_catalogue_and_the_examples_are_clean() {
    let finished =
        Engine::new(["validate", "--deny-warnings", "--color", "never", "specs", "examples", "tests/servers"]).finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
}

#[test]
fn every_scenario_is_clean() {
    let specs: Vec<PathBuf> = files_below("tests/run", "yaml")
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name == "spec.yaml"))
        .collect();
    check_each(&specs, |spec| {
        findings(spec).1.into_iter().filter(|it| it.severity == "error").map(|it| it.code).collect()
    });
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let large = format!("version: 1\nx-filler: {}\n", "x".repeat(17 * 1024 * 1024));
    std::fs::write(folder.path().join("large.yaml"), large).unwrap();
    let finished =
        Engine::new(["validate", "--quiet", "--format", "concise", "large.yaml"]).folder(folder.path()).finish();
    assert_eq!(finished.status, Some(2), "{}", finished.stderr());
    let text = format!("{}{}", finished.stdout(), finished.stderr());
    assert!(text.contains("large.yaml") && text.contains("too-large") && text.lines().count() == 1, "{text}");
}

#[test]
fn every_code_is_explained_and_shown() {
    let folders: BTreeSet<String> = wrong_specs().iter().map(|spec| code_of(spec)).collect();
    let list = Engine::new(["explain"]).finish();
    assert_eq!(list.status, Some(0), "{}", list.stderr());
    let listed: BTreeSet<String> = list
        .stdout()
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| word.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-'))
        .map(str::to_owned)
        .collect();
    let running: BTreeSet<String> = RUNNING.iter().chain(HOLDING).chain(MADE).map(|code| (*code).to_owned()).collect();
    let unshown: Vec<&String> =
        listed.iter().filter(|code| !folders.contains(*code) && !running.contains(*code)).collect();
    assert!(unshown.is_empty(), "no spec shows {unshown:?}");
    for code in folders.union(&running) {
        let page = Engine::new(["explain", code.as_str()]).finish();
        assert_eq!(page.status, Some(0), "{code}: {}", page.stderr());
        assert!(page.stdout().lines().count() > 3, "{code}: {}", page.stdout());
        assert!(listed.contains(code), "{code} is not listed");
    }
}

#[test]
fn every_code_of_a_run_is_explained() {
    let codes: BTreeSet<String> = files_below("tests/run", "stderr")
        .iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(root().join(path)).unwrap();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines
                .windows(3)
                .filter(|three| three[2].starts_with("  × "))
                .map(|three| three[0].clone())
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(codes.len() >= 10, "{codes:?}");
    for code in codes {
        let page = Engine::new(["explain", code.as_str()]).finish();
        assert_eq!(page.status, Some(0), "{code}: {}", page.stderr());
    }
}

#[test]
fn the_schema_is_current() {
    let finished = Engine::new(["schema"]).finish();
    assert_eq!(finished.status, Some(0));
    if let Err(difference) = Expected::at(root().join("schemas/spec.json")).check(&finished.stdout()) {
        let line = difference.lines().next().unwrap_or_default().to_owned();
        panic!("{line}");
    }
}
