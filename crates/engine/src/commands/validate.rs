//! `engine validate`: the findings of any number of specs, and the mending of those that have one safe fix.

mod mend;
mod texts;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use engine_plan::{Disk, Files};

use self::mend::Mended;
use crate::arguments::Validate;
use crate::failure::Failure;
use crate::report::{Report, summary};
use crate::spec_files;
use crate::status::Status;
use crate::terminal::{Style, Terminal, print, tell};

/// A spec may be deep, and checking goes down with it.
const STACK: usize = 16 * 1024 * 1024;

/// Checks all files and writes what is found.
pub(super) fn execute(arguments: &Validate, terminal: &Terminal) -> Result<Status, Failure> {
    if !arguments.openapi.is_empty() {
        return super::contract::execute(arguments, terminal);
    }
    if arguments.dry_run && arguments.format.is_for_programs() {
        return Err(Failure::usage("a dry run prints a diff, and no findings for programs")
            .help("leave out `--dry-run`, or `--format`"));
    }
    let files = spec_files::find(&arguments.paths)?;
    if !arguments.fix {
        let report = check(&files, &Disk)?;
        show(arguments, terminal, &report, &summary(report.counts(), files.len()))?;
        return Ok(status(arguments, &report));
    }
    let Mended { before, left, made, texts } = mend::mend(&files)?;
    if arguments.dry_run {
        print(texts.diff(terminal.stdout))?;
    } else {
        texts.write()?;
    }
    if !arguments.quiet {
        let (verb, style) = if arguments.dry_run { ("would fix", Style::Cyan) } else { ("fixed", Style::Green) };
        for one in &made {
            tell(format!("{} {one}\n", terminal.stderr.paint(style, verb)));
        }
    }
    let mended = match made.len() {
        0 => String::new(),
        1 if arguments.dry_run => "1 fix to make, ".to_owned(),
        count if arguments.dry_run => format!("{count} fixes to make, "),
        count => format!("{count} fixed, "),
    };
    show(arguments, terminal, &left, &format!("{mended}{}", summary(left.counts(), files.len())))?;
    // Without writing, the files are as wrong as they were.
    Ok(status(arguments, if arguments.dry_run { &before } else { &left }))
}

/// Writes a report, and a line that sums it up.
fn show(arguments: &Validate, terminal: &Terminal, report: &Report, summary: &str) -> Result<(), Failure> {
    if arguments.format.is_for_programs() {
        print(arguments.format.render(report, terminal.stdout))?;
    } else {
        tell(arguments.format.render(report, terminal.stderr));
    }
    if !arguments.quiet {
        let fixable = report.iter().filter(|reported| reported.finding.fix.is_some()).count();
        let hint = if fixable > 0 && !arguments.fix && !arguments.format.is_for_programs() {
            format!(" ({fixable} can be fixed with `--fix`)")
        } else {
            String::new()
        };
        tell(format!("{summary}{hint}\n"));
    }
    Ok(())
}

fn status(arguments: &Validate, report: &Report) -> Status {
    let counts = report.counts();
    let wrong = counts.errors > 0 || (arguments.deny_warnings && counts.warnings > 0);
    if wrong { Status::Wrong } else { Status::Done }
}

/// Checks files on all cores; the report does not depend on who was first.
fn check(files: &[PathBuf], texts: &dyn Files) -> Result<Report, Failure> {
    let cores = thread::available_parallelism().map_or(1, usize::from).min(files.len()).max(1);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.extend(check_one(file, texts));
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

fn check_one(file: &Path, texts: &dyn Files) -> Report {
    let compiled = engine_plan::compile(file, texts);
    let sources: Arc<_> = compiled.sources;
    Report::of(file, compiled.findings, &sources)
}
