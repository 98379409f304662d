//! The tests of the project's own specs pass, and reach every endpoint.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says what failed")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use engine_plan::{Disk, compile};
use engine_suite::{Chaos, Coverage, Options, PointKind, disturb, run};

fn specs_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            specs_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
}

fn play(paths: &[PathBuf]) -> (usize, String, Coverage) {
    let (mut tests, mut failed, mut coverage) = (0, String::new(), Coverage::default());
    for path in paths {
        let compiled = compile(path, &Disk);
        let Some(plan) = compiled.plan else {
            _ = writeln!(failed, "{}: {:?}", path.display(), compiled.findings);
            continue;
        };
        coverage.join(Coverage::of(&plan));
        for trial in &plan.trials {
            tests += 1;
            let outcome = run(&plan, trial, Options::default());
            for finding in &outcome.findings {
                let places =
                    finding.labels.iter().map(|label| format!("{} {}", plan.sources.place(label.span), label.text));
                let places: Vec<String> = places.collect();
                _ = writeln!(failed, "{}\n  {}\n  help: {:?}", finding.message, places.join("\n  "), finding.help);
            }
            coverage.join(outcome.coverage);
        }
    }
    (tests, failed, coverage)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

#[test]
fn the_tests_of_specs_and_examples_pass_and_reach_every_endpoint() {
    let mut paths = Vec::new();
    for folder in ["specs", "examples"] {
        specs_below(&root().join(folder), &mut paths);
    }
    let (tests, failed, coverage) = play(&paths);
    eprintln!("{tests} tests");
    for point in coverage.missed() {
        eprintln!("not covered: {} {:?}", point.name, point.place);
    }
    assert!(failed.is_empty(), "{failed}");
    let (reached, all) = coverage.counts(PointKind::Endpoint);
    assert_eq!(reached, all, "endpoints that no test reaches");
}

#[test]
fn the_test_of_the_whole_integration_passes() {
    let (tests, failed, _) = play(&[root().join("tests/specs/valid/whole-integration.yaml")]);
    assert!(tests > 0 && failed.is_empty(), "{failed}");
}

#[test]
fn nothing_is_lost_or_there_twice_whatever_fails() {
    let mut paths =
        vec![root().join("tests/specs/valid/whole-integration.yaml"), root().join("tests/suite/orders.yaml")];
    for folder in ["specs", "examples"] {
        specs_below(&root().join(folder), &mut paths);
    }
    let (mut played, mut faults, mut crashes, mut wrong) = (0, 0, 0, String::new());
    for path in paths {
        let plan = compile(&path, &Disk).plan.unwrap();
        for trial in &plan.trials {
            let disturbed = disturb(&plan, trial, Chaos { seed: 0, runs: 8 });
            if disturbed.runs == 0 {
                eprintln!("not disturbed: {}", trial.test.name);
            }
            played += disturbed.runs;
            faults += disturbed.faults;
            crashes += disturbed.crashes;
            if let Some(finding) = disturbed.finding {
                _ = writeln!(wrong, "{}\n{}\n", finding.message, finding.help.unwrap_or_default());
            }
        }
    }
    eprintln!("{played} runs, {faults} faults, {crashes} crashes");
    assert!(wrong.is_empty(), "{wrong}");
    assert!(played > 100 && faults > 100 && crashes > 100);
}
