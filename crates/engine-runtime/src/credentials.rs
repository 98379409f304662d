//! Who asks: the auths of each endpoint, and what is held for them between requests. Fetching it is another matter.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine_expr::{EvalError, Members, Scope, Value};
use engine_plan::Endpoint;
use engine_request::{Auth, Challenge, Held, Token};
use engine_source::Span;
use url::Url;

use crate::failure::Failure;
use crate::state::{StateError, StateStore};

/// The auths of all endpoints of a run, and what is held for them. One login serves all requests.
#[derive(Default)]
pub(crate) struct Credentials {
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    /// The auths of each endpoint, resolved when it is first asked.
    proofs: Mutex<HashMap<String, Arc<[Proof]>>>,
    /// What makes the logins of an API come one after another.
    logins: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// An auth as it is applied to the requests of an endpoint.
#[derive(Clone)]
pub(crate) struct Proof {
    pub(crate) auth: Auth,
    /// What is held for it; nothing for kinds that need nothing.
    pub(crate) slot: Option<Arc<Slot>>,
}

/// What is held for an auth.
pub(crate) struct Slot {
    /// What tells it from all others; the key of its token in the store.
    pub(crate) id: String,
    /// What it is, in words that may be shown.
    pub(crate) label: String,
    held: Mutex<Inner>,
    /// Whoever fetches something new has this: all others wait for it. The sessions of one API share it, since the login of one
    /// may need another.
    pub(crate) fetching: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Inner {
    token: Option<Arc<Token>>,
    /// The last token that the API refused.
    refused: Option<Arc<Token>>,
    /// Whether the API has taken none since then.
    is_on_trial: bool,
    /// Why there is none, and will be none in this run.
    failure: Option<Failure>,
    challenge: Option<Arc<Challenge>>,
}

impl Credentials {
    /// Returns the auths of an endpoint, switches resolved.
    pub(crate) fn of(
        &self,
        endpoint: &Endpoint,
        scope: &Scope,
        store: &dyn StateStore,
    ) -> Result<Arc<[Proof]>, Failure> {
        let id = endpoint.id();
        if let Some(known) = self.proofs.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(known));
        }
        let mut proofs = Vec::new();
        for auth in &endpoint.auth {
            self.resolve(auth, endpoint, scope, store, &mut proofs)?;
        }
        let proofs: Arc<[Proof]> = proofs.into();
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&proofs));
        Ok(proofs)
    }

    fn resolve(
        &self,
        auth: &Auth,
        endpoint: &Endpoint,
        scope: &Scope,
        store: &dyn StateStore,
        proofs: &mut Vec<Proof>,
    ) -> Result<(), Failure> {
        let api = &endpoint.api;
        let here = |span: Span| format!("{api} {} {span:?}", auth.kind());
        let (id, label) = match auth {
            Auth::None(_) => return Ok(()),
            Auth::Switch(switch) => {
                if !switch_holds(switch.methods.as_deref(), endpoint) {
                    return Ok(());
                }
                for chosen in switch.choose(scope)?.as_set().into_iter().flatten() {
                    self.resolve(chosen, endpoint, scope, store, proofs)?;
                }
                return Ok(());
            }
            Auth::Oauth2(oauth2) => token_key(api, oauth2, scope, store)?,
            Auth::Session(session) => {
                let span = session.login.iter().next().map(engine_request::Name::span).unwrap_or_default();
                (here(span), format!("{api}: session"))
            }
            Auth::Jwt(jwt) => (here(jwt.key.span()), format!("{api}: jwt")),
            Auth::Digest(digest) => (here(digest.username.span()), format!("{api}: digest")),
            Auth::ApiKey(_)
            | Auth::Basic(_)
            | Auth::Bearer(_)
            | Auth::Hmac(_)
            | Auth::AwsSigv4(_)
            | Auth::Oauth1(_) => {
                proofs.push(Proof { auth: auth.clone(), slot: None });
                return Ok(());
            }
        };
        let fetching = if let Auth::Session(_) = auth {
            let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(logins.entry(api.clone()).or_default())
        } else {
            Arc::default()
        };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot =
            slots.entry(id.clone()).or_insert_with(|| Arc::new(Slot { id, label, held: Mutex::default(), fetching }));
        proofs.push(Proof { auth: auth.clone(), slot: Some(Arc::clone(slot)) });
        Ok(())
    }
}

/// Returns under which key a token of an API is kept, and what it is in words.
///
/// # Errors
///
/// Fails where a template of the auth does, and where the store can't be opened.
pub(crate) fn token_key(
    api: &str,
    auth: &engine_request::auth::OAuth2Auth,
    scope: &Scope,
    store: &dyn StateStore,
) -> Result<(String, String), TokenKeyError> {
    let identity = auth.identity(scope)?;
    let parts: Vec<&str> = identity.iter().map(String::as_str).collect();
    let mut label = format!("{api}: oauth2, {}", auth.grant.name());
    if let Some(host) = token_host(auth, scope) {
        label.extend([", ", &host]);
    }
    Ok((store.fingerprint(&parts)?, label))
}

/// Returns the host that gives the tokens, where it may be shown.
fn token_host(auth: &engine_request::auth::OAuth2Auth, scope: &Scope) -> Option<String> {
    let url = auth.token_url.render(scope).ok().filter(|url| !url.holds_secret())?;
    let url = Url::parse(&url.text()?).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Why the key of a token can't be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenKeyError {
    /// A template failed.
    #[error("{}", .0.message)]
    Eval(#[from] EvalError),
    /// The store can't be opened.
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<TokenKeyError> for Failure {
    fn from(error: TokenKeyError) -> Self {
        match error {
            TokenKeyError::Eval(error) => error.into(),
            TokenKeyError::State(error) => error.into(),
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self { help: error.help, ..Self::new("state-failed", error.message, Span::default()).fatal() }
    }
}

fn switch_holds(methods: Option<&[engine_request::Method]>, endpoint: &Endpoint) -> bool {
    methods.is_none_or(|methods| methods.contains(&endpoint.request.method()))
}

impl Proof {
    /// Tells whether it has something that may be renewed when the API refuses it.
    pub(crate) fn is_renewable(&self) -> bool {
        matches!(self.auth, Auth::Oauth2(_) | Auth::Session(_) | Auth::Jwt(_))
    }
}

impl Slot {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is held.
    pub(crate) fn held(&self) -> Held {
        let inner = self.inner();
        Held { token: inner.token.clone(), challenge: inner.challenge.clone() }
    }

    /// Holds a token from now on.
    pub(crate) fn put(&self, token: &Arc<Token>) {
        let mut inner = self.inner();
        // Some servers give the same token for as long as it holds: whoever has just given it stands by it.
        if inner.refused.as_ref().is_some_and(|refused| refused.value == token.value) {
            inner.refused = None;
        }
        inner.token = Some(Arc::clone(token));
    }

    /// Holds what the server asks for.
    pub(crate) fn challenge(&self, challenge: Challenge) {
        self.inner().challenge = Some(Arc::new(challenge));
    }

    /// Takes note that the API refused a token, which then is no longer held; tells whether another may help.
    ///
    /// One that came since another was refused, and was never taken itself, is kept: a third would fare no better.
    pub(crate) fn refuse(&self, token: &Arc<Token>) -> bool {
        let mut inner = self.inner();
        match &inner.token {
            Some(held) if Arc::ptr_eq(held, token) => {
                if inner.is_on_trial {
                    return false;
                }
                inner.is_on_trial = true;
                inner.refused = inner.token.take();
                true
            }
            // Others have seen to it meanwhile.
            _ => true,
        }
    }

    /// Takes note that the API took a token.
    pub(crate) fn taken(&self, token: &Arc<Token>) {
        let mut inner = self.inner();
        if inner.token.as_ref().is_some_and(|held| Arc::ptr_eq(held, token)) {
            inner.is_on_trial = false;
        }
    }

    /// Takes note that there is no token, unless only the run is being stopped.
    pub(crate) fn fail(&self, failure: &Failure) {
        if !failure.is_interruption() {
            self.inner().failure = Some(failure.clone());
        }
    }

    /// Returns why there is no token, and will be none in this run.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.inner().failure.clone()
    }

    /// Tells whether a token may be used: it is not old, and not the one that was refused.
    pub(crate) fn takes(&self, token: &Token, now: jiff::Timestamp) -> bool {
        let inner = self.inner();
        let is_refused = inner
            .refused
            .as_ref()
            .is_some_and(|refused| refused.value == token.value && refused.cookies == token.cookies);
        token.is_fresh(now) && !is_refused
    }
}

/// Gathers what the answers of auths are kept as: `auth`.
pub(crate) fn kept<'t>(tokens: impl IntoIterator<Item = &'t Token>) -> Value {
    let mut members = Members::new();
    for token in tokens {
        for (name, value) in token.fields.as_object().into_iter().flat_map(Members::iter) {
            members.insert(Arc::clone(name), value.clone());
        }
    }
    Value::Object(members.into())
}
