//! A sorted read whose windows are asked for several at once, that is killed at any moment and run again until it is done: each record is there
//! once, and the cursor is never ahead of what was delivered.
//!
//! `KILLS=200` kills so often; `KILL_SEED` picks the moments.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine_tests::{Dice, Engine, OrderSpec, Orders, Shop, ends_within, number, open, texts};
use rusqlite::Connection;

/// How many orders come for each run: of seven windows, the last of which is a short one.
const ORDERS: u64 = 130;

/// Windows share their edges: an order that comes there comes with both.
const SPEC: OrderSpec<'static> = OrderSpec {
    inputs: "inputs: {end: {type: integer, required: true}}",
    incremental: r#"
          cursor: $.at
          start: "2026-01-01T00:00:00Z"
          end: "{{ inputs.end }}"
          window: 20m
          concurrency: 3
          send: query.from
          send_end: query.to
          format: unix
          sorted: true"#,
    map: "{id: {from: $.id, type: integer}, at: {from: $.at, type: integer}}",
    database: "{type: sqlite, path: out/orders.db}",
    beside: "",
};

/// A flow, what it reads and writes, and what was seen of it so far.
struct Stand {
    orders: Orders,
    /// How often each order has to be where nothing is written over.
    due: BTreeMap<u64, u64>,
    kills: u64,
    /// How many kills found a run under way.
    broken_off: usize,
    /// How many of these found a cursor that the run had moved.
    moved: u64,
    /// The cursor at the beginning of the run.
    from: u64,
    /// The last run that is known to have ended.
    ended: Option<String>,
}

impl Stand {
    fn new() -> Self {
        Self {
            orders: Orders::set(SPEC),
            due: BTreeMap::new(),
            kills: 0,
            broken_off: 0,
            moved: 0,
            from: 0,
            ended: None,
        }
    }

    /// Lets orders come, which the next run reads.
    fn order(&mut self) {
        self.again();
        self.from = self.cursor();
        self.ended = open(&self.orders.path(".engine/state.db")).and_then(|state| last_ended(&state));
        self.orders.shop.order(ORDERS);
        for id in self.orders.shop.orders() - ORDERS + 1..=self.orders.shop.orders() {
            self.due.insert(id, 1);
        }
    }

    /// Takes note that a run begins at the cursor: the API gives the order there again, and what writes over nothing has it twice.
    fn again(&mut self) {
        if let Some(count) = self.due.get_mut(&self.orders.shop.orders()) {
            *count += 1;
        }
    }

    /// Runs until it is killed after so long, or ends before; tells whether it has ended.
    fn run_for(&mut self, time: Duration) -> bool {
        let end = format!("end={}", Shop::time_of(self.orders.shop.orders()));
        let engine = Engine::new(["run", "orders.yaml", "--output", "none", "--color", "never", "--input"]);
        let has_ended = ends_within(engine.argument(end).folder(self.orders.folder()), time);
        self.kills += u64::from(!has_ended);
        has_ended
    }

    /// Returns the last order that the cursor says was read.
    fn cursor(&self) -> u64 {
        self.orders.cursor().map_or(0, |cursor| (cursor - Shop::time_of(0)) / 60)
    }

    /// Looks for a cursor that is ahead of what was delivered.
    fn look(&mut self) {
        let Some(state) = open(&self.orders.path(".engine/state.db")) else { return };
        let is_under_way = !texts(&state, "SELECT id FROM runs WHERE status = 'running'").is_empty();
        let cursor = self.cursor();
        self.broken_off += usize::from(is_under_way);
        self.moved += u64::from(is_under_way && cursor > self.from);
        let ended = last_ended(&state);
        if !is_under_way && cursor == self.orders.shop.orders() && ended != self.ended {
            // It was killed when all was done: the next one begins anew, at the cursor. One that was killed before it began does not.
            self.again();
        }
        self.ended = ended;
        self.orders.check_cursor(cursor, &[self.table(), self.log(), self.numbers(), self.file()]);
    }

    fn table(&self) -> (&'static str, Vec<u64>) {
        ("table", self.orders.ids("orders"))
    }

    fn log(&self) -> (&'static str, Vec<u64>) {
        ("log", self.orders.ids("log"))
    }

    fn numbers(&self) -> (&'static str, Vec<u64>) {
        ("numbers", self.orders.ids("pushed"))
    }

    fn file(&self) -> (&'static str, Vec<u64>) {
        ("file", self.orders.lines(None))
    }

    /// Checks that all orders are everywhere, each as often as it has to be.
    fn check(&self) {
        self.orders.check(&self.orders.once(), &[self.table()]);
        self.orders.check(&self.due, &[self.log(), self.numbers(), self.file()]);
        self.orders.check_applied(&self.due);
        let again = self.orders.pushed_again();
        assert!(
            again <= self.broken_off * Orders::AT_ONCE,
            "{again} orders were sent again after {} kills",
            self.broken_off
        );
        assert_eq!(self.cursor(), self.orders.shop.orders(), "the cursor");
    }
}

/// Returns the last run that has ended.
fn last_ended(state: &Connection) -> Option<String> {
    texts(state, "SELECT id FROM runs WHERE status <> 'running' ORDER BY id").pop()
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
        stand.orders.shop.orders(),
        stand.orders.shop.pushes().len(),
        stand.orders.shop.pages()
    ));
}
