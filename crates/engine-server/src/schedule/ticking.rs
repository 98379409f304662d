//! Ticks by a clock that the test owns, and the events that come of them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine_expr::Value;
use engine_plan::{Files, compile};
use engine_runtime::{
    BoxFuture, Clock, Environment, EventFilter, EventStatus, EventStore, Incoming, Lease, MemoryState, Observer,
    Outcome, Outgoing, RecordSink, SinkError, SinkSpec, SinkTarget, Sinks, Stop, Transport, TransportError, Wanted,
};
use jiff::{SignedDuration, Timestamp};

use super::ticker::Ticker;
use crate::flows::{Candidate, Flow, FlowSet, Flows, Ground};
use crate::log::{Log, Notice};
use crate::server::{Holder, Limits, Server};

struct Owned(Mutex<Timestamp>);

impl Clock for Owned {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn random(&self) -> u64 {
        7
    }
}

/// There is nothing outside, nobody to ask and nowhere to write.
struct Nothing;

impl Environment for Nothing {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn read_file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn file_length(&self, _: &Path) -> io::Result<u64> {
        Err(io::ErrorKind::NotFound.into())
    }
}

impl Transport for Nothing {
    fn send(&self, _: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>> {
        unreachable!("nothing runs")
    }
}

impl Sinks for Nothing {
    fn open(&self, _: &SinkSpec, _: &SinkTarget) -> Result<Box<dyn RecordSink>, SinkError> {
        unreachable!("nothing runs")
    }
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Log for Told {
    fn notice(&self, notice: Notice<'_>) {
        self.0.lock().unwrap().push(match notice {
            Notice::Skipped { flow, tick } => format!("{flow} skipped {}", short(tick)),
            Notice::Missed { flow, tick } => format!("{flow} missed {}", short(tick)),
            Notice::CaughtUp { flow, runs, is_bounded } => format!("{flow} catches up {runs} {is_bounded}"),
            other => format!("{other:?}"),
        });
    }

    fn observer(&self, _: &Flow, _: &str) -> Arc<dyn Observer> {
        unreachable!("nothing runs")
    }
}

impl Files for Nothing {
    fn read(&self, path: &Path) -> io::Result<String> {
        let (name, triggers) = path.to_str().unwrap().split_once(": ").unwrap();
        Ok(format!(
            "version: 1\nname: {name}\ntriggers: [{triggers}]\napis: {{a: {{base_url: 'https://a.test', endpoints: {{list: {{request: GET /, records: $.x}}}}}}}}\nsteps: [{{id: one, read: a.list}}]\n"
        ))
    }
}

/// A process that serves; several may share a state.
struct Process {
    clock: Arc<Owned>,
    state: Arc<MemoryState>,
    told: Arc<Told>,
    ticker: Ticker,
}

impl Process {
    async fn start(now: &str, state: &Arc<MemoryState>, flows: &[&str]) -> Self {
        let clock = Arc::new(Owned(Mutex::new(time(now))));
        let told = Arc::new(Told::default());
        let server = Arc::new(Server {
            flows: Flows::new(FlowSet::default()),
            events: Arc::clone(state) as _,
            state: Arc::clone(state) as _,
            clock: Arc::clone(&clock) as _,
            sinks: Arc::new(Nothing),
            log: Arc::clone(&told) as _,
            metrics: Arc::default(),
            limits: Limits::default(),
            holder: Holder { name: "me".to_owned(), lives: |_| None },
            public_url: "http://127.0.0.1".to_owned(),
            stop: Stop::new(),
            arrived: Arc::default(),
            endings: crate::dispatch::Endings::default(),
        });
        let mut process = Self { clock, state: Arc::clone(state), told, ticker: Ticker::new(server) };
        process.serve(flows).await;
        process
    }

    /// Serves flows, each a name and its triggers: `orders: {type: schedule, every: 1m}`.
    async fn serve(&mut self, flows: &[&str]) {
        let ground = Ground {
            clock: Arc::clone(&self.clock) as _,
            state: Arc::clone(&self.state) as _,
            inputs: BTreeMap::new(),
            shared: Arc::default(),
        };
        let flow = |text: &&str| {
            let plan = compile(Path::new(text), &Nothing).plan.unwrap();
            let candidate = Candidate { plan, environment: Arc::new(Nothing), transport: Arc::new(Nothing) };
            Arc::new(Flow::new(PathBuf::from(text), candidate, &ground).unwrap())
        };
        self.ticker.serve(&FlowSet::new(flows.iter().map(flow))).await.unwrap();
    }

    /// Sets the clock, and looks once.
    async fn look(&mut self, now: &str) {
        *self.clock.0.lock().unwrap() = time(now);
        self.pass().await;
    }

    async fn pass(&mut self) {
        self.ticker.pass().await.unwrap();
        while self.ticker.wait().is_zero() {
            self.ticker.pass().await.unwrap();
        }
    }

    /// Lets the clock go on, second by second.
    async fn go_on(&mut self, until: &str) {
        while self.clock.now() < time(until) {
            let next = self.clock.now() + SignedDuration::from_secs(1);
            *self.clock.0.lock().unwrap() = next;
            self.pass().await;
        }
    }

    /// Runs all that is due.
    async fn run_all(&self) {
        let now = self.clock.now();
        let lease = Lease { holder: "me".to_owned(), now, time: Duration::from_mins(1) };
        let names = self.state.open_flows(engine_runtime::EventKind::Schedule).await.unwrap();
        let flows: Arc<HashSet<String>> = Arc::new(names.into_iter().collect());
        loop {
            let wanted = Wanted {
                flows: Arc::clone(&flows),
                per_flow: 1000,
                busy: HashMap::new(),
                most: 1000,
                after: String::new(),
                lease: lease.clone(),
            };
            let taken = self.state.take_events(wanted).await.unwrap();
            if taken.is_empty() {
                return;
            }
            for event in taken {
                assert!(self.state.settle_event(&event.id, lease.clone(), Outcome::Done).await.unwrap());
            }
        }
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.0.lock().unwrap())
    }
}

fn time(text: &str) -> Timestamp {
    format!("2026-01-{}Z", text.replace(' ', "T")).parse().unwrap()
}

fn short(time: Timestamp) -> String {
    time.strftime("%d %H:%M:%S").to_string()
}

/// Lists all events: the flow, `trigger.time`, and when it is due, where that is later.
async fn events(state: &MemoryState) -> Vec<String> {
    let filter = EventFilter { flow: None, status: None, most: 5000 };
    let mut found = Vec::new();
    for event in state.list_events(filter).await.unwrap() {
        let event = state.find_event(&event.id).await.unwrap().unwrap();
        let body = Value::from_json(&String::from_utf8(event.body).unwrap()).unwrap();
        let Value::Object(body) = body else { panic!() };
        let tick: Timestamp = body.get("time").unwrap().text().unwrap().parse().unwrap();
        let late = event.due_at.duration_since(tick);
        // Of an event that was taken it is something else.
        let late = if late.is_zero() || event.status != EventStatus::Waiting {
            String::new()
        } else {
            format!(" +{}s", late.as_secs())
        };
        let waits = if event.partition.is_some() { " in turn" } else { "" };
        found.push(format!("{} {}{late}{waits}", event.flow, short(tick)));
    }
    found.sort();
    found
}

#[tokio::test]
async fn each_time_is_one_event_however_many_look() {
    let state = Arc::new(MemoryState::default());
    let flows = ["a: {type: schedule, every: 1m}", "b: {type: schedule, cron: '*/2 * * * *'}"];
    let mut first = Process::start("01 06:00:10", &state, &flows).await;
    let mut second = Process::start("01 06:00:20", &state, &flows).await;
    for at in ["01 06:01:00", "01 06:02:01", "01 06:02:02", "01 06:03:00"] {
        first.look(at).await;
        second.look(at).await;
        first.run_all().await;
    }
    assert_eq!(events(&state).await, ["a 01 06:01:00", "a 01 06:02:00", "a 01 06:03:00", "b 01 06:02:00"]);
    assert_eq!((first.told(), second.told()), (vec![], vec![]));
}

#[tokio::test]
async fn times_of_several_schedules_that_fall_together_start_one_run() {
    let state = Arc::new(MemoryState::default());
    let flow = "a: {type: schedule, every: 30m}, {type: schedule, cron: '0 * * * *', timezone: Europe/Berlin}";
    let mut process = Process::start("01 06:00:10", &state, &[flow]).await;
    for at in ["01 06:30:00", "01 07:00:00", "01 07:30:00"] {
        process.look(at).await;
        process.run_all().await;
    }
    assert_eq!(events(&state).await, ["a 01 06:30:00", "a 01 07:00:00", "a 01 07:30:00"]);
}

#[tokio::test]
async fn overlap_leaves_out_puts_in_turn_or_lets_run() {
    let state = Arc::new(MemoryState::default());
    let flows = [
        "allow: {type: schedule, every: 10s, overlap: allow}",
        "queue: {type: schedule, every: 10s, overlap: queue}",
        "skip: {type: schedule, every: 10s}",
    ];
    let mut process = Process::start("01 06:00:00", &state, &flows).await;
    process.go_on("01 06:00:25").await;
    assert_eq!(process.told(), ["skip skipped 01 06:00:20"]);
    process.run_all().await;
    process.go_on("01 06:00:30").await;
    let expected = [
        "allow 01 06:00:10",
        "allow 01 06:00:20",
        "allow 01 06:00:30",
        "queue 01 06:00:10 in turn",
        "queue 01 06:00:20 in turn",
        "queue 01 06:00:30 in turn",
        "skip 01 06:00:10",
        "skip 01 06:00:30",
    ];
    assert_eq!(events(&state).await, expected);
}

#[tokio::test]
async fn missed_runs_are_made_up_for_at_the_next_start() {
    let flows = [
        "all: {type: schedule, every: 1h, catch_up: all}",
        "last: {type: schedule, every: 1h, catch_up: last, overlap: allow}",
        "none: {type: schedule, every: 1h}",
    ];
    let state = Arc::new(MemoryState::default());
    let mut before = Process::start("01 06:10:00", &state, &flows).await;
    before.look("01 07:00:00").await;
    before.run_all().await;
    let mut after = Process::start("01 10:30:00", &state, &flows).await;
    assert_eq!(after.told(), ["all catches up 3 false", "last catches up 1 false"]);
    after.look("01 11:00:00").await;
    // What is made up for is not done, and what comes by now is left out.
    assert_eq!(after.told(), ["all skipped 01 11:00:00"]);
    let expected = [
        "all 01 07:00:00",
        "all 01 08:00:00 in turn",
        "all 01 09:00:00 in turn",
        "all 01 10:00:00 in turn",
        "last 01 07:00:00",
        "last 01 10:00:00",
        "last 01 11:00:00",
        "none 01 07:00:00",
        "none 01 11:00:00",
    ];
    assert_eq!(events(&state).await, expected);
    // What was missed is known to have been made up for.
    after.run_all().await;
    let again = Process::start("01 11:20:00", &state, &flows).await;
    assert_eq!(again.told(), [""; 0]);
}

#[tokio::test]
async fn a_flow_that_is_new_has_missed_nothing_and_one_that_no_longer_cares_forgets() {
    let state = Arc::new(MemoryState::default());
    let (cares, does_not) = ("a: {type: schedule, every: 1h, catch_up: all}", "a: {type: schedule, every: 1h}");
    let mut process = Process::start("01 06:10:00", &state, &[cares]).await;
    process.serve(&[does_not]).await;
    process = Process::start("01 10:30:00", &state, &[cares]).await;
    assert_eq!(process.told(), [""; 0]);
    // It was there meanwhile, with what did not care.
    process.serve(&[does_not]).await;
    process.serve(&[cares]).await;
    process = Process::start("01 12:30:00", &state, &[cares]).await;
    assert_eq!(process.told(), ["a catches up 2 false"]);
}

#[tokio::test]
async fn a_reload_neither_loses_a_time_nor_does_one_twice() {
    let state = Arc::new(MemoryState::default());
    let mut process = Process::start("01 06:00:10", &state, &["a: {type: schedule, every: 1m}"]).await;
    process.look("01 06:00:59").await;
    *process.clock.0.lock().unwrap() = time("01 06:01:02");
    process.serve(&["a: {type: schedule, every: 1m}", "b: {type: schedule, every: 1m}"]).await;
    process.look("01 06:01:03").await;
    process.run_all().await;
    process.serve(&["a: {type: schedule, every: 30s}"]).await;
    process.look("01 06:01:30").await;
    assert_eq!(events(&state).await, ["a 01 06:01:00", "a 01 06:01:30"]);
}

#[tokio::test]
async fn a_clock_that_is_set_is_noticed() {
    let state = Arc::new(MemoryState::default());
    let flows = ["last: {type: schedule, every: 10m, catch_up: last}", "none: {type: schedule, every: 10m}"];
    let mut process = Process::start("01 06:05:00", &state, &flows).await;
    process.look("01 06:10:00").await;
    process.run_all().await;
    // Forward: what was jumped over was missed.
    process.look("01 08:05:00").await;
    assert_eq!(process.told(), ["last catches up 1 false", "none missed 01 06:20:00"]);
    process.run_all().await;
    // Back: nothing runs again, and what comes next does not wait for the time that was.
    process.look("01 06:04:00").await;
    process.look("01 06:10:00").await;
    process.run_all().await;
    process.look("01 06:20:00").await;
    let expected =
        ["last 01 06:10:00", "last 01 06:20:00", "last 01 08:00:00 in turn", "none 01 06:10:00", "none 01 06:20:00"];
    assert_eq!(events(&state).await, expected);
}

#[tokio::test]
async fn a_late_look_runs_late() {
    let state = Arc::new(MemoryState::default());
    let mut process = Process::start("01 06:00:00", &state, &["a: {type: schedule, every: 10s, overlap: queue}"]).await;
    process.look("01 06:01:25").await;
    assert_eq!(process.told(), ["a missed 01 06:00:10"]);
    process.go_on("01 06:01:31").await;
    let ticks: Vec<String> = events(&state).await;
    let expected = ["30", "40", "50"].map(|second| format!("a 01 06:00:{second} in turn"));
    let then = ["00", "10", "20", "30"].map(|second| format!("a 01 06:01:{second} in turn"));
    assert_eq!(ticks, [&expected[..], &then[..]].concat());
}

#[tokio::test]
async fn jitter_is_the_same_everywhere() {
    let state = Arc::new(MemoryState::default());
    let flow = ["a: {type: schedule, every: 1h, jitter: 10m}"];
    let mut first = Process::start("01 06:10:00", &state, &flow).await;
    first.look("01 07:00:00").await;
    let event = events(&state).await;
    let other = Arc::new(MemoryState::default());
    let mut second = Process::start("01 06:20:00", &other, &flow).await;
    second.look("01 07:00:03").await;
    assert_eq!(events(&other).await, event);
    assert!(event[0].starts_with("a 01 07:00:00 +"), "{event:?}");
}
