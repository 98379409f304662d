//! A checked spec, ready to run: all names resolved, all defaults filled in.
//!
//! None of these types can be made outside this crate: a plan exists only where nothing is wrong.

mod endpoint;
mod schema;
mod step;
mod target;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_expr::Dynamic;
use engine_source::{Map, Sources, Span};
use engine_spec::{Input, Secret};

pub(crate) use endpoint::is_required;
pub use endpoint::{ApiSettings, Endpoint, Limit};
pub use schema::{Schema, SchemaError};
pub use step::{Items, Kept, OnError, Read, Source, Step, Validate};
pub use target::{Call, Expect, Sink, Target, Until, Write};

/// A flow that can run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Plan {
    /// The name of the flow; that of its file if it has none.
    pub name: String,
    /// What it does, for people.
    pub description: Option<String>,
    /// The file that it was compiled from.
    pub path: PathBuf,
    /// That file, and those that it imports.
    pub sources: Arc<Sources>,
    /// What a run is given.
    pub inputs: Map<Input>,
    /// What must not be shown, and where it comes from.
    pub secrets: Map<Secret>,
    /// Values that are computed once per run; each sees those before it.
    pub vars: Map<Dynamic>,
    /// Where records are written to.
    pub sinks: Vec<Arc<Sink>>,
    /// All endpoints of all APIs, in the order of the file.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// What the flow does, one step after another.
    ///
    /// A spec without steps has one that reads all endpoints that need no params.
    pub steps: Vec<Arc<Step>>,
    /// Steps for when a run failed; they are numbered among themselves. Empty in this version.
    pub on_failure: Vec<Arc<Step>>,
    /// Steps that always run last; they are numbered among themselves. Empty in this version.
    pub finally: Vec<Arc<Step>>,
}

impl Plan {
    /// Returns an endpoint by its [id](Endpoint::id).
    pub fn endpoint(&self, id: &str) -> Option<&Arc<Endpoint>> {
        let (api, name) = id.split_once('.')?;
        self.endpoints.iter().find(|endpoint| endpoint.api == api && endpoint.name == name)
    }

    /// Returns a sink by its name.
    pub fn sink(&self, name: &str) -> Option<&Arc<Sink>> {
        self.sinks.iter().find(|sink| sink.name == name)
    }

    /// Returns a step by its id.
    pub fn step(&self, id: &str) -> Option<&Arc<Step>> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Returns the folder that paths written at this place are relative to: that of the file in which they are written.
    pub fn folder(&self, span: Span) -> &Path {
        let file = if span.is_none() { self.path.as_path() } else { Path::new(self.sources.get(span.source).name()) };
        file.parent().unwrap_or(Path::new(""))
    }
}
