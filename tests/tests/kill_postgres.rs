//! A run whose state and rows are in Postgres: its process is killed at any moment, and the server too, and it is run again until it is
//! done. Nothing is lost, nothing is there twice.
//!
//! `KILLS=200` kills so often; `KILL_SEED` picks the moments.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::Read as _;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{Database, Dice, Engine, Postgres, Shop, number};
use tempfile::TempDir;

/// How many orders come for each run.
const ORDERS: u64 = 90;

const PAGE: u64 = 6;

/// How many orders are pushed at once.
const AT_ONCE: usize = 3;

/// How long a run may take in all, with those that go on with it.
const PATIENCE: Duration = Duration::from_mins(3);

/// What a run says that a server which is away has ended.
const AWAY: [&str; 2] = ["can't reach the database", "can't be reached"];

fn spec(shop: &Shop, database: &Database<'_>) -> String {
    format!(
        r#"# Orders are read, kept, and pushed to another system.
version: 1
name: orders
apis:
  shop:
    base_url: {shop}
    endpoints:
      list_orders:
        request: GET /orders
        records: $.orders
        key: id
        paginate: {{type: cursor, next: $.next}}
        incremental: {{cursor: $.id, send: query.since, format: integer, sorted: true}}
      push:
        request: POST /pushes
        idempotency: {{in: header.Idempotency-Key}}
sinks:
  db: {{type: postgres, url: "{database}"}}
  lines: {{type: jsonl, path: out/orders.jsonl}}
steps:
  - {{id: orders, read: shop.list_orders, map: {{id: {{from: $.id, type: integer}}, customer: $.customer, total: {{from: $.total, type: decimal}}}}}}
  - {{id: table, for_each: orders, write: {{sink: db, table: orders, key: [id]}}}}
  - {{id: log, for_each: orders, write: {{sink: db, table: log, mode: append}}}}
  - {{id: file, for_each: orders, write: lines}}
  - {{id: pushed, for_each: orders, call: {{endpoint: shop.push, body: {{json: {{order: "{{{{ item.id }}}}"}}}}}}, concurrency: {AT_ONCE}, extract: {{id: "{{{{ item.id }}}}", number: $.number}}}}
  - {{id: numbers, for_each: pushed, write: {{sink: db, table: pushed, mode: append}}}}
"#,
        shop = shop.url(),
        database = database.url()
    )
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    /// It said that the server is away.
    Failed,
    Killed,
}

/// What was done to runs, and how often.
#[derive(Debug, Default)]
struct Told {
    runs: u64,
    processes: u64,
    kills: u64,
    restarts: u64,
    /// How many processes ended with an error while the server was away.
    failures: u64,
    /// How many went on when it was there again.
    survivals: u64,
}

/// A flow, what it reads and writes, and what was seen of it so far.
struct Stand<'a> {
    folder: TempDir,
    shop: Shop,
    server: &'a Postgres,
    database: Database<'a>,
    dice: Dice,
    /// Keys of which the state said that they were done, with how many pushes had come by then.
    acked: BTreeMap<String, usize>,
    told: Told,
}

impl<'a> Stand<'a> {
    fn new(server: &'a Postgres) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::open(PAGE, Duration::from_millis(2));
        let database = server.database();
        fs::write(folder.path().join("orders.yaml"), spec(&shop, &database)).unwrap();
        let dice = Dice::new(number("KILL_SEED", 7));
        Self { folder, shop, server, database, dice, acked: BTreeMap::new(), told: Told::default() }
    }

    fn engine(&self) -> Engine {
        let arguments = ["run", "orders.yaml", "--output", "none", "--color", "never", "--state"];
        Engine::new(arguments).argument(self.database.url()).folder(self.folder.path())
    }

    /// Runs once: `kill` says after how long the process is killed if it has not ended, `restart` after how long the server dies, and for how long
    /// it is away.
    fn run(&mut self, kill: Option<Duration>, restart: Option<(Duration, Duration)>) -> End {
        self.told.processes += 1;
        let mut child = self.engine().command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let server = self.server;
        let end = thread::scope(|scope| {
            let restarted = restart.map(|(after, away)| {
                scope.spawn(move || {
                    thread::sleep(after);
                    server.kill();
                    thread::sleep(away);
                    server.go();
                })
            });
            let begun = Instant::now();
            let status = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break Some(status);
                }
                if kill.is_some_and(|after| begun.elapsed() >= after) {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    break None;
                }
                assert!(begun.elapsed() < PATIENCE, "a process does not end");
                thread::sleep(Duration::from_millis(1));
            };
            let was_away = restarted.as_ref().map(thread::ScopedJoinHandle::is_finished);
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            match status.map(|status| status.code()) {
                None => End::Killed,
                Some(Some(0)) => {
                    self.told.survivals += u64::from(was_away == Some(true));
                    End::Done
                }
                Some(Some(1)) if restart.is_some() => {
                    assert!(AWAY.iter().any(|text| said.contains(text)), "{said}");
                    End::Failed
                }
                Some(other) => panic!("{other:?}: {said}"),
            }
        });
        match end {
            End::Killed => self.told.kills += 1,
            End::Failed => self.told.failures += 1,
            End::Done => {}
        }
        self.told.restarts += u64::from(restart.is_some());
        self.look();
        end
    }

    /// Takes note of what the state says was done, and looks for a cursor that is ahead of its rows.
    fn look(&mut self) {
        let pushes = self.shop.pushes().len();
        for key in self.texts("SELECT key FROM engine.acks WHERE effect IS NOT NULL") {
            self.acked.entry(key).or_insert(pushes);
        }
        let cursor = self.texts("SELECT convert_from(value, 'UTF8') FROM engine.kept WHERE kind = 'cursor'").pop();
        let cursor: u64 = cursor.map_or(0, |text| text.parse().unwrap());
        for (place, ids) in [("table", self.ids("orders")), ("log", self.ids("log")), ("numbers", self.ids("pushed"))] {
            let there: BTreeSet<u64> = ids.into_iter().collect();
            let missing: Vec<u64> = (1..=cursor).filter(|id| !there.contains(id)).collect();
            assert!(missing.is_empty(), "the cursor is at {cursor}, and the {place} lacks {missing:?}");
        }
    }

    /// Returns the texts of a query; none where the table is not there yet.
    fn texts(&self, sql: &str) -> Vec<String> {
        match self.database.psql(sql) {
            Ok(text) => text.lines().map(str::to_owned).collect(),
            Err(error) if error.contains("does not exist") => Vec::new(),
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    fn ids(&self, table: &str) -> Vec<u64> {
        self.texts(&format!("SELECT id FROM {table}")).iter().map(|id| id.parse().unwrap()).collect()
    }

    /// Checks that all orders are everywhere, each once.
    fn check(&self) {
        let all: BTreeMap<u64, u64> = (1..=self.shop.orders()).map(|id| (id, 1)).collect();
        let counted = |ids: Vec<u64>| {
            let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
            for id in ids {
                *counts.entry(id).or_default() += 1;
            }
            counts
        };
        for table in ["orders", "log", "pushed"] {
            assert_eq!(counted(self.ids(table)), all, "table {table}");
        }
        let lines = fs::read_to_string(self.folder.path().join("out/orders.jsonl")).unwrap();
        let ids = lines.lines().map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            record["id"].as_u64().unwrap()
        });
        assert_eq!(counted(ids.collect()), all, "the file");
        assert_eq!(self.shop.applied(), all, "what the shop applied");
        let pushes = self.shop.pushes();
        for (key, count) in &self.acked {
            let later = pushes.iter().skip(*count).filter(|(pushed, _)| pushed == key).count();
            assert_eq!(later, 0, "{key} was sent again after it was known to be done");
        }
        let keys: HashSet<&str> = pushes.iter().map(|(key, _)| key.as_str()).collect();
        let again = pushes.len() - keys.len();
        let most = usize::try_from(self.told.kills + self.told.failures).unwrap() * AT_ONCE;
        assert!(again <= most, "{again} orders were sent again: {:?}", self.told);
        for table in ["journal", "snapshots", "acks", "records"] {
            assert_eq!(self.texts(&format!("SELECT run FROM engine.{table}")), [""; 0], "{table}");
        }
    }

    /// Lets orders come and runs, with what `trouble` makes of it, until all is done; then checks.
    fn through(&mut self, trouble: impl Fn(&mut Dice) -> (Option<Duration>, Option<(Duration, Duration)>)) {
        self.shop.order(ORDERS);
        self.told.runs += 1;
        loop {
            let (kill, restart) = trouble(&mut self.dice);
            if self.run(kill, restart) == End::Done {
                break;
            }
        }
        self.check();
    }

    /// Returns how long a run takes, in milliseconds, which nobody troubles.
    fn whole(&mut self) -> u64 {
        self.shop.order(ORDERS);
        let begun = Instant::now();
        assert_eq!(self.run(None, None), End::Done);
        self.check();
        self.told = Told::default();
        u64::try_from(begun.elapsed().as_millis()).unwrap()
    }

    /// What was counted is part of what the test is for.
    fn tell(&self, whole: u64) {
        let (orders, pushes) = (self.shop.orders(), self.shop.pushes().len());
        engine_tests::say(&format!("{:?}; {orders} orders, {pushes} pushes, a run takes {whole} ms", self.told));
    }
}

#[test]
fn a_run_in_postgres_that_is_killed_anywhere_loses_nothing_and_does_nothing_twice() {
    let Some(server) = Postgres::own() else { return };
    let mut stand = Stand::new(&server);
    let whole = stand.whole();
    while stand.told.kills < number("KILLS", 10) {
        stand.through(|dice| (Some(Duration::from_millis(dice.roll(whole))), None));
    }
    stand.tell(whole);
}

#[test]
fn a_run_whose_postgres_dies_and_comes_back_loses_nothing_and_does_nothing_twice() {
    let Some(server) = Postgres::own() else { return };
    let mut stand = Stand::new(&server);
    let whole = stand.whole();
    while stand.told.restarts < number("KILLS", 8) {
        stand.through(|dice| {
            let restart = (Duration::from_millis(dice.roll(whole)), Duration::from_millis(dice.roll(400)));
            // Every third process is killed too: before, while the server is away, or when it is there again.
            let kill = (dice.roll(3) == 0).then(|| Duration::from_millis(dice.roll(2 * whole)));
            (kill, Some(restart))
        });
    }
    assert!(stand.told.survivals + stand.told.failures > 0, "no run was under way when the server died");
    stand.tell(whole);
}
