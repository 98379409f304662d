//! Requests that fail: before they arrive, after, or since the API says so.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use engine_expr::Value;
use engine_plan::{Endpoint, Plan};
use engine_request::{Auth, Idempotency, Removable, RetryOn, Target};
use engine_runtime::{Body, BoxFuture, Clock, Incoming, Outgoing, Transport, TransportError};
use engine_spec::ItemAction;
use http::{HeaderMap, Method};
use jiff::SignedDuration;

use super::store::Crash;
use crate::apis::Apis;
use crate::clock::{VirtualClock, next};
use crate::paging;
use crate::sent::Request;
use crate::stage::Stage;

/// Of how many requests one meets a fault.
const ODDS: u64 = 4;

/// Of how many requests one finds that the clock was set.
const JUMPS: u64 = 16;

/// What was answered to each request, in order.
pub(super) type Pinned = HashMap<String, Vec<Result<Incoming, TransportError>>>;

/// Writes that arrived, by the endpoint; each counts once for its key.
pub(super) type Applied = BTreeMap<String, Vec<Value>>;

/// Answers as the APIs do, but not always.
pub(super) struct Faults {
    apis: Arc<Apis>,
    clock: Arc<VirtualClock>,
    pinned: Option<Arc<Pinned>>,
    crash: Arc<Crash>,
    /// The endpoints by which APIs are logged in to.
    logins: HashSet<String>,
    /// Whether no step goes on without what a read could not give.
    fails_as_a_whole: bool,
    is_calm: AtomicBool,
    count: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    dice: u64,
    /// The requests that met a fault: each does once.
    met: HashSet<String>,
    /// What is answered to a request whose answer got lost, when it comes again.
    lost: HashMap<String, Result<Incoming, TransportError>>,
    /// The last page of each read.
    pages: HashMap<String, Incoming>,
    /// How many of the pinned answers each request has had.
    turns: HashMap<String, usize>,
    answered: Pinned,
    /// The writes that arrived, by what they are known by.
    applied: BTreeMap<(String, String), Value>,
    without_key: Option<String>,
    log: Vec<String>,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    NeverConnects,
    NeverArrives,
    AnswerIsLate,
    AnswerIsTorn,
    /// The page before comes once more.
    PageRepeats,
    Status(u16),
}

impl Faults {
    pub(super) fn new(stage: &Stage<'_>, seed: u64, pinned: Option<Arc<Pinned>>, crash: Arc<Crash>) -> Self {
        Self {
            apis: Arc::clone(&stage.apis),
            clock: Arc::clone(&stage.clock),
            logins: stage.plan.endpoints.iter().filter(|it| is_login(&stage.plan, it)).map(|it| it.id()).collect(),
            fails_as_a_whole: fails_as_a_whole(&stage.plan),
            is_calm: AtomicBool::new(pinned.is_none()),
            pinned,
            crash,
            count: AtomicU64::new(0),
            state: Mutex::new(State { dice: seed, ..State::default() }),
        }
    }

    /// Lets nothing fail any more.
    pub(super) fn calm(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
    }

    /// Forgets which page came last: whoever begins anew has none before the first.
    pub(super) fn begin(&self) {
        self.with(|state| state.pages.clear());
    }

    pub(super) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn note(&self, line: String) {
        self.with(|state| state.log.push(line));
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.with(|state| state.log.clone())
    }

    pub(super) fn answered(&self) -> Pinned {
        self.with(|state| state.answered.clone())
    }

    pub(super) fn without_key(&self) -> Option<String> {
        self.with(|state| state.without_key.clone())
    }

    pub(super) fn applied(&self) -> Applied {
        self.with(|state| {
            let mut applied = Applied::new();
            for ((asked, _), body) in &state.applied {
                applied.entry(asked.clone()).or_default().push(body.clone());
            }
            applied
        })
    }

    fn with<T>(&self, ask: impl FnOnce(&mut State) -> T) -> T {
        ask(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn answer(&self, outgoing: Outgoing) -> Result<Incoming, TransportError> {
        if self.crash.is_dead() {
            return std::future::pending().await;
        }
        let request = Request::of(&outgoing);
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let identity = format!("{} {} {} {body}", request.asked, request.method, request.url);
        let timeout = outgoing.timeout;
        let endpoint = self.apis.endpoint(&request.asked).map(|(_, endpoint)| Arc::clone(endpoint));
        let fault = self.choose(endpoint.as_deref(), &request, &identity);
        if let Some(fault) = fault {
            self.count.fetch_add(1, Ordering::Relaxed);
            self.note(format!("{} {}: {}", request.method, request.url.path(), fault.told()));
        }
        match fault {
            None => self.arrives(outgoing, endpoint.as_deref(), &request, &identity).await,
            Some(Fault::NeverConnects) => Err(TransportError::Connect("the host is away".to_owned())),
            Some(Fault::NeverArrives) => {
                self.clock.sleep(timeout).await;
                Err(TransportError::Timeout(timeout))
            }
            Some(Fault::Status(status)) => {
                Ok(Incoming { status, headers: HeaderMap::new(), body: Body::Bytes(Bytes::from_static(b"{}")) })
            }
            Some(Fault::PageRepeats) => {
                let read = endpoint.as_deref().and_then(|endpoint| paging::read_of(endpoint, &request.url));
                match read.and_then(|read| self.with(|state| state.pages.get(&read).cloned())) {
                    Some(page) => Ok(page),
                    None => self.arrives(outgoing, endpoint.as_deref(), &request, &identity).await,
                }
            }
            Some(Fault::AnswerIsLate | Fault::AnswerIsTorn) => {
                let answer = self.arrives(outgoing, endpoint.as_deref(), &request, &identity).await;
                self.with(|state| state.lost.insert(identity, answer));
                if fault == Some(Fault::AnswerIsTorn) {
                    return Err(TransportError::Broken("the body ends in the middle".to_owned()));
                }
                self.clock.sleep(timeout).await;
                Err(TransportError::Timeout(timeout))
            }
        }
    }

    /// Chooses what happens to a request: only what the engine says that it gets over.
    fn choose(&self, endpoint: Option<&Endpoint>, request: &Request, identity: &str) -> Option<Fault> {
        if self.is_calm() {
            return None;
        }
        let mut kinds = kinds(endpoint, &request.method);
        // A second token that is refused is one too many.
        let pinned = self.pinned.as_ref().and_then(|pinned| pinned.get(identity));
        if pinned.into_iter().flatten().flatten().any(|answer| answer.status == 401) {
            kinds.retain(|kind| *kind != Fault::Status(401));
        }
        // A read that fails for it is started again, unless the spec lets its step go on without those records.
        let read =
            endpoint.filter(|_| self.fails_as_a_whole).and_then(|endpoint| paging::read_of(endpoint, &request.url));
        self.with(|state| {
            if read.is_some_and(|read| state.pages.contains_key(&read)) {
                kinds.push(Fault::PageRepeats);
            }
            if next(&mut state.dice).is_multiple_of(JUMPS) {
                let minutes = i64::try_from(next(&mut state.dice) % 120).unwrap_or(0) - 30;
                self.clock.jump(SignedDuration::from_mins(minutes));
                state.log.push(format!("the clock is set by {minutes} minutes"));
            }
            let is_met = next(&mut state.dice).is_multiple_of(ODDS);
            let which = next(&mut state.dice);
            if !is_met || kinds.is_empty() || !state.met.insert(identity.to_owned()) {
                return None;
            }
            let at = usize::try_from(which % kinds.len() as u64).unwrap_or(0);
            kinds.get(at).copied()
        })
    }

    /// Lets a request arrive.
    async fn arrives(
        &self,
        outgoing: Outgoing,
        endpoint: Option<&Endpoint>,
        request: &Request,
        identity: &str,
    ) -> Result<Incoming, TransportError> {
        let is_write = !matches!(request.method, Method::GET | Method::HEAD);
        let answer = self.answered_with(outgoing, endpoint, request, identity, is_write).await;
        // What is refused is not done.
        let is_done = answer.as_ref().is_ok_and(|answer| answer.status < 400);
        if let Some(endpoint) = endpoint.filter(|endpoint| is_write && self.changes(endpoint)) {
            self.counts(endpoint, request, identity, is_done);
        }
        answer
    }

    /// Tells whether requests that are no GET change something: not who logs in again, nor who asks in a body.
    fn changes(&self, endpoint: &Endpoint) -> bool {
        let only_asks = endpoint.records.is_some() && matches!(endpoint.idempotency, Some(Idempotency::Natural));
        !only_asks && !self.logins.contains(&endpoint.id())
    }

    /// Takes note of a write that arrived.
    fn counts(&self, endpoint: &Endpoint, request: &Request, identity: &str, is_done: bool) {
        let key = key_of(endpoint, request);
        let wants_key = endpoint.idempotency.as_ref().is_some_and(|it| it.key().is_some());
        let is_natural = matches!(endpoint.idempotency, Some(Idempotency::Natural));
        self.with(|state| {
            if wants_key && key.is_none() {
                state.without_key = Some(format!("{} {}", request.method, request.url.path()));
            }
            if !is_done {
                return;
            }
            let known = key.clone().unwrap_or_else(|| match request.method {
                Method::PUT | Method::DELETE => identity.to_owned(),
                _ if is_natural => identity.to_owned(),
                // Each counts.
                _ => format!("{identity} {}", state.applied.len()),
            });
            let value = Value::object([("path", Value::from(request.url.path())), ("body", request.body())]);
            state.applied.entry((request.asked.to_string(), known)).or_insert(value);
        });
    }

    /// Answers as it was answered without faults, and again as before where the answer got lost.
    async fn answered_with(
        &self,
        outgoing: Outgoing,
        endpoint: Option<&Endpoint>,
        request: &Request,
        identity: &str,
        is_write: bool,
    ) -> Result<Incoming, TransportError> {
        if let Some(lost) = self.with(|state| state.lost.remove(identity)) {
            return lost;
        }
        let pinned = self.pinned.as_ref().filter(|_| endpoint.is_some() && !self.apis.has_pages(&request.asked));
        if let Some(answers) = pinned.and_then(|pinned| pinned.get(identity)) {
            let turn = self.with(|state| {
                let turn = state.turns.entry(identity.to_owned()).or_default();
                *turn += 1;
                *turn - 1
            });
            if let Some(answer) = answers.get(turn.min(answers.len().saturating_sub(1))) {
                return answer.clone();
            }
        }
        let answer = self.apis.send(outgoing).await;
        let read = endpoint.filter(|_| !is_write).and_then(|endpoint| paging::read_of(endpoint, &request.url));
        if let (Some(read), Ok(page)) = (read, &answer) {
            self.with(|state| state.pages.insert(read, page.clone()));
        }
        self.with(|state| state.answered.entry(identity.to_owned()).or_default().push(answer.clone()));
        answer
    }
}

impl Transport for Faults {
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>> {
        Box::pin(self.answer(request))
    }
}

impl Fault {
    fn told(self) -> String {
        match self {
            Self::NeverConnects => "no connection".to_owned(),
            Self::NeverArrives => "no answer, and it did not arrive".to_owned(),
            Self::AnswerIsLate => "no answer, though it arrived".to_owned(),
            Self::AnswerIsTorn => "the answer breaks off, though it arrived".to_owned(),
            Self::PageRepeats => "the page before comes once more".to_owned(),
            Self::Status(status) => format!("answered {status}"),
        }
    }
}

/// Tells whether an endpoint is one by which its API is logged in to.
fn is_login(plan: &Plan, endpoint: &Endpoint) -> bool {
    let others = plan.endpoints.iter().filter(|other| other.api == endpoint.api);
    others.flat_map(|other| &other.auth).any(|auth| logs_in(auth, &endpoint.name))
}

fn logs_in(auth: &Auth, name: &str) -> bool {
    match auth {
        Auth::Session(session) => session.login.iter().any(|login| login.as_str() == name),
        Auth::Switch(switch) => switch
            .cases
            .values()
            .filter_map(Removable::as_set)
            .any(|auths| auths.iter().any(|auth| logs_in(auth, name))),
        _ => false,
    }
}

/// Tells whether all that fails in a flow fails the whole of it.
fn fails_as_a_whole(plan: &Plan) -> bool {
    let mut is_whole = true;
    plan.walk(&mut |step| is_whole &= step.on_error.action == ItemAction::Fail && step.on_error.steps.is_empty());
    is_whole
}

/// Returns the faults that a request is to get over, by what the spec says of its retries.
fn kinds(endpoint: Option<&Endpoint>, method: &Method) -> Vec<Fault> {
    // Who gives tokens is asked by the defaults.
    let Some(endpoint) = endpoint else { return vec![Fault::NeverConnects, Fault::NeverArrives, Fault::Status(503)] };
    let Some(retry) = &endpoint.retry else { return Vec::new() };
    if retry.attempts.as_ref().is_some_and(|attempts| attempts.as_value().is_none_or(|attempts| *attempts < 3)) {
        return Vec::new();
    }
    let on = |wanted: RetryOn| match (&retry.on, wanted) {
        (None, _) => true,
        (Some(all), wanted) => all.iter().filter_map(|one| one.as_value()).any(|one| match (one, wanted) {
            (RetryOn::Timeout, RetryOn::Timeout) | (RetryOn::Connect, RetryOn::Connect) => true,
            (RetryOn::Status(pattern), RetryOn::Status(status)) => {
                [429, 503].into_iter().any(|code| status.matches(code) && pattern.matches(code))
            }
            _ => false,
        }),
    };
    let is_ruled = |status: u16| {
        endpoint.errors.iter().any(|rule| {
            let patterns = rule.status.iter().flatten();
            patterns.into_iter().any(|pattern| pattern.as_value().is_none_or(|pattern| pattern.matches(status)))
        })
    };
    let status = |code: u16| {
        let is_retried = on(RetryOn::Status(engine_request::StatusPattern::one(code)));
        (is_retried && !is_ruled(code)).then_some(Fault::Status(code))
    };
    // What might be done twice is sent again only where it surely was not done.
    let may_repeat = !matches!(*method, Method::POST | Method::PATCH) || endpoint.idempotency.is_some();
    let mut kinds = Vec::new();
    if on(RetryOn::Connect) {
        kinds.push(Fault::NeverConnects);
        kinds.extend(may_repeat.then_some(Fault::AnswerIsTorn));
    }
    if on(RetryOn::Timeout) && may_repeat {
        kinds.extend([Fault::NeverArrives, Fault::AnswerIsLate]);
    }
    kinds.extend(status(429));
    kinds.extend(status(503).filter(|_| may_repeat));
    let renews = endpoint.auth.iter().any(|auth| matches!(auth, Auth::Oauth2(_) | Auth::Session(_)));
    if renews && !is_ruled(401) {
        kinds.push(Fault::Status(401));
    }
    kinds
}

/// Returns the key by which an API knows a request that it has had already.
fn key_of(endpoint: &Endpoint, request: &Request) -> Option<String> {
    let text = |value: Value| value.text().map(std::borrow::Cow::into_owned).filter(|text| !text.is_empty());
    match endpoint.idempotency.as_ref()?.key()?.place.target() {
        Target::Header(name) => {
            let value = request.headers.get(name.to_ascii_lowercase())?;
            value.to_str().ok().filter(|text| !text.is_empty()).map(str::to_owned)
        }
        Target::Query(name) => text(request.query().get(name)?.clone()),
        // Anywhere else it is a part of the request itself.
        _ => Some(format!("{} {}", request.url, String::from_utf8_lossy(&request.body))),
    }
}
