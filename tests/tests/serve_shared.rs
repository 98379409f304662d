//! Two servers that share one Postgres database, of which one is killed again and again: every event and every time of a schedule is run once.
//!
//! `KILLS`, `SCHEDULES` and `EVENTS` say how much of it: 60, 200 and 5,000 are the full count. `EVERY` says how many seconds are between two
//! times of a schedule: where there is more to do than is done, the events of one flow wait for their share. What was counted is told.
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
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use engine_tests::{Database, Engine, Postgres, number};

/// How many send events at once.
const SENDERS: u64 = 8;

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
    database: Database<'a>,
    ports: [u16; 2],
}

impl Stand<'_> {
    fn serve(&self, which: usize) -> Child {
        let (address, state) = (format!("127.0.0.1:{}", self.ports[which]), self.database.url());
        let arguments = ["serve", "flows", "--listen", &address, "--state", &state, "--quiet", "--color", "never"];
        let engine = Engine::new(arguments).folder(self.folder).variable("ENGINE_STATE_KEY", KEY);
        engine.command().stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
    }

    /// Waits until a server listens.
    fn wait(&self, which: usize) {
        let waiting = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.ports[which])).is_err() {
            assert!(waiting.elapsed() < PATIENCE, "a server does not listen");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills a server; returns how many events it held.
    fn kill(&self, server: &mut Child) -> u64 {
        server.kill().unwrap();
        server.wait().unwrap();
        self.count(&format!("holder LIKE '{}.%'", server.id()))
    }

    fn query(&self, sql: &str) -> Vec<String> {
        self.database.query(sql).lines().map(str::to_owned).collect()
    }

    /// Counts events of the inbox.
    fn count(&self, which: &str) -> u64 {
        self.database.query(&format!("SELECT count(*) FROM engine.events WHERE {which}")).parse().unwrap()
    }

    /// Returns the times that each flow was run for, as often as it was.
    fn ticks(&self) -> BTreeMap<String, Vec<i64>> {
        let sql =
            "SELECT flow || ' ' || extract(epoch FROM time::timestamptz)::bigint FROM out.ticks ORDER BY flow, time";
        times(&self.query(sql))
    }

    /// Returns the times that wait for their runs: their events bear them in their ids.
    fn left(&self) -> BTreeMap<String, Vec<i64>> {
        let sql = "SELECT flow || ' ' || ('x0000' || left(replace(id, '-', ''), 12))::bit(64)::bigint / 1000
                   FROM engine.events WHERE ended_at IS NULL AND kind = 'schedule' ORDER BY flow, id";
        times(&self.query(sql))
    }
}

fn times(lines: &[String]) -> BTreeMap<String, Vec<i64>> {
    let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for line in lines {
        let (flow, time) = line.split_once(' ').unwrap();
        times.entry(flow.to_owned()).or_default().push(time.parse().unwrap());
    }
    times
}

/// Writes the specs: one for events, and some that run by the clock.
fn write_specs(folder: &Path, url: &str, schedules: u64, every: u64) {
    let flows = folder.join("flows");
    fs::create_dir(&flows).unwrap();
    let webhook = "{type: webhook, path: /orders, dedupe: $.id}";
    let row = "{id: \"{{ trigger.body.id }}\"}";
    fs::write(flows.join("orders.yaml"), spec("orders", url, webhook, row)).unwrap();
    for at in 0..schedules {
        let trigger = format!("{{type: schedule, cron: \"*/{every} * * * * *\", overlap: allow}}");
        let row = "{flow: \"{{ run.flow }}\", time: \"{{ trigger.time }}\"}";
        let name = format!("tick{at}");
        fs::write(flows.join(format!("{name}.yaml")), spec(&name, url, &trigger, row)).unwrap();
    }
}

/// Sends events, each until it is taken.
fn send_all(events: u64, ports: [u16; 2]) -> Vec<JoinHandle<()>> {
    let next = Arc::new(AtomicU64::new(0));
    let sender = |sender: u64| {
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
    };
    (0..SENDERS).map(sender).collect()
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
    let every = number("EVERY", 2);
    let folder = tempfile::tempdir().unwrap();
    let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let stand = Stand { folder: folder.path(), database: postgres.database(), ports };
    write_specs(folder.path(), &stand.database.url(), schedules, every);
    let begun = Instant::now();
    let mut servers = [stand.serve(0), stand.serve(1)];
    for which in 0..servers.len() {
        stand.wait(which);
    }
    let senders = send_all(events, ports);
    let (mut held, mut interrupted) = (0, 0);
    for kill in 0..kills {
        thread::sleep(Duration::from_millis(1500));
        let which = usize::try_from(kill % 2).unwrap();
        let under_way = stand.kill(&mut servers[which]);
        held += under_way;
        interrupted += u64::from(under_way > 0);
        thread::sleep(Duration::from_millis(700));
        servers[which] = stand.serve(which);
        // The other one is killed only when this one listens.
        stand.wait(which);
    }
    for sender in senders {
        sender.join().unwrap();
    }
    let killed = begun.elapsed();
    let waiting = Instant::now();
    while stand.count("ended_at IS NULL AND kind = 'webhook'") > 0 {
        assert!(waiting.elapsed() < PATIENCE, "events are left that do not end");
        thread::sleep(Duration::from_millis(100));
    }
    for server in &mut servers {
        let sent = std::process::Command::new("kill").args(["-INT", &server.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
    for server in &mut servers {
        assert!(server.wait().unwrap().success());
    }
    assert_eq!(stand.query("SELECT id FROM engine.events WHERE status = 'dead'"), Vec::<String>::new());
    let ids: Vec<u64> =
        stand.query("SELECT id FROM out.orders ORDER BY id").iter().map(|id| id.parse().unwrap()).collect();
    assert_eq!(ids, (0..events).collect::<Vec<_>>());
    let (done, mut left) = (stand.ticks(), stand.left());
    assert_eq!(done.len() as u64, schedules);
    let every = i64::try_from(every).unwrap();
    let last = done.values().chain(left.values()).flatten().copied().max().unwrap();
    for (flow, times) in &done {
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{flow}: twice in {times:?}");
        // What was not run before the servers were ended waits for the next one.
        let left = left.remove(flow).unwrap_or_default();
        let all: BTreeSet<i64> = times.iter().chain(&left).copied().collect();
        let all: Vec<i64> = all.into_iter().collect();
        assert!(all.windows(2).all(|pair| pair[1] - pair[0] == every), "{flow}: lost in {all:?}");
        assert!(all.last().is_some_and(|it| last - it <= every), "{flow}: ended early in {all:?}, not at {last}");
    }
    let ticks: usize = done.values().map(Vec::len).sum();
    engine_tests::say(&format!(
        "{schedules} schedules, {ticks} ticks and {events} events, each done once; {kills} kills in {} s, {interrupted} of them of servers that held \
         events, {held} events taken over; all done after {} s; {} ticks wait for the next server",
        killed.as_secs(),
        begun.elapsed().as_secs(),
        stand.count("ended_at IS NULL"),
    ));
}
