//! The dispatcher by a clock that jumps on: when events are run, how often, how many at once, and what ends them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine_plan::{Files, compile};
use engine_runtime::{
    Body, BoxFuture, Clock, Environment, Event, EventKind, EventStatus, EventStore, Incoming, Lease, MemoryState,
    NewEvent, Observer, Outgoing, Record, RecordSink, RunStore, SinkError, SinkSpec, SinkTarget, Sinks, StateStore,
    Stop, StoredEvent, Transport, TransportError, Wanted,
};
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Endings, LEASE, dispatch};
use crate::flows::{Candidate, Flow, FlowSet, Flows, Ground};
use crate::log::{Log, Notice};
use crate::server::{Holder, Limits, Server};

/// The clock of the runtime, which jumps on when nobody has anything to do.
struct Jumping(Instant);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        let begun: Timestamp = "2026-01-02T03:00:00Z".parse().unwrap();
        begun + self.0.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "the runtime's clock is paused: nobody waits")]
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn random(&self) -> u64 {
        7
    }
}

/// The world of the flows: an API that takes its time, and answers as it is told.
struct Shop {
    begun: Instant,
    takes: Duration,
    status: u16,
    /// What was asked, and when, in seconds.
    asked: Mutex<Vec<(String, u64)>>,
    /// How many are asked at once, and the most there were, of all and of each path.
    now: Mutex<HashMap<String, (u32, u32)>>,
}

const ALL: &str = "";

impl Transport for Shop {
    #[expect(clippy::disallowed_methods, reason = "the runtime's clock is paused: nobody waits")]
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>> {
        let path = request.url.path().trim_start_matches('/').to_owned();
        self.asked.lock().unwrap().push((path.clone(), self.begun.elapsed().as_secs()));
        let count = move |path: &str, more: bool| {
            let mut now = self.now.lock().unwrap();
            let (count, most) = now.entry(path.to_owned()).or_default();
            *count = if more { *count + 1 } else { *count - 1 };
            *most = (*most).max(*count);
        };
        Box::pin(async move {
            for of in [ALL, &path] {
                count(of, true);
            }
            tokio::time::sleep(self.takes).await;
            for of in [ALL, &path] {
                count(of, false);
            }
            let body = Body::Bytes("{}".into());
            Ok(Incoming { status: self.status, headers: http::HeaderMap::new(), body })
        })
    }
}

/// There is nothing else outside, and nowhere to write.
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

impl Sinks for Nothing {
    fn open(&self, _: &SinkSpec, _: &SinkTarget) -> Result<Box<dyn RecordSink>, SinkError> {
        Err(SinkError::new("there is none"))
    }
}

impl Files for Nothing {
    fn read(&self, path: &Path) -> io::Result<String> {
        let (name, first) = path.to_str().unwrap().split_once(": ").unwrap();
        Ok(format!(
            "version: 1\nname: {name}\napis: {{a: {{base_url: 'https://a.test', endpoints: {{ship: {{request: POST /{name}}}}}}}}}\nsteps:\n  - {first}\n  - {{call: a.ship}}\n"
        ))
    }
}

impl Log for Nothing {
    fn notice(&self, _: Notice<'_>) {}

    fn observer(&self, _: &Flow, _: &str) -> Arc<dyn Observer> {
        Arc::new(Self)
    }
}

impl Observer for Nothing {
    fn event(&self, _: Event) {}

    fn records(&self, _: Option<&str>, _: &[Record]) -> io::Result<()> {
        Ok(())
    }
}

/// A process that runs events.
struct Process {
    server: Arc<Server>,
    state: Arc<MemoryState>,
    shop: Arc<Shop>,
    dispatcher: JoinHandle<()>,
    events: u32,
}

impl Process {
    /// Begins with flows, each a name and its first step: `orders: {log: begins}`.
    fn start(flows: &[&str], limits: Limits, takes: u64, status: u16) -> Self {
        let begun = Instant::now();
        let clock: Arc<dyn Clock> = Arc::new(Jumping(begun));
        let state = Arc::new(MemoryState::default());
        let takes = Duration::from_secs(takes);
        let shop = Arc::new(Shop { begun, takes, status, asked: Mutex::default(), now: Mutex::default() });
        let ground = Ground {
            clock: Arc::clone(&clock),
            state: Arc::clone(&state) as _,
            inputs: BTreeMap::new(),
            shared: Arc::default(),
        };
        let flow = |text: &&str| {
            let plan = compile(Path::new(text), &Nothing).plan.unwrap();
            let transport = Arc::clone(&shop) as Arc<dyn Transport>;
            let candidate = Candidate { plan, environment: Arc::new(Nothing), transport };
            Arc::new(Flow::new(PathBuf::from(text), candidate, &ground).unwrap())
        };
        let server = Arc::new(Server {
            flows: Flows::new(FlowSet::new(flows.iter().map(flow))),
            events: Arc::clone(&state) as _,
            state: Arc::clone(&state) as _,
            clock,
            sinks: Arc::new(Nothing),
            log: Arc::new(Nothing),
            metrics: Arc::default(),
            limits,
            holder: Holder { name: "me".to_owned(), lives: |_| None },
            public_url: "http://127.0.0.1".to_owned(),
            stop: Stop::new(),
            arrived: Arc::default(),
            endings: Endings::default(),
        });
        let dispatcher = tokio::spawn(dispatch(Arc::clone(&server)));
        Self { server, state, shop, dispatcher, events: 0 }
    }

    /// Puts an event of a flow into the inbox.
    async fn put(&mut self, flow: &str) -> String {
        self.events += 1;
        let (id, now) = (format!("{flow}-{}", self.events), self.server.clock.now());
        let event = NewEvent {
            id: id.clone(),
            flow: flow.to_owned(),
            trigger: "webhook /".to_owned(),
            kind: EventKind::Webhook,
            dedupe: None,
            partition: None,
            received_at: now,
            due_at: now,
            inputs: b"{}".to_vec(),
            body: b"{}".to_vec(),
        };
        self.state.put_events(vec![event]).await.unwrap();
        self.server.arrived.notify_one();
        id
    }

    async fn event(&self, id: &str) -> StoredEvent {
        self.state.find_event(id).await.unwrap().unwrap()
    }

    /// Waits until an event stands in a way.
    async fn until(&self, id: &str, status: EventStatus) -> StoredEvent {
        for _ in 0..10_000 {
            let event = self.event(id).await;
            if event.status == status {
                return event;
            }
            self.server.clock.sleep(Duration::from_millis(500)).await;
        }
        panic!("{id} is not {}", status.as_str());
    }

    fn asked(&self) -> Vec<(String, u64)> {
        self.shop.asked.lock().unwrap().clone()
    }

    /// Returns how many requests there were at once at most.
    fn most(&self, path: &str) -> u32 {
        self.shop.now.lock().unwrap()[path].1
    }

    async fn end(self) {
        self.server.stop.stop();
        self.dispatcher.await.unwrap();
    }
}

fn limits(runs: u32, runs_per_flow: u32) -> Limits {
    Limits { runs, runs_per_flow, ..Limits::default() }
}

const AT_ONCE: &str = "{log: begins}";

#[tokio::test(start_paused = true)]
async fn an_event_is_run_and_done() {
    let mut process = Process::start(&["a: {log: begins}"], Limits::default(), 0, 200);
    let id = process.put("a").await;
    let done = process.until(&id, EventStatus::Done).await;
    assert_eq!((done.failures, done.holder, process.asked().len()), (0, None, 1));
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_after_longer_and_longer_pauses_and_then_given_up() {
    let mut process = Process::start(&["a: {log: begins}"], Limits::default(), 0, 400);
    let id = process.put("a").await;
    let dead = process.until(&id, EventStatus::Dead).await;
    assert_eq!((dead.failures, dead.holder), (5, None));
    assert!(dead.error.unwrap().contains("400"));
    let times: Vec<u64> = process.asked().into_iter().map(|(_, at)| at).collect();
    let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses.len(), 4);
    for (pause, least) in pauses.iter().zip([5, 30, 120, 600]) {
        assert!((least..=least + least / 5 + 2).contains(pause), "{pauses:?}");
    }
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_is_not_tried_again() {
    let mut process = Process::start(&["a: {wait: 1h}"], Limits::default(), 0, 200);
    let id = process.put("a").await;
    process.until(&id, EventStatus::Running).await;
    process.server.clock.sleep(Duration::from_secs(2)).await;
    assert!(process.state.cancel_run(&id).await.unwrap());
    let dead = process.until(&id, EventStatus::Dead).await;
    assert_eq!(dead.error.as_deref(), Some("its run was cancelled"));
    assert_eq!(process.asked(), []);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_event_another_process_has_taken_stops_and_says_nothing() {
    let mut process = Process::start(&["a: {wait: 1h}"], Limits::default(), 0, 200);
    let id = process.put("a").await;
    process.until(&id, EventStatus::Running).await;
    let now = process.server.clock.now();
    process.state.orphan_events("me", now).await.unwrap();
    let wanted = Wanted {
        flows: Arc::new(HashSet::from(["a".to_owned()])),
        busy: HashMap::new(),
        per_flow: 1,
        most: 1,
        after: String::new(),
        lease: Lease { holder: "another".to_owned(), now, time: Duration::from_hours(2) },
    };
    assert_eq!(process.state.take_events(wanted).await.unwrap().len(), 1);
    process.server.clock.sleep(LEASE).await;
    let event = process.event(&id).await;
    assert_eq!((event.status, event.holder.as_deref()), (EventStatus::Running, Some("another")));
    // Its run has ended here, and there is room for the next one.
    let run = process.state.find_run(&id).await.unwrap().unwrap();
    assert_eq!((run.holder, run.ended_at.is_some()), (None, true));
    assert_eq!(process.asked(), []);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn leases_are_renewed_as_long_as_a_run_takes() {
    let mut process = Process::start(&["a: {wait: 10m}"], Limits::default(), 0, 200);
    let id = process.put("a").await;
    process.until(&id, EventStatus::Running).await;
    for _ in 0..50 {
        process.server.clock.sleep(Duration::from_secs(10)).await;
        let event = process.event(&id).await;
        assert_eq!(event.status, EventStatus::Running);
        assert!(event.due_at > process.server.clock.now(), "the lease is over");
    }
    process.until(&id, EventStatus::Done).await;
    assert_eq!(process.asked().len(), 1);
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn many_events_of_one_flow_do_not_keep_another_waiting() {
    let flows = ["a", "b"].map(|name| format!("{name}: {AT_ONCE}"));
    let flows: Vec<&str> = flows.iter().map(String::as_str).collect();
    let mut process = Process::start(&flows, limits(3, 3), 10, 200);
    for _ in 0..12 {
        process.put("a").await;
    }
    process.server.clock.sleep(Duration::from_secs(5)).await;
    let last = process.put("b").await;
    process.until(&last, EventStatus::Done).await;
    let order: Vec<String> = process.asked().into_iter().map(|(path, _)| path).collect();
    assert_eq!(order[..4], ["a", "a", "a", "b"], "it comes before those that came before it");
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_once_than_there_is_room_for() {
    let flows = ["a", "b", "c"].map(|name| format!("{name}: {AT_ONCE}"));
    let flows: Vec<&str> = flows.iter().map(String::as_str).collect();
    let mut process = Process::start(&flows, limits(5, 2), 3, 200);
    let mut ids = Vec::new();
    for _ in 0..8 {
        for flow in ["a", "b", "c"] {
            ids.push(process.put(flow).await);
        }
    }
    for id in &ids {
        process.until(id, EventStatus::Done).await;
    }
    assert_eq!(process.asked().len(), ids.len());
    assert_eq!((process.most(ALL), process.most("a"), process.most("b")), (5, 2, 2));
    process.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_runs_at_the_end_is_given_back() {
    let mut process = Process::start(&["a: {wait: 1h}"], limits(1, 1), 0, 200);
    let (first, second) = (process.put("a").await, process.put("a").await);
    process.until(&first, EventStatus::Running).await;
    let state = Arc::clone(&process.state);
    process.end().await;
    for id in [first, second] {
        let event = state.find_event(&id).await.unwrap().unwrap();
        assert_eq!((event.status, event.holder, event.failures), (EventStatus::Waiting, None, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_an_event_takes_no_room() {
    let mut process = Process::start(&["a: {wait: {event: {}, timeout: 10m}}"], limits(1, 1), 0, 200);
    let (first, second) = (process.put("a").await, process.put("a").await);
    process.server.clock.sleep(Duration::from_secs(20)).await;
    for id in [&first, &second] {
        let event = process.event(id).await;
        assert_eq!((event.status, event.failures), (EventStatus::Waiting, 0));
        assert!(event.due_at > process.server.clock.now());
    }
    // It is woken, looks, and is parked again.
    assert!(process.state.wake_event(&first, process.server.clock.now()).await.unwrap());
    process.server.clock.sleep(Duration::from_secs(20)).await;
    assert_eq!(process.event(&first).await.status, EventStatus::Waiting);
    let path = engine_runtime::awaited::own_path(&*process.state, &second).unwrap();
    let place = engine_runtime::awaited::place_of(&*process.state, &path).unwrap();
    let now = process.server.clock.now();
    let state: &dyn StateStore = &*process.state;
    engine_runtime::awaited::keep_arrival(state, &place, "a", &["one"], b"{\"body\":{}}", now).await.unwrap();
    process.until(&second, EventStatus::Done).await;
    assert_eq!(process.event(&first).await.status, EventStatus::Waiting);
    assert_eq!(process.asked().len(), 1);
    process.end().await;
}
