//! What a run keeps of its requests.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use engine_tests::{EchoServer, Engine};
use serde_json::{Value, json};

const SPEC: &str = r#"
version: 1
name: ships
secrets: {key: {env: KEY}}
inputs: {url: {type: string, env: SHOP}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    auth: {type: bearer, token: "{{ secrets.key }}"}
    retry: {attempts: 1}
    endpoints: {ship: {request: "POST /orders/{id}/ship", params: {id: {type: integer, required: true}}, query: {key: "{{ secrets.key }}"}}}
steps:
  - {id: ship, for_each: [{id: 1}, {id: 2}, {id: 3}, {id: 4}], call: {endpoint: shop.ship, params: {id: $.id}}}
"#;

/// Runs the spec; returns the exit status and the run as it is shown.
fn run(folder: &Path, url: &str, arguments: &[&str]) -> (Option<i32>, Value) {
    let engine = |arguments: &[&str]| {
        let engine = Engine::new(arguments).folder(folder).variable("KEY", "s3cret-key");
        engine.variable("SHOP", url).finish()
    };
    let status = engine(&[&["run", "ships.yaml", "-q"], arguments].concat()).status;
    let runs: Value = serde_json::from_str(&engine(&["runs", "list", "--format", "json"]).stdout()).unwrap();
    let id = runs[0]["id"].as_str().unwrap().to_owned();
    let shown = engine(&["runs", "show", &id, "--requests", "--format", "json"]).stdout();
    assert!(!shown.contains("s3cret-key"), "{shown}");
    (status, serde_json::from_str(&shown).unwrap())
}

fn told(run: &Value) -> Vec<(u64, String)> {
    let requests = run["requests"].as_array().unwrap().iter();
    requests
        .map(|it| (it["number"].as_u64().unwrap(), format!("{} {}", it["url"].as_str().unwrap(), it["status"])))
        .collect()
}

#[test]
fn a_run_that_goes_on_goes_on_with_its_requests_and_the_newest_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ships.yaml"), SPEC).unwrap();
    let is_down = Mutex::new(true);
    let shop = EchoServer::start(move |request| {
        let fails = request.target().starts_with("/orders/3/") && std::mem::take(&mut *is_down.lock().unwrap());
        (if fails { 409 } else { 200 }, vec![("Content-Type", "application/json".to_owned())], b"{}".to_vec())
    });
    let url = shop.url();
    let one = |number: u64, id: u64, status: u16| (number, format!("{url}/orders/{id}/ship?key=*** {status}"));
    let (status, first) = run(folder.path(), &url, &[]);
    assert_eq!((status, &first["status"]), (Some(1), &json!("failed")));
    assert_eq!(told(&first), [one(1, 1, 200), one(2, 2, 200), one(3, 3, 409)]);
    let (status, second) = run(folder.path(), &url, &[]);
    assert_eq!((status, &second["status"], &second["id"]), (Some(0), &json!("ok"), &first["id"]));
    assert_eq!(told(&second), [one(1, 1, 200), one(2, 2, 200), one(3, 3, 409), one(4, 3, 200), one(5, 4, 200)]);
    let (_, newest) = run(folder.path(), &url, &["--keep-requests", "1"]);
    assert_eq!(told(&newest), [one(4, 4, 200)]);
    let (_, none) = run(folder.path(), &url, &["--keep-requests", "0"]);
    assert_eq!(told(&none), []);
}
