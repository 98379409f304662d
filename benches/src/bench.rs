//! The command: finds the engine, starts the server, and prints what a session measured.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ExitCode, Stdio};

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use crate::baseline::{Baseline, BaselineError};
use crate::cost::{self, CostError};
use crate::report::Report;
use crate::server;
use crate::session::Session;

/// Measures the engine beside a program written by hand.
///
/// Exit status: 0 every bound holds; 1 a bound is missed or an answer is wrong; 2 there is nothing to measure.
#[derive(Debug, Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
pub struct Command {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    bench: Bench,
}

/// The processes that the benchmark starts from its own file.
#[derive(Debug, Subcommand)]
enum Part {
    /// Serves the orders until standard input ends.
    #[command(hide = true)]
    Serve,
    /// Runs a program and writes what it cost.
    #[command(hide = true)]
    Measure {
        report: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        words: Vec<OsString>,
    },
    /// Does the work by hand.
    #[command(hide = true)]
    Baseline(Baseline),
}

#[derive(Debug, Args)]
struct Bench {
    /// How often baseline and engine are run in turn.
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u16).range(1..))]
    runs: u16,
    /// Also reads ten times as many pages, to see whether memory stays flat.
    #[arg(long)]
    long: bool,
    /// The engine, where it is not beside this program.
    #[arg(long, value_name = "PATH")]
    engine: Option<PathBuf>,
    /// Measures the baseline alone.
    #[arg(long, conflicts_with = "engine")]
    baseline_only: bool,
    /// Measures this alone; may be given several times.
    #[arg(long, value_name = "WHAT", value_enum)]
    only: Vec<What>,
    /// Writes the figures here too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Reads,
    Upserts,
    Copies,
    Children,
    StartUp,
    Validation,
    Schedules,
    Webhooks,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("no engine at {}\nbuild it: `cargo build --release`, or name it: `--engine PATH`", .0.display())]
    NoEngine(PathBuf),
    #[error("the server does not start")]
    NoServer,
    #[error("the baseline cannot be measured: {0}")]
    Cost(#[from] CostError),
    #[error("{0}")]
    Baseline(#[from] BaselineError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

impl Command {
    /// Runs the benchmark, or the part of it that was asked for.
    pub fn run(self) -> ExitCode {
        let done = match self.part {
            Some(Part::Serve) => server::serve().map(|()| true).map_err(BenchError::from),
            Some(Part::Measure { report, words }) => {
                cost::measure(&report, &words).map(|()| true).map_err(BenchError::from)
            }
            Some(Part::Baseline(baseline)) => baseline.run().map(|()| true).map_err(BenchError::from),
            None => self.bench.run(),
        };
        match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => {
                say(&format!("error: {error}"));
                ExitCode::from(2)
            }
        }
    }
}

impl Bench {
    fn run(&self) -> Result<bool, BenchError> {
        let engine = if self.baseline_only { None } else { Some(self.find_engine()?) };
        let folder = tempfile::tempdir()?;
        let server = Server::start()?;
        let mut session = Session {
            folder: folder.path(),
            base: &server.base,
            engine: engine.as_deref(),
            report: Report { runs: usize::from(self.runs), ..Report::default() },
        };
        let is_wanted = |what| self.only.is_empty() || self.only.contains(&what);
        if is_wanted(What::Reads) {
            session.reads(self.long)?;
        }
        if is_wanted(What::Upserts) {
            session.upserts()?;
        }
        #[cfg(unix)]
        if is_wanted(What::Copies) {
            session.copies()?;
        }
        if is_wanted(What::Children) {
            session.children()?;
        }
        if is_wanted(What::StartUp) {
            session.start_up()?;
        }
        if is_wanted(What::Validation) {
            session.validation()?;
        }
        #[cfg(target_os = "linux")]
        if is_wanted(What::Schedules) {
            session.schedules()?;
        }
        #[cfg(unix)]
        if is_wanted(What::Webhooks) {
            session.webhooks()?;
        }
        write!(io::stdout(), "{}", session.report)?;
        if let Some(file) = &self.json {
            std::fs::write(file, serde_json::to_string_pretty(&session.report)? + "\n")?;
        }
        Ok(session.report.is_good())
    }

    fn find_engine(&self) -> Result<PathBuf, BenchError> {
        let path = match &self.engine {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name(format!("engine{}", std::env::consts::EXE_SUFFIX)),
        };
        // Made absolute, since it is run in another folder.
        path.canonicalize().ok().filter(|path| path.is_file()).ok_or(BenchError::NoEngine(path))
    }
}

/// The server's process; ends when this is dropped, or when this process ends in any way.
struct Server {
    child: Child,
    base: String,
}

impl Server {
    fn start() -> Result<Self, BenchError> {
        let mut child = std::process::Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut base = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut base)?;
        }
        let server = Self { child, base: base.trim_end().to_owned() };
        if server.base.is_empty() { Err(BenchError::NoServer) } else { Ok(server) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Progress and errors; whoever closed standard error does not want them.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
