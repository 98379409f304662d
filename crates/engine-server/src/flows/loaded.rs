//! What comes of reading specs.

use std::path::PathBuf;
use std::sync::Arc;

use engine_plan::Plan;
use engine_runtime::{Environment, Transport};
use engine_source::{Findings, Sources};

use super::Stamp;

/// Finds and reads specs, as often as it is asked.
pub trait Specs: Send + Sync {
    /// Returns the files that are there now, sorted, each once.
    ///
    /// # Errors
    ///
    /// Says what keeps them from being found.
    fn files(&self) -> Result<Vec<PathBuf>, String>;

    /// Reads files and compiles them; what comes of them is in the same order.
    fn load(&self, files: &[PathBuf]) -> Vec<Loaded>;
}

/// A file that was read.
pub struct Loaded {
    /// The file.
    pub file: PathBuf,
    /// All files that what came of it depends on, itself among them, and those too that are missing; each as it was before it was read.
    pub seen: Vec<(PathBuf, Stamp)>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of reading a file.
pub enum Outcome {
    /// A flow.
    Flow(Candidate),
    /// Something that others import: nothing in it runs.
    Library,
    /// Something is wrong with it.
    Broken(Broken),
}

/// A flow that may be served.
#[derive(Clone)]
pub struct Candidate {
    /// What runs.
    pub plan: Arc<Plan>,
    /// Where its inputs and secrets come from.
    pub environment: Arc<dyn Environment>,
    /// How its requests are sent.
    pub transport: Arc<dyn Transport>,
}

/// What is wrong with a file.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The file.
    pub file: PathBuf,
    /// What is wrong.
    pub findings: Findings,
    /// The files in which that is.
    pub sources: Arc<Sources>,
}
