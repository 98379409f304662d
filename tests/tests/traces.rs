//! Traces and metrics, as a collector receives them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_tests::{EchoServer, Engine, Running, post, root};
use serde_json::{Value, json};
use tempfile::TempDir;

const TARGET: &str = env!("CARGO_TARGET_TMPDIR");
const SECRET: &str = "s3cret-in-the-query";
/// How long to wait for what has to come.
const PATIENCE: Duration = Duration::from_mins(1);
/// Who is around an event.
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const SPEC: &str = r#"
version: 1
name: orders
secrets: {key: {env: KEY}}
inputs: {url: {type: string, env: SHOP}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    auth: {type: api_key, value: "{{ secrets.key }}", in: query.key}
    retry: {attempts: 3, backoff: {initial: 1ms}}
    endpoints:
      list: {request: "GET /orders", query: {note: "a {{ secrets.key }} b"}, records: $.orders}
      ship: {request: "POST /orders/{id}/ship", params: {id: {type: integer, required: true}}}
triggers: [{type: webhook, path: /orders, verify: {type: bearer, secret: "{{ secrets.key }}"}}]
steps:
  - {id: all, read: shop.list}
  - {id: ship, for_each: all, call: {endpoint: shop.ship, params: {id: $.id}}}
"#;

/// The classes that OpenTelemetry generates of its definitions, and a receiver of others; where they can be installed.
struct Receivers {
    folder: PathBuf,
}

impl Receivers {
    /// Installs them, once for all tests.
    fn find() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap();
        let folder = Path::new(TARGET).join("receivers");
        fs::create_dir_all(&folder).unwrap();
        let done = folder.join("installed");
        if !done.exists() {
            let line = "python3 -m pip install --quiet --disable-pip-version-check --target py opentelemetry-proto==1.45.2 oteltap==1.0.0";
            let mut words = line.split(' ');
            let mut command = Command::new(words.next().unwrap());
            command.args(words).current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null());
            if !command.status().is_ok_and(|status| status.success()) {
                assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "this does not work: {line}");
                // Written past the capture of the test harness, so that it is seen.
                _ = writeln!(std::io::stderr(), "skipped: the receivers can't be installed: {line}");
                return None;
            }
            fs::write(done, "").unwrap();
        }
        Some(Self { folder })
    }

    fn python(&self) -> Command {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", self.folder.join("py")).stdin(Stdio::null());
        command
    }

    /// Starts a receiver that reads all strictly.
    fn strict(&self, more: &[&str]) -> Receiver {
        let mut command = self.python();
        command.arg(root().join("tests/receivers/otlp.py")).args(more);
        let mut receiver = Receiver::begin(command);
        receiver.url = receiver.wait(|lines| lines.first().cloned());
        receiver
    }

    /// Starts a receiver that others have written.
    fn tap(&self) -> Receiver {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut command = self.python();
        command.env("PYTHONUNBUFFERED", "1").args(["-m", "oteltap", "--port", &port]);
        let mut receiver = Receiver::begin(command);
        receiver.url = format!("http://127.0.0.1:{port}");
        let since = Instant::now();
        while TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
            assert!(since.elapsed() < PATIENCE, "the receiver does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        receiver
    }
}

/// A receiver, and what it prints.
struct Receiver {
    child: Child,
    url: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    fn begin(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let to = Arc::clone(&lines);
        thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|line| to.lock().unwrap().push(line)));
        Self { child, url: String::new(), lines }
    }

    fn wait<T>(&self, find: impl Fn(&[String]) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            let lines = self.lines.lock().unwrap().clone();
            if let Some(found) = find(&lines) {
                return found;
            }
            assert!(since.elapsed() < PATIENCE, "{lines:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns the requests that came; none was wrong, and none has a secret in it.
    fn requests(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let requests: Vec<Value> = lines.iter().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(requests.iter().all(|request| request.get("error").is_none()), "{requests:#?}");
        assert!(lines.iter().all(|line| !line.contains(SECRET)), "{lines:#?}");
        requests
    }

    /// Returns the spans that came, with their attributes as one object and their ids as hexadecimal digits.
    fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for request in self.requests().iter().filter(|request| request["path"] == "/v1/traces") {
            let is_base64 = request["base64"] == true;
            for resource in list(&request["message"]["resourceSpans"]) {
                let of = attributes(&resource["resource"]);
                for span in list(&resource["scopeSpans"]).iter().flat_map(|scope| list(&scope["spans"])) {
                    spans.push(Span::of(&span, &of, is_base64));
                }
            }
        }
        spans
    }

    fn wait_for(&self, name: &str) -> Vec<Span> {
        let since = Instant::now();
        loop {
            let spans = self.spans();
            if spans.iter().any(|span| span.name == name) {
                return spans;
            }
            assert!(since.elapsed() < PATIENCE, "no {name} in {spans:#?}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns the newest points of a metric.
    fn points(&self, name: &str) -> Vec<Value> {
        let mut points = Vec::new();
        for request in self.requests().iter().filter(|request| request["path"] == "/v1/metrics") {
            for resource in list(&request["message"]["resourceMetrics"]) {
                for metric in list(&resource["scopeMetrics"]).iter().flat_map(|scope| list(&scope["metrics"])) {
                    if metric["name"] == name {
                        let data = ["sum", "gauge", "histogram"].iter().find_map(|kind| metric.get(kind)).unwrap();
                        points = list(&data["dataPoints"]);
                    }
                }
            }
        }
        points
            .into_iter()
            .map(|mut point| {
                let attributes = attributes(&point);
                point["attributes"] = attributes;
                point
            })
            .collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A span.
#[derive(Clone, Debug)]
struct Span {
    name: String,
    kind: String,
    trace: String,
    id: String,
    parent: String,
    state: String,
    status: Value,
    attributes: Value,
    events: Vec<String>,
    links: Vec<String>,
    resource: Value,
}

impl Span {
    fn of(span: &Value, resource: &Value, is_base64: bool) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = |value: &Value| {
            let text = text(value);
            // The same digits in both forms, of which one was read as the letters of the other.
            if is_base64 { hex(&STANDARD.decode(text).unwrap()) } else { text.to_lowercase() }
        };
        let (begun, ended) = (number(&span["startTimeUnixNano"]), number(&span["endTimeUnixNano"]));
        assert!(begun > 0 && begun <= ended, "{span}");
        Self {
            name: text(&span["name"]),
            kind: text(&span["kind"]),
            trace: id(&span["traceId"]),
            id: id(&span["spanId"]),
            parent: id(&span["parentSpanId"]),
            state: text(&span["traceState"]),
            status: span["status"].clone(),
            attributes: attributes(span),
            events: list(&span["events"]).iter().map(|event| text(&event["name"])).collect(),
            links: list(&span["links"]).iter().map(|link| id(&link["spanId"])).collect(),
            resource: resource.clone(),
        }
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

fn number(value: &Value) -> u64 {
    value.as_str().map_or_else(|| value.as_u64().unwrap_or_default(), |text| text.parse().unwrap())
}

/// Returns attributes as an object of texts, numbers and truths.
fn attributes(of: &Value) -> Value {
    let mut all = BTreeMap::new();
    for attribute in list(&of["attributes"]) {
        let value = &attribute["value"];
        let plain = match value.get("intValue") {
            Some(value) => json!(number(value)),
            None => {
                ["stringValue", "boolValue", "doubleValue"].iter().find_map(|kind| value.get(kind)).unwrap().clone()
            }
        };
        let was = all.insert(attribute["key"].as_str().unwrap().to_owned(), plain);
        assert!(was.is_none(), "an attribute is there twice: {of}");
    }
    json!(all)
}

/// A folder with the spec, and an API whose first answer is none that counts.
struct Stage {
    folder: TempDir,
    shop: EchoServer,
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("orders.yaml"), SPEC).unwrap();
        let is_first = Mutex::new(true);
        let shop = EchoServer::start(move |request| {
            if request.method() == "GET" && std::mem::take(&mut *is_first.lock().unwrap()) {
                return (503, Vec::new(), b"not now".to_vec());
            }
            let headers = vec![("Content-Type", "application/json".to_owned())];
            match request.method() {
                "GET" => (200, headers, br#"{"orders": [{"id": 1}, {"id": 2}]}"#.to_vec()),
                _ => (200, headers, b"{}".to_vec()),
            }
        });
        Self { folder, shop }
    }

    fn engine(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Engine {
        let engine = Engine::new(arguments).folder(self.folder.path());
        let engine = engine.variable("KEY", SECRET).variable("SHOP", &self.shop.url());
        variables.iter().fold(engine, |engine, (name, value)| engine.variable(name, value))
    }

    /// Runs the spec; returns what was said.
    fn run(&self, variables: &[(&str, &str)]) -> String {
        let finished = self.engine(&["run", "orders.yaml"], variables).finish();
        assert_eq!(finished.status, Some(0), "{}", finished.stderr());
        assert!(!finished.stderr().contains(SECRET), "{}", finished.stderr());
        finished.stderr().clone()
    }

    fn traceparents(&self) -> Vec<Option<String>> {
        self.shop.received().iter().map(|request| request.header("traceparent").map(str::to_owned)).collect()
    }
}

/// Checks the trace of a run: its spans, how they hang together, and what is said of each.
fn check_trace(spans: &[Span], shop: &str) {
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let [run] = named("run orders")[..] else { panic!("{spans:#?}") };
    assert_eq!(run.attributes["engine.flow"], "orders");
    assert_eq!(run.attributes["engine.run.status"], "ok");
    assert_eq!(run.attributes["engine.run.id"].as_str().map(str::len), Some(36));
    assert!(spans.iter().all(|span| span.trace == run.trace), "{spans:#?}");
    for step in ["all", "ship"] {
        let [span] = named(&format!("step {step}"))[..] else { panic!("{spans:#?}") };
        assert_eq!((&span.parent, span.kind.as_str()), (&run.id, "SPAN_KIND_INTERNAL"));
        assert_eq!(span.attributes["engine.step.status"], "ok");
    }
    let all = named("step all")[0];
    assert_eq!(all.attributes["engine.records.read"], 2);
    assert_eq!(all.events, ["retry"]);
    let lists = named("GET shop.list");
    let told: Vec<_> = lists
        .iter()
        .map(|span| {
            let it = &span.attributes;
            (it["http.response.status_code"].clone(), it["http.request.resend_count"].clone(), it["error.type"].clone())
        })
        .collect();
    assert_eq!(told, [(json!(503), Value::Null, json!("503")), (json!(200), json!(1), Value::Null)]);
    assert_eq!(lists[0].status["code"], "STATUS_CODE_ERROR");
    for span in lists {
        assert_eq!((&span.parent, span.kind.as_str()), (&all.id, "SPAN_KIND_CLIENT"));
        assert_eq!(span.attributes["http.request.method"], "GET");
        assert_eq!(span.attributes["server.address"], "127.0.0.1");
        assert_eq!(span.attributes["url.full"], format!("{shop}/orders?note=***&key=***"));
    }
    assert_eq!(named("POST shop.ship").len(), 2);
    assert!(named("POST shop.ship").iter().all(|span| span.parent == named("step ship")[0].id), "{spans:#?}");
}

#[test]
fn a_run_is_a_trace_and_is_counted() {
    let Some(receivers) = Receivers::find() else { return };
    let (receiver, stage) = (receivers.strict(&[]), Stage::set());
    let said = stage.run(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=a%20b"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test,service.name=other"),
        ("OTEL_SERVICE_NAME", "shop-sync"),
    ]);
    assert!(!said.contains("telemetry"), "{said}");
    let spans = receiver.spans();
    check_trace(&spans, &stage.shop.url());
    let run = spans.iter().find(|span| span.name == "run orders").unwrap();
    assert_eq!((run.kind.as_str(), run.parent.as_str()), ("SPAN_KIND_INTERNAL", ""));
    assert_eq!(run.resource["service.name"], "shop-sync");
    assert_eq!(run.resource["deployment.environment"], "test");
    assert_eq!(run.resource["telemetry.sdk.language"], "rust");
    // Nobody else is told of the trace.
    assert!(stage.traceparents().iter().all(Option::is_none));

    let requests = receiver.points("http.client.request.duration");
    let statuses: Vec<_> = requests
        .iter()
        .map(|point| {
            let it = &point["attributes"];
            (it["engine.endpoint"].clone(), it["http.response.status_code"].clone(), number(&point["count"]))
        })
        .collect();
    for expected in [(json!("list"), json!(503), 1), (json!("list"), json!(200), 1), (json!("ship"), json!(200), 2)] {
        assert!(statuses.contains(&expected), "{statuses:?}");
    }
    let runs = receiver.points("engine.run.duration");
    assert_eq!((runs.len(), &runs[0]["attributes"]["engine.run.status"]), (1, &json!("ok")));
    let read = receiver.points("engine.record.count").into_iter().find(|point| {
        point["attributes"]["engine.step"] == "all" && point["attributes"]["engine.record.outcome"] == "read"
    });
    assert_eq!(read.map(|point| number(&point["asInt"])), Some(2));
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| request["type"] == "application/x-protobuf" && request["team"] == "a b"));
}

#[test]
fn it_is_json_and_packed_where_that_is_asked_for_and_sent_again_where_it_is_refused() {
    let Some(receivers) = Receivers::find() else { return };
    let (receiver, stage) = (receivers.strict(&["refuse"]), Stage::set());
    let host = stage.shop.url().replace("http://", "");
    stage.run(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("ENGINE_TRACEPARENT_HOSTS", &format!("elsewhere.example, {host}")),
    ]);
    let requests = receiver.requests();
    assert!(requests.iter().all(|request| request["type"] == "application/json" && request["packed"] == "gzip"));
    assert!(requests.iter().any(|request| request["refused"] == true), "{requests:#?}");
    let spans = receiver.spans();
    check_trace(&spans, &stage.shop.url());
    // A host that is to know gets the span of the very request.
    let mut told: Vec<_> = stage.traceparents().into_iter().map(Option::unwrap).collect();
    let of_requests = spans.iter().filter(|span| span.kind == "SPAN_KIND_CLIENT");
    let mut expected: Vec<_> = of_requests.map(|span| format!("00-{}-{}-01", span.trace, span.id)).collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}

#[test]
fn a_receiver_of_others_sees_the_trace() {
    let Some(receivers) = Receivers::find() else { return };
    let (receiver, stage) = (receivers.tap(), Stage::set());
    stage.run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url)]);
    let words = ["run orders", "step all", "GET shop.list", "http.client.request.duration"];
    receiver.wait(|lines| {
        let is_there = |word: &&str| lines.iter().any(|line| line.contains(*word));
        words.iter().all(is_there).then_some(())
    });
    assert!(receiver.lines.lock().unwrap().iter().all(|line| !line.contains(SECRET)));
}

#[test]
fn nothing_is_sent_unless_that_is_asked_for_and_as_much_as_is() {
    let Some(receivers) = Receivers::find() else { return };
    let (receiver, stage) = (receivers.strict(&[]), Stage::set());
    stage.run(&[("OTEL_SERVICE_NAME", "shop")]);
    stage.run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url), ("OTEL_SDK_DISABLED", "true")]);
    assert_eq!(receiver.requests(), Vec::<Value>::new());
    stage.run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url), ("OTEL_TRACES_SAMPLER", "always_off")]);
    assert!(receiver.spans().is_empty() && !receiver.points("engine.run.duration").is_empty());
    let traces = format!("{}/v1/traces", receiver.url);
    let only_traces = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces.as_str())];
    let before = receiver.requests().iter().filter(|request| request["path"] == "/v1/metrics").count();
    stage.run(&only_traces);
    assert!(!receiver.spans().is_empty());
    assert_eq!(receiver.requests().iter().filter(|request| request["path"] == "/v1/metrics").count(), before);
}

#[test]
fn what_cannot_be_used_is_said_and_who_does_not_listen_harms_nobody() {
    let stage = Stage::set();
    for (name, value, expected) in [
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "grpc",
            "the variable `OTEL_EXPORTER_OTLP_PROTOCOL` says `grpc`, which is not supported",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "s3cret-in-the-query",
            "the variable `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is not an HTTP URL",
        ),
        ("OTEL_TRACES_SAMPLER", "often", "the variable `OTEL_TRACES_SAMPLER` names a sampler that there is not"),
    ] {
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"), (name, value)];
        for arguments in [&["run", "orders.yaml"][..], &["serve", "orders.yaml", "--listen", "127.0.0.1:0"]] {
            let finished = stage.engine(arguments, &variables).finish();
            assert_eq!(finished.status, Some(2), "{}", finished.stderr());
            assert!(finished.stderr().contains(expected), "{}", finished.stderr());
            assert!(!finished.stderr().contains(SECRET), "{}", finished.stderr());
        }
    }
    assert!(stage.shop.received().is_empty());
    let said =
        stage.run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "300")]);
    assert!(said.contains("telemetry can't be sent to http://127.0.0.1:9"), "{said}");
}

#[test]
fn a_webhook_hands_its_trace_on() {
    let Some(receivers) = Receivers::find() else { return };
    let (receiver, stage) = (receivers.strict(&[]), Stage::set());
    let listen = format!("127.0.0.1:{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let serving: Running = stage
        .engine(
            &["serve", "orders.yaml", "--listen", &listen],
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url),
                ("OTEL_BSP_SCHEDULE_DELAY", "100"),
                ("OTEL_METRIC_EXPORT_INTERVAL", "300"),
            ],
        )
        .begin();
    let since = Instant::now();
    while TcpStream::connect(&listen).is_err() {
        assert!(since.elapsed() < PATIENCE, "the server does not listen");
        thread::sleep(Duration::from_millis(50));
    }
    let authorization = format!("Bearer {SECRET}");
    let headers = [
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/json"),
        ("traceparent", PARENT),
        ("tracestate", "vendor=value"),
    ];
    let answer = post(&format!("http://{listen}/orders"), &headers, b"{}");
    assert_eq!(answer.status, 200);
    let spans = receiver.wait_for("run orders");
    check_trace(&spans, &stage.shop.url());
    let run = spans.iter().find(|span| span.name == "run orders").unwrap();
    assert_eq!((run.trace.as_str(), run.parent.as_str()), (PARENT.get(3..35).unwrap(), PARENT.get(36..52).unwrap()));
    assert_eq!((run.kind.as_str(), run.state.as_str()), ("SPAN_KIND_CONSUMER", "vendor=value"));
    assert_eq!(run.attributes["engine.run.id"], answer.headers["engine-event"].as_str());
    assert!(run.attributes["engine.trigger"].as_str().unwrap().contains("webhook"));
    // One that is not true is none, and its event runs all the same.
    let headers = [headers[0], headers[1], ("traceparent", "00-nonsense")];
    assert_eq!(post(&format!("http://{listen}/orders"), &headers, b"{}").status, 200);
    // What is wrong with an event is counted.
    assert_eq!(post(&format!("http://{listen}/orders"), &[("Content-Type", "application/json")], b"{}").status, 401);
    receiver.wait(|_| (receiver.spans().iter().filter(|span| span.name == "run orders").count() == 2).then_some(()));
    receiver.wait(|_| (!receiver.points("engine.server.notices").is_empty()).then_some(()));
    let notices = receiver.points("engine.server.notices");
    assert_eq!(notices[0]["attributes"], json!({"engine.flow": "orders", "engine.notice": "event_refused"}));
    serving.interrupt();
    let finished = serving.finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    let active = receiver.points("engine.run.active");
    assert!(active.iter().all(|point| number(&point["asInt"]) == 0), "{active:#?}");
}

#[test]
fn an_attempt_is_linked_to_the_one_before() {
    let Some(receivers) = Receivers::find() else { return };
    let (receiver, stage) = (receivers.strict(&[]), Stage::set());
    let once = SPEC.replace("retry: {attempts: 3, backoff: {initial: 1ms}}", "retry: {attempts: 1}");
    fs::write(stage.folder.path().join("orders.yaml"), once).unwrap();
    let listen = format!("127.0.0.1:{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let serving: Running = stage.engine(&["serve", "orders.yaml", "--listen", &listen], &variables).begin();
    let since = Instant::now();
    while TcpStream::connect(&listen).is_err() {
        assert!(since.elapsed() < PATIENCE, "the server does not listen");
        thread::sleep(Duration::from_millis(50));
    }
    let authorization = format!("Bearer {SECRET}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    assert_eq!(post(&format!("http://{listen}/orders"), &headers, b"{}").status, 200);
    let runs = receiver.wait(|_| {
        let runs: Vec<_> = receiver.spans().into_iter().filter(|span| span.name == "run orders").collect();
        (runs.len() == 2).then_some(runs)
    });
    let statuses: Vec<_> = runs.iter().map(|run| run.attributes["engine.run.status"].clone()).collect();
    assert_eq!(statuses, ["failed", "ok"]);
    assert_eq!(runs[0].attributes["error.type"], "http-status");
    assert_eq!((&runs[0].links[..], &runs[1].links[..]), (&[][..], &[runs[0].id.clone()][..]));
    assert_eq!(runs[0].attributes["engine.run.id"], runs[1].attributes["engine.run.id"]);
    assert_eq!(runs[1].attributes["engine.run.attempts"], 1);
    serving.interrupt();
    assert_eq!(serving.finish().status, Some(0));
}

#[test]
fn the_log_of_a_run_names_it_in_each_line() {
    let stage = Stage::set();
    let finished = stage.engine(&["run", "orders.yaml", "--log-format", "json", "-v"], &[]).finish();
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    let said = finished.stderr();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["event"], "run_started");
    let run = &lines[0]["run"];
    assert!(run.is_string() && lines.iter().all(|line| line["run"] == *run), "{said}");
    let of_steps: Vec<_> = lines.iter().filter(|line| line["event"].as_str().unwrap().starts_with("step_")).collect();
    assert!(of_steps.len() == 4 && of_steps.iter().all(|line| line["step"].is_string()), "{said}");
    assert_eq!(lines.last().unwrap()["event"], "run_finished");
}
