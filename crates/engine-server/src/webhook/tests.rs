//! Requests as senders and others make them, and what becomes of them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use engine_expr::Value;
use engine_plan::{Files, compile};
use engine_request::HashAlgorithm;
use engine_runtime::{
    BoxFuture, Clock, Environment, EventFilter, EventStore, Incoming, Lease, MemoryState, Observer, Outcome, Outgoing,
    RecordSink, SinkError, SinkSpec, SinkTarget, Sinks, Stop, Transport, TransportError, Wanted,
};
use http::{HeaderMap, Request, Response};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::{Intake, trigger_of};
use crate::flows::{Candidate, Flow, FlowSet, Flows, Ground};
use crate::log::{Log, Notice};
use crate::server::{Holder, Limits, Server};

const NOW: &str = "2026-01-02T03:04:05Z";

/// A clock that stands still, but for those who wait.
struct Still(Mutex<Timestamp>);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "tokio's time is paused")]
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn random(&self) -> u64 {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        u64::from(NUMBER.fetch_add(1, Ordering::Relaxed)) << 20
    }
}

struct Outside;

impl Environment for Outside {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOOK").then(|| "s3cret".to_owned())
    }

    fn read_file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn file_length(&self, _: &Path) -> io::Result<u64> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Answers all requests with a set of keys, and counts them.
#[derive(Default)]
struct Published {
    asked: AtomicU32,
    body: Mutex<String>,
}

impl Transport for Published {
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>> {
        assert_eq!(request.url.as_str(), "https://sender.example/jwks.json");
        self.asked.fetch_add(1, Ordering::Relaxed);
        let body = self.body.lock().unwrap().clone();
        Box::pin(async move {
            let status = if body.is_empty() { 500 } else { 200 };
            Ok(Incoming { status, headers: HeaderMap::new(), body: engine_runtime::Body::Bytes(body.into()) })
        })
    }
}

struct NoSinks;

impl Sinks for NoSinks {
    fn open(&self, _: &SinkSpec, _: &SinkTarget) -> Result<Box<dyn RecordSink>, SinkError> {
        Err(SinkError::new("there is none"))
    }
}

/// Keeps what is told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Log for Told {
    fn notice(&self, notice: Notice<'_>) {
        let text = match notice {
            Notice::EventRefused { flow, trigger, reason } => format!("{flow}: {trigger}: {reason}"),
            Notice::Trouble { message } => message.to_owned(),
            _ => return,
        };
        self.0.lock().unwrap().push(text);
    }

    fn observer(&self, _: &Flow, _: &str) -> Arc<dyn Observer> {
        unreachable!("nothing runs")
    }
}

struct OneFile(String);

impl Files for OneFile {
    fn read(&self, _: &Path) -> io::Result<String> {
        Ok(self.0.clone())
    }
}

struct Setup {
    intake: Intake,
    server: Arc<Server>,
    state: Arc<MemoryState>,
    clock: Arc<Still>,
    transport: Arc<Published>,
    told: Arc<Told>,
}

impl Setup {
    fn new(trigger: &str) -> Self {
        let state = Arc::new(MemoryState::default());
        let clock = Arc::new(Still(Mutex::new(NOW.parse().unwrap())));
        let transport = Arc::new(Published::default());
        let told = Arc::new(Told::default());
        let ground = ground(&state, &clock);
        let server = Arc::new(Server {
            flows: Flows::new(FlowSet::new([flow(trigger, &ground, &transport)])),
            events: Arc::clone(&state) as _,
            state: Arc::clone(&state) as _,
            clock: Arc::clone(&clock) as _,
            sinks: Arc::new(NoSinks),
            log: Arc::clone(&told) as _,
            limits: Limits::default(),
            holder: Holder { name: "me".to_owned(), lives: |_| None },
            public_url: "http://127.0.0.1".to_owned(),
            stop: Stop::new(),
            arrived: Arc::new(Notify::new()),
            metrics: Arc::default(),
            endings: crate::dispatch::Endings::default(),
        });
        Self { intake: Intake::new(Arc::clone(&server)), server, state, clock, transport, told }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.intake.take(request).await
    }

    /// Sends a request: a line, headers, a body; returns the status and the body.
    async fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> String {
        show(self.send(request(line, headers, body)).await).await
    }

    fn events(&self) -> impl Future<Output = Vec<Value>> {
        let state = Arc::clone(&self.state);
        async move {
            let filter = EventFilter { flow: None, status: None, most: 100 };
            let mut found = Vec::new();
            for event in state.list_events(filter).await.unwrap() {
                let event = state.find_event(&event.id).await.unwrap().unwrap();
                found.push(trigger_of(&event.body).unwrap());
            }
            found
        }
    }

    async fn count(&self) -> usize {
        self.events().await.len()
    }

    fn told(&self) -> String {
        self.told.0.lock().unwrap().join("; ")
    }
}

fn ground(state: &Arc<MemoryState>, clock: &Arc<Still>) -> Ground {
    Ground {
        clock: Arc::clone(clock) as _,
        state: Arc::clone(state) as _,
        inputs: std::collections::BTreeMap::new(),
        shared: Arc::default(),
    }
}

fn flow(trigger: &str, ground: &Ground, transport: &Arc<Published>) -> Arc<Flow> {
    let yaml = format!(
        "version: 1\nname: shop\nsecrets: {{hook: {{env: HOOK}}}}\ntriggers:\n  - {{type: webhook, {trigger}}}\napis: {{a: {{base_url: 'https://a.test', endpoints: {{list: {{request: GET /, records: $.x}}}}}}}}\nsteps:\n  - id: one\n    read: a.list\n"
    );
    let compiled = compile(Path::new("shop.yaml"), &OneFile(yaml.clone()));
    let plan = compiled.plan.unwrap_or_else(|| panic!("{yaml}: {:?}", compiled.findings));
    let candidate = Candidate { plan, environment: Arc::new(Outside), transport: Arc::clone(transport) as _ };
    Arc::new(Flow::new(PathBuf::from("shop.yaml"), candidate, ground).unwrap())
}

fn request(line: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(format!("http://here{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

async fn show(response: Response<Body>) -> String {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut text = parts.status.as_u16().to_string();
    for name in ["allow", "retry-after", "www-authenticate", "x-hook-secret"] {
        if let Some(value) = parts.headers.get(name) {
            _ = write!(text, " {name}={}", value.to_str().unwrap());
        }
    }
    format!("{text} {}", String::from_utf8_lossy(&body)).trim_end().to_owned()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const GITHUB: &str = "path: /hook, verify: {type: github, secret: '{{ secrets.hook }}'}";

fn signed(body: &str) -> String {
    let mac = HashAlgorithm::Sha256.mac(b"s3cret", body.as_bytes());
    mac.iter().fold("sha256=".to_owned(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

#[tokio::test(start_paused = true)]
async fn an_event_is_kept_before_it_is_answered() {
    let setup = Setup::new("path: '/{shop}/orders'");
    let headers = [JSON, ("X-Topic", "new"), ("Authorization", "Bearer s3cret")];
    let answer = setup.send(request("POST /north%20side/orders?a=1&b=2&a=3", &headers, r#"{"id": 7.10}"#)).await;
    let id = answer.headers()["engine-event"].to_str().unwrap().to_owned();
    assert_eq!(show(answer).await, "200");
    let event = setup.state.find_event(&id).await.unwrap().unwrap();
    assert_eq!((event.flow.as_str(), event.trigger.as_str()), ("shop", "webhook /{shop}/orders"));
    assert_eq!(
        trigger_of(&event.body).unwrap().to_json(),
        r#"{"type":"webhook","body":{"id":7.10},"body_raw":"{\"id\": 7.10}","query":{"a":["1","3"],"b":"2"},"path":{"shop":"north side"},"time":"2026-01-02T03:04:05Z","headers":{"content-type":"application/json","x-topic":"new"}}"#
    );
    assert!(!String::from_utf8_lossy(&event.body).contains(r#""body":"#), "it is there once");
}

#[tokio::test(start_paused = true)]
async fn other_paths_and_methods_start_nothing() {
    let setup = Setup::new("path: /hook, method: [POST, PUT]");
    for (line, expected) in [
        ("POST /other", r#"404 {"error":"there is nothing at this path"}"#),
        ("POST /hook/", r#"404 {"error":"there is nothing at this path"}"#),
        ("GET /hook", r#"405 allow=POST, PUT {"error":"send it with POST, PUT"}"#),
        ("DELETE /hook", r#"405 allow=POST, PUT {"error":"send it with POST, PUT"}"#),
        ("OPTIONS /hook", "204 allow=POST, PUT"),
        ("HEAD /hook", "200"),
        ("HEAD /other", "404"),
    ] {
        assert_eq!(setup.ask(line, &[], "{}").await, expected, "{line}");
    }
    assert_eq!(setup.count().await, 0);
    assert_eq!(setup.ask("PUT /hook", &[], "{}").await, "200");
    assert_eq!(setup.count().await, 1);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_prove_who_it_is_is_told_nothing() {
    let setup = Setup::new(GITHUB);
    let body = r#"{"a":1}"#;
    let refused = r#"401 www-authenticate=Webhook {"error":"not authorized"}"#;
    for signature in [signed("{}"), signed(body).to_ascii_uppercase(), String::new(), "sha256=".to_owned()] {
        let answer = setup.ask("POST /hook", &[JSON, ("X-Hub-Signature-256", &signature)], body).await;
        assert_eq!(answer, refused, "{signature}");
    }
    assert_eq!(setup.ask("POST /hook", &[JSON], body).await, refused);
    // What is wrong with the body is not told to anybody either.
    assert_eq!(setup.ask("POST /hook", &[JSON], "{").await, refused);
    let twice = [("X-Hub-Signature-256", signed(body)), ("x-hub-signature-256", signed(body))];
    let twice: Vec<(&str, &str)> = twice.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(setup.ask("POST /hook", &twice, body).await, refused);
    assert_eq!(setup.count().await, 0);
    let told = setup.told();
    assert!(told.contains("shop: webhook /hook: the header `x-hub-signature-256` is missing"), "{told}");
    assert!(!told.contains("s3cret"), "{told}");
    assert_eq!(setup.ask("POST /hook", &[JSON, ("X-HUB-Signature-256", &signed(body))], body).await, "200");
    assert_eq!(setup.count().await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_larger_or_slower_than_it_may_be_is_refused() {
    let setup = Setup::new("path: /hook, max_body: 16B");
    assert_eq!(setup.ask("POST /hook", &[], "0123456789abcdef").await, "200");
    let large = r#"413 {"error":"the body is larger than 16 bytes"}"#;
    assert_eq!(setup.ask("POST /hook", &[], "0123456789abcdefg").await, large);
    assert_eq!(setup.ask("POST /hook", &[("content-length", "17")], "").await, large);
    let many: Vec<String> = (0..101).map(|number| format!("x-{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
    let headers = r#"431 {"error":"the headers are too large"}"#;
    assert_eq!(setup.ask("POST /hook", &many, "").await, headers);
    assert_eq!(setup.ask("POST /hook", &[("x-long", &"x".repeat(70_000))], "").await, headers);
    let packed = r#"415 {"error":"a packed body is not taken: send it as it is"}"#;
    assert_eq!(setup.ask("POST /hook", &[("content-encoding", "gzip")], "").await, packed);
    let never = http_body_util::StreamBody::new(Never);
    let slow = Request::builder().method("POST").uri("/hook").body(Body::new(never)).unwrap();
    assert_eq!(show(setup.send(slow).await).await, r#"408 {"error":"the body comes too slowly"}"#);
    assert_eq!(setup.count().await, 1);
}

/// A body of which nothing comes.
struct Never;

impl futures_util::Stream for Never {
    type Item = Result<http_body::Frame<bytes::Bytes>, io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_what_it_says_is_refused() {
    let setup = Setup::new("path: /hook");
    let deep = "[".repeat(200_000);
    for (body, expected) in [
        ("{", r#"400 {"error":"the body is not JSON: "#),
        ("{\"a\":\"\0\"}", r#"400 {"error":"the body is not JSON: "#),
        (deep.as_str(), r#"400 {"error":"the body is not JSON: "#),
    ] {
        let answer = setup.ask("POST /hook", &[JSON], body).await;
        assert!(answer.starts_with(expected), "{answer}");
    }
    let mut latin = request("POST /hook", &[JSON], "");
    *latin.body_mut() = Body::from(&b"{\"a\":\"\xe9\"}"[..]);
    let answer = show(setup.send(latin).await).await;
    assert_eq!(answer, r#"400 {"error":"the body is not JSON: byte 6 is not UTF-8"}"#);
    let answer = setup.ask("POST /hook", &[("content-type", "text/xml")], "<a><b></a>").await;
    assert!(answer.starts_with(r#"400 {"error":"the body is not XML: "#), "{answer}");
    assert_eq!(setup.count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn handshakes_are_answered_and_start_nothing() {
    let meta = "path: /hook, challenge: \"{{ trigger.query['hub.challenge'] if trigger.query['hub.verify_token'] == 'v' else none }}\"";
    let setup = Setup::new(meta);
    let ask = |query: &str| format!("GET /hook?{query}");
    let query = "hub.mode=subscribe&hub.challenge=115&hub.verify_token=v";
    assert_eq!(setup.ask(&ask(query), &[], "").await, "200 115");
    let not_allowed = r#"405 allow=POST {"error":"send it with POST"}"#;
    assert_eq!(setup.ask(&ask(&query.replace("=v", "=x")), &[], "").await, not_allowed);
    assert_eq!(setup.ask("GET /hook", &[], "").await, not_allowed);
    assert_eq!(setup.count().await, 0);
    assert_eq!(setup.ask("POST /hook", &[], "{}").await, "200");

    let slack = Setup::new("path: /hook, verify: {type: slack, secret: '{{ secrets.hook }}'}, challenge: $.challenge");
    let body = r#"{"token":"t","challenge":"3eZbrw1aB","type":"url_verification"}"#;
    assert_eq!(slack.ask("POST /hook", &[JSON], body).await, "200 3eZbrw1aB");
    assert_eq!(slack.count().await, 0);

    let asana = Setup::new("path: /hook, challenge: {from: header.X-Hook-Secret, header: X-Hook-Secret}");
    assert_eq!(asana.ask("POST /hook", &[("X-Hook-Secret", "b537")], "{}").await, "200 x-hook-secret=b537");
    assert_eq!(asana.count().await, 0);
    let microsoft = Setup::new("path: /hook, challenge: query.validationToken");
    assert_eq!(microsoft.ask("POST /hook?validationToken=a%20b", &[], "").await, "200 a b");
    let zoom = Setup::new(
        "path: /hook, challenge: \"{{ {'plainToken': trigger.body.payload.plainToken, 'encryptedToken': trigger.body.payload.plainToken | hmac(secrets.hook)} if trigger.body.event == 'endpoint.url_validation' else none }}\"",
    );
    let body = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#;
    let answer = zoom.ask("POST /hook", &[JSON], body).await;
    assert!(answer.starts_with(r#"200 {"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":""#), "{answer}");
    assert_eq!(zoom.ask("POST /hook", &[JSON], r#"{"event":"meeting.started"}"#).await, "200");
    assert_eq!(zoom.count().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_may_stand_in_the_body() {
    let setup = Setup::new(
        "path: /hook, verify: {type: bearer, secret: '{{ secrets.hook }}', in: 'body.value[0].clientState'}",
    );
    assert!(setup.ask("POST /hook", &[JSON], r#"{"value":[{"clientState":"s3cret"}]}"#).await.starts_with("200"));
    for wrong in [
        r#"{"value":[{"clientState":"s3creT"}]}"#,
        r#"{"value":[]}"#,
        r#"{"value":[{"clientState":["s3cret"]}]}"#,
        "s3cret",
    ] {
        assert!(setup.ask("POST /hook", &[JSON], wrong).await.starts_with("401"), "{wrong}");
    }
    assert_eq!(setup.count().await, 1);
}

#[tokio::test(start_paused = true)]
async fn events_that_are_not_wanted_are_answered_and_forgotten() {
    let setup = Setup::new(
        "path: /hook, where: \"trigger.headers['X-Kind'] == 'paid' and trigger.body.total > 0\", respond: {status: 202, body: {got: '{{ trigger.body.id }}'}}",
    );
    let send = |kind: &'static str, body: &'static str| {
        let setup = &setup;
        async move { setup.ask("POST /hook", &[JSON, ("x-kind", kind)], body).await }
    };
    assert_eq!(send("paid", r#"{"id":1,"total":5}"#).await, r#"202 {"got":1}"#);
    assert_eq!(send("open", r#"{"id":2,"total":5}"#).await, r#"202 {"got":2}"#);
    assert_eq!(setup.count().await, 1);
    let answer = send("paid", r#"{"id":3}"#).await;
    assert!(answer.starts_with(r#"400 {"error":"the event can't be used: `where`: "#), "{answer}");
    assert_eq!(setup.count().await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_came_before_is_not_kept_again() {
    let setup = Setup::new("path: /hook, dedupe: {by: $.id, keep: 1h}, partition: $.shop");
    let send = async |body: &str| {
        let answer = setup.send(request("POST /hook", &[JSON], body)).await;
        assert_eq!(answer.status(), 200);
        answer.headers()["engine-event"].to_str().unwrap().to_owned()
    };
    let first = send(r#"{"id":"a","shop":1}"#).await;
    assert_eq!(send(r#"{"id":"a","shop":2}"#).await, first);
    assert_ne!(send(r#"{"id":"b","shop":1}"#).await, first);
    // Without a key nothing tells that it came before, and no event is lost.
    assert_ne!(send(r#"{"shop":1}"#).await, send(r#"{"shop":1}"#).await);
    assert_eq!(setup.count().await, 4);
    let later = setup.clock.now().saturating_add(Duration::from_secs(3601)).unwrap();
    *setup.clock.0.lock().unwrap() = later;
    assert_ne!(send(r#"{"id":"a"}"#).await, first);
    let lease = Lease { holder: "me".into(), now: later, time: Duration::from_mins(1) };
    let wanted = Wanted {
        flows: Arc::new(["shop".to_owned()].into()),
        busy: std::collections::HashMap::new(),
        per_flow: 10,
        most: 10,
        after: String::new(),
        lease,
    };
    let taken = setup.state.take_events(wanted).await.unwrap();
    let bodies: Vec<String> =
        taken.iter().map(|event| trigger_of(&event.body).unwrap().get("body").unwrap().to_json()).collect();
    assert_eq!(bodies, [r#"{"id":"a","shop":1}"#, r#"{"id":"a"}"#], "one of a partition at a time");
}

#[tokio::test(start_paused = true)]
async fn more_than_the_rate_has_to_come_again() {
    let setup = Setup::new("path: /hook, rate: 2/10s, verify: {type: bearer, secret: '{{ secrets.hook }}'}");
    let bearer = ("Authorization", "Bearer s3cret");
    for _ in 0..3 {
        // Whoever is refused takes nothing from those who are not.
        assert!(setup.ask("POST /hook", &[("Authorization", "Bearer x")], "{}").await.starts_with("401"));
    }
    assert_eq!(setup.ask("POST /hook", &[bearer], "{}").await, "200");
    assert_eq!(setup.ask("POST /hook", &[bearer], "{}").await, "200");
    let many = r#"429 retry-after=5 {"error":"there are too many events: come again later"}"#;
    assert_eq!(setup.ask("POST /hook", &[bearer], "{}").await, many);
    assert_eq!(setup.count().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_full_inbox_takes_nothing_more() {
    let mut setup = Setup::new("path: /hook");
    setup.intake = Intake::new(Arc::clone(&setup.server)).holding(2);
    for _ in 0..2 {
        assert_eq!(setup.ask("POST /hook", &[], "{}").await, "200");
    }
    *setup.clock.0.lock().unwrap() = setup.clock.now().saturating_add(Duration::from_secs(3)).unwrap();
    _ = setup.ask("POST /hook", &[], "{}").await;
    tokio::task::yield_now().await;
    let full = r#"503 retry-after=30 {"error":"there is too much to do: come again later"}"#;
    assert_eq!(setup.ask("POST /hook", &[], "{}").await, full);
    setup.server.stop.stop();
    let ending = r#"503 retry-after=5 {"error":"the server is about to end"}"#;
    assert_eq!(setup.ask("POST /hook", &[], "{}").await, ending);
}

#[tokio::test(start_paused = true)]
async fn a_reload_holds_from_the_next_request_on() {
    let setup = Setup::new("path: /old");
    assert_eq!(setup.ask("POST /old", &[], "{}").await, "200");
    let ground = ground(&setup.state, &setup.clock);
    setup.server.flows.replace(FlowSet::new([flow("path: /new", &ground, &setup.transport)]));
    assert!(setup.ask("POST /old", &[], "{}").await.starts_with("404"));
    assert_eq!(setup.ask("POST /new", &[], "{}").await, "200");
    assert_eq!(setup.intake.webhooks().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_wait_for_the_run() {
    let setup = Setup::new("path: /hook, respond: {status: 201, body: done, wait: finished, timeout: 20s}");
    let late = setup.ask("POST /hook", &[], "{}").await;
    assert!(late.starts_with(r#"202 {"event":""#), "{late}");
    for (outcome, expected) in
        [(Outcome::Done, "201 done"), (Outcome::Dead { error: "no".to_owned() }, r#"500 {"error":"the run failed"}"#)]
    {
        let run = async {
            setup.server.arrived.notified().await;
            let lease = Lease { holder: "me".into(), now: setup.clock.now(), time: Duration::from_mins(1) };
            let wanted = Wanted {
                flows: Arc::new(["shop".to_owned()].into()),
                busy: std::collections::HashMap::new(),
                per_flow: 10,
                most: 10,
                after: String::new(),
                lease: lease.clone(),
            };
            for event in setup.state.take_events(wanted).await.unwrap() {
                setup.state.settle_event(&event.id, lease.clone(), outcome.clone()).await.unwrap();
            }
        };
        let (answer, ()) = tokio::join!(setup.ask("POST /hook", &[], "{}"), run);
        assert_eq!(answer, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn published_keys_are_fetched_once() {
    let setup = Setup::new(
        "path: /hook, verify: {type: jwt, algorithms: ES256, jwks_url: 'https://sender.example/jwks.json', tolerance: 10000w}",
    );
    // The token of RFC 7515 §A.3, whose key has no name here.
    let token = "Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let refused = r#"401 www-authenticate=Webhook {"error":"not authorized"}"#;
    assert_eq!(setup.ask("POST /hook", &[("Authorization", token)], "{}").await, refused);
    let asked = || setup.transport.asked.load(Ordering::Relaxed);
    assert_eq!(asked(), 1);
    *setup.transport.body.lock().unwrap() = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#.to_owned();
    // Not again at once: whoever sends nonsense would have us ask as often.
    assert_eq!(setup.ask("POST /hook", &[("Authorization", token)], "{}").await, refused);
    assert_eq!(asked(), 1);
    *setup.clock.0.lock().unwrap() = setup.clock.now().saturating_add(Duration::from_secs(31)).unwrap();
    for _ in 0..3 {
        assert_eq!(setup.ask("POST /hook", &[("Authorization", token)], "{}").await, "200");
    }
    assert_eq!(asked(), 2);
    assert_eq!(setup.count().await, 3);
}

#[tokio::test(start_paused = true)]
async fn what_a_secret_lacks_is_found_before_anything_is_served() {
    let setup = Setup::new("path: /hook");
    let yaml = "version: 1\nname: shop\nsecrets: {hook: {env: HOOK}}\ntriggers:\n  - {type: webhook, path: /hook, verify: {type: standard_webhooks, secret: '{{ secrets.hook }}!'}}\napis: {a: {base_url: 'https://a.test', endpoints: {list: {request: GET /, records: $.x}}}}\nsteps:\n  - id: one\n    read: a.list\n";
    let plan = compile(Path::new("shop.yaml"), &OneFile(yaml.to_owned())).plan.unwrap();
    let candidate = Candidate { plan, environment: Arc::new(Outside), transport: Arc::clone(&setup.transport) as _ };
    let broken = Flow::new("shop.yaml".into(), candidate, &ground(&setup.state, &setup.clock)).unwrap_err();
    let messages: Vec<String> = broken.findings.iter().map(|finding| finding.message.clone()).collect();
    assert_eq!(messages, ["the secret is not in base64"]);
}
