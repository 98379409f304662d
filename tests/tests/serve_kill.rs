//! A server that is killed at any moment under load and started again: every event that it said it took has run to its end, none of them twice.
//!
//! `KILLS=100` kills so often; `KILL_SEED` picks the moments.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{Dice, Engine, number};
use rusqlite::{Connection, OpenFlags};

/// How many send events at once.
const SENDERS: u64 = 8;

/// After this long a test that waits fails.
const PATIENCE: Duration = Duration::from_mins(2);

const SPEC: &str = r#"version: 1
name: orders
sinks:
  db: {type: sqlite, path: out/orders.db}
triggers:
  - {type: webhook, path: /orders, dedupe: $.id, partition: $.shop}
steps:
  - {id: kept, map: {id: "{{ trigger.body.id }}", shop: "{{ trigger.body.shop }}"}, write: {sink: db, table: orders, mode: append}}
"#;

fn serve(folder: &Path, port: u16) -> Child {
    let address = format!("127.0.0.1:{port}");
    let arguments = ["serve", "orders.yaml", "--listen", &address, "--quiet", "--color", "never"];
    let child = Engine::new(arguments).folder(folder).command().stdout(Stdio::null()).stderr(Stdio::inherit()).spawn();
    child.unwrap()
}

/// Sends an event; tells whether it was taken, as far as an answer came.
fn send(port: u16, body: &str) -> Option<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let request = format!(
        "POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    // What was answered before the connection broke was answered.
    _ = stream.read_to_end(&mut answer);
    let status = answer.get(9..12)?;
    Some(status.first() == Some(&b'2'))
}

fn rows(path: &Path, sql: &str) -> Option<Vec<String>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let mut statement = connection.prepare(sql).ok()?;
    let rows = statement.query_map([], |row| row.get(0)).ok()?;
    rows.collect::<rusqlite::Result<_>>().ok()
}

#[test]
fn a_server_that_is_killed_loses_no_event_and_runs_none_twice() {
    let kills = number("KILLS", 10);
    let mut dice = Dice::new(number("KILL_SEED", 5));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("orders.yaml"), SPEC).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let is_over = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicU64::new(0));
    let taken = Arc::new(Mutex::new(Vec::new()));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (is_over, next, taken) = (Arc::clone(&is_over), Arc::clone(&next), Arc::clone(&taken));
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let body = format!(r#"{{"id": "o{number}", "shop": "s{}"}}"#, number % 5);
                    // As senders do: again and again until somebody says that it was taken.
                    while send(port, &body) != Some(true) {
                        if is_over.load(Ordering::Relaxed) {
                            return;
                        }
                        thread::sleep(Duration::from_millis(5));
                    }
                    taken.lock().unwrap().push(format!("o{number}"));
                    if number % 7 == 0 {
                        // Some senders do so although they were answered.
                        _ = send(port, &body);
                    }
                    thread::sleep(Duration::from_millis(10));
                }
            })
        })
        .collect();
    let mut server = serve(folder.path(), port);
    for _ in 0..kills {
        let before = taken.lock().unwrap().len();
        let waiting = Instant::now();
        while taken.lock().unwrap().len() == before {
            assert!(server.try_wait().unwrap().is_none(), "the server has ended");
            assert!(waiting.elapsed() < PATIENCE, "no event is taken");
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(dice.roll(700)));
        server.kill().unwrap();
        server.wait().unwrap();
        server = serve(folder.path(), port);
    }
    thread::sleep(Duration::from_millis(500));
    is_over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.join().unwrap();
    }
    let state = folder.path().join(".engine/state.db");
    let waiting = Instant::now();
    while rows(&state, "SELECT id FROM events WHERE ended_at IS NULL").is_none_or(|open| !open.is_empty()) {
        assert!(waiting.elapsed() < PATIENCE, "events are left that do not end");
        thread::sleep(Duration::from_millis(50));
    }
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(rows(&state, "SELECT id FROM events WHERE status = 'dead'").unwrap(), Vec::<String>::new());
    let mut written: BTreeMap<String, u64> = BTreeMap::new();
    for id in rows(&folder.path().join("out/orders.db"), "SELECT id FROM orders").unwrap() {
        *written.entry(id).or_default() += 1;
    }
    let twice: Vec<_> = written.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "twice: {twice:?}");
    let taken = taken.lock().unwrap();
    let lost: Vec<_> = taken.iter().filter(|id| !written.contains_key(*id)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    engine_tests::say(&format!("{kills} kills, {} events taken, {} written", taken.len(), written.len()));
}
