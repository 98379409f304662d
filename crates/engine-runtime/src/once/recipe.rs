//! A request that is made and not sent: for who sends it from a shell.

use std::sync::Arc;

use engine_expr::{Secret, Value};
use engine_plan::Plan;
use engine_request::{Auth, Authenticate, Held, Token};
use engine_source::Findings;

use super::{Call, Once, Shown, Site, headers, told, with_vars};
use crate::exchange::Exchanges;
use crate::failure::Failure;
use crate::hidden::Hidden;
use crate::page::PageReader;
use crate::run::RunOptions;
use crate::state::MemoryState;
use crate::world::World;
use crate::xml_lists;

/// What a shell needs to make a request.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The request, in which secrets are `$NAME`.
    pub request: Shown,
    /// What the shell's own tool for requests is told, such as `--user` and `$USER:$PASSWORD`.
    pub options: Vec<(String, String)>,
    /// The variables that are named, and what they are.
    pub variables: Vec<(String, String)>,
    /// What of it can't be told a shell.
    pub notes: Vec<String>,
}

/// Makes a request without sending anything, for a shell: secrets are variables of it. Nobody has to give them.
///
/// # Errors
///
/// Gives all inputs that are missing, and what is wrong with the params.
pub fn recipe(plan: &Arc<Plan>, world: &World, options: &RunOptions, once: &Once) -> Result<Recipe, Findings> {
    let known = crate::known::known(plan, world, options, false);
    let problems: Findings =
        known.findings.into_iter().chain(known.inputs.into_iter().filter_map(|it| it.problem)).collect();
    if problems.has_errors() {
        return Err(problems);
    }
    let hidden = Hidden::default();
    // Nothing is kept, so nothing is opened either.
    let world = &World { state: Arc::new(MemoryState::default()), ..world.clone() };
    let mut variables = Variables::default();
    let secrets = plan.secrets.iter().map(|(name, secret)| {
        let variable =
            secret.env.as_ref().map_or_else(|| name.value.to_ascii_uppercase(), |env| env.as_str().to_owned());
        let what = format!("secret `{}`", name.value);
        (Arc::clone(&name.value), Value::from(variables.mark(&variable, &what)))
    });
    let secrets: Vec<_> = secrets.collect();
    let fail = |failure: Failure| told(&failure, plan, &hidden);
    let scope =
        with_vars(&known.scope.with("secrets", Value::object(secrets)), plan).map_err(|error| fail(error.into()))?;
    let call = Call::new(plan, once).map_err(fail)?;
    let exchanges = Exchanges::new(&call.plan, world, options, &scope, hidden.clone()).map_err(fail)?;
    let site = Site::unwatched(&call, &exchanges, world, &scope, &hidden);
    site.recipe(once, &mut variables).map_err(fail)
}

/// Names of shell variables, and what stands for them until a request is made: letters and digits, which no encoding changes.
#[derive(Default)]
struct Variables(Vec<(String, String, String)>);

impl Variables {
    /// Returns what stands for a variable.
    fn mark(&mut self, name: &str, what: &str) -> String {
        if let Some((_, mark, _)) = self.0.iter().find(|(known, _, _)| known == name) {
            return mark.clone();
        }
        let mark = format!("ENGINESHELL{}VARIABLE", self.0.len());
        self.0.push((name.to_owned(), mark.clone(), what.to_owned()));
        mark
    }

    /// Puts the variables where their marks are.
    fn put(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, mark, _)| text.replace(mark.as_str(), &format!("${name}")))
    }

    /// Returns those that a text has.
    fn within(&self, text: &str) -> impl Iterator<Item = (String, String)> {
        let named = |name: &str| {
            text.match_indices(&format!("${name}")).any(|(at, found)| {
                let next = text.get(at + found.len()..).and_then(|rest| rest.chars().next());
                next.is_none_or(|next| !next.is_ascii_alphanumeric() && next != '_')
            })
        };
        self.0.iter().filter(move |(name, _, _)| named(name)).map(|(name, _, what)| (name.clone(), what.clone()))
    }
}

impl Site<'_> {
    fn recipe(&self, once: &Once, variables: &mut Variables) -> Result<Recipe, Failure> {
        let endpoint = &self.call.endpoint;
        let lists = Arc::new(xml_lists::of(&self.call.plan, endpoint));
        let reader = endpoint.records.is_some().then(|| PageReader::new(endpoint, None, None, lists));
        let makings = self.makings(once, reader.as_ref(), None)?;
        let mut scope = makings.scope.clone();
        let proofs = self.exchanges.all_proofs(endpoint, &scope)?;
        let (mut options, mut notes) = (Vec::new(), Vec::new());
        // What a login gives is a variable, too.
        let mut fields = Vec::new();
        for name in proofs.iter().flat_map(|proof| proof.auth.keeps()) {
            let variable = format!("{}_{}", endpoint.api, name).to_ascii_uppercase();
            let mark = variables.mark(&variable, &format!("`auth.{name}`, which the answer of the login has"));
            fields.push((Arc::<str>::from(name), Value::from(mark)));
        }
        scope = scope.with("auth", Value::object(fields));
        let mut draft = self.draft(&makings, &scope)?;
        let method = draft.method().clone();
        for proof in proofs.iter().filter(|proof| proof.auth.holds_for(&method)) {
            let kind = proof.auth.kind();
            match &proof.auth {
                Auth::Basic(basic) => {
                    let password = basic.password.as_ref().map(|it| it.render_text(&scope)).transpose()?;
                    let user = basic.username.render_text(&scope)?;
                    options.push(("--user".to_owned(), format!("{user}:{}", password.unwrap_or_default())));
                }
                Auth::Digest(digest) => {
                    options.push(("--digest".to_owned(), String::new()));
                    let (user, password) = (digest.username.render_text(&scope)?, digest.password.render_text(&scope)?);
                    options.push(("--user".to_owned(), format!("{user}:{password}")));
                }
                Auth::Oauth2(_) | Auth::Session(_) | Auth::Jwt(_) => {
                    let variable = format!("{}_TOKEN", endpoint.api.to_ascii_uppercase());
                    let what = match &proof.auth {
                        Auth::Oauth2(_) => "an access token of the OAuth 2.0 server",
                        Auth::Session(_) => "the token or cookie of a login",
                        _ => "a JSON Web Token",
                    };
                    let mark = variables.mark(&variable, what);
                    let token = Token { value: Some(Secret::new(mark)), ..Token::default() };
                    let held = Held { token: Some(Arc::new(token)), challenge: None };
                    proof.auth.apply(&mut draft, &scope, &held)?;
                }
                Auth::AwsSigv4(_) | Auth::Hmac(_) | Auth::Oauth1(_) => {
                    notes.push(format!("`{kind}` signs each request anew, so the signature is left out"));
                }
                auth => auth.apply(&mut draft, &scope, &Held::default())?,
            }
        }
        let request = draft.finish()?;
        let put = |text: &str| variables.put(text);
        let shown = Shown {
            method: request.method.to_string(),
            url: put(request.url.as_str()),
            headers: headers(&request).into_iter().map(|(name, value, _)| (name, put(&value))).collect(),
            body: put(&request.show_body()),
        };
        let options: Vec<_> = options.into_iter().map(|(name, value)| (name, put(&value))).collect();
        let texts = [&shown.url, &shown.body].into_iter().chain(shown.headers.iter().map(|(_, value)| value));
        let all = texts.chain(options.iter().map(|(_, value)| value)).cloned().collect::<Vec<_>>().join("\n");
        Ok(Recipe { variables: variables.within(&all).collect(), request: shown, options, notes })
    }
}
