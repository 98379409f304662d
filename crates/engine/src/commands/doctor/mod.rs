//! `engine doctor`: whether a run would find all that it needs, each thing with what to do.

mod apis;
mod line;
mod sinks;

use std::sync::Arc;

use engine_plan::{Description, Disk, Fill, Plan, StepDescription};
use engine_runtime::{
    Checkup, Clock, HowGiven, HttpTransport, Known, RunOptions, Shared, StateStore, SystemClock, World, known,
};
use serde_json::json;

use self::line::{Judgement, Line};
use crate::arguments::{Doctor, ResultFormat};
use crate::environment::Variables;
use crate::failure::Failure;
use crate::inputs;
use crate::planned;
use crate::report::{Report, counted};
use crate::signals::interrupt;
use crate::state;
use crate::status::Status;
use crate::terminal::{Look, Terminal, print};

/// A spec that is looked at.
struct Patient {
    plan: Arc<Plan>,
    description: Description,
    known: Known,
    world: World,
    transport: Arc<HttpTransport>,
    options: RunOptions,
    /// Where the state is.
    state: String,
    /// The APIs that are wanted; all that are used if none is named.
    apis: Vec<String>,
}

/// Looks at everything.
pub(super) fn execute(arguments: &Doctor, terminal: &Terminal) -> Result<Status, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let patient = patient(arguments)?;
    runtime.block_on(async {
        tokio::select! {
            lines = examine(&patient, arguments.given.format, terminal.stdout) => finish(&lines?, arguments.given.format),
            () = interrupt() => Ok(Status::Interrupted),
        }
    })
}

fn patient(arguments: &Doctor) -> Result<Patient, Failure> {
    let spec = &arguments.spec;
    let (plan, _) = planned::plan(spec)?;
    for api in &arguments.api {
        if !plan.endpoints.iter().any(|endpoint| endpoint.api == *api) {
            let failure = Failure::usage(format!("`{}` has no API `{api}`", spec.display()));
            let names = plan.endpoints.iter().map(|endpoint| endpoint.api.as_str());
            return Err(match engine_source::suggest(api, names) {
                Some(help) => failure.help(help),
                None => failure,
            });
        }
    }
    let Some(merged) = engine_plan::merged(spec, &Disk) else {
        return Err(Failure::usage(format!("`{}` cannot be read", spec.display())));
    };
    let environment = Variables::load(spec)?;
    let state: Arc<dyn StateStore> = state::open(&arguments.given.state, &environment)?;
    let proxies = environment.proxies()?;
    let transport = Arc::new(HttpTransport::new(proxies).map_err(|error| Failure::failed(error.to_string()))?);
    let world = World {
        clock: Arc::new(SystemClock),
        environment: Arc::new(environment),
        transport: Arc::clone(&transport) as _,
        state,
        shared: Arc::new(Shared::default()),
    };
    let inputs = inputs::gather(&arguments.given.input, &arguments.given.inputs)?;
    let options = RunOptions { inputs, ..RunOptions::default() };
    let known = known(&plan, &world, &options, true);
    if known.findings.has_errors() {
        return Err(Failure::Findings(Report::of(spec, known.findings, &plan.sources)));
    }
    let fill = Fill::new(known.scope.clone()).with_vars(&plan.vars);
    let description = plan.describe(&merged, &fill);
    Ok(Patient {
        description,
        known,
        world,
        transport,
        options,
        state: arguments.given.state.clone(),
        apis: arguments.api.clone(),
        plan,
    })
}

/// Looks at one thing after another, and tells of each at once.
async fn examine(patient: &Patient, format: ResultFormat, look: Look) -> Result<Vec<Line>, Failure> {
    let mut all = Vec::new();
    let tell = |lines: Vec<Line>, all: &mut Vec<Line>| {
        if format == ResultFormat::Text {
            let mut section = all.last().map(|line: &Line| line.section.clone()).unwrap_or_default();
            for line in &lines {
                print(line.render(&section, look))?;
                section.clone_from(&line.section);
            }
        }
        all.extend(lines);
        Ok::<_, Failure>(())
    };
    let givings = givings(&patient.known);
    let is_given = givings.iter().all(|line| line.judgement != Judgement::Failed);
    tell(givings, &mut all)?;
    tell(vec![sinks::state(&*patient.world.state, &patient.state).await], &mut all)?;
    if !is_given {
        let line = Line::warn("APIs and sinks", "not looked at", "a run would end before it asks them")
            .help("give the inputs and secrets that are missing, then look again");
        tell(vec![line], &mut all)?;
        return Ok(all);
    }
    let checkup = match Checkup::new(&patient.plan, &patient.world, &patient.options) {
        Ok(checkup) => checkup,
        Err(findings) => {
            let lines = findings.iter().map(|finding| Line::found("spec", "settings", finding)).collect();
            tell(lines, &mut all)?;
            return Ok(all);
        }
    };
    tell(sinks::sinks(&checkup), &mut all)?;
    for api in apis_of(patient) {
        let mut line = |line: Line| tell(vec![line], &mut all);
        apis::examine(patient, &checkup, &api, &mut line).await?;
    }
    Ok(all)
}

/// Says of each input and secret whether it is there.
fn givings(known: &Known) -> Vec<Line> {
    let inputs = known.inputs.iter().map(|input| {
        let what = format!("input {}", input.name);
        let value = input.value.as_ref().map(|value| value.text().map_or_else(|| value.to_json(), Into::into));
        match (input.given, &input.problem) {
            (HowGiven::Missing, _) => {
                Line::failed("given", &what, "missing").help(format!("give it by {}", input.ways.join(", or ")))
            }
            (_, Some(problem)) => Line::found("given", &what, problem),
            _ => Line::ok("given", &what, &value.unwrap_or_else(|| "not given, and need not be".to_owned())),
        }
    });
    let secrets = known.secrets.iter().map(|secret| {
        let what = format!("secret {}", secret.name);
        match (secret.given, &secret.problem) {
            (HowGiven::Missing, _) => Line::failed("given", &what, "missing").help(secret.ways.join(", or ")),
            (_, Some(problem)) => Line::found("given", &what, problem),
            (HowGiven::Set, _) => Line::ok("given", &what, &format!("set, from {}", secret.from)),
            _ => Line::ok("given", &what, "not given, and need not be"),
        }
    });
    inputs.chain(secrets).collect()
}

/// Returns the APIs that are looked at.
fn apis_of(patient: &Patient) -> Vec<String> {
    let used = patient.description.endpoints.iter().map(|endpoint| endpoint.id.as_str());
    let all = patient.description.unused.iter().map(String::as_str);
    let is_used = patient.description.endpoints.is_empty();
    let ids = used.chain(all.filter(|_| is_used || !patient.apis.is_empty()));
    let mut apis: Vec<String> = Vec::new();
    for api in ids.filter_map(|id| id.split('.').next()) {
        let is_wanted = patient.apis.is_empty() || patient.apis.iter().any(|wanted| wanted == api);
        if is_wanted && !apis.iter().any(|known| known == api) {
            apis.push(api.to_owned());
        }
    }
    apis
}

/// Returns steps and all within them.
fn all_steps(steps: &[StepDescription]) -> Vec<&StepDescription> {
    let mut found = Vec::new();
    for step in steps {
        found.push(step);
        for case in &step.cases {
            found.extend(all_steps(std::slice::from_ref(&case.step)));
        }
        for block in &step.blocks {
            found.extend(all_steps(&block.steps));
        }
    }
    found
}

/// Sums up, and chooses the exit status.
fn finish(lines: &[Line], format: ResultFormat) -> Result<Status, Failure> {
    let count = |judgement| lines.iter().filter(|line| line.judgement == judgement).count();
    let (failed, warned) = (count(Judgement::Failed), count(Judgement::Warn));
    match format {
        ResultFormat::Json => {
            let lines: Vec<_> = lines.iter().map(Line::to_json).collect();
            print(format!("{:#}\n", json!({"failed": failed, "warnings": warned, "checks": lines})))?;
        }
        ResultFormat::Text => {
            let sum = match (failed, warned) {
                (0, 0) => format!("all {} are well", counted(lines.len(), "check")),
                (0, _) => format!("{} of {}", counted(warned, "warning"), counted(lines.len(), "check")),
                (_, 0) => format!("{failed} of {} failed", counted(lines.len(), "check")),
                _ => format!("{failed} of {} failed, {}", counted(lines.len(), "check"), counted(warned, "warning")),
            };
            print(format!("\n{sum}\n"))?;
        }
    }
    Ok(if failed > 0 { Status::Failed } else { Status::Done })
}

/// Says how far a clock is off, for people: `3 s`, `2 h`.
fn spoken(seconds: i64) -> String {
    match seconds.unsigned_abs() {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

/// Returns how many seconds lie between a time and now.
fn until(clock: &dyn Clock, time: jiff::Timestamp) -> i64 {
    time.duration_since(clock.now()).as_secs()
}
