//! When a request may go: rate limits, requests in flight, the circuit breaker. Knows nothing of what is asked.

mod breaker;
mod credential;
mod gate;
mod shared;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use engine_expr::{EvalError, Scope};
use engine_plan::{Endpoint, Plan};
use engine_request::{Answer, Budget, Hold, Period, RateLimit, Retry, Share, asked_wait, quotas};
use jiff::Timestamp;

use self::breaker::{Trouble, Way};
pub(crate) use self::credential::fingerprint as credential_of;
use self::gate::{Gate, Place};
use self::shared::Circuit;
pub use self::shared::Shared;
use crate::exchange::Asked;
use crate::failure::Failure;
use crate::report::{Event, WaitingFor};
use crate::world::{Clock, World};

/// Shorter waits are not told: nobody would see them.
const WORTH_TELLING: Duration = Duration::from_millis(100);

/// Lets the requests of a run go, when it is their turn.
pub(crate) struct Traffic {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    started: Timestamp,
    lanes: HashMap<String, Lane>,
}

/// Where the requests of one endpoint queue.
struct Lane {
    /// Whoever has it is the next to go: so they go in the order in which they came.
    turn: tokio::sync::Mutex<()>,
    /// How many requests of the API and of the endpoint may be in flight.
    bounds: [Option<usize>; 2],
    limits: Vec<Limited>,
    /// Whether the headers that everybody knows count: nothing else says where to look.
    knows_headers: bool,
    credential: OnceLock<Option<String>>,
    /// Where it went last: it is nearly always the same way.
    way: Mutex<Option<Arc<Route>>>,
}

/// A limit of an endpoint.
struct Limited {
    bucket: String,
    /// What it is in the beginning.
    full: Budget,
    limit: RateLimit,
}

/// What requests of an endpoint to one origin pass through.
struct Route {
    home: String,
    origin: String,
    /// In the order of their keys, so that no two wait for each other.
    draws: Vec<Draw>,
    gates: [Arc<Gate>; 2],
    circuit: Arc<Circuit>,
}

/// A budget that requests draw from.
struct Draw {
    key: String,
    budget: Arc<Mutex<Budget>>,
    /// The limit of the lane that it is of; none where only the headers that everybody knows say what is left.
    limit: Option<usize>,
}

/// What lets one request go. It is given back with the answer, or dropped where there is none that says anything.
pub(crate) struct Pass {
    route: Arc<Route>,
    places: [Place; 2],
    /// By what the answer is known, for each budget.
    marks: Vec<u64>,
    probe: Option<Probe>,
}

/// The one request that goes to see whether the API answers again.
struct Probe {
    number: u64,
    circuit: Arc<Circuit>,
    clock: Arc<dyn Clock>,
    is_sent: bool,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.circuit.breaker().left(self.number, self.is_sent, self.clock.now());
        self.circuit.changed.notify_waiters();
    }
}

impl Pass {
    /// Takes note that the request is on its way: from now on it counts, even if nobody waits for its answer.
    pub(crate) fn sent(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.is_sent = true;
        }
    }
}

/// Whether a request may go.
enum Turn {
    Go(Vec<u64>, Option<Probe>),
    /// Waits, and says for what where that is worth to be told.
    Wait(Duration, Option<WaitingFor>),
}

impl Traffic {
    /// Finds out what each endpoint of a plan draws from.
    pub(crate) fn new(plan: &Plan, world: &World, base: &Scope) -> Result<Self, Failure> {
        // Of a group one says the rate, and it holds for all.
        let mut rates: HashMap<&str, &RateLimit> = HashMap::new();
        for limit in plan.endpoints.iter().flat_map(|endpoint| &endpoint.rate_limits) {
            if limit.limit.rate.is_some() {
                rates.entry(&limit.bucket).or_insert(&limit.limit);
            }
        }
        let mut lanes = HashMap::new();
        for endpoint in &plan.endpoints {
            let mut limits = Vec::new();
            for limit in &endpoint.rate_limits {
                let full = rates.get(limit.bucket.as_str()).copied().unwrap_or(&limit.limit).budget(base)?;
                limits.push(Limited { bucket: limit.bucket.clone(), full, limit: limit.limit.clone() });
            }
            let bounds = [&endpoint.api_settings.concurrency, &endpoint.concurrency];
            let bounds = bounds.map(|bound| bound.as_ref().map(|bound| bound.resolve(base)).transpose());
            let [api, own] = bounds;
            let places = |bound: u32| usize::try_from(bound.max(1)).unwrap_or(usize::MAX);
            let lane = Lane {
                turn: tokio::sync::Mutex::default(),
                bounds: [api?.map(places), own?.map(places)],
                knows_headers: limits.iter().all(|limited| limited.limit.remaining.is_none()),
                limits,
                credential: OnceLock::new(),
                way: Mutex::default(),
            };
            lanes.insert(endpoint.id(), lane);
        }
        let (shared, clock) = (Arc::clone(&world.shared), Arc::clone(&world.clock));
        Ok(Self { shared, started: clock.now(), clock, lanes })
    }

    /// Waits until a request may go; nothing where the run is stopped meanwhile. `home` is where the API is at home, `origin`
    /// where the request goes.
    pub(crate) async fn enter(&self, asked: &Asked<'_>, home: &str, origin: &str) -> Result<Option<Pass>, Failure> {
        let Some(lane) = self.lanes.get(&asked.endpoint.id()) else {
            return Err(Failure::new("internal-error", "the endpoint is not in the plan", asked.span));
        };
        let route = self.route(lane, asked, home, origin)?;
        let costs = route.draws.iter().map(|draw| match draw.limit.and_then(|index| lane.limits.get(index)) {
            Some(limited) => limited.limit.cost(asked.scope),
            None => Ok(1),
        });
        let costs = costs.collect::<Result<Vec<u32>, EvalError>>()?;
        // Mostly nobody has to wait, and then nothing is made ready for it.
        let _turn = tokio::select! {
            biased;
            turn = lane.turn.lock() => turn,
            () = asked.stop.stopped() => return Ok(None),
        };
        loop {
            if asked.stop.is_stopped() {
                return Ok(None);
            }
            // Whoever looks and then waits must not miss what comes in between.
            let mut changed = std::pin::pin!(route.circuit.changed.notified());
            changed.as_mut().enable();
            let (wait, why) = match self.look(&route, &costs, asked, false)? {
                Turn::Wait(wait, why) => (wait, why),
                Turn::Go(..) => {
                    // The endpoint's place first: whoever waits for one does not keep those of the API from others.
                    let [api, own] = &route.gates;
                    let places = async {
                        let own = own.enter().await;
                        [api.enter().await, own]
                    };
                    let places = tokio::select! {
                        biased;
                        places = places => places,
                        () = asked.stop.stopped() => return Ok(None),
                    };
                    // Others may have gone while this one waited for its place.
                    match self.look(&route, &costs, asked, true)? {
                        Turn::Go(marks, probe) => {
                            return Ok(Some(Pass { route: Arc::clone(&route), places, marks, probe }));
                        }
                        Turn::Wait(wait, why) => (wait, why),
                    }
                }
            };
            if let Some(why) = why.filter(|_| wait >= WORTH_TELLING) {
                asked.tally.event(Event::Waiting { step: Arc::clone(asked.tally.step()), wait, why });
            }
            tokio::select! {
                () = self.clock.sleep(wait) => {}
                () = changed.as_mut() => {}
                () = asked.stop.stopped() => return Ok(None),
            }
        }
    }

    /// Learns from an answer: what is left, whether the API has enough, whether it works. One that a rule takes as it is says
    /// nothing against it, whatever its status. `shown` is what was asked and came.
    pub(crate) fn answered(
        &self,
        pass: Pass,
        asked: &Asked<'_>,
        answer: &Answer,
        is_taken: bool,
        shown: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        let is_refused = answer.status == 429;
        let is_failed = is_failure(answer.status) && !is_taken;
        let learned = self.learn(&pass, asked, answer, now);
        for place in &pass.places {
            if is_refused {
                if let Some(limit) = place.refused() {
                    tracing::debug!(endpoint = asked.endpoint.id(), limit, "fewer requests in flight, after a 429");
                }
            } else if !is_failed {
                place.succeeded();
            }
        }
        if is_failed {
            self.failed(pass, asked, &shown());
        } else {
            self.heard(pass, asked);
        }
        learned
    }

    /// Takes note that the API is there: something came, whatever can be made of it.
    #[expect(clippy::needless_pass_by_value, reason = "what passed is over with it")]
    pub(crate) fn heard(&self, pass: Pass, asked: &Asked<'_>) {
        let circuit = &pass.route.circuit;
        let since = circuit.breaker().succeeded();
        if let Some(since) = since {
            let after = Duration::try_from(self.clock.now().duration_since(since)).unwrap_or_default();
            let (step, api) = (Arc::clone(asked.tally.step()), asked.endpoint.api.clone());
            asked.tally.event(Event::CircuitClosed { step, api, after });
            circuit.changed.notify_waiters();
        }
    }

    /// Takes note of an answer of which nothing but the status is known.
    pub(crate) fn answered_unreadably(&self, pass: Pass, asked: &Asked<'_>, status: u16, why: &str) {
        if is_failure(status) { self.failed(pass, asked, why) } else { self.heard(pass, asked) }
    }

    /// Takes note that no answer came, or one that says that the API does not work. `why` is what was asked and what went wrong.
    pub(crate) fn failed(&self, pass: Pass, asked: &Asked<'_>, why: &str) {
        let Pass { route, probe, .. } = pass;
        let circuit = &route.circuit;
        let trouble = {
            let mut breaker = circuit.breaker();
            let probe = probe.as_ref().map(|probe| probe.number);
            breaker.failed(probe, why, self.clock.now()).then(|| breaker.trouble()).flatten()
        };
        if let Some(Trouble { failures, wait, last, .. }) = trouble {
            let (step, api) = (Arc::clone(asked.tally.step()), asked.endpoint.api.clone());
            asked.tally.event(Event::CircuitOpened { step, api, failures, wait, error: last });
            circuit.changed.notify_waiters();
        }
    }

    /// Tells whether a request may go now; with `take` it takes what it needs.
    fn look(&self, route: &Arc<Route>, costs: &[u32], asked: &Asked<'_>, take: bool) -> Result<Turn, Failure> {
        let now = self.clock.now();
        let way = route.circuit.breaker().way(now);
        match way {
            Way::Free | Way::Probe => {}
            Way::Closed(wait) => return self.down(route, wait, Some(WaitingFor::Api), asked, now),
            // It comes back at the latest when its time is over; who waits is told.
            Way::Probed => return self.down(route, Duration::MAX, None, asked, now),
        }
        let mut budgets: Vec<MutexGuard<'_, Budget>> =
            route.draws.iter().map(|draw| draw.budget.lock().unwrap_or_else(PoisonError::into_inner)).collect();
        let mut hold = Hold::default();
        for ((budget, draw), cost) in budgets.iter_mut().zip(&route.draws).zip(costs) {
            let mut one = budget.hold(*cost, now);
            if draw.limit.is_none() && !one.said.is_zero() && one.said > max_elapsed(asked)? {
                // What the spec doesn't name may mean something else: only where the API really refuses, that is an end.
                one.said = Duration::ZERO;
            }
            hold = hold.and(one);
        }
        let asks = hold.said.max(hold.refused);
        if !asks.is_zero() {
            let most = max_elapsed(asked)?;
            if asks > most {
                return Err(refusing(asked, asks, most));
            }
        }
        let wait = hold.longest();
        if !wait.is_zero() {
            return Ok(Turn::Wait(wait, Some(WaitingFor::RateLimit)));
        }
        if !take {
            return Ok(Turn::Go(Vec::new(), None));
        }
        let (way, number) = route.circuit.breaker().enter(now);
        // It was free when this was looked at a moment ago; the next look says how long it takes.
        if let Way::Closed(_) | Way::Probed = way {
            return Ok(Turn::Wait(Duration::ZERO, None));
        }
        let probe = number.map(|number| {
            let (circuit, clock) = (Arc::clone(&route.circuit), Arc::clone(&self.clock));
            Probe { number, circuit, clock, is_sent: false }
        });
        let marks = budgets.iter_mut().zip(costs).map(|(budget, cost)| budget.take(*cost, now)).collect();
        Ok(Turn::Go(marks, probe))
    }

    /// Waits for an API that does not answer, unless that was long enough.
    fn down(
        &self,
        route: &Route,
        wait: Duration,
        why: Option<WaitingFor>,
        asked: &Asked<'_>,
        now: Timestamp,
    ) -> Result<Turn, Failure> {
        let Some(trouble) = route.circuit.breaker().trouble() else {
            return Ok(Turn::Wait(Duration::ZERO, None));
        };
        // What was before the run is none of its time.
        let waited = Duration::try_from(now.duration_since(trouble.opened.max(self.started))).unwrap_or_default();
        let most = max_elapsed(asked)?;
        if waited >= most {
            return Err(unavailable(asked, &route.origin, &trouble, most, now));
        }
        Ok(Turn::Wait(wait.min(most.saturating_sub(waited)), why))
    }

    fn learn(&self, pass: &Pass, asked: &Asked<'_>, answer: &Answer, now: Timestamp) -> Result<(), Failure> {
        let Some(lane) = self.lanes.get(&asked.endpoint.id()) else { return Ok(()) };
        let pause = if answer.status == 429 { refused_for(asked, answer, now)? } else { None };
        for (draw, mark) in pass.route.draws.iter().zip(&pass.marks) {
            let said = match draw.limit.and_then(|index| lane.limits.get(index)) {
                Some(limited) => limited.limit.quotas(answer, asked.scope, now)?.unwrap_or_default(),
                None if lane.knows_headers => quotas(answer, now),
                None => Vec::new(),
            };
            let mut budget = draw.budget.lock().unwrap_or_else(PoisonError::into_inner);
            budget.learn(&said, *mark, now);
            if let Some(wait) = pause {
                budget.pause(wait, now);
            }
        }
        Ok(())
    }

    /// Returns what requests of an endpoint pass through.
    fn route(&self, lane: &Lane, asked: &Asked<'_>, home: &str, origin: &str) -> Result<Arc<Route>, Failure> {
        let mut way = lane.way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = way.as_ref().filter(|known| known.home == home && known.origin == origin) {
            return Ok(Arc::clone(known));
        }
        let route = Arc::new(self.new_route(lane, asked, home, origin)?);
        *way = Some(Arc::clone(&route));
        Ok(route)
    }

    fn new_route(&self, lane: &Lane, asked: &Asked<'_>, home: &str, origin: &str) -> Result<Route, Failure> {
        let now = self.clock.now();
        let endpoint = asked.endpoint;
        let credential = if let Some(known) = lane.credential.get() {
            known.clone()
        } else {
            let found = credential::fingerprint(&endpoint.auth, asked.scope)?;
            lane.credential.get_or_init(|| found).clone()
        };
        let credential = credential.unwrap_or_default();
        let mut draws: Vec<Draw> = Vec::new();
        for (index, limited) in lane.limits.iter().enumerate() {
            let of = if limited.limit.share == Some(Share::Credential) { credential.as_str() } else { "" };
            // Runs that limit it otherwise don't share it.
            let key = format!("{home}\n{}\n{of}\n{:?}", limited.bucket, limited.full);
            let budget = self.shared.budget(&key, now, || limited.full.clone());
            // What an endpoint says about a group counts, not what its API says.
            draws.retain(|draw| draw.key != key);
            draws.push(Draw { key, budget, limit: Some(index) });
        }
        let key = format!("{home}\n{}\n{credential}", endpoint.id());
        let budget = self.shared.budget(&key, now, Budget::of_answers);
        draws.push(Draw { key, budget, limit: None });
        draws.sort_by(|left, right| left.key.cmp(&right.key));
        let [api, own] = lane.bounds;
        Ok(Route {
            gates: [
                self.shared.gate(&format!("{home}\n{}", endpoint.api), api, now),
                self.shared.gate(&format!("{home}\n{}", endpoint.id()), own, now),
            ],
            circuit: self.shared.circuit(&format!("{origin}\n{}", endpoint.api), now),
            home: home.to_owned(),
            origin: origin.to_owned(),
            draws,
        })
    }
}

/// Tells whether a status says that the API does not work.
fn is_failure(status: u16) -> bool {
    status >= 500 && status != 501
}

/// Returns how long an API may be away, or may ask to wait.
fn max_elapsed(asked: &Asked<'_>) -> Result<Duration, EvalError> {
    let default = Retry::default();
    Ok(asked.endpoint.retry.as_ref().unwrap_or(&default).resolve(asked.scope)?.max_elapsed())
}

/// Returns for how long an API wants no more requests.
fn refused_for(asked: &Asked<'_>, answer: &Answer, now: Timestamp) -> Result<Option<Duration>, EvalError> {
    match &asked.endpoint.retry {
        Some(retry) => retry.resolve(asked.scope)?.asked(answer, asked.scope, now),
        None => Ok(asked_wait(answer, now)),
    }
}

/// Says that an API is away.
fn unavailable(asked: &Asked<'_>, origin: &str, trouble: &Trouble, most: Duration, now: Timestamp) -> Failure {
    let Endpoint { api, .. } = asked.endpoint;
    let Trouble { failures, since, last, .. } = trouble;
    let since = since.round(jiff::Unit::Second).unwrap_or(*since);
    let span = asked.span;
    let time = shown(Duration::try_from(now.duration_since(since)).unwrap_or_default());
    Failure::new(
        "api-unavailable",
        format!(
            "the API `{api}` at {origin} does not work: all {failures} requests since {since} failed, for {time}; the last: {last}"
        ),
        span,
    )
    .help(format!(
        "run it again when {origin} answers; meanwhile one request at a time asked whether it does, less and less often, up to once a minute. This went on for {}, which is `max_elapsed`: `retry: {{max_elapsed: 2h}}` waits that long",
        Period::new(most)
    ))
    .fatal()
}

/// Says that an API wants no requests for longer than anybody waits.
fn refusing(asked: &Asked<'_>, wait: Duration, most: Duration) -> Failure {
    let api = &asked.endpoint.api;
    Failure::new(
        "api-unavailable",
        format!(
            "the API `{api}` wants no more requests for {}, and `max_elapsed` is {}",
            shown(wait),
            Period::new(most)
        ),
        asked.span,
    )
    .help("raise `max_elapsed` of `retry` to wait that long, or run it again later")
    .fatal()
}

/// Shows a length of time as exactly as anybody wants to know it: in seconds, and from two minutes on in minutes.
fn shown(time: Duration) -> Period {
    let unit = if time < Duration::from_mins(2) { 1 } else { 60 };
    let units = (time.as_secs_f64() / f64::from(unit)).round().max(1.0);
    Period::new(Duration::try_from_secs_f64(units * f64::from(unit)).unwrap_or(Duration::MAX))
}
