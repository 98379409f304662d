//! Logins that a person makes: what `engine auth` needs of a plan, without running it.

use std::sync::Arc;
use std::time::Duration;

use engine_expr::Scope;
use engine_plan::{Endpoint, Plan};
use engine_request::auth::{OAuth2Auth, TokenError};
use engine_request::{Answer, Auth, Prepared, Token};
use engine_source::{Finding, Findings};

use crate::credentials::token_key;
use crate::exchange::{Exchanges, connection_failed};
use crate::failure::Failure;
use crate::hidden::Hidden;
use crate::run::{RunOptions, base_scope};
use crate::state::{Kind, StateError};
use crate::tokens::{LEASE, LOOK_AGAIN, WORTH_TELLING, lock_of};
use crate::world::World;

/// How long to wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An OAuth 2.0 login of an API.
pub struct ApiLogin {
    /// The name of the API.
    pub api: String,
    /// How its tokens are asked for.
    pub auth: Box<OAuth2Auth>,
    /// The names that its templates may use.
    pub scope: Scope,
    endpoint: Arc<Endpoint>,
    exchanges: Arc<Exchanges>,
    world: World,
    hidden: Hidden,
    plan: Arc<Plan>,
    key: String,
    label: String,
}

/// Finds the OAuth 2.0 logins of a plan's APIs, each once, switches resolved.
///
/// # Errors
///
/// Gives all inputs and secrets that are missing or wrong, and why the store can't be opened.
pub fn logins(plan: &Arc<Plan>, world: &World, options: &RunOptions) -> Result<Vec<ApiLogin>, Findings> {
    let (scope, secrets) = base_scope(plan, world, options, "")?;
    let hidden = Hidden::new(secrets);
    let fail = |failure: &Failure| {
        let mut finding = failure.finding(None, &plan.sources);
        finding.message = hidden.redact(&finding.message);
        Findings::from_iter([finding])
    };
    let exchanges = Exchanges::new(plan, world, options, &scope, hidden.clone()).map_err(|failure| fail(&failure))?;
    let exchanges = Arc::new(exchanges);
    let mut found: Vec<ApiLogin> = Vec::new();
    for endpoint in &plan.endpoints {
        let proofs = exchanges.all_proofs(endpoint, &scope).map_err(|failure| fail(&failure))?;
        for proof in proofs.iter() {
            let Auth::Oauth2(auth) = &proof.auth else { continue };
            let (key, label) =
                token_key(&endpoint.api, auth, &scope, &*world.state).map_err(|error| fail(&Failure::from(error)))?;
            if found.iter().any(|known| known.key == key && known.api == endpoint.api) {
                continue;
            }
            found.push(ApiLogin {
                api: endpoint.api.clone(),
                auth: auth.clone(),
                scope: scope.clone(),
                endpoint: Arc::clone(endpoint),
                exchanges: Arc::clone(&exchanges),
                world: world.clone(),
                hidden: hidden.clone(),
                plan: Arc::clone(plan),
                key,
                label,
            });
        }
    }
    Ok(found)
}

impl ApiLogin {
    /// Asks the token server, once.
    ///
    /// # Errors
    ///
    /// Fails where no answer comes.
    pub async fn ask(&self, request: &Prepared) -> Result<Answer, Box<Finding>> {
        let failed = |failure: &Failure| {
            let mut finding = failure.finding(None, &self.plan.sources);
            finding.message = self.hidden.redact(&request.redactor().redact(&finding.message));
            Box::new(finding)
        };
        let outgoing = self.exchanges.outgoing(request, &self.endpoint, TIMEOUT);
        let answer = match self.world.transport.send(outgoing).await {
            Ok(incoming) => Exchanges::answer_of(incoming, request.url.clone()).await,
            Err(error) => Err(error),
        };
        let place = self.auth.token_url.span();
        answer.map_err(|error| failed(&connection_failed(&error, &request.method, &request.shown_url, place)))
    }

    /// Returns what is kept.
    ///
    /// # Errors
    ///
    /// Fails where the store does.
    pub async fn kept(&self) -> Result<Option<Token>, StateError> {
        let kept = self.world.state.load(Kind::Token, &self.key).await?;
        Ok(kept.and_then(|bytes| Token::from_json(&String::from_utf8_lossy(&bytes))))
    }

    /// Sees that a token's answer says where the API is, if that is what its base URL takes from it.
    ///
    /// # Errors
    ///
    /// Fails where that is missing.
    pub fn serves(&self, token: &Token) -> Result<(), TokenError> {
        let base_url = self.endpoint.base_url.as_ref();
        base_url.map_or(Ok(()), |base_url| self.auth.serves(token, base_url, &self.scope))
    }

    /// Keeps a token for all runs to come; a run that is fetching one is waited for, and `waits` called if that takes long.
    ///
    /// # Errors
    ///
    /// Fails where the store does.
    pub async fn save(&self, token: &Token, waits: impl FnOnce() + Send) -> Result<(), StateError> {
        self.hidden.add(token.secrets());
        let json = token.to_json();
        let now = self.world.clock.now();
        let save = self.world.state.save(Kind::Token, &self.key, &self.label, json.as_bytes(), now);
        self.locked(save, waits).await
    }

    /// Keeps nothing any longer; tells whether there was something. A run that is fetching a token is waited for, as by `save`.
    ///
    /// # Errors
    ///
    /// Fails where the store does.
    pub async fn forget(&self, waits: impl FnOnce() + Send) -> Result<bool, StateError> {
        self.locked(self.world.state.remove(Kind::Token, &self.key), waits).await
    }

    /// Changes what is kept while no run does.
    async fn locked<T>(
        &self,
        change: impl Future<Output = Result<T, StateError>>,
        waits: impl FnOnce() + Send,
    ) -> Result<T, StateError> {
        let World { state, clock, .. } = &self.world;
        let (lock, owner) = (lock_of(&self.key), self.exchanges.owner());
        let (begun, mut waits) = (clock.now(), Some(waits));
        while !state.lock(&lock, owner, clock.now(), LEASE).await? {
            if clock.now().duration_since(begun) >= WORTH_TELLING
                && let Some(waits) = waits.take()
            {
                waits();
            }
            clock.sleep(LOOK_AGAIN).await;
        }
        let changed = change.await;
        state.unlock(&lock, owner).await?;
        changed
    }

    /// Takes secrets out of a text that is shown.
    pub fn redact(&self, text: &str) -> String {
        self.hidden.redact(text)
    }
}

impl std::fmt::Debug for ApiLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiLogin").field("api", &self.api).finish_non_exhaustive()
    }
}
