//! A spec that can run.

use std::path::Path;
use std::sync::Arc;

use engine_plan::{Disk, Plan};
use engine_spec::test::TestFile;

use crate::failure::Failure;
use crate::report::Report;

/// Compiles a spec, and hands on what is odd about it.
///
/// # Errors
///
/// Fails with all that is wrong, where there is something.
pub(crate) fn plan(spec: &Path) -> Result<(Arc<Plan>, Report), Failure> {
    if spec.is_dir() {
        return Err(Failure::usage(format!("`{}` is a folder", spec.display())).help("name one spec in it"));
    }
    if !spec.exists() {
        return Err(Failure::usage(format!("`{}` does not exist", spec.display())));
    }
    if TestFile::is_named(spec) {
        return Err(Failure::usage(format!("`{}` has tests, and no flow of its own", spec.display()))
            .help("name the spec, or run the tests: `engine test`"));
    }
    let compiled = engine_plan::compile(spec, &Disk);
    let report = Report::of(spec, compiled.findings, &compiled.sources);
    match compiled.plan {
        Some(plan) => Ok((plan, report)),
        None => Err(Failure::Findings(report)),
    }
}

/// Takes the part of a plan that is asked for; all of it if none is.
///
/// # Errors
///
/// Fails where a name stands for nothing.
pub(crate) fn only(plan: Arc<Plan>, names: &[String]) -> Result<Arc<Plan>, Failure> {
    if names.is_empty() {
        return Ok(plan);
    }
    let part = plan.only(names).map_err(|finding| {
        let failure = Failure::usage(finding.message);
        match finding.help {
            Some(help) => failure.help(help),
            None => failure,
        }
    })?;
    Ok(Arc::new(part))
}
