//! From a file to a checked plan: the validator and the compiler, which are one, so that what validates is what runs.
//!
//! Reads a spec and what it imports, says all that is wrong with them in one go, and only if nothing is makes a [`Plan`].
//! Reads files through [`Files`]; knows nothing of the network, the clock or the environment.

mod build;
mod catalog;
mod check;
mod compiler;
mod describe;
mod files;
mod flow;
mod load;
mod merged;
mod place;
mod plan;
mod rules;
mod taken_over;
mod trials;

#[cfg(test)]
mod outlines;

use std::path::Path;
use std::sync::Arc;

use engine_source::{Findings, Sources};

use crate::compiler::Compiler;

pub use check::{COUNTS, GivenName, STEP_MEMBERS, Scope, given_names};
pub use describe::{
    Beginning, Beginnings, CaseDescription, CompositeDescription, Description, EndpointDescription, FieldDescription,
    Fill, Provenance, ReadDescription, RequestDescription, SettingDescription, SinkDescription, StepBlock,
    StepDescription, TargetDescription,
};
pub use files::{Disk, Files};
pub use load::{beside, normal};
pub use merged::{Merged, merged};
pub use plan::{
    ApiSettings, Batch, Block, Call, Case, Composite, CompositeCall, CompositeRead, Endpoint, Expect, FlowCall,
    Inherited, Items, Kept, Limit, OnError, Plan, Read, Reading, Schema, SchemaError, Sink, SinkRead, SinkRecords,
    Source, Step, Target, Trial, Trigger, Until, Validate, Wait, Write,
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

/// Reads and checks a spec, and returns which names are known in each of its templates, conditions and paths, as far as it can be read.
pub fn scopes(path: &Path, files: &dyn Files) -> (Vec<Scope>, Arc<Sources>) {
    let mut compiler = Compiler::new(files);
    compiler.observes = true;
    _ = compiler.any(path);
    (compiler.scopes, Arc::new(compiler.loader.into_sources()))
}

/// Reads a spec, checks it, and makes a plan of it, and of the flows that it runs. Of a file `*.test.yaml` it is the spec that it names, with
/// its tests.
pub fn compile(path: &Path, files: &dyn Files) -> Compiled {
    let mut compiler = Compiler::new(files);
    let plan = compiler.any(path);
    let Compiler { loader, mut findings, .. } = compiler;
    findings.sort();
    let sources = Arc::new(loader.into_sources());
    let plan = plan.filter(|_| !findings.has_errors()).map(|plan| Arc::new(plan.with_sources(&sources)));
    Compiled { plan, findings, sources }
}
