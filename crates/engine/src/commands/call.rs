//! `engine call`: one request, for trying an API out.

mod curl;
mod json;
mod shown;
mod whole;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use engine_expr::Value;
use engine_plan::Plan;
use engine_runtime::{
    Event, Meaning, MemoryState, Observer, Once, Record, RunOptions, StateStore, Stop, call_once, recipe,
};
use engine_source::suggest;
use tokio::runtime::Runtime;

use super::run::world;
use crate::arguments::{Call, PrintedAs, ResultFormat};
use crate::environment::Variables;
use crate::failure::Failure;
use crate::inputs;
use crate::mocks::Mocks;
use crate::planned;
use crate::report::Report;
use crate::signals::interrupt;
use crate::state;
use crate::status::Status;
use crate::terminal::{Terminal, print, tell};

/// Sends one request, or prints it.
pub(super) fn execute(arguments: &Call, terminal: &Terminal) -> Result<Status, Failure> {
    let (plan, _) = planned::plan(&arguments.spec)?;
    let is_composite = plan.composite(&arguments.endpoint).is_some();
    if is_composite && (arguments.page.is_some() || arguments.printed.is_some()) {
        let id = &arguments.endpoint;
        return Err(Failure::usage(format!("`{id}` is made of steps, so it has no request of its own"))
            .help(format!("call it: `engine call … {id}`")));
    }
    if arguments.all && !is_composite && plan.endpoint(&arguments.endpoint).is_some_and(|it| !it.is_readable()) {
        return Err(Failure::usage(format!("`{}` has no pages: it says nothing of records", arguments.endpoint))
            .help("leave out `--all`, or add `records` to the endpoint"));
    }
    if is_composite || (arguments.all && plan.endpoint(&arguments.endpoint).is_some()) {
        return whole::execute(arguments, &plan, terminal);
    }
    let once = once(arguments, &plan)?;
    let mut options =
        RunOptions { inputs: inputs::gather(&arguments.input, &arguments.inputs)?, ..RunOptions::default() };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let mocks = mocks(arguments, &plan, &runtime)?;
    if let Some(mocks) = &mocks {
        mocks.answer_for(&mut options);
    }
    let environment = Variables::load(&arguments.spec)?;
    let wrong = |findings| Failure::Findings(Report::of(&arguments.spec, findings, &plan.sources));
    let state: Arc<dyn StateStore> = match &mocks {
        // What the examples give is not to be taken for a token.
        Some(_) => Arc::new(MemoryState::default()),
        None => state::open(&arguments.state, &environment)?,
    };
    runtime.block_on(async {
        let world = world(environment, state)?;
        if let Some(PrintedAs::Curl) = arguments.printed {
            print(curl::render(&recipe(&plan, &world, &options, &once).map_err(wrong)?))?;
            return Ok(Status::Done);
        }
        let stop = Stop::new();
        let watch: Arc<dyn Observer> = Arc::new(Told);
        let called = call_once(&plan, &world, &options, &once, watch, stop.clone());
        let called = tokio::select! {
            called = called => called,
            () = interrupt() => return Ok(Status::Interrupted),
        };
        let called = match called {
            Ok(called) => called,
            Err(findings) => {
                let is_wrong = findings.iter().any(|finding| WRONG.contains(&finding.code));
                tell(wrong(findings).render(terminal.stderr));
                return Ok(if is_wrong { Status::Wrong } else { Status::Failed });
            }
        };
        match arguments.format {
            ResultFormat::Json => print(json::render(&called))?,
            ResultFormat::Text => {
                tell(shown::head(&called, terminal.stderr));
                print(shown::body(&called, terminal))?;
                tell(shown::foot(&called, &plan, terminal.stderr));
            }
        }
        let is_good = match &called.meaning {
            Meaning::Success => called.records.as_ref().is_none_or(Result::is_ok),
            Meaning::Rule { action, .. } => json::takes(*action),
            Meaning::Failure(_) => false,
        };
        Ok(if is_good { Status::Done } else { Status::Failed })
    })
}

/// Serves the examples, where that is asked for.
fn mocks(arguments: &Call, plan: &Arc<Plan>, runtime: &Runtime) -> Result<Option<Mocks>, Failure> {
    let _within = runtime.enter();
    let mocks = arguments.mock.then(|| Mocks::start(plan)).transpose();
    mocks.map_err(|error| Failure::failed(format!("cannot serve the examples: {error}")))
}

/// What is wrong on the side of whoever calls.
const WRONG: [&str; 7] = [
    "missing-input",
    "invalid-input",
    "invalid-value",
    "missing-secret",
    "unknown-param",
    "undefined-endpoint",
    "unreadable-file",
];

/// Gathers what is asked.
fn once(arguments: &Call, plan: &Plan) -> Result<Once, Failure> {
    let id = &arguments.endpoint;
    if plan.endpoint(id).is_none() {
        let composites = plan.composites.iter().map(|composite| composite.id());
        let ids: Vec<String> = plan.endpoints.iter().map(|endpoint| endpoint.id()).chain(composites).collect();
        let failure = Failure::usage(format!("there is no endpoint `{id}`"));
        let bare = ids.iter().find(|known| known.split_once('.').is_some_and(|(_, name)| name == id));
        return Err(match (bare, suggest(id, ids.iter().map(String::as_str))) {
            (Some(bare), _) => failure.help(format!("did you mean `{bare}`?")),
            (None, Some(help)) => failure.help(help),
            (None, None) => failure,
        });
    }
    let is_given = |name: &str| arguments.param.iter().any(|pair| pair.split('=').next() == Some(name));
    let required = plan.endpoint(id).map(|endpoint| endpoint.required_params().map(str::to_owned).collect::<Vec<_>>());
    let required = required.filter(|_| arguments.body.is_none());
    if let Some(name) = required.unwrap_or_default().iter().find(|name| !is_given(name)) {
        return Err(
            Failure::usage(format!("`{id}` needs the param `{name}`")).help(format!("give it by `--param {name}=…`"))
        );
    }
    let params = arguments.param.iter().map(|pair| pair_of(pair, '=', "--param name=value"));
    let params = params.map(|pair| pair.map(|(name, value)| (name, Value::from(value))));
    Ok(Once {
        endpoint: id.clone(),
        params: params.collect::<Result<BTreeMap<_, _>, _>>()?,
        query: arguments.query.iter().map(|pair| pair_of(pair, '=', "--query name=value")).collect::<Result<_, _>>()?,
        headers: arguments
            .header
            .iter()
            .map(|pair| pair_of(pair, ':', "--header 'Name: value'"))
            .collect::<Result<_, _>>()?,
        body: arguments.body.as_deref().map(read).transpose()?,
        page: arguments.page.unwrap_or(1),
        read: None,
    })
}

fn pair_of(pair: &str, between: char, form: &str) -> Result<(String, String), Failure> {
    match pair.split_once(between) {
        Some((name, value)) if !name.trim().is_empty() => {
            let value = if between == ':' { value.trim() } else { value };
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err(Failure::usage(format!("`{pair}` gives nothing")).help(format!("write `{form}`"))),
    }
}

/// Reads a body from a file, or from stdin.
fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let done = if path == Path::new("-") {
        io::stdin().lock().read_to_string(&mut text).map(|_| ())
    } else {
        fs::read_to_string(path).map(|found| text = found)
    };
    done.map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", path.display())))?;
    Ok(text)
}

/// Tells what takes long.
struct Told;

impl Observer for Told {
    fn event(&self, event: Event) {
        match event {
            Event::Retrying { what, wait, .. } => tell(format!("{what}; again in {:.1} s\n", wait.as_secs_f64())),
            Event::Waiting { wait, .. } => {
                tell(format!("waits {:.1} s until the request may go\n", wait.as_secs_f64()));
            }
            Event::Log { message, .. } | Event::Note { message } => tell(format!("{message}\n")),
            _ => {}
        }
    }

    fn records(&self, stream: Option<&str>, records: &[Record]) -> io::Result<()> {
        _ = (stream, records);
        Ok(())
    }
}
