//! `engine serve`: schedules, changes while it serves, its end and its next start.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{Engine, get, post};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

/// How long to wait for what has to come.
const PATIENCE: Duration = Duration::from_mins(1);
/// A key for what is sealed: the same for all processes.
const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A folder with specs, and a table that they write to.
struct Stage {
    folder: TempDir,
}

impl Stage {
    fn set(specs: &[(&str, &str)]) -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(stage.folder.path().join("flows")).unwrap();
        for (name, text) in specs {
            stage.write(name, text);
        }
        stage
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.spec(name), text).unwrap();
    }

    fn spec(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("flows").join(name)
    }

    fn serve(&self, more: &[&str]) -> Serving {
        let command = self.engine(&["serve", "flows", "--listen", "127.0.0.1:0"]).arguments(more).command();
        Serving::begin(command)
    }

    fn engine(&self, arguments: &[&str]) -> Engine {
        Engine::new(arguments).folder(self.folder.path()).variable("ENGINE_STATE_KEY", KEY)
    }

    /// Lists one column of the table, in order; nothing where there is none yet.
    fn column(&self, column: &str) -> Vec<String> {
        let path = self.folder.path().join("flows/out.db");
        if !path.exists() {
            return Vec::new();
        }
        let database = Connection::open(path).unwrap();
        database.busy_timeout(PATIENCE).unwrap();
        let Ok(mut statement) =
            database.prepare(&format!("SELECT CAST({column} AS TEXT) FROM ran ORDER BY at, {column}"))
        else {
            return Vec::new();
        };
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn wait_for(&self, column: &str, what: impl Fn(&[String]) -> bool) -> Vec<String> {
        let since = Instant::now();
        loop {
            let values = self.column(column);
            if what(&values) {
                return values;
            }
            assert!(since.elapsed() < PATIENCE, "{values:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A server, and what it says.
struct Serving {
    child: Child,
    said: Arc<(Mutex<Vec<String>>, Condvar)>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Serving {
    fn begin(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let said: Arc<(Mutex<Vec<String>>, Condvar)> = Arc::default();
        let to = Arc::clone(&said);
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                to.0.lock().unwrap().push(line);
                to.1.notify_all();
            }
        });
        let serving = Self { child, said, reader: Some(reader) };
        serving.hears("listening");
        serving
    }

    /// Waits for a line that has these words, and returns it.
    fn hears(&self, words: &str) -> String {
        let lines = self.said.0.lock().unwrap();
        let found = |lines: &Vec<String>| lines.iter().find(|line| line.contains(words)).cloned();
        let (lines, _) = self.said.1.wait_timeout_while(lines, PATIENCE, |lines| found(lines).is_none()).unwrap();
        found(&lines).unwrap_or_else(|| panic!("no `{words}` in {lines:#?}"))
    }

    fn said(&self) -> Vec<String> {
        self.said.0.lock().unwrap().clone()
    }

    fn url(&self) -> String {
        let line = self.hears("listening on ");
        line.split("listening on ").nth(1).unwrap().to_owned()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it as service managers do; returns the exit status and all that was said.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        self.signal("TERM");
        let status = self.child.wait().unwrap().code();
        self.reader.take().unwrap().join().unwrap();
        let said = self.said();
        (status, said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A flow that notes when it ran, and which version of it.
fn flow(name: &str, trigger: &str, version: u32) -> String {
    format!(
        "version: 1\nname: {name}\ntriggers: [{trigger}]\nsinks: {{out: {{type: sqlite, path: out.db}}}}\nsteps:\n  - for_each: [1]\n    map: {{at: \"{{{{ trigger.time }}}}\", flow: \"{{{{ run.flow }}}}\", version: \"{{{{ item * {version} }}}}\"}}\n    write: {{sink: out, table: ran}}\n"
    )
}

const EACH_SECOND: &str = "{type: schedule, every: 1s}";

fn is_sorted_and_unique(values: &[String]) -> bool {
    values.windows(2).all(|pair| pair[0] < pair[1])
}

#[test]
fn a_schedule_runs_its_flow_until_the_server_is_ended() {
    let library = "version: 1\napis: {a: {base_url: 'https://a.test', endpoints: {list: {request: GET /}}}}\n";
    let stage = Stage::set(&[("orders.yaml", &flow("orders", EACH_SECOND, 1)), ("library.yaml", library)]);
    let serving = stage.serve(&[]);
    let times = stage.wait_for("at", |times| times.len() >= 3);
    assert!(is_sorted_and_unique(&times), "{times:?}");
    let begins = serving.hears("begins: schedule");
    let run = begins.split("run ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    serving.hears(&format!("orders: run {run} done in"));
    let (status, said) = serving.end();
    assert_eq!(status, Some(0), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("stopping")), "{said:#?}");
}

#[test]
fn the_log_is_json_where_that_is_asked_for() {
    let stage = Stage::set(&[("orders.yaml", &flow("orders", EACH_SECOND, 1))]);
    let serving = stage.serve(&["--log-format", "json", "-v"]);
    serving.hears("run_finished");
    let (status, said) = serving.end();
    assert_eq!(status, Some(0));
    let lines: Vec<Value> = said.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named =
        |name: &str| lines.iter().find(|line| line["event"] == name).unwrap_or_else(|| panic!("{name}: {said:#?}"));
    let (begun, done, step) = (named("run_started"), named("run_finished"), named("step_finished"));
    // Whatever belongs to a run says to which, and whatever belongs to a step to which of it.
    for line in &lines {
        let event = line["event"].as_str().unwrap();
        if event.starts_with("run_") || event.starts_with("step_") {
            assert!(line["flow"] == "orders" && line["run"].is_string(), "{line}");
        }
        assert!(!event.starts_with("step_") || line["step"].is_string(), "{line}");
    }
    assert_eq!((&begun["flow"], &begun["trigger"]), (&Value::from("orders"), &Value::from("schedule")));
    assert_eq!((&done["run"], &done["status"]), (&begun["run"], &Value::from("ok")));
    assert_eq!(step["run"], begun["run"]);
    assert_eq!(done["steps"][0]["counts"]["sent"], 1);
    assert!(lines.iter().all(|line| line["time"].is_string() && line["level"].is_string()));
}

#[test]
fn changes_are_taken_over_and_broken_ones_are_refused() {
    let stage = Stage::set(&[("orders.yaml", &flow("orders", EACH_SECOND, 1))]);
    let serving = stage.serve(&[]);
    stage.wait_for("version", |versions| versions.contains(&"1".to_owned()));
    stage.write("orders.yaml", &flow("orders", EACH_SECOND, 2));
    stage.wait_for("version", |versions| versions.contains(&"2".to_owned()));
    // What is wrong is told, and what was there goes on.
    stage.write("orders.yaml", &flow("orders", EACH_SECOND, 3).replace("for_each", "for_eech"));
    serving.hears("what was served before goes on");
    assert!(serving.said().iter().any(|line| line.contains("unknown field `for_eech`")), "{:#?}", serving.said());
    let count = stage.column("at").len();
    stage.wait_for("at", |times| times.len() > count + 1);
    // Another file with the same flow is refused too; one of its own is served.
    stage.write("copy.yaml", &flow("orders", EACH_SECOND, 4));
    serving.hears("another flow is called `orders` too");
    stage.write("invoices.yaml", &flow("invoices", EACH_SECOND, 5));
    stage.wait_for("flow", |flows| flows.contains(&"invoices".to_owned()));
    fs::remove_file(stage.spec("invoices.yaml")).unwrap();
    serving.hears("invoices: not served any more");
    // What is mended is taken over at once by a signal.
    stage.write("orders.yaml", &flow("orders", EACH_SECOND, 6));
    serving.signal("HUP");
    let versions = stage.wait_for("version", |versions| versions.contains(&"6".to_owned()));
    assert!(!versions.contains(&"3".to_owned()) && !versions.contains(&"4".to_owned()), "{versions:?}");
    // What was in the way of another is served when that is gone.
    fs::remove_file(stage.spec("orders.yaml")).unwrap();
    stage.wait_for("version", |versions| versions.contains(&"4".to_owned()));
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn what_starts_a_flow_is_told_and_an_event_that_nobody_works_on_is_dropped() {
    let spec = "version: 1
name: broken
apis: {shop: {base_url: 'http://127.0.0.1:1', retry: {attempts: 1}, endpoints: {list: {request: GET /, records: $}}}}
triggers:
  - {type: webhook, path: /orders, verify: {type: bearer, secret: x}, dedupe: $.id}
  - {type: schedule, cron: 0 0 1 1 *, timezone: Europe/Berlin}
steps: [{read: shop.list}]
";
    let stage = Stage::set(&[("broken.yaml", spec)]);
    let serving = stage.serve(&[]);
    let told = serving.hears("broken: started by webhook /orders; schedule 0 0 1 1 * Europe/Berlin, next at ");
    assert!(told.ends_with("12-31T23:00:00Z"), "{told}");
    let headers = [("Authorization", "Bearer x"), ("Content-Type", "application/json")];
    let url = format!("{}/orders", serving.url());
    for _ in 0..2 {
        let answer = post(&url, &headers, br#"{"id": 1}"#);
        assert_eq!(answer.status, 200);
    }
    serving.hears("broken: an event came again by webhook /orders, and starts nothing");
    serving.hears("tried again at");
    assert_eq!(serving.end().0, Some(0));
    let events = || {
        let listed = stage.engine(&["events", "list", "--format", "json"]).finish();
        serde_json::from_str::<Value>(&listed.stdout()).unwrap()
    };
    let listed = events();
    assert_eq!(listed[0]["status"], "retrying", "{listed:#}");
    let id = listed[0]["id"].as_str().unwrap();
    let dropped = stage.engine(&["events", "drop", id]).finish();
    assert_eq!(dropped.status, Some(0), "{}", dropped.stderr());
    assert_eq!(events(), serde_json::json!([]));
}

#[test]
fn what_is_missing_or_wrong_is_told_of_all_flows_at_once_and_nothing_starts() {
    let needs = |name: &str, secret: &str| {
        format!(
            "{}secrets: {{{secret}: {{env: {secret}}}}}\nvars: {{v: \"{{{{ secrets.{secret} }}}}\"}}\n",
            flow(name, EACH_SECOND, 1)
        )
    };
    let stage = Stage::set(&[("a.yaml", &needs("a", "ALPHA")), ("b.yaml", &needs("b", "BETA"))]);
    let check = |more: &[&str], expected: &[&str]| {
        let finished = stage.engine(&["serve", "flows", "--listen", "127.0.0.1:0"]).arguments(more).finish();
        let said = finished.stderr();
        assert_eq!(finished.status, Some(2), "{said}");
        for words in expected {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert!(!said.contains("listening"), "{said}");
    };
    check(&[], &["secret `ALPHA` is not given", "secret `BETA` is not given", "2 errors in 2 files"]);
    stage.write("a.yaml", &flow("same", EACH_SECOND, 1));
    stage.write("b.yaml", &flow("same", EACH_SECOND, 1));
    check(&[], &["another flow is called `same` too", "a.yaml`", "b.yaml`", "b.yaml:2:7"]);
    // What else is wrong hides none of them.
    stage.write("a.yaml", &needs("same", "ALPHA"));
    stage.write("c.yaml", &flow("same", EACH_SECOND, 1));
    let said = ["secret `ALPHA` is not given", "b.yaml:2:7", "c.yaml:2:7", "3 errors in 3 files"];
    check(&[], &said);
    fs::remove_file(stage.spec("c.yaml")).unwrap();
    let hook = |path: &str| format!("{{type: webhook, path: '{path}', verify: {{type: bearer, secret: x}}}}");
    stage.write("a.yaml", &flow("a", &hook("/orders/{id}"), 1));
    stage.write("b.yaml", &flow("b", &hook("/orders/{number}"), 1));
    check(&[], &["another webhook takes `POST /orders/{number}` too", "serve-clash"]);
    stage.write(
        "b.yaml",
        &flow("b", "{type: schedule, every: '{{ inputs.often }}'}", 1)
            .replace("sinks:", "inputs: {often: {type: string, default: 10ms}}\nsinks:"),
    );
    check(&[], &["`every` is shorter than a second"]);
    check(&["--input", "oftn=1s"], &["`every` is shorter than a second"]);
    check(&["--input", "often=1h", "--input", "oftn=1s"], &["no flow has an input `oftn`"]);
    assert!(stage.column("at").is_empty());
}

#[test]
fn a_run_that_is_under_way_stops_and_goes_on_at_the_next_start() {
    let slow = flow("orders", EACH_SECOND, 1).replace("steps:\n", "steps:\n  - {id: hold, wait: 4s}\n");
    let stage = Stage::set(&[("orders.yaml", &slow)]);
    let serving = stage.serve(&[]);
    let begins = serving.hears("begins: schedule");
    let run = begins.split("run ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let (status, said) = serving.end();
    assert_eq!(status, Some(0), "{said:#?}");
    assert!(stage.column("at").is_empty());
    let serving = stage.serve(&[]);
    serving.hears(&format!("orders: run {run} begins"));
    serving.hears(&format!("orders: run {run} done"));
    assert!(is_sorted_and_unique(&stage.column("at")));
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn missed_runs_are_made_up_for() {
    let stage = Stage::set(&[(
        "orders.yaml",
        &flow("orders", "{type: schedule, every: 1s, catch_up: all, overlap: queue}", 1),
    )]);
    let serving = stage.serve(&[]);
    stage.wait_for("at", |times| times.len() >= 2);
    assert_eq!(serving.end().0, Some(0));
    let count = stage.column("at").len();
    thread::sleep(Duration::from_secs(4));
    let serving = stage.serve(&[]);
    serving.hears("missed runs are made up for");
    let times = stage.wait_for("at", |times| times.len() >= count + 5);
    assert_eq!(serving.end().0, Some(0));
    // No second is left out, and none is there twice.
    let seconds: Vec<i64> = times.iter().map(|time| time.parse::<jiff::Timestamp>().unwrap().as_second()).collect();
    assert!(seconds.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{times:?}");
}

#[test]
fn a_reload_under_load_drops_no_event() {
    const SENDERS: u32 = 4;
    const EACH: u32 = 60;
    /// How many other versions are written while events come.
    const RELOADS: u32 = 8;
    let hook = "{type: webhook, path: /orders, dedupe: $.id, verify: {type: bearer, secret: '{{ inputs.token }}'}}";
    let spec = |version: u32| {
        flow("orders", hook, version)
            .replace("sinks:", "inputs: {token: {type: string, default: hush}}\nsinks:")
            .replace("at: \"{{ trigger.time }}\"", "at: \"{{ trigger.body.id }}\"")
    };
    let stage = Stage::set(&[("orders.yaml", &spec(1))]);
    let serving = stage.serve(&[]);
    let url = format!("{}/orders", serving.url());
    let reloaded = Mutex::new(0);
    // Each sends its events, and more of them until all reloads were done: so all of them are under load.
    let send = |sender: u32| {
        let mut number = 0;
        while number < EACH || *reloaded.lock().unwrap() < RELOADS {
            let body = format!("{{\"id\": \"{sender}-{number:05}\"}}");
            let headers = [("Authorization", "Bearer hush"), ("Content-Type", "application/json")];
            let answer = post(&url, &headers, body.as_bytes());
            assert_eq!(answer.status, 200, "{sender}-{number}");
            number += 1;
            thread::sleep(Duration::from_millis(20));
        }
        number
    };
    let all: u32 = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS).map(|sender| scope.spawn(move || send(sender))).collect();
        for reload in 1..=RELOADS {
            let loaded = |serving: &Serving| serving.said().iter().filter(|line| line.contains("loaded from")).count();
            let before = loaded(&serving);
            if reload % 4 == 0 {
                // One that is wrong changes nothing.
                stage.write("orders.yaml", "version: 1\nname: orders\nsteps: [{wat: 1}]\n");
                serving.signal("HUP");
                thread::sleep(Duration::from_millis(100));
            }
            stage.write("orders.yaml", &spec(reload + 1));
            serving.signal("HUP");
            let since = Instant::now();
            while loaded(&serving) == before {
                assert!(since.elapsed() < PATIENCE, "version {} is not loaded", reload + 1);
                thread::sleep(Duration::from_millis(20));
            }
            *reloaded.lock().unwrap() += 1;
        }
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    let all = all as usize;
    let ids = stage.wait_for("at", |ids| ids.len() >= all);
    assert!(ids.len() == all && is_sorted_and_unique(&ids), "{} of {all}: {ids:?}", ids.len());
    // Many versions have run.
    let versions: std::collections::BTreeSet<String> = stage.column("version").into_iter().collect();
    assert!(versions.len() > 3, "{versions:?}");
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn a_flow_with_too_many_events_is_told_to_wait_and_others_run() {
    let hook = |path: &str| format!("{{type: webhook, path: {path}, verify: {{type: bearer, secret: hush}}}}");
    let slow = flow("slow", &hook("/slow"), 1).replace("steps:\n", "steps:\n  - {id: hold, wait: 1h}\n");
    let fast = flow("fast", &hook("/fast"), 2).replace("trigger.time", "trigger.body.id");
    let hushed = |text: String| text.replace("sinks:", "inputs: {token: {type: string, default: hush}}\nsinks:");
    let bound = |text: String| hushed(text).replace("secret: hush", "secret: '{{ inputs.token }}'");
    let stage = Stage::set(&[("slow.yaml", &bound(slow)), ("fast.yaml", &bound(fast))]);
    let serving = stage.serve(&["--max-waiting-per-flow", "40", "--max-runs", "4", "--max-runs-per-flow", "2"]);
    let send = |path: &str, body: &str| {
        let headers = [("Authorization", "Bearer hush"), ("Content-Type", "application/json")];
        post(&format!("{}{path}", serving.url()), &headers, body.as_bytes())
    };
    let since = Instant::now();
    let refused = loop {
        let answer = send("/slow", "{}");
        if answer.status != 200 {
            break answer;
        }
        assert!(since.elapsed() < PATIENCE, "all are taken");
    };
    assert_eq!((refused.status, refused.headers["retry-after"].as_str()), (503, "30"), "{}", refused.body);
    // Its runs are all held, and none of the other flow waits for them.
    for number in 0..20 {
        assert_eq!(send("/fast", &format!("{{\"id\": \"{number:02}\"}}")).status, 200);
    }
    assert_eq!(stage.wait_for("at", |ids| ids.len() >= 20).len(), 20);
    // The first refusal may be by an estimate: those that were taken to run since make room, and no more do.
    assert!((0..=4).any(|_| send("/slow", "{}").status == 503), "it is full still");
    // Who does not prove who it is, is told of in the log.
    assert_eq!(post(&format!("{}/fast", serving.url()), &[], b"{}").status, 401);
    let line = serving.hears("fast: an event is refused by webhook /fast: ");
    assert!(!line.contains("hush"), "{line}");
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn who_says_nothing_is_let_go_and_there_is_room_for_others() {
    let hook = "{type: webhook, path: /orders, verify: {type: bearer, secret: '{{ inputs.token }}'}}";
    let spec = flow("orders", hook, 1).replace("sinks:", "inputs: {token: {type: string, default: hush}}\nsinks:");
    let stage = Stage::set(&[("orders.yaml", &spec)]);
    let serving = stage.serve(&["--header-timeout", "2s", "--max-connections", "8"]);
    let url = serving.url();
    let address = url.trim_start_matches("http://").to_owned();
    let read = |mut stream: &TcpStream| {
        let mut bytes = Vec::new();
        // One that is broken off has ended too.
        _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let open = |beginning: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(beginning.as_bytes()).unwrap();
        stream
    };
    // Some send nothing, some a head that never ends, some one request and no other.
    let mut held: Vec<TcpStream> = Vec::new();
    for number in 0..8 {
        held.push(open(match number % 3 {
            0 => "",
            1 => "POST /orders HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
            _ => "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        }));
    }
    let slow: Vec<_> = held.iter().map(|stream| stream.try_clone().unwrap()).collect();
    let dripping = thread::spawn(move || {
        // A byte now and then is no head.
        for _ in 0..200 {
            for stream in slow.iter().skip(1).step_by(3) {
                _ = (&*stream).write_all(b"x");
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    // While they are there, nobody else is taken, and is told so.
    let since = Instant::now();
    let refused = loop {
        let answer = read(&open("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        if answer.starts_with("HTTP/1.1 503") || since.elapsed() > PATIENCE {
            break answer;
        }
    };
    assert!(refused.contains("Retry-After: 1"), "{refused}");
    for (number, stream) in held.iter().enumerate() {
        let answer = read(stream);
        assert!(number % 3 != 2 || answer.ends_with("ok\n"), "{number}: {answer}");
    }
    assert_eq!(get(&format!("{url}/healthz"), &[]).status, 200);
    dripping.join().unwrap();
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let slow = flow("orders", EACH_SECOND, 1).replace("steps:\n", "steps:\n  - {id: hold, wait: 4s}\n");
    let stage = Stage::set(&[("orders.yaml", &slow)]);
    let mut serving = stage.serve(&["--shutdown-timeout", "1h"]);
    serving.hears("begins: schedule");
    serving.signal("INT");
    serving.hears("stopping");
    // It may have been done before the second one.
    let status = loop {
        if let Some(status) = serving.child.try_wait().unwrap() {
            break status.code();
        }
        serving.signal("INT");
        thread::sleep(Duration::from_millis(100));
    };
    assert!(matches!(status, Some(0 | 130)), "{status:?}");
    assert!(Path::new(&stage.folder.path().join(".engine/state.db")).exists());
}
