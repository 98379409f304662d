//! Files that several append to: steps of a run that is killed, other runs, other programs; and files that are replaced.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{EchoServer, Engine, Received};
use serde_json::{Value, json};
use tempfile::TempDir;

const ORDERS: u64 = 30;

const PAGE: u64 = 5;

/// How many orders are pushed before the server keeps silent.
const PUSHED: usize = 12;

/// A folder with a spec, and a server that keeps silent when it is told to.
struct Stand {
    folder: TempDir,
    server: EchoServer,
    answers: Arc<Answers>,
}

/// What the server answers to pushes.
struct Answers {
    /// How many are still answered.
    left: AtomicUsize,
    /// How many are held back.
    held: AtomicUsize,
}

impl Stand {
    fn new(spec: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("spec.yaml"), spec).unwrap();
        let answers = Arc::new(Answers { left: AtomicUsize::new(usize::MAX), held: AtomicUsize::new(0) });
        let left = Arc::clone(&answers);
        let server = EchoServer::start(move |received| {
            let headers = vec![("Content-Type", "application/json".to_owned())];
            let is_refused = received.target() == "/refusals" && order(received).is_multiple_of(4);
            let body = answer(received, &left).to_string().into_bytes();
            (if is_refused { 409 } else { 200 }, headers, body)
        });
        Self { folder, server, answers }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn engine(&self) -> Engine {
        let arguments = ["run", "spec.yaml", "--output", "none", "--color", "never"];
        Engine::new(arguments).folder(self.folder.path()).variable("SERVER_URL", &self.server.url())
    }

    /// Runs until the server keeps silent, kills the process, and returns the id of the run.
    fn run_into_silence(&self) -> String {
        let before = self.pushes().len();
        self.answers.left.store(PUSHED, Ordering::SeqCst);
        let mut child = self.engine().command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while self.pushes().len() <= before + PUSHED {
            assert!(begun.elapsed() < Duration::from_mins(1), "the server was not asked");
            thread::sleep(Duration::from_millis(5));
        }
        // What is done beside it comes to rest.
        thread::sleep(Duration::from_millis(400));
        child.kill().unwrap();
        child.wait().unwrap();
        self.answers.left.store(usize::MAX, Ordering::SeqCst);
        // What was held back for this process takes no answer away from the next one.
        while self.answers.held.load(Ordering::SeqCst) > 0 {
            thread::sleep(Duration::from_millis(5));
        }
        let listed = Engine::new(["runs", "list", "--format", "json"]).folder(self.folder.path()).finish().stdout();
        serde_json::from_str::<Value>(&listed).unwrap()[0]["id"].as_str().unwrap().to_owned()
    }

    fn done(&self, arguments: &[&str]) {
        let finished = self.engine().arguments(arguments).finish();
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    }

    /// Returns the orders that were pushed, with their keys.
    fn pushes(&self) -> Vec<(u64, String)> {
        let key = |received: &Received| received.header("idempotency-key").unwrap_or_default().to_owned();
        let all = self.server.received();
        all.iter().filter(|it| it.method() == "POST").map(|it| (order(it), key(it))).collect()
    }

    /// Returns how often each line is in a file.
    fn lines(&self, name: &str) -> BTreeMap<String, u64> {
        let mut lines = BTreeMap::new();
        for line in fs::read_to_string(self.path(name)).unwrap().lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            *lines.entry(line.to_owned()).or_default() += 1;
        }
        lines
    }
}

fn order(received: &Received) -> u64 {
    serde_json::from_slice::<Value>(received.body()).unwrap()["order"].as_u64().unwrap()
}

fn answer(received: &Received, answers: &Answers) -> Value {
    if received.method() == "POST" {
        answers.held.fetch_add(1, Ordering::SeqCst);
        while answers.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            thread::sleep(Duration::from_millis(20));
        }
        answers.held.fetch_sub(1, Ordering::SeqCst);
        return json!({"number": order(received)});
    }
    let after = received.target().split(['?', '&']).find_map(|part| part.strip_prefix("cursor="));
    let after: u64 = after.map_or(0, |text| text.parse().unwrap());
    let orders: Vec<Value> = (after + 1..=after + PAGE).map(|id| json!({"id": id, "note": "x".repeat(300)})).collect();
    let next = if after + PAGE < ORDERS { json!(after + PAGE) } else { Value::Null };
    json!({"orders": orders, "next": next})
}

/// The orders of the server, as lines that a step writes.
fn orders(by: &str, times: u64) -> BTreeMap<String, u64> {
    (1..=ORDERS).map(|id| (json!({"id": id, "by": by}).to_string(), times)).collect()
}

const HEAD: &str = r#"
version: 1
name: orders
inputs: {url: {type: string, env: SERVER_URL}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    endpoints:
      list:
        request: GET /orders
        query: {at: "{{ now() }}"}
        records: $.orders
        paginate: {type: cursor, next: $.next}
      refuse: {request: POST /refusals, timeout: 60s, idempotency: {in: header.Idempotency-Key}}
      push:
        request: POST /pushes
        timeout: 60s
        idempotency: {in: header.Idempotency-Key}
sinks: {lines: {type: jsonl, path: out/lines.jsonl}, packed: {type: jsonl, path: out/lines.jsonl.gz, compression: gzip}}
"#;

const STEPS: &str = r#"
steps:
  - {id: orders, read: shop.list, map: {id: $.id}}
  - {id: one, for_each: orders, map: {id: $.id, by: one}, write: lines}
  - {id: two, for_each: orders, map: {id: $.id, by: two}, write: lines}
  - {id: pushed, for_each: orders, call: {endpoint: shop.push, body: {json: {order: "{{ item.id }}"}}}}
"#;

#[test]
fn steps_that_append_to_one_file_write_each_line_once_however_often_they_are_killed() {
    let stand = Stand::new(&format!("{HEAD}{STEPS}"));
    for _ in 0..2 {
        stand.run_into_silence();
    }
    stand.done(&[]);
    let mut expected = orders("one", 1);
    expected.extend(orders("two", 1));
    assert_eq!(stand.lines("out/lines.jsonl"), expected);
}

#[test]
fn what_others_append_while_a_run_is_broken_off_stays() {
    let alone: String = STEPS.lines().filter(|line| !line.contains("by: two")).flat_map(|line| [line, "\n"]).collect();
    for (steps, writers) in [(STEPS, &["one", "two"][..]), (&alone, &["one"])] {
        let stand = Stand::new(&format!("{HEAD}{steps}"));
        let run = stand.run_into_silence();
        // Another run writes the very same lines, and another program one of its own, which it does not end.
        stand.done(&["--fresh"]);
        let mut file = OpenOptions::new().append(true).open(stand.path("out/lines.jsonl")).unwrap();
        file.write_all(br#"{"of":"another"}"#).unwrap();
        stand.done(&["--resume", &run]);
        let mut expected: BTreeMap<String, u64> = writers.iter().flat_map(|by| orders(by, 2)).collect();
        expected.insert(r#"{"of":"another"}"#.to_owned(), 1);
        assert_eq!(stand.lines("out/lines.jsonl"), expected);
    }
}

#[test]
fn what_others_append_to_a_packed_file_stays() {
    let stand = Stand::new(&format!("{HEAD}{}", STEPS.replace("write: lines", "write: packed")));
    let run = stand.run_into_silence();
    stand.done(&["--fresh"]);
    stand.done(&["--resume", &run]);
    let unpacked =
        std::process::Command::new("gzip").arg("-dc").arg(stand.path("out/lines.jsonl.gz")).output().unwrap();
    assert!(unpacked.status.success());
    fs::write(stand.path("out/lines.jsonl"), unpacked.stdout).unwrap();
    let mut expected = orders("one", 2);
    expected.extend(orders("two", 2));
    assert_eq!(stand.lines("out/lines.jsonl"), expected);
}

#[test]
fn an_order_is_pushed_under_one_key_though_its_page_is_asked_for_by_another_url() {
    let stand = Stand::new(&format!("{HEAD}{STEPS}"));
    for _ in 0..2 {
        stand.run_into_silence();
    }
    stand.done(&[]);
    let mut keys: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for (order, key) in stand.pushes() {
        keys.entry(order).or_default().insert(key);
    }
    assert_eq!(keys.len() as u64, ORDERS);
    assert!(keys.values().all(|keys| keys.len() == 1), "{keys:?}");
    let pages: Vec<String> =
        stand.server.received().iter().filter(|it| it.method() == "GET").map(|it| it.target().to_owned()).collect();
    let distinct: BTreeSet<&String> = pages.iter().collect();
    assert!(pages.len() as u64 > ORDERS / PAGE, "no page was read again");
    assert_eq!(distinct.len(), pages.len(), "a page was asked for by the same URL: {pages:?}");
}

#[test]
fn nothing_is_left_of_files_that_a_killed_run_did_not_put_into_place() {
    let steps = r#"
steps:
  - {id: orders, read: shop.list, map: {id: $.id}}
  - {id: one, for_each: orders, map: {id: $.id, by: one}, write: {sink: lines, mode: replace}}
  - {id: pushed, for_each: orders, call: {endpoint: shop.push, body: {json: {order: "{{ item.id }}"}}}}
"#;
    let stand = Stand::new(&format!("{HEAD}{steps}"));
    let names = || -> Vec<String> {
        let entries = fs::read_dir(stand.path("out")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    stand.run_into_silence();
    let left = names();
    assert!(matches!(&left[..], [name] if name.starts_with(".engine-")), "{left:?}");
    stand.done(&[]);
    assert_eq!(names(), ["lines.jsonl"]);
    assert_eq!(stand.lines("out/lines.jsonl"), orders("one", 1));
}

#[test]
fn lines_of_steps_that_undo_are_not_lost() {
    let steps = r#"
steps:
  - {id: orders, read: shop.list, map: {id: $.id}}
  - id: pushed
    for_each: orders
    call: {endpoint: shop.refuse, body: {json: {order: "{{ item.id }}"}}}
    on_error: {action: skip, steps: [{map: {id: "{{ item.id }}", by: undone}, write: lines}]}
"#;
    let stand = Stand::new(&format!("{HEAD}{steps}"));
    stand.run_into_silence();
    let finished = stand.engine().finish();
    assert_eq!(finished.status, Some(3), "{}", finished.stderr());
    let lines = stand.lines("out/lines.jsonl");
    for id in (1..=ORDERS).filter(|id| id.is_multiple_of(4)) {
        let times = lines.get(&json!({"id": id, "by": "undone"}).to_string()).copied().unwrap_or_default();
        // What the page that was under way had undone is undone once more.
        let most = if id == PUSHED as u64 { 2 } else { 1 };
        assert!((1..=most).contains(&times), "{id}: {lines:?}");
    }
}
