//! `engine auth`: lets a person allow the access to APIs, shows which are, and forgets their tokens.

mod browser;
mod came_back;
mod device;
mod login;
mod logout;
mod status;

use std::path::Path;
use std::sync::Arc;

use engine_request::auth::{OAuth2Auth, TokenError};
use engine_runtime::{ApiLogin, HttpTransport, RunOptions, Shared, SystemClock, World};
use engine_source::{Finding, suggest};
use engine_storage::State;

use crate::arguments::{Auth, Given};
use crate::environment::Variables;
use crate::failure::Failure;
use crate::inputs;
use crate::planned;
use crate::report::Report;
use crate::signals::interrupt;
use crate::state;
use crate::status::Status;
use crate::terminal::{Terminal, tell};

/// Does what was asked for, until somebody interrupts it.
pub(super) fn execute(command: &Auth, terminal: &Terminal) -> Result<Status, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let done = async {
            match command {
                Auth::Login(arguments) => login::execute(arguments, terminal).await,
                Auth::Status(arguments) => status::execute(arguments, terminal).await,
                Auth::Logout(arguments) => logout::execute(arguments).await,
            }
        };
        tokio::select! {
            result = done => result,
            () = interrupt() => Ok(Status::Interrupted),
        }
    })
}

/// Opens the state that tokens are kept in.
fn open(given: &Given, spec: Option<&Path>) -> Result<(Arc<dyn State>, Variables), Failure> {
    let variables = Variables::load(spec.unwrap_or(Path::new("")))?;
    Ok((state::open(&given.state, &variables)?, variables))
}

/// Finds the logins of a spec's APIs.
fn logins(spec: &Path, given: &Given) -> Result<Vec<ApiLogin>, Failure> {
    let (plan, _) = planned::plan(spec)?;
    let inputs = inputs::gather(&given.input, &given.inputs)?;
    let (state, environment) = open(given, Some(spec))?;
    let transport = HttpTransport::new(environment.proxies()?).map_err(|error| Failure::failed(error.to_string()))?;
    let world = World {
        clock: Arc::new(SystemClock),
        environment: Arc::new(environment),
        transport: Arc::new(transport),
        state,
        shared: Arc::new(Shared::default()),
    };
    let options = RunOptions { inputs, ..RunOptions::default() };
    engine_runtime::logins(&plan, &world, &options)
        .map_err(|findings| Failure::Findings(Report::of(spec, findings, &plan.sources)))
}

/// Keeps the logins of one API; there is one at least.
fn of_api(logins: Vec<ApiLogin>, api: &str, spec: &Path) -> Result<Vec<ApiLogin>, Failure> {
    let known: Vec<String> = logins.iter().map(|login| login.api.clone()).collect();
    let found: Vec<ApiLogin> = logins.into_iter().filter(|login| login.api == api).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let spec = spec.display();
    if known.is_empty() {
        return Err(Failure::usage(format!("no API of `{spec}` has `oauth2` auth"))
            .help("other kinds of auth need no login: `engine run` proves who is asking by itself"));
    }
    let failure = Failure::usage(format!("no API of `{spec}` with `oauth2` auth is called `{api}`"));
    Err(match suggest(api, known.iter().map(String::as_str)) {
        Some(help) => failure.help(help),
        None => failure,
    })
}

/// Says why a provider gives no token.
fn refused(auth: &OAuth2Auth, error: &TokenError, api: &ApiLogin) -> Failure {
    let failure = Failure::failed(api.redact(&format!("`{}`: {error}", api.api)));
    match (auth.remedy(error), error) {
        // It is being run.
        (Some(help), _) if help.contains("engine auth login") => failure.help("begin again, and allow the access"),
        (Some(help), _) => failure.help(help),
        (None, _) => failure,
    }
}

/// Says what went wrong on the way to a provider.
fn unanswered(finding: &Finding) -> Failure {
    let failure = Failure::failed(finding.message.clone());
    match &finding.help {
        Some(help) => failure.help(help.clone()),
        None => failure,
    }
}

/// Says what is waited for before something is kept or forgotten.
fn waits_for_a_run(api: &str) {
    tell(format!("waits for another process that is fetching the token of `{api}`\n"));
}
