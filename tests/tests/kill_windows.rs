//! A sorted read whose windows are asked for several at once, that is killed at any moment and run again until it is done: each record is there
//! once, and the cursor is never ahead of what was delivered.
//!
//! `KILLS=200` kills so often; `KILL_SEED` picks the moments.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use engine_tests::{Dice, Engine, Shop, ends_within, number, open, texts};
use tempfile::TempDir;

/// How many orders come for each run: of seven windows, the last of which is a short one.
const ORDERS: u64 = 130;

const PAGE: u64 = 6;

/// How many orders are pushed at once.
const AT_ONCE: usize = 3;

/// Windows share their edges: an order that comes there comes with both.
fn spec(shop: &Shop) -> String {
    format!(
        r#"# Orders are read in windows, three at once, kept, and pushed to another system.
version: 1
name: orders
inputs: {{end: {{type: integer, required: true}}}}
apis:
  shop:
    base_url: {url}
    endpoints:
      list_orders:
        request: GET /orders
        records: $.orders
        key: id
        paginate: {{type: cursor, next: $.next}}
        incremental:
          cursor: $.at
          start: "2026-01-01T00:00:00Z"
          end: "{{{{ inputs.end }}}}"
          window: 20m
          concurrency: 3
          send: query.from
          send_end: query.to
          format: unix
          sorted: true
      push:
        request: POST /pushes
        idempotency: {{in: header.Idempotency-Key}}
sinks:
  db: {{type: sqlite, path: out/orders.db}}
  lines: {{type: jsonl, path: out/orders.jsonl}}
steps:
  - {{id: orders, read: shop.list_orders, map: {{id: {{from: $.id, type: integer}}, at: {{from: $.at, type: integer}}}}}}
  - {{id: table, for_each: orders, write: {{sink: db, table: orders, key: [id]}}}}
  - {{id: log, for_each: orders, write: {{sink: db, table: log, mode: append}}}}
  - {{id: file, for_each: orders, write: lines}}
  - {{id: pushed, for_each: orders, call: {{endpoint: shop.push, body: {{json: {{order: "{{{{ item.id }}}}"}}}}}}, concurrency: {AT_ONCE}, extract: {{id: "{{{{ item.id }}}}", number: $.number}}}}
  - {{id: numbers, for_each: pushed, write: {{sink: db, table: pushed, mode: append}}}}
"#,
        url = shop.url()
    )
}

/// A flow, what it reads and writes, and what was seen of it so far.
struct Stand {
    folder: TempDir,
    shop: Shop,
    /// How often each order has to be where nothing is written over.
    due: BTreeMap<u64, u64>,
    kills: u64,
    /// How many kills found a run under way.
    broken_off: usize,
    /// How many of these found a cursor that the run had moved.
    moved: u64,
    /// The cursor at the beginning of the run.
    from: u64,
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::open(PAGE, Duration::from_millis(2));
        fs::write(folder.path().join("orders.yaml"), spec(&shop)).unwrap();
        Self { folder, shop, due: BTreeMap::new(), kills: 0, broken_off: 0, moved: 0, from: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets orders come, which the next run reads.
    fn order(&mut self) {
        self.again();
        self.from = self.cursor();
        self.shop.order(ORDERS);
        for id in self.shop.orders() - ORDERS + 1..=self.shop.orders() {
            self.due.insert(id, 1);
        }
    }

    /// Takes note that a run begins at the cursor: the API gives the order there again, and what writes over nothing has it twice.
    fn again(&mut self) {
        if let Some(count) = self.due.get_mut(&self.shop.orders()) {
            *count += 1;
        }
    }

    /// Runs until it is killed after so long, or ends before; tells whether it has ended.
    fn run_for(&mut self, time: Duration) -> bool {
        let end = format!("end={}", Shop::time_of(self.shop.orders()));
        let engine = Engine::new(["run", "orders.yaml", "--output", "none", "--color", "never", "--input"]);
        let has_ended = ends_within(engine.argument(end).folder(self.folder.path()), time);
        self.kills += u64::from(!has_ended);
        has_ended
    }

    /// Returns the last order that the cursor says was read.
    fn cursor(&self) -> u64 {
        let Some(state) = open(&self.path(".engine/state.db")) else { return 0 };
        let cursor = texts(&state, "SELECT CAST(value AS TEXT) FROM kept WHERE kind = 'cursor'").pop();
        cursor.map_or(0, |text| (text.parse::<u64>().unwrap() - Shop::time_of(0)) / 60)
    }

    /// Looks for a cursor that is ahead of what was delivered.
    fn look(&mut self) {
        let Some(state) = open(&self.path(".engine/state.db")) else { return };
        let is_under_way = !texts(&state, "SELECT id FROM runs WHERE status = 'running'").is_empty();
        let cursor = self.cursor();
        self.broken_off += usize::from(is_under_way);
        self.moved += u64::from(is_under_way && cursor > self.from);
        if !is_under_way && cursor == self.shop.orders() {
            // It was killed when all was done: the next one begins anew, at the cursor.
            self.again();
        }
        let delivered: [(&str, BTreeSet<u64>); 5] = [
            ("the table", self.ids("orders").into_iter().collect()),
            ("the log", self.ids("log").into_iter().collect()),
            ("the file", self.lines().into_iter().collect()),
            ("the shop", self.shop.applied().into_keys().collect()),
            ("the numbers", self.ids("pushed").into_iter().collect()),
        ];
        for (place, there) in &delivered {
            let missing: Vec<u64> = (1..=cursor).filter(|id| !there.contains(id)).collect();
            assert!(missing.is_empty(), "the cursor is at {cursor}, and {place} lacks {missing:?}");
        }
    }

    fn ids(&self, table: &str) -> Vec<u64> {
        let Some(database) = open(&self.path("out/orders.db")) else { return Vec::new() };
        let ids = texts(&database, &format!("SELECT CAST(id AS TEXT) FROM {table}"));
        ids.iter().map(|id| id.parse().unwrap()).collect()
    }

    /// Returns the orders in the file. Its last line may have broken off.
    fn lines(&self) -> Vec<u64> {
        let text = fs::read_to_string(self.path("out/orders.jsonl")).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let record =
            |line| serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        whole.map(|line| record(line)["id"].as_u64().unwrap()).collect()
    }

    /// Checks that all orders are everywhere, each as often as it has to be.
    fn check(&self) {
        let once: BTreeMap<u64, u64> = (1..=self.shop.orders()).map(|id| (id, 1)).collect();
        let there = [
            ("the table", counted(self.ids("orders")), &once),
            ("the log", counted(self.ids("log")), &self.due),
            ("the numbers", counted(self.ids("pushed")), &self.due),
            ("the file", counted(self.lines()), &self.due),
            ("what the shop applied", self.shop.applied(), &self.due),
        ];
        for (place, there, due) in &there {
            let ids: BTreeSet<&u64> = there.keys().chain(due.keys()).collect();
            let wrong: Vec<_> = ids.iter().filter(|id| there.get(id) != due.get(id)).collect();
            assert!(wrong.is_empty(), "{place} has {wrong:?} too often or not often enough");
        }
        let pushes = self.shop.pushes();
        let keys: HashSet<&str> = pushes.iter().map(|(key, _)| key.as_str()).collect();
        let again = pushes.len() - keys.len();
        assert!(again <= self.broken_off * AT_ONCE, "{again} orders were sent again after {} kills", self.broken_off);
        assert_eq!(self.cursor(), self.shop.orders(), "the cursor");
    }
}

fn counted(ids: Vec<u64>) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    for id in ids {
        *counts.entry(id).or_default() += 1;
    }
    counts
}

#[test]
fn a_read_of_windows_at_once_that_is_killed_anywhere_loses_nothing_and_does_nothing_twice() {
    let (kills, mut dice) = (number("KILLS", 20), Dice::new(number("KILL_SEED", 11)));
    let mut stand = Stand::new();
    // How long a run takes that nobody kills.
    stand.order();
    let begun = Instant::now();
    assert!(stand.run_for(Duration::from_mins(1)), "the run does not end");
    let whole = u64::try_from(begun.elapsed().as_millis()).unwrap();
    stand.check();
    let mut runs = 1;
    while stand.kills < kills {
        stand.order();
        while !stand.run_for(Duration::from_millis(dice.roll(whole))) {
            stand.look();
        }
        stand.check();
        runs += 1;
    }
    engine_tests::say(&format!(
        "killed {} times, {} of them under way, {} of these after the cursor had moved, in {runs} runs of {whole} ms; {} orders, {} pushes, {} pages",
        stand.kills,
        stand.broken_off,
        stand.moved,
        stand.shop.orders(),
        stand.shop.pushes().len(),
        stand.shop.pages()
    ));
}
