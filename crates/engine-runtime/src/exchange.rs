//! One exchange with an API: credentials, a turn to go, attempts until one counts.

mod bounds;
mod follow;
mod home;
mod judge;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use engine_expr::{Scope, Template, Value};
use engine_plan::{Endpoint, Plan};
use engine_request::{
    Answer, Attempt, Auth, Authenticate, Challenge, Draft, ErrorAction, ErrorRules, Held, Prepared, Token,
};
use engine_source::Span;
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use jiff::Timestamp;
use url::{Origin, Url};

use self::bounds::Bounds;
use self::follow::Followed;
use self::home::{Home, origin_of};
use self::judge::ruling;
pub(crate) use self::judge::tried;
use crate::body::{Beside, Received, Takes, receive};
use crate::credentials::{Credentials, Proof, kept};
use crate::failure::Failure;
use crate::hidden::Hidden;
use crate::journal::Journal;
use crate::origin::{HARMLESS, named_origin, strip};
use crate::recorder::{Found, RecordedExchange, Recorder, Replayed};
use crate::report::Event;
use crate::run::RunOptions;
use crate::sending::Sending as Once;
use crate::stop::Stop;
use crate::tally::Tally;
use crate::traffic::Traffic;
use crate::transport::{Connection, HeadBounds, Incoming, Outgoing, TransportError};
use crate::wire;
use crate::world::World;

/// The header by which a host knows to which trace a request belongs.
const TRACEPARENT: &str = "traceparent";

/// Makes exchanges for all steps of a run.
pub(crate) struct Exchanges {
    world: World,
    apis: HashMap<String, Api>,
    endpoints: HashMap<String, Known>,
    traffic: Traffic,
    hidden: Hidden,
    credentials: Credentials,
    /// The names that every endpoint sees.
    base: Scope,
    /// Whether the APIs are not asked themselves, so that nobody has to log in.
    is_mocked: bool,
    /// What stands for what logins gave, where answers come from a recording.
    replayed: Option<Arc<Replayed>>,
    /// Who keeps the exchanges.
    recorder: Option<Arc<dyn Recorder>>,
    /// Where the run keeps what it asked, if it does.
    history: OnceLock<Journal>,
    /// By what name locks of the store are taken.
    owner: String,
    /// The file of the spec, as it was named.
    spec: String,
    /// Whoever fetches a token has this: a run does not end before what came is kept.
    pub(crate) fetching: tokio::sync::RwLock<()>,
}

/// What is known of an API before its first request.
struct Api {
    /// Where it is instead of what the spec says.
    moved: Option<(Url, Template)>,
    /// Other hosts that may be talked to.
    hosts: Vec<String>,
    /// How its hosts are connected to.
    connection: Arc<Connection>,
    /// How other hosts are, if the API's own get something that others do not.
    abroad: Option<Arc<Connection>>,
}

/// What is known of an endpoint before its first request.
struct Known {
    endpoint: Arc<Endpoint>,
    /// The API's own origin, and the only one that gets its credentials.
    home: Home,
    /// The origin that the request line itself names.
    named: Option<Origin>,
    rules: ErrorRules,
}

/// What is asked, and for whom.
pub(crate) struct Asked<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// The names that the endpoint's templates may use.
    pub(crate) scope: &'a Scope,
    pub(crate) tally: &'a Arc<Tally>,
    pub(crate) stop: &'a Stop,
    /// Where the endpoint is named.
    pub(crate) span: Span,
    /// What follows the URL in messages: `, page 3`.
    pub(crate) place: &'a str,
    /// Whether the request carries an idempotency key.
    pub(crate) has_key: bool,
    /// What is done with the body of the answer.
    pub(crate) takes: &'a Takes,
    /// The auths, by what is held for them, that this request is to fetch something for, so that it comes without them.
    pub(crate) without: &'a [String],
    /// Writes down that it goes out, where that is done once only.
    pub(crate) once: Option<&'a Once<'a>>,
}

/// A request on the wire.
pub(crate) struct Wired<'a> {
    pub(crate) request: &'a Prepared,
    /// Who is asked.
    pub(crate) who: &'a str,
    pub(crate) attempt: u32,
    pub(crate) is_redirect: bool,
    pub(crate) is_login: bool,
    /// By what its host knows it.
    pub(crate) traceparent: Option<HeaderValue>,
}

/// What came of an exchange.
pub(crate) enum Outcome {
    /// An answer that counts as success.
    Answer(Box<Exchanged>),
    /// An error rule says to leave this out.
    Skipped,
    /// The API refused, and the spec says how a read goes on from that.
    Refused(Box<Refusal>),
    /// The run was stopped while waiting.
    Stopped,
}

/// An answer that is none, but for a read that knows how to go on.
pub(crate) struct Refusal {
    /// What it is for all others.
    pub(crate) failure: Failure,
    pub(crate) meaning: Meaning,
}

/// What a read does about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It begins anew from the largest value of its cursor.
    Restart,
    /// It forgets its cursor, and begins from its start.
    Reset,
    /// There is nothing new (RFC 9110 §15.4.5).
    NotModified,
}

/// A request and its answer.
pub(crate) struct Exchanged {
    pub(crate) request: Prepared,
    pub(crate) answer: Answer,
    /// What of its body is not in memory.
    pub(crate) beside: Beside,
}

/// What becomes of one attempt.
enum Verdict {
    Done(Outcome),
    Again {
        wait: Duration,
        why: String,
    },
    /// At once, with new proof of who is asking; this does not count as an attempt.
    Anew,
    /// What a login gave has changed since the request was made of it: it has to be made anew.
    Outdated,
}

/// How it went with one request so far, however often it was made anew.
struct Sending {
    number: u32,
    elapsed: Duration,
    renewed: Renewed,
    /// How often it was made anew.
    remade: u32,
}

/// How often a request is made anew since what logins gave has changed.
const REMADE: u32 = 5;

/// What was done about the proof of who is asking, in one exchange.
#[derive(Default)]
struct Renewed {
    token: bool,
    challenges: u32,
}

impl Exchanges {
    /// Finds out where each API is; nothing connects yet.
    pub(crate) fn new(
        plan: &Plan,
        world: &World,
        options: &RunOptions,
        base: &Scope,
        hidden: Hidden,
    ) -> Result<Self, Failure> {
        let mut apis = HashMap::new();
        let mut endpoints = HashMap::new();
        for endpoint in &plan.endpoints {
            let settings = &endpoint.api_settings;
            if !apis.contains_key(&endpoint.api) {
                let mut api = Api { moved: None, hosts: Vec::new(), connection: Arc::default(), abroad: None };
                api.moved = options.base_urls.get(&endpoint.api).map(|url| {
                    (url.clone(), Template::literal(url.as_str(), Value::from(url.as_str()), Span::default()))
                });
                for host in &settings.allow_hosts {
                    api.hosts.push(host.render_text(base)?);
                }
                // What stands in for an API is reached straight, and needs none of its files.
                api.connection = Arc::new(match &api.moved {
                    Some(_) => Connection::direct(),
                    None if options.offline => Connection::direct(),
                    None => Connection::resolve(settings, base, plan, &*world.environment)?,
                });
                api.abroad = api.connection.without_identity().map(Arc::new);
                apis.insert(endpoint.api.clone(), api);
            }
            let rules = ErrorRules::new(endpoint.errors.iter().cloned());
            let named = named_origin(endpoint);
            let moved = options.base_urls.get(&endpoint.api).map(Url::origin);
            let home = match (&moved, &endpoint.base_url) {
                (Some(origin), _) => Home::At(origin.clone()),
                (None, Some(base_url)) if base_url.names().iter().any(|name| name.root() == "auth") => {
                    Home::ByLogin(base_url.clone(), Mutex::default())
                }
                (None, Some(base_url)) => {
                    origin_of(base_url, base).or_else(|| named.clone()).map_or(Home::Nowhere, Home::At)
                }
                (None, None) => named.clone().map_or(Home::Nowhere, Home::At),
            };
            endpoints.insert(endpoint.id(), Known { endpoint: Arc::clone(endpoint), home, named, rules });
        }
        let owner = format!("{:016x}{:016x}", world.clock.random(), world.clock.random());
        Ok(Self {
            world: world.clone(),
            apis,
            endpoints,
            traffic: Traffic::new(plan, world, base)?,
            hidden,
            credentials: Credentials::default(),
            base: base.clone(),
            is_mocked: options.placeholders,
            replayed: options.replayed.clone(),
            recorder: options.recorder.clone(),
            history: OnceLock::new(),
            owner,
            spec: plan.path.display().to_string(),
            fetching: tokio::sync::RwLock::default(),
        })
    }

    /// Returns the names that an endpoint's templates may use: with `auth`, where something of a login's answer is kept for them.
    pub(crate) async fn with_auth(&self, asked: &Asked<'_>) -> Result<Scope, Failure> {
        let proofs = self.credentials.of(asked.endpoint, asked.scope, &*self.world.state)?;
        let mut tokens = Vec::new();
        for proof in proofs.iter().filter(|proof| proof.auth.keeps().next().is_some() && !is_without(proof, asked)) {
            tokens.extend(self.hold(proof, asked).await?.token);
        }
        if tokens.is_empty() {
            return Ok(asked.scope.clone());
        }
        Ok(asked.scope.with("auth", kept(tokens.iter().map(|token| &**token))))
    }

    /// Tells whether what is held for an endpoint's auths says something else than the names that its request was made of.
    fn is_outdated(&self, asked: &Asked<'_>) -> Result<bool, Failure> {
        // A login is made of what the logins before it gave.
        if !asked.without.is_empty() {
            return Ok(false);
        }
        let proofs = self.credentials.of(asked.endpoint, asked.scope, &*self.world.state)?;
        let keeping = proofs.iter().filter(|proof| proof.auth.keeps().next().is_some());
        let tokens: Option<Vec<_>> = keeping.map(|proof| proof.slot.as_ref()?.held().token).collect();
        let Some(tokens) = tokens.filter(|tokens| !tokens.is_empty()) else { return Ok(false) };
        Ok(asked.scope.get("auth") != Some(&kept(tokens.iter().map(|token| &**token))))
    }

    /// Tells whether an API is elsewhere than its spec says.
    pub(crate) fn is_moved(&self, endpoint: &Endpoint) -> bool {
        self.apis.get(&endpoint.api).is_some_and(|api| api.moved.is_some())
    }

    /// Begins a request with what the endpoint says.
    pub(crate) fn draft(&self, endpoint: &Endpoint, scope: &Scope) -> Result<Draft, Failure> {
        let moved = self.apis.get(&endpoint.api).and_then(|api| api.moved.as_ref());
        let base = moved.map(|(_, template)| template).or(endpoint.base_url.as_ref());
        let mut draft = Draft::build(&endpoint.request, base, scope)?;
        // An API that is elsewhere is so with the URLs too that are written out.
        if let Some((moved, _)) = moved
            && draft.url().origin() != moved.origin()
        {
            let mut url = moved.clone();
            url.set_path(&format!("{}{}", moved.path().trim_end_matches('/'), draft.url().path()));
            draft.relocate(&url);
        }
        let inherited = &endpoint.inherited;
        if inherited.query.is_empty() || self.is_home(endpoint, draft.url(), scope) {
            draft.set_query(&endpoint.query, scope)?;
        } else {
            let own = endpoint.query.iter().filter(|(name, _)| !inherited.query.contains(&name.value));
            draft.set_query(&own.cloned().collect(), scope)?;
        }
        draft.set_headers(&endpoint.headers, scope)?;
        draft.inherit_headers(inherited.headers.iter().map(|name| &**name));
        if let Some(body) = &endpoint.body {
            draft.set_body(body, scope)?;
        }
        Ok(draft)
    }

    /// Sends a request until it succeeds or there is no more to try. `make` makes it of the names that its templates may use, which
    /// are returned with what came: anew where they changed. Nothing is sent where it makes nothing.
    pub(crate) async fn send(
        &self,
        asked: &Asked<'_>,
        make: impl Fn(&Scope) -> Result<Option<Draft>, Failure>,
    ) -> Result<(Option<Outcome>, Scope), Failure> {
        let mut sending = Sending::default();
        loop {
            let scope = self.with_auth(asked).await?;
            let Some(draft) = make(&scope)? else { return Ok((None, scope)) };
            let asked = Asked { scope: &scope, ..*asked };
            match self.send_made(draft, &asked, &mut sending).await? {
                Some(outcome) => return Ok((Some(outcome), scope)),
                None if sending.remade < REMADE => sending.remade += 1,
                None => {
                    let text = "what the login gives has changed each time before a request was made of it";
                    return Err(Failure::new("auth-failed", text, asked.span)
                        .help("its token ends before its request may go: allow more requests by `rate_limit`, or ask for a longer token")
                        .fatal());
                }
            }
        }
    }

    /// Sends a request of a login until it succeeds or there is no more to try.
    pub(crate) async fn send_login(&self, draft: Draft, asked: &Asked<'_>) -> Result<Outcome, Failure> {
        // It is made of what the logins before it gave, which are part of the same.
        let outcome = self.send_made(draft, asked, &mut Sending::default()).await?;
        Ok(outcome.unwrap_or(Outcome::Stopped))
    }

    /// Sends a request that was made; nothing comes of it where it is outdated.
    async fn send_made(
        &self,
        draft: Draft,
        asked: &Asked<'_>,
        sending: &mut Sending,
    ) -> Result<Option<Outcome>, Failure> {
        // What only asks may be asked again.
        let (method, has_key) = (asked.endpoint.request.method(), asked.has_key || draft.is_query());
        loop {
            let mut attempt = Attempt { number: sending.number, elapsed: sending.elapsed, method, has_key };
            let verdict = self.attempt(&draft, asked, &mut attempt, &mut sending.renewed).await?;
            sending.elapsed = attempt.elapsed;
            match verdict {
                Verdict::Done(outcome) => return Ok(Some(outcome)),
                Verdict::Anew => {}
                Verdict::Outdated => return Ok(None),
                Verdict::Again { wait, why } => {
                    asked.tally.event(Event::Retrying {
                        step: Arc::clone(asked.tally.step()),
                        what: self.hidden.redact(&why),
                        wait,
                        attempt: sending.number + 1,
                    });
                    if !self.sleep(wait, asked.stop).await {
                        return Ok(Some(Outcome::Stopped));
                    }
                    sending.number += 1;
                    sending.elapsed = sending.elapsed.saturating_add(wait);
                    asked.tally.count_of(None, |counts| counts.retries += 1);
                }
            }
        }
    }

    /// Waits until all tokens that are being fetched are kept.
    pub(crate) async fn settle(&self) {
        _ = self.fetching.write().await;
    }

    /// Returns the time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Returns what comes from outside.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// Returns the names that every endpoint sees.
    pub(crate) fn base(&self) -> &Scope {
        &self.base
    }

    /// Returns by what name locks of the store are taken.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// Returns the file of the spec, as it was named.
    pub(crate) fn spec(&self) -> &str {
        &self.spec
    }

    /// Tells whether nobody has to log in, since the APIs are not asked themselves.
    pub(crate) fn is_mocked(&self) -> bool {
        self.is_mocked
    }

    /// Returns what a run is given whose exchanges come from a recording.
    pub(crate) fn replayed(&self) -> Option<&Replayed> {
        self.replayed.as_deref()
    }

    /// Takes note of something that no exchange says.
    pub(crate) fn found(&self, found: Found<'_>) {
        if let Some(recorder) = &self.recorder {
            recorder.found(found);
        }
    }

    /// Keeps an exchange.
    pub(crate) async fn record(
        &self,
        wired: Wired<'_>,
        asked: &Asked<'_>,
        sent_at: Timestamp,
        came: &Result<Incoming, TransportError>,
    ) {
        let journal = self.history.get();
        if self.recorder.is_none() && journal.is_none() {
            return;
        }
        let Wired { request, who, attempt, is_redirect, is_login, traceparent } = wired;
        let took = Duration::try_from(self.now().duration_since(sent_at)).unwrap_or_default();
        let exchange = RecordedExchange {
            step: asked.tally.step(),
            asked: who,
            attempt,
            is_redirect,
            is_login,
            request,
            traceparent: traceparent.as_ref(),
            sent_at,
            took,
            came: came.as_ref(),
            hidden: &self.hidden,
        };
        if let Some(journal) = journal {
            journal.request(&exchange);
        }
        if let Some(recorder) = &self.recorder {
            recorder.exchange(exchange).await;
        }
    }

    /// Keeps the history of requests along with the journal of the run.
    pub(crate) fn keep_history(&self, journal: &Journal) {
        if journal.keeps_requests() {
            _ = self.history.set(journal.clone());
        }
    }

    /// Lets the host of a request know to which trace it belongs, where it is to; returns by what.
    pub(crate) fn trace(&self, outgoing: &mut Outgoing, asked: &Asked<'_>) -> Option<HeaderValue> {
        // What the spec says itself stands.
        let recorder = self.recorder.as_ref().filter(|_| !outgoing.headers.contains_key(TRACEPARENT))?;
        let step = asked.tally.step();
        let traceparent = recorder.traceparent(step, &outgoing.asked, &outgoing.method, &outgoing.url)?;
        outgoing.headers.insert(TRACEPARENT, traceparent.clone());
        Some(traceparent)
    }

    /// Returns what takes secrets out of texts.
    pub(crate) fn hidden(&self) -> &Hidden {
        &self.hidden
    }

    /// Lets no text show a token.
    pub(crate) fn hide(&self, token: &Token) {
        self.hidden.add(token.secrets());
    }

    /// Returns an endpoint by its id.
    pub(crate) fn endpoint(&self, id: &str) -> Option<Arc<Endpoint>> {
        self.endpoints.get(id).map(|known| Arc::clone(&known.endpoint))
    }

    /// Makes what goes out of a request.
    pub(crate) fn outgoing(&self, request: &Prepared, endpoint: &Endpoint, timeout: Duration) -> Outgoing {
        let api = self.apis.get(&endpoint.api);
        Outgoing {
            asked: endpoint.id().into(),
            method: request.method.clone(),
            url: request.url.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            timeout,
            max_body: Outgoing::MAX_BODY,
            head: HeadBounds::default(),
            spool_above: Outgoing::SPOOL_ABOVE,
            connection: api.map(|api| Arc::clone(&api.connection)).unwrap_or_default(),
        }
    }

    /// Makes an answer of what came in.
    pub(crate) async fn answer_of(incoming: Incoming, url: Url) -> Result<Answer, TransportError> {
        let Incoming { status, headers, body } = incoming;
        Ok(Answer::new(status, headers, url, body.into_bytes().await?))
    }

    /// Returns a text about a request as it may be shown.
    fn shown(&self, request: &Prepared, text: &str) -> String {
        self.hidden.redact(&request.redactor().redact(text))
    }

    /// Waits, unless the run is stopped.
    pub(crate) async fn sleep(&self, wait: Duration, stop: &Stop) -> bool {
        tokio::select! {
            () = self.world.clock.sleep(wait) => true,
            () = stop.stopped() => false,
        }
    }

    async fn attempt(
        &self,
        draft: &Draft,
        asked: &Asked<'_>,
        attempt: &mut Attempt,
        renewed: &mut Renewed,
    ) -> Result<Verdict, Failure> {
        let endpoint = asked.endpoint;
        let known = self.endpoints.get(&endpoint.id());
        let mut draft = draft.clone();
        if let Some(known) = known {
            known.home.lead(&mut draft, asked.scope);
        }
        // Credentials go to the API's own host only.
        let own_origin = self.is_home(endpoint, draft.url(), asked.scope);
        // A host that the request line writes out gets what the endpoint itself says.
        let named = known.is_some_and(|known| known.named.as_ref() == Some(&draft.url().origin()));
        let proofs = if own_origin { self.proofs(asked)? } else { Vec::new() };
        // What has to be fetched is fetched before anything waits for this request.
        for proof in &proofs {
            self.hold(proof, asked).await?;
        }
        if own_origin && self.is_outdated(asked)? {
            return Ok(Verdict::Outdated);
        }
        let origin = draft.url().origin();
        let home = known.and_then(|known| known.home.origin(asked.scope)).unwrap_or_else(|| origin.clone());
        let (home, origin) = (home.ascii_serialization(), origin.ascii_serialization());
        let bounds = Bounds::of(asked)?;
        let Some(mut pass) = self.traffic.enter(asked, &home, &origin).await? else {
            return Ok(Verdict::Done(Outcome::Stopped));
        };
        let mut held = Vec::new();
        for proof in proofs {
            // A token may have grown old while the request waited; a login is a request that would wait in turn.
            let holds = match (&proof.auth, &proof.slot) {
                (Auth::Session(_), Some(slot)) => {
                    let holds = slot.held();
                    if holds.token.is_none() {
                        // Meanwhile the API refused it. To log in, its turn has to be given back first.
                        drop(pass);
                        return Ok(Verdict::Anew);
                    }
                    holds
                }
                _ => self.hold(&proof, asked).await?,
            };
            proof.auth.apply(&mut draft, asked.scope, &holds)?;
            held.push((proof, holds));
        }
        // One of them may be new; what waits for its turn is made of the one before.
        if own_origin && self.is_outdated(asked)? {
            return Ok(Verdict::Outdated);
        }
        if !own_origin {
            self.keep_from_others(&mut draft, asked)?;
            draft.disinherit(&HARMLESS);
        }
        let mut request = draft.finish()?;
        let unsigned = request.headers.clone();
        // A placeholder is no key, and the mock asks for no signature.
        let signing = if self.is_mocked { &[] } else { held.as_slice() };
        for (proof, holds) in signing {
            proof.auth.sign(&mut request, asked.scope, holds)?;
        }
        self.check_host(&request.url, asked, &request)?;
        if !own_origin && !named {
            strip(&mut request);
            self.check_secrets(&request, asked)?;
        }
        if let Some(once) = asked.once {
            once.goes_out().await?;
        }
        asked.tally.count_of(None, |counts| counts.requests += 1);
        wire::sent(asked, &request, &self.hidden);
        // What was waited for before it was this request's turn is none of the time that its attempts take.
        let begun = self.world.clock.uptime();
        let signing = if own_origin { signing } else { &[] };
        pass.sent();
        let came = match self.follow(&request, unsigned, asked, signing, &bounds, attempt.number).await {
            Ok(came) => came,
            // It answered, and led where nobody may go.
            Err(failure) => {
                self.traffic.heard(pass, asked);
                return Err(failure);
            }
        };
        let took = self.world.clock.uptime().saturating_sub(begun);
        attempt.elapsed = attempt.elapsed.saturating_add(took);
        let attempt = &Attempt { has_key: attempt.has_key && (own_origin || named), ..*attempt };
        let mut is_done = false;
        let came = match came {
            Ok(Followed { incoming, url, is_done: done }) => {
                is_done = done;
                let status = incoming.status;
                match receive(incoming, url, asked).await {
                    Ok(received) => Ok(received),
                    Err(failure) => {
                        let why = self.shown(&request, &describe(&request, status));
                        self.traffic.answered_unreadably(pass, asked, status, &why);
                        return Err(told(failure, &shown(&request, asked), &request).asked(&request, Some(status)));
                    }
                }
            }
            Err(error) => Err(error),
        };
        match came {
            Ok(Received { answer, beside }) => {
                wire::came(asked, &request, &answer, &self.hidden);
                let what = || self.shown(&request, &describe(&request, answer.status));
                let ruling = match ruling(known, &request, &answer, asked) {
                    Ok(ruling) => ruling,
                    Err(failure) => {
                        self.traffic.answered(pass, asked, &answer, false, what)?;
                        return Err(failure.asked(&request, Some(answer.status)));
                    }
                };
                // Where a rule says what it means, it says nothing against the API as a whole.
                let is_taken = ruling
                    .as_ref()
                    .is_some_and(|it| matches!(it.action, ErrorAction::Accept | ErrorAction::Skip | ErrorAction::Fail));
                self.traffic.answered(pass, asked, &answer, is_taken, what)?;
                let asks_anew = ruling.as_ref().is_some_and(|it| it.action == ErrorAction::RefreshAuth);
                // Another origin says nothing about what is held for this one.
                let is_home = answer.url.origin() == request.url.origin();
                let may_renew = is_home && !is_done;
                if is_home && !asks_anew && takes_proof(answer.status) {
                    take(&held);
                }
                if may_renew && (self.renews(&answer, &held, renewed) || (asks_anew && self.refuse(&held, renewed))) {
                    return Ok(Verdict::Anew);
                }
                if answer.status == 206 && ruling.is_none() {
                    let range = answer.header("content-range").unwrap_or_else(|| "no `Content-Range`".to_owned());
                    let text = format!("answered 206 Partial Content ({range}), though no part was asked for");
                    return Err(failed("http-status", &text, &request, asked)
                        .help("if that is all there is, say so: `errors: [{status: 206, action: accept}]`"));
                }
                let shown_request = is_done.then(|| request.clone());
                let led_to = is_done.then(|| self.hidden.redact(answer.url.as_str()));
                let verdict = self.judge(request, answer, asked, attempt, ruling);
                let mut verdict = match (verdict, led_to) {
                    (Err(failure), Some(url)) => {
                        let advice = "what was asked for is done; with `redirects: none` its own answer counts";
                        let message = format!("{} (from {url}, to which the answer leads)", failure.message);
                        return Err(Failure { message, help: Some(advice.to_owned()), ..failure });
                    }
                    (verdict, _) => verdict?,
                };
                if let Verdict::Done(Outcome::Answer(exchanged)) = &mut verdict {
                    exchanged.beside = beside;
                }
                if let (Some(request), Verdict::Again { why, .. }) = (shown_request, &verdict) {
                    let text = format!("what was asked for is done, but not what its answer leads to: {why}");
                    return Err(failed("http-status", &text, &request, asked)
                        .help("it is not sent again: with `redirects: none` the answer itself counts"));
                }
                Ok(verdict)
            }
            Err(error) => {
                wire::nothing_came(asked, &request, &error, &self.hidden);
                // All that would be so with any other request too.
                let is_away = matches!(
                    error,
                    TransportError::Connect(_)
                        | TransportError::Tls(_)
                        | TransportError::Timeout(_)
                        | TransportError::Broken(_)
                );
                if is_away && !asked.stop.is_stopped() {
                    let why = format!("{} {}: {error}", request.method, request.shown_url);
                    self.traffic.failed(pass, asked, &self.shown(&request, &why));
                } else if let TransportError::TooLarge { .. } | TransportError::HeadTooLarge(_) = error {
                    self.traffic.heard(pass, asked);
                }
                self.unanswered(&request, &error, asked, attempt)
            }
        }
    }

    /// Returns the auths of an endpoint.
    pub(crate) fn all_proofs(&self, endpoint: &Endpoint, scope: &Scope) -> Result<Arc<[Proof]>, Failure> {
        self.credentials.of(endpoint, scope, &*self.world.state)
    }

    /// Returns the auths of a request.
    fn proofs(&self, asked: &Asked<'_>) -> Result<Vec<Proof>, Failure> {
        let method = asked.endpoint.request.method();
        let method = http::Method::from_bytes(method.as_str().as_bytes()).unwrap_or_default();
        let all = self.credentials.of(asked.endpoint, asked.scope, &*self.world.state)?;
        let applied = all.iter().filter(|proof| proof.auth.holds_for(&method) && !is_without(proof, asked));
        Ok(applied.cloned().collect())
    }

    /// Answers a 401: takes note of what the server asks for, or that it does not take a token; tells whether that may help.
    fn renews(&self, answer: &Answer, held: &[(Proof, Held)], renewed: &mut Renewed) -> bool {
        if answer.status != 401 {
            return false;
        }
        let asks = answer.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        if let Some((proof, _)) = held.iter().find(|(proof, _)| matches!(proof.auth, Auth::Digest(_)))
            && let (Some(slot), Some(challenge)) = (&proof.slot, Challenge::parse(asks))
            // A second one says that the nonce of the first is used up; a third one, that the password is wrong.
            && renewed.challenges < 2
        {
            renewed.challenges += 1;
            slot.challenge(challenge);
            return true;
        }
        self.refuse(held, renewed)
    }

    /// Takes note that the API does not take the tokens of a request; tells whether others can be had.
    fn refuse(&self, held: &[(Proof, Held)], renewed: &mut Renewed) -> bool {
        if renewed.token || (self.is_mocked && self.replayed.is_none()) {
            return false;
        }
        for (proof, holds) in held.iter().filter(|(proof, _)| proof.is_renewable()) {
            if let (Some(slot), Some(token)) = (&proof.slot, &holds.token) {
                renewed.token |= slot.refuse(token);
            }
        }
        renewed.token
    }
}

/// Tells whether an answer shows that the API takes who is asking: it may well refuse what is asked for.
fn takes_proof(status: u16) -> bool {
    !matches!(status, 401 | 403 | 407 | 429) && status < 500
}

/// Takes note that the API takes the tokens of a request.
fn take(held: &[(Proof, Held)]) {
    for (proof, holds) in held {
        if let (Some(slot), Some(token)) = (&proof.slot, &holds.token) {
            slot.taken(token);
        }
    }
}

impl Default for Sending {
    fn default() -> Self {
        Self { number: 1, elapsed: Duration::ZERO, renewed: Renewed::default(), remade: 0 }
    }
}

/// Says what went wrong with a request, without its secrets.
fn failed(code: &'static str, text: &str, request: &Prepared, asked: &Asked<'_>) -> Failure {
    told(Failure::new(code, text, asked.span), &shown(request, asked), request).asked(request, None)
}

/// Tells whether a method is one that changes nothing and has no body.
pub(crate) fn is_read_only(method: &http::Method) -> bool {
    matches!(*method, http::Method::GET | http::Method::HEAD)
}

/// Shows a request in a message.
fn shown(request: &Prepared, asked: &Asked<'_>) -> String {
    format!("{} {}{}", request.method, request.shown_url, asked.place)
}

/// Says of which exchange a failure is told, without the request's secrets.
fn told(failure: Failure, exchange: &str, request: &Prepared) -> Failure {
    let message = request.redactor().redact(&format!("{exchange}: {}", failure.message));
    Failure { message, ..failure }
}

/// Tells whether a request is to come without an auth.
fn is_without(proof: &Proof, asked: &Asked<'_>) -> bool {
    proof.slot.as_ref().is_some_and(|slot| asked.without.contains(&slot.id))
}

impl Exchanged {
    /// Says of which exchange a failure is told, without the request's secrets.
    pub(crate) fn told(&self, failure: Failure, exchange: &str) -> Failure {
        told(failure, exchange, &self.request)
    }

    /// Takes the request's secrets out of a failure.
    pub(crate) fn hide(&self, failure: Failure) -> Failure {
        let failure = failure.asked(&self.request, Some(self.answer.status));
        Failure { message: self.request.redactor().redact(&failure.message), ..failure }
    }
}

fn describe(request: &Prepared, status: u16) -> String {
    format!("{} {} answered {status}", request.method, request.shown_url)
}

/// Says that a request was not answered.
pub(crate) fn connection_failed(error: &TransportError, method: &http::Method, shown_url: &str, span: Span) -> Failure {
    let code = if let TransportError::Timeout(_) = error { "timeout" } else { "connection" };
    Failure::new(code, format!("{method} {shown_url}: {error}"), span)
        .help("check that the host is right and can be reached from here")
}
