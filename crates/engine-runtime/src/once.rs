//! One request of one endpoint, outside of any flow: for who tries an API out.

mod next_read;
mod recipe;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine_expr::{Dynamic, EvalError, Members, Scope, Setting, Slots, Template, Value};
use engine_plan::{Endpoint, Plan, Read, Reading};
use engine_request::{
    Advance, Answer, Auth, Body, Changes, CursorPlan, Draft, ErrorAction, ErrorRule, ErrorRules, Format, Last, Next,
    Page, Pager, Pagination, Prepared, QueryValue, Retry,
};
use engine_source::{Finding, Findings, Map, Span, Spanned};
use jiff::Timestamp;

pub use self::next_read::next_reads;
pub use self::recipe::{Recipe, recipe};
use crate::body::Takes;
use crate::exchange::{Asked, Exchanged, Exchanges, Outcome};
use crate::failure::Failure;
use crate::graphql;
use crate::hidden::Hidden;
use crate::page::PageReader;
use crate::params::params_of;
use crate::progress;
use crate::record::Record;
use crate::report::{Event, Observer};
use crate::run::{RunOptions, base_scope};
use crate::stop::Stop;
use crate::tally::Tally;
use crate::transport::{Incoming, Outgoing, Transport, TransportError};
use crate::upload::find_files;
use crate::world::{BoxFuture, Clock, World};
use crate::xml_lists;

/// What is asked of one endpoint.
#[derive(Clone, Debug, Default)]
pub struct Once {
    /// The endpoint: `API.ENDPOINT`.
    pub endpoint: String,
    /// Its params, as texts or as values of their types.
    pub params: BTreeMap<String, Value>,
    /// Values of the query, over those of the endpoint.
    pub query: Vec<(String, String)>,
    /// Headers, over those of the endpoint.
    pub headers: Vec<(String, String)>,
    /// What is sent, instead of the endpoint's body: JSON, or any other text.
    pub body: Option<String>,
    /// Which of its pages is shown, from 1; those before it are asked for too. 0 is the first as well.
    pub page: u64,
    /// The read that asks as the next run will, from the cursor that is kept; its params and query come before those here.
    pub read: Option<ReadOf>,
}

/// A read of a flow.
#[derive(Clone, Debug)]
pub struct ReadOf {
    /// The address of the step.
    pub step: String,
    /// Its number among the reads of the step.
    pub number: usize,
}

/// A request as it may be shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body, as people read it.
    pub body: String,
}

/// What came of a request. No secret is in it.
#[derive(Clone, Debug)]
pub struct Called {
    /// The request.
    pub request: Shown,
    /// The status of the answer.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body, if it is a text.
    pub body: Option<String>,
    /// How long its body is, in bytes.
    pub length: u64,
    /// How long all took, fetching a token too.
    pub took: Duration,
    /// Everything that was sent for it: tokens, logins, redirects.
    pub exchanges: Vec<Hop>,
    /// The records of the page; nothing where the endpoint says of none.
    pub records: Option<Result<u64, Box<Finding>>>,
    /// Whether there are more pages; nothing where there are no pages.
    pub more: Option<Result<bool, Box<Finding>>>,
    /// How many records there are in all, where the pagination says where the answer tells it.
    pub total: Option<u64>,
    /// What the answer means to a run.
    pub meaning: Meaning,
}

/// Something that was sent.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Who was asked: an endpoint, or `API.auth`.
    pub asked: String,
    /// When it went out.
    pub at: Timestamp,
    /// How long its answer took to begin.
    pub took: Duration,
    /// The status; nothing where none came.
    pub status: Option<u16>,
    /// What the answer's `Date` says.
    pub date: Option<String>,
}

/// What an answer means to a run.
#[derive(Clone, Debug)]
pub enum Meaning {
    /// It is a good one.
    Success,
    /// A rule says what is done about it.
    Rule {
        /// What.
        action: ErrorAction,
        /// What the rule says.
        message: Option<String>,
        /// Where it is written.
        span: Span,
    },
    /// It is an error.
    Failure(Box<Finding>),
}

/// Sends one request with all that its endpoint says, and tells what came: good or bad. It is not sent again, whatever comes of it,
/// but once for a token that the API does not take any longer.
///
/// # Errors
///
/// Gives all inputs and secrets that are missing, what is wrong with the params, and why no answer came.
pub async fn call_once(
    plan: &Arc<Plan>,
    world: &World,
    options: &RunOptions,
    once: &Once,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> Result<Called, Findings> {
    let (scope, secrets) = base_scope(plan, world, options, "")?;
    let hidden = Hidden::new(secrets);
    let hops =
        Arc::new(Hops { inner: Arc::clone(&world.transport), clock: Arc::clone(&world.clock), sent: Mutex::default() });
    let world = World { transport: Arc::clone(&hops) as Arc<dyn Transport>, ..world.clone() };
    let call = Call::new(plan, once).map_err(|failure| told(&failure, plan, &hidden))?;
    let exchanges = Exchanges::new(&call.plan, &world, options, &scope, hidden.clone())
        .map_err(|failure| told(&failure, plan, &hidden))?;
    let site =
        Site { call: &call, exchanges: &exchanges, world: &world, base: &scope, hidden: &hidden, observer, stop };
    let begun = world.clock.now();
    let called = site.send(once).await;
    exchanges.settle().await;
    let took = Duration::try_from(world.clock.now().duration_since(begun)).unwrap_or_default();
    let exchanges = std::mem::take(&mut *hops.sent.lock().unwrap_or_else(PoisonError::into_inner));
    called.map(|called| Called { took, exchanges, ..called }).map_err(|failure| told(&failure, plan, &hidden))
}

/// An endpoint that is called, apart from its flow.
struct Call {
    /// The plan, in which this endpoint takes every answer.
    plan: Plan,
    /// The endpoint, as it takes every answer.
    endpoint: Arc<Endpoint>,
    /// The endpoint as the spec has it.
    original: Arc<Endpoint>,
    cursor: Option<Arc<CursorPlan>>,
    /// The address of the step whose read it is, and that read.
    read: Option<(String, Read)>,
}

impl Call {
    fn new(plan: &Arc<Plan>, once: &Once) -> Result<Self, Failure> {
        let Some(original) = plan.endpoint(&once.endpoint) else {
            return Err(Failure::new(
                "undefined-endpoint",
                format!("there is no endpoint `{}`", once.endpoint),
                Span::default(),
            ));
        };
        let read = once.read.as_ref().and_then(|of| Some((of.step.clone(), read_of(plan, of)?)));
        // A read may page otherwise than its endpoint, and be incremental otherwise.
        let original = read.as_ref().map_or(original, |(_, read)| &read.endpoint);
        let mut endpoint = Endpoint::clone(original);
        // What is refused is looked at, not sent again; only a token is renewed.
        endpoint.errors.retain(|rule| rule.action == Some(ErrorAction::RefreshAuth));
        endpoint.errors.push(ErrorRule { action: Some(ErrorAction::Accept), ..ErrorRule::default() });
        let attempts = Some(Setting::value(1));
        endpoint.retry = Some(Retry { attempts, ..endpoint.retry.take().unwrap_or_default() });
        if once.body.is_some() {
            // What the spec would send need not be made, nor given what it is made of.
            endpoint.body = None;
            for (_, param) in endpoint.params.iter_mut() {
                param.required = None;
            }
        }
        let endpoint = Arc::new(endpoint);
        let mut plan = Plan::clone(plan);
        for known in &mut plan.endpoints {
            if known.id() == once.endpoint {
                *known = Arc::clone(&endpoint);
            }
        }
        let cursor = endpoint.incremental.as_ref();
        let cursor = cursor.map(|it| Arc::new(CursorPlan::new(it, endpoint.key.as_ref(), endpoint.span)));
        let original = Arc::clone(original);
        Ok(Self { plan, endpoint, original, cursor, read })
    }
}

/// Finds a read of the flow.
fn read_of(plan: &Plan, of: &ReadOf) -> Option<Read> {
    let mut found = None;
    plan.walk(&mut |step| {
        if step.path == of.step {
            found = step.reads().get(of.number).and_then(Reading::as_endpoint).cloned();
        }
    });
    found
}

/// Where a call is made.
struct Site<'a> {
    call: &'a Call,
    exchanges: &'a Exchanges,
    world: &'a World,
    base: &'a Scope,
    hidden: &'a Hidden,
    observer: Arc<dyn Observer>,
    stop: Stop,
}

impl<'a> Site<'a> {
    /// Makes one at which nobody looks and that nothing stops: nothing is sent there.
    fn unwatched(
        call: &'a Call,
        exchanges: &'a Exchanges,
        world: &'a World,
        base: &'a Scope,
        hidden: &'a Hidden,
    ) -> Self {
        Self { call, exchanges, world, base, hidden, observer: Arc::new(Nobody), stop: Stop::new() }
    }
}

/// Adds the vars of a plan to what is known, each of which sees those before it.
fn with_vars(scope: &Scope, plan: &Plan) -> Result<Scope, EvalError> {
    let mut vars = Members::new();
    for (name, value) in &plan.vars {
        let so_far = scope.with("vars", Value::Object(Arc::new(vars.clone())));
        vars.insert(Arc::clone(&name.value), value.evaluate(&so_far)?.unwrap_or_default());
    }
    Ok(scope.with("vars", Value::Object(Arc::new(vars))))
}

/// What a request is made of.
struct Makings {
    /// The names that the endpoint may use, but for `auth`.
    scope: Scope,
    /// The params, but for what the pages put into them.
    params: Value,
    /// What an incremental read sends from its beginning on.
    sent: Changes,
    /// What the first page sends.
    first: Changes,
    pager: Option<Pager>,
    query: Map<QueryValue>,
    headers: Map<QueryValue>,
    body: Option<Body>,
}

impl Site<'_> {
    fn makings(&self, once: &Once, reader: Option<&PageReader>, saved: Option<&str>) -> Result<Makings, Failure> {
        let endpoint = &self.call.endpoint;
        let given = |name: &String, value: &Value| {
            (Spanned::new(Arc::from(name.as_str()), Span::default()), Dynamic::literal(value.clone(), Span::default()))
        };
        if let Some(name) = once.params.keys().find(|name| endpoint.params.get(name).is_none()) {
            let text = format!("`{}` has no param `{name}`", once.endpoint);
            let help = engine_source::suggest(name, endpoint.params.keys());
            let failure = Failure::new("unknown-param", text, endpoint.span);
            return Err(Failure { help, ..failure });
        }
        let mut given: Map<Dynamic> = once.params.iter().map(|(name, value)| given(name, value)).collect();
        for (name, value) in self.call.read.iter().flat_map(|(_, read)| &read.params) {
            given.insert(name.clone(), value.clone());
        }
        let params = params_of(&endpoint.params, &given, self.base, endpoint.span)?;
        let mut scope = self.base.with("params", params.clone());
        let mut sent = Changes::default();
        if let Some(cursor) = &self.call.cursor {
            let advance = Advance::new(cursor, saved, false, &scope, self.world.clock.now());
            let advance = advance.map_err(progress::failure)?;
            sent = advance.changes();
            scope = scope.with("window", advance.window());
        }
        let paging = reader.and_then(|reader| reader.paging.as_ref());
        let pager = paging.map(|paging| Pager::new(Arc::clone(paging), &scope)).transpose()?;
        let first = pager.as_ref().map(Pager::first).unwrap_or_default();
        let scope = scope.with("params", first.params(&sent.params(&params)));
        let pairs = |pairs: &[(String, String)]| -> Map<QueryValue> {
            let mut map = Map::new();
            for (name, value) in pairs {
                let key = Spanned::new(Arc::from(name.as_str()), Span::default());
                map.insert(key, QueryValue::Plain(Dynamic::literal(value.as_str().into(), Span::default())));
            }
            map
        };
        let body = once.body.as_ref().map(|text| match Value::from_json(text) {
            Ok(value) => Body::Json(Dynamic::literal(value, Span::default())),
            Err(_) => Body::Text(Template::literal(text, text.as_str().into(), Span::default())),
        });
        Ok(Makings {
            scope,
            params,
            sent,
            first,
            pager,
            query: pairs(&once.query),
            headers: pairs(&once.headers),
            body,
        })
    }

    fn draft(&self, makings: &Makings, scope: &Scope) -> Result<Draft, Failure> {
        let endpoint = &self.call.endpoint;
        let mut draft = self.exchanges.draft(endpoint, scope)?;
        self.of_read(&mut draft)?;
        makings.sent.apply(&mut draft)?;
        makings.first.apply(&mut draft)?;
        draft.set_query(&makings.query, scope)?;
        draft.set_headers(&makings.headers, scope)?;
        if let Some(body) = &makings.body {
            draft.set_body(body, scope)?;
        }
        if let Some(idempotency) = &endpoint.idempotency {
            let key = || format!("{:016x}{:016x}", self.world.clock.random(), self.world.clock.random());
            idempotency.apply(&mut draft, scope, key)?;
        }
        find_files(&mut draft, &self.call.plan, &*self.world.environment)?;
        Ok(draft)
    }

    /// Puts in what the read says over its endpoint.
    fn of_read(&self, draft: &mut Draft) -> Result<(), Failure> {
        if let Some((_, read)) = &self.call.read {
            draft.set_query(&read.query, self.base)?;
            draft.set_headers(&read.headers, self.base)?;
        }
        Ok(())
    }

    async fn send(&self, once: &Once) -> Result<Called, Failure> {
        let endpoint = &self.call.endpoint;
        let lists = Arc::new(xml_lists::of(&self.call.plan, endpoint));
        let reader = endpoint.records.is_some().then(|| PageReader::new(endpoint, None, None, Arc::clone(&lists)));
        let takes = match (&reader, endpoint.response.format) {
            (_, Some(Format::Binary)) => Takes::File,
            // What is shown has to be whole.
            _ => Takes::Lists(lists),
        };
        let tally = Arc::new(Tally::new("call", Arc::clone(&self.observer)));
        let asked = Asked {
            endpoint,
            scope: self.base,
            tally: &tally,
            stop: &self.stop,
            span: endpoint.span,
            place: "",
            has_key: endpoint.idempotency.is_some(),
            takes: &takes,
            without: &[],
            once: None,
        };
        let saved = match &self.call.read {
            Some(_) => self.saved(&self.exchanges.with_auth(&asked).await?).await?,
            None => None,
        };
        let mut makings = self.makings(once, reader.as_ref(), saved.as_deref())?;
        for number in 1.. {
            let asked = Asked { scope: &makings.scope, ..asked };
            let (outcome, scope) = self.exchanges.send(&asked, |scope| self.draft(&makings, scope).map(Some)).await?;
            let exchanged = match outcome {
                Some(Outcome::Answer(exchanged)) => exchanged,
                Some(Outcome::Refused(refusal)) => return Err(refusal.failure),
                Some(Outcome::Stopped | Outcome::Skipped) | None => break,
            };
            // What is no good answer is shown, wherever it comes.
            if number >= once.page || !exchanged.answer.is_success() {
                return Ok(self.called(&exchanged, &scope, reader.as_ref(), makings.pager));
            }
            let next = reader.as_ref().zip(makings.pager.as_mut()).map(|(reader, pager)| {
                turn(&exchanged, &scope, reader, pager)
                    .and_then(|(_, next)| next)
                    .map_err(|failure| exchanged.hide(failure))
            });
            let Next::Request(changes) = next.transpose()?.unwrap_or(Next::End) else {
                let pages =
                    if number == 1 { "there is one page".to_owned() } else { format!("there are {number} pages") };
                return Err(Failure::new(
                    "invalid-value",
                    format!("{pages}, and no page {}", once.page),
                    endpoint.span,
                ));
            };
            makings.scope = makings.scope.with("params", changes.params(&makings.sent.params(&makings.params)));
            makings.first = changes;
        }
        Err(Failure::interrupted())
    }

    fn called(
        &self,
        exchanged: &Exchanged,
        scope: &Scope,
        reader: Option<&PageReader>,
        pager: Option<Pager>,
    ) -> Called {
        let Exchanged { request, answer, beside } = exchanged;
        let finding = |failure: Failure| Box::new(self.finding(&exchanged.hide(failure)));
        let redactor = request.redactor();
        let redact = |text: &str| self.hidden.redact(&redactor.redact(text));
        let is_login = is_login(&self.call.plan, &self.call.endpoint);
        let is_text =
            std::str::from_utf8(&answer.body).is_ok() && self.call.endpoint.response.format != Some(Format::Binary);
        let body = match std::str::from_utf8(&answer.body) {
            Ok(_) if is_login && answer.is_success() => Some("what a login gives is not shown".to_owned()),
            Ok(text) if is_text => Some(redact(text)),
            _ => None,
        };
        let page = reader.filter(|_| answer.is_success()).map(|reader| {
            if let Some(mut pager) = pager {
                turn(exchanged, scope, reader, &mut pager).map(|(count, next)| (count, Some(next)))
            } else {
                let records = reader.read(answer, beside, scope, &mut Slots::default());
                records.map(|records| (records.len(), None))
            }
        });
        let (records, more) = match page {
            None => (None, None),
            Some(Ok((count, next))) => {
                let is_more = |next: Next| matches!(next, Next::Request(_));
                (Some(Ok(count)), next.map(|next| next.map(is_more).map_err(finding)))
            }
            Some(Err(failure)) => (Some(Err(finding(failure))), None),
        };
        let headers = answer.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            let is_secret = name == http::header::SET_COOKIE;
            (name.as_str().to_owned(), if is_secret { cookie(&value) } else { redact(&value) })
        });
        Called {
            request: shown(request, &redact),
            status: answer.status,
            headers: headers.collect(),
            length: answer.body.len() as u64,
            body,
            took: Duration::ZERO,
            exchanges: Vec::new(),
            total: self.total(answer, scope),
            records,
            more,
            meaning: self.meaning(exchanged, scope),
        }
    }

    /// Returns how many records there are, where the answer says so.
    fn total(&self, answer: &Answer, scope: &Scope) -> Option<u64> {
        let place = match self.call.endpoint.paginate.as_ref()? {
            Pagination::Page(page) => page.total.as_ref()?,
            Pagination::Offset(offset) => offset.total.as_ref()?,
            _ => return None,
        };
        place.take(answer, scope).ok()??.text()?.parse().ok()
    }

    fn meaning(&self, exchanged: &Exchanged, scope: &Scope) -> Meaning {
        let Exchanged { request, answer, .. } = exchanged;
        let rules = ErrorRules::new(self.call.original.errors.iter().cloned());
        let fail = |failure: Failure| Meaning::Failure(Box::new(self.finding(&exchanged.hide(failure))));
        match rules.judge(answer, request, scope) {
            Err(error) => fail(Failure::from(error)),
            Ok(Some(ruling)) => Meaning::Rule {
                action: ruling.action,
                message: ruling.message.map(|message| self.hidden.redact(&request.redactor().redact(&message))),
                span: ruling.span,
            },
            Ok(None) if answer.is_success() => match graphql::errors(answer, scope).filter(|_| request.is_graphql()) {
                Some(errors) => fail(Failure::new(
                    "graphql-errors",
                    format!("the answer has GraphQL errors: {errors}"),
                    self.call.endpoint.span,
                )),
                None => Meaning::Success,
            },
            Ok(None) => {
                let name = http::StatusCode::from_u16(answer.status).ok().and_then(|code| code.canonical_reason());
                let name = name.map(|name| format!(" {name}")).unwrap_or_default();
                let help = match answer.status {
                    401 if self.call.endpoint.auth.is_empty() => {
                        "the API wants to know who is asking: write `auth`, such as `{type: bearer, token: …}`"
                    }
                    401 => "the API does not take these credentials: check the secrets that `auth` names",
                    403 => "these credentials may not do this: check their rights",
                    404 => "check the path and its params",
                    429 => "the API wants fewer requests: a run waits and tries again",
                    500.. => "a run tries again, unless `retry` says otherwise",
                    _ => "see what the body says",
                };
                let text = format!("{} {} answered {}{name}", request.method, request.shown_url, answer.status);
                fail(Failure::new("http-status", text, self.call.endpoint.span).help(help))
            }
        }
    }

    fn finding(&self, failure: &Failure) -> Finding {
        redacted(failure, &self.call.plan, self.hidden)
    }
}

/// Counts the records of a page, and asks what comes after it.
fn turn(
    exchanged: &Exchanged,
    scope: &Scope,
    reader: &PageReader,
    pager: &mut Pager,
) -> Result<(u64, Result<Next, Failure>), Failure> {
    let Exchanged { request, answer, beside } = exchanged;
    let mut slots = Slots::default();
    let records = reader.read(answer, beside, scope, &mut slots)?;
    let page = Page {
        request,
        answer,
        text: records.text(),
        slots: Some(&slots),
        count: records.len(),
        last: records.last().map_or(Last::None, Last::Raw),
        fingerprint: records.fingerprint(),
    };
    let next = pager.next(&page, scope).map_err(|error| Failure::new(error.code(), error.to_string(), error.span()));
    Ok((records.len(), next))
}

/// Shows a cookie that an answer sets, without its value.
fn cookie(header: &str) -> String {
    let name = header.split('=').next().unwrap_or_default();
    let rest = header.split_once(';').map(|(_, rest)| format!(";{rest}")).unwrap_or_default();
    format!("{name}=***{rest}")
}

/// Tells whether an endpoint is one by which an API is logged in to.
fn is_login(plan: &Plan, endpoint: &Endpoint) -> bool {
    let logs_in = |auth: &Auth| matches!(auth, Auth::Session(session) if session.login.iter().any(|name| name.as_str() == endpoint.name));
    plan.endpoints.iter().any(|other| other.api == endpoint.api && other.auth.iter().any(logs_in))
}

fn shown(request: &Prepared, redact: &dyn Fn(&str) -> String) -> Shown {
    let headers = headers(request).into_iter().map(|(name, value, is_secret)| {
        let value = if is_secret { "***".to_owned() } else { redact(&value) };
        (name, value)
    });
    Shown {
        method: request.method.to_string(),
        url: redact(&request.shown_url),
        headers: headers.collect(),
        body: redact(&request.show_body()),
    }
}

fn headers(request: &Prepared) -> Vec<(String, String, bool)> {
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), text, value.is_sensitive())
    };
    request.headers.iter().map(header).collect()
}

fn redacted(failure: &Failure, plan: &Plan, hidden: &Hidden) -> Finding {
    let mut finding = failure.finding(None, &plan.sources);
    finding.message = hidden.redact(&finding.message);
    finding.help = finding.help.map(|help| hidden.redact(&help));
    finding
}

fn told(failure: &Failure, plan: &Plan, hidden: &Hidden) -> Findings {
    Findings::from_iter([redacted(failure, plan, hidden)])
}

/// Sends requests and takes note of them.
struct Hops {
    inner: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    sent: Mutex<Vec<Hop>>,
}

impl Transport for Hops {
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, TransportError>> {
        Box::pin(async move {
            let (asked, at) = (request.asked.to_string(), self.clock.now());
            let came = self.inner.send(request).await;
            let took = Duration::try_from(self.clock.now().duration_since(at)).unwrap_or_default();
            let (status, date) = match &came {
                Ok(incoming) => {
                    let date = incoming.headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
                    (Some(incoming.status), date.map(str::to_owned))
                }
                Err(_) => (None, None),
            };
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(Hop { asked, at, took, status, date });
            came
        })
    }
}

/// Nobody is told.
struct Nobody;

impl Observer for Nobody {
    fn event(&self, event: Event) {
        _ = event;
    }

    fn records(&self, stream: Option<&str>, records: &[Record]) -> io::Result<()> {
        _ = (stream, records);
        Ok(())
    }
}
