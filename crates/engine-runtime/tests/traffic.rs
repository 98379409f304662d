//! What runs of one process make of an API's limits and its bad days: with a transport and a clock of the test's own.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use engine_plan::{Files, Plan, compile};
use engine_runtime::{
    BoxFuture, Clock, Environment, Event, Incoming, MemoryState, Observer, Outgoing, Record, RecordSink, RunOptions,
    RunReport, Shared, SinkError, SinkSpec, SinkTarget, Sinks, Status, Stop, Transport, TransportError, World, run,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use tokio::time::Instant;

/// A clock that runs ahead as soon as everybody waits.
struct Paused {
    begun: Instant,
    dice: AtomicU64,
}

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2025-03-01T10:00:00Z".parse().unwrap();
        start.checked_add(self.begun.elapsed()).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn random(&self) -> u64 {
        self.dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
    }
}

/// What is asked and when, in seconds since the test began.
#[derive(Clone, Debug)]
struct Asked {
    at: f64,
    path: String,
    headers: HeaderMap,
    /// How many were in flight, with this one.
    in_flight: usize,
}

impl Asked {
    fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }
}

/// What comes of a request, and how long it takes.
type Answer = (f64, Result<(u16, Vec<(&'static str, String)>), TransportError>);

type Play = dyn Fn(&Asked) -> Answer + Send + Sync;

/// An API that is played by the test.
struct Api {
    clock: Arc<Paused>,
    play: Box<Play>,
    asked: Mutex<Vec<Asked>>,
    in_flight: Mutex<usize>,
}

/// One request that is in flight, until it is dropped.
struct Flight<'a>(&'a Mutex<usize>);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap() -= 1;
    }
}

impl Transport for Api {
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>> {
        Box::pin(async move {
            let in_flight = {
                let mut in_flight = self.in_flight.lock().unwrap();
                *in_flight += 1;
                *in_flight
            };
            let _flight = Flight(&self.in_flight);
            let at = self.clock.begun.elapsed().as_secs_f64();
            let asked = Asked { at, path: request.url.path().to_owned(), headers: request.headers, in_flight };
            self.asked.lock().unwrap().push(asked.clone());
            let (takes, came) = (self.play)(&asked);
            self.clock.sleep(Duration::from_secs_f64(takes)).await;
            let (status, headers) = came?;
            let json = HeaderValue::from_static("application/json");
            let mut map = HeaderMap::from_iter([(http::header::CONTENT_TYPE, json)]);
            for (name, value) in headers {
                map.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(&value).unwrap());
            }
            Ok(Incoming { status, headers: map, body: Bytes::from_static(b"{}").into() })
        })
    }
}

struct Variables(HashMap<&'static str, &'static str>);

impl Environment for Variables {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|&value| value.to_owned())
    }

    fn read_file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn file_length(&self, _: &Path) -> io::Result<u64> {
        Err(io::ErrorKind::NotFound.into())
    }
}

struct Nowhere;

impl Sinks for Nowhere {
    fn open(&self, _: &SinkSpec, _: &SinkTarget) -> Result<Box<dyn RecordSink>, SinkError> {
        panic!("nothing is written")
    }
}

#[derive(Default)]
struct Seen(Mutex<Vec<Event>>);

impl Observer for Seen {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    fn records(&self, _: Option<&str>, _: &[Record]) -> io::Result<()> {
        Ok(())
    }
}

struct Spec<'a>(&'a str);

impl Files for Spec<'_> {
    fn read(&self, _: &Path) -> io::Result<String> {
        Ok(self.0.to_owned())
    }
}

/// An API, and the runs that ask it.
struct Rig {
    api: Arc<Api>,
    world: World,
    seen: Arc<Seen>,
}

impl Rig {
    fn new(play: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let clock = Arc::new(Paused { begun: Instant::now(), dice: AtomicU64::new(1) });
        let api = Arc::new(Api {
            clock: Arc::clone(&clock),
            play: Box::new(play),
            asked: Mutex::default(),
            in_flight: Mutex::default(),
        });
        let world = World {
            clock,
            environment: Arc::new(Variables(HashMap::new())),
            transport: Arc::clone(&api) as _,
            state: Arc::new(MemoryState::default()),
            shared: Arc::<Shared>::default(),
        };
        Self { api, world, seen: Arc::default() }
    }

    async fn run(&self, yaml: &str) -> RunReport {
        self.run_as(yaml, &[], RunOptions::default(), Stop::new()).await
    }

    async fn run_as(
        &self,
        yaml: &str,
        variables: &[(&'static str, &'static str)],
        options: RunOptions,
        stop: Stop,
    ) -> RunReport {
        let environment = Arc::new(Variables(variables.iter().copied().collect()));
        let world = World { environment, ..self.world.clone() };
        run(plan(yaml), world, options, Arc::new(Nowhere), Arc::clone(&self.seen) as _, stop).await
    }

    fn asked(&self) -> Vec<Asked> {
        self.api.asked.lock().unwrap().clone()
    }

    /// Returns the most requests that began in any span of so many seconds.
    fn most_within(&self, seconds: f64) -> usize {
        let times: Vec<f64> = self.asked().iter().map(|asked| asked.at).collect();
        let within = |start: f64| times.iter().filter(|at| (start..start + seconds - 0.002).contains(*at)).count();
        times.iter().map(|start| within(*start)).max().unwrap_or_default()
    }

    fn elapsed(&self) -> f64 {
        self.api.clock.begun.elapsed().as_secs_f64()
    }

    fn events(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.seen.0.lock().unwrap().iter().filter(|event| wanted(event)).count()
    }
}

fn plan(yaml: &str) -> Arc<Plan> {
    let compiled = compile(Path::new("spec.yaml"), &Spec(yaml));
    compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.findings))
}

/// A flow that calls `GET /orders/N` for so many numbers.
fn calls(count: usize, concurrency: usize, api: &str, step: &str) -> String {
    format!(
        "
version: 1
inputs: {{token: {{type: string, default: none, env: TOKEN}}}}
apis:
  shop:
    base_url: https://shop.example
{api}
    endpoints:
      get_order: {{request: 'GET /orders/{{id}}', params: {{id: {{type: integer, required: true}}}}}}
steps:
  - id: fetched
    for_each: '{{{{ range({count}) }}}}'
    call: {{endpoint: shop.get_order, params: {{id: '{{{{ item }}}}'}}}}
    concurrency: {concurrency}
{step}"
    )
}

fn ok() -> Answer {
    (0.01, Ok((200, Vec::new())))
}

fn status(status: u16, headers: &[(&'static str, &str)]) -> Answer {
    (0.01, Ok((status, headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())))
}

fn refused() -> Answer {
    (0.001, Err(TransportError::Connect("connection refused".to_owned())))
}

fn failure(report: &RunReport) -> String {
    report.errors.iter().map(|error| format!("{}: {}", error.code, error.message)).collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn two_runs_of_one_process_keep_to_one_limit() {
    let rig = Rig::new(|_| ok());
    let yaml = calls(10, 10, "    rate_limit: {rate: 4/1s}", "");
    let (first, second) = tokio::join!(rig.run(&yaml), rig.run(&yaml));
    assert_eq!((first.status, second.status), (Status::Ok, Status::Ok));
    assert_eq!(rig.asked().len(), 20);
    assert_eq!(rig.most_within(1.0), 4);
    assert!((4.0..4.5).contains(&rig.elapsed()), "{}", rig.elapsed());
}

#[tokio::test(start_paused = true)]
async fn another_api_has_a_limit_of_its_own() {
    let rig = Rig::new(|_| ok());
    let yaml = calls(8, 8, "    rate_limit: {rate: 4/1s}", "");
    let other = yaml.replace("shop.example", "other.example");
    tokio::join!(rig.run(&yaml), rig.run(&other));
    assert_eq!(rig.most_within(1.0), 8);
}

#[tokio::test(start_paused = true)]
async fn each_credential_has_its_share() {
    let shared = |share: &str| {
        let auth = "    auth: {type: bearer, token: '{{ inputs.token }}'}";
        calls(8, 8, &format!("{auth}\n    rate_limit: {{rate: 4/1s, share: {share}}}"), "")
    };
    for (share, tokens, most) in [("credential", ["a", "b"], 8), ("credential", ["a", "a"], 4), ("api", ["a", "b"], 4)]
    {
        let rig = Rig::new(|_| ok());
        let [first, second] = tokens;
        let (yaml, options) = (shared(share), RunOptions::default());
        let (first, second) = ([("TOKEN", first)], [("TOKEN", second)]);
        let (first, second) = tokio::join!(
            rig.run_as(&yaml, &first, options.clone(), Stop::new()),
            rig.run_as(&yaml, &second, options.clone(), Stop::new()),
        );
        assert_eq!((first.status, second.status), (Status::Ok, Status::Ok), "{}", failure(&first));
        assert_eq!(rig.most_within(1.0), most, "{share} {tokens:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_go_in_the_order_in_which_they_came() {
    let rig = Rig::new(|_| ok());
    let report = rig.run(&calls(30, 30, "    rate_limit: {rate: 5/1s}\n    concurrency: 2", "")).await;
    assert_eq!(report.status, Status::Ok);
    let paths: Vec<String> = rig.asked().into_iter().map(|asked| asked.path).collect();
    let expected: Vec<String> = (0..30).map(|number| format!("/orders/{number}")).collect();
    assert_eq!(paths, expected);
    assert!(rig.asked().iter().all(|asked| asked.in_flight <= 2));
}

#[tokio::test(start_paused = true)]
async fn fewer_are_in_flight_after_a_refusal_and_then_more_again() {
    // An API that takes eight at once, and says no more than 429.
    let rig = Rig::new(|asked| if asked.in_flight > 8 { status(429, &[]) } else { (0.1, Ok((200, Vec::new()))) });
    let report = rig.run(&calls(2000, 32, "    retry: {attempts: 50}", "")).await;
    assert_eq!(report.status, Status::Ok, "{}", failure(&report));
    let asked = rig.asked();
    assert_eq!(asked.iter().take(32).map(|asked| asked.in_flight).max(), Some(32));
    let later: Vec<usize> = asked.iter().skip(200).map(|asked| asked.in_flight).collect();
    assert!(later.iter().all(|in_flight| *in_flight <= 9), "{:?}", later.iter().max());
    let refusals = later.iter().filter(|in_flight| **in_flight > 8).count();
    assert!(refusals < 60, "{refusals}");
    // It stays busy: four at once on average would take 50 s.
    assert!(rig.elapsed() < 50.0, "{}", rig.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_bound_of_the_spec_is_never_exceeded() {
    let rig = Rig::new(|asked| if asked.path.ends_with('0') { status(429, &[]) } else { ok() });
    let yaml = calls(500, 20, "    concurrency: 6\n    errors: [{status: 429, action: skip}]", "");
    let report = rig.run(&yaml).await;
    assert_eq!(report.status, Status::Ok, "{}", failure(&report));
    assert_eq!(rig.asked().iter().map(|asked| asked.in_flight).max(), Some(6));
}

/// Plays an API that takes ten requests in each ten seconds, and says so in its headers.
fn window(form: fn(left: u64, reset: f64) -> Vec<(&'static str, String)>) -> impl Fn(&Asked) -> Answer + Send + Sync {
    let taken: Mutex<(f64, u64)> = Mutex::default();
    move |asked| {
        let end = (asked.at / 10.0).floor() * 10.0 + 10.0;
        let mut taken = taken.lock().unwrap();
        if taken.0 < end {
            *taken = (end, 0);
        }
        taken.1 += 1;
        let headers = form(10_u64.saturating_sub(taken.1), end - asked.at);
        (0.02, Ok((if taken.1 > 10 { 429 } else { 200 }, headers)))
    }
}

#[tokio::test(start_paused = true)]
async fn headers_slow_it_down_before_the_api_refuses() {
    type Form = fn(u64, f64) -> Vec<(&'static str, String)>;
    let forms: [Form; 5] = [
        |left, reset| vec![("ratelimit", format!("\"default\";r={left};t={}", reset.ceil()))],
        |left, reset| vec![("ratelimit", format!("limit=10, remaining={left}, reset={}", reset.ceil()))],
        |left, reset| vec![("ratelimit-remaining", left.to_string()), ("ratelimit-reset", reset.ceil().to_string())],
        |left, reset| vec![("x-ratelimit-remaining", left.to_string()), ("x-ratelimit-reset", format!("{reset:.3}"))],
        |left, reset| {
            vec![("x-rate-limit-remaining", left.to_string()), ("x-rate-limit-reset", reset.ceil().to_string())]
        },
    ];
    for (number, form) in forms.into_iter().enumerate() {
        for concurrency in [1, 3] {
            let rig = Rig::new(window(form));
            let report = rig.run(&calls(35, concurrency, "", "")).await;
            assert_eq!(report.status, Status::Ok, "{}", failure(&report));
            // Nothing was refused, nor put off further than to the windows that it needs.
            assert_eq!(rig.asked().len(), 35, "form {number}, {concurrency} at once");
            assert!((30.0..39.0).contains(&rig.elapsed()), "form {number}: {}", rig.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_spec_names_counts_and_nothing_else() {
    let play = |asked: &Asked| -> Answer {
        let left = if asked.path == "/orders/0" { "0" } else { "100" };
        status(
            200,
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "300"), ("x-left", left), ("x-again", "20")],
        )
    };
    let rig = Rig::new(play);
    rig.run(&calls(3, 1, "    rate_limit: {remaining: header.X-Left, reset: header.X-Again}", "")).await;
    assert!((20.0..21.0).contains(&rig.elapsed()), "{}", rig.elapsed());
    let rig = Rig::new(play);
    rig.run(&calls(3, 1, "", "")).await;
    assert!((600.0..601.0).contains(&rig.elapsed()), "{}", rig.elapsed());
}

#[tokio::test(start_paused = true)]
async fn nonsense_in_headers_stops_nothing() {
    for (remaining, reset) in [("0", "999999999999999"), ("0", "1e300"), ("-1", "-5"), ("NaN", "NaN"), ("0", "4000")] {
        let rig = Rig::new(move |_| status(200, &[("x-ratelimit-remaining", remaining), ("x-ratelimit-reset", reset)]));
        let report = rig.run(&calls(20, 4, "", "")).await;
        assert_eq!(report.status, Status::Ok, "{}", failure(&report));
        assert!(rig.elapsed() < 1.0, "{remaining} {reset}: {}", rig.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_makes_all_wait_who_share_the_limit() {
    let rig = Rig::new(|asked| {
        if asked.at < 30.0 && asked.path == "/orders/3" { status(429, &[("retry-after", "30")]) } else { ok() }
    });
    let report = rig.run(&calls(40, 2, "", "")).await;
    assert_eq!(report.status, Status::Ok);
    assert!(rig.asked().iter().all(|asked| asked.at < 1.0 || asked.at >= 30.0));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_fails_the_run_and_not_each_record() {
    let rig = Rig::new(|_| status(429, &[("retry-after", "3600")]));
    let report = rig.run(&calls(1000, 4, "", "    on_error: skip")).await;
    assert_eq!(report.status, Status::Failed);
    assert!(rig.asked().len() <= 4, "{}", rig.asked().len());
    let message = failure(&report);
    let expected = "the API `shop` wants no more requests for 1h, and `max_elapsed` is 10m";
    assert!(message.starts_with("api-unavailable: ") && message.ends_with(expected), "{message}");
    assert!(rig.elapsed() < 1.0);
    // Neither does a later run ask, before the time is over.
    let report = rig.run(&calls(1, 1, "", "")).await;
    assert!(failure(&report).starts_with("api-unavailable"), "{}", failure(&report));
    assert!(rig.asked().len() <= 4);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_own_limit_is_none_of_the_time_that_attempts_may_take() {
    // The last one has its turn after 19 minutes.
    let rig = Rig::new(|asked| if asked.path == "/orders/19" && asked.at < 1150.0 { status(503, &[]) } else { ok() });
    let report = rig.run(&calls(20, 20, "    rate_limit: {rate: 1/1m}", "")).await;
    assert_eq!(report.status, Status::Ok, "{}", failure(&report));
    assert_eq!(rig.asked().len(), 21);
}

#[tokio::test(start_paused = true)]
async fn attempts_and_the_waits_between_them_are() {
    let rig = Rig::new(|_| (100.0, Ok((503, Vec::new()))));
    let api = "    retry: {attempts: 100, max_elapsed: 5m, backoff: {initial: 10s, max: 10s, jitter: false}}";
    let report = rig.run(&calls(1, 1, api, "")).await;
    assert!(failure(&report).starts_with("http-status"), "{}", failure(&report));
    // 100 + 10 + 100 + 10 + 100 is more than 300.
    assert_eq!(rig.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_is_dead_fails_the_run_and_does_not_reject_a_million_records() {
    let rig = Rig::new(|_| refused());
    let report = rig.run(&calls(9_000, 8, "", "    on_error: skip")).await;
    assert_eq!(report.status, Status::Failed);
    let message = failure(&report);
    let asked = rig.asked().len();
    assert!(message.contains("the API `shop` at https://shop.example does not work: all "), "{message}");
    let expected = format!("all {asked} requests since 2025-03-01T10:00:00Z failed, for 10m");
    assert!(message.contains(&expected), "{asked} {message}");
    assert!(message.ends_with("connection refused"), "{message}");
    assert!((600.0..620.0).contains(&rig.elapsed()), "{}", rig.elapsed());
    // Twenty and what was in flight, and then one after waits of 1 to 60 s.
    assert!((30..60).contains(&asked), "{asked}");
    let rejected = report.steps.iter().map(|step| step.counts.failed).sum::<u64>();
    assert!(rejected < 30, "{rejected}");
    assert!(rig.events(|event| matches!(event, Event::CircuitOpened { .. })) > 5);
    assert_eq!(rig.events(|event| matches!(event, Event::CircuitClosed { .. })), 0);
}

#[tokio::test(start_paused = true)]
async fn one_request_probes_at_a_time_and_all_go_when_the_api_is_back() {
    let rig = Rig::new(|asked| if asked.at < 100.0 { refused() } else { ok() });
    let report = rig.run(&calls(500, 16, "    retry: {attempts: 1000}", "")).await;
    assert_eq!(report.status, Status::Ok, "{}", failure(&report));
    let asked = rig.asked();
    let probes: Vec<_> = asked.iter().filter(|asked| (5.0..100.0).contains(&asked.at)).collect();
    assert!(probes.len() < 10, "{}", probes.len());
    assert!(probes.iter().all(|asked| asked.in_flight == 1));
    assert_eq!(rig.events(|event| matches!(event, Event::CircuitClosed { .. })), 1);
    // Once it answers, they go as they did before.
    assert!(asked.iter().any(|asked| asked.at > 100.0 && asked.in_flight > 8));
    assert!(rig.elapsed() < 170.0, "{}", rig.elapsed());
}

#[tokio::test(start_paused = true)]
async fn waits_for_an_api_that_is_down_are_no_attempts() {
    // Five minutes away: thirty attempts a millisecond apart would long be over.
    let rig = Rig::new(|asked| if asked.at < 300.0 && asked.path != "/orders/0" { refused() } else { ok() });
    let api = "    retry: {attempts: 30, max_elapsed: 8m, backoff: {initial: 1ms, max: 1ms, jitter: false}}";
    let report = rig.run(&calls(4, 1, api, "")).await;
    assert_eq!(report.status, Status::Ok, "{}", failure(&report));
    assert!((300.0..365.0).contains(&rig.elapsed()), "{}", rig.elapsed());
    let requests = report.steps.iter().map(|step| step.counts.requests).sum::<u64>();
    assert_eq!(rig.asked().len() as u64, requests);
}

#[tokio::test(start_paused = true)]
async fn bad_requests_do_not_look_like_a_dead_api() {
    for code in [400, 404, 422, 501] {
        let rig = Rig::new(move |_| status(code, &[]));
        let report = rig.run(&calls(100, 8, "", "    on_error: skip")).await;
        assert_eq!(report.status, Status::Partial, "{code}");
        assert_eq!(rig.asked().len(), 100, "{code}");
    }
    // Nor does what a rule takes as it is.
    let rig = Rig::new(|_| status(500, &[]));
    let report = rig.run(&calls(100, 8, "    errors: [{status: 500, action: skip}]", "")).await;
    assert_eq!((report.status, rig.asked().len()), (Status::Ok, 100));
    // Nor do ever so many 500s among which one goes well now and then.
    let rig = Rig::new(|asked| if asked.path.ends_with('5') { ok() } else { status(500, &[]) });
    let report = rig.run(&calls(200, 8, "    retry: none", "    on_error: skip")).await;
    assert_eq!(report.status, Status::Partial);
    assert_eq!(rig.events(|event| matches!(event, Event::CircuitOpened { .. })), 0);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_another_run_opened_holds_this_one_too_and_gives_it_its_own_time() {
    let rig = Rig::new(|asked| if asked.at < 900.0 { refused() } else { ok() });
    let report = rig.run(&calls(1000, 8, "", "    on_error: skip")).await;
    assert_eq!(report.status, Status::Failed);
    let before = rig.asked().len();
    let report = rig.run(&calls(100, 8, "    retry: {attempts: 100}", "")).await;
    assert_eq!(report.status, Status::Ok, "{}", failure(&report));
    let failed = rig.asked().iter().skip(before).filter(|asked| asked.at < 900.0).count();
    assert!(failed < 12, "{failed}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_breaks_all_waits_off() {
    let waits = [
        ("    rate_limit: {rate: 1/1h}", None),
        ("    concurrency: 1", Some((9000.0, Ok((200, Vec::new()))))),
        ("", Some(status(200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "500")]))),
        ("    retry: {attempts: 1000, max_elapsed: 2h}", Some(refused())),
    ];
    for (api, answer) in waits {
        let rig = Rig::new(move |_| answer.clone().unwrap_or_else(ok));
        let stop = Stop::new();
        let yaml = calls(50, 4, api, "");
        let (report, ()) = tokio::join!(rig.run_as(&yaml, &[], RunOptions::default(), stop.clone()), async {
            rig.api.clock.sleep(Duration::from_mins(5)).await;
            stop.stop();
        });
        assert_eq!(report.status, Status::Interrupted, "{api}: {}", failure(&report));
        assert!((300.0..301.0).contains(&rig.elapsed()), "{api}: {}", rig.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_shares_one_limit_and_each_request_costs_its_own() {
    let yaml = "
version: 1
apis:
  shop:
    base_url: https://shop.example
    endpoints:
      small: {request: 'GET /small/{id}', params: {id: {type: integer}}, rate_limit: {rate: 10/1s, group: all}}
      large:
        request: 'GET /large/{id}'
        params: {id: {type: integer}, pages: {type: integer, default: 5}}
        rate_limit: {group: all, cost: '{{ params.pages }}'}
steps:
  - for_each: '{{ range(10) }}'
    call: {endpoint: shop.small, params: {id: '{{ item }}'}}
    concurrency: 10
  - for_each: '{{ range(4) }}'
    call: {endpoint: shop.large, params: {id: '{{ item }}'}}
    concurrency: 4
";
    let rig = Rig::new(|_| ok());
    let report = rig.run(yaml).await;
    assert_eq!(report.status, Status::Ok, "{}", failure(&report));
    let asked = rig.asked();
    let times = asked.iter().filter(|asked| asked.path.contains("large")).map(|asked| asked.at.floor());
    assert_eq!(times.collect::<Vec<_>>(), [1.0, 1.0, 2.0, 2.0]);
}

#[tokio::test(start_paused = true)]
async fn several_limits_hold_at_once() {
    let rig = Rig::new(|_| ok());
    let report = rig.run(&calls(30, 30, "    rate_limit: [{rate: 4/1s}, {rate: 10/1m}]", "")).await;
    assert_eq!(report.status, Status::Ok);
    assert_eq!((rig.most_within(1.0), rig.most_within(60.0)), (4, 10));
    assert!((120.0..125.0).contains(&rig.elapsed()), "{}", rig.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_taken_up_again_sends_the_same_keys() {
    let yaml = "
version: 1
apis:
  shop:
    base_url: https://shop.example
    endpoints:
      create: {request: 'POST /orders/{id}', params: {id: {type: integer}}, idempotency: {in: header.Idempotency-Key}}
steps:
  - id: made
    for_each: '{{ range(3) }}'
    call: {endpoint: shop.create, params: {id: '{{ item }}'}}
";
    // Every other attempt fails.
    let count = AtomicU64::new(0);
    let rig =
        Rig::new(
            move |_| {
                if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { refused() } else { status(201, &[]) }
            },
        );
    let mut keys = Vec::new();
    for id in [Some("run-7"), Some("run-7"), None, None] {
        let options = RunOptions { run_id: id.map(str::to_owned), ..RunOptions::default() };
        let report = rig.run_as(yaml, &[], options, Stop::new()).await;
        assert_eq!(report.status, Status::Ok, "{}", failure(&report));
        assert!(id.is_none_or(|id| id == report.id));
        let mut sent: Vec<String> = rig.asked().iter().map(|asked| asked.header("idempotency-key")).collect();
        rig.api.asked.lock().unwrap().clear();
        assert_eq!(sent.len(), 6);
        sent.dedup();
        assert_eq!(sent.len(), 3);
        keys.push(sent);
    }
    let [first, second, third, fourth] = keys.try_into().unwrap();
    assert_eq!(first, second);
    assert!(third.iter().all(|key| !first.contains(key) && !fourth.contains(key)));
}
