//! From a file to a checked plan: the validator and the compiler, which are one, so that what validates is what runs.
//!
//! Reads a spec and what it imports, says all that is wrong with them in one go, and only if nothing is makes a [`Plan`].
//! Reads files through [`Files`]; knows nothing of the network, the clock or the environment.

mod build;
mod catalog;
mod check;
mod files;
mod load;
mod plan;
mod rules;
mod unsupported;

use std::path::Path;
use std::sync::Arc;

use engine_source::{Findings, Node, Sources};
use engine_spec::Spec;

use crate::catalog::Catalog;
use crate::load::Loaded;

pub use files::{Disk, Files};
pub use plan::{
    ApiSettings, Call, Endpoint, Expect, Items, Kept, Limit, OnError, Plan, Read, Schema, SchemaError, Sink, Source,
    Step, Target, Until, Validate, Write,
};
pub use rules::{RULES, Rule, Stage, explain};

/// What came of compiling a spec.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The plan, if there is no error.
    pub plan: Option<Arc<Plan>>,
    /// All that is to be said about the spec and what it imports, in the order of its places.
    pub findings: Findings,
    /// The files that were read, the spec first.
    pub sources: Arc<Sources>,
}

/// Reads a spec, checks it, and makes a plan of it.
pub fn compile(path: &Path, files: &dyn Files) -> Compiled {
    let Loaded { mut sources, mut findings, root, is_partial } = load::load(path, files);
    let plan = root.and_then(|root| plan(path, &root, is_partial, &mut sources, files, &mut findings));
    findings.sort();
    let sources = Arc::new(sources);
    let plan =
        plan.filter(|_| !findings.has_errors()).map(|plan| Arc::new(Plan { sources: Arc::clone(&sources), ..plan }));
    Compiled { plan, findings, sources }
}

/// Checks a tree, and makes a plan of it if nothing is wrong.
fn plan(
    path: &Path,
    root: &Node,
    is_partial: bool,
    sources: &mut Sources,
    files: &dyn Files,
    findings: &mut Findings,
) -> Option<Plan> {
    let mut shape = Findings::new();
    let spec = engine_spec::read::<Spec>(root, &mut shape);
    if let Some(version) = shape.iter().find(|finding| finding.code == "unsupported-version") {
        // Another version may mean something else by the same words.
        findings.push(version.clone());
        return None;
    }
    findings.extend(shape);
    let spec = spec?;
    let catalog = Catalog::new(&spec, root);
    let mut checked = check::check(&spec, root, is_partial, &catalog, sources, files, findings);
    findings.extend(std::mem::take(&mut checked.findings));
    if findings.has_errors() {
        return None;
    }
    build::build(&spec, root, &catalog, checked, path)
}
