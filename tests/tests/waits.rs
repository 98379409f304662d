//! Flows that wait for events under `engine serve`: the run is parked on disk, and goes on when the event is there, whoever died meanwhile.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{Engine, Fetched, Running, get, post};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long to wait for what has to come.
const PATIENCE: Duration = Duration::from_mins(1);
const SECRET: &str = "s3cret-never-shown";

/// Hands its URL out, then waits for an answer.
const ASKS: &str = r#"
version: 1
name: asks
sinks: {out: {type: sqlite, path: out.db}}
steps:
  - {for_each: [1], map: {url: "{{ wait.url }}"}, write: {sink: out, table: asked, mode: append}}
  - id: answered
    wait: {event: {where: trigger.body.ok is defined}, timeout: 1h}
    extract: {ok: $.ok, by: "{{ trigger.query.by }}", type: "{{ trigger.type }}"}
  - {for_each: answered, write: {sink: out, table: answered, mode: append}}
finally:
  - {for_each: [1], map: {ended: "{{ run.status }}"}, write: {sink: out, table: ended, mode: append}}
"#;

/// Waits for the approval of each order, at a path that is known.
const APPROVALS: &str = r#"
version: 1
name: approvals
secrets: {approver: {env: APPROVER}}
sinks: {out: {type: sqlite, path: out.db}}
steps:
  - id: approved
    for_each: [{id: 7}, {id: 8}]
    wait:
      event:
        path: "/approvals/{{ item.id }}"
        verify: {type: bearer, secret: "{{ secrets.approver }}"}
        where: trigger.body.total < 100
      timeout: 1h
    extract: {"*": "{{ item }}", total: $.total}
  - {for_each: approved, write: {sink: out, table: approved, mode: append}}
"#;

const LATE: &str = r#"
version: 1
name: late
sinks: {out: {type: sqlite, path: out.db}}
steps:
  - id: answered
    for_each: [{id: 1}]
    wait: {event: {}, timeout: 2s}
    on_error:
      action: skip
      steps:
        - {map: {kind: "{{ error.kind }}"}, write: {sink: out, table: late, mode: append}}
"#;

/// A server of a folder with flows.
struct Serving {
    listen: String,
    folder: TempDir,
    engine: Option<Running>,
}

impl Serving {
    fn start(spec: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("flow.yaml"), spec).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut serving = Self { listen: format!("127.0.0.1:{port}"), folder, engine: None };
        serving.begin();
        serving
    }

    fn begin(&mut self) {
        let call = Engine::new(["serve", "flow.yaml", "--listen", &self.listen]).folder(self.folder.path());
        self.engine = Some(call.variable("APPROVER", SECRET).begin());
        let begun = Instant::now();
        while TcpStream::connect(&self.listen).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the server does not listen");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server, and starts another one.
    fn die(&mut self) {
        drop(self.engine.take());
        self.begin();
    }

    fn run(&self, flow: &str) -> String {
        let url = format!("http://{}/api/v1/flows/{flow}/runs", self.listen);
        let answer = post(&url, &[("Content-Type", "application/json")], b"{}");
        assert_eq!(answer.status, 202, "{}", answer.body);
        let taken: Value = serde_json::from_str(&answer.body).unwrap();
        taken["run"].as_str().unwrap().to_owned()
    }

    fn wait(&self, what: &str, is_there: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            let answer = get(&format!("http://{}/api/v1/{what}", self.listen), &[]);
            let found: Value = serde_json::from_str(&answer.body).unwrap();
            if is_there(&found) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{found}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a run is parked: its event waits, and is not due.
    fn parked(&self, run: &str) {
        self.wait(&format!("runs/{run}"), |run| run["status"] == "interrupted");
        self.wait(&format!("events/{run}"), |event| event["status"] == "waiting");
    }

    fn done(&self, run: &str, status: &str) {
        self.wait(&format!("runs/{run}"), |run| run["status"] == status);
        self.wait(&format!("events/{run}"), |event| event["status"] == "done");
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        rows(self.folder.path(), sql)
    }

    fn end(mut self) {
        let engine = self.engine.take().unwrap();
        engine.interrupt();
        let finished = engine.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
        assert!(!finished.stderr().contains(SECRET), "{}", finished.stderr());
    }
}

fn rows(folder: &Path, sql: &str) -> Vec<String> {
    let connection = Connection::open_with_flags(folder.join("out.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

fn send(url: &str, body: &Value) -> Fetched {
    post(url, &[("Content-Type", "application/json")], body.to_string().as_bytes())
}

#[test]
fn a_run_is_parked_until_its_event_comes_whoever_dies_meanwhile() {
    let mut serving = Serving::start(ASKS);
    let run = serving.run("asks");
    serving.parked(&run);
    let url = serving.rows("SELECT url FROM asked").pop().unwrap();
    assert!(url.starts_with(&format!("http://{}/wait/{run}/", serving.listen)), "{url}");
    serving.die();
    serving.parked(&run);
    // One that is not the event, and one to a path that nobody was given.
    assert_eq!(send(&url, &json!({"note": 1})).status, 200);
    assert_eq!(send(&format!("{url}0"), &json!({"ok": true})).status, 404);
    serving.parked(&run);
    assert_eq!(serving.rows("SELECT name FROM sqlite_master WHERE name = 'answered'"), Vec::<String>::new());
    let sent = send(&format!("{url}?by=ann"), &json!({"ok": true}));
    assert_eq!((sent.status, sent.body.as_str()), (200, "taken\n"));
    // What was answered is on disk.
    serving.die();
    serving.done(&run, "ok");
    assert_eq!(serving.rows("SELECT ok || ' ' || by || ' ' || type FROM answered"), ["1 ann webhook"]);
    assert_eq!(serving.rows("SELECT url FROM asked").len(), 1, "what was done before is not done again");
    assert_eq!(serving.rows("SELECT ended FROM ended"), ["ok"], "a run that is parked is not at its end");
    assert_eq!(send(&url, &json!({"ok": false})).status, 404, "nobody waits any more");
    serving.end();
}

#[test]
fn an_event_that_comes_before_the_step_waits_for_it() {
    let spec = ASKS.replace("  - id: answered\n", "  - wait: 2s\n  - id: answered\n");
    let serving = Serving::start(&spec);
    let run = serving.run("asks");
    let begun = Instant::now();
    while !serving.folder.path().join("out.db").exists()
        || serving.rows("SELECT name FROM sqlite_master WHERE name = 'asked'").is_empty()
    {
        assert!(begun.elapsed() < PATIENCE, "nothing is asked");
        thread::sleep(Duration::from_millis(20));
    }
    let url = loop {
        match serving.rows("SELECT url FROM asked").pop() {
            Some(url) => break url,
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    assert_eq!(send(&format!("{url}?by=bob"), &json!({"ok": false})).status, 200);
    serving.done(&run, "ok");
    assert_eq!(serving.rows("SELECT CAST(ok AS TEXT) FROM answered"), ["0"]);
    serving.end();
}

#[test]
fn each_item_waits_for_its_own_event_of_a_sender_who_proves_who_it_is() {
    let serving = Serving::start(APPROVALS);
    let run = serving.run("approvals");
    serving.parked(&run);
    let url = |id: u32| format!("http://{}/approvals/{id}", serving.listen);
    let approve = |id: u32, total: u32, secret: &str| {
        let headers = [("Content-Type", "application/json"), ("Authorization", secret)];
        post(&url(id), &headers, json!({"total": total}).to_string().as_bytes()).status
    };
    let right = format!("Bearer {SECRET}");
    assert_eq!(approve(7, 5, "Bearer another"), 401);
    assert_eq!(approve(9, 5, &right), 404);
    assert_eq!(approve(8, 500, &right), 200);
    assert_eq!(approve(8, 80, &right), 200);
    serving.parked(&run);
    assert_eq!(approve(7, 70, &right), 200);
    serving.done(&run, "ok");
    assert_eq!(serving.rows("SELECT id || ' ' || total FROM approved ORDER BY id"), ["7 70", "8 80"]);
    serving.end();
}

#[test]
fn an_item_whose_event_does_not_come_in_time_fails() {
    let mut serving = Serving::start(LATE);
    let run = serving.run("late");
    serving.parked(&run);
    serving.die();
    serving.done(&run, "partial");
    assert_eq!(serving.rows("SELECT kind FROM late"), ["timeout"]);
    serving.end();
}

#[test]
fn without_a_server_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("flow.yaml"), ASKS).unwrap();
    let run = Engine::new(["run", "flow.yaml", "--color", "never"]).folder(folder.path()).finish();
    assert_eq!(run.status, Some(1), "{}", run.stderr());
    assert!(run.stderr().contains("needs-server"), "{}", run.stderr());
    assert!(run.stderr().contains("run it by `engine serve`"), "{}", run.stderr());
    assert!(!folder.path().join("out.db").exists());
    let dry = Engine::new(["run", "flow.yaml", "--dry-run"]).folder(folder.path()).finish();
    assert_eq!(dry.status, Some(0), "{}", dry.stderr());
}

#[test]
fn a_test_gives_the_events_that_are_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let tests = r"
tests:
  - name: somebody agrees
    event: [{type: wait, body: {note: 1}}, {type: wait, body: {ok: true}, query: {by: ann}}]
    expect: {status: ok, written: {out.answered: [{ok: true, by: ann}]}}
  - name: nobody answers
    expect: {status: failed, error: no event came within 1h}
";
    fs::write(folder.path().join("flow.yaml"), format!("{ASKS}{tests}")).unwrap();
    let tested = Engine::new(["test", "flow.yaml", "--color", "never"]).folder(folder.path()).finish();
    assert_eq!(tested.status, Some(0), "{}{}", tested.stdout(), tested.stderr());
}
