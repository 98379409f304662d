//! The flow of the tests that kill: orders are read from a shop, kept in a database and a file, and pushed back. And what has come of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::shop::Shop;
use crate::sqlite::{open, texts};

/// How many orders a page has.
const PAGE: u64 = 6;

/// What is not the same in all tests.
#[derive(Clone, Copy, Debug)]
pub struct OrderSpec<'s> {
    /// A line before the APIs.
    pub inputs: &'s str,
    /// How the orders are read on.
    pub incremental: &'s str,
    /// What is kept of each.
    pub map: &'s str,
    /// The sink of the tables.
    pub database: &'s str,
    /// One more step.
    pub beside: &'s str,
}

/// A folder with the flow, and the shop.
#[derive(Debug)]
pub struct Orders {
    folder: TempDir,
    /// The shop, which takes a moment for each answer.
    pub shop: Shop,
}

impl Orders {
    /// How many orders are pushed at once.
    pub const AT_ONCE: usize = 3;

    /// Sets up the flow beside a shop without orders.
    pub fn set(spec: OrderSpec<'_>) -> Self {
        let shop = Shop::open(PAGE, Duration::from_millis(2));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("orders.yaml"), spec.text(&shop)).unwrap();
        Self { folder, shop }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the place of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Returns the cursor that is kept in the folder.
    pub fn cursor(&self) -> Option<u64> {
        let state = open(&self.path(".engine/state.db"))?;
        let cursor = texts(&state, "SELECT CAST(value AS TEXT) FROM kept WHERE kind = 'cursor'").pop()?;
        Some(cursor.parse().unwrap())
    }

    /// Returns the orders in a table of the database in the folder.
    pub fn ids(&self, table: &str) -> Vec<u64> {
        let Some(database) = open(&self.path("out/orders.db")) else { return Vec::new() };
        let ids = texts(&database, &format!("SELECT CAST(id AS TEXT) FROM {table}"));
        ids.iter().map(|id| id.parse().unwrap()).collect()
    }

    /// Returns the orders in the file that one step has written, or the one beside it. The last line may have broken off.
    pub fn lines(&self, by: Option<&str>) -> Vec<u64> {
        let text = fs::read_to_string(self.path("out/orders.jsonl")).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let record =
            |line| serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        let own = whole.map(record).filter(|record| record["by"].as_str() == by);
        own.map(|record| record["id"].as_u64().unwrap()).collect()
    }

    /// Tells whether the last line of the file is whole.
    pub fn is_whole(&self) -> bool {
        fs::read(self.path("out/orders.jsonl")).is_ok_and(|bytes| bytes.ends_with(b"\n"))
    }

    /// Returns how many pushes came again under their keys.
    pub fn pushed_again(&self) -> usize {
        let pushes = self.shop.pushes();
        let keys: HashSet<&str> = pushes.iter().map(|(key, _)| key.as_str()).collect();
        pushes.len() - keys.len()
    }

    /// Looks for a place that lacks an order up to the cursor.
    #[track_caller]
    pub fn check_cursor(&self, cursor: u64, places: &[(&str, Vec<u64>)]) {
        let applied: Vec<u64> = self.shop.applied().into_keys().collect();
        for (place, ids) in places.iter().chain([&("shop", applied)]) {
            let there: BTreeSet<u64> = ids.iter().copied().collect();
            let missing: Vec<u64> = (1..=cursor).filter(|id| !there.contains(id)).collect();
            assert!(missing.is_empty(), "the cursor is at {cursor}, and the {place} lacks {missing:?}");
        }
    }

    /// Checks how often each order is in each place.
    #[track_caller]
    pub fn check(&self, due: &BTreeMap<u64, u64>, places: &[(&str, Vec<u64>)]) {
        for (place, ids) in places {
            let mut there: BTreeMap<u64, u64> = BTreeMap::new();
            for id in ids {
                *there.entry(*id).or_default() += 1;
            }
            compare(place, &there, due);
        }
    }

    /// Checks how often the shop has applied each order.
    #[track_caller]
    pub fn check_applied(&self, due: &BTreeMap<u64, u64>) {
        compare("shop", &self.shop.applied(), due);
    }

    /// Returns all orders, each once.
    pub fn once(&self) -> BTreeMap<u64, u64> {
        (1..=self.shop.orders()).map(|id| (id, 1)).collect()
    }
}

#[track_caller]
fn compare(place: &str, there: &BTreeMap<u64, u64>, due: &BTreeMap<u64, u64>) {
    let ids: BTreeSet<&u64> = there.keys().chain(due.keys()).collect();
    let times = |of: &BTreeMap<u64, u64>, id: &u64| of.get(id).copied().unwrap_or_default();
    let wrong = ids.iter().filter(|id| there.get(id) != due.get(id));
    let wrong: Vec<_> = wrong.map(|id| format!("{id} {} times, not {}", times(there, id), times(due, id))).collect();
    assert!(wrong.is_empty(), "the {place} has {wrong:?}");
}

impl OrderSpec<'_> {
    fn text(&self, shop: &Shop) -> String {
        let Self { inputs, incremental, map, database, beside } = self;
        let (url, at_once) = (shop.url(), Orders::AT_ONCE);
        format!(
            r#"# Orders are read, kept, and pushed to another system.
version: 1
name: orders
{inputs}
apis:
  shop:
    base_url: {url}
    endpoints:
      list_orders:
        request: GET /orders
        records: $.orders
        key: id
        paginate: {{type: cursor, next: $.next}}
        incremental: {incremental}
      push:
        request: POST /pushes
        idempotency: {{in: header.Idempotency-Key}}
sinks:
  db: {database}
  lines: {{type: jsonl, path: out/orders.jsonl}}
steps:
  - {{id: orders, read: shop.list_orders, map: {map}}}
  - {{id: table, for_each: orders, write: {{sink: db, table: orders, key: [id]}}}}
  - {{id: log, for_each: orders, write: {{sink: db, table: log, mode: append}}}}
  - {{id: file, for_each: orders, write: lines}}
{beside}
  - {{id: pushed, for_each: orders, call: {{endpoint: shop.push, body: {{json: {{order: "{{{{ item.id }}}}"}}}}}}, concurrency: {at_once}, extract: {{id: "{{{{ item.id }}}}", number: $.number}}}}
  - {{id: numbers, for_each: pushed, write: {{sink: db, table: pushed, mode: append}}}}
"#
        )
    }
}
