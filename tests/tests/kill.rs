//! A run that is killed at any moment and run again until it is done: nothing is lost, nothing is there twice.
//!
//! `KILLS=200` kills so often; `KILL_SEED` picks the moments.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{Dice, Engine, OrderSpec, Orders, ends_within, number, open, texts};

/// How many orders come for each run.
const ORDERS: u64 = 120;

/// What is kept of an order.
const MAP: &str = "{id: {from: $.id, type: integer}, customer: $.customer, total: {from: $.total, type: decimal}}";

const SPEC: OrderSpec<'static> = OrderSpec {
    inputs: "",
    incremental: "{cursor: $.id, send: query.since, format: integer, sorted: true}",
    map: MAP,
    database: "{type: sqlite, path: out/orders.db}",
    beside: r#"  - {id: beside, for_each: orders, map: {id: "{{ item.id }}", by: beside}, write: lines}"#,
};

/// A flow, what it reads and writes, and what was seen of it so far.
struct Stand {
    orders: Orders,
    /// What a run is told beside its spec.
    told: Vec<&'static str>,
    /// Keys of which the state said that they were done, with how many pushes had come by then.
    acked: BTreeMap<String, usize>,
    kills: u64,
    /// How many kills found a run under way.
    broken_off: u64,
}

impl Stand {
    fn new() -> Self {
        Self { orders: Orders::set(SPEC), told: Vec::new(), acked: BTreeMap::new(), kills: 0, broken_off: 0 }
    }

    fn engine(&self) -> Engine {
        let arguments = ["run", "orders.yaml", "--output", "none", "--color", "never"];
        Engine::new(arguments).arguments(&self.told).folder(self.orders.folder())
    }

    /// Runs until it is killed after so long, or ends before; tells whether it has ended.
    fn run_for(&mut self, time: Duration) -> bool {
        let has_ended = ends_within(self.engine(), time);
        self.kills += u64::from(!has_ended);
        has_ended
    }

    /// Takes note of what the state says was done, and looks for a cursor that is ahead of its rows.
    fn look(&mut self) {
        let pushes = self.orders.shop.pushes();
        let Some(state) = open(&self.orders.path(".engine/state.db")) else { return };
        for key in texts(&state, "SELECT key FROM acks WHERE effect IS NOT NULL") {
            self.acked.entry(key).or_insert(pushes.len());
        }
        let running = texts(&state, "SELECT id FROM runs WHERE status = 'running'");
        self.broken_off += u64::from(!running.is_empty());
        self.orders.check_cursor(self.cursor(), &self.places());
    }

    /// Returns the last order that the cursor says was read.
    fn cursor(&self) -> u64 {
        self.orders.cursor().unwrap_or_default()
    }

    /// Returns the orders in each place that they go to.
    fn places(&self) -> [(&'static str, Vec<u64>); 5] {
        let ids = |table| self.orders.ids(table);
        let (own, beside) = (self.orders.lines(None), self.orders.lines(Some("beside")));
        [
            ("table", ids("orders")),
            ("log", ids("log")),
            ("numbers", ids("pushed")),
            ("file", own),
            ("lines beside", beside),
        ]
    }

    /// Checks that all orders are everywhere, each once.
    fn check(&self) {
        let all = self.orders.once();
        assert!(self.orders.is_whole(), "the file broke off");
        self.orders.check(&all, &self.places());
        self.orders.check_applied(&all);
        let pushes = self.orders.shop.pushes();
        for (key, count) in &self.acked {
            let later = pushes.iter().skip(*count).filter(|(pushed, _)| pushed == key).count();
            assert_eq!(later, 0, "{key} was sent again after it was known to be done");
        }
        let again = self.orders.pushed_again();
        let most = usize::try_from(self.broken_off).unwrap() * Orders::AT_ONCE;
        assert!(again <= most, "{again} orders were sent again after {} kills", self.broken_off);
        // Nothing of the runs is left but their names; one that is killed at its very end may leave what the database has of it.
        let database = open(&self.orders.path("out/orders.db")).unwrap();
        let left = texts(&database, "SELECT DISTINCT run FROM _engine_commits").len();
        assert!(left <= usize::try_from(self.kills).unwrap() / 10 + 2, "{left} runs are left in the database");
        let state = open(&self.orders.path(".engine/state.db")).unwrap();
        for table in ["journal", "snapshots", "acks", "records"] {
            assert_eq!(texts(&state, &format!("SELECT run FROM {table}")), [""; 0], "{table}");
        }
    }
}

#[test]
fn a_run_that_is_killed_anywhere_and_run_again_loses_nothing_and_does_nothing_twice() {
    let (kills, seed) = (number("KILLS", 20), number("KILL_SEED", 7));
    let mut dice = Dice::new(seed);
    let mut stand = Stand::new();
    // How long a run takes that nobody kills.
    stand.orders.shop.order(ORDERS);
    let begun = Instant::now();
    assert!(stand.run_for(Duration::from_mins(1)), "the run does not end");
    let whole = u64::try_from(begun.elapsed().as_millis()).unwrap();
    stand.check();
    let mut runs = 1;
    while stand.kills < kills {
        stand.orders.shop.order(ORDERS);
        while !stand.run_for(Duration::from_millis(dice.roll(whole))) {
            stand.look();
        }
        stand.look();
        stand.check();
        runs += 1;
    }
    let sent = stand.orders.shop.pushes().len();
    let told = format!(
        "killed {} times, {} of them under way, in {runs} runs of {whole} ms; {} orders, {sent} pushes, {} pages",
        stand.kills,
        stand.broken_off,
        stand.orders.shop.orders(),
        stand.orders.shop.pages()
    );
    // What was counted is part of what the test is for.
    writeln!(std::io::stdout(), "{told}").unwrap();
}

#[test]
fn a_sorted_read_that_is_killed_and_begun_anew_goes_on_from_a_page_and_loses_nothing() {
    let (kills, mut dice) = (number("KILLS", 20), Dice::new(number("KILL_SEED", 13)));
    let mut stand = Stand::new();
    stand.told = vec!["--fresh"];
    stand.orders.shop.order(ORDERS);
    let begun = Instant::now();
    assert!(stand.run_for(Duration::from_mins(1)), "the run does not end");
    let whole = u64::try_from(begun.elapsed().as_millis()).unwrap();
    let mut moved = 0;
    while stand.kills < kills {
        stand.orders.shop.order(ORDERS);
        let mut cursor = stand.cursor();
        while !stand.run_for(Duration::from_millis(dice.roll(whole))) {
            stand.look();
            let now = stand.cursor();
            assert!(now >= cursor, "the cursor went back from {cursor} to {now}");
            moved += u64::from(now > cursor && now < stand.orders.shop.orders());
            cursor = now;
        }
        stand.look();
        assert_eq!(stand.cursor(), stand.orders.shop.orders(), "the cursor");
        assert_eq!(stand.orders.ids("orders").len() as u64, stand.orders.shop.orders(), "the table");
    }
    assert!(moved > 0, "no run that was killed had moved the cursor");
    engine_tests::say(&format!("killed {} times, {moved} of them with a cursor in the middle", stand.kills));
}

#[test]
fn a_disk_that_is_full_is_an_error_and_nothing_is_lost() {
    let mut stand = Stand::new();
    stand.orders.shop.order(ORDERS);
    let mut failures = 0;
    // From one that has no room for anything to one that has room for all.
    for blocks in [8, 48, 96, 128, 160, 200, 260, 330] {
        let finished = stand.engine().room(blocks).finish();
        stand.look();
        match finished.status {
            Some(0) => break,
            Some(1) => failures += 1,
            other => panic!("{blocks} blocks: {other:?}: {}", finished.stderr()),
        }
    }
    assert!(failures > 2, "the disk was never full");
    assert!(stand.run_for(Duration::from_mins(1)), "the run does not end");
    stand.broken_off = failures;
    stand.check();
}

/// A small disk of its own: a file system in memory at a folder.
struct Disk {
    path: std::path::PathBuf,
}

impl Disk {
    /// Puts a disk of so many kilobytes at a folder; none where this user may not.
    fn at(path: &Path, kilobytes: u64) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let size = format!("size={kilobytes}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then(|| Self { path: path.to_owned() })
    }

    /// Leaves so many bytes free.
    fn leave(&self, free: u64) {
        self.clear();
        let told = Command::new("df").args(["-B1", "--output=avail"]).arg(&self.path).output().unwrap().stdout;
        let told = String::from_utf8(told).unwrap();
        let there: u64 = told.lines().last().unwrap().trim().parse().unwrap();
        let filler = vec![b'x'; usize::try_from(there.saturating_sub(free)).unwrap()];
        fs::write(self.filler(), filler).unwrap();
    }

    fn clear(&self) {
        _ = fs::remove_file(self.filler());
    }

    fn filler(&self) -> std::path::PathBuf {
        self.path.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

/// Lets a disk at a place of the stand be full again and again, until there is room; every run but the last says what to do.
fn fill(place: &str) {
    let mut stand = Stand::new();
    let spec = fs::read_to_string(stand.orders.path("orders.yaml")).unwrap();
    let Some(disk) = Disk::at(&stand.orders.path(place), 16_384) else {
        let may = Command::new("id").arg("-u").output().is_ok_and(|told| told.stdout == b"0\n");
        assert!(!(may && std::env::var_os("CI").is_some()), "no file system could be mounted, as root");
        engine_tests::say("skipped: this user may mount no file system");
        return;
    };
    fs::write(stand.orders.path("orders.yaml"), spec).unwrap();
    stand.orders.shop.order(ORDERS);
    let mut failures = 0;
    for kilobytes in [0, 4, 16, 40, 64, 100, 140, 180, 220] {
        disk.leave(kilobytes * 1024);
        let finished = stand.engine().finish();
        let said = finished.stderr();
        match finished.status {
            Some(0) => break,
            Some(1) => failures += 1,
            // The state could not be opened.
            Some(2) if kilobytes < 100 => failures += 1,
            other => panic!("{place} {kilobytes}: {other:?}: {said}"),
        }
        assert!(said.contains("room"), "{place} {kilobytes}: {said}");
        disk.clear();
        stand.look();
    }
    disk.clear();
    assert!(failures > 1, "{place}: the disk was full {failures} times");
    assert!(stand.run_for(Duration::from_mins(1)), "the run does not end");
    stand.broken_off = failures;
    stand.check();
}

#[test]
fn a_disk_of_all_that_is_full_loses_nothing() {
    fill("");
}

#[test]
fn a_disk_of_the_sinks_that_is_full_loses_nothing() {
    fill("out");
}

#[test]
fn a_disk_of_the_state_that_is_full_loses_nothing() {
    fill(".engine");
}

#[test]
fn a_run_that_is_cancelled_ends_and_goes_on_only_when_it_is_named() {
    let mut stand = Stand::new();
    stand.orders.shop.order(20_000);
    let mut child = stand.engine().command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let runs = |arguments: &[&str]| Engine::new(["runs"]).arguments(arguments).folder(stand.orders.folder()).finish();
    let listed =
        || -> Vec<serde_json::Value> { serde_json::from_str(&runs(&["list", "--format", "json"]).stdout()).unwrap() };
    let begun = Instant::now();
    while stand.orders.shop.pushes().is_empty() {
        assert!(begun.elapsed() < Duration::from_mins(1), "nothing is pushed");
        thread::sleep(Duration::from_millis(5));
    }
    let id = listed()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(runs(&["cancel", &id]).status, Some(0));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(listed()[0]["status"], "cancelled");
    assert_eq!(runs(&["cancel", &id]).status, Some(1));
    let pushed = stand.orders.shop.pushes().len();
    // The shop has no more orders than that, so that the rest is soon read.
    assert!(u64::try_from(pushed).unwrap() < stand.orders.shop.orders());
    let seen: HashSet<String> = stand.orders.shop.pushes().into_iter().map(|(key, _)| key).collect();
    stand.run_for(Duration::from_millis(1500));
    let of_another_run = stand.orders.shop.pushes().iter().skip(pushed).filter(|(key, _)| !seen.contains(key)).count();
    assert!(of_another_run > 0, "a cancelled run was gone on with, though nobody named it");
}
