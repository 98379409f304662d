//! `engine run`: checks a spec, then runs it.

use std::sync::Arc;
use std::time::Instant;

use engine_runtime::{
    Event, HttpTransport, Journaling, MemoryState, Observer, Recorders, Resume, RunOptions, RunReport, StateStore,
    Stop, SystemClock, World, holder,
};
use engine_storage::Storage;
use engine_telemetry::Begun;
use tracing_subscriber::EnvFilter;

use crate::arguments::{LogFormat, Run, Shown};
use crate::console::{self, Console};
use crate::environment::Variables;
use crate::event_file;
use crate::failure::Failure;
use crate::inputs;
use crate::made_up;
use crate::mocks::Mocks;
use crate::planned;
use crate::recordings;
use crate::signals::interrupt;
use crate::state;
use crate::status::Status;
use crate::telemetry::Setting;
use crate::terminal::{Terminal, tell};

/// What is wrong on the side of whoever started the run, found before anything was sent.
const WRONG: &[&str] = &["run-not-resumable", "missing-input", "invalid-input", "missing-secret"];

/// Runs a spec.
pub(super) fn execute(arguments: &Run, terminal: &Terminal) -> Result<Status, Failure> {
    match (run(arguments, terminal), arguments.shown.log_format) {
        (Err(failure), LogFormat::Json) => {
            console::fail(&failure);
            Ok(failure.status())
        }
        (result, _) => result,
    }
}

fn run(arguments: &Run, terminal: &Terminal) -> Result<Status, Failure> {
    let (plan, warnings) = planned::plan(&arguments.spec)?;
    let plan = planned::only(plan, &arguments.only)?;
    let inputs = inputs::gather(&arguments.input, &arguments.inputs)?;
    let trigger = arguments.event.as_deref().map(event_file::read).transpose()?;
    let environment = Variables::load(&arguments.spec)?;
    // What the examples give is not to be taken for what an API gave.
    let replay = arguments.replay.as_deref().map(recordings::open).transpose()?;
    let state: Arc<dyn StateStore> = if arguments.mock || replay.is_some() {
        Arc::new(MemoryState::default())
    } else {
        state::open(&arguments.state, &environment)?
    };
    let answers = super::contract::watch(&arguments.check_contract, &plan)?;
    let record = arguments.record.as_deref().map(|path| recordings::begin(path, arguments.overwrite)).transpose()?;
    let telemetry = Setting::read(&environment)?;
    log(&arguments.shown, terminal);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let console = Arc::new(Console::new(&arguments.spec, &arguments.shown, terminal, Arc::clone(&plan)));
    console.report(&warnings);
    let begun = Instant::now();
    let watched = Arc::clone(&plan);
    let report = runtime.block_on(async {
        let mut options = RunOptions {
            inputs,
            trigger,
            limit: arguments.limit,
            full_refresh: arguments.full_refresh,
            dry_run: arguments.dry,
            journaling: Some(Journaling {
                spec: arguments.spec.display().to_string(),
                holder: holder::holder(),
                lives: holder::lives,
                resume: match &arguments.resume {
                    Some(run) => Resume::Run(run.clone()),
                    None if arguments.fresh => Resume::Fresh,
                    None => Resume::Last,
                },
                requests: arguments.keep_requests,
            }),
            ..RunOptions::default()
        };
        let mocks = arguments.mock.then(|| Mocks::start(&plan)).transpose();
        let mocks = mocks.map_err(|error| Failure::failed(format!("cannot serve the examples: {error}")))?;
        if let Some(mocks) = &mocks {
            mocks.answer_for(&mut options);
        }
        let mut world = world(environment, state)?;
        if let Some(replay) = &replay {
            replay.prepare(&mut options, |name| plan.inputs.get(name).is_some());
            replay.restore(&*world.state).await?;
            world.clock = Arc::new(replay.clock());
            world.transport = Arc::clone(replay) as _;
        }
        let mut observer: Arc<dyn Observer> = Arc::clone(&console) as _;
        let mut trace = None;
        let telemetry = telemetry.map(|setting| {
            let console = Arc::clone(&console);
            let told = move |message: &str| console.event(Event::Note { message: message.to_owned() });
            setting.start(told)
        });
        let telemetry = telemetry.transpose()?;
        if let Some(telemetry) = &telemetry {
            let begun = Begun { flow: &plan.name, run: None, trigger: None, attempts: 0, parent: None, before: None };
            let run = telemetry.run(&begun);
            observer = run.observer(observer);
            trace = Some(run);
        }
        let traced = trace.as_ref().map(engine_telemetry::RunTrace::recorder);
        options.recorder = Recorders::of([
            record.clone().map(|record| record as _),
            traced,
            answers.clone().map(|answers| answers as _),
        ]);
        let stop = Stop::new();
        let watch = tokio::spawn(interrupts(stop.clone(), Arc::clone(&console)));
        let report = engine_runtime::run(plan, world, options, Arc::new(Storage::new()), observer, stop).await;
        watch.abort();
        if let (Some(telemetry), Some(trace)) = (telemetry, trace) {
            trace.end(&report);
            telemetry.end().await;
        }
        Ok::<_, Failure>(report)
    })?;
    let recorded = record.map(|record| recordings::finish(&record, &*console)).transpose();
    if let Some(replay) = &replay {
        recordings::tell_left(replay, &report, &*console);
    }
    if console.is_unheard() {
        return Ok(Status::Unheard);
    }
    console.finish(&report, begun.elapsed());
    if arguments.mock
        && !arguments.dry
        && let Some(note) = made_up::note(&watched, &report)
    {
        console.add(note);
    }
    if !arguments.mock && replay.is_none() && !arguments.dry {
        console.tell_letters(&report);
    }
    recorded?;
    let mismatches = answers.map(|answers| answers.report(&arguments.spec, &watched, arguments.deny_mismatches));
    let mismatches = mismatches.unwrap_or_default();
    console.report(&mismatches);
    Ok(match status(&report) {
        Status::Done | Status::Rejected if mismatches.counts().errors > 0 => Status::Failed,
        other => other,
    })
}

/// Gathers all that comes from outside of a run.
pub(super) fn world(environment: Variables, state: Arc<dyn StateStore>) -> Result<World, Failure> {
    let transport = HttpTransport::new(environment.proxies()?).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(World {
        clock: Arc::new(SystemClock),
        environment: Arc::new(environment),
        transport: Arc::new(transport),
        state,
        shared: Arc::default(),
    })
}

/// Shows what happens on the network, where that is asked for.
pub(super) fn log(shown: &Shown, terminal: &Terminal) {
    log_of(shown.verbose, shown.log_format, terminal);
}

/// The same, for who shows other things.
pub(super) fn log_of(verbose: u8, log_format: LogFormat, terminal: &Terminal) {
    if verbose < 2 {
        return;
    }
    // Connections only: other libraries would show headers, and with them secrets.
    let filter = match verbose {
        2 => "warn,hyper_util=debug,engine_runtime=debug,engine_storage=debug",
        _ => "warn,hyper_util=debug,engine_runtime=trace,engine_storage=debug",
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(terminal.stderr.color);
    match log_format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}

/// Asks the run to stop at the first interrupt, and ends the program at the second.
pub(super) async fn interrupts(stop: Stop, console: Arc<Console>) {
    interrupt().await;
    stop.stop();
    console.stopping();
    interrupt().await;
    tell("broken off\n");
    #[expect(clippy::exit, reason = "somebody insists, and the run does not end by itself")]
    std::process::exit(Status::Interrupted.code().into());
}

/// Returns how the program ends.
pub(super) fn status(report: &RunReport) -> Status {
    use engine_runtime::Status as Run;
    match report.status {
        Run::Ok | Run::Skipped => Status::Done,
        Run::Partial => Status::Rejected,
        Run::Interrupted => Status::Interrupted,
        Run::Failed if report.errors.iter().any(|error| WRONG.contains(&error.code)) => Status::Wrong,
        Run::Failed => Status::Failed,
    }
}
