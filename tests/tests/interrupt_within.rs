//! A run that is interrupted within the flow of an item and run again: the item is done then, once.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{Engine, Shop};

const ORDERS: u64 = 12;

/// The flow of an order: it is read again, pushed and kept.
fn inner(shop: &Shop) -> String {
    format!(
        r#"version: 1
name: push
inputs: {{id: {{type: integer, required: true}}}}
apis:
  shop:
    base_url: {url}
    endpoints:
      list_orders: {{request: GET /orders, records: $.orders}}
      push: {{request: POST /pushes, idempotency: {{in: header.Idempotency-Key}}}}
sinks: {{lines: {{type: jsonl, path: lines.jsonl}}}}
steps:
  - {{id: looked, read: {{endpoint: shop.list_orders, limit: 1}}}}
  - {{id: order, map: {{id: "{{{{ inputs.id }}}}"}}}}
  - {{id: pushed, for_each: order, call: {{endpoint: shop.push, body: {{json: {{order: "{{{{ item.id }}}}"}}}}}}, extract: {{id: "{{{{ item.id }}}}"}}}}
  - {{id: kept, for_each: pushed, write: {{sink: lines, mode: append}}}}
"#,
        url = shop.url()
    )
}

fn outer(shop: &Shop) -> String {
    format!(
        r"version: 1
name: orders
apis:
  shop:
    base_url: {url}
    endpoints:
      list_orders: {{request: GET /orders, records: $.orders, paginate: {{type: cursor, next: $.next}}}}
steps:
  - {{id: orders, read: shop.list_orders, flow: {{spec: push.yaml, inputs: {{id: $.id}}}}}}
",
        url = shop.url()
    )
}

#[test]
fn a_flow_within_a_flow_that_is_interrupted_is_done_when_the_run_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(4, Duration::from_millis(25));
    shop.order(ORDERS);
    fs::write(folder.path().join("push.yaml"), inner(&shop)).unwrap();
    fs::write(folder.path().join("orders.yaml"), outer(&shop)).unwrap();
    let engine = || Engine::new(["run", "orders.yaml", "--output", "none", "--color", "never"]).folder(folder.path());
    let mut interrupted = 0;
    let ended = (0..20).find_map(|_| {
        let before = shop.pushes().len();
        let mut child = engine().command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        // Interrupted while an order is looked at, before it is pushed.
        while interrupted < 4 && shop.pushes().len() < before + 2 && begun.elapsed() < Duration::from_secs(30) {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        if interrupted < 4 {
            thread::sleep(Duration::from_millis(30));
            Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            interrupted += 1;
        }
        let status = child.wait().unwrap().code();
        assert!(matches!(status, Some(0 | 130)), "{status:?}");
        (status == Some(0)).then_some(())
    });
    assert!(ended.is_some(), "the run does not end");
    let all: BTreeMap<u64, u64> = (1..=ORDERS).map(|id| (id, 1)).collect();
    assert_eq!(shop.applied(), all, "what the shop applied");
    let mut lines: BTreeMap<u64, u64> = BTreeMap::new();
    for line in fs::read_to_string(folder.path().join("lines.jsonl")).unwrap().lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        *lines.entry(record["id"].as_u64().unwrap()).or_default() += 1;
    }
    assert_eq!(lines, all, "the file");
}
