//! What is done for one item is told from what is done for others, and what was undone is done anew.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use engine_tests::{EchoServer, Engine, Received};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

const HEAD: &str = r#"
version: 1
inputs: {url: {type: string, env: SERVER_URL}, id: {type: integer, default: 0}, what: {type: string, default: x}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    endpoints:
      do:
        request: "POST /{what}"
        params: {what: {type: string, required: true}}
        idempotency: {in: header.Idempotency-Key}
sinks: {lines: {type: jsonl, path: out/lines.jsonl}, db: {type: sqlite, path: out/rows.db}, replaced: {type: jsonl, path: out/replaced.jsonl}, table: {type: csv, path: out/table.csv}}
"#;

/// A folder with specs and a state, and a server that refuses what it is told to.
struct Stand {
    folder: TempDir,
    server: EchoServer,
    /// How often each target is refused from now on.
    refused: Arc<Mutex<Vec<(&'static str, u32)>>>,
}

impl Stand {
    fn new(specs: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, steps) in specs {
            std::fs::write(folder.path().join(name), format!("{HEAD}{steps}")).unwrap();
        }
        let refused = Arc::new(Mutex::new(Vec::<(&str, u32)>::new()));
        let refusing = Arc::clone(&refused);
        let server = EchoServer::start(move |received| {
            let mut refusing = refusing.lock().unwrap();
            let found = refusing.iter_mut().find(|(target, left)| *target == received.target() && *left > 0);
            let is_refused = found.is_some();
            if let Some((_, left)) = found {
                *left -= 1;
            }
            let headers = vec![("Content-Type", "application/json".to_owned())];
            (if is_refused { 409 } else { 200 }, headers, json!({"done": received.target()}).to_string().into_bytes())
        });
        Self { folder, server, refused }
    }

    fn refuse(&self, target: Option<&'static str>) {
        let targets: Vec<_> = target.map(|target| (target, u32::MAX)).into_iter().collect();
        self.refuse_times(&targets);
    }

    fn refuse_times(&self, targets: &[(&'static str, u32)]) {
        *self.refused.lock().unwrap() = targets.to_vec();
    }

    fn engine(&self) -> Engine {
        self.engine_for(&["run", "spec.yaml", "--output", "none"])
    }

    fn engine_for(&self, arguments: &[&str]) -> Engine {
        let arguments = arguments.iter().copied().chain(["--color", "never"]);
        Engine::new(arguments).folder(self.folder.path()).variable("SERVER_URL", &self.server.url())
    }

    /// Runs, and returns what was asked meanwhile, with the keys.
    #[track_caller]
    fn run(&self, status: i32) -> Vec<(String, String)> {
        self.asked(self.engine(), status)
    }

    #[track_caller]
    fn asked(&self, engine: Engine, status: i32) -> Vec<(String, String)> {
        let before = self.server.received().len();
        let finished = engine.finish();
        assert_eq!(finished.status, Some(status), "{}", finished.stderr());
        let asked = |received: &Received| {
            (received.target().to_owned(), received.header("idempotency-key").unwrap_or_default().to_owned())
        };
        self.server.received().iter().skip(before).map(asked).collect()
    }

    fn lines(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("out/lines.jsonl")).unwrap()
    }

    fn rows(&self, table: &str) -> Vec<String> {
        let db = Connection::open(self.folder.path().join("out/rows.db")).unwrap();
        let mut query = db.prepare(&format!("SELECT what FROM {table} ORDER BY rowid")).unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }
}

fn targets(asked: &[(String, String)]) -> Vec<&str> {
    asked.iter().map(|(target, _)| target.as_str()).collect()
}

#[test]
fn what_a_flow_writes_for_each_item_is_there_for_each_and_once() {
    let stand = Stand::new(&[
        (
            "spec.yaml",
            r#"
name: outer
steps:
  - {id: each, for_each: [1, 2, 3, 3], flow: {spec: ./inner.yaml, inputs: {id: "{{ item }}", url: "{{ inputs.url }}"}}}
  - {id: last, call: {endpoint: shop.do, params: {what: last}}}
"#,
        ),
        (
            "inner.yaml",
            r#"
name: inner
steps:
  - {id: line, map: {what: "{{ inputs.id }}"}, write: {sink: lines}}
  - {id: row, map: {what: "{{ inputs.id | string }}"}, write: {sink: db, table: rows}}
  - {id: sent, call: {endpoint: shop.do, params: {what: "{{ inputs.id }}"}}}
"#,
        ),
    ]);
    stand.refuse(Some("/3"));
    assert_eq!(targets(&stand.run(1)), ["/1", "/2", "/3"]);
    assert_eq!(stand.rows("rows"), ["1", "2", "3"]);
    stand.refuse(None);
    assert_eq!(targets(&stand.run(0)), ["/3", "/3", "/last"]);
    assert_eq!(stand.rows("rows"), ["1", "2", "3", "3"]);
    let lines = stand.lines();
    assert_eq!(lines.lines().collect::<Vec<_>>(), [r#"{"what":1}"#, r#"{"what":2}"#, r#"{"what":3}"#, r#"{"what":3}"#]);
}

#[test]
fn steps_branches_and_undoing_write_for_each_item() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r#"
name: nested
steps:
  - id: each
    for_each: [1, 1, 2]
    steps:
      - {map: {what: steps}, write: {sink: db, table: steps}}
      - parallel:
          - [{map: {what: a}, write: {sink: db, table: branches}}]
          - [{map: {what: b}, write: {sink: lines}}]
      - fail: "no"
    on_error: {action: skip, steps: [{map: {what: undone}, write: {sink: db, table: undone}}]}
"#,
    )]);
    assert!(stand.run(3).is_empty());
    assert_eq!(stand.rows("steps").len(), 3);
    assert_eq!(stand.rows("branches").len(), 3);
    assert_eq!(stand.rows("undone").len(), 3);
    assert_eq!(stand.lines().lines().count(), 3);
}

#[test]
fn what_was_undone_is_done_anew_and_undone_again() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r"
name: trip
steps:
  - id: trip
    for_each: [{id: 1}]
    steps:
      - {id: pay, call: {endpoint: shop.do, params: {what: pay}}}
      - {id: note, map: {what: paid}, write: {sink: db, table: notes}}
      - {id: book, call: {endpoint: shop.do, params: {what: book}}}
    on_error: {steps: [{call: {endpoint: shop.do, params: {what: cancel}}}]}
",
    )]);
    stand.refuse(Some("/book"));
    let mut asked = stand.run(1);
    assert_eq!(targets(&asked), ["/pay", "/book", "/cancel"]);
    let second = stand.run(1);
    assert_eq!(targets(&second), ["/pay", "/book", "/cancel"]);
    asked.extend(second);
    stand.refuse(None);
    let third = stand.run(0);
    assert_eq!(targets(&third), ["/pay", "/book"]);
    asked.extend(third);
    let keys: BTreeSet<&str> = asked.iter().map(|(_, key)| key.as_str()).collect();
    assert_eq!(keys.len(), asked.len(), "{asked:?}");
    assert_eq!(stand.rows("notes"), ["paid", "paid", "paid"]);
}

#[test]
fn the_end_of_a_run_that_fails_again_is_done_again() {
    let end = r#"
on_failure:
  - {map: {what: alarm}, write: {sink: db, table: ends}}
  - {call: {endpoint: shop.do, params: {what: alarm}}}
finally: [{map: {what: "{{ run.status }}"}, write: {sink: db, table: ends}}]
"#;
    let fails = format!("name: inner\nsteps: [{{id: a, call: {{endpoint: shop.do, params: {{what: a}}}}}}]{end}");
    let uses = r#"
name: outer
steps: [{id: f, flow: {spec: ./inner.yaml, inputs: {url: "{{ inputs.url }}"}}}]
"#;
    for specs in [vec![("spec.yaml", fails.as_str())], vec![("spec.yaml", uses), ("inner.yaml", fails.as_str())]] {
        let stand = Stand::new(&specs);
        stand.refuse(Some("/a"));
        let (first, second) = (stand.run(1), stand.run(1));
        assert_eq!(targets(&first), ["/a", "/alarm"]);
        assert_eq!(targets(&second), ["/a", "/alarm"]);
        assert_ne!(first.last(), second.last());
        stand.refuse(None);
        assert_eq!(targets(&stand.run(0)), ["/a"]);
        assert_eq!(stand.rows("ends"), ["alarm", "failed", "alarm", "failed", "ok"]);
    }
}

#[test]
fn a_wait_for_a_condition_that_was_interrupted_goes_on() {
    let steps = |timeout: &str| {
        format!(
            r"
name: pause
steps:
  - id: each
    for_each: [1]
    steps:
      - {{call: {{endpoint: shop.do, params: {{what: before}}}}}}
      - wait: {{until: inputs.id == 1, every: 100ms, timeout: {timeout}}}
"
        )
    };
    let stand = Stand::new(&[("spec.yaml", &steps("2s"))]);
    let is_asked = AtomicBool::new(false);
    let interrupted = stand.engine().finish_watched(|| {
        // Once around more, so that the answer has come.
        is_asked.swap(!stand.server.received().is_empty(), Ordering::SeqCst)
    });
    assert_ne!(interrupted.status, Some(0), "{}", interrupted.stderr());
    let listed = Engine::new(["runs", "list", "--format", "json"]).folder(stand.folder.path()).finish().stdout();
    let run = serde_json::from_str::<serde_json::Value>(&listed).unwrap()[0]["id"].as_str().unwrap().to_owned();
    // The time of then counts: otherwise nobody would wait for the end of this test.
    std::fs::write(stand.folder.path().join("spec.yaml"), format!("{HEAD}{}", steps("1h"))).unwrap();
    let finished = stand.engine().arguments(["--resume", &run]).finish();
    assert_eq!(finished.status, Some(1), "{}", finished.stderr());
    assert!(finished.stderr().contains("`until` did not hold"), "{}", finished.stderr());
    assert_eq!(stand.server.received().len(), 1);
}

#[test]
fn a_wait_that_was_interrupted_goes_on() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r"
name: pause
steps:
  - id: each
    for_each: [1]
    steps:
      - {call: {endpoint: shop.do, params: {what: before}}}
      - wait: 2s
      - {call: {endpoint: shop.do, params: {what: after}}}
",
    )]);
    let is_asked = AtomicBool::new(false);
    let interrupted = stand.engine().finish_watched(|| {
        // Once around more, so that the answer has come.
        is_asked.swap(!stand.server.received().is_empty(), Ordering::SeqCst)
    });
    assert_ne!(interrupted.status, Some(0), "{}", interrupted.stderr());
    assert_eq!(targets(&stand.run(0)), ["/after"]);
}

#[test]
fn a_dead_letter_of_what_was_undone_is_done_anew() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r#"
name: nested
steps:
  - id: each
    for_each: [1, 2]
    steps:
      - {id: pay, call: {endpoint: shop.do, params: {what: "pay-{{ item }}"}}}
      - {id: book, call: {endpoint: shop.do, params: {what: "book-{{ item }}"}}}
    on_error:
      action: dead_letter
      steps: [{id: cancel, call: {endpoint: shop.do, params: {what: "cancel-{{ item }}"}}}]
"#,
    )]);
    let retry = |status: i32| stand.asked(stand.engine_for(&["dead-letters", "retry", "spec.yaml"]), status);
    stand.refuse(Some("/book-2"));
    let first = stand.run(3);
    assert_eq!(targets(&first), ["/pay-1", "/book-1", "/pay-2", "/book-2", "/cancel-2"]);
    let second = retry(3);
    assert_eq!(targets(&second), ["/pay-2", "/book-2", "/cancel-2"]);
    stand.refuse(None);
    let third = retry(0);
    assert_eq!(targets(&third), ["/pay-2", "/book-2"]);
    // An API that obeys keys takes none of it for what it has seen already.
    let all: Vec<_> = first.iter().chain(&second).chain(&third).collect();
    let keys: BTreeSet<&str> = all.iter().map(|(_, key)| key.as_str()).collect();
    assert_eq!(keys.len(), all.len(), "{all:?}");
}

/// An item whose steps append rows and lines, itself and by another flow, and call; then what `more` says.
fn appending(more: &str) -> Stand {
    let each = format!(
        r#"
name: again
steps:
  - id: each
    for_each: [{{what: a}}, {{what: b}}, {{what: b}}]
    steps:
      - {{map: {{what: "{{{{ item.what }}}}"}}, write: {{sink: db, table: rows}}}}
      - {{for_each: ["1", "1", "2"], map: {{what: "{{{{ item }}}}"}}, write: {{sink: db, table: parts}}}}
      - {{map: {{what: "{{{{ item.what }}}}"}}, write: lines}}
      - {{id: within, flow: {{spec: ./inner.yaml, inputs: {{what: "{{{{ item.what }}}}", url: "{{{{ inputs.url }}}}"}}}}}}
      - {{id: sent, call: {{endpoint: shop.do, params: {{what: "{{{{ item.what }}}}2"}}}}}}
      - {{map: {{what: "{{{{ item.what }}}}"}}, write: {{sink: db, table: after}}}}
{more}    on_error: {{action: dead_letter, retry: {{attempts: 3, backoff: {{initial: 1ms}}}}}}
"#
    );
    let inner = r#"
name: inner
steps:
  - {id: row, map: {what: "{{ inputs.what }}"}, write: {sink: db, table: inner}}
  - {id: sent, call: {endpoint: shop.do, params: {what: "{{ inputs.what }}1"}}}
"#;
    Stand::new(&[("spec.yaml", &each), ("inner.yaml", inner)])
}

#[track_caller]
fn check_appended(stand: &Stand, after: &[&str]) {
    assert_eq!(stand.rows("rows"), ["a", "b", "b"]);
    assert_eq!(stand.rows("parts"), ["1", "1", "2"].repeat(3));
    assert_eq!(stand.lines(), "{\"what\":\"a\"}\n{\"what\":\"b\"}\n{\"what\":\"b\"}\n");
    assert_eq!(stand.rows("inner"), ["a", "b", "b"]);
    assert_eq!(stand.rows("after"), after);
}

#[test]
fn what_was_appended_for_an_item_is_not_appended_again_when_its_dead_letter_is_sent_again() {
    let stand = appending("");
    stand.refuse(Some("/b1"));
    assert_eq!(targets(&stand.run(3)), ["/a1", "/a2", "/b1", "/b1", "/b1", "/b1", "/b1", "/b1"]);
    check_appended(&stand, &["a"]);
    // They fail again, later than before.
    stand.refuse(Some("/b2"));
    let retry = || stand.engine_for(&["dead-letters", "retry", "spec.yaml", "--output", "none"]);
    assert_eq!(targets(&stand.asked(retry(), 3)), ["/b1", "/b2"].repeat(6));
    check_appended(&stand, &["a"]);
    stand.refuse(None);
    assert_eq!(targets(&stand.asked(retry(), 0)), ["/b1", "/b2"].repeat(2));
    check_appended(&stand, &["a", "b", "b"]);
}

#[test]
fn what_was_replaced_for_an_item_is_there_once_however_often_the_item_is_tried() {
    let stand = appending(
        r#"      - {map: {what: "{{ item.what }}"}, write: {sink: replaced, mode: replace}}
      - {id: whole, flow: {spec: ./whole.yaml, inputs: {what: "{{ item.what }}", url: "{{ inputs.url }}"}}}
"#,
    );
    // What a flow replaces is not there if it fails, and so is written each time.
    let whole = r#"
name: whole
steps:
  - id: whole
    for_each: [1]
    steps:
      - {map: {what: "{{ inputs.what }}"}, write: {sink: replaced, path: "out/{{ inputs.what }}.jsonl", mode: replace}}
      - {id: sent, call: {endpoint: shop.do, params: {what: "{{ inputs.what }}3"}}}
"#;
    std::fs::write(stand.folder.path().join("whole.yaml"), format!("{HEAD}{whole}")).unwrap();
    let text = |name: &str| std::fs::read_to_string(stand.folder.path().join("out").join(name)).unwrap_or_default();
    stand.refuse_times(&[("/b3", 2)]);
    let asked = stand.run(0);
    assert_eq!(targets(&asked).iter().filter(|target| **target == "/b3").count(), 4);
    check_appended(&stand, &["a", "b", "b"]);
    assert_eq!(text("replaced.jsonl"), "{\"what\":\"a\"}\n{\"what\":\"b\"}\n{\"what\":\"b\"}\n");
    assert_eq!(text("b.jsonl"), "{\"what\":\"b\"}\n");
}

#[test]
fn rows_of_other_items_stay_where_those_of_one_can_not_be_written() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r"
name: some
steps:
  - id: each
    for_each: [{a: 1}, {a: 2, b: 2}, {a: 3}]
    steps: [{write: {sink: table, mode: replace}}]
    on_error: skip
",
    )]);
    stand.run(3);
    assert_eq!(std::fs::read_to_string(stand.folder.path().join("out/table.csv")).unwrap(), "a\n1\n3\n");
}

#[test]
fn what_steps_within_others_appended_is_there_once_whatever_is_sent_again() {
    let steps = |vars: &str| {
        format!(
            r#"
name: within
steps:
  - id: outer
    for_each: [o]
{vars}    steps:
      - id: inner
        for_each: [b, b]
        concurrency: 1
        steps:
          - {{id: check, call: {{endpoint: shop.do, params: {{what: check}}}}}}
          - {{map: {{what: "{{{{ item }}}}"}}, write: {{sink: db, table: rows}}}}
          - {{id: send, call: {{endpoint: shop.do, params: {{what: send}}}}}}
        on_error: dead_letter
      - {{id: last, call: {{endpoint: shop.do, params: {{what: last}}}}}}
    on_error: dead_letter
"#
        )
    };
    let stand = Stand::new(&[("spec.yaml", &steps(""))]);
    let answer = |target: &'static str| stand.refuse(Some(target));
    // Both write their rows and fail after it, and then the item around does.
    answer("/send");
    stand.run(3);
    assert_eq!(stand.rows("rows"), ["b", "b"]);
    let retry = |status: i32| {
        let engine = stand.engine_for(&["dead-letters", "retry", "spec.yaml", "--output", "none"]);
        stand.asked(engine, status)
    };
    // What comes to no step within has what was appended for it all the same.
    answer("/last");
    stand.run(3);
    assert_eq!(stand.rows("rows"), ["b"; 4]);
    std::fs::write(
        stand.folder.path().join("spec.yaml"),
        format!("{HEAD}{}", steps("    vars: {x: \"{{ item.y }}\"}\n")),
    )
    .unwrap();
    retry(3);
    std::fs::write(stand.folder.path().join("spec.yaml"), format!("{HEAD}{}", steps(""))).unwrap();
    stand.refuse(None);
    retry(0);
    assert_eq!(stand.rows("rows"), ["b"; 4]);
}

#[test]
fn what_was_undone_within_an_item_is_done_anew_when_the_dead_letter_of_the_item_is_sent_again() {
    let all: [(&str, &[_]); 2] =
        [("", &[("/book", u32::MAX)]), ("action: skip, ", &[("/book", u32::MAX), ("/last", u32::MAX)])];
    for (more, refused) in all {
        let steps = format!(
            r#"
name: nested
steps:
  - id: outer
    for_each: [1, 2]
    steps:
      - id: inner
        for_each: [a]
        steps:
          - {{id: pay, call: {{endpoint: shop.do, params: {{what: "pay"}}}}}}
          - {{map: {{what: paid}}, write: {{sink: db, table: ledger}}}}
          - {{id: book, call: {{endpoint: shop.do, params: {{what: "book"}}}}}}
        on_error: {{{more}steps: [{{id: cancel, call: {{endpoint: shop.do, params: {{what: "cancel"}}}}}}, {{map: {{what: cancelled}}, write: {{sink: db, table: ledger}}}}]}}
      - {{id: last, call: {{endpoint: shop.do, params: {{what: "last"}}}}}}
    on_error: dead_letter
"#
        );
        let stand = Stand::new(&[("spec.yaml", &steps)]);
        let retry = |status: i32| {
            let engine = stand.engine_for(&["dead-letters", "retry", "spec.yaml", "--output", "none"]);
            stand.asked(engine, status)
        };
        let times = |asked: &[(String, String)], target: &str| asked.iter().filter(|(it, _)| it == target).count();
        // The item around fails for what failed within it, or later, for something else.
        stand.refuse_times(refused);
        let mut all = stand.run(3);
        assert_eq!((times(&all, "/pay"), times(&all, "/cancel")), (2, 2), "{all:?}");
        assert_eq!(stand.rows("ledger"), ["paid", "cancelled", "paid", "cancelled"]);
        all.extend(retry(3));
        assert_eq!(stand.rows("ledger"), ["paid", "cancelled"].repeat(4));
        stand.refuse(None);
        all.extend(retry(0));
        let expected: Vec<&str> = ["paid", "cancelled"].repeat(4).into_iter().chain(["paid", "paid"]).collect();
        assert_eq!(stand.rows("ledger"), expected);
        // An API that obeys keys takes none of what was undone for what it has seen already.
        let undone = |(target, _): &&(String, String)| target != "/last";
        let keys: BTreeSet<&str> = all.iter().filter(undone).map(|(_, key)| key.as_str()).collect();
        assert_eq!(keys.len(), all.iter().filter(undone).count(), "{all:?}");
    }
}

#[test]
fn what_comes_again_with_the_item_around_it_leaves_no_dead_letter() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r#"
name: nested
steps:
  - id: outer
    for_each: [o]
    steps:
      - id: middle
        for_each: [m]
        steps:
          - id: inner
            for_each: [b, c]
            steps:
              - {map: {what: "{{ item }}"}, write: {sink: db, table: rows}}
              - {id: send, call: {endpoint: shop.do, params: {what: "{{ item }}"}}}
            on_error: dead_letter
        on_error: {retry: {attempts: 2}}
      - {id: last, call: {endpoint: shop.do, params: {what: last}}}
    on_error: {retry: {attempts: 2, backoff: {initial: 1ms}}}
"#,
    )]);
    stand.refuse_times(&[("/b", 1), ("/c", 2), ("/last", 1)]);
    let finished = stand.engine().finish();
    let stderr = finished.stderr();
    assert_eq!(finished.status, Some(3), "{stderr}");
    assert!(stderr.contains("1 record is kept as a dead letter"), "{stderr}");
    assert_eq!(stand.rows("rows"), ["b", "c"]);
    let retry = stand.engine_for(&["dead-letters", "retry", "spec.yaml", "--output", "none"]);
    assert_eq!(targets(&stand.asked(retry, 0)), ["/c"]);
    assert_eq!(stand.rows("rows"), ["b", "c"]);
}

#[test]
fn rows_are_known_however_the_spec_is_named_and_what_was_printed_is_printed_again() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r#"
name: again
steps:
  - id: each
    for_each: [a]
    steps:
      - {map: {what: "{{ item }}"}, write: {sink: db, table: rows}}
      - {map: {what: "{{ item }}"}, write: lines}
      - {map: {what: "{{ item }}"}, write: shown}
      - {id: send, call: {endpoint: shop.do, params: {what: send}}}
    on_error: {action: dead_letter, retry: {attempts: 2, backoff: {initial: 1ms}}}
"#,
    )]);
    let path = stand.folder.path().join("spec.yaml");
    let text = std::fs::read_to_string(&path).unwrap().replace("sinks: {", "sinks: {shown: {type: stdout}, ");
    std::fs::write(&path, text).unwrap();
    stand.refuse(Some("/send"));
    // Nobody sees what is printed.
    let first = stand.engine().finish();
    assert_eq!((first.status, first.stdout().as_str()), (Some(3), ""), "{}", first.stderr());
    stand.refuse(None);
    let whole = path.display().to_string();
    let retried = stand.engine_for(&["dead-letters", "retry", &whole, "--state", ".engine/state.db"]).finish();
    assert_eq!(retried.status, Some(0), "{}", retried.stderr());
    assert_eq!(retried.stdout(), "{\"what\":\"a\"}\n{\"done\":\"/send\"}\n");
    assert_eq!(stand.rows("rows"), ["a"]);
    assert_eq!(stand.lines(), "{\"what\":\"a\"}\n");
}

#[test]
fn what_comes_again_after_steps_between_have_failed_leaves_no_dead_letter() {
    let stand = Stand::new(&[(
        "spec.yaml",
        r#"
name: nested
steps:
  - id: outer
    for_each: [o]
    steps:
      - id: middle
        for_each: [m]
        steps:
          - {id: inner, for_each: [b], call: {endpoint: shop.do, params: {what: "{{ item }}"}}, on_error: dead_letter}
          - {call: {endpoint: shop.do, params: {what: last}}}
        on_error: {retry: {attempts: 2, backoff: {initial: 1ms}}}
    on_error: {retry: {attempts: 2, backoff: {initial: 1ms}}}
"#,
    )]);
    stand.refuse_times(&[("/b", 2), ("/last", 2)]);
    assert_eq!(targets(&stand.run(0)), ["/b", "/last", "/b", "/last", "/b", "/last"]);
}
