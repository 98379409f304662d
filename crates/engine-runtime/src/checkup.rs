//! What `engine doctor` needs of a plan, without running it: where its APIs are, whether they can be proved to who is asking, where its
//! sinks are.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use engine_expr::{Scope, Template};
use engine_plan::{Endpoint, Plan};
use engine_request::{Auth, Held};
use engine_source::{Finding, Findings};
use jiff::Timestamp;
use url::Url;

use crate::body::Takes;
use crate::exchange::{Asked, Exchanges};
use crate::failure::Failure;
use crate::hidden::Hidden;
use crate::record::Record;
use crate::report::{Event, Observer};
use crate::run::{RunOptions, base_scope};
use crate::sink::SinkSpec;
use crate::sink_kind::evaluated;
use crate::stop::Stop;
use crate::tally::Tally;
use crate::transport::Connection;
use crate::world::World;

/// A plan that is looked at.
pub struct Checkup {
    plan: Arc<Plan>,
    scope: Scope,
    hidden: Hidden,
    exchanges: Exchanges,
    world: World,
}

/// Where an API is.
pub struct ApiPlace {
    /// Its name.
    pub api: String,
    /// Where it is; nothing where only its login says so.
    pub url: Option<Url>,
    /// How it is connected to.
    pub connection: Arc<Connection>,
}

/// What proves to an API who is asking.
#[derive(Clone, Debug)]
pub struct Proved {
    /// The kind of auth.
    pub kind: &'static str,
    /// Until when it holds, where something was fetched that says so.
    pub expires_at: Option<Timestamp>,
    /// Whether something was fetched or kept: a token, a login.
    pub is_fetched: bool,
}

/// Where a sink is.
pub struct SinkPlace {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// What opens it; nothing where records are printed.
    pub spec: Option<SinkSpec>,
    /// Its file, or as much of its path as is known before there is a record.
    pub path: Option<PathBuf>,
    /// Whether its whole path is known.
    pub is_whole: bool,
}

impl Checkup {
    /// Begins; nothing connects yet.
    ///
    /// # Errors
    ///
    /// Gives all inputs and secrets that are missing or wrong, and what is wrong with how APIs are connected to.
    pub fn new(plan: &Arc<Plan>, world: &World, options: &RunOptions) -> Result<Self, Findings> {
        let (scope, secrets) = base_scope(plan, world, options, "")?;
        let hidden = Hidden::new(secrets);
        let exchanges = Exchanges::new(plan, world, options, &scope, hidden.clone());
        let exchanges = exchanges.map_err(|failure| Findings::from_iter([failure.finding(None, &plan.sources)]))?;
        Ok(Self { plan: Arc::clone(plan), scope, hidden, exchanges, world: world.clone() })
    }

    /// Returns where APIs are: each base URL once.
    ///
    /// # Errors
    ///
    /// Fails where a base URL can't be made.
    pub fn place(&self, api: &str) -> Result<Vec<ApiPlace>, Box<Finding>> {
        let mut places: Vec<ApiPlace> = Vec::new();
        let fail = |failure: &Failure| Box::new(self.finding(failure));
        for endpoint in self.plan.endpoints.iter().filter(|endpoint| endpoint.api == api) {
            let connection =
                Connection::resolve(&endpoint.api_settings, &self.scope, &self.plan, &*self.world.environment);
            let connection = Arc::new(connection.map_err(|failure| fail(&failure))?);
            let is_by_login = |base: &Template| base.names().iter().any(|name| name.root() == "auth");
            let url = match &endpoint.base_url {
                Some(base) if is_by_login(base) => None,
                Some(base) => {
                    let text = base.render_text(&self.scope).map_err(|error| fail(&Failure::from(error)))?;
                    let wrong = |_| {
                        let text = format!("`{text}` is not a URL");
                        fail(
                            &Failure::new("invalid-url", text, base.span()).help("write `https://`, a host and a path"),
                        )
                    };
                    Some(Url::parse(&text).map_err(wrong)?)
                }
                // The request line says it.
                None => match self.exchanges.draft(endpoint, &self.scope) {
                    Ok(draft) => Some(draft.url().clone()),
                    Err(_) => continue,
                },
            };
            let origin = |url: &Option<Url>| url.as_ref().map(|url| url.origin().ascii_serialization());
            if !places.iter().any(|known| origin(&known.url) == origin(&url)) {
                places.push(ApiPlace { api: api.to_owned(), url, connection });
            }
        }
        Ok(places)
    }

    /// Proves to an API who is asking, as its requests do: fetches tokens and logs in, where nothing is kept.
    pub async fn prove(&self, api: &str) -> Vec<Result<Proved, Box<Finding>>> {
        let mut seen: HashSet<String> = HashSet::new();
        let mut proved = Vec::new();
        for endpoint in self.plan.endpoints.iter().filter(|endpoint| endpoint.api == api) {
            let proofs = match self.exchanges.all_proofs(endpoint, &self.scope) {
                Ok(proofs) => proofs,
                Err(failure) => {
                    let finding = self.finding(&failure);
                    if seen.insert(finding.message.clone()) {
                        proved.push(Err(Box::new(finding)));
                    }
                    continue;
                }
            };
            for proof in proofs.iter() {
                let id = proof.slot.as_ref().map_or_else(|| proof.auth.kind().to_owned(), |slot| slot.id.clone());
                if seen.insert(id) {
                    let held = self.hold(endpoint, &proofs, &proof.auth).await;
                    proved.push(held.map_err(|failure| Box::new(self.finding(&failure))));
                }
            }
        }
        self.exchanges.settle().await;
        proved
    }

    async fn hold(
        &self,
        endpoint: &Endpoint,
        proofs: &[crate::credentials::Proof],
        auth: &Auth,
    ) -> Result<Proved, Failure> {
        let (tally, stop, takes) = (Arc::new(Tally::new("doctor", Arc::new(Nobody))), Stop::new(), Takes::Whole);
        let asked = Asked {
            endpoint,
            scope: &self.scope,
            tally: &tally,
            stop: &stop,
            span: endpoint.span,
            place: "",
            has_key: false,
            takes: &takes,
            without: &[],
            once: None,
        };
        let mut held = Held::default();
        for proof in proofs.iter().filter(|proof| proof.auth.kind() == auth.kind()) {
            held = self.exchanges.hold(proof, &asked).await?;
        }
        Ok(Proved {
            kind: auth.kind(),
            expires_at: held.token.as_ref().and_then(|token| token.expires_at),
            is_fetched: held.token.is_some(),
        })
    }

    /// Returns where the sinks are, or what of them can't be evaluated.
    pub fn sinks(&self) -> Vec<Result<SinkPlace, Box<Finding>>> {
        self.plan.sinks.iter().map(|sink| self.sink(sink).map_err(|failure| Box::new(self.finding(&failure)))).collect()
    }

    fn sink(&self, sink: &engine_plan::Sink) -> Result<SinkPlace, Failure> {
        let (name, kind) = (sink.name.clone(), sink.sink.kind());
        let Some((evaluated, path)) = evaluated(&sink.sink, &self.scope)? else {
            return Ok(SinkPlace { name, kind, spec: None, path: None, is_whole: true });
        };
        let mut place = SinkPlace {
            spec: Some(SinkSpec { name: name.clone(), create: false, kind: evaluated }),
            name,
            kind,
            path: None,
            is_whole: true,
        };
        if let Some(path) = path {
            let folder = self.plan.folder(path.span());
            let known = path.render_text(&self.scope);
            place.is_whole = known.is_ok();
            // A file per value: the part before the first template is the same for all.
            let known = known.unwrap_or_else(|_| path.text().split("{{").next().unwrap_or_default().to_owned());
            place.path = Some(folder.join(known));
        }
        Ok(place)
    }

    /// Takes secrets out of a text that is shown.
    pub fn redact(&self, text: &str) -> String {
        self.hidden.redact(text)
    }

    fn finding(&self, failure: &Failure) -> Finding {
        let mut finding = failure.finding(None, &self.plan.sources);
        finding.message = self.hidden.redact(&finding.message);
        finding.help = finding.help.map(|help| self.hidden.redact(&help));
        finding
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
