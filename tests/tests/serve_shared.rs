//! Two servers that share one Postgres database, of which one is killed again and again: every event and every time of a schedule is run once.
//!
//! `KILLS`, `SCHEDULES` and `EVENTS` say how much of it: 60, 200 and 5,000 are the full count.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{Engine, Postgres, number};

/// How many send events at once.
const SENDERS: u64 = 8;

/// How often each schedule runs, in seconds.
const EVERY: i64 = 2;

/// After this long a test that waits fails.
const PATIENCE: Duration = Duration::from_mins(5);

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

fn spec(name: &str, url: &str, trigger: &str, row: &str) -> String {
    format!(
        "version: 1\nname: {name}\nsinks:\n  db: {{type: postgres, url: \"{url}\", schema: out}}\ntriggers:\n  - {trigger}\nsteps:\n  - {{id: kept, map: {row}, write: {{sink: db, table: {table}, mode: append}}}}\n",
        table = if name == "orders" { "orders" } else { "ticks" }
    )
}

struct Stand<'a> {
    folder: &'a Path,
    state: String,
    ports: [u16; 2],
}

impl Stand<'_> {
    fn serve(&self, which: usize) -> Child {
        let address = format!("127.0.0.1:{}", self.ports[which]);
        let arguments = ["serve", "flows", "--listen", &address, "--state", &self.state, "--quiet", "--color", "never"];
        let engine = Engine::new(arguments).folder(self.folder).variable("ENGINE_STATE_KEY", KEY);
        engine.command().stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
    }
}

/// Sends an event; tells whether it was taken.
fn send(port: u16, body: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
    let request = format!(
        "POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    _ = stream.write_all(request.as_bytes());
    _ = stream.read_to_end(&mut answer);
    answer.get(9) == Some(&b'2')
}

#[test]
fn two_servers_share_the_work_and_do_each_thing_once() {
    let Some(postgres) = Postgres::shared() else { return };
    let (kills, schedules, events) = (number("KILLS", 4), number("SCHEDULES", 3), number("EVENTS", 60));
    let database = postgres.database();
    let folder = tempfile::tempdir().unwrap();
    let flows = folder.path().join("flows");
    fs::create_dir(&flows).unwrap();
    let webhook = "{type: webhook, path: /orders, dedupe: $.id}";
    let row = "{id: \"{{ trigger.body.id }}\"}";
    fs::write(flows.join("orders.yaml"), spec("orders", &database.url(), webhook, row)).unwrap();
    for at in 0..schedules {
        let trigger = format!("{{type: schedule, cron: \"*/{EVERY} * * * * *\", overlap: allow}}");
        let row = "{flow: \"{{ run.flow }}\", time: \"{{ trigger.time }}\"}";
        let name = format!("tick{at}");
        fs::write(flows.join(format!("{name}.yaml")), spec(&name, &database.url(), &trigger, row)).unwrap();
    }
    let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let stand = Stand { folder: folder.path(), state: database.url(), ports };
    let mut servers = [stand.serve(0), stand.serve(1)];
    for port in ports {
        let waiting = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(waiting.elapsed() < PATIENCE, "a server does not listen");
            thread::sleep(Duration::from_millis(10));
        }
    }
    let next = Arc::new(AtomicU64::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let next = Arc::clone(&next);
            thread::spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= events {
                        return;
                    }
                    let body = format!(r#"{{"id": {number}}}"#);
                    let mut which = usize::try_from(sender).unwrap();
                    while !send(ports[which % 2], &body) {
                        which += 1;
                        thread::sleep(Duration::from_millis(5));
                    }
                    thread::sleep(Duration::from_millis(30));
                }
            })
        })
        .collect();
    for kill in 0..kills {
        thread::sleep(Duration::from_millis(1500));
        let which = usize::try_from(kill % 2).unwrap();
        servers[which].kill().unwrap();
        servers[which].wait().unwrap();
        thread::sleep(Duration::from_millis(700));
        servers[which] = stand.serve(which);
        // The other one is killed only when this one listens.
        let waiting = Instant::now();
        while TcpStream::connect(("127.0.0.1", ports[which])).is_err() {
            assert!(waiting.elapsed() < PATIENCE, "a server does not listen");
            thread::sleep(Duration::from_millis(10));
        }
    }
    for sender in senders {
        sender.join().unwrap();
    }
    let query = |sql: &str| -> Vec<String> { database.query(sql).lines().map(str::to_owned).collect() };
    let waiting = Instant::now();
    loop {
        let open = query("SELECT count(*) FROM engine.events WHERE ended_at IS NULL AND kind = 'webhook'");
        if open == ["0"] {
            break;
        }
        assert!(waiting.elapsed() < PATIENCE, "events are left that do not end");
        thread::sleep(Duration::from_millis(100));
    }
    for server in &mut servers {
        let sent = std::process::Command::new("kill").args(["-INT", &server.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert!(server.wait().unwrap().success());
    }
    assert_eq!(query("SELECT id FROM engine.events WHERE status = 'dead'"), Vec::<String>::new());
    let ids: Vec<u64> = query("SELECT id FROM out.orders ORDER BY id").iter().map(|id| id.parse().unwrap()).collect();
    assert_eq!(ids, (0..events).collect::<Vec<_>>());
    let left: BTreeSet<String> =
        query("SELECT id FROM engine.events WHERE ended_at IS NULL AND kind = 'schedule'").into_iter().collect();
    let mut ticks: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for line in
        query("SELECT flow || ' ' || extract(epoch FROM time::timestamptz)::bigint FROM out.ticks ORDER BY flow, time")
    {
        let (flow, time) = line.split_once(' ').unwrap();
        ticks.entry(flow.to_owned()).or_default().push(time.parse().unwrap());
    }
    assert_eq!(ticks.len() as u64, schedules);
    for (flow, times) in &ticks {
        // What was not run before the servers were ended is at the end of the list.
        let gaps = times.windows(2).filter(|pair| pair[1] - pair[0] != EVERY).count();
        assert!(gaps <= left.len(), "{flow}: {times:?}, {left:?} are left");
        assert!(times.windows(2).all(|pair| pair[1] > pair[0]), "{flow}: twice in {times:?}");
    }
}
