//! Fetching what proves who is asking: tokens, logins. Once for all requests and all processes.

use std::sync::Arc;
use std::time::Duration;

use engine_expr::{Secret, Value};
use engine_request::auth::{JwtAuth, OAuth2Auth, SessionAuth, TokenAsk, TokenError};
use engine_request::{Answer, Attempt, Auth, Decision, Held, Method, Outcome as RetryOutcome, Retry, Token};
use engine_source::Map;
use jiff::SignedDuration;

use crate::body::Takes;
use crate::credentials::{Proof, Slot};
use crate::exchange::{Asked, Exchanges, Outcome, Wired, tried};
use crate::failure::Failure;
use crate::params::params_of;
use crate::recorder::Found;
use crate::report::Event;
use crate::state::Kind;
use crate::transport::TransportError;
use crate::world::BoxFuture;

/// How long to wait for the answer of a token server.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a process may be at fetching a token before others take it for dead.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// How often it says that it is still at it.
const STILL: Duration = Duration::from_secs(10);
/// How often it is tried to keep a token: one that was rotated and not kept is lost for good.
const SAVES: usize = 6;
/// How long to wait before looking again whether another process has fetched the token.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long another process may be at it before people are told what is waited for.
pub(crate) const WORTH_TELLING: SignedDuration = SignedDuration::from_secs(2);

impl Exchanges {
    /// Returns what is held for an auth; fetches it first where it has to be.
    ///
    /// A login is a request, and so may need what is held for another auth.
    pub(crate) fn hold<'a>(&'a self, proof: &'a Proof, asked: &'a Asked<'_>) -> BoxFuture<'a, Result<Held, Failure>> {
        Box::pin(self.held(proof, asked))
    }

    async fn held(&self, proof: &Proof, asked: &Asked<'_>) -> Result<Held, Failure> {
        let Some(slot) = &proof.slot else { return Ok(Held::default()) };
        if let Auth::Digest(_) = proof.auth {
            return Ok(slot.held());
        }
        let usable = |held: &Held| held.token.as_ref().is_some_and(|token| slot.takes(token, self.now()));
        let held = slot.held();
        if usable(&held) {
            return Ok(held);
        }
        // Within a login this is already taken, for all sessions of the API.
        let is_within = matches!(proof.auth, Auth::Session(_)) && !asked.without.is_empty();
        let _fetching = if is_within { None } else { Some(slot.fetching.lock().await) };
        let held = slot.held();
        if usable(&held) {
            return Ok(held);
        }
        // Whoever is refused once is not asked for by all who waited: too many wrong passwords lock a user out.
        if let Some(failure) = slot.failure() {
            return Err(failure);
        }
        let token = match &proof.auth {
            _ if self.is_mocked() => Ok(self.stand_in(&proof.auth, &asked.endpoint.api)),
            Auth::Oauth2(oauth2) => self.fetch(slot, oauth2, asked).await,
            Auth::Session(session) => self.login(slot, session, asked).await,
            Auth::Jwt(jwt) => self.make(jwt, asked),
            _ => return Ok(held),
        };
        let token = token.inspect_err(|failure| slot.fail(failure))?;
        self.hide(&token);
        self.found(Found::Fields { api: &asked.endpoint.api, fields: &token.fields });
        tracing::debug!("{}: a new token, {}", slot.label, until(&token));
        let token = Arc::new(token);
        slot.put(&token);
        Ok(Held { token: Some(token), challenge: None })
    }

    /// What stands for a token where nobody is asked for one; its fields are those of the recording, where there is one.
    fn stand_in(&self, auth: &Auth, api: &str) -> Token {
        let mut fields = auth.stand_ins();
        let recorded = self.replayed().and_then(|replayed| replayed.fields.get(api)).and_then(Value::as_object);
        if let (Value::Object(members), Some(recorded)) = (&fields, recorded) {
            let known = |name: &str, value: &Value| recorded.get(name).unwrap_or(value).clone();
            let named = members.iter().map(|(name, value)| (Arc::clone(name), known(name, value)));
            fields = Value::object(named.collect::<Vec<_>>());
        }
        Token { value: Some(Secret::new("mock-token")), fields, ..Token::default() }
    }

    fn make(&self, jwt: &JwtAuth, asked: &Asked<'_>) -> Result<Token, Failure> {
        _ = self;
        jwt.make(asked.scope).map_err(|error| Failure::from(error).fatal())
    }

    /// Fetches a token, unless another process has just done so; it is kept before it is used.
    async fn fetch(&self, slot: &Slot, oauth2: &OAuth2Auth, asked: &Asked<'_>) -> Result<Token, Failure> {
        let is_usable = |token: &Token| {
            token.value.is_some() && slot.takes(token, self.now()) && self.serves(oauth2, token, asked).is_ok()
        };
        if let Some(kept) = self.kept(slot).await?.filter(is_usable) {
            return Ok(kept);
        }
        let lock = lock_of(&slot.id);
        let store = &self.world().state;
        let (begun, mut is_told) = (self.now(), false);
        while !store.lock(&lock, self.owner(), self.now(), LEASE).await? {
            if !is_told && self.now().duration_since(begun) >= WORTH_TELLING {
                is_told = true;
                let api = &asked.endpoint.api;
                let message = format!("waits for another process that is fetching the token of `{api}`");
                asked.tally.event(Event::Log { step: Arc::clone(asked.tally.step()), message });
            }
            if !self.sleep(LOOK_AGAIN, asked.stop).await {
                return Err(Failure::interrupted());
            }
        }
        let _fetching = self.fetching.read().await;
        let fetched = async {
            let kept = self.kept(slot).await?;
            if let Some(kept) = kept.clone().filter(is_usable) {
                return Ok(kept);
            }
            let had = kept.as_ref().and_then(|kept| kept.refresh.clone());
            let mut token = self.ask_for_token(oauth2, kept, &lock, asked).await?;
            self.hide(&token);
            let served = self.serves(oauth2, &token, asked);
            if let Err(error) = served {
                let failure = self.token_failure(&error, oauth2, &asked.endpoint.api);
                // Nothing of it is kept, but for the one thing that can't be had again: a refresh token that was rotated.
                if token.refresh.is_none() || token.refresh == had || oauth2.begins_anew() {
                    return Err(failure);
                }
                token = Token { refresh: token.refresh, fetched_at: token.fetched_at, ..Token::default() };
                self.keep(slot, &token).await?;
                return Err(failure);
            }
            self.keep(slot, &token).await?;
            Ok(token)
        };
        let fetched = fetched.await;
        store.unlock(&lock, self.owner()).await?;
        fetched
    }

    /// Keeps a token for the runs to come.
    async fn keep(&self, slot: &Slot, token: &Token) -> Result<(), Failure> {
        let store = &self.world().state;
        let mut saves = 1;
        while let Err(error) =
            store.save(Kind::Token, &slot.id, &slot.label, token.to_json().as_bytes(), self.now()).await
        {
            if saves == SAVES {
                return Err(error.into());
            }
            saves += 1;
            tracing::info!("{}: the token is not kept yet: {error}", slot.label);
            self.world().clock.sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Sees that a token's answer says where the API is, if that is what its base URL takes from it.
    pub(crate) fn serves(&self, oauth2: &OAuth2Auth, token: &Token, asked: &Asked<'_>) -> Result<(), TokenError> {
        match &asked.endpoint.base_url {
            Some(base_url) if !self.is_moved(asked.endpoint) => oauth2.serves(token, base_url, asked.scope),
            _ => Ok(()),
        }
    }

    /// Returns the token that is kept between runs.
    async fn kept(&self, slot: &Slot) -> Result<Option<Token>, Failure> {
        let kept = self.world().state.load(Kind::Token, &slot.id).await?;
        let token = kept.and_then(|bytes| Token::from_json(&String::from_utf8_lossy(&bytes)));
        if let Some(token) = &token {
            self.hide(token);
        }
        Ok(token)
    }

    async fn ask_for_token(
        &self,
        oauth2: &OAuth2Auth,
        mut kept: Option<Token>,
        lock: &str,
        asked: &Asked<'_>,
    ) -> Result<Token, Failure> {
        let api = &asked.endpoint.api;
        loop {
            let ask = match oauth2.ask(kept.as_ref(), asked.scope) {
                Ok(ask) => ask,
                Err(error) => return Err(self.token_failure(&error, oauth2, api)),
            };
            let told = |failure: Failure| {
                let message = ask.request.redactor().redact(&failure.message);
                Failure { message: self.hidden().redact(&message), ..failure }.fatal()
            };
            let answer = self.token_answer(&ask, lock, oauth2, asked).await.map_err(told)?;
            match oauth2.answered(&answer, kept.as_ref(), asked.scope) {
                Ok(token) if token.value.as_ref().is_some_and(|value| value.expose().contains(char::is_control)) => {
                    let text = format!("token for `{api}`: the token has a line break or another control character");
                    return Err(Failure::new("auth-failed", text, oauth2.token_url.span()).fatal());
                }
                Ok(token) => return Ok(token),
                // What was kept is worth nothing any more.
                Err(TokenError::Refused { error, .. })
                    if ask.is_refresh && error == "invalid_grant" && kept.is_some() && oauth2.begins_anew() =>
                {
                    kept = None;
                }
                Err(error) => return Err(told(self.token_failure(&error, oauth2, api))),
            }
        }
    }

    /// Says why there is no token.
    fn token_failure(&self, error: &TokenError, oauth2: &OAuth2Auth, api: &str) -> Failure {
        let code = match error {
            TokenError::LoginNeeded => "login-needed",
            TokenError::Refused { error, .. } if error == "invalid_grant" && oauth2.needs_login() => "login-needed",
            TokenError::Eval(error) => return Failure::from(error.clone()).fatal(),
            TokenError::Refused { .. } | TokenError::NoToken { .. } | TokenError::Lacks { .. } => "auth-failed",
        };
        let failure = Failure::new(code, format!("token for `{api}`: {error}"), oauth2.token_url.span()).fatal();
        match oauth2.remedy(error) {
            Some(help) => failure.help(help.replace("SPEC API", &format!("{} {api}", self.spec()))),
            None => failure,
        }
    }

    /// Waits for something, and says meanwhile to other processes that this one is still at it.
    async fn keeping<T>(&self, lock: &str, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = self.world().clock.sleep(STILL) => {
                    // If that fails the next use of the store says so.
                    _ = self.world().state.lock(lock, self.owner(), self.now(), LEASE).await;
                }
            }
        }
    }

    /// Asks the token server, again where that may help.
    async fn token_answer(
        &self,
        ask: &TokenAsk,
        lock: &str,
        oauth2: &OAuth2Auth,
        asked: &Asked<'_>,
    ) -> Result<Answer, Failure> {
        let request = &ask.request;
        let policy = Retry::default().resolve(asked.scope)?;
        let started = self.now();
        let mut number = 0;
        let failed = |what: &str| {
            let text = format!("token for `{}`: {} {}: {what}", asked.endpoint.api, request.method, request.shown_url);
            Failure::new("auth-failed", text, oauth2.token_url.span())
        };
        loop {
            number += 1;
            // However long the attempts take, nobody takes the lock meanwhile.
            self.world().state.lock(lock, self.owner(), self.now(), LEASE).await?;
            asked.tally.count_of(None, |counts| counts.requests += 1);
            let mut outgoing = self.outgoing(request, asked.endpoint, TIMEOUT);
            outgoing.asked = format!("{}.auth", asked.endpoint.api).into();
            let (who, sent_at) = (Arc::clone(&outgoing.asked), self.now());
            let sent = self.world().transport.send(outgoing);
            let sent = self.keeping(lock, sent);
            let came = if ask.is_refresh {
                // What rotates a token is let finish: the old one may be worth nothing already.
                sent.await
            } else {
                tokio::select! {
                    came = sent => came,
                    () = asked.stop.stopped() => return Err(Failure::interrupted()),
                }
            };
            let wired =
                Wired { request, who: &who, attempt: number, is_redirect: false, is_login: true, traceparent: None };
            self.record(wired, asked, sent_at, &came).await;
            // A token server that is asked twice gives two tokens: nothing is lost by it.
            let elapsed = Duration::try_from(self.now().duration_since(started)).unwrap_or_default();
            let attempt = Attempt { number, elapsed, method: Method::Get, has_key: true };
            let (now, random) = (self.now(), self.world().clock.random());
            let (decision, why) = match came {
                Ok(incoming) => {
                    let answer = Self::answer_of(incoming, request.url.clone()).await;
                    let answer = answer.map_err(|error| failed(&error.to_string()))?;
                    let outcome = RetryOutcome::Answer(&answer);
                    match policy.decide(&attempt, outcome, asked.scope, now, random)? {
                        Decision::GiveUp(_) => return Ok(answer),
                        after @ Decision::After(_) => (after, format!("answered {}", answer.status)),
                    }
                }
                Err(error) => {
                    let outcome = match &error {
                        TransportError::Connect(_) => RetryOutcome::Connect,
                        TransportError::Timeout(_) => RetryOutcome::Timeout,
                        TransportError::Broken(_) => RetryOutcome::Broken,
                        _ => return Err(failed(&error.to_string())),
                    };
                    (policy.decide(&attempt, outcome, asked.scope, now, random)?, error.to_string())
                }
            };
            match decision {
                Decision::After(wait) => {
                    let what = format!("{} {} {why}", request.method, request.shown_url);
                    asked.tally.event(Event::Retrying {
                        step: Arc::clone(asked.tally.step()),
                        what: self.hidden().redact(&what),
                        wait,
                        attempt: number + 1,
                    });
                    if !self.keeping(lock, self.sleep(wait, asked.stop)).await {
                        return Err(Failure::interrupted());
                    }
                }
                Decision::GiveUp(reason) => {
                    return Err(failed(&format!("{why}{}", tried(Some(reason))))
                        .help("check that the token URL is right and can be reached from here"));
                }
            }
        }
    }

    /// Calls the endpoints that log in, one after another; each sees what those before it gave.
    async fn login(&self, slot: &Slot, session: &SessionAuth, asked: &Asked<'_>) -> Result<Token, Failure> {
        let mut token: Option<Token> = None;
        let mut without = asked.without.to_vec();
        without.push(slot.id.clone());
        for name in &session.login {
            let endpoint = self.endpoint(&format!("{}.{}", asked.endpoint.api, &**name)).ok_or_else(|| {
                Failure::new("undefined-endpoint", format!("there is no endpoint `{}`", &**name), name.span())
            })?;
            let fields = token.as_ref().map_or(Value::Null, |token| token.fields.clone());
            let base = match &fields {
                Value::Null => self.base().clone(),
                fields => self.base().with("auth", fields.clone()),
            };
            let params = params_of(&endpoint.params, &Map::default(), &base, name.span())?;
            let scope = base.with("params", params);
            let mut draft = self.draft(&endpoint, &scope)?;
            if let Some(token) = &token {
                for (name, value) in &token.cookies {
                    let place = engine_request::Place::new(engine_request::Target::Cookie(name.as_str().into()));
                    draft.put(&place, &Value::Secret(Secret::clone(value)))?;
                }
            }
            let login = Asked {
                endpoint: &endpoint,
                scope: &scope,
                tally: asked.tally,
                stop: asked.stop,
                span: name.span(),
                place: ", to log in",
                has_key: false,
                takes: &Takes::Whole,
                without: &without,
                once: None,
            };
            match self.send_login(draft, &login).await.map_err(Failure::fatal)? {
                Outcome::Answer(exchanged) => {
                    let seen = session.answered(&exchanged.answer, token.take(), &scope).map_err(|error| {
                        let text = format!("{} {}", exchanged.request.method, exchanged.request.shown_url);
                        let failure = Failure { code: "auth-failed", ..Failure::from(error) };
                        exchanged.told(failure, &text).fatal()
                    })?;
                    self.hide(&seen);
                    token = Some(seen);
                }
                Outcome::Skipped => {
                    let text = format!("the login `{}` was skipped by an error rule", endpoint.id());
                    return Err(Failure::new("auth-failed", text, name.span()).fatal());
                }
                Outcome::Refused(refusal) => return Err(refusal.failure.fatal()),
                Outcome::Stopped => return Err(Failure::interrupted()),
            }
        }
        Ok(token.unwrap_or_default())
    }
}

/// Names the lock of a token: whoever has it may fetch a new one, and keep it.
pub(crate) fn lock_of(key: &str) -> String {
    format!("token:{key}")
}

/// Says how long a token holds.
fn until(token: &Token) -> String {
    token
        .expires_at
        .map_or_else(|| "which holds until it is refused".to_owned(), |end| format!("which holds until {end}"))
}
