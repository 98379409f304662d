//! `engine test`, by the real binary: what passes, what fails and how it is shown.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{Engine, Expected, root};

fn test(paths: &[&str], arguments: &[&str]) -> (Option<i32>, String, String) {
    let finished = Engine::new(["test", "--color", "never"]).arguments(paths).arguments(arguments).finish();
    (finished.status, finished.stdout(), finished.stderr())
}

fn check(name: &str, text: &str) {
    Expected::at(root().join("tests/suite").join(name)).check(text).unwrap();
}

#[test]
fn all_that_a_test_can_say_passes() {
    let (status, stdout, stderr) = test(&["tests/suite/orders.yaml", "tests/suite/orders.test.yaml"], &[]);
    assert_eq!((status, stdout.as_str()), (Some(0), ""), "{stderr}");
    check("orders.out", &stderr);
}

#[test]
fn a_spec_brings_the_file_with_its_tests() {
    let (status, _, stderr) = test(&["tests/suite/orders.yaml"], &[]);
    assert_eq!(status, Some(0), "{stderr}");
    check("orders.out", &stderr);
}

#[test]
fn the_item_of_a_step_without_a_source_is_the_body_of_the_event() {
    let (status, _, stderr) = test(&["tests/suite/item.yaml"], &[]);
    assert_eq!(status, Some(0), "{stderr}");
}

#[test]
fn the_test_of_the_language_page_passes() {
    let (status, _, stderr) = test(&["tests/specs/valid/whole-integration.yaml"], &[]);
    assert_eq!(status, Some(0), "{stderr}");
}

#[test]
fn shows_each_expectation_that_fails_at_its_place() {
    let (status, _, stderr) = test(&["tests/suite/expectations.yaml"], &[]);
    assert_eq!(status, Some(1), "{stderr}");
    check("expectations.out", &stderr);
}

#[test]
fn a_record_without_its_key_fails_as_in_a_table() {
    let (status, _, stderr) = test(&["tests/suite/keyless.yaml"], &[]);
    assert_eq!(status, Some(0), "{stderr}");
}

#[test]
fn shows_what_is_wrong_with_answers() {
    let (status, _, stderr) = test(&["tests/suite/answers.yaml"], &["--coverage"]);
    assert_eq!(status, Some(1), "{stderr}");
    check("answers.out", &stderr);
}

#[test]
fn tells_of_specs_that_are_wrong() {
    let (status, _, stderr) = test(&["tests/suite/wrong"], &[]);
    assert_eq!(status, Some(2), "{stderr}");
    check("wrong.out", &stderr);
}

#[test]
fn writes_for_programs() {
    let (status, stdout, _) =
        test(&["tests/suite/answers.yaml"], &["--format", "github", "--filter", "NOTHING is mocked"]);
    assert_eq!(status, Some(1));
    check("github.out", &stdout);
    let (_, stdout, _) = test(&["tests/suite/answers.yaml"], &["--format", "json"]);
    let all: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(all["failed"], 6);
    assert_eq!(all["specs"][0]["tests"][1]["name"], "nothing is mocked");
    assert_eq!(all["specs"][0]["tests"][1]["findings"][0]["code"], "unmocked-request");
    assert_eq!(all["coverage"]["endpoints"]["all"], 2);
}

#[test]
fn writes_junit_xml() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.xml");
    let path = file.to_str().unwrap();
    let (status, ..) =
        test(&["tests/suite/answers.yaml", "tests/suite/wrong/wrong.yaml"], &["--junit", path, "--filter", "few"]);
    assert_eq!(status, Some(2));
    let xml = fs::read_to_string(&file).unwrap();
    let times = regex::Regex::new("time=\"[0-9.]+\"").unwrap();
    check("junit.out", &times.replace_all(&xml, "time=\"…\""));
}

#[test]
fn a_filter_that_takes_nothing_is_a_mistake() {
    let (status, _, stderr) = test(&["tests/suite/orders.yaml"], &["--filter", "no such test"]);
    assert_eq!(status, Some(2));
    assert_eq!(stderr, "error: no test has `no such test` in its name\n");
}

#[test]
fn a_file_of_tests_cannot_be_run() {
    let finished = Engine::new(["run", "tests/suite/orders.test.yaml", "--color", "never"]).finish();
    assert_eq!(finished.status, Some(2));
    assert!(finished.stderr().contains("has tests, and no flow of its own"), "{}", finished.stderr());
}

#[test]
fn is_the_same_each_time_for_a_seed() {
    let told = |seed: &str| test(&["tests/suite/expectations.yaml"], &["--seed", seed, "--jobs", "4"]).2;
    assert_eq!(told("7"), told("7"));
}

#[test]
fn nothing_is_lost_while_all_around_fails() {
    let (status, _, stderr) =
        test(&["tests/suite/orders.yaml", "examples/orders-to-erp.yaml"], &["--chaos", "--runs", "10"]);
    assert_eq!(status, Some(0), "{stderr}");
    let counts = regex::Regex::new("disturbed: ([0-9]+) runs, ([0-9]+) faults, ([0-9]+) crashes").unwrap();
    let counts = counts.captures(&stderr).unwrap_or_else(|| panic!("{stderr}"));
    assert!(counts.iter().skip(1).flatten().all(|count| count.as_str().parse::<u32>().unwrap() >= 20), "{stderr}");
}

#[test]
fn events_are_signed_and_verified() {
    let (status, _, stderr) = test(&["tests/suite/signed.yaml"], &[]);
    assert_eq!(status, Some(0), "{stderr}");
    let (status, _, stderr) = test(&["tests/suite/forged.yaml"], &[]);
    assert_eq!(status, Some(1), "{stderr}");
    check("forged.out", &stderr);
    let (status, _, stderr) = test(&["tests/suite/signed.yaml"], &["--chaos", "--runs", "20"]);
    assert_eq!(status, Some(0), "{stderr}");
}

/// Faults in specs that a calm run does not show are found, and found again by the seed that is told.
#[test]
fn a_fault_in_a_spec_is_found_and_found_again() {
    let (status, _, stderr) = test(&["tests/suite/planted.yaml"], &[]);
    assert_eq!(status, Some(0), "{stderr}");
    let (status, _, stderr) = test(&["tests/suite/planted.yaml"], &["--chaos", "--seed", "1", "--runs", "60"]);
    assert_eq!(status, Some(1), "{stderr}");
    let said = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("of the writes to `shop.create_invoice`"), "{stderr}");
    let seed = regex::Regex::new("disturbed with seed ([0-9]+)").unwrap().captures(&said).unwrap()[1].to_owned();
    let again = format!("--chaos --seed {seed} --runs 1");
    assert!(said.contains(&again), "{stderr}");
    let (status, _, stderr) = test(&["tests/suite/planted.yaml"], &["--chaos", "--seed", &seed, "--runs", "1"]);
    assert_eq!(status, Some(1), "{stderr}");
    assert!(stderr.contains(&format!("disturbed with seed {seed}")), "{stderr}");
}

#[test]
fn pages_that_are_short_or_come_again_lose_nothing() {
    let (status, _, stderr) = test(&["tests/suite/pages.yaml"], &["--chaos", "--runs", "60"]);
    assert_eq!(status, Some(0), "{stderr}");
}

#[test]
fn watches_files_and_tests_again() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("spec.yaml");
    let text = fs::read_to_string(root().join("tests/suite/answers.yaml")).unwrap();
    let good = text.split("tests:").next().unwrap().to_owned()
        + "tests:\n  - name: none\n    mock: {shop.list_orders: {json: {orders: []}}}\n    expect: {records: RECORDS}\n";
    write(&spec, &good.replace("RECORDS", "[{id: 1}]"));
    let log = folder.path().join("log");
    let mut command = Engine::new(["test", "--watch"]).argument(&spec).folder(folder.path()).command();
    let mut child = command.stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let said = |wanted: &str| {
        let begun = Instant::now();
        while !fs::read_to_string(&log).unwrap().contains(wanted) {
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "`{wanted}` is not said: {}",
                fs::read_to_string(&log).unwrap()
            );
            thread::sleep(Duration::from_millis(20));
        }
    };
    said("1 failed");
    said("watching for changes");
    write(&spec, &good.replace("RECORDS", "[]"));
    said("1 test passed\n");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}
