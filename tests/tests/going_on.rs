//! What a run does that goes on after it failed, and from where the next one reads.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use engine_tests::{EchoServer, Engine, Received};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

const HEAD: &str = r#"
version: 1
inputs: {url: {type: string, env: SERVER_URL}, id: {type: integer, default: 0}, go: {type: boolean, default: true}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    endpoints:
      orders: {request: GET /orders, records: $, key: [id], paginate: {type: link_header}}
      new: {request: GET /new, records: $, incremental: {cursor: $.id, format: integer, start: 0, send: query.after}}
      parts: {request: "GET /parts/{id}", params: {id: {type: integer, required: true}}, records: $, paginate: {type: link_header}}
      do:
        request: "POST /{what}"
        params: {what: {type: string, required: true}}
        idempotency: {in: header.Idempotency-Key}
      bulk:
        request: POST /bulk
        params: {items: {type: list, required: true}}
        body: {json: "{{ params.items }}"}
        idempotency: {in: header.Idempotency-Key}
sinks: {db: {type: sqlite, path: out/rows.db}, lines: {type: jsonl, path: out/lines.jsonl}}
"#;

/// A folder with specs and a state, and a server of orders that refuses what it is told to.
struct Stand {
    folder: TempDir,
    server: EchoServer,
    orders: Arc<Mutex<Vec<i64>>>,
    /// How often each target is refused from now on.
    refused: Arc<Mutex<HashMap<&'static str, u32>>>,
}

/// How many orders are on a page.
const PAGE: usize = 10;

impl Stand {
    fn new(specs: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, steps) in specs {
            std::fs::write(folder.path().join(name), format!("{HEAD}{steps}")).unwrap();
        }
        let orders = Arc::new(Mutex::new((1..=25).collect::<Vec<i64>>()));
        let refused: Arc<Mutex<HashMap<&str, u32>>> = Arc::default();
        let (known, refusing) = (Arc::clone(&orders), Arc::clone(&refused));
        let server = EchoServer::start(move |received| answer(received, &known, &refusing));
        Self { folder, server, orders, refused }
    }

    fn refuse(&self, refused: &[(&'static str, u32)]) {
        *self.refused.lock().unwrap() = refused.iter().copied().collect();
    }

    fn engine(&self, more: &[&str]) -> Engine {
        let arguments = ["run", "spec.yaml", "--output", "none", "--color", "never"];
        Engine::new(arguments.iter().chain(more)).folder(self.folder.path()).variable("SERVER_URL", &self.server.url())
    }

    /// Runs, and returns what was asked meanwhile but for what is read: the targets and bodies, with the keys.
    #[track_caller]
    fn run(&self, more: &[&str], status: i32) -> Vec<(String, String)> {
        let before = self.server.received().len();
        let finished = self.engine(more).finish();
        assert_eq!(finished.status, Some(status), "{}", finished.stderr());
        let asked = |received: &Received| {
            let body = String::from_utf8_lossy(received.body()).into_owned();
            (format!("{} {body}", received.target()), received.header("idempotency-key").unwrap_or_default().to_owned())
        };
        let received = self.server.received();
        received.iter().skip(before).filter(|received| received.method() == "POST").map(asked).collect()
    }

    fn ids(&self, table: &str) -> Vec<i64> {
        let db = Connection::open(self.folder.path().join("out/rows.db")).unwrap();
        let mut query = db.prepare(&format!("SELECT id FROM {table} ORDER BY rowid")).unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn lines(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("out/lines.jsonl")).unwrap_or_default().lines().count()
    }
}

fn answer(
    received: &Received,
    orders: &Mutex<Vec<i64>>,
    refused: &Mutex<HashMap<&'static str, u32>>,
) -> (u16, Vec<(&'static str, String)>, Vec<u8>) {
    let mut headers = vec![("Content-Type", "application/json".to_owned())];
    let target = received.target();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if let Some(left) = refused.lock().unwrap().get_mut(target).filter(|left| **left > 0) {
        *left -= 1;
        return (409, headers, b"{}".to_vec());
    }
    let number = || query.split_once('=').and_then(|(_, number)| number.parse::<usize>().ok()).unwrap_or_default();
    let all = orders.lock().unwrap().clone();
    let body = match (received.method(), path) {
        ("GET", "/new") => {
            let new = all.iter().filter(|id| **id > i64::try_from(number()).unwrap());
            new.map(|id| json!({"id": id})).collect()
        }
        ("GET", _) => {
            let page: Vec<Value> = all.iter().skip(number()).take(PAGE).map(|id| json!({"id": id})).collect();
            if number() + PAGE < all.len() {
                headers.push(("Link", format!("<{path}?from={}>; rel=\"next\"", number() + PAGE)));
            }
            page.into()
        }
        (_, "/bulk") => {
            let sent: Value = serde_json::from_slice(received.body()).unwrap_or_default();
            let results = sent.as_array().into_iter().flatten().map(|item| json!({"id": item["id"]}));
            json!({"results": results.collect::<Vec<_>>()})
        }
        _ => json!({"done": target}),
    };
    (200, headers, body.to_string().into_bytes())
}

fn targets(asked: &[(String, String)]) -> Vec<&str> {
    asked.iter().map(|(target, _)| target.split(' ').next().unwrap_or_default()).collect()
}

/// What a flow hands on for an item is told from what it hands on for others: by those who write it, and by those who send it.
#[test]
fn what_a_flow_hands_on_is_there_for_each_item_after_the_run_went_on() {
    let inner = [
        (
            "a call",
            "  - {id: sent, call: {endpoint: shop.do, params: {what: \"book-{{ inputs.id }}\"}}, extract: {id: \"{{ inputs.id }}\"}}\n",
        ),
        ("a mapping", "  - {map: {id: \"{{ inputs.id }}\"}}\n"),
        ("a read", "  - {read: {endpoint: shop.orders, limit: 1}, map: {id: \"{{ inputs.id }}\"}}\n"),
        ("a list", "  - {for_each: [x], map: {id: \"{{ inputs.id }}\"}}\n"),
    ];
    for (what, steps) in inner {
        let outer = r#"
name: outer
steps:
  - {id: o, read: shop.orders}
  - {id: f, for_each: o, flow: {spec: ./inner.yaml, inputs: {id: $.id, url: "{{ inputs.url }}"}}}
  - {for_each: f, write: {sink: db, table: booked}}
  - {for_each: f, call: {endpoint: shop.do, params: {what: told}}}
  - {for_each: f, call: {endpoint: shop.do, params: {what: "last-{{ item.id }}"}}}
"#;
        let stand = Stand::new(&[("spec.yaml", outer), ("inner.yaml", &format!("\nname: inner\nsteps:\n{steps}"))]);
        stand.refuse(&[("/last-12", 1)]);
        let mut asked = stand.run(&[], 1);
        assert!(stand.ids("booked").len() >= 10, "{what}: {:?}", stand.ids("booked"));
        asked.extend(stand.run(&[], 0));
        let mut ids = stand.ids("booked");
        ids.sort_unstable();
        assert_eq!(ids, (1..=25).collect::<Vec<_>>(), "{what}");
        // Each order is told of once, under a key of its own.
        let keys: BTreeSet<&str> =
            asked.iter().filter(|(target, _)| target.starts_with("/told")).map(|(_, key)| key.as_str()).collect();
        assert_eq!(keys.len(), 25, "{what}");
    }
}

#[test]
fn batches_that_were_answered_are_not_sent_again_where_there_are_other_records_now() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r#"
name: batches
steps:
  - {id: o, read: shop.orders}
  - id: b
    for_each: o
    batch: 2
    call: {endpoint: shop.bulk, params: {items: "{{ batch }}"}}
    results: $.results
  - {for_each: b, call: {endpoint: shop.do, params: {what: "next-{{ item.id }}"}}}
"#,
    )]);
    *stand.orders.lock().unwrap() = (1..=6).collect();
    stand.refuse(&[("/next-5", 1)]);
    let first = stand.run(&[], 1);
    let bulk = |asked: &[(String, String)]| -> Vec<String> {
        asked.iter().filter_map(|(target, _)| target.strip_prefix("/bulk ").map(str::to_owned)).collect()
    };
    assert_eq!(bulk(&first), [r#"[{"id":1},{"id":2}]"#, r#"[{"id":3},{"id":4}]"#, r#"[{"id":5},{"id":6}]"#]);
    // What was begun keeps its order.
    *stand.orders.lock().unwrap() = vec![99, 2, 1, 3, 4, 6, 5];
    let second = stand.run(&[], 0);
    assert_eq!(bulk(&second), [r#"[{"id":99}]"#]);
    let mut next: Vec<&str> = targets(&second).into_iter().filter(|target| target.starts_with("/next")).collect();
    next.sort_unstable();
    assert_eq!(next, ["/next-5", "/next-6", "/next-99"]);
}

#[test]
fn a_batch_of_which_something_is_gone_waits_for_no_more_than_its_pages() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r#"
name: batches
steps:
  - {id: o, read: shop.orders}
  - id: b
    for_each: o
    batch: 4
    call: {endpoint: shop.bulk, params: {items: "{{ batch }}"}}
    results: $.results
  - {for_each: b, call: {endpoint: shop.do, params: {what: "next-{{ item.id }}"}}}
"#,
    )]);
    *stand.orders.lock().unwrap() = (1..=15).collect();
    stand.refuse(&[("/next-5", 1)]);
    stand.run(&[], 1);
    // The read begins with the first page again, of which 7 is gone; 11 came to it from the second.
    stand.orders.lock().unwrap().retain(|id| *id != 7);
    let second = stand.run(&[], 0);
    let sent: Vec<Value> =
        second.iter().filter_map(|(target, _)| serde_json::from_str(target.strip_prefix("/bulk ")?).ok()).collect();
    let ids = |batch: &Value| batch.as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect();
    let sent: Vec<Vec<i64>> = sent.iter().map(ids).collect();
    // What is left of the second batch goes again, as another one; those after it were answered, or are sent for the first time.
    assert!(sent.contains(&vec![5, 6, 8]), "{sent:?}");
    assert!(sent.iter().all(|batch| !batch.iter().any(|id| [1, 2, 3, 4, 9, 10].contains(id))), "{sent:?}");
    let mut next: Vec<&str> = targets(&second).into_iter().filter(|target| target.starts_with("/next")).collect();
    next.sort_unstable();
    let mut expected: Vec<String> = [5, 6].into_iter().chain(8..=15).map(|id| format!("/next-{id}")).collect();
    expected.sort_unstable();
    assert_eq!(next, expected);
}

#[test]
fn a_read_that_is_interrupted_while_it_waits_to_ask_again_is_not_left_out() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r#"
name: parts
steps:
  - id: p
    for_each: [1, 2]
    read: {endpoint: shop.parts, params: {id: "{{ item }}"}, limit: 1}
    write: {sink: db, table: parts}
    on_error: {action: skip, retry: {attempts: 3, backoff: {initial: 1h}}}
"#,
    )]);
    stand.refuse(&[("/parts/1", 1)]);
    let finished = stand.engine(&[]).finish_watched(|| !stand.server.received().is_empty());
    assert_eq!(finished.status, Some(130), "{}", finished.stderr());
    stand.run(&[], 0);
    assert_eq!(stand.ids("parts"), [1, 1]);
}

#[test]
fn a_cursor_stays_where_steps_that_take_the_records_did_not_run() {
    let only = r"
name: some
steps:
  - {id: r, read: shop.new}
  - {id: w, for_each: r, write: lines}
";
    let stand = Stand::new(&[("spec.yaml", only)]);
    stand.run(&["--only", "r"], 0);
    stand.run(&[], 0);
    assert_eq!(stand.lines(), 25);
    stand.run(&["--only", "w"], 0);
    assert_eq!(stand.lines(), 25);
    for taken in ["r", "\"{{ steps.r.items }}\""] {
        let skipped = format!(
            "
name: skipped
steps:
  - {{id: r, read: shop.new}}
  - {{id: w, when: inputs.go, for_each: {taken}, write: lines}}
"
        );
        let stand = Stand::new(&[("spec.yaml", &skipped)]);
        stand.run(&["-i", "go=false"], 0);
        assert_eq!(stand.lines(), 0);
        stand.run(&[], 0);
        assert_eq!(stand.lines(), 25, "{taken}");
    }
    for last in [
        "  - {id: check, for_each: [1]}\n  - {when: steps.check.counts.out > 1, for_each: \"{{ steps.r.items }}\", write: lines}\n",
        "finally:\n  - {when: inputs.go, for_each: \"{{ steps.r.items }}\", write: lines}\n",
    ] {
        let unseen = format!("\nname: unseen\nsteps:\n  - {{id: r, read: shop.new}}\n{last}");
        let stand = Stand::new(&[("spec.yaml", &unseen)]);
        let only: &[&str] = if last.starts_with("finally") { &["--only", "r"] } else { &[] };
        stand.run(only, 0);
        stand.run(&[], 0);
        let received = stand.server.received();
        assert!(received.iter().all(|received| received.target() == "/new?after=0"), "{last}");
    }
    // One that looks at what was read has seen it.
    let seen = "
name: seen
steps:
  - {id: r, read: shop.new}
  - {id: w, when: steps.r.counts.out > 100, for_each: \"{{ steps.r.items }}\", write: lines}
";
    let stand = Stand::new(&[("spec.yaml", seen)]);
    stand.run(&[], 0);
    *stand.orders.lock().unwrap() = vec![26, 27];
    stand.run(&[], 0);
    let asked: Vec<String> = stand.server.received().iter().map(|received| received.target().to_owned()).collect();
    assert_eq!(asked, ["/new?after=0", "/new?after=25"]);
}

#[test]
fn a_page_that_is_read_for_an_item_is_asked_for_again_as_the_step_says() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r#"
name: parts
steps:
  - id: p
    for_each: [1, 2]
    read: {endpoint: shop.parts, params: {id: "{{ item }}"}}
    write: {sink: db, table: parts}
    on_error: {action: skip, retry: {attempts: 3, backoff: {initial: 1ms}}}
"#,
    )]);
    stand.refuse(&[("/parts/1?from=10", 2), ("/parts/2?from=20", 3)]);
    stand.run(&[], 3);
    // All of the first, and of the second what came before it was given up.
    let expected: Vec<i64> = (1..=25).chain(1..=20).collect();
    assert_eq!(stand.ids("parts"), expected);
}

#[test]
fn who_waits_within_others_takes_the_place_of_nobody() {
    let ask = "{call: {endpoint: shop.do, params: {what: \"ask-{{ item }}\"}}}";
    let asks_and_waits = [
        format!("steps: [{ask}, {{wait: 1h}}]"),
        format!("parallel: [[{ask}], [{{wait: 1h}}], [{{wait: 1h}}]]"),
        format!("steps: [{ask}, {{flow: {{spec: ./inner.yaml}}}}]"),
        format!("steps: [{ask}, {{for_each: [1], steps: [{{wait: 1h}}]}}]"),
    ];
    for steps in asks_and_waits {
        let outer = format!("\nname: outer\nsteps:\n  - {{id: w, for_each: [1, 2, 3, 4], {steps}}}\n");
        let stand = Stand::new(&[("spec.yaml", &outer), ("inner.yaml", "\nname: inner\nsteps:\n  - {wait: 1h}\n")]);
        let asked = || stand.server.received().len();
        // All are asked while none has waited to its end.
        let finished = stand.engine(&[]).finish_watched(|| asked() == 4);
        assert_eq!(finished.status, Some(130), "{steps}: {}", finished.stderr());
        assert_eq!(asked(), 4, "{steps}");
    }
}

#[test]
fn steps_that_wait_within_an_item_do_not_wait_for_each_other() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r#"
name: waits
steps:
  - id: outer
    for_each: [1, 2, 3]
    steps:
      - id: a
        for_each: "{{ range(40) }}"
        concurrency: 4
        steps:
          - {wait: 1ms}
          - {call: {endpoint: shop.do, params: {what: "{{ item }}"}}}
      - {id: b, for_each: a, switch: [{default: true, wait: 2ms}]}
      - {for_each: b, write: lines}
"#,
    )]);
    assert_eq!(stand.run(&[], 0).len(), 120);
    assert_eq!(stand.lines(), 120);
}
