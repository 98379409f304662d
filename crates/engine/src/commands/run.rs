//! `engine run`: checks a spec, then runs it.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use engine_plan::{Disk, Plan};
use engine_runtime::{HttpTransport, RunOptions, RunReport, Stop, SystemClock, World};
use engine_storage::Storage;

use crate::arguments::{LogFormat, Run};
use crate::console::Console;
use crate::environment::Variables;
use crate::failure::Failure;
use crate::inputs::{self, InputsError};
use crate::report::{Report, summary};
use crate::status::Status;
use crate::terminal::{Terminal, tell};

/// What a run needs that is wrong on the side of whoever started it, before anything was sent.
const WRONG: &[&str] = &["missing-input", "invalid-input", "missing-secret"];

/// Runs a spec.
pub(super) fn execute(arguments: &Run, terminal: &Terminal) -> Result<Status, Failure> {
    let (plan, warnings) = match compile(&arguments.spec, arguments, terminal)? {
        Ok(compiled) => compiled,
        Err(status) => return Ok(status),
    };
    let given = match inputs::gather(&arguments.input, &arguments.inputs) {
        Ok(given) => given,
        Err(InputsError::Failure(failure)) => return Err(failure),
        Err(InputsError::Report(report)) => {
            say(&report, 1, arguments, terminal);
            return Ok(Status::Wrong);
        }
    };
    let environment = Variables::load(&arguments.spec)?;
    let console = Arc::new(Console::new(arguments, terminal, Arc::clone(&plan)));
    console.report(&warnings);
    log(arguments, terminal);

    // TLS has two implementations of its cryptography in reach, of which one has to be named; if another was, that one stays.
    _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let begun = Instant::now();
    let report = runtime.block_on(async {
        let transport = HttpTransport::new().map_err(|error| Failure::failed(format!("cannot set up TLS: {error}")))?;
        let world =
            World { clock: Arc::new(SystemClock), environment: Arc::new(environment), transport: Arc::new(transport) };
        let options =
            RunOptions { inputs: given, limit: arguments.limit, dry_run: arguments.dry_run, ..RunOptions::default() };
        let stop = Stop::new();
        let interrupts = tokio::spawn(interrupts(stop.clone()));
        let report =
            engine_runtime::run(plan, world, options, Arc::new(Storage::new()), Arc::clone(&console) as _, stop).await;
        interrupts.abort();
        Ok::<_, Failure>(report)
    })?;
    if console.is_unheard() {
        return Ok(Status::Unheard);
    }
    console.finish(&report, begun.elapsed());
    Ok(status(&report))
}

/// Compiles a spec; says what is wrong with it if it cannot run, otherwise hands on what is odd about it.
fn compile(spec: &Path, arguments: &Run, terminal: &Terminal) -> Result<Result<(Arc<Plan>, Report), Status>, Failure> {
    if spec.is_dir() {
        return Err(Failure::usage(format!("`{}` is a folder", spec.display())).help("name the spec to run"));
    }
    let compiled = engine_plan::compile(spec, &Disk);
    let report = Report::of(spec, compiled.findings, &compiled.sources);
    match compiled.plan {
        Some(plan) => Ok(Ok((plan, report))),
        None => {
            say(&report, 1, arguments, terminal);
            Ok(Err(Status::Wrong))
        }
    }
}

/// Says what is wrong before there is a run.
fn say(report: &Report, files: usize, arguments: &Run, terminal: &Terminal) {
    match arguments.log_format {
        LogFormat::Text => {
            tell(crate::render::Format::Human.render(report, terminal.stderr));
            if !arguments.quiet {
                tell(format!("{}\n", summary(report.counts(), files)));
            }
        }
        LogFormat::Json => crate::console::json(report, arguments.quiet),
    }
}

/// Shows what the libraries do, where that is asked for.
fn log(arguments: &Run, terminal: &Terminal) {
    if arguments.verbose < 2 {
        return;
    }
    let filter = if arguments.verbose == 2 {
        "info,engine_runtime=debug,engine_storage=debug,hyper_util=debug,reqwest=debug"
    } else {
        "trace"
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(terminal.stderr.color);
    match arguments.log_format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}

/// Asks the run to stop at the first interrupt, and ends the program at the second.
async fn interrupts(stop: Stop) {
    interrupt().await;
    stop.stop();
    tell("\nstopping after what is being delivered; interrupt again to break off\n");
    interrupt().await;
    #[expect(clippy::exit, reason = "somebody insists, and the run does not end by itself")]
    std::process::exit(Status::Interrupted.code().into());
}

/// Waits for Ctrl-C, or for being asked to end.
async fn interrupt() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Where signals cannot be seen, the run ends as if there were none.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns how the program ends.
fn status(report: &RunReport) -> Status {
    use engine_runtime::Status as Run;
    match report.status {
        Run::Ok | Run::Skipped => Status::Done,
        Run::Partial => Status::Rejected,
        Run::Interrupted => Status::Interrupted,
        Run::Failed
            if report.steps.is_empty() && report.error.as_ref().is_some_and(|error| WRONG.contains(&error.code)) =>
        {
            Status::Wrong
        }
        Run::Failed => Status::Failed,
    }
}
