//! All pages of an endpoint, or an endpoint that is made of steps: a flow of one step, that is made for it and run.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use engine_expr::{JsonPath, Template};
use engine_plan::{Disk, Files, Plan};
use engine_request::Auth;
use engine_runtime::{MemoryState, Observer, RunOptions, StateStore, Stop};
use engine_source::Map;
use engine_spec::{InputType, Param};
use engine_storage::Storage;
use serde_json::{Map as Members, Value, json};

use super::super::run::{interrupts, status, world};
use super::{mocks, pair_of};
use crate::arguments::{Call, LogFormat, ResultFormat, Shown};
use crate::console::Console;
use crate::environment::Variables;
use crate::failure::Failure;
use crate::inputs;
use crate::output::OutputFormat;
use crate::report::Report;
use crate::state;
use crate::status::Status;
use crate::terminal::Terminal;

/// A flow in memory, beside the spec on the disk.
struct Beside {
    path: PathBuf,
    text: String,
}

impl Files for Beside {
    fn read(&self, path: &Path) -> io::Result<String> {
        if path == self.path { Ok(self.text.clone()) } else { Disk.read(path) }
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        Disk.names(folder)
    }
}

/// Reads an endpoint to its end, or runs the steps that it is made of; its records are printed one by one.
pub(super) fn execute(arguments: &Call, plan: &Plan, terminal: &Terminal) -> Result<Status, Failure> {
    let beside = beside(arguments, plan)?;
    let compiled = engine_plan::compile(&beside.path, &beside);
    let Some(flow) = compiled.plan else {
        return Err(Failure::Findings(Report::of(&arguments.spec, compiled.findings, &compiled.sources)));
    };
    let environment = Variables::load(&arguments.spec)?;
    let state: Arc<dyn StateStore> = if is_logged_in(plan) && !arguments.mock {
        state::open(&arguments.state, &environment)?
    } else {
        // How far a read came is of no use to anybody.
        Arc::new(MemoryState::default())
    };
    let mut options = RunOptions {
        inputs: inputs::gather(&arguments.input, &arguments.inputs)?,
        full_refresh: true,
        ..RunOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let mocks = mocks(arguments, &flow, &runtime)?;
    if let Some(mocks) = &mocks {
        mocks.answer_for(&mut options);
    }
    let output = match arguments.format {
        ResultFormat::Json => Some(OutputFormat::Jsonl),
        ResultFormat::Text => None,
    };
    let shown = Shown { output, log_format: LogFormat::Text, verbose: 0, quiet: false };
    let console = Arc::new(Console::new(&arguments.spec, &shown, terminal, Arc::clone(&flow)));
    let begun = Instant::now();
    let report = runtime.block_on(async {
        let world = world(environment, state)?;
        let stop = Stop::new();
        let watch = tokio::spawn(interrupts(stop.clone(), Arc::clone(&console)));
        let observer: Arc<dyn Observer> = Arc::clone(&console) as _;
        let report = engine_runtime::run(flow, world, options, Arc::new(Storage::new()), observer, stop).await;
        watch.abort();
        Ok::<_, Failure>(report)
    })?;
    if console.is_unheard() {
        return Ok(Status::Unheard);
    }
    console.finish(&report, begun.elapsed());
    Ok(status(&report))
}

/// Writes the flow: what the endpoint is given as it was given, with the types that it declares.
fn beside(arguments: &Call, plan: &Plan) -> Result<Beside, Failure> {
    let id = &arguments.endpoint;
    let composite = plan.composite(id);
    if composite.is_some() && !(arguments.query.is_empty() && arguments.header.is_empty()) {
        return Err(Failure::usage(format!("`{id}` is made of steps, so it has no request of its own"))
            .help("give params: `--param NAME=VALUE`"));
    }
    if arguments.body.is_some() {
        return Err(Failure::usage("a body of its own is sent once, with one request")
            .help("leave out `--all`, or give params instead of `--body`"));
    }
    let nothing = Map::new();
    let declared = match (composite, plan.endpoint(id)) {
        (Some(composite), _) => &composite.params,
        (None, Some(endpoint)) => &endpoint.params,
        (None, None) => &nothing,
    };
    let mut params = Members::new();
    for pair in &arguments.param {
        let (name, text) = pair_of(pair, '=', "--param name=value")?;
        let value = value(declared.get(&name), &text);
        params.insert(name, value);
    }
    let texts = |pairs: &[String], between, form| -> Result<Members<String, Value>, Failure> {
        pairs.iter().map(|pair| pair_of(pair, between, form).map(|(name, text)| (name, literal(&text)))).collect()
    };
    let mut named = json!({"endpoint": id, "params": params});
    if composite.is_none() {
        named["query"] = Value::Object(texts(&arguments.query, '=', "--query name=value")?);
        named["headers"] = Value::Object(texts(&arguments.header, ':', "--header 'Name: value'")?);
    }
    let is_single = composite.is_some_and(|composite| composite.is_single);
    let step = if is_single { json!({"call": named}) } else { json!({"read": named}) };
    let name = arguments.spec.file_name().unwrap_or_default().to_string_lossy();
    let flow = json!({"version": 1, "name": "call", "imports": [format!("./{name}")], "steps": [step]});
    Ok(Beside { path: arguments.spec.with_file_name(".call.yaml"), text: flow.to_string() })
}

/// Makes a value of a param of what was typed.
fn value(param: Option<&Param>, text: &str) -> Value {
    match param.map(|param| param.kind) {
        None | Some(InputType::String | InputType::Date | InputType::Datetime | InputType::Duration) => literal(text),
        Some(_) => serde_json::from_str(text).unwrap_or_else(|_| literal(text)),
    }
}

/// Makes a literal of a text, that of one that looks like a path or a template too.
fn literal(text: &str) -> Value {
    if JsonPath::is_path(text) || Template::is_template(text) { json!({"value": text}) } else { json!(text) }
}

/// Tells whether a person has logged in, so that there are tokens to be found.
fn is_logged_in(plan: &Plan) -> bool {
    let needs = |auth: &Auth| match auth {
        Auth::Oauth2(auth) => auth.needs_login() || auth.refresh_token.is_some(),
        Auth::Switch(_) => true,
        _ => false,
    };
    plan.endpoints.iter().any(|endpoint| endpoint.auth.iter().any(needs))
}
