//! `engine serve`: runs the triggers of flows, until it is ended.

mod access;
mod specs;

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use engine_runtime::{Clock, Kind, StateError, Stop, SystemClock, holder};
use engine_server::{
    Connections, Endings, Flows, Ground, Holder, Limits, Log, Metered, Metrics, Notice, OpenError, Server, Serving,
    Shelf,
};
use engine_storage::Storage;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use self::specs::DiskSpecs;
use crate::arguments::{LogFormat, Serve};
use crate::console::{self, ServeLog};
use crate::environment::Variables;
use crate::failure::Failure;
use crate::report::{Report, Reported};
use crate::signals::{HangUps, hang_up, interrupt};
use crate::status::Status;
use crate::telemetry::{self, Setting, TracedLog};
use crate::terminal::{Terminal, tell};
use crate::{inputs, state};

/// Two interrupts in this time are one.
const TWICE: Duration = Duration::from_millis(200);

/// Serves until it is ended, which is how it is meant to end.
pub(super) fn execute(arguments: &Serve, terminal: &Terminal) -> Result<Status, Failure> {
    match (serve(arguments, terminal), arguments.log_format) {
        (Err(failure), LogFormat::Json) => {
            console::fail(&failure);
            Ok(failure.status())
        }
        (result, _) => result,
    }
}

fn serve(arguments: &Serve, terminal: &Terminal) -> Result<Status, Failure> {
    let inputs = inputs::gather(&arguments.input, &arguments.inputs)?;
    let variables = Variables::load(Path::new(""))?;
    let access = access::of(arguments, &variables)?;
    let telemetry = Setting::read(&variables)?;
    let state = state::open(&arguments.state, &variables)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let specs = DiskSpecs::new(arguments.paths.clone());
    let warnings = specs.warnings();
    let ground = Ground { clock: Arc::clone(&clock), state: Arc::clone(&state) as _, inputs, shared: Arc::default() };
    super::run::log_of(arguments.verbose, arguments.log_format, terminal);
    let log = Arc::new(ServeLog::new(arguments.log_format, arguments.verbose, arguments.quiet, terminal));

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let ended = runtime.block_on(async {
        let (shelf, flows) = Shelf::open(Box::new(specs), ground).map_err(failure)?;
        if flows.iter().len() == 0 {
            return Err(Failure::usage("there is no flow to serve").help("name a spec with `steps` or `triggers`"));
        }
        let warnings = std::mem::take(&mut *warnings.lock().unwrap_or_else(PoisonError::into_inner));
        log.report(&Report::from_iter(warnings));
        // What cannot be read now could not be kept later.
        state.list(Kind::Tick).await.map_err(|StateError { message, help }| {
            let failure = Failure::failed(message);
            help.into_iter().fold(failure, Failure::help)
        })?;
        let listener = TcpListener::bind(arguments.listen).await.map_err(|error| {
            Failure::failed(format!("cannot listen on {}: {error}", arguments.listen))
                .help("take another address by `--listen`")
        })?;
        let public_url = match (&arguments.public_url, listener.local_addr()) {
            (Some(url), _) => url.to_string(),
            (None, address) => format!("http://{}", address.unwrap_or(arguments.listen)),
        };
        let metrics = Arc::new(Metrics::default());
        let telemetry = telemetry.map(|setting| {
            let log = Arc::clone(&log);
            setting.start(move |message: &str| log.notice(Notice::Trouble { message }))
        });
        let telemetry = telemetry.transpose()?;
        let told: Arc<dyn Log> = match &telemetry {
            Some(telemetry) => Arc::new(TracedLog::new(log, Arc::clone(telemetry))),
            None => log,
        };
        let (stop, reload) = (Stop::new(), Arc::new(Notify::new()));
        let server = Arc::new(Server {
            flows: Flows::new(flows),
            events: Arc::clone(&state) as _,
            state: state as _,
            clock,
            sinks: Arc::new(Storage::serving()),
            log: Arc::new(Metered::new(told, Arc::clone(&metrics))),
            metrics,
            limits: Limits {
                runs: arguments.max_runs,
                runs_per_flow: arguments.max_runs_per_flow,
                waiting_per_flow: arguments.max_waiting_per_flow,
                kept_requests: arguments.keep_requests,
            },
            holder: Holder { name: holder::holder(), lives: holder::lives },
            public_url,
            stop: stop.clone(),
            arrived: Arc::default(),
            endings: Endings::default(),
        });
        // Both are watched for before anybody can know that this serves: to whoever does not, a signal is the end.
        tokio::spawn(interrupts(interrupt(), stop));
        tokio::spawn(hang_ups(hang_up(), Arc::clone(&reload)));
        let end_within = arguments.shutdown_timeout.duration();
        let connections = Connections {
            most: usize::try_from(arguments.max_connections).unwrap_or(usize::MAX),
            head_within: arguments.header_timeout.duration(),
        };
        if let Some(telemetry) = &telemetry {
            tokio::spawn(telemetry::watch_inbox(Arc::clone(telemetry), Arc::clone(&server)));
        }
        let serving = Serving { shelf, listener, reload, end_within, access, connections };
        let ended = engine_server::serve(server, serving).await;
        if let Some(telemetry) = telemetry {
            telemetry.end().await;
        }
        Ok(ended)
    })?;
    // What is not done by now is broken off, and gone on with at the next start.
    runtime.shutdown_background();
    if ended {
        return Ok(Status::Done);
    }
    let within = arguments.shutdown_timeout;
    Err(Failure::failed(format!("not all runs have stopped within {within}; they are gone on with at the next start"))
        .help("give them more time by `--shutdown-timeout`"))
}

/// Says why nothing is served.
fn failure(error: OpenError) -> Failure {
    match error {
        OpenError::Lost(message) => Failure::usage(message),
        OpenError::UnknownInput(name) => {
            Failure::usage(format!("no flow has an input `{name}`")).help("declare it in `inputs`, or leave it out")
        }
        OpenError::Broken(broken) => Failure::Findings(
            broken
                .into_iter()
                .flat_map(|one| {
                    let reported = |finding| Reported::new(&one.file, finding, &one.sources);
                    one.findings.into_iter().map(reported).collect::<Vec<_>>()
                })
                .collect(),
        ),
    }
}

/// Asks the server to end at the first interrupt, and ends the program at the second.
async fn interrupts(first: impl Future<Output = ()>, stop: Stop) {
    first.await;
    stop.stop();
    // Whoever ends a group of processes may tell one of them twice.
    SystemClock.sleep(TWICE).await;
    interrupt().await;
    tell("broken off\n");
    #[expect(clippy::exit, reason = "somebody insists, and the server does not end by itself")]
    std::process::exit(Status::Interrupted.code().into());
}

/// Lets the specs be read anew whenever somebody says so.
async fn hang_ups(mut signals: HangUps, reload: Arc<Notify>) {
    loop {
        signals.next().await;
        reload.notify_one();
    }
}
