//! `engine doctor`: each thing that a run needs, whether it is well, and what to do.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use engine_tests::{EchoServer, Engine, Finished, shown_forms};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The provider gets it in a form (RFC 6749 §2.3.1), which leaves these characters as they are.
const SECRET: &str = "q7-K.9_Zxkkk";

const SPEC: &str = r#"
version: 1
name: shop
inputs: {url: {type: string, env: SERVER_URL}}
secrets: {key: {env: SHOP_KEY}}
apis:
  shop:
    base_url: "{{ inputs.url }}"
    auth: {type: oauth2, grant: client_credentials, token_url: "{{ inputs.url }}/token", client_id: me, client_secret: "{{ secrets.key }}"}
    endpoints:
      list_orders:
        request: GET /orders
        params: {status: {type: string, required: true}}
        query: {status: "{{ params.status }}"}
        records: $.orders
      create_order: {request: POST /orders}
sinks:
  store: {type: sqlite, path: ./out/store.db}
  lines: {type: jsonl, path: "./out/{{ item.id }}.jsonl"}
steps:
  - {id: orders, read: {endpoint: shop.list_orders, params: {status: any}}, write: {sink: store, table: orders}}
  - {id: made, for_each: orders, call: shop.create_order}
"#;

fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("spec.yaml"), SPEC).unwrap();
    place
}

/// An API that takes the one token that it gives to who knows the secret.
fn api() -> EchoServer {
    EchoServer::start(|received| {
        let said = received.header("authorization").unwrap_or_default().to_owned();
        let body = String::from_utf8_lossy(received.body()).into_owned();
        let knows = body.contains(SECRET) || said.contains(&base64(&format!("me:{SECRET}")));
        let (status, body) = match received.target() {
            "/token" if knows => (200, json!({"access_token": "tT9-token", "expires_in": 3600})),
            "/token" => (401, json!({"error": "invalid_client"})),
            "/orders?status=any" if said == "Bearer tT9-token" => (200, json!({"orders": [{"id": 1}]})),
            _ => (403, json!({"said": said})),
        };
        (status, vec![("Content-Type", "application/json".to_owned())], body.to_string().into_bytes())
    })
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn doctor(place: &Path, url: &str, key: Option<&str>, arguments: &[&str]) -> Finished {
    let engine = Engine::new(["doctor", "spec.yaml"]).arguments(arguments).folder(place).variable("SERVER_URL", url);
    let engine = match key {
        Some(key) => engine.variable("SHOP_KEY", key),
        None => engine,
    };
    let finished = engine.finish();
    for text in [finished.stdout(), finished.stderr()] {
        for secret in [SECRET, "tT9-token"] {
            assert_eq!(shown_forms(secret, &text), Vec::<String>::new(), "{text}");
        }
    }
    finished
}

/// Returns what was found of a check, and whether it is well.
fn of(finished: &Finished, check: &str) -> (String, Value) {
    let told: Value = serde_json::from_str(&finished.stdout()).unwrap();
    let checks = told["checks"].as_array().unwrap();
    let found = checks.iter().find(|one| one["check"].as_str().unwrap().starts_with(check));
    let found = found.unwrap_or_else(|| panic!("no check {check}: {told:#}")).clone();
    (found["result"].as_str().unwrap().to_owned(), found)
}

#[test]
fn finds_all_well_and_changes_nothing() {
    let (place, api) = (place(), api());
    let finished = doctor(place.path(), &api.url(), Some(SECRET), &[]);
    assert_eq!(finished.status, Some(0), "{}", finished.stdout());
    let told = finished.stdout();
    for part in [
        "secret key: set",
        "DNS: 127.0.0.1",
        "auth: oauth2: a token is there",
        "read shop.list_orders: 200, 1 record in",
        "checks are well",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!place.path().join("out").exists(), "no sink is made");
    let methods: Vec<String> =
        api.received().iter().map(|received| format!("{} {}", received.method(), received.target())).collect();
    assert_eq!(methods, ["HEAD /", "POST /token", "GET /orders?status=any"]);
}

#[test]
fn says_that_a_read_that_is_no_get_was_not_tried() {
    let (place, api) = (place(), api());
    fs::write(place.path().join("spec.yaml"), SPEC.replace("request: GET /orders", "request: POST /orders")).unwrap();
    let finished = doctor(place.path(), &api.url(), Some(SECRET), &["--format", "json"]);
    let (result, found) = of(&finished, "read shop.list_orders");
    assert_eq!(result, "warn", "{found}");
    assert!(found["help"].as_str().unwrap().contains("engine call"), "{found}");
}

#[test]
fn says_what_is_not_given_and_asks_nobody() {
    let (place, api) = (place(), api());
    let finished = doctor(place.path(), &api.url(), None, &["--format", "json"]);
    assert_eq!(finished.status, Some(1));
    let (result, found) = of(&finished, "secret key");
    assert_eq!(result, "failed");
    assert!(found["help"].as_str().unwrap().contains("SHOP_KEY"), "{found}");
    assert_eq!(of(&finished, "not looked at").0, "warn");
    assert!(api.received().is_empty());
}

#[test]
fn says_that_a_token_is_refused() {
    let (place, api) = (place(), api());
    let finished = doctor(place.path(), &api.url(), Some("wrong"), &["--format", "json"]);
    assert_eq!(finished.status, Some(1));
    assert_eq!(of(&finished, "HTTP").0, "ok");
    let (result, found) = of(&finished, "auth");
    assert_eq!(result, "failed");
    assert!(found["found"].as_str().unwrap().contains("invalid_client"), "{found}");
}

#[test]
fn says_that_a_read_is_refused() {
    let (place, api) = (place(), api());
    let spec = fs::read_to_string(place.path().join("spec.yaml")).unwrap();
    fs::write(place.path().join("spec.yaml"), spec.replace("status: any", "status: secret")).unwrap();
    let finished = doctor(place.path(), &api.url(), Some(SECRET), &["--format", "json"]);
    assert_eq!(finished.status, Some(1));
    let (result, found) = of(&finished, "read shop.list_orders");
    assert_eq!((result.as_str(), found["section"].as_str().unwrap()), ("failed", "API shop"));
    assert!(found["found"].as_str().unwrap().contains("403 Forbidden"), "{found}");
    assert!(found["help"].as_str().is_some());
}

#[test]
fn says_that_nothing_is_there() {
    let place = place();
    let finished = doctor(place.path(), "http://127.0.0.1:1", Some(SECRET), &["--format", "json"]);
    assert_eq!(finished.status, Some(1));
    assert_eq!(of(&finished, "TCP").0, "failed");
    assert_eq!(of(&finished, "auth and reads").0, "warn");
    let finished = doctor(place.path(), "https://no-such-host.invalid", Some(SECRET), &["--format", "json"]);
    assert_eq!(of(&finished, "DNS").0, "failed");
}

#[test]
fn says_that_a_host_is_not_secured() {
    let (place, api) = (place(), api());
    let url = api.url().replace("http://", "https://");
    let finished = doctor(place.path(), &url, Some(SECRET), &["--format", "json"]);
    assert_eq!(finished.status, Some(1), "{}", finished.stdout());
    assert_eq!(of(&finished, "TCP").0, "ok");
    let told: Value = serde_json::from_str(&finished.stdout()).unwrap();
    let failed = told["checks"].as_array().unwrap().iter().find(|one| one["result"] == "failed").unwrap();
    assert!(["TLS", "HTTP"].contains(&failed["check"].as_str().unwrap()), "{failed}");
}

#[test]
fn says_that_the_state_and_a_sink_can_not_be_used() {
    let (place, api) = (place(), api());
    fs::create_dir(place.path().join("out")).unwrap();
    fs::write(place.path().join("out/store.db"), "this is no database, whatever it is called").unwrap();
    fs::write(place.path().join("state.db"), "neither is this one, and it is long enough").unwrap();
    let finished = doctor(place.path(), &api.url(), Some(SECRET), &["--state", "state.db", "--format", "json"]);
    assert_eq!(finished.status, Some(1));
    assert_eq!(of(&finished, "state.db").0, "failed");
    assert_eq!(of(&finished, "store (sqlite)").0, "failed");
}

#[test]
fn looks_at_some_apis_alone() {
    let (place, api) = (place(), api());
    let finished = doctor(place.path(), &api.url(), Some(SECRET), &["--api", "shpo"]);
    assert_eq!(finished.status, Some(2));
    assert!(finished.stderr().contains("did you mean `shop`?"), "{}", finished.stderr());
}

/// An API whose clock is off by so many seconds.
fn clock_off(seconds: i64) -> EchoServer {
    EchoServer::start(move |_| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let there = i64::try_from(now.as_secs()).unwrap() + seconds;
        let headers = vec![("Content-Type", "application/json".to_owned()), ("Date", http_date(there))];
        (200, headers, json!({"access_token": "tT9-token", "orders": []}).to_string().into_bytes())
    })
}

/// Writes a time as HTTP has it (RFC 9110 §5.6.7).
fn http_date(seconds: i64) -> String {
    let zoned = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    zoned.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[test]
fn says_by_how_much_the_clocks_differ() {
    for (seconds, result) in [(0, "ok"), (120, "warn"), (-120, "warn"), (7200, "failed"), (-7200, "failed")] {
        let (place, api) = (place(), clock_off(seconds));
        let finished = doctor(place.path(), &api.url(), Some(SECRET), &["--format", "json"]);
        let (found, line) = of(&finished, "clock");
        assert_eq!(found, result, "{seconds}: {line}");
        assert_eq!(finished.status, Some(i32::from(result == "failed")), "{}", finished.stdout());
        assert_eq!(line["help"].is_null(), result == "ok", "{line}");
    }
}

/// Answers each connection by itself, and prints where it is.
const SERVER: &str = "
import http.server, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('own.pem', 'key.pem')
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
print(server.server_address[1], flush=True)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
";

/// A server whose certificate nobody has signed but itself.
struct SelfSigned {
    server: Child,
    port: u16,
}

impl SelfSigned {
    /// Starts one; nothing where there is no OpenSSL, or no Python.
    fn start(folder: &Path) -> Option<Self> {
        let program = |name: &str, arguments: &[&str]| {
            let mut command = Command::new(name);
            command
                .args(arguments)
                .current_dir(folder)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            command
        };
        let key =
            ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "own.pem", "-days", "90"];
        let name = [
            "-subj",
            "/CN=own",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ];
        if !program("openssl", &[&key[..], &name[..]].concat()).status().ok()?.success() {
            return None;
        }
        let mut server = program("python3", &["-c", SERVER]).spawn().ok()?;
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut()?).read_line(&mut line).ok()?;
        Some(Self { port: line.trim().parse().ok()?, server })
    }
}

impl Drop for SelfSigned {
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
    }
}

#[test]
fn says_that_a_certificate_is_not_trusted() {
    let place = place();
    let Some(server) = SelfSigned::start(place.path()) else {
        engine_tests::say("skipped: there is no openssl, or no python3");
        return;
    };
    let url = format!("https://127.0.0.1:{}", server.port);
    let finished = doctor(place.path(), &url, Some(SECRET), &["--format", "json"]);
    assert_eq!(finished.status, Some(1), "{}", finished.stdout());
    assert_eq!(of(&finished, "TCP").0, "ok");
    let (result, found) = of(&finished, "TLS");
    assert_eq!(result, "failed", "{found}");
    assert!(found["help"].as_str().is_some(), "{found}");

    // Whoever names the certificate as one to trust is secured.
    let spec = fs::read_to_string(place.path().join("spec.yaml")).unwrap();
    let trusting = spec.replacen("    base_url:", "    tls: {ca: own.pem}\n    base_url:", 1);
    fs::write(place.path().join("spec.yaml"), trusting).unwrap();
    let finished = doctor(place.path(), &url, Some(SECRET), &["--format", "json"]);
    let (result, found) = of(&finished, "TLS");
    assert_eq!(result, "ok", "{found}");
}
