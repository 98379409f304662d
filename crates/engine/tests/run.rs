//! Runs as their users see them: records on stdout, the rest on stderr, the exit status.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod place;

use std::io::Read;
use std::process::Stdio;

use crate::place::{Outcome, Place};

/// Reads five orders in several pages, and shapes them.
const ORDERS: &str = "version: 1
name: orders
inputs:
  least: {type: decimal, default: 0, env: ENGINE_TEST_LEAST}
apis:
  shop:
    base_url: https://shop.example
    endpoints:
      list_orders:
        request: GET /orders
        records: $.orders
        paginate: {type: page}
        example:
          orders:
            - {id: 1, total: \"9.90\", name: \"Ida, W.\"}
            - {id: 2, total: \"19.90\"}
            - {id: 3, total: \"29.90\", name: Chidi}
            - {id: 4, total: none, name: Marsh}
            - {id: 5, total: \"49.90\", name: Ada}
steps:
  - id: orders
    read: shop.list_orders
    where: item.total == 'none' or item.total | decimal >= inputs.least
    map: {id: {from: $.id, type: integer}, total: {from: $.total, type: decimal}, name: $.name}
    validate: {on_invalid: skip}
";

/// The same, but that all of them can be shaped.
fn shaped() -> String {
    ORDERS.replace("total: none", "total: \"39.90\"").replace("    validate: {on_invalid: skip}\n", "")
}

fn check(arguments: &[&str], status: i32, stdout: &str) -> Outcome {
    let place =
        Place::with(&[("orders.yaml", &shaped()), ("inputs.yaml", "least: 39.90\n"), ("wrong.yaml", "- least\n")]);
    let outcome = place.engine(arguments);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (status, stdout), "{}", outcome.stderr);
    outcome
}

#[test]
fn prints_records_and_sums_up() {
    let outcome = check(
        &["run", "orders.yaml", "--mock"],
        0,
        "{\"id\":1,\"total\":9.90,\"name\":\"Ida, W.\"}\n{\"id\":2,\"total\":19.90}\n{\"id\":3,\"total\":29.90,\"name\":\"Chidi\"}\n\
         {\"id\":4,\"total\":39.90,\"name\":\"Marsh\"}\n{\"id\":5,\"total\":49.90,\"name\":\"Ada\"}\n",
    );
    assert!(outcome.stderr.starts_with("orders  5 read, 5 out; "), "{}", outcome.stderr);
    assert!(outcome.stderr.lines().last().unwrap().starts_with("done in "), "{}", outcome.stderr);
}

#[test]
fn prints_as_it_is_told() {
    let run = ["run", "orders.yaml", "--mock", "--quiet", "--limit", "2", "--output"];
    let check = |format, stdout| check(&[&run[..], &[format]].concat(), 0, stdout);
    let csv = check("csv", "id,total,name\n1,9.90,\"Ida, W.\"\n2,19.90,\n");
    assert_eq!(csv.stderr, "");
    check("json", "[\n{\"id\":1,\"total\":9.90,\"name\":\"Ida, W.\"},\n{\"id\":2,\"total\":19.90}\n]\n");
    check("table", "id  total  name\n──  ─────  ───────\n 1   9.90  Ida, W.\n 2  19.90\n");
    check("none", "");
}

#[test]
fn takes_inputs_from_where_they_are_given() {
    let place = Place::with(&[
        ("spec/orders.yaml", &shaped()),
        ("inputs.yaml", "least: 39.90\n"),
        ("spec/.env", "ENGINE_TEST_LEAST=49.90\n"),
    ]);
    let run = ["run", "spec/orders.yaml", "--mock", "-q", "--output", "csv"];
    let read = |more: &[&str]| place.engine(&[&run[..], more].concat()).stdout.lines().count() - 1;
    assert_eq!(read(&[]), 1);
    assert_eq!(read(&["--inputs", "inputs.yaml"]), 2);
    assert_eq!(read(&["--inputs", "inputs.yaml", "--input", "least=20"]), 3);
    let outcome = Outcome::from(place.command(&run).env("ENGINE_TEST_LEAST", "10").output().unwrap());
    assert_eq!(outcome.stdout.lines().count(), 5);
}

#[test]
fn refuses_wrong_inputs_before_anything_is_sent() {
    let run = ["run", "orders.yaml", "--mock"];
    let check = |more: &[&str], message: &str| {
        let outcome = check(&[&run[..], more].concat(), 2, "");
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
    };
    check(&["--input", "leest=1"], "\n  help: did you mean `least`?\n");
    check(&["--input", "least=many"], "invalid-input\n\n  × ");
    check(&["--input", "least"], "error: `least` gives no input\nhelp: write `--input name=value`\n");
    check(&["--inputs", "wrong.yaml"], "  × the inputs are a list, not an object\n   ╭─[wrong.yaml:1:3]\n");
    check(&["--inputs", "nowhere.yaml"], "error: cannot read `nowhere.yaml`");
}

#[test]
fn refuses_a_wrong_spec_with_its_findings() {
    let place = Place::with(&[("a.yaml", &ORDERS.replace("records:", "record:")), ("folder/a.yaml", "")]);
    let outcome = place.engine(&["run", "a.yaml"]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (2, ""));
    assert!(outcome.stderr.contains("  help: did you mean `records`?\n"), "{}", outcome.stderr);
    let outcome = place.engine(&["run", "a.yaml", "--log-format", "json"]);
    assert_eq!(outcome.status, 2);
    for line in outcome.stderr.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(object.get("event").unwrap(), "finding");
    }
    assert_eq!(place.engine(&["run", "nowhere.yaml"]).stderr, "error: `nowhere.yaml` does not exist\n");
    assert_eq!(place.engine(&["run", "folder"]).status, 2);
}

#[test]
fn says_which_records_were_rejected() {
    let place = Place::with(&[("orders.yaml", ORDERS)]);
    let outcome = place.engine(&["run", "orders.yaml", "--mock"]);
    assert_eq!((outcome.status, outcome.stdout.lines().count()), (3, 4), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("╭─[orders.yaml:2"), "{}", outcome.stderr);
    assert!(outcome.stderr.ends_with(", but 1 record was rejected\n"), "{}", outcome.stderr);
}

#[test]
fn fails_with_the_place_in_the_spec() {
    let place = Place::with(&[(
        "orders.yaml",
        // Nobody listens on port 1.
        &shaped().replace("https://shop.example\n", "http://127.0.0.1:1\n    retry: {attempts: 1}\n"),
    )]);
    let outcome = place.engine(&["run", "orders.yaml"]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (1, ""));
    assert!(outcome.stderr.starts_with("connection\n\n  × "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("╭─[orders.yaml:"), "{}", outcome.stderr);
    assert!(outcome.stderr.lines().last().unwrap().starts_with("failed after "), "{}", outcome.stderr);
    let quiet = place.engine(&["run", "orders.yaml", "-q"]);
    assert!(quiet.stderr.starts_with("connection\n\n") && !quiet.stderr.contains("failed after"), "{}", quiet.stderr);
}

#[test]
fn tells_what_happens_when_asked_to() {
    let outcome = check(&["run", "orders.yaml", "--mock", "-v", "--output", "none"], 0, "");
    assert!(outcome.stderr.starts_with("orders: begins\norders: done, 5 read, 5 out; "), "{}", outcome.stderr);
    let outcome = check(&["run", "orders.yaml", "--mock", "--log-format", "json", "--output", "none"], 0, "");
    let events: Vec<serde_json::Value> =
        outcome.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = events.iter().filter_map(|event| event.get("event")?.as_str()).collect();
    assert_eq!(names, ["run_started", "step_started", "step_finished", "run_finished"]);
    assert_eq!(events.last().unwrap().pointer("/steps/0/counts/read").unwrap(), 5);
}

#[test]
fn ends_quietly_when_nobody_reads_the_records() {
    let place = Place::with(&[("orders.yaml", &shaped())]);
    let mut child =
        place.command(&["run", "orders.yaml", "--mock"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!((outcome.status, outcome.stderr.as_str()), (141, ""));
}

#[test]
fn serves_examples_until_it_is_told_to_end() {
    let place = Place::with(&[("orders.yaml", &shaped()), ("none.yaml", "version: 1\n")]);
    let mut child = place
        .command(&["mock", "orders.yaml", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = Vec::new();
    let mut stdout = child.stdout.take().unwrap();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    let line = String::from_utf8(line).unwrap();
    let url = line.strip_prefix("shop  http://127.0.0.1:").unwrap_or_else(|| panic!("{line}"));
    let port = url.split('/').next().unwrap();
    let spec = shaped().replace("https://shop.example", &format!("http://127.0.0.1:{port}/shop"));
    let outcome = Place::with(&[("orders.yaml", &spec)]).engine(&["run", "orders.yaml", "-q"]);
    assert_eq!(outcome.stdout.lines().count(), 5, "{}", outcome.stderr);
    child.kill().unwrap();
    child.wait().unwrap();
    let outcome = place.engine(&["mock", "none.yaml"]);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (2, "error: `none.yaml` has no API to serve\n"));
}

#[cfg(unix)]
#[test]
fn stops_when_it_is_interrupted() {
    // A port that takes connections and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let place =
        Place::with(&[("orders.yaml", &shaped().replace("https://shop.example", &format!("http://{address}")))]);
    let child = place.command(&["run", "orders.yaml"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _connection = listener.accept().unwrap();
    let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.status, 130, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("interrupted after "), "{}", outcome.stderr);
}
