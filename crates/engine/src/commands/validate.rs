//! `engine validate`: the findings of any number of specs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use engine_plan::Disk;

use crate::arguments::Validate;
use crate::failure::Failure;
use crate::report::{Report, summary};
use crate::spec_files;
use crate::status::Status;
use crate::terminal::{Terminal, print, tell};

/// A spec may be deep, and checking goes down with it.
const STACK: usize = 16 * 1024 * 1024;

/// Checks all files and writes what is found.
pub(super) fn execute(arguments: &Validate, terminal: &Terminal) -> Result<Status, Failure> {
    let files = spec_files::find(&arguments.paths)?;
    let report = check(&files)?;
    let counts = report.counts();
    if arguments.format.is_for_programs() {
        print(arguments.format.render(&report, terminal.stdout))?;
    } else {
        tell(arguments.format.render(&report, terminal.stderr));
    }
    if !arguments.quiet {
        tell(format!("{}\n", summary(counts, files.len())));
    }
    let wrong = counts.errors > 0 || (arguments.deny_warnings && counts.warnings > 0);
    Ok(if wrong { Status::Wrong } else { Status::Done })
}

/// Checks files on all cores; the report does not depend on who was first.
fn check(files: &[PathBuf]) -> Result<Report, Failure> {
    let cores = thread::available_parallelism().map_or(1, usize::from).min(files.len());
    if cores <= 1 {
        return Ok(files.iter().flat_map(|file| check_one(file)).collect());
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.extend(check_one(file));
        }
        found
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work))
            .collect::<Result<_, _>>()
            .map_err(|error| Failure::failed(format!("cannot start a thread: {error}")))?;
        let mut found = Vec::new();
        for worker in workers {
            // A worker that panicked has said why.
            found
                .extend(worker.join().map_err(|_| Failure::failed("checking a spec failed within the engine itself"))?);
        }
        Ok(found.into_iter().collect())
    })
}

fn check_one(file: &Path) -> Report {
    let compiled = engine_plan::compile(file, &Disk);
    let sources: Arc<_> = compiled.sources;
    Report::of(file, compiled.findings, &sources)
}
