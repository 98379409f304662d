//! The way of a request: found, read, verified, told from those before, kept, and only then answered.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use engine_expr::{EvalError, Scope, Value};
use engine_request::Status;
use engine_runtime::{Dedupe, EventKind, NewEvent, Put, StateError, awaited};
use engine_spec::trigger;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use tokio::select;
use tokio::sync::SemaphorePermit;

use super::answer::{self, Problem};
use super::endings::{self, Ending};
use super::event::{Came, Event};
use super::hook::value_at;
use super::keys::KeyCache;
use super::pressure::Pressure;
use super::rate::Rates;
use super::request::{check_headers, read_body};
use super::table::{Found, Match, Table};
use super::waits::{Awaited, Waits};
use super::{Hook, Webhook, challenge};
use crate::dispatch::{Watch, wake};
use crate::flows::{Flow, FlowSet};
use crate::log::Notice;
use crate::server::Server;
use crate::verify::{Delivery, Refusal, Verifier};

/// The methods by which an event comes that a run waits for: a person follows a link, a program posts.
const METHODS: &str = "GET, POST, PUT";
/// How large the body of such an event may be.
const MAX_BODY: u64 = 1_000_000;
/// How long keeping an event may take before its sender is asked to come again.
const KEEPING: Duration = Duration::from_secs(10);

/// Takes the events of all webhooks.
pub struct Intake {
    server: Arc<Server>,
    table: RwLock<Option<(Arc<FlowSet>, Arc<Table>)>>,
    keys: KeyCache,
    rates: Rates,
    pressure: Arc<Pressure>,
    waits: Waits,
    /// How many ids were made.
    count: AtomicU16,
}

impl Intake {
    /// Begins with the flows of a server.
    pub fn new(server: Arc<Server>) -> Self {
        let pressure = Arc::new(Pressure::new(server.limits.waiting_per_flow));
        let (waits, count) = (Waits::default(), AtomicU16::default());
        Self {
            server,
            table: RwLock::default(),
            keys: KeyCache::default(),
            rates: Rates::default(),
            pressure,
            waits,
            count,
        }
    }

    /// Takes no more events of a flow while so many of it wait.
    #[must_use]
    pub fn holding(self, most: u64) -> Self {
        Self { pressure: Arc::new(Pressure::new(most)), ..self }
    }

    /// Lists the webhooks that are served now.
    pub fn webhooks(&self) -> Vec<Webhook> {
        self.table().list()
    }

    /// Returns the webhooks of the flows that are served now.
    fn table(&self) -> Arc<Table> {
        let flows = self.server.flows.current();
        if let Some((known, table)) = &*self.table.read().unwrap_or_else(PoisonError::into_inner)
            && Arc::ptr_eq(known, &flows)
        {
            return Arc::clone(table);
        }
        let table = Arc::new(Table::of(&flows));
        for message in &table.troubles {
            self.server.log.notice(Notice::Trouble { message });
        }
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Some((flows, Arc::clone(&table)));
        table
    }

    /// Takes a request.
    pub(super) async fn take(&self, request: Request) -> Response {
        let is_head = request.method() == Method::HEAD;
        let mut response = match self.taken(request).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        };
        if is_head {
            *response.body_mut() = axum::body::Body::empty();
        }
        response
    }

    async fn taken(&self, request: Request) -> Result<Response, Problem> {
        let found = self.table().find(request.uri().path());
        if found.is_empty() {
            // Boxed, as all that is rare here: else the way of each event is as large as that.
            if let Some(awaited) = Box::pin(self.waits.find(&self.server, request.uri().path())).await? {
                return Box::pin(self.take_awaited(awaited, request)).await;
            }
            return Err(Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path"));
        }
        let Some((hook, names)) = choose(&found, request.method()) else {
            return unusual(&found, request.method());
        };
        let _room = self.enter(request.headers(), hook.flow.name()).await?;
        let (parts, body) = request.into_parts();
        let body = read_body(&parts.headers, body, hook.ready.max_body, &*self.server.clock).await?;
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let came = Came { headers: &parts.headers, names, query: &query, body: &body, now: self.server.clock.now() };
        self.came(hook, &came, &parts.method).await
    }

    /// Takes room for a request to a flow, if it may come in.
    async fn enter(&self, headers: &HeaderMap, flow: &str) -> Result<SemaphorePermit<'_>, Problem> {
        check_headers(headers)?;
        if self.server.stop.is_stopped() {
            return Err(Problem::later(StatusCode::SERVICE_UNAVAILABLE, "the server is about to end", 5).closing());
        }
        self.pressure.count(&self.server.events, self.server.clock.now());
        let full = |seconds| {
            Problem::later(StatusCode::SERVICE_UNAVAILABLE, "there is too much to do: come again later", seconds)
        };
        let Some(room) = self.pressure.enter() else { return Err(full(1)) };
        let now = self.server.clock.now();
        let is_full = self.pressure.is_really_full(flow, &self.server.events, now).await;
        if is_full { Err(full(30)) } else { Ok(room) }
    }

    /// Takes an event that a run waits for, or is going to.
    async fn take_awaited(&self, awaited: Awaited, request: Request) -> Result<Response, Problem> {
        match *request.method() {
            Method::GET | Method::POST | Method::PUT => {}
            Method::OPTIONS => return Ok(answer::options(METHODS)),
            // Some look where a link leads before somebody follows it.
            Method::HEAD => return Ok(answer::of_value(StatusCode::OK, None)),
            _ => return Err(not_allowed(METHODS)),
        }
        let _room = self.enter(request.headers(), awaited.flow.name()).await?;
        let (parts, body) = request.into_parts();
        let body = read_body(&parts.headers, body, MAX_BODY, &*self.server.clock).await?;
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let came =
            Came { headers: &parts.headers, names: &[], query: &query, body: &body, now: self.server.clock.now() };
        let event = Event::new(&came);
        let seen = event.plain();
        for verifier in awaited.verifiers()? {
            if let Err(refusal) = self.proved(&verifier, &awaited.flow, &came, &|| seen.clone()).await {
                let reason = awaited.flow.given.redactor.redact(&refusal.to_string());
                let flow = awaited.flow.name();
                self.server.log.notice(Notice::EventRefused { flow, trigger: "wait", reason: &reason });
                return Err(unauthorized());
            }
        }
        if let Some(problem) = event.problem() {
            return Err(Problem::new(StatusCode::BAD_REQUEST, format!("the body {problem}")));
        }
        let raw = seen.get("body_raw").and_then(Value::as_str).unwrap_or_default();
        let known_by = ["arrival", &awaited.place, parts.method.as_str(), parts.uri.query().unwrap_or_default(), raw];
        let (state, flow, body) = (&*self.server.state, awaited.flow.name(), seen.to_json());
        awaited::keep_arrival(state, &awaited.place, flow, &known_by, body.as_bytes(), came.now)
            .await
            .map_err(|error| self.not_kept(&error))?;
        if let Err(error) = wake(&self.server).await {
            // It is on disk, and looked for again and again.
            self.server.log.notice(Notice::Trouble { message: &format!("a run that waits goes on later: {error}") });
        }
        Ok(answer::of_value(StatusCode::OK, Some(&Value::from("taken\n"))))
    }

    async fn came(&self, hook: &Arc<Hook>, came: &Came<'_>, method: &Method) -> Result<Response, Problem> {
        let Some(spec) = hook.spec() else {
            return Err(Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path"));
        };
        let event = Event::new(came);
        // Made where somebody asks: most events are only kept.
        let seen = LazyLock::new(|| event.for_templates(hook));
        let scope = LazyLock::new(|| {
            let scope = hook.flow.given.scope.with("trigger", seen.clone());
            scope.rooted(seen.get("body").cloned().unwrap_or_default())
        });
        if let Some(challenge) = &spec.challenge
            && let Some(response) = challenge::answer(challenge, &seen, &scope)
        {
            return Ok(response);
        }
        if !hook.takes(method) {
            return Err(not_allowed(&allowed(&[(Arc::clone(hook), Vec::new())])));
        }
        self.verified(hook, came, &|| seen.clone()).await?;
        if let Some(rate) = hook.ready.rate {
            let key = format!("{} {}", hook.flow.name(), hook.address);
            self.rates.take(&key, rate, came.now).map_err(|wait| {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Problem::later(StatusCode::TOO_MANY_REQUESTS, "there are too many events: come again later", seconds)
            })?;
        }
        if let Some(problem) = event.problem() {
            return Err(Problem::new(StatusCode::BAD_REQUEST, format!("the body {problem}")));
        }
        let failed = |what: &str, error: &EvalError| {
            let message =
                hook.flow.given.redactor.redact(&format!("the event can't be used: {what}: {}", error.message));
            self.refused(hook, &message);
            Problem::new(StatusCode::BAD_REQUEST, message)
        };
        if let Some(filter) = &spec.filter
            && !filter.test(&scope).map_err(|error| failed("`where`", &error))?
        {
            return respond(spec, || &scope).map_err(|error| failed("`respond`", &error));
        }
        let text_at = |place, what: &str| {
            let value = value_at(place, &seen, &scope).map_err(|error| failed(what, &error))?;
            Ok(value.map(|value| value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned)))
        };
        let by = spec.dedupe.as_ref().map(|dedupe| match dedupe {
            trigger::Dedupe::By(by) => by,
            trigger::Dedupe::Long(long) => &long.by,
        });
        let key = by.map(|by| text_at(by, "`dedupe`")).transpose()?.flatten();
        let partition = spec.partition.as_ref().map(|place| text_at(place, "`partition`")).transpose()?.flatten();
        // What is said before the event is kept fails before it is.
        let answered = (!hook.waits()).then(|| respond(spec, || &scope)).transpose();
        let answered = answered.map_err(|error| failed("`respond`", &error))?;
        let new = NewEvent {
            id: self.new_id(came.now),
            flow: hook.flow.name().to_owned(),
            trigger: hook.address.clone(),
            kind: EventKind::Webhook,
            dedupe: key.map(|key| Dedupe { key, until: hook.kept_until(came.now) }),
            partition,
            received_at: came.now,
            due_at: came.now,
            inputs: b"{}".to_vec(),
            body: event.kept(),
        };
        // Whoever waits for the end of a run does so before it can begin.
        let watch = answered.is_none().then(|| self.server.endings.watch(&new.id));
        let kept = new.id.clone();
        let (id, is_known) = self.keep(new).await?;
        if is_known {
            self.server.log.notice(Notice::EventKnown { flow: hook.flow.name(), trigger: &hook.address, event: &id });
        }
        let mut response = match (answered, watch) {
            (Some(response), _) => response,
            (None, Some(mut watch)) if id == kept => Box::pin(self.finished(hook, &mut watch, &id, &scope)).await,
            (None, _) => Box::pin(self.finished(hook, &mut self.server.endings.watch(&id), &id, &scope)).await,
        };
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("engine-event", id);
        }
        if is_known {
            response.headers_mut().insert("engine-event-known", HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    /// Fails where the sender does not prove who it is; it is not told why.
    async fn verified(&self, hook: &Hook, came: &Came<'_>, event: &(dyn Fn() -> Value + Sync)) -> Result<(), Problem> {
        let Some(verifier) = &hook.ready.verifier else { return Ok(()) };
        self.proved(verifier, &hook.flow, came, event).await.map_err(|refusal| {
            self.refused(hook, &hook.flow.given.redactor.redact(&refusal.to_string()));
            unauthorized()
        })
    }

    /// Fails where a sender does not prove who it is.
    async fn proved(
        &self,
        verifier: &Verifier,
        flow: &Flow,
        came: &Came<'_>,
        event: &(dyn Fn() -> Value + Sync),
    ) -> Result<(), Refusal> {
        let delivery = Delivery { headers: came.headers, query: came.query, body: came.body, now: came.now, event };
        let mut keys = None;
        if let Some(url) = verifier.jwks_url() {
            let id = verifier.key_id(&delivery);
            match Box::pin(self.keys.get(url, id.as_deref(), &*flow.world.transport, came.now)).await {
                Ok(found) => keys = Some(found),
                Err(message) => self.server.log.notice(Notice::Trouble { message: &message }),
            }
        }
        verifier.check(&delivery, keys.as_deref())
    }

    fn refused(&self, hook: &Hook, reason: &str) {
        self.server.log.notice(Notice::EventRefused { flow: hook.flow.name(), trigger: &hook.address, reason });
    }

    /// Keeps an event: it is on disk when this returns. One that came before is that of then, which is told too.
    async fn keep(&self, event: NewEvent) -> Result<(String, bool), Problem> {
        let (id, flow) = (event.id.clone(), event.flow.clone());
        let problem = |message: &str| Problem::later(StatusCode::SERVICE_UNAVAILABLE, message, 5);
        let put = select! {
            put = self.server.events.put_events(vec![event]) => put,
            () = self.server.clock.sleep(KEEPING) => return Err(problem("the event could not be kept in time")),
        };
        match put.map(|put| put.into_iter().next()) {
            Ok(Some(Put::Kept)) => {
                self.pressure.kept(&flow);
                self.server.arrived.notify_one();
                Ok((id, false))
            }
            Ok(Some(Put::Known { event })) => Ok((event, true)),
            Ok(None) => Err(problem("the event could not be kept")),
            Err(error) => Err(self.not_kept(&error)),
        }
    }

    /// Says in the log why an event could not be kept.
    fn not_kept(&self, error: &StateError) -> Problem {
        self.server.log.notice(Notice::Trouble { message: &format!("an event could not be kept: {error}") });
        Problem::later(StatusCode::SERVICE_UNAVAILABLE, "the event could not be kept", 5)
    }

    /// Answers once the run is done, or goes on for too long.
    async fn finished(&self, hook: &Hook, watch: &mut Watch<'_>, id: &str, scope: &Scope) -> Response {
        let known = |status| answer::of_value(status, Some(&Value::object([("event", Value::from(id))])));
        match endings::wait(&self.server, watch, id, hook.ready.timeout).await {
            Ending::Done { steps } => {
                let scope = scope.with("steps", steps.clone());
                match hook.spec().map(|spec| respond(spec, || &scope)) {
                    Some(Ok(response)) => response,
                    // Nothing is known here of the steps of a run that another process has run, or that was done before.
                    _ if steps.is_null() => known(StatusCode::OK),
                    Some(Err(error)) => {
                        let message = format!("the answer can't be made: {}", error.message);
                        self.refused(hook, &hook.flow.given.redactor.redact(&message));
                        known(StatusCode::OK)
                    }
                    None => known(StatusCode::OK),
                }
            }
            Ending::Late => known(StatusCode::ACCEPTED),
            Ending::Dead => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the run failed").into_response(),
        }
    }

    /// Makes a UUID of version 7 (RFC 9562 §5.7), of the time and the randomness of the server.
    fn new_id(&self, now: Timestamp) -> String {
        // What is asked of the machine once, and a number that no other has had of late.
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut chance = [0; 10];
        chance[..2].copy_from_slice(&count.to_be_bytes());
        chance[2..].copy_from_slice(&self.server.clock.random().to_be_bytes());
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid().to_string()
    }
}

/// Chooses the webhook that takes a method, or the one whose handshake may come by it.
fn choose<'f>(found: &'f Found, method: &Method) -> Option<&'f Match> {
    let takes = found.iter().find(|(hook, _)| hook.takes(method));
    let greets = || {
        let has_challenge = |hook: &Hook| hook.spec().is_some_and(|spec| spec.challenge.is_some());
        let may = matches!(*method, Method::GET | Method::POST);
        found.iter().find(|(hook, _)| may && has_challenge(hook))
    };
    takes.or_else(greets)
}

/// Answers a method that starts nothing.
fn unusual(found: &Found, method: &Method) -> Result<Response, Problem> {
    let allow = allowed(found);
    match *method {
        Method::OPTIONS => Ok(answer::options(&allow)),
        // Some senders look whether there is somebody before they send.
        Method::HEAD => Ok(answer::of_value(StatusCode::OK, None)),
        _ => Err(not_allowed(&allow)),
    }
}

fn unauthorized() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "not authorized")
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Webhook"))
}

fn not_allowed(allow: &str) -> Problem {
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("send it with {allow}"));
    match HeaderValue::from_str(allow) {
        Ok(allow) => problem.with(header::ALLOW, allow),
        Err(_) => problem,
    }
}

/// Lists the methods that start something.
fn allowed(found: &[Match]) -> String {
    let methods = found.iter().flat_map(|(hook, _)| hook.trigger.methods());
    let mut names: Vec<String> = methods.map(ToString::to_string).collect();
    names.dedup();
    names.join(", ")
}

/// Makes the answer that the spec says.
fn respond<'s>(spec: &trigger::WebhookTrigger, scope: impl FnOnce() -> &'s Scope) -> Result<Response, EvalError> {
    let Some(respond) = &spec.respond else { return Ok(answer::of_value(StatusCode::OK, None)) };
    let scope = scope();
    let status = respond.status.as_ref().map(|status| status.resolve(scope)).transpose()?;
    let status = status.and_then(|status: Status| StatusCode::from_u16(status.code()).ok()).unwrap_or(StatusCode::OK);
    let body = respond.body.as_ref().map(|body| body.evaluate(scope)).transpose()?.flatten();
    Ok(answer::of_value(status, body.as_ref()))
}
