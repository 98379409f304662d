//! A run whose state and rows are in Postgres: its process is killed at any moment, and the server too, and it is run again until it is
//! done. Nothing is lost, nothing is there twice.
//!
//! `KILLS=200` kills so often; `KILL_SEED` picks the moments.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::{Database, Dice, Engine, OrderSpec, Orders, Postgres, number};

/// How many orders come for each run.
const ORDERS: u64 = 90;

/// How long a run may take in all, with those that go on with it.
const PATIENCE: Duration = Duration::from_mins(3);

/// What a run says that a server which is away has ended.
const AWAY: [&str; 2] = ["can't reach the database", "can't be reached"];

fn spec(database: &str) -> OrderSpec<'_> {
    OrderSpec {
        inputs: "",
        incremental: "{cursor: $.id, send: query.since, format: integer, sorted: true}",
        map: "{id: {from: $.id, type: integer}, customer: $.customer, total: {from: $.total, type: decimal}}",
        database,
        beside: "",
    }
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
    orders: Orders,
    server: &'a Postgres,
    database: Database<'a>,
    dice: Dice,
    /// Keys of which the state said that they were done, with how many pushes had come by then.
    acked: BTreeMap<String, usize>,
    told: Told,
}

impl<'a> Stand<'a> {
    fn new(server: &'a Postgres) -> Self {
        let database = server.database();
        let orders = Orders::set(spec(&format!("{{type: postgres, url: \"{}\"}}", database.url())));
        let dice = Dice::new(number("KILL_SEED", 7));
        Self { orders, server, database, dice, acked: BTreeMap::new(), told: Told::default() }
    }

    fn engine(&self) -> Engine {
        let arguments = ["run", "orders.yaml", "--output", "none", "--color", "never", "--state"];
        Engine::new(arguments).argument(self.database.url()).folder(self.orders.folder())
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
        let pushes = self.orders.shop.pushes().len();
        for key in self.texts("SELECT key FROM engine.acks WHERE effect IS NOT NULL") {
            self.acked.entry(key).or_insert(pushes);
        }
        let cursor = self.texts("SELECT convert_from(value, 'UTF8') FROM engine.kept WHERE kind = 'cursor'").pop();
        let cursor: u64 = cursor.map_or(0, |text| text.parse().unwrap());
        self.orders.check_cursor(cursor, &self.places());
    }

    /// Returns the orders in each place that they go to.
    fn places(&self) -> [(&'static str, Vec<u64>); 4] {
        let ids = |table| self.ids(table);
        [("table", ids("orders")), ("log", ids("log")), ("numbers", ids("pushed")), ("file", self.orders.lines(None))]
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
        let most = usize::try_from(self.told.kills + self.told.failures).unwrap() * Orders::AT_ONCE;
        assert!(again <= most, "{again} orders were sent again: {:?}", self.told);
        for table in ["journal", "snapshots", "acks", "records"] {
            assert_eq!(self.texts(&format!("SELECT run FROM engine.{table}")), [""; 0], "{table}");
        }
    }

    /// Lets orders come and runs, with what `trouble` makes of it, until all is done; then checks.
    fn through(&mut self, trouble: impl Fn(&mut Dice) -> (Option<Duration>, Option<(Duration, Duration)>)) {
        self.orders.shop.order(ORDERS);
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
        self.orders.shop.order(ORDERS);
        let begun = Instant::now();
        assert_eq!(self.run(None, None), End::Done);
        self.check();
        self.told = Told::default();
        u64::try_from(begun.elapsed().as_millis()).unwrap()
    }

    /// What was counted is part of what the test is for.
    fn tell(&self, whole: u64) {
        let (orders, pushes) = (self.orders.shop.orders(), self.orders.shop.pushes().len());
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
