//! A run is recorded, and answered from its recording without a server: the same comes out.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use engine_tests::{Echo, EchoServer, Engine, Finished, Received, spills};
use flate2::Compression;
use flate2::write::GzEncoder;

const SECRET: &str = "p+a/s\"w %rd";

const SPEC: &str = r#"
version: 1
name: orders
inputs: {url: {type: string, env: SERVER_URL}}
secrets: {secret: {env: SECRET}}
apis:
  shop:
    base_url: "{{ auth.place }}/v1"
    auth:
      type: oauth2
      grant: client_credentials
      token_url: "{{ inputs.url }}/token"
      client_id: engine
      client_secret: "{{ secrets.secret }}"
      client_auth: body
      answer: {place: $.place}
    retry: {attempts: 4, on: [503], max_elapsed: 1h}
    endpoints:
      list_orders:
        request: GET /orders
        records: $.orders
        paginate: {type: page, into: query.page}
        incremental: {cursor: $.updated_at, start: "2025-01-01T00:00:00Z", send: query.since}
      push:
        request: POST /push
        params: {order: {type: object}}
        query: {key: "{{ secrets.secret }}"}
        idempotency: {in: header.Idempotency-Key}
        body: {json: {order: "{{ params.order }}", at: "{{ now() }}", request: "{{ uuid() }}"}}
      note:
        request: POST /note
        params: {id: {type: integer}}
        body: {form: {id: "{{ params.id }}", tags: [a, b], again: "{{ uuid() }}"}}
      export: {request: GET /export, response: {format: text}}
steps:
  - id: orders
    read: shop.list_orders
  - id: pushed
    for_each: orders
    call: {endpoint: shop.push, params: {order: "{{ item }}"}}
    extract: {id: $.id, total: $.total}
  - id: noted
    for_each: pushed
    call: {endpoint: shop.note, params: {id: "{{ item.id }}"}}
    extract: {"*": "{{ item }}", noted: "{{ response.headers['x-noted'] }}"}
  - id: exported
    call: {endpoint: shop.export}
    extract: {length: "{{ response.body | length }}"}
"#;

/// A shop that is away once, does not know a token once, sends some elsewhere, and packs what is large.
struct Shop {
    server: EchoServer,
}

impl Shop {
    fn open() -> Self {
        let asked: Mutex<BTreeMap<String, u32>> = Mutex::default();
        let server = EchoServer::start(move |received| {
            let mut asked = asked.lock().unwrap();
            let times = asked.entry(received.target().to_owned()).or_default();
            *times += 1;
            answer(received, *times)
        });
        Self { server }
    }

    fn run(&self, folder: &Path, arguments: &[&str]) -> Finished {
        Engine::new(["run", "spec.yaml", "--state", "state.db"])
            .arguments(arguments)
            .folder(folder)
            .variable("SERVER_URL", &self.server.url())
            .variable("SECRET", SECRET)
            .variable("XDG_DATA_HOME", folder.join("keys").to_str().unwrap())
            .finish()
    }
}

fn answer(received: &Received, times: u32) -> Echo {
    let json =
        |status, text: String| (status, vec![("Content-Type", "application/json".to_owned())], text.into_bytes());
    let (path, query) = received.target().split_once('?').unwrap_or((received.target(), ""));
    let page = query.split('&').find_map(|pair| pair.strip_prefix("page=")).unwrap_or_default();
    let place = format!("http://{}", received.header("host").unwrap());
    match (path, page) {
        ("/token", _) => {
            let text =
                format!("{{\"access_token\": \"t0ken-{times}-xyz\", \"expires_in\": 3600, \"place\": \"{place}\"}}");
            json(200, text)
        }
        ("/v1/orders", "2") if times == 1 => (503, vec![("Retry-After", "1".to_owned())], b"later".to_vec()),
        ("/v1/orders", "3") if times == 1 => json(401, "{\"error\": \"who is that?\"}".to_owned()),
        ("/v1/orders", "3") => (302, vec![("Location", "/v1/moved?page=3".to_owned())], Vec::new()),
        ("/v1/orders", "4") => json(200, "{\"orders\": []}".to_owned()),
        ("/v1/orders" | "/v1/moved", page) => {
            let order = |at: u32| {
                format!(
                    "{{\"id\": {page}{at}, \"total\": 1{at}.50, \"updated_at\": \"2025-02-0{page}T0{at}:00:00Z\", \"note\": \"a\\u00e9\\nb: {at}\"}}"
                )
            };
            json(200, format!("{{\"orders\": [{}, {}]}}", order(1), order(2)))
        }
        ("/v1/push", _) => {
            let body = String::from_utf8_lossy(received.body()).into_owned();
            let (_, rest) = body.split_once("\"id\":").unwrap();
            let id: String = rest.chars().take_while(char::is_ascii_digit).collect();
            json(
                201,
                format!(
                    "{{\"id\": {id}, \"total\": 123456789012345678901.10, \"heard\": {}}}",
                    received.header("authorization").is_some()
                ),
            )
        }
        ("/v1/note", _) => (201, vec![("X-Noted", format!("{} bytes", received.body().len()))], Vec::new()),
        _ => {
            let lines =
                "one line of an export, with a secret in it: p%2Ba%2Fs%22w%20%25rd and p+a/s\\\"w %rd\n".repeat(2000);
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            std::io::Write::write_all(&mut packer, lines.as_bytes()).unwrap();
            let headers = vec![("Content-Type", "text/plain".to_owned()), ("Content-Encoding", "gzip".to_owned())];
            (200, headers, packer.finish().unwrap())
        }
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("spec.yaml"), SPEC).unwrap();
    folder
}

fn replay(folder: &Path, arguments: &[&str]) -> Finished {
    Engine::new(["run"]).arguments(arguments).folder(folder).finish()
}

fn lines(finished: &Finished) -> Vec<String> {
    let mut lines: Vec<_> = finished.stdout().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn what_was_recorded_comes_out_again_without_a_server() {
    for recording in ["kept", "kept.har"] {
        let (shop, folder) = (Shop::open(), folder());
        let folder = folder.path();
        let first = shop.run(folder, &["--record", recording]);
        assert_eq!(first.status, Some(0), "{}", first.stderr());
        assert!(first.stderr().contains("exchanges in `kept"), "{}", first.stderr());
        let received = shop.server.received().len();
        assert!(received > 20, "{received}");

        // Neither the secret nor the place of the server is given, and nothing is kept.
        let again = replay(folder, &["spec.yaml", "--replay", recording]);
        assert_eq!(again.status, Some(0), "{}", again.stderr());
        assert_eq!(lines(&again).len(), 7);
        let total = r#""total":123456789012345678901.10"#;
        assert!(lines(&again).iter().filter(|line| line.contains(total)).count() == 6, "{}", again.stdout());
        // The export's length is another one, since the secrets in it are gone.
        let but_the_export = |finished: &Finished| -> Vec<String> {
            lines(finished).into_iter().filter(|line| !line.contains("\"exported\"")).collect()
        };
        assert_eq!(but_the_export(&again), but_the_export(&first));
        assert_eq!(shop.server.received().len(), received, "a replay asks nobody");
        assert!(!folder.join(".engine").exists());

        // The second run goes on from where the first came; so does its replay.
        let second = shop.run(folder, &["--record", "second", "--only", "orders"]);
        assert_eq!(second.status, Some(0), "{}", second.stderr());
        assert!(fs::read_to_string(folder.join("second/recording.yaml")).unwrap().contains("2025-02-03T02:00:00Z"));
        let again = replay(folder, &["spec.yaml", "--replay", "second", "--only", "orders"]);
        assert_eq!((again.status, lines(&again)), (Some(0), lines(&second)), "{}", again.stderr());
    }
}

#[test]
fn a_recording_is_readable_and_has_no_secret() {
    let (shop, folder) = (Shop::open(), folder());
    let folder = folder.path();
    let finished = shop.run(folder, &["--record", "kept"]);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder.join("kept")).unwrap() {
        let entry = entry.unwrap();
        let (name, bytes) = (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
        for secret in [SECRET, "t0ken-1-xyz", "t0ken-2-xyz"] {
            assert!(spills(secret, &bytes).is_empty(), "{name}: {:?}", spills(secret, &bytes));
        }
        names.push(name);
    }
    names.sort();
    let read = |part: &str, nth: usize| {
        let name = names.iter().filter(|name| name.contains(part) && is_yaml(name)).nth(nth).unwrap();
        fs::read_to_string(folder.join("kept").join(name)).unwrap()
    };
    let login = read("shop.auth", 0);
    assert!(login.contains("for: login") && login.contains("client_secret: \"***\""), "{login}");
    assert!(
        login.ends_with("answer:\n  status: 200\n  body:\n    withheld: what a login gives is not kept\n"),
        "{login}"
    );
    let page = read("shop.list_orders", 0);
    assert!(page.contains("step: orders\nendpoint: shop.list_orders\nattempt: 1\n"), "{page}");
    assert!(page.contains("  method: GET\n") && page.contains("authorization: \"***\""), "{page}");
    assert!(page.contains("      orders:\n        - id: 11\n          total: 11.50\n"), "{page}");
    assert!(page.contains("          note: |-\n            aé\n            b: 1\n"), "{page}");
    let away = read("shop.list_orders", 1);
    assert!(away.contains("  status: 503\n") && away.contains("    text: later\n"), "{away}");
    assert!(names.iter().any(|name| read_to_string(folder, name).contains("attempt: 2\n")), "{names:?}");
    assert!(names.iter().any(|name| read_to_string(folder, name).contains("for: redirect\n")), "{names:?}");
    let push = read("shop.push", 0);
    assert!(push.contains("/v1/push?key=***\n") && push.contains("total: 123456789012345678901.10\n"), "{push}");
    let note = read("shop.note", 0);
    assert!(note.contains("    form:\n      id: \"11\"\n      tags:\n        - a\n        - b\n"), "{note}");
    let export = names.iter().find(|name| name.ends_with("shop.export.answer.txt")).unwrap();
    let beside = read("shop.export", 0);
    assert!(beside.contains(&format!("    file: \"{export}\"\n")), "{beside}");
    assert!(read_to_string(folder, export).starts_with("one line of an export, with a secret in it: *** and ***\n"));
    let index = fs::read_to_string(folder.join("kept/recording.yaml")).unwrap();
    let exchanges = names.iter().filter(|name| is_yaml(name)).count() - 1;
    assert!(index.starts_with("recording: 1\n") && index.ends_with(&format!("exchanges: {exchanges}\n")), "{index}");
}

fn read_to_string(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join("kept").join(name)).unwrap()
}

#[test]
fn a_request_that_was_not_recorded_says_what_differs() {
    let (shop, folder) = (Shop::open(), folder());
    let folder = folder.path();
    let first = shop.run(folder, &["--record", "kept"]);
    assert_eq!(first.status, Some(0), "{}", first.stderr());
    for (from, to, said) in [
        (
            "request: GET /orders",
            "request: GET /orders, query: {status: open}",
            "query `status` is `open`, and was not there",
        ),
        ("GET /orders", "GET /order", "/v1/order`, recorded `http://127.0.0.1:"),
        ("since}", "after}", "query `since` is missing, recorded `2025-01-01T00:00:00Z`; query `after` is"),
        (
            "order: \"{{ params.order }}\"",
            "order: {id: \"{{ params.order.id }}\"}",
            "body `$.order.total` is missing, recorded `11.50`",
        ),
        ("tags: [a, b]", "tags: [a, c]", "field `tags` is `c`, recorded `b`"),
        ("POST /note", "PUT /note", "the method is `PUT`, recorded `POST`"),
    ] {
        let spec = SPEC.replace(from, to);
        assert_ne!(spec, SPEC);
        // A query of its own is a line of its own.
        let spec = spec.replace(", query: {status", "\n        query: {status");
        fs::write(folder.join("changed.yaml"), spec).unwrap();
        let finished = replay(folder, &["changed.yaml", "--replay", "kept"]);
        let words = finished.stderr().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(finished.status, Some(1), "{words}");
        assert!(words.contains("not-recorded") && words.contains("the nearest is `00"), "{words}");
        assert!(words.contains(said), "{said}: {words}");
    }
    // Twice the same, once recorded.
    let spec =
        SPEC.replace("  - id: exported\n", "  - id: before\n    call: {endpoint: shop.export}\n  - id: exported\n");
    fs::write(folder.join("changed.yaml"), spec).unwrap();
    let finished = replay(folder, &["changed.yaml", "--replay", "kept"]);
    let words = finished.stderr().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("and it was asked for before"), "{words}");
    // Less is no failure, but told.
    let finished = replay(folder, &["spec.yaml", "--replay", "kept", "--only", "orders"]);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr());
    assert!(finished.stderr().contains("13 exchanges of the recording nobody asked for"), "{}", finished.stderr());
}

#[test]
fn what_is_there_is_not_overwritten() {
    let (shop, folder) = (Shop::open(), folder());
    let folder = folder.path();
    let run = |arguments: &[&str]| shop.run(folder, &[&["--only", "orders", "--fresh"], arguments].concat());
    for recording in ["kept", "kept.har"] {
        assert_eq!(run(&["--record", recording]).status, Some(0));
        let again = run(&["--record", recording]);
        assert_eq!(again.status, Some(2), "{}", again.stderr());
        assert!(again.stderr().contains("--overwrite"), "{}", again.stderr());
        let replaced = run(&["--record", recording, "--overwrite"]);
        assert_eq!(replaced.status, Some(0), "{}", replaced.stderr());
    }
    let asked = shop.server.received().len();
    fs::write(folder.join("kept/mine.txt"), "mine").unwrap();
    let refused = run(&["--record", "kept", "--overwrite"]);
    assert_eq!(refused.status, Some(2), "{}", refused.stderr());
    assert!(refused.stderr().contains("has something else in it: `mine.txt`"), "{}", refused.stderr());
    assert!(folder.join("kept/recording.yaml").exists());
    assert_eq!(shop.server.received().len(), asked, "nothing is asked before");
    let none = replay(folder, &["spec.yaml", "--replay", "nowhere"]);
    assert_eq!(none.status, Some(2), "{}", none.stderr());
}

#[test]
fn a_run_that_fails_is_recorded_and_fails_again() {
    let server = EchoServer::start(|received| {
        let kind = vec![("Content-Type", "application/json".to_owned())];
        let page = if received.target().contains("page=1") {
            "{\n  \"things\": [\n    {\n      \"id\": 1\n    }\n  ]\n}\n"
        } else {
            "{\"why\": \"broken\"}"
        };
        (if received.target().contains("page=1") { 200 } else { 500 }, kind, page.as_bytes().to_vec())
    });
    let spec = |url: &str| {
        format!(
            "version: 1\napis:\n  shop:\n    base_url: {url}\n    retry: {{attempts: 3, on: [500, connect]}}\n    endpoints:\n      list_things: {{request: GET /things, records: $.things, paginate: {{type: page, into: query.page}}}}\nsteps:\n  - read: shop.list_things\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("spec.yaml"), spec(&server.url())).unwrap();
    let record = |to: &str| Engine::new(["run", "spec.yaml", "--record", to]).folder(folder).finish();
    let failed = record("kept");
    assert_eq!(failed.status, Some(1), "{}", failed.stderr());
    let again = replay(folder, &["spec.yaml", "--replay", "kept"]);
    assert_eq!((again.status, again.stdout()), (Some(1), failed.stdout()), "{}", again.stderr());
    assert!(again.stderr().contains("answered 500") && again.stderr().contains("tried 3 times"), "{}", again.stderr());

    // Nobody listens there any more.
    drop(server);
    let refused = record("refused");
    assert_eq!(refused.status, Some(1), "{}", refused.stderr());
    let kept = fs::read_to_string(folder.join("refused/0001-shop.list_things.yaml")).unwrap();
    assert!(kept.contains("error:\n  kind: connect\n"), "{kept}");
    let again = replay(folder, &["spec.yaml", "--replay", "refused"]);
    assert!(again.stderr().contains("no connection"), "{}", again.stderr());
}

#[test]
fn a_run_that_is_killed_has_what_it_was_answered() {
    for recording in ["kept", "kept.har"] {
        let server = EchoServer::start(|received| {
            if received.target().contains("page=3") {
                std::thread::sleep(Duration::from_secs(30));
            }
            let kind = vec![("Content-Type", "application/json".to_owned())];
            let (_, page) = received.target().split_once("page=").unwrap();
            (200, kind, format!("{{\"things\":[{{\"id\":{page}}}]}}").into_bytes())
        });
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let spec = format!(
            "version: 1\napis:\n  shop:\n    base_url: {}\n    endpoints:\n      list_things: {{request: GET /things, records: $.things, paginate: {{type: page, into: query.page}}}}\nsteps:\n  - read: shop.list_things\n",
            server.url()
        );
        fs::write(folder.join("spec.yaml"), spec).unwrap();
        let mut run = Engine::new(["run", "spec.yaml", "--record", recording]).folder(folder).command();
        let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !server.received().iter().any(|received| received.target().contains("page=3")) {
            assert!(run.try_wait().unwrap().is_none(), "the run ended by itself");
            std::thread::sleep(Duration::from_millis(5));
        }
        run.kill().unwrap();
        run.wait().unwrap();
        let again = replay(folder, &["spec.yaml", "--replay", recording, "-o", "jsonl"]);
        assert_eq!(again.stdout(), "{\"id\":1}\n{\"id\":2}\n", "{}", again.stderr());
        assert!(again.stderr().contains("query `page` is `3`"), "{}", again.stderr());
    }
}

#[test]
fn a_har_of_another_program_answers() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let spec = "version: 1\napis:\n  shop:\n    base_url: https://shop.example\n    endpoints:\n      list_things: {request: GET /things, query: {q: \"a b\"}, records: $}\nsteps:\n  - read: shop.list_things\n";
    fs::write(folder.join("spec.yaml"), spec).unwrap();
    let har = r#"{"log": {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "pages": [], "entries": [{
        "startedDateTime": "2026-01-02T03:04:05.678Z", "time": 12.5, "cache": {}, "timings": {"send": 0, "wait": 12, "receive": 0.5},
        "request": {"method": "GET", "url": "https://shop.example/things?q=a%20b", "httpVersion": "http/2.0", "cookies": [], "queryString": [],
          "headers": [{"name": ":authority", "value": "shop.example"}, {"name": "Accept", "value": "*/*"}], "headersSize": -1, "bodySize": 0},
        "response": {"status": 200, "statusText": "", "httpVersion": "http/2.0", "cookies": [], "redirectURL": "", "headersSize": -1, "bodySize": -1,
          "headers": [{"name": "Content-Type", "value": "application/json"}, {"name": "Content-Encoding", "value": "br"}],
          "content": {"size": 12, "mimeType": "application/json", "text": "W3siaWQiOiAxLjUwfV0=", "encoding": "base64"}}}]}}"#;
    fs::write(folder.join("page.har"), har).unwrap();
    let finished = replay(folder, &["spec.yaml", "--replay", "page.har"]);
    assert_eq!((finished.status, finished.stdout().as_str()), (Some(0), "{\"id\": 1.50}\n"), "{}", finished.stderr());
}

fn is_yaml(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "yaml")
}
