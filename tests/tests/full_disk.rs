//! A disk that is full where a run puts aside what it does not hold in memory: an error that says so, and nothing is lost.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;

use engine_tests::{EchoServer, Engine};
use serde_json::{Value, json};

const HEAD: &str = r#"
version: 1
name: large
inputs: {url: {type: string, env: SERVER_URL}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    endpoints:
      list:
        request: GET /orders
        records: $.orders
        paginate: {type: page, stop_when: page.count == 0}
sinks: {lines: {type: jsonl, path: out/lines.jsonl}}
"#;

/// Reads so many pages of so many orders of 1 KB, first with room for files of so many blocks of 512 bytes, then with as much as there is; returns what was said of the room, and the lines in the end.
fn check(steps: &str, pages: u64, per_page: u64, blocks: u64) -> (String, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("spec.yaml"), format!("{HEAD}{steps}")).unwrap();
    let server = EchoServer::start(move |received| {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        let page: u64 = received.target().split_once("page=").map_or(0, |(_, page)| page.parse().unwrap());
        let ids = (page.max(1) - 1) * per_page + 1..=page.min(pages) * per_page;
        let orders: Vec<Value> = ids.map(|id| json!({"id": id, "note": "x".repeat(1000)})).collect();
        (200, headers, json!({"orders": orders}).to_string().into_bytes())
    });
    let engine = || {
        let arguments = ["run", "spec.yaml", "--output", "none", "--color", "never"];
        Engine::new(arguments).folder(folder.path()).variable("SERVER_URL", &server.url())
    };
    let full = engine().room(blocks).finish();
    let said = full.stderr();
    assert_eq!(full.status, Some(1), "{said}");
    let finished = engine().finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    let lines = fs::read_to_string(folder.path().join("out/lines.jsonl")).unwrap();
    (said, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn a_body_that_has_no_room_is_an_error_and_is_read_when_it_has() {
    let steps = "steps: [{id: orders, read: shop.list, map: {id: $.id}, write: lines}]";
    let (said, lines) = check(steps, 1, 6000, 4096);
    assert!(said.contains("make room"), "{said}");
    let ids: BTreeSet<u64> = lines.iter().map(|line| line["id"].as_u64().unwrap()).collect();
    assert_eq!((lines.len(), ids.len()), (6000, 6000));
}

#[test]
fn records_for_later_that_have_no_room_are_an_error_and_are_kept_when_they_have() {
    let steps = r#"
steps:
  - {id: orders, read: shop.list}
  - {id: count, map: {count: "{{ steps.orders.items | length }}"}, write: lines}
"#;
    let (said, lines) = check(steps, 12, 1000, 4096);
    assert!(said.contains("make room"), "{said}");
    assert_eq!(lines, [json!({"count": 12_000})]);
}
