//! `engine dead-letters`: what is kept of records that failed, and sending them again.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine_tests::{EchoServer, Engine, Received};
use serde_json::{Value, json};
use tempfile::TempDir;

const SECRET: &str = "s3cret-never-shown";

const APIS: &str = r#"
version: 1
name: orders
inputs: {url: {type: string, env: SERVER_URL}, greeting: {type: string, default: hello}}
secrets: {token: {env: TOKEN}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    auth: {type: bearer, token: "{{ secrets.token }}"}
    endpoints:
      list_orders: {request: GET /orders, records: $.orders, key: id}
      list_lines: {request: "GET /orders/{id}/lines", params: {id: {type: integer, required: true}}, records: $.lines}
      list_notes: {request: "GET /orders/{id}/notes", params: {id: {type: integer, required: true}}, records: $.lines}
      ship:
        request: "POST /orders/{id}/ship"
        params: {id: {type: integer, required: true}}
        idempotency: {in: header.Idempotency-Key}
      ship_all: {request: POST /ship, idempotency: {in: header.Idempotency-Key}}
      tell: {request: "POST /orders/{id}/tell", params: {id: {type: integer, required: true}}}
"#;

/// A folder with a spec and a state, and a shop with five orders that refuses some of what it is asked for, until it does no more.
struct Stage {
    folder: TempDir,
    api: EchoServer,
    refuses: Arc<AtomicBool>,
}

impl Stage {
    fn set(steps: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("spec.yaml"), format!("{APIS}{steps}")).unwrap();
        let refuses = Arc::new(AtomicBool::new(true));
        let refusing = Arc::clone(&refuses);
        let api = EchoServer::start(move |received| {
            let says_no = refusing.load(Ordering::SeqCst) && is_refused(received);
            let answer = match received.target() {
                _ if says_no => json!({"message": "not now"}),
                // The texts of records are as they are: keys are made of them.
                "/orders" => return (200, json_type(), ORDERS.as_bytes().to_vec()),
                "/ship" => serde_json::from_slice::<Value>(received.body()).unwrap(),
                target if target.ends_with("/lines") || target.ends_with("/notes") => {
                    json!({"lines": [{"line": 1}, {"line": 2}]})
                }
                target => json!({"done": target}),
            };
            (if says_no { 409 } else { 200 }, json_type(), answer.to_string().into_bytes())
        });
        Self { folder, api, refuses }
    }

    fn accept(&self) {
        self.refuses.store(false, Ordering::SeqCst);
    }

    /// Calls the program, and returns what it printed, then what it said.
    #[track_caller]
    fn call(&self, arguments: &[&str], status: i32) -> (String, String) {
        let engine = Engine::new(arguments)
            .folder(self.folder.path())
            .variable("SERVER_URL", &self.api.url())
            .variable("TOKEN", SECRET);
        let finished = engine.finish();
        let (printed, said) = (finished.stdout(), finished.stderr());
        assert_eq!(finished.status, Some(status), "{arguments:?}: {printed}{said}");
        assert!(!printed.contains(SECRET) && !said.contains(SECRET), "{arguments:?}: {printed}{said}");
        (printed, said)
    }

    fn list(&self, more: &[&str]) -> Vec<Value> {
        let (text, _) = self.call(&[&["dead-letters", "list", "--format", "json"], more].concat(), 0);
        serde_json::from_str(&text).unwrap()
    }

    /// Returns what was asked of the shop since a call, with the key of each.
    fn asked(&self, since: usize) -> Vec<(String, Option<String>)> {
        let key = |received: &Received| received.header("idempotency-key").map(str::to_owned);
        let name = |received: &Received| format!("{} {}", received.method(), received.target());
        self.api.received().iter().skip(since).map(|received| (name(received), key(received))).collect()
    }

    /// Calls the program, and returns what was asked of the shop meanwhile, and what was said.
    #[track_caller]
    fn asking(&self, arguments: &[&str], status: i32) -> (Vec<(String, Option<String>)>, String) {
        let before = self.api.received().len();
        let (_, said) = self.call(arguments, status);
        (self.asked(before), said)
    }

    /// Returns all bytes of the state.
    fn state(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path().join(".engine")).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

const ORDERS: &str = r#"{"orders": [{"id": 1, "total": 1.50}, {"id":  2}, {"id": 3}, {"id": 4}, {"id": 5}]}"#;

fn json_type() -> Vec<(&'static str, String)> {
    vec![("Content-Type", "application/json".to_owned())]
}

/// Refuses even orders, and batches that begin with one.
fn is_refused(received: &Received) -> bool {
    let body: Value = serde_json::from_slice(received.body()).unwrap_or_default();
    let of_batch = body.as_array().and_then(|items| items.first()).and_then(|first| first["id"].as_i64());
    let of_target = received.target().split('/').nth(2).and_then(|id| id.parse().ok());
    let is_refusing = received.method() == "POST" || received.target().ends_with("/notes");
    is_refusing && of_batch.or(of_target).is_some_and(|id: i64| id % 2 == 0)
}

fn keys(asked: &[(String, Option<String>)]) -> BTreeMap<String, String> {
    asked.iter().filter_map(|(name, key)| Some((name.clone(), key.clone()?))).collect()
}

fn names(asked: &[(String, Option<String>)]) -> Vec<&str> {
    asked.iter().map(|(name, _)| name.as_str()).collect()
}

const SHIPPED: &str = r#"
steps:
  - {id: orders, read: shop.list_orders, map: {number: $.id}}
  - id: shipped
    for_each: orders
    map: {order: $.number, text: "{{ inputs.greeting }}"}
    call:
      endpoint: shop.ship
      params: {id: $.order}
      body: {json: {text: "{{ item.text }}", token: "{{ secrets.token }}", run: "{{ run.id }} {{ run.started_at }}"}}
    on_error: dead_letter
  - {id: told, for_each: shipped, call: {endpoint: shop.tell, params: {id: "{{ original.id }}"}}}
  - {id: other, for_each: [{id: 9}], read: {endpoint: shop.list_lines, params: {id: $.id}}}
"#;

#[test]
fn what_failed_is_sent_again_under_its_key() {
    let stage = Stage::set(SHIPPED);
    let (asked, said) = stage.asking(&["run", "spec.yaml", "-o", "none", "-i", "greeting=hi"], 3);
    let first = keys(&asked);
    assert_eq!(first.len(), 5);
    assert!(said.contains("2 records are kept as dead letters: engine dead-letters list\n"), "{said}");

    let letters = stage.list(&[]);
    assert_eq!(letters.len(), 2);
    assert_eq!((stage.list(&["spec.yaml", "--step", "shipped"]).len(), stage.list(&["--flow", "else"]).len()), (2, 0));
    let letter = &letters[0];
    assert_eq!(letter["error"]["kind"], "http-status");
    assert_eq!(
        (&letter["error"]["status"], &letter["step"], &letter["flow"]),
        (&json!(409), &json!("shipped"), &json!("orders"))
    );
    assert_eq!((&letter["taken"], &letter["item"]), (&json!({"number": 2}), &json!({"order": 2, "text": "hi"})));
    assert_eq!((&letter["original"], &letter["request"]["method"]), (&json!({"id": 2}), &json!("POST")));
    assert_eq!(letter["request"]["headers"]["authorization"], "***");
    assert!(letter["request"]["body"].as_str().unwrap().contains("\"text\":\"hi\""), "{letter}");
    let id = letter["id"].as_str().unwrap();
    assert_eq!(first["POST /orders/2/ship"], id);
    let (shown, _) = stage.call(&["dead-letters", "show", id.get(..9).unwrap()], 0);
    assert!(shown.contains("request method   POST\n") && shown.contains("{\"number\":2}"), "{shown}");
    let (listed, _) = stage.call(&["dead-letters", "list"], 0);
    assert!(listed.contains(id.get(..10).unwrap()) && listed.contains("orders, step shipped"), "{listed}");
    let kept = stage.state();
    for text in [SECRET, "\"number\":2", "not now"] {
        assert!(!kept.windows(text.len()).any(|bytes| bytes == text.as_bytes()), "`{text}` can be read in the state");
    }

    // It fails again: the letter stays, once, and says so.
    let (asked, said) = stage.asking(&["dead-letters", "retry", "spec.yaml", id.get(..9).unwrap(), "-o", "none"], 3);
    assert_eq!(names(&asked), ["POST /orders/2/ship"]);
    assert_eq!(asked[0].1.as_deref(), Some(id));
    assert!(said.contains("0 of 1 dead letter of run"), "{said}");
    let letters = stage.list(&[]);
    assert_eq!((letters.len(), letters[0]["id"] == *id || letters[1]["id"] == *id), (2, true));
    assert_eq!(letters.iter().find(|one| one["id"] == id).unwrap()["attempts"], 2);

    stage.accept();
    let (asked, said) = stage.asking(&["dead-letters", "retry", "spec.yaml", "-o", "none"], 0);
    assert_eq!(
        names(&asked).into_iter().collect::<BTreeSet<_>>(),
        ["POST /orders/2/ship", "POST /orders/2/tell", "POST /orders/4/ship", "POST /orders/4/tell"].into(),
    );
    for (name, key) in keys(&asked) {
        assert_eq!(first[&name], key);
    }
    // The body too is that of then.
    let bodies = |target: &str| {
        let of_target = stage.api.received().into_iter().filter(|received| received.target() == target);
        of_target.map(|received| received.body().to_vec()).collect::<BTreeSet<_>>()
    };
    assert_eq!(bodies("/orders/2/ship").len(), 1);
    assert!(said.contains("2 of 2 dead letters of run"), "{said}");
    assert!(stage.list(&[]).is_empty());
    let (_, said) = stage.call(&["dead-letters", "retry", "spec.yaml"], 0);
    assert!(said.contains("there are no dead letters of the flow `orders`"), "{said}");
}

#[test]
fn letters_are_dropped() {
    let stage =
        Stage::set(&SHIPPED.replace(
            "  - {id: other, for_each: [{id: 9}], read: {endpoint: shop.list_lines, params: {id: $.id}}}\n",
            "",
        ));
    stage.call(&["run", "spec.yaml", "-o", "none"], 3);
    let id = stage.list(&[])[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.call(&["dead-letters", "drop", id.get(..8).unwrap()], 0).0, "1 dead letter dropped\n");
    assert!(stage.call(&["dead-letters", "drop", id.get(..8).unwrap()], 2).1.contains("there is no dead letter"));
    assert!(stage.call(&["dead-letters", "drop", "--flow", "else"], 2).1.contains("of a flow `else`"));
    assert!(stage.call(&["dead-letters", "drop"], 2).1.contains("<ID>"));
    assert_eq!(stage.call(&["dead-letters", "drop", "--flow", "orders"], 0).0, "1 dead letter dropped\n");
    assert_eq!(stage.call(&["dead-letters", "drop", "--all"], 0).0, "0 dead letters dropped\n");
    assert!(stage.call(&["dead-letters", "list"], 0).1.contains("there are no dead letters"));
}

#[test]
fn a_batch_is_sent_again_as_it_was() {
    let stage = Stage::set(
        r#"
steps:
  - {id: orders, read: shop.list_orders}
  - {id: shipped, for_each: orders, where: item.id > 1, batch: 2, call: {endpoint: shop.ship_all, body: {json: "{{ batch }}"}}, on_error: dead_letter}
"#,
    );
    let (asked, _) = stage.asking(&["run", "spec.yaml", "-o", "none"], 3);
    let posts: Vec<_> = asked.iter().filter(|(name, _)| name == "POST /ship").collect();
    assert_eq!((posts.len(), stage.list(&[]).len()), (2, 4));
    let id = stage.list(&[])[1]["id"].as_str().unwrap().to_owned();
    stage.accept();
    // One alone would have another key.
    let (again, said) = stage.asking(&["dead-letters", "retry", "spec.yaml", &id, "-o", "none"], 0);
    assert!(said.contains("1 letter more") && said.contains("2 of 2 dead letters"), "{said}");
    assert!(again.len() == 1 && posts.iter().any(|post| **post == again[0]), "{again:?} {posts:?}");
    let (again, _) = stage.asking(&["dead-letters", "retry", "spec.yaml", "-o", "none"], 0);
    assert!(again.len() == 1 && posts.iter().any(|post| **post == again[0]), "{again:?} {posts:?}");
    assert!(stage.list(&[]).is_empty());
}

#[test]
fn what_was_invalid_goes_on_from_its_step_with_what_the_spec_says_now() {
    let stage = Stage::set(
        r#"
steps:
  - id: orders
    read: shop.list_orders
    map: {number: {from: $.id, type: integer}}
    validate: {on_invalid: dead_letter, rules: [{check: item.number < 4}]}
  - {id: lines, for_each: orders, read: {endpoint: shop.list_lines, params: {id: $.number}}, map: {line: $.line, order: "{{ parent.number }}"}, write: {sink: warehouse, table: lines, key: [order, line]}}
  - {id: shipped, for_each: orders, call: {endpoint: shop.ship, params: {id: $.number}}, on_error: dead_letter}
sinks: {warehouse: {type: sqlite, path: out.db}}
"#,
    );
    stage.call(&["run", "spec.yaml", "-o", "none"], 3);
    let letters = stage.list(&[]);
    assert_eq!(letters.iter().filter(|one| one["step"] == "orders").count(), 2);
    let spec = stage.folder.path().join("spec.yaml");
    let text = std::fs::read_to_string(&spec).unwrap().replace("item.number < 4", "item.number < 40");
    std::fs::write(&spec, text).unwrap();
    // What fails in the step after it is a letter of that step from then on.
    let (asked, said) = stage.asking(&["dead-letters", "retry", "spec.yaml", "--step", "orders", "-o", "none"], 3);
    assert!(said.contains("2 of 2 dead letters"), "{said}");
    let mut asked = names(&asked);
    asked.sort_unstable();
    assert_eq!(asked, ["GET /orders/4/lines", "GET /orders/5/lines", "POST /orders/4/ship", "POST /orders/5/ship"]);
    let letters = stage.list(&[]);
    assert_eq!(letters.iter().map(|one| one["step"].as_str().unwrap()).collect::<Vec<_>>(), ["shipped", "shipped"]);
    let database = rusqlite::Connection::open(stage.folder.path().join("out.db")).unwrap();
    let count = database.query_row("select count(*) from lines", (), |row| row.get::<_, i64>(0));
    assert_eq!(count.unwrap(), 10);
    stage.accept();
    stage.call(&["dead-letters", "retry", "spec.yaml", "-o", "none"], 0);
    assert!(stage.list(&[]).is_empty());
}

#[test]
fn what_cannot_be_sent_again_is_told_and_kept() {
    let stage = Stage::set(
        r#"
steps:
  - {id: first, for_each: [{id: 7}]}
  - {id: orders, read: shop.list_orders}
  - id: each
    for_each: orders
    call: {endpoint: shop.tell, params: {id: $.id}}
    on_error:
      action: skip
      steps:
        - {id: ship, call: {endpoint: shop.ship, params: {id: $.id}}, on_error: dead_letter}
  - id: routed
    for_each: orders
    map: {number: $.id}
    switch:
      - {case: item.number > 2, map: {order: $.number}, call: {endpoint: shop.ship, params: {id: $.order}}, on_error: dead_letter}
      - {default: true}
  - {id: counted, for_each: orders, where: "item.id == 2", call: {endpoint: shop.ship, params: {id: "{{ item.id + 0 * steps.first.item.id }}"}}, on_error: dead_letter}
"#,
    );
    stage.call(&["run", "spec.yaml", "-o", "none"], 3);
    let steps: Vec<_> = stage.list(&[]).iter().map(|one| one["step"].as_str().unwrap().to_owned()).collect();
    assert_eq!(steps, ["counted", "each/on_error/ship", "each/on_error/ship", "routed/switch/1"]);
    stage.accept();
    let (asked, said) = stage.asking(&["dead-letters", "retry", "spec.yaml", "-o", "none"], 3);
    assert_eq!(names(&asked), ["POST /orders/4/ship"]);
    assert!(said.contains("step `each/on_error/ship` is within another"), "{said}");
    assert!(said.contains("step `counted` uses what step `first` gave"), "{said}");
    assert_eq!(stage.list(&[]).len(), 3);

    let spec = stage.folder.path().join("spec.yaml");
    let text = std::fs::read_to_string(&spec).unwrap().replace("id: counted", "id: renamed");
    std::fs::write(&spec, text).unwrap();
    let (asked, said) = stage.asking(&["dead-letters", "retry", "spec.yaml", "--step", "counted"], 3);
    assert!(asked.is_empty() && said.contains("the flow has no step `counted` any more"), "{said}");
    assert!(stage.call(&["dead-letters", "retry", "spec.yaml", "zz"], 2).1.contains("there is no dead letter `zz`"));
}

#[test]
fn a_read_that_failed_is_done_again_under_its_item() {
    let stage = Stage::set(
        r#"
steps:
  - {id: orders, read: shop.list_orders, map: {number: $.id}, on_error: dead_letter}
  - {id: notes, for_each: orders, read: {endpoint: shop.list_notes, params: {id: $.number}}, map: {line: $.line, order: "{{ parent.number }}"}, on_error: dead_letter}
"#,
    );
    let (printed, _) = stage.call(&["run", "spec.yaml", "-q"], 3);
    assert_eq!(printed.lines().count(), 6);
    let letters = stage.list(&["--step", "notes"]);
    assert_eq!(
        (letters.len(), &letters[0]["is_reading"], &letters[0]["taken"]),
        (2, &json!(true), &json!({"number": 2}))
    );
    let (_, said) = stage.call(&["dead-letters", "retry", "spec.yaml"], 3);
    assert!(said.contains("0 of 2 dead letters"), "{said}");
    assert_eq!(stage.list(&[]).len(), 2);
    stage.accept();
    let (printed, _) = stage.call(&["dead-letters", "retry", "spec.yaml"], 0);
    let of = |order: i64, line: i64| format!("{{\"line\":{line},\"order\":{order}}}");
    assert_eq!(printed.lines().collect::<Vec<_>>(), [of(2, 1), of(2, 2), of(4, 1), of(4, 2)]);
    assert!(stage.list(&[]).is_empty());
}

/// Refuses what some steps after `orders` send, and sends it again: the letters are of a step, and what goes out are the requests that failed, under their keys,
/// and those of what takes what comes of them.
#[track_caller]
fn check_within(steps: &str, step: &str, failed: &[&str], then: &[&str]) {
    let stage = Stage::set(&format!("{PARTS}\nsteps:\n  - {{id: orders, read: shop.list_orders}}{steps}"));
    std::fs::write(stage.folder.path().join("other.yaml"), format!("{APIS}{OTHER}")).unwrap();
    let (first, _) = stage.asking(&["run", "spec.yaml", "-o", "none"], 3);
    let ids = |stage: &Stage| {
        let letters = stage.list(&[]);
        assert!(letters.iter().all(|letter| letter["step"] == step), "{letters:?}");
        letters.iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let kept = ids(&stage);
    let sorted = |asked: &[(String, Option<String>)]| {
        let mut names: Vec<String> = asked.iter().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    };
    // While they are refused nothing else is sent, and each has one letter.
    let (again, _) = stage.asking(&["dead-letters", "retry", "spec.yaml", "-o", "none"], 3);
    assert_eq!(sorted(&again), failed);
    assert!(again.iter().all(|sent| first.contains(sent)), "{again:?} {first:?}");
    assert_eq!(ids(&stage), kept);
    stage.accept();
    let (again, said) = stage.asking(&["dead-letters", "retry", "spec.yaml", "-o", "none"], 0);
    let mut all: Vec<&str> = failed.iter().chain(then).copied().collect();
    all.sort_unstable();
    assert_eq!(sorted(&again), all, "{said}");
    let mut resent = again.iter().filter(|(name, _)| failed.contains(&name.as_str()));
    assert!(resent.all(|sent| first.contains(sent)), "{again:?} {first:?}");
    assert!(stage.list(&[]).is_empty());
}

const SHIPS: [&str; 2] = ["POST /orders/2/ship", "POST /orders/4/ship"];
const TELLS: [&str; 2] = ["POST /orders/2/tell", "POST /orders/4/tell"];

/// An endpoint made of steps.
const PARTS: &str = "      send:
        params: {id: {type: integer, required: true}}
        steps:
          - {id: ship, call: {endpoint: shop.ship, params: {id: \"{{ params.id }}\"}}, on_error: dead_letter}
";

/// Another flow.
const OTHER: &str = r#"
steps:
  - {id: one, for_each: ["{{ inputs.greeting }}"], call: {endpoint: shop.ship, params: {id: "{{ item | int }}"}}, on_error: dead_letter}
"#;

#[test]
fn what_failed_in_steps_is_sent_again_alone() {
    check_within(
        r#"
  - id: each
    for_each: orders
    map: {number: $.id}
    steps:
      - {id: lines, read: {endpoint: shop.list_lines, params: {id: "{{ item.number }}"}}}
      - {id: ship, call: {endpoint: shop.ship, params: {id: $.number}}, extract: {number: "{{ item.number }}"}, on_error: dead_letter}
      - {id: told, for_each: ship, call: {endpoint: shop.tell, params: {id: $.number}}}
"#,
        "each/steps/ship",
        &SHIPS,
        &TELLS,
    );
}

#[test]
fn what_failed_in_steps_within_steps_and_in_a_branch_is_sent_again_alone() {
    check_within(
        r#"
  - {id: numbered, for_each: orders, map: {number: $.id}}
  - id: each
    for_each: numbered
    steps:
      - id: twice
        for_each: "{{ [item.number, item.number + 1] }}"
        map: {id: "{{ item }}"}
        parallel:
          - - {id: ship, call: {endpoint: shop.ship, params: {id: $.id}}, on_error: dead_letter}
          - - {id: lines, read: {endpoint: shop.list_lines, params: {id: "{{ item.id }}"}}}
"#,
        "each/steps/twice/parallel/1/ship",
        &[
            "POST /orders/2/ship",
            "POST /orders/2/ship",
            "POST /orders/4/ship",
            "POST /orders/4/ship",
            "POST /orders/6/ship",
        ],
        &[],
    );
}

#[test]
fn what_failed_in_a_batch_is_sent_again_alone() {
    check_within(
        r#"
  - id: each
    for_each: orders
    where: item.id < 3
    steps:
      - {id: ship, for_each: "{{ [{'id': 2}, {'id': 3}, {'id': 5}] }}", batch: 2, call: {endpoint: shop.ship_all, body: {json: "{{ batch }}"}}, on_error: dead_letter}
"#,
        "each/steps/ship",
        &["POST /ship", "POST /ship"],
        &[],
    );
    check_within(
        r#"
  - id: pairs
    for_each: orders
    where: item.id > 1
    batch: 2
    steps:
      - {id: ship, call: {endpoint: shop.ship_all, body: {json: "{{ batch }}"}}, on_error: dead_letter}
      - {id: lines, read: {endpoint: shop.list_lines, params: {id: 1}}}
"#,
        "pairs/steps/ship",
        &["POST /ship", "POST /ship"],
        &[],
    );
}

#[test]
fn what_failed_in_another_flow_and_in_an_endpoint_of_steps_is_sent_again_alone() {
    check_within(
        r#"
  - {id: each, for_each: orders, map: {number: "{{ item.id | string }}"}, flow: {spec: ./other.yaml, inputs: {greeting: "{{ item.number }}"}}}
"#,
        "each/one",
        &SHIPS,
        &[],
    );
    check_within(
        r"
  - {id: each, for_each: orders, map: {number: $.id}, call: {endpoint: shop.send, params: {id: $.number}}}
",
        "each/shop.send/ship",
        &SHIPS,
        &[],
    );
}
