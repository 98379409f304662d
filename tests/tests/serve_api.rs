//! The management API of `engine serve`, as programs and browsers ask it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{EchoServer, Engine, Fetched, Running, get, post};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long to wait for what has to come.
const PATIENCE: Duration = Duration::from_mins(1);
const TOKEN: &str = "a-token-of-the-api";
/// What a webhook is verified with, and what a run is given.
const SECRET: &str = "s3cret-never-shown";

const ORDERS: &str = r#"
version: 1
name: orders
secrets: {hook: {env: HOOK}}
inputs:
  count: {type: integer, default: 1, description: How many}
  kind: {type: string, default: plain, enum: [plain, gift]}
triggers:
  - {type: schedule, cron: "0 6 1 1 *", timezone: Europe/Berlin}
  - {type: webhook, path: /orders, verify: {type: bearer, secret: "{{ secrets.hook }}"}}
  - {type: manual}
sinks: {out: {type: sqlite, path: out.db}}
steps:
  - for_each: [1]
    map: {kind: "{{ inputs.kind }}", count: "{{ inputs.count }}"}
    write: {sink: out, table: ran}
"#;

const SLOW: &str = r#"
version: 1
name: slow
sinks: {out: {type: sqlite, path: slow.db}}
steps:
  - {id: hold, wait: 100s}
  - {for_each: [1], map: {number: "{{ item }}"}, write: {sink: out, table: ran}}
"#;

/// Nothing is kept of runs that change nothing, but for their events.
const IDLE: &str = "version: 1\nname: idle\nsteps:\n  - {id: hold, wait: 1s}\n";

const FAILS: &str = r#"
version: 1
name: fails
secrets: {hook: {env: HOOK}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    auth: {type: bearer, token: "{{ secrets.hook }}"}
    endpoints: {ship: {request: "POST /orders/{id}/ship", params: {id: {type: integer, required: true}}}}
inputs: {url: {type: string, env: SHOP}}
steps:
  - id: ship
    for_each: [{id: 7, note: "has s3cret-never-shown in it"}]
    call: {endpoint: shop.ship, params: {id: $.id}}
    on_error: dead_letter
"#;

/// A server of a folder with flows.
struct Serving {
    url: String,
    token: Option<String>,
    engine: Option<Running>,
    folder: TempDir,
}

impl Serving {
    fn start(flows: &[(&str, &str)], token: Option<&str>, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("flows")).unwrap();
        for (name, text) in flows {
            fs::write(folder.path().join("flows").join(name), text).unwrap();
        }
        let listen = free();
        let mut call = Engine::new(["serve", "flows", "--listen", &listen]).folder(folder.path());
        call = call.variable("HOOK", SECRET);
        for (name, value) in variables {
            call = call.variable(name, value);
        }
        if let Some(token) = token {
            call = call.variable("ENGINE_API_TOKEN", token);
        }
        let engine = call.begin();
        let begun = Instant::now();
        while TcpStream::connect(&listen).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the server does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        let url = format!("http://{listen}");
        Self { url, token: token.map(|token| format!("Bearer {token}")), engine: Some(engine), folder }
    }

    fn headers<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let token = self.token.as_deref().map(|token| ("Authorization", token));
        token.into_iter().chain(more.iter().copied()).collect()
    }

    fn get(&self, path: &str) -> (u16, Value) {
        read(&get(&format!("{}/api/v1{path}", self.url), &self.headers(&[])))
    }

    fn post(&self, path: &str, more: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let more = [&[("Content-Type", "application/json")][..], more].concat();
        let headers = self.headers(&more);
        read(&post(&format!("{}/api/v1{path}", self.url), &headers, body.as_bytes()))
    }

    /// Starts a flow, and returns the id of its run.
    fn begin(&self, flow: &str, inputs: &Value) -> String {
        let (status, taken) = self.post(&format!("/flows/{flow}/runs"), &[], &json!({"inputs": inputs}));
        assert_eq!(status, 202, "{taken}");
        assert_eq!(taken["event"], taken["run"]);
        taken["run"].as_str().unwrap().to_owned()
    }

    /// Waits until a run stands in a way.
    fn wait(&self, run: &str, wanted: &str) -> Value {
        let begun = Instant::now();
        loop {
            let (status, found) = self.get(&format!("/runs/{run}"));
            assert_eq!(status, 200, "{found}");
            if found["status"] == wanted {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{found}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn end(mut self) {
        let engine = self.engine.take().unwrap();
        engine.interrupt();
        let finished = engine.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
        assert!(!finished.stderr().contains(SECRET) && !finished.stderr().contains(TOKEN), "{}", finished.stderr());
    }
}

/// Returns an address of this machine that nobody listens on.
fn free() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("127.0.0.1:{port}")
}

/// Reads an answer, which is JSON and never has a secret in it.
fn read(answer: &Fetched) -> (u16, Value) {
    assert!(!answer.body.contains(SECRET) && !answer.body.contains(TOKEN), "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/json", "{}", answer.body);
    assert_eq!(
        (&*answer.headers["cache-control"], &*answer.headers["x-content-type-options"]),
        ("no-store", "nosniff")
    );
    let value: Value = serde_json::from_str(&answer.body).unwrap();
    if answer.status >= 400 {
        assert!(value["error"]["code"].is_string() && value["error"]["message"].is_string(), "{value}");
    }
    (answer.status, value)
}

#[test]
fn flows_are_shown_and_started_by_hand() {
    let serving = Serving::start(&[("orders.yaml", ORDERS)], None, &[]);
    let (status, shown) = serving.get("/flows");
    assert_eq!(status, 200);
    let flow = &shown["flows"][0];
    assert_eq!((&flow["name"], &flow["spec"]), (&json!("orders"), &json!("flows/orders.yaml")));
    assert_eq!(
        flow["inputs"][0],
        json!({"name": "count", "type": "integer", "has_default": true, "description": "How many"})
    );
    let triggers = flow["triggers"].as_array().unwrap();
    assert_eq!(triggers[0]["type"], "schedule");
    let next = triggers[0]["next"].as_array().unwrap();
    assert!(
        next.len() == 3 && next.iter().all(|time| time.as_str().unwrap().ends_with("-01-01T05:00:00Z")),
        "{next:?}"
    );
    assert_eq!(
        triggers[1],
        json!({"trigger": "webhook /orders", "type": "webhook", "path": "/orders", "methods": ["POST"]})
    );
    assert_eq!(serving.get("/flows/orders").1, *flow);

    let run = serving.begin("orders", &json!({"count": 3, "kind": "gift"}));
    let done = serving.wait(&run, "ok");
    assert_eq!(done["flow"], "orders");
    let ran = rusqlite::Connection::open(serving.folder.path().join("flows/out.db")).unwrap();
    let row: (String, i64) =
        ran.query_row("SELECT kind, count FROM ran", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(row, ("gift".to_owned(), 3));
    let (_, event) = serving.get(&format!("/events/{run}"));
    assert_eq!((&event["kind"], &event["inputs"]), (&json!("manual"), &json!({"count": 3, "kind": "gift"})));
    assert_eq!(event["trigger_value"]["type"], "manual");

    // The same key starts one run.
    let key = [("Idempotency-Key", "once")];
    let first = serving.post("/flows/orders/runs", &key, &Value::Null);
    assert_eq!((first.0, &first), (202, &serving.post("/flows/orders/runs", &key, &Value::Null)));
    serving.wait(first.1["run"].as_str().unwrap(), "ok");
    serving.end();
}

#[test]
fn what_is_wrong_is_refused_with_its_reason() {
    let serving = Serving::start(&[("orders.yaml", ORDERS)], None, &[]);
    let code = |(status, body): (u16, Value)| (status, body["error"]["code"].as_str().unwrap().to_owned());
    let start = |body: Value| code(serving.post("/flows/orders/runs", &[], &body));
    assert_eq!(start(json!({"inputs": {"count": "many"}})), (422, "invalid-input".to_owned()));
    assert_eq!(start(json!({"inputs": {"cuont": 1}})), (422, "invalid-input".to_owned()));
    assert_eq!(start(json!({"inputs": {"kind": "other"}})), (422, "invalid-input".to_owned()));
    assert_eq!(start(json!({"inputs": [1]})), (400, "bad-request".to_owned()));
    assert_eq!(start(json!({"input": {}})), (400, "bad-request".to_owned()));
    assert_eq!(start(json!({"inputs": {"kind": "x".repeat(1 << 20)}})), (413, "too-large".to_owned()));
    for path in ["/flows/none", "/runs/none", "/events/none", "/dead-letters/none", "/nothing", ""] {
        assert_eq!(code(serving.get(path)), (404, "not-found".to_owned()), "{path}");
    }
    for path in ["/flows/none/runs", "/runs/none/cancel", "/runs/none/resume", "/events/none/replay"] {
        assert_eq!(code(serving.post(path, &[], &Value::Null)), (404, "not-found".to_owned()), "{path}");
    }
    for path in
        ["/runs?status=odd", "/events?status=odd", "/runs?limit=0", "/runs?limit=1001", "/runs?flw=a", "/flows?a=b"]
    {
        assert_eq!(code(serving.get(path)), (400, "bad-request".to_owned()), "{path}");
    }
    assert_eq!(code(serving.post("/runs", &[], &Value::Null)), (405, "wrong-method".to_owned()));
    // A page of another site, and a form.
    let foreign = serving.post("/flows/orders/runs", &[("Origin", "https://evil.example")], &Value::Null);
    assert_eq!(code(foreign), (403, "foreign-origin".to_owned()));
    let url = format!("{}/api/v1/flows/orders/runs", serving.url);
    let form = post(&url, &[("Content-Type", "text/plain")], b"{\"inputs\": {}}");
    assert_eq!(code(read(&form)), (415, "not-json".to_owned()));
    let own = serving.post("/flows/orders/runs", &[("Origin", &serving.url)], &Value::Null);
    assert_eq!(own.0, 202);
    assert_eq!(serving.get("/events").1["events"].as_array().unwrap().len(), 1);
    serving.end();
}

#[test]
fn runs_are_listed_and_cancelled_and_events_replayed() {
    let serving = Serving::start(&[("orders.yaml", ORDERS), ("slow.yaml", SLOW), ("idle.yaml", IDLE)], None, &[]);
    let idle = serving.begin("idle", &json!({}));
    let slow = serving.begin("slow", &json!({}));
    serving.wait(&slow, "running");
    let hook = format!("Bearer {SECRET}");
    let headers = [("Authorization", &*hook), ("Content-Type", "application/json"), ("X-Once-A-Secret", "older")];
    let sent = post(&format!("{}/orders", serving.url), &headers, format!("{{\"note\": \"{SECRET}\"}}").as_bytes());
    assert_eq!(sent.status, 200);
    let event = sent.headers["engine-event"].clone();
    serving.wait(&event, "ok");

    let (_, shown) = serving.get(&format!("/events/{event}"));
    assert_eq!(
        (&shown["trigger"], &shown["trigger_value"]["body"]),
        (&json!("webhook /orders"), &json!({"note": "***"}))
    );
    let headers = &shown["trigger_value"]["headers"];
    assert_eq!((&headers["content-type"], &headers["x-once-a-secret"]), (&json!("application/json"), &json!("***")));

    let (status, again) = serving.post(&format!("/events/{event}/replay"), &[], &Value::Null);
    assert_eq!(status, 202);
    let again = again["run"].as_str().unwrap();
    assert_ne!(again, event);
    serving.wait(again, "ok");

    let ids = |path: &str, member: &str| -> Vec<String> {
        let (status, body) = serving.get(path);
        assert_eq!(status, 200, "{body}");
        body[member].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("/runs?flow=orders", "runs"), [again, &*event]);
    assert_eq!(ids("/runs?status=running", "runs"), [&*slow]);
    assert_eq!(ids("/runs?status=ok&limit=1", "runs"), [again]);
    assert_eq!(ids("/runs", "runs").len(), 3);
    assert_eq!(ids("/events?flow=orders&status=done", "events").len(), 2);
    assert_eq!(serving.wait(&idle, "done")["spec"], Value::Null);
    assert_eq!(ids("/events?status=running", "events"), [&*slow]);
    assert_eq!(serving.post(&format!("/runs/{idle}/cancel"), &[], &Value::Null).0, 409);

    assert_eq!(serving.post(&format!("/runs/{slow}/cancel"), &[], &Value::Null).0, 202);
    serving.wait(&slow, "cancelled");
    let (status, body) = serving.post(&format!("/runs/{slow}/cancel"), &[], &Value::Null);
    assert_eq!((status, &body["error"]["code"]), (409, &json!("not-running")));
    serving.end();
}

#[test]
fn a_run_shows_what_it_has_asked() {
    let shop = EchoServer::start(|request| {
        let status = if request.target().starts_with("/orders/8/") { 409 } else { 200 };
        (status, vec![("Content-Type", "application/json".to_owned())], b"{}".to_vec())
    });
    let spec = FAILS
        .replace("for_each: [{id: 7, note: \"has s3cret-never-shown in it\"}]", "for_each: [{id: 7}, {id: 8}, {id: 9}]")
        .replace("/ship\"", "/ship\", query: {note: \"{{ secrets.hook }}\"}");
    let serving = Serving::start(&[("fails.yaml", &spec)], None, &[("SHOP", &shop.url())]);
    let run = serving.begin("fails", &json!({}));
    let shown = serving.wait(&run, "partial");
    let requests = shown["requests"].as_array().unwrap();
    let told: Vec<_> = requests
        .iter()
        .map(|it| (&it["number"], &it["status"], &it["step"], &it["endpoint"], &it["attempt"]))
        .collect();
    let one = |number: u64, status: u64| [json!(number), json!(status), json!("ship"), json!("shop.ship"), json!(1)];
    let expected: Vec<_> = [one(1, 200), one(2, 409), one(3, 200)].to_vec();
    assert_eq!(
        told.iter()
            .map(|it| [it.0.clone(), it.1.clone(), it.2.clone(), it.3.clone(), it.4.clone()])
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(requests[1]["url"], format!("{}/orders/8/ship?note=***", shop.url()));
    assert!(requests.iter().all(|it| it["elapsed_ms"].is_u64() && it["at"].is_string() && it["error"].is_null()));
    // The newest of them, by the same path with a slash at its end.
    let (status, newest) = serving.get(&format!("/runs/{run}/?limit=1"));
    assert_eq!((status, &newest["requests"][0]["number"]), (200, &json!(3)));
    assert_eq!(newest["requests"].as_array().unwrap().len(), 1);
    assert_eq!(serving.get(&format!("/runs/{run}?limit=0")).0, 400);
    // The command line shows the same.
    let listed = Engine::new(["runs", "show", &run, "--requests"]).folder(serving.folder.path()).finish();
    assert_eq!(listed.status, Some(0), "{}", listed.stderr());
    assert!(String::from_utf8_lossy(&listed.stdout).contains("/orders/8/ship?note=***"), "{listed:?}");
    serving.end();
}

#[test]
fn a_run_that_failed_goes_on_where_it_was() {
    let is_open = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_open);
    let shop = EchoServer::start(move |request| {
        let is_refused = request.target().starts_with("/orders/8/") && !seen.load(Ordering::Relaxed);
        let status = if is_refused { 409 } else { 200 };
        (status, vec![("Content-Type", "application/json".to_owned())], b"{}".to_vec())
    });
    let spec = FAILS
        .replace("for_each: [{id: 7, note: \"has s3cret-never-shown in it\"}]", "for_each: [{id: 7}, {id: 8}]")
        .replace("    on_error: dead_letter\n", "");
    let serving = Serving::start(&[("fails.yaml", &spec), ("slow.yaml", SLOW)], None, &[("SHOP", &shop.url())]);
    let resume = |run: &str| serving.post(&format!("/runs/{run}/resume"), &[], &Value::Null);
    let run = serving.begin("fails", &json!({}));
    serving.wait(&run, "failed");
    is_open.store(true, Ordering::Relaxed);
    let (status, taken) = resume(&run);
    assert_eq!((status, &taken["run"]), (202, &json!(run)));
    serving.wait(&run, "ok");
    let sent: Vec<_> = shop.received().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!(sent, ["/orders/7/ship", "/orders/8/ship", "/orders/8/ship"], "what was done is not done again");
    let refused = |run: &str| {
        let (status, body) = resume(run);
        assert_eq!((status, &body["error"]["code"]), (409, &json!("not-resumable")), "{body}");
    };
    refused(&run);
    let slow = serving.begin("slow", &json!({}));
    serving.wait(&slow, "running");
    refused(&slow);
    serving.end();
}

#[test]
fn a_slash_at_the_end_is_the_same_path() {
    let serving = Serving::start(&[("orders.yaml", ORDERS)], Some(TOKEN), &[]);
    assert_eq!(serving.get("/flows/"), serving.get("/flows"));
    assert_eq!(serving.get("/flows/orders/").0, 200);
    // Nothing is at the root, and it is asked for its token all the same.
    for path in ["", "/", "/nothing/"] {
        assert_eq!(serving.get(path).0, 404, "{path}");
        assert_eq!(get(&format!("{}/api/v1{path}", serving.url), &[]).status, 401, "{path}");
    }
    serving.end();
}

#[test]
fn dead_letters_are_shown_without_secrets() {
    let shop = EchoServer::start(|_| (409, vec![("Content-Type", "application/json".to_owned())], b"{}".to_vec()));
    let serving = Serving::start(&[("fails.yaml", FAILS), ("orders.yaml", ORDERS)], None, &[("SHOP", &shop.url())]);
    let run = serving.begin("fails", &json!({}));
    serving.wait(&run, "partial");
    let (status, body) = serving.get("/dead-letters?flow=fails&step=ship");
    assert_eq!(status, 200);
    let letter = &body["dead_letters"][0];
    assert_eq!((&letter["run"], &letter["step"]), (&json!(run), &json!("ship")));
    assert_eq!(letter["error"]["status"], 409);
    assert_eq!(letter["item"], json!({"id": 7, "note": "has *** in it"}));
    assert_eq!(serving.get(&format!("/dead-letters/{}", letter["id"].as_str().unwrap())).1, *letter);
    assert_eq!(serving.get("/dead-letters?step=other").1, json!({"dead_letters": []}));
    // Nobody knows what is secret in it once its flow is served no more.
    fs::remove_file(serving.folder.path().join("flows/fails.yaml")).unwrap();
    let begun = Instant::now();
    while serving.get("/flows").1["flows"].as_array().unwrap().len() > 1 {
        assert!(begun.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(100));
    }
    let kept = &serving.get("/dead-letters").1["dead_letters"][0];
    assert_eq!((&kept["error"], &kept["item"], &kept["inputs"]), (&letter["error"], &Value::Null, &Value::Null));
    serving.end();
}

#[test]
fn the_token_is_asked_for_and_needed_beyond_loopback() {
    let mut serving = Serving::start(&[("orders.yaml", ORDERS)], Some(TOKEN), &[]);
    assert_eq!(serving.get("/flows").0, 200);
    let right = serving.token.replace("Bearer a-token-of-the-apj".to_owned());
    for path in ["/flows", "/openapi.json", "/nothing"] {
        let (status, body) = serving.get(path);
        assert_eq!((status, &body["error"]["code"]), (401, &json!("unauthorized")), "{path}");
    }
    serving.token = None;
    let answer = get(&format!("{}/api/v1/flows", serving.url), &[]);
    assert_eq!((answer.status, &*answer.headers["www-authenticate"]), (401, "Bearer"));
    assert_eq!(get(&format!("{}/healthz", serving.url), &[]).status, 200);
    serving.token = right;
    assert_eq!(serving.get("/flows").0, 200);

    let refused = |arguments: &[&str], variables: &[(&str, &str)], expected: &str| {
        let mut call = Engine::new(["serve", "flows"]).arguments(arguments).folder(serving.folder.path());
        for (name, value) in variables {
            call = call.variable(name, value);
        }
        let finished = call.finish();
        assert_eq!(finished.status, Some(2), "{}", finished.stderr());
        assert!(finished.stderr().contains(expected), "{}", finished.stderr());
    };
    let all = ["--listen", "0.0.0.0:0"];
    refused(&all, &[], "the management API would be open to all who can reach 0.0.0.0:0");
    refused(&["--listen", "[::]:0"], &[], "the management API would be open to all");
    refused(&["--api-token-env", "MINE"], &[], "the variable `MINE`, which `--api-token-env` names, is not set");
    refused(&all, &[("ENGINE_API_TOKEN", "two words")], "the variable `ENGINE_API_TOKEN` has no token");
    // With a token, or without the API, it comes as far as what else is wrong: here the secret.
    refused(&[&all[..], &["--no-api"]].concat(), &[], "secret `hook` is not given");
    refused(&[&all[..], &["--api-token-env", "MINE"]].concat(), &[("MINE", TOKEN)], "secret `hook` is not given");
    serving.end();
}

#[test]
fn the_document_imports_without_a_finding() {
    let serving = Serving::start(&[("orders.yaml", ORDERS)], None, &[]);
    let (status, document) = serving.get("/openapi.json");
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    let (source, made) = (serving.folder.path().join("api.json"), serving.folder.path().join("made.yaml"));
    fs::write(&source, document.to_string()).unwrap();
    let imported = Engine::new(["import", "openapi"])
        .argument(&source)
        .arguments(["--name", "engine", "--out"])
        .argument(&made)
        .finish();
    assert_eq!(imported.status, Some(0), "{}", imported.stderr());
    let spec = fs::read_to_string(&made).unwrap();
    for endpoint in ["list_flows", "start_run", "list_runs", "cancel_run", "replay_event", "get_dead_letter"] {
        assert!(spec.contains(&format!("{endpoint}:")), "{endpoint}: {spec}");
    }
    let validated = Engine::new(["validate", "--deny-warnings"]).argument(&made).finish();
    assert_eq!(validated.status, Some(0), "{}{}", validated.stdout(), validated.stderr());
    serving.end();
}
