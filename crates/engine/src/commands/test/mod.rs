//! `engine test`: the tests of specs, offline.

mod at_once;
mod changes;
mod junit;
mod results;
mod shown;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use engine_plan::{Disk, Trial};
use engine_suite::{Chaos, Coverage, Disturbed, Options};

use self::at_once::at_once;
use self::results::{Case, Results, Suite};
use crate::arguments::{Test, TestFormat};
use crate::failure::Failure;
use crate::report::Report;
use crate::spec_files;
use crate::status::Status;
use crate::terminal::{Terminal, print, tell};

/// Runs the tests, once or whenever a file changes.
pub(super) fn execute(arguments: &Test, terminal: &Terminal) -> Result<Status, Failure> {
    if !arguments.watch {
        return once(arguments, terminal).map(|results| results.status());
    }
    loop {
        let changes = changes::Changes::now(&arguments.paths);
        let found = match once(arguments, terminal) {
            Ok(results) => results.files(),
            Err(failure) => {
                tell(failure.render(terminal.stderr));
                Vec::new()
            }
        };
        tell("watching for changes\n");
        changes.wait(&found);
        tell("\n");
    }
}

fn once(arguments: &Test, terminal: &Terminal) -> Result<Results, Failure> {
    let mut files = spec_files::find(&arguments.paths)?;
    files.extend(files.iter().filter_map(|file| tests_beside(file)).filter(|file| file.is_file()).collect::<Vec<_>>());
    files.sort();
    files.dedup();
    let results = run(arguments, files)?;
    if let Some(filter) = &arguments.filter
        && results.cases().next().is_none()
        && results.errors() == 0
    {
        return Err(Failure::usage(format!("no test has `{filter}` in its name")));
    }
    if let Some(file) = &arguments.junit {
        std::fs::write(file, junit::render(&results))
            .map_err(|error| Failure::failed(format!("cannot write `{}`: {error}", file.display())))?;
    }
    match arguments.format {
        TestFormat::Human => {
            tell(shown::human(&results, terminal.stderr));
            tell(shown::summary(&results, terminal.stderr, arguments.coverage));
        }
        TestFormat::Github => {
            print(shown::github(&results))?;
            tell(shown::summary(&results, terminal.stderr, arguments.coverage));
        }
        TestFormat::Json => print(shown::json(&results))?,
    }
    Ok(results)
}

/// Returns the file that has the tests of a spec, if it is where it is looked for: `orders.test.yaml` beside `orders.yaml`.
fn tests_beside(spec: &Path) -> Option<PathBuf> {
    let stem = spec.file_stem()?.to_str()?;
    if Path::new(stem).extension().is_some_and(|extension| extension == "test") {
        return None;
    }
    Some(spec.with_file_name(format!("{stem}.test.yaml")))
}

fn run(arguments: &Test, files: Vec<PathBuf>) -> Result<Results, Failure> {
    let jobs = arguments.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from)).max(1);
    let compiled = at_once(jobs, &files, |file| engine_plan::compile(file, &Disk))?;
    let is_wanted = |trial: &Trial| match &arguments.filter {
        Some(filter) => trial.test.name.to_lowercase().contains(&filter.to_lowercase()),
        None => true,
    };
    let mut suites: Vec<Suite> = Vec::new();
    let mut todo = Vec::new();
    for (file, compiled) in files.into_iter().zip(compiled) {
        let sources = compiled.sources;
        let mut suite = Suite::new(file, Arc::clone(&sources));
        if let Some(plan) = compiled.plan {
            suite.coverage = Coverage::of(&plan);
            suite.is_tested = !plan.trials.is_empty();
            let wanted = plan.trials.iter().enumerate().filter(|(_, trial)| is_wanted(trial));
            todo.extend(wanted.map(|(index, _)| (suites.len(), Arc::clone(&plan), index)));
        } else {
            let errors = compiled.findings.into_iter().filter(engine_source::Finding::is_error).collect();
            suite.errors = Report::of(&suite.path, errors, &sources);
        }
        suites.push(suite);
    }
    let options = Options { seed: arguments.seed };
    let chaos = Chaos { seed: arguments.seed, runs: arguments.runs };
    let cases = at_once(jobs, &todo, |(suite, plan, index)| {
        let begun = Instant::now();
        let trial = plan.trials.get(*index)?;
        let mut outcome = engine_suite::run(plan, trial, options);
        // What fails by itself is not disturbed.
        let disturbed = (arguments.chaos && outcome.is_ok()).then(|| engine_suite::disturb(plan, trial, chaos));
        outcome.findings.extend(disturbed.iter().filter_map(|disturbed| disturbed.finding.clone()));
        Some((*suite, outcome, disturbed, begun.elapsed()))
    })?;
    let tested: Vec<PathBuf> = suites.iter().filter(|suite| suite.is_tested).map(|suite| suite.path.clone()).collect();
    for suite in &mut suites {
        suite.is_tested |= tests_beside(&suite.path).is_some_and(|file| tested.contains(&file));
    }
    let mut troubles = arguments.chaos.then(Disturbed::default);
    for (index, outcome, disturbed, took) in cases.into_iter().flatten() {
        if let (Some(all), Some(one)) = (&mut troubles, disturbed) {
            all.runs += one.runs;
            all.faults += one.faults;
            all.crashes += one.crashes;
        }
        let Some(suite) = suites.get_mut(index) else { continue };
        suite.coverage.join(outcome.coverage);
        let findings = outcome.findings.into_iter().collect();
        let findings = Report::of(&suite.path, findings, &suite.sources);
        suite.cases.push(Case { name: outcome.name, place: outcome.place, findings, took });
    }
    Ok(Results { suites, troubles })
}
